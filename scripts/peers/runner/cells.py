"""What is compared: one row a cell. A row is a workload with its options, the programs that run it,
the figure that counts, and its bars.

A row is run by goheap and by those of its runs that are installed, all with the row's options. A
run is (label, peer, further options); peer "malloc" stands for each malloc library. A bar compares
goheap with one of the labels; "malloc:MODE" as a label is the best of the malloc libraries in that
mode. Musts and aims are limits on a ratio:

  times(label, must, aim)          how many times better goheap is in the row's figure: '>=5', '>1'
  share(label, figure, must, aim)  goheap's figure divided by the peer's: '<=0.9', '<1'
  bound(machine row, aim, ...)     goheap's figure divided by what the machine allows
  limit(figure, must)              goheap's figure itself

One without must and aim is shown, and not judged.

To each row that Go runs two are added: goheap's CPU time must be less than Go's, and the ratio of
peak memory is shown.

seconds is what a round of the row takes, all peers together, on two cores of an EPYC of 2021: only
for the estimate of --list. Sizes are the same for all who run the row, and such that a full run
stays under 40 minutes. For that, these are below the workloads' own sizes (USUAL; the tables say
so): sweep and frag have half the objects, large 6000 blocks of 20000, mark 3 collections or one in
a process and not 5 (one where a collection takes seconds: then the median over processes alone
counts), and mark shuf walks 512 MiB, while the machine's chase_1 goes through 1 GiB.
"""

from typing import NamedTuple, Optional


class Run(NamedTuple):
    label: str
    peer: str
    options: str = ""
    threads: int = 0  # 0: the row's


class Bar(NamedTuple):
    kind: str  # times, share, bound, limit
    against: str  # a label; of a bound, a row of the machine; of a limit nothing
    figure: str  # "": the row's
    must: Optional[str]
    aim: Optional[str]
    bytes: float = 0  # of a bound in GB/s: what one unit of the figure moves


class Row(NamedTuple):
    name: str
    workload: str
    options: str
    threads: int
    figure: str
    unit: str
    runs: list
    bars: list
    quick: bool = False
    higher: bool = False  # whether more is better
    each: int = 1  # samples a round
    seconds: float = 5
    subject: str = "goheap"  # the label whose ratios are taken


def times(against, must=None, aim=None, figure=""):
    return Bar("times", against, figure, must, aim)


def share(against, figure="", must=None, aim=None):
    return Bar("share", against, figure, must, aim)


def bound(machine_row, must=None, aim=None, bytes=0):
    return Bar("bound", machine_row, "", must, aim, bytes)


def limit(figure, must):
    return Bar("limit", "", figure, must, None)


# Where a library is there both ways, only the static one is run: that is how a program would link it.
MALLOCS = ["glibc", "jemalloc", "tcmalloc", "mimalloc"]
STATIC = "-static"

GOHEAP = Run("goheap", "goheap")
GO = Run("go", "go")
BOEHM = Run("boehm", "boehm")
BOEHM_ALONE = Run("boehm-1mark", "boehm-1mark")  # one marking thread: its speed per core
ARENA = Run("arena", "arena")
MALLOC = Run("malloc", "malloc")


def mode(name, peer="malloc"):
    """The peer in a mode goheap does not know: its label is PEER:MODE."""
    return Run(f"{peer}:{name}", peer, f"--mode {name}")


COLLECTORS = [GOHEAP, GO, BOEHM]
EVERYBODY = [GOHEAP, GO, BOEHM, MALLOC]

# --- mb: n objects a thread of one class; bytes of an object, and what bounds it ---

# With the collector on, the heap of mb is 4 MiB all the time: it stays in the caches. What bounds
# it is the bump within a cache, not the one that fetches and writes back memory.
MB = {
    "n8": (8, 50_000_000, "bump_8B_L2"),
    "n16": (16, 25_000_000, "bump_16B_L2"),
    "p16": (16, 25_000_000, "bump_16B_L2"),
    "p64": (64, 12_000_000, "bump_64B_L2"),
    "n256": (256, 6_000_000, None),
    "p1024": (1024, 1_500_000, None),
    "n4096": (4096, 1_000_000, None),
    "n32k": (32768, 150_000, None),
    "n64k": (65536, 80_000, None),
}
MB_RUNS = [*COLLECTORS, mode("imm"), mode("batch"), mode("batchz")]


def mb(name, threads, bars, quick=False, seconds=5.0):
    options = f"--class {name} --n {MB[name][1]}"
    return Row(f"mb {name} t{threads}", "mb", options, threads, "ns_per_op", "ns an object", MB_RUNS, bars,
               quick=quick, seconds=seconds)


def mb_small(name, threads, quick=False, seconds=5.0):
    return mb(name, threads, [
        times("go", ">=5", ">=8"),
        times("boehm", ">1"),
        times("malloc:batch", ">1"),
        times("malloc:batchz", ">1"),
        times("malloc:imm", aim=">1"),
        bound(MB[name][2], aim="<=1.5"),
    ], quick, seconds)


def mb_middle(name, quick=False, seconds=5.0):
    return mb(name, 1, [
        times("go", ">=4"),
        times("malloc:batchz", ">=1"),
        bound("set_L2", aim="<=1", bytes=MB[name][0]),
    ], quick, seconds)


def mb_large(name, quick=False, seconds=5.0):
    return mb(name, 1, [
        times("go", ">=2"),
        # Page faults while it was timed, for each page that was resident at most: above 1, pages
        # were given back and faulted in again. No page fault in the steady state, that is.
        limit("faults_per_page", "<=1"),
        times("malloc:batchz", aim=">=1"),
    ], quick, seconds)


def mb_nogc(name, must):
    """512 MiB without a collection: memory beyond the caches. The musts are older than the other rows'
    bars: what the path of allocation alone was allowed when nothing else was measured (p16 writes
    the bitmap of pointers as well). Go is shown beside."""
    return Row(f"mb {name} nogc", "mb", f"--class {name} --mode nogc", 1, "ns_per_op", "ns an object",
               [GOHEAP, GO], [times("go"), bound("bump_16B_DRAM", must)], seconds=4)


# --- the others ---


def trees(depth, threads, quick=False, seconds=5.0):
    return Row(f"binary-trees {depth} t{threads}", "binary-trees", f"--depth {depth}", threads, "ns_per_node",
               "ns a node", [*EVERYBODY, ARENA], [
                   times("go", ">=4", ">=6"),
                   times("boehm", ">1"),
                   times("malloc", ">1"),
                   share("go", "maxrss", "<=1"),
                   share("arena", aim="<=2"),
               ], quick=quick, seconds=seconds)


def mark(shape, log2, collections, bars, quick=False, seconds=10.0):
    options = f"--shape {shape} --log2 {log2} --collections {collections}"
    return Row(f"mark {shape}", "mark", options, 1, "ns_ptr_core", "ns a reference and core",
               [GOHEAP, GO, BOEHM_ALONE], [times("go", ">=2"), times("boehm-1mark", ">1"), *bars],
               quick=quick, seconds=seconds)


def sweep(how, quick=False, seconds=15.0):
    return Row(f"sweep {how}", "sweep", f"--log2 23 --mode {how}", 1, "total_ns_obj", "ns an object",
               EVERYBODY, [times("go", ">=2"), times("malloc", aim=">1")], quick=quick, seconds=seconds)


def window(name, slots, pushes, quick=False, seconds=5.0):
    return Row(name, name, f"--slots {slots} --pushes {pushes}", 1, "wall", "s", EVERYBODY, [
        times("go", ">=1.3"),
        share("go", "maxrss", "<=0.9"),
        times("malloc", aim=">=1"),
    ], quick=quick, seconds=seconds)


def churn(threads, quick=False, seconds=20.0):
    return Row(f"churn t{threads}", "churn", "--slots 1000000 --ops 5000000", threads, "throughput", "million/s",
               EVERYBODY, [
                   times("go", ">=1.3"),
                   share("go", "maxrss", "<=0.9"),
                   times("malloc", aim=">1"),
               ], quick=quick, higher=True, seconds=seconds)


LARGE_BLOCKS = 6000
LARGE_US_BYTES = 10_815_050_000 / LARGE_BLOCKS / 1000  # of all blocks; the figure is us a block

MUTATORS = (1, 2, 4, 8, 16)


def scale(name, workload, options, quick=False, seconds=3.0):
    """goheap alone, with more and more mutators on two processors. options(threads)."""
    runs = [Run(f"{t} mutator{'s' * (t > 1)}", "goheap", options(t), t) for t in MUTATORS]
    return Row(f"scale {name}", workload, "", 1, "throughput", "million/s", runs,
               [times("2 mutators", ">=0.85")], quick=quick, higher=True, seconds=seconds, subject="8 mutators")


ROWS = [
    mb_small("n8", 1, seconds=7),
    mb_small("n16", 1, quick=True, seconds=3.6),
    mb_small("p16", 1, quick=True, seconds=4.2),
    mb_small("p64", 1, seconds=2.5),
    mb_small("n8", 2, seconds=9.2),
    mb_small("n16", 2, seconds=4.6),
    mb_small("p16", 2, seconds=4.8),
    mb_small("p64", 2, quick=True, seconds=3.9),
    mb_middle("n256", quick=True, seconds=2.6),
    mb_middle("p1024", seconds=2.7),
    mb_middle("n4096", seconds=6.7),
    mb_large("n32k", quick=True, seconds=5.9),
    mb_large("n64k", seconds=5.3),
    mb_nogc("n16", "<=1.8"),
    mb_nogc("p16", "<=2.8"),
    trees(18, 1, quick=True, seconds=6.6),
    trees(18, 2, seconds=4.5),
    trees(20, 1, seconds=30),
    trees(20, 2, seconds=23),
    Row("gcbench", "gcbench", "--depth 18 --array 500000", 1, "ns_per_node", "ns a node", [*EVERYBODY, ARENA],
        [times("go", ">=4", ">=6"), times("boehm", ">1"), times("malloc", ">1")], quick=True, seconds=1.5),
    # a node of the tree is 32 bytes, one reference
    mark("tree", 25, 3, [bound("read_1core", aim="<=4", bytes=32)], quick=True, seconds=9),
    mark("rand", 20, 1, [bound("markref_2e20", aim="<=4")], seconds=76),
    mark("list", 24, 3, [], seconds=8),
    mark("shuf", 23, 1, [bound("chase_1", aim="<=1.5")], seconds=35),
    sweep("gc", quick=True, seconds=5.7),
    sweep("nogc", seconds=5.6),
    window("win1k", 200_000, 1_000_000, quick=True, seconds=2.3),
    window("win64", 2_500_000, 5_000_000, seconds=4),
    churn(1, quick=True, seconds=25),
    churn(2, seconds=18),
    Row("large", "large", f"--n {LARGE_BLOCKS} --window 64", 1, "us_per_op", "us a block",
        [GOHEAP, GO, mode("touch", "boehm"), mode("zero", "boehm"), mode("touch"), mode("zero")], [
            times("go", ">=1.5"),
            times("malloc:touch", aim=">=1"),
            times("malloc:zero", aim=">=1"),
            # what it clears is in no cache
            bound("set_1core", bytes=LARGE_US_BYTES),
            bound("stream_1core", bytes=LARGE_US_BYTES),
        ], seconds=13),
    Row("frag", "frag", "--log2 23 --pages 131072", 1, "rss_3release", "MiB after release", EVERYBODY, [
        share("go", "rss_3release", "<=0.95"),
        share("malloc", "rss_3release", aim="<=1"),
    ], seconds=8),
    Row("collect", "collect", "--n 1000", 1, "ns_per_collection", "ns a collection", COLLECTORS,
        [times("go", ">=5", ">=20")], quick=True, seconds=0.3),
    Row("start", "start", "", 1, "to_first_allocation", "ms", EVERYBODY, [
        times("go", ">=1", ">=2"),
        share("go", "maxrss", "<=1", "<=0.5"),
    ], quick=True, each=5, seconds=0.2),
    scale("mb n16", "mb", lambda t: f"--class n16 --n {80_000_000 // t}", quick=True, seconds=1),
    scale("mb p64", "mb", lambda t: f"--class p64 --n {32_000_000 // t}", seconds=1),
    scale("binary-trees 18", "binary-trees", lambda t: "--depth 18", seconds=3),
    scale("churn", "churn", lambda t: "--slots 1000000 --ops 5000000", seconds=13),
]

# What a workload does when it is not told otherwise, of the options that rows shrink.
USUAL = {
    "sweep": {"--log2": 24},
    "frag": {"--log2": 24},
    "large": {"--n": 20_000},
    "mark": {"--collections": 5},
    "mark shuf": {"--log2": 24},
}


def shrunk(workload, options):
    """Of a workload's options as text: (option, value, usual value) of those that are below."""
    words = options.split()
    given = dict(zip(words[::2], words[1::2]))
    usual = {**USUAL.get(workload, {}), **USUAL.get(f"{workload} {given.get('--shape')}", {})}
    return [(name, int(given[name]), most) for name, most in usual.items()
            if given.get(name, "").isdigit() and int(given[name]) < most]


# --- the machine: rows of its program, seconds they take, and what they are the limit of ---

# The order is the program's. A full run measures all of them, a shorter one those in bars.
MACHINE = {
    "set_1core": (0.4, "large: clearing memory that is in no cache, one core"),
    "set_2core": (0.4, "the same, two cores"),
    "stream_1core": (0.3, "large: the same by stores that go around the caches, one core"),
    "stream_2core": (0.2, "the same, two cores"),
    "read_1core": (0.5, "mark tree: streaming a heap, one core"),
    "read_2core": (0.3, "the same, two cores"),
    "set_L2": (0.5, "mb n256, p1024, n4096: clearing within the second-level cache"),
    "bump_8B_DRAM": (0.4, "bare bump with clearing, memory larger than the caches"),
    "bump_16B_DRAM": (0.4, "mb n16 nogc, p16 nogc: bare bump with clearing, memory larger than the caches"),
    "bump_64B_DRAM": (0.4, "the same of 64 bytes"),
    "bump_256B_DRAM": (0.4, "the same of 256 bytes"),
    "bump_8B_L2": (0.2, "mb n8: bare bump with clearing within the second-level cache"),
    "bump_16B_L2": (0.2, "mb n16, p16: bare bump with clearing within the second-level cache"),
    "bump_64B_L2": (0.2, "mb p64: bare bump with clearing within the second-level cache"),
    "bump_256B_L2": (0.2, "the same of 256 bytes"),
    "markref_2e20": (1.5, "mark rand: prefetched references into 2^20 marks"),
    "markref_2e25": (2.5, "the same into 2^25 marks"),
    "touch_4k": (0.6, "the first write to a page of 4 KiB"),
    "gather": (1.5, "lines at random places, prefetched"),
    "chase_1": (8, "mark shuf: dependent loads, pages of 4 KiB"),
    "chase_8": (2, "the same, 8 chains at a time"),
    "chase_16": (1, "the same, 16 chains"),
    "chase_32": (1, "the same, 32 chains"),
    "gather_huge": (2, "lines at random places, prefetched, huge pages"),
    "chase_huge_1": (6, "dependent loads, huge pages"),
    "chase_huge_8": (1.5, "the same, 8 chains at a time"),
    "chase_huge_16": (1, "the same, 16 chains"),
    "chase_huge_32": (1, "the same, 32 chains"),
}
