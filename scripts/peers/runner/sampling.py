"""Runs one program once, and says what it took and what else the machine did meanwhile."""

import contextlib
import json
import math
import os
import resource
import signal
import tempfile
import time
from typing import NamedTuple

from . import results

TICK = 1 / os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count() or 1

# The environment a sample gets is ours, less what would set up a peer behind our back.
STRIPPED = ("GO", "GOHEAP_", "MALLOC_", "GC_", "MIMALLOC_", "TCMALLOC_", "LD_", "GLIBC_")


def clean_environment(further):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(STRIPPED)}
    return {**kept, "LC_ALL": "C", **further}


class Outcome(NamedTuple):
    problem: str  # "" if the program ended well
    out: str
    wall: float  # of the whole process
    spawned_ns: int  # CLOCK_MONOTONIC
    foreign: float  # CPU that other processes used meanwhile, in cores
    steal: float  # share of a core


class _TooLong(Exception):
    pass


def _machine_time():
    """Seconds all cores were busy, and seconds stolen from them."""
    try:
        with open("/proc/stat", encoding="ascii") as f:
            ticks = [int(x) for x in f.readline().split()[1:9]]
    except OSError:
        return 0.0, 0.0
    return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) * TICK, ticks[7] * TICK


class Watch:
    """What other processes use from now on. For processes so short that the kernel's clock, which
    counts in whole ticks, sees nothing in the time of one: a Watch is kept on many of them."""

    def __init__(self):
        self._from = self._now()

    @staticmethod
    def _now():
        usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        busy, stolen = _machine_time()
        return time.monotonic(), busy - sum(u.ru_utime + u.ru_stime for u in usages), stolen

    def read(self):
        """Cores that others used, and share of a core that was stolen."""
        wall, foreign, stolen = (now - then for now, then in zip(self._now(), self._from))
        return max(0.0, foreign - CORES * TICK) / wall, max(0.0, stolen - TICK) / wall


def _alarm(_signal, _frame):
    raise _TooLong


def _kill(pid):
    """A child that may have ended this moment."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.wait4(pid, 0)


def _wait(pid, timeout):
    """Status and CPU time of the child, which does not outlive this call. Status None: too long."""
    before = signal.signal(signal.SIGALRM, _alarm)
    try:
        signal.setitimer(signal.ITIMER_REAL, timeout)
        _, status, usage = os.wait4(pid, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        return status, usage.ru_utime + usage.ru_stime
    except _TooLong:
        _kill(pid)
        return None, 0.0
    except BaseException:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _kill(pid)
        raise
    finally:
        signal.signal(signal.SIGALRM, before)


def _problem(status, timeout, err):
    if status is None:
        return f"did not end within {timeout:g} s"
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return ""
    last = err.strip().splitlines()[-1:]
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
    return f"{how}{': ' if last else ''}{results.printable(' '.join(last)[:200])}"


def run(argv, environment, timeout):
    """One process. A process group of its own, so that a Ctrl-C in the terminal is ours to handle."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull, "rb") as nothing:
        files = [(os.POSIX_SPAWN_DUP2, f.fileno(), fd) for fd, f in enumerate((nothing, out, err))]
        busy, stolen = _machine_time()
        spawned = time.monotonic_ns()
        try:
            pid = os.posix_spawn(argv[0], argv, environment, file_actions=files, setpgroup=0,
                                 setsigdef=[signal.SIGPIPE])
        except OSError as e:
            return Outcome(f"cannot be started: {e.strerror}", "", 0, spawned, 0, 0)
        status, cpu = _wait(pid, timeout)
        wall = (time.monotonic_ns() - spawned) / 1e9
        busy_end, stolen_end = _machine_time()
        out.seek(0)
        err.seek(0)
        text = out.read().decode(errors="replace")
        problem = _problem(status, timeout, err.read().decode(errors="replace"))
    # the kernel counts in whole ticks, on each core
    foreign = max(0.0, busy_end - busy - cpu - CORES * TICK) / wall
    steal = max(0.0, stolen_end - stolen - TICK) / wall
    return Outcome(problem, text, wall, spawned, foreign, steal)


# --- what a program says of itself: figures, and a checksum ---


def parse_peer(text):
    """Lines "metric value unit"."""
    figures, checksum = {}, None
    for line in text.splitlines():
        words = line.split()
        if len(words) != 3:
            raise ValueError(f"not a figure: {line[:80]!r}")
        if words[0] == "checksum":
            checksum = int(words[1], 16)
        else:
            figures[words[0]] = float(words[1])
            if not math.isfinite(figures[words[0]]):
                raise ValueError(f"not a number: {line[:80]!r}")
    return figures, checksum


def parse_goheap(text):
    """The JSON report."""
    report = json.loads(text)
    workload, timed, process = report["workload"], report["time"], report["process"]
    figures = {name: m["value"] for name, m in workload["metrics"].items() if m["value"] is not None}
    figures["wall"] = timed["wall_seconds"]
    figures["cpu"] = timed["cpu_seconds"]
    figures["maxrss"] = process["peak-RSS-bytes"] / 2**20
    figures["cycles"] = report["gc"]["cycles"]
    for name, value in (("runq_wait", process.get("runq_wait_seconds")),
                        ("minor_faults", timed.get("minor_page_faults"))):
        if value is not None:
            figures[name] = value
    checksum = workload["checksum"]
    return figures, checksum and int(checksum, 16)


def derive(figures, workload, threads, outcome):
    """Figures that follow from those a program prints."""
    if "first_allocation_at" in figures:
        figures["to_first_allocation"] = (figures.pop("first_allocation_at") - outcome.spawned_ns) / 1e6
        figures["cpu"] = figures.pop("first_allocation_cpu") / 1e9  # until then
        figures["maxrss"] = figures["rss"]
    if "minor_faults" in figures and figures.get("maxrss"):
        resident = figures["maxrss"] * 2**20 / os.sysconf("SC_PAGE_SIZE")
        figures["faults_per_page"] = figures["minor_faults"] / resident
    rate = {"mb": ("ns_per_op", threads), "binary-trees": ("ns_per_node", 1)}.get(workload)
    if rate and figures.get(rate[0]):
        figures["throughput"] = rate[1] * 1e3 / figures[rate[0]]
    elif "ops_per_s" in figures:
        figures["throughput"] = figures["ops_per_s"] / 1e6
    return figures
