/* interrupt.h - SIGINT and SIGTERM: the first one asks the job to stop, so that what was
 * measured is kept; the second ends the process at once. SIGPIPE is ignored: a reader that has
 * gone shows as a failing write. */
#ifndef GH_CMD_INTERRUPT_H
#define GH_CMD_INTERRUPT_H

/* Install the handlers, once a process. */
void interrupt_install(void);

/* From now on a signal also ends a write that waits (for the reader of a pipe, say), with
 * EINTR: when the job is over, nothing else looks whether one came. */
void interrupt_writes(void);

/* The signal that came, or 0. */
int interrupt_signal(void);

#endif
