"""Which programs there are, how they are called, and on what machine."""

import math
import os
import platform
import re
import subprocess
from typing import NamedTuple

from . import cells, results

# Both sides of the main comparison have as many processors and let the heap grow as much.
PROCS, GOGC = 2, 100


class Peer(NamedTuple):
    name: str
    path: str
    environment: dict


def _output(argv, environment=None):
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                              env=environment)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def parse_build(text, root="."):
    """What build.sh prints: lines "name path VARIABLE=value...", "SKIP name: why" and
    "VERSION name text". Paths are from the root of the tree."""
    found, skipped, versions = {}, {}, {}
    for line in text.splitlines():
        said = re.match(r"(SKIP|VERSION) ([\w-]+):? *(.*)", line)
        if said:
            (skipped if said[1] == "SKIP" else versions)[said[2]] = said[3]
            continue
        name, path, *settings = line.split()
        if not all("=" in s for s in settings):
            raise ValueError(f"build.sh says {line!r}: not 'name path VARIABLE=value...'")
        found[name] = Peer(name, os.path.abspath(os.path.join(root, path)), dict(s.split("=", 1) for s in settings))
    return found, skipped, versions


def build(script, names, root):
    """Build these peers, or all. RuntimeError if the script itself fails."""
    done = subprocess.run(["bash", script, *names], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, cwd=root)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:]
        raise RuntimeError(f"{os.path.basename(script)}: status {done.returncode}: {' '.join(last)}")
    return parse_build(done.stdout, root)


def known_names():
    """Of the peers that some row runs."""
    names = {run.peer for row in cells.ROWS for run in row.runs} - {"goheap", "malloc"}
    return sorted(names | {"machine", *cells.MALLOCS} | {name + cells.STATIC for name in cells.MALLOCS[1:]})


def choose(found, wanted):
    """Those of the peers that run: the wanted ones, or all; but not a library linked dynamically
    beside the same linked statically, unless it is named."""
    if wanted:
        return {name: peer for name, peer in found.items() if name in wanted}
    return {name: peer for name, peer in found.items() if name + cells.STATIC not in found}


# --- how a sample is called ---


SIZES = {"--n": 20, "--ops": 20, "--pushes": 20, "--slots": 20, "--pages": 20, "--array": 2000}
LEAST_LOG2 = 8


def scaled(options, scale):
    """The words of options, with the sizes among them multiplied: for trying the runner out."""
    words = options.split()
    for i, word in enumerate(words[:-1]):
        if word in SIZES:
            words[i + 1] = str(max(int(int(words[i + 1]) * scale), SIZES[word]))
        elif word in ("--depth", "--log2"):
            words[i + 1] = str(max(int(words[i + 1]) + round(math.log2(scale)), LEAST_LOG2))
    return words


def command(row, run, peer, scale):
    """argv and further environment of a sample."""
    threads = run.threads or row.threads
    words = scaled(f"{row.options} {run.options}", scale)
    if run.peer == "goheap":
        argv = [peer.path, "run", row.workload, *words, "--threads", str(threads), "--procs", str(PROCS),
                "--gogc", str(GOGC), "--quiet", "--json", "-"]
        return argv, {}
    # a peer may have a program of its own for a workload, beside it
    path = f"{peer.path}-{row.workload}"
    argv = [path if os.access(path, os.X_OK) else peer.path, row.workload, *words]
    if threads != 1:
        argv += ["--threads", str(threads)]
    return argv, {"GOMAXPROCS": str(PROCS), "GOGC": str(GOGC), **peer.environment}


def runs_of(row, peers):
    """The row's runs by those programs that are there: "malloc" becomes each of the libraries."""
    found = []
    for run in row.runs:
        if run.peer != "malloc":
            found += [(run, peers[run.peer])] if run.peer in peers else []
            continue
        for name, peer in peers.items():
            if name.removesuffix(cells.STATIC) in cells.MALLOCS:
                label = name + run.label.removeprefix("malloc")
                found.append((run._replace(label=label, peer=name), peer))
    return found


# --- the machine ---


def _read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except OSError:
        return ""


def machine_facts():
    model = re.search(r"^model name\s*: (.*)$", _read("/proc/cpuinfo"), re.M)
    memory = re.search(r"^MemTotal:\s+(\d+)", _read("/proc/meminfo"), re.M)
    huge = re.search(r"\[(\w+)\]", _read("/sys/kernel/mm/transparent_hugepage/enabled"))
    return {
        "cpu": model[1] if model else platform.machine(),
        "cores": os.cpu_count(),
        "memory_mib": int(memory[1]) // 1024 if memory else None,
        "kernel": results.kernel_number(f"{platform.system()} {platform.release()}"),
        "transparent_huge_pages": huge[1] if huge else None,
        "load": _read("/proc/loadavg").split()[:3],
    }


def goheap_version(path):
    lines = _output([path, "version"]).splitlines()
    return lines[0] if lines else "unknown"


def commit_of(path):
    """What git says of the tree a program was built in; None if that is no tree of git's."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    said = _output(["git", "-C", os.path.dirname(os.path.realpath(path)), "describe", "--always", "--dirty"],
                   environment)
    return said or None
