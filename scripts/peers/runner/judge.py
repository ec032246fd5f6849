"""Holds the samples of a run against the bars of cells.py: what the tables print, without a word of
how. Pure, as stats.py is."""

from typing import NamedTuple, Optional

from . import cells, stats


class Line(NamedTuple):
    """One bar of a row, or a figure that is only shown."""

    what: str  # whom or what goheap is held against
    kind: str
    figure: str
    theirs: Optional[stats.Summary]
    ratio: Optional[stats.Ratio]
    must: Optional[stats.Limit]
    aim: Optional[stats.Limit]

    def verdict(self, bar):
        """True or False: whether a bar is met; None if it cannot be told, or there is none."""
        return None if bar is None or self.ratio is None else bar.met(self.ratio.value)

    def in_doubt(self, bar):
        """Whether the verdict, which is of medians, would be another for some samples."""
        return bar is not None and self.ratio is not None and bar.in_doubt(self.ratio)


class Report(NamedTuple):
    """A row of the table."""

    row: cells.Row
    ours: Optional[stats.Summary]
    figures: dict  # of the subject: cpu, maxrss -> Summary
    lines: list
    others: list  # (label, Summary): the figures of those who are in no line
    problems: list  # what went wrong, a sentence each

    def musts(self):
        return [line for line in self.lines if line.must is not None]

    def missed(self):
        return [line for line in self.musts() if line.verdict(line.must) is False]

    def unjudged(self):
        return [line for line in self.musts() if line.verdict(line.must) is None]


class Samples:
    """The samples of a run by row and label: those that count, and what is wrong with the rest."""

    def __init__(self, records):
        self.good, self.problems = {}, {}
        sums = {}
        for r in records:
            key = r["cell"], r["label"]
            if r.get("problem"):
                self._blame(r["cell"], f"{r['label']}: {r['problem']}")
                continue
            self.good.setdefault(key, []).append(r)
            if r.get("checksum"):
                group = sums.setdefault((r["cell"], r["threads"]), {})
                group.setdefault(r["label"], set()).add(r["checksum"])
        for (cell, _), of_label in sums.items():
            for label in stats.odd_ones(of_label):
                self._discard(cell, label, of_label)

    def _blame(self, cell, sentence):
        """What happens every round is said once."""
        known = self.problems.setdefault(cell, [])
        if sentence not in known:
            known.append(sentence)

    def _discard(self, cell, label, sums):
        self.good.pop((cell, label), None)
        others = sorted({s for name, seen in sums.items() if name != label for s in seen})
        self._blame(cell, f"{label}: checksum {' and '.join(sorted(sums[label]))},"
                          f" others {' '.join(others) or 'none'}: it has not done the same work")

    def labels(self, cell):
        return [label for name, label in self.good if name == cell]

    def summary(self, cell, label, figure):
        records = self.good.get((cell, label), [])
        return stats.summarise(
            [stats.Sample((r["round"], r["turn"]), r["clean"], r["figures"]) for r in records], figure)


MACHINE = "machine"


def _matches(label, group):
    """Whether a label like jemalloc-static:batch is of the group malloc:batch."""
    peer, _, how = label.partition(":")
    base = peer.removesuffix(cells.STATIC)
    return base in cells.MALLOCS and (group.partition(":")[2] == how)


def _theirs(row, bar, figure, samples):
    """The label and figures a bar is about."""
    if bar.against.partition(":")[0] != "malloc":
        return bar.against, samples.summary(row.name, bar.against, figure)
    named = [label for label in samples.labels(row.name) if _matches(label, bar.against)]
    found = stats.best([(label, samples.summary(row.name, label, figure)) for label in named],
                       row.higher and figure == row.figure)
    return found or (bar.against, None)


def _line(row, bar, samples):
    figure = bar.figure or row.figure
    ours = samples.summary(row.name, row.subject, figure)
    must, aim = (text and stats.Limit.parse(text) for text in (bar.must, bar.aim))
    if bar.kind == "limit":
        ratio = ours and stats.Ratio(ours.median, ours.low, ours.high, ours.starred)
        return Line(figure, bar.kind, figure, None, ratio, must, aim)
    if bar.kind == "bound":
        label, theirs = bar.against, samples.summary(MACHINE, MACHINE, bar.against)
        if theirs and bar.bytes:  # GB/s is bytes a ns
            theirs = stats.transform(theirs, lambda rate: bar.bytes / rate) if theirs.low > 0 else None
    else:
        label, theirs = _theirs(row, bar, figure, samples)
    ratio = None
    if ours and theirs:
        upside_down = bar.kind == "times" and not row.higher
        ratio = stats.ratio(theirs, ours) if upside_down else stats.ratio(ours, theirs)
    return Line(label, bar.kind, figure, theirs, ratio, must, aim)


def bars_of(row):
    """The row's own, and those that every row with Go has."""
    bars = list(row.bars)
    if any(run.peer == "go" for run in row.runs):
        bars.append(cells.share("go", "cpu", "<1"))
        if not any(bar.against == "go" and bar.figure == "maxrss" for bar in bars):
            bars.append(cells.share("go", "maxrss"))
    return bars


def judge_row(row, samples, present):
    """The row's report; None if there is nothing to say of it. present: names of the peers there
    are: a bar against one that is missing is left out."""
    problems = samples.problems.get(row.name, [])
    labels = samples.labels(row.name)
    if not labels and not problems:
        return None
    lines = [_line(row, bar, samples) for bar in bars_of(row) if can_be_tried(bar, row, present)]
    in_lines = {line.what for line in lines if line.figure == row.figure}
    others = [(label, samples.summary(row.name, label, row.figure)) for label in labels
              if label != row.subject and label not in in_lines]
    figures = {f: samples.summary(row.name, row.subject, f) for f in ("cpu", "maxrss")}
    return Report(row, samples.summary(row.name, row.subject, row.figure), figures, lines,
                  [(label, s) for label, s in others if s], problems)


def can_be_tried(bar, row, present):
    """Whether whoever the bar is about is there."""
    if bar.kind == "limit":
        return True
    if bar.kind == "bound":
        return MACHINE in present
    peer = bar.against.partition(":")[0]
    if peer == "malloc":
        return any(name.removesuffix(cells.STATIC) in cells.MALLOCS for name in present)
    # a bar of a row against itself, with another number of mutators
    return peer in present or any(run.label == bar.against and run.peer == "goheap" for run in row.runs)


def judge(rows, samples, present):
    reports = (judge_row(row, samples, present) for row in rows)
    return [report for report in reports if report is not None]


class Tally(NamedTuple):
    musts: int
    missed: int
    unjudged: int
    aims: int
    reached: int
    problems: int

    @classmethod
    def of(cls, reports):
        lines = [line for report in reports for line in report.lines]
        musts = [line for line in lines if line.must is not None]
        aims = [line for line in lines if line.aim is not None]
        return cls(
            len(musts),
            sum(line.verdict(line.must) is False for line in musts),
            sum(line.verdict(line.must) is None for line in musts),
            len(aims),
            sum(line.verdict(line.aim) is True for line in aims),
            sum(len(report.problems) for report in reports),
        )
