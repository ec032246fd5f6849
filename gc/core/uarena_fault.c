/* uarena_fault.c - a use after free of a user arena says so, instead of dying of SIGSEGV (Go:
 * sigpanic, "accessed data from freed user arena").
 *
 * The handler is installed when a heap makes its first arena, and stays: a process without
 * arenas keeps its own. It only reads: the list of heaps with arenas, their uchunks, which are
 * never unmapped before their heap closes. Any other fault goes to the handler before ours, or,
 * if there was none, happens again with the default action. A handler that others install later
 * is left alone, on the trust that it passes on what it does not understand.
 *
 * Contexts: the handler is async-signal-safe: loads, write, _exit. Everything else: any thread.
 * Locks: LEAF, for installing and the list; the handler takes none. A heap that closes while
 * another thread faults may be read once too often: the process is ending anyway. */
#include "gc/core/heap.h"

#include <signal.h>

enum { FAULT_SIGNALS = 2 };
static const int fault_signals[FAULT_SIGNALS] = {SIGSEGV, SIGBUS};

static pthread_once_t fault_once = PTHREAD_ONCE_INIT;
static struct lock fault_lock;
/* guarded by fault_lock; read by the handler, which is installed after they are set */
static struct sigaction fault_before[FAULT_SIGNALS];
static bool fault_installed;
/* atomic: heaps with arenas, through next_watched; changed under fault_lock, release; read by
 * the handler, acquire */
static _Atomic(struct uarenas *) fault_watched;

/* --- the handler --- */

/* A line of text, cut off when it is full. */
struct fault_text {
    char s[256];
    size_t n;
};

static void
fault_add(struct fault_text *t, const char *s)
{
    for (; *s != '\0' && t->n < sizeof t->s; s++)
        t->s[t->n++] = *s;
}

static void
fault_add_number(struct fault_text *t, uint64_t v, unsigned base)
{
    char digits[24];
    size_t i = sizeof digits;
    digits[--i] = '\0';
    do
        digits[--i] = "0123456789abcdef"[v % base];
    while ((v /= base) != 0);
    fault_add(t, digits + i);
}

/* The freed uchunk at `addr`, or NULL. */
static const struct uchunk *
fault_find(uintptr_t addr)
{
    /* acquire: pairs with the releases in uarena_watch and uarena_unwatch */
    const struct uarenas *u = atomic_load_explicit(&fault_watched, memory_order_acquire);
    for (; u != NULL; u = atomic_load_explicit(&u->next_watched, memory_order_acquire))
        for (const struct uchunk *c = pages_uchunks(&u->heap->pages); c != NULL; c = c->next)
            if (addr - c->base < UCHUNK_BYTES)
                return uchunk_is_live(c) ? NULL : c;
    return NULL;
}

GH_COLD GH_NORETURN static void
fault_die(const struct uchunk *c, uintptr_t addr)
{
    struct fault_text t = {.n = 0};
    fault_add(&t, "fatal error: fault: accessed data from freed user arena 0x");
    fault_add_number(&t, addr, 16);
    /* relaxed: written before the state, which was read by acquire */
    fault_add(&t, " (arena ");
    fault_add_number(&t, atomic_load_explicit(&c->arena_number, memory_order_relaxed), 10);
    fault_add(&t, " freed after ");
    fault_add_number(&t, atomic_load_explicit(&c->freed_after, memory_order_relaxed), 10);
    fault_add(&t, " collections; it must not be used after gh_uarena_free)\n");
    gh_throw_signal(t.s, t.n);
}

static void
fault_pass_on(int sig, siginfo_t *info, void *context)
{
    const struct sigaction *before = &fault_before[sig == fault_signals[0] ? 0 : 1];
    if (before->sa_flags & SA_SIGINFO) {
        before->sa_sigaction(sig, info, context);
    } else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
        before->sa_handler(sig);
    } else {
        /* the instruction faults again, and nobody is there */
        struct sigaction none = {.sa_handler = SIG_DFL};
        sigaction(sig, &none, NULL);
        if (info->si_code <= 0) /* sent by somebody: no instruction to come back to */
            raise(sig);
    }
}

static void
fault_handler(int sig, siginfo_t *info, void *context)
{
    uintptr_t addr = (uintptr_t)info->si_addr;
    /* a code above 0: the processor's doing, with an address */
    const struct uchunk *c = info->si_code > 0 ? fault_find(addr) : NULL;
    if (c != NULL)
        fault_die(c, addr);
    fault_pass_on(sig, info, context);
}

/* --- installing --- */

static void
fault_init(void)
{
    lock_init(&fault_lock, LOCK_RANK_LEAF);
}

/* Once; and again if somebody has gone back to the default since. */
static void
fault_install_locked(void)
{
    for (int i = 0; i < FAULT_SIGNALS; i++) {
        struct sigaction now, ours = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
        ours.sa_sigaction = fault_handler;
        sigemptyset(&ours.sa_mask);
        if (sigaction(fault_signals[i], NULL, &now) != 0)
            continue;
        bool nobody = !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL;
        if (fault_installed && !nobody)
            continue;
        fault_before[i] = now;
        (void)sigaction(fault_signals[i], &ours, NULL); /* valid signals are not refused */
    }
    fault_installed = true;
}

void
uarena_watch(struct uarenas *u)
{
    /* acquire: pairs with the release below; what it is about is done */
    if (GH_LIKELY(atomic_load_explicit(&u->watched, memory_order_acquire)))
        return;
    pthread_once(&fault_once, fault_init);
    lock_acquire(&fault_lock);
    /* relaxed: written under the lock */
    if (!atomic_load_explicit(&u->watched, memory_order_relaxed)) {
        fault_install_locked();
        struct uarenas *first = atomic_load_explicit(&fault_watched, memory_order_relaxed);
        atomic_store_explicit(&u->next_watched, first, memory_order_relaxed);
        /* release: pairs with the acquire in fault_find */
        atomic_store_explicit(&fault_watched, u, memory_order_release);
        atomic_store_explicit(&u->watched, true, memory_order_release);
    }
    lock_release(&fault_lock);
}

void
uarena_unwatch(struct uarenas *u)
{
    /* relaxed: nobody uses the heap any more */
    if (!atomic_load_explicit(&u->watched, memory_order_relaxed))
        return;
    lock_acquire(&fault_lock);
    _Atomic(struct uarenas *) *link = &fault_watched;
    struct uarenas *at;
    while ((at = atomic_load_explicit(link, memory_order_relaxed)) != u)
        link = &at->next_watched;
    /* release: pairs with the acquire in fault_find */
    atomic_store_explicit(link, atomic_load_explicit(&u->next_watched, memory_order_relaxed),
                          memory_order_release);
    lock_settle(&fault_lock);
    lock_release(&fault_lock);
}
