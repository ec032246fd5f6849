"""From samples to figures. Nothing here runs a program, reads a file or knows a peer."""

from typing import NamedTuple, Optional

CLEAN_ENOUGH = 3  # so many clean samples stand for themselves
RUN_QUEUE_SHARE = 0.04  # of the time measured: waiting for a core
FOREIGN_CORES = 0.05  # what other processes may use, in cores
STEAL_SHARE = 0.02  # what the hypervisor may take


def is_clean(runq_share: Optional[float], foreign: float, steal: float) -> bool:
    """Whether the machine was the sample's own. Waiting for a core while nobody else runs is the
    program's own doing: it has more threads than there are cores. Share None: it is not known how
    long it waited, so that what others used decides alone."""
    undisturbed = foreign <= FOREIGN_CORES or (runq_share is not None and runq_share <= RUN_QUEUE_SHARE)
    return undisturbed and steal <= STEAL_SHARE


class Sample(NamedTuple):
    turn: tuple  # round, and which of a round's samples: what ran back to back has the same
    clean: bool
    figures: dict


def median(values):
    ordered = sorted(values)
    n = len(ordered)
    if n == 0:
        raise ValueError("median of nothing")
    return ordered[n // 2] if n % 2 else (ordered[n // 2 - 1] + ordered[n // 2]) / 2


class Summary(NamedTuple):
    median: float
    low: float
    high: float
    used: dict  # turn -> figure
    starred: bool  # there are too few clean samples, so that all are used

    @property
    def count(self):
        return len(self.used)


def usable(samples):
    """The clean samples, or all of them where too few are clean: and which it was."""
    clean = [s for s in samples if s.clean]
    return (clean, False) if len(clean) >= CLEAN_ENOUGH else (list(samples), True)


def summarise(samples, figure) -> Optional[Summary]:
    """None if no sample has the figure."""
    chosen, starred = usable([s for s in samples if figure in s.figures])
    if not chosen:
        return None
    used = {s.turn: s.figures[figure] for s in chosen}
    values = used.values()
    return Summary(median(values), min(values), max(values), used, starred)


def transform(summary: Summary, change) -> Summary:
    """The same for another figure that follows from this one, rising or falling with it."""
    used = {turn: change(value) for turn, value in summary.used.items()}
    ends = sorted((change(summary.low), change(summary.high)))
    return Summary(change(summary.median), ends[0], ends[1], used, summary.starred)


class Ratio(NamedTuple):
    value: float  # of the medians
    low: float  # of samples of the same turn; where no turn has both, of the extremes of either side
    high: float
    starred: bool


def ratio(above: Summary, below: Summary) -> Optional[Ratio]:
    """None if there is nothing to divide by."""
    if below.median <= 0:
        return None
    value = above.median / below.median
    range_ = [above.used[t] / below.used[t] for t in above.used if below.used.get(t)]
    if not range_ and below.low > 0:
        range_ = [above.low / below.high, above.high / below.low]
    range_.append(value)  # the medians may be of samples without a partner
    return Ratio(value, min(range_), max(range_), above.starred or below.starred)


class Limit(NamedTuple):
    """A bar: '>=5', '>1', '<=0.9', '<1'."""

    sign: str
    value: float

    @classmethod
    def parse(cls, text):
        sign = text.rstrip("0123456789.")
        if sign not in (">=", ">", "<=", "<"):
            raise ValueError(f"{text!r} is no bar: write >=N, >N, <=N or <N")
        return cls(sign, float(text[len(sign) :]))

    def __str__(self):
        return f"{self.sign}{self.value:g}"

    def met(self, value) -> bool:
        tests = {
            ">=": value >= self.value,
            ">": value > self.value,
            "<=": value <= self.value,
            "<": value < self.value,
        }
        return tests[self.sign]

    def in_doubt(self, ratio) -> bool:
        """Whether the range of a Ratio lies on both sides of the bar."""
        return self.met(ratio.low) != self.met(ratio.high)

    def far(self, value) -> float:
        """By which factor a value would have to be better; 1 or less if it is good enough."""
        if self.sign.startswith(">"):
            return self.value / value if value > 0 else float("inf")
        return value / self.value if self.value > 0 else float("inf")


def best(candidates, higher_is_better):
    """Of (label, Summary) the one with the best median; None of none."""
    known = [(label, s) for label, s in candidates if s is not None]
    if not known:
        return None
    choose = max if higher_is_better else min
    return choose(known, key=lambda pair: pair[1].median)


def odd_ones(checksums):
    """Of label -> set of checksums: those labels that disagree with what most say. All of them,
    where no majority is."""
    votes = {}
    for sums in checksums.values():
        for s in sums:
            votes[s] = votes.get(s, 0) + 1
    if len(votes) <= 1:
        return []
    top = max(votes.values())
    winners = {s for s, n in votes.items() if n == top}
    right = winners if len(winners) == 1 else set()
    return [label for label, sums in checksums.items() if not sums <= right]
