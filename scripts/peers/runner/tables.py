"""The tables, as text and as markdown, of what judge.py says."""

import math
import os
import re

from . import cells, judge

NAMES = {"cpu": "CPU", "maxrss": "peak memory", "rss_3release": "memory after release",
         "faults_per_page": "faults / resident page"}
NOISE = "(within the noise)"

OURS = ("arena", "machine")  # which have no version that says anything


def number(x):
    """Three digits that count."""
    if x == 0 or not math.isfinite(x):
        return f"{x:g}"
    if abs(x) >= 1000:
        return f"{x:,.0f}"
    return f"{x:.{max(0, 2 - math.floor(math.log10(abs(x))))}f}"


def summary(s, wanted=0):
    """With how many samples it is of, where more were wanted."""
    if s is None:
        return "none"
    return f"{short(s)} [{number(s.low)} .. {number(s.high)}]{_few(s, wanted)}"


def _few(s, wanted):
    """How many samples a figure is of, where more were wanted."""
    return f" n={s.count}" if s is not None and s.count < wanted else ""


def short(s):
    return "none" if s is None else number(s.median) + ("*" if s.starred else "")


def ratio(line):
    if line.ratio is None:
        return "none"
    sign = "x" if line.kind == "times" else ""
    r = line.ratio
    return f"{number(r.value)}{sign}{'*' if r.starred else ''} [{number(r.low)} .. {number(r.high)}]"


def label(text):
    return text.replace(":", " ")


def name_of(line, row):
    """What the line compares with, when it is not the row's own figure."""
    if line.kind == "limit":
        return NAMES.get(line.figure, line.figure)
    if line.figure != row.figure:
        return f"{label(line.what)}'s {NAMES.get(line.figure, line.figure)}"
    return label(line.what)


def far(line, bar):
    """How far it is to a bar that is not met: a factor."""
    return f"{number(bar.far(line.ratio.value))}x off"


class Paint:
    """Colours, where there are any."""

    def __init__(self, on):
        self.on = on

    def __call__(self, colour, text):
        codes = {"good": "32", "bad": "31;1", "head": "1"}
        return f"\033[{codes[colour]}m{text}\033[0m" if self.on else text


def _doubt(line, bar):
    return f" {NOISE}" if line.in_doubt(bar) else ""


def _must(line, paint):
    if line.must is None:
        return ""
    met = line.verdict(line.must)
    if met is None:
        return f"must {line.must} not judged"
    word = paint("good", "met") if met else paint("bad", "MISSED")
    return f"must {line.must} {word}{_doubt(line, line.must)}"


def _aim(line, paint):
    if line.aim is None:
        return ""
    reached = line.verdict(line.aim)
    if reached is None:
        return f"aim {line.aim} not judged"
    word = paint("good", "reached") if reached else far(line, line.aim)
    return f"aim {line.aim} {word}{_doubt(line, line.aim)}"


def _row(report, paint, about):
    row = report.row
    wanted = about["samples_wanted"] * row.each
    own = "  ".join(f"{NAMES[f]} {short(s)} {unit}" for f, unit in (("cpu", "s"), ("maxrss", "MiB"))
                    if (s := report.figures[f]) is not None)
    yield paint("head", f"{row.name}, {row.unit}")
    yield f"  {row.subject:<24} {summary(report.ours, wanted):<32} {own}".rstrip()
    for line in report.lines:
        verdicts = "  ".join(filter(None, (_must(line, paint), _aim(line, paint))))
        of_row = line.kind != "bound"
        theirs = summary(line.theirs, wanted if of_row else 0) if line.kind != "limit" else ""
        yield f"  {name_of(line, row):<24} {theirs:<32} {ratio(line):<26} {verdicts}".rstrip()
    if report.others:
        yield "  also: " + ", ".join(f"{label(name)} {short(s)}" for name, s in report.others)
    for problem in report.problems:
        yield "  " + paint("bad", f"FAILED  {problem}")


def header(about):
    """What the figures are of, a line each: (name, text)."""
    m = about["machine"]
    yield "command", about["command"]
    yield "date", about["date"] + (", interrupted" if about.get("interrupted") else "")
    yield "machine", (f"{m['cpu']}, {m['cores']} cores, {number((m['memory_mib'] or 0) / 1024)} GiB, {m['kernel']},"
                      f" transparent huge pages: {m['transparent_huge_pages']}")
    yield "goheap", goheap(about)
    yield "samples", f"{about['samples_wanted']} wanted of each" + (", a quick run" if about["quick"] else "")
    for name, text in sorted(about["versions"].items()):
        yield name, version(text)
    for name, why in sorted(about["skipped"].items()):
        yield name, f"left out: {why}"
    small = below_usual(about)
    if small:
        yield "smaller", f"than by default: {small}"
    if about["scale"] != 1:
        yield "scale", f"{about['scale']:g}: the runner is being tried out, figures and bars mean nothing"


def goheap(about):
    return about["goheap"] + (f", commit {about['commit']}" if about.get("commit") else "")


def below_usual(about):
    """Which rows have smaller sizes than their workload has when it is not told otherwise."""
    found = {}
    for name, kept in about.get("sizes", {}).items():
        for option, value, usual in cells.shrunk(kept["workload"], kept["options"]):
            found.setdefault(f"{option} {value} for {usual}", []).append(name)
    return "; ".join(f"{', '.join(names)}: {text}" for text, names in found.items())


def changed_rows(about):
    """Of a run that was: rows that are known no more, and rows that are something else by now."""
    now = {row.name: sizes_of(row) for row in cells.ROWS}
    unknown = [name for name in about["rows"] if name not in now]
    sizes = about.get("sizes", {})
    return unknown, [name for name in about["rows"] if name in now and sizes.get(name, now[name]) != now[name]]


def sizes_of(row):
    """What a row was, for the results."""
    return {"workload": row.workload, "options": row.options, "threads": row.threads}


def version(text):
    """Without the commit that some name behind their number."""
    return re.sub(r"-\d+-g[0-9a-f]{7,}", "", text)


def machine(samples):
    """(row, Summary, what it is the limit of) of what was measured."""
    for name, (_, what) in cells.MACHINE.items():
        s = samples.summary(judge.MACHINE, judge.MACHINE, name)
        if s is not None:
            yield name, s, what


def totals(tally):
    text = f"{tally.musts - tally.missed - tally.unjudged} of {tally.musts} musts met"
    more = [f"{tally.missed} missed" if tally.missed else "",
            f"{tally.unjudged} not judged" if tally.unjudged else "",
            f"{tally.problems} failures" if tally.problems else ""]
    text += "".join(f", {m}" for m in more if m)
    return f"{text}; {tally.reached} of {tally.aims} aims reached"


def _is_scaling(report):
    return report.row.subject != "goheap"


LEGEND = (
    "Median [least .. greatest] of the clean samples, n=N if there are fewer than wanted; * = fewer than 3 are",
    "clean, all are used. Nx: how many times better goheap is. Other ratios: goheap's figure divided by theirs.",
    "Of ratios, [] is the range: of samples taken back to back; where no such pair is clean, of the extremes of",
    "both sides. The machine's figures are each the best of 3 in a process, and held against the samples of the",
    f"same round. Verdicts are of medians; {NOISE}: the range lies on both sides of the bar.",
)


def as_text(about, samples, reports, paint):
    for name, text in header(about):
        yield f"{name:<16} {text}"
    yield ""
    yield from LEGEND
    for report in (r for r in reports if not _is_scaling(r)):
        yield ""
        yield from _row(report, paint, about)
    rows = list(machine(samples))
    if rows:
        yield ""
        yield paint("head", "machine")
        for name, s, what in rows:
            yield f"  {name:<24} {summary(s, about['samples_wanted']):<32} {what}"
    for problem in samples.problems.get(judge.MACHINE, []):
        yield "  " + paint("bad", f"FAILED  {problem}")
    scaling = [r for r in reports if _is_scaling(r)]
    for report in scaling:
        yield ""
        yield from _row(report, paint, about)
    yield ""
    yield totals(judge.Tally.of(reports))


# --- markdown: a line a row ---


def _range(r):
    return f"[{number(r.low)}..{number(r.high)}]"


def _cell(line):
    if line is None or line.ratio is None:
        return ""
    sign = "×" if line.kind == "times" else ""
    of = " of it" if line.kind == "share" and line.figure not in ("cpu", "maxrss") else ""
    return f"{number(line.ratio.value)}{sign}{'*' if line.ratio.starred else ''}{of} {_range(line.ratio)}"


def _find(report, what, figure, kind=None):
    return next((line for line in report.lines
                 if line.figure == figure and (kind is None or line.kind == kind)
                 and line.what.partition("-")[0] == what), None)


def _is_malloc(line):
    return line.what.partition(":")[0].removesuffix(cells.STATIC) in cells.MALLOCS


def _musts(report):
    if report.problems:
        return "FAILED"
    names = {True: [], False: []}  # in doubt or not
    for line in report.missed():
        names[line.in_doubt(line.must)].append(name_of(line, report.row))
    missed = names[False] + [f"{name} {NOISE}" for name in names[True]]
    if missed:
        return "MISSED: " + ", ".join(missed)
    if report.unjudged():
        return "not judged"
    close = [name_of(line, report.row) for line in report.musts() if line.in_doubt(line.must)]
    return f"met; {', '.join(close)} {NOISE}" if close else "met" if report.musts() else ""


def _aims(report):
    lines = [line for line in report.lines if line.aim is not None and line.ratio is not None]
    short_of = [f"{name_of(line, report.row)} {far(line, line.aim)}{_doubt(line, line.aim)}"
                for line in lines if not line.verdict(line.aim)]
    short_of += [f"{name_of(line, report.row)} not judged"
                 for line in report.lines if line.aim is not None and line.ratio is None]
    if short_of:
        return ", ".join(short_of)
    close = [name_of(line, report.row) for line in lines if line.in_doubt(line.aim)]
    return f"reached; {', '.join(close)} {NOISE}" if close else "reached" if lines else ""


def _markdown_row(report, about):
    row, own = report.row, report.row.figure
    wanted = about["samples_wanted"] * row.each
    mallocs = [line for line in report.lines if _is_malloc(line) and line.figure == own]
    go = _find(report, "go", own)
    columns = [
        f"{row.name}, {row.unit}",
        short(report.ours) + _few(report.ours, wanted),
        short(go.theirs) + _few(go.theirs, wanted) if go else "",
        _cell(go),
        _cell(_find(report, "boehm", own)),
        ", ".join(f"{_cell(line)} {label(line.what)}" for line in mallocs),
        _cell(_find(report, "go", "cpu")),
        _cell(_find(report, "go", "maxrss")),
        _musts(report),
        _aims(report),
    ]
    return "| " + " | ".join(columns) + " |"


def _link(results, document):
    """To the file of the results, if it lies where the document does, or below."""
    folder = os.path.dirname(os.path.abspath(document)) if document else os.getcwd()
    near = os.path.relpath(results, folder) if results else ".."
    return None if near.startswith("..") else near.replace(os.sep, "/")


def _provenance(about, link):
    """What the table is of, and what it is not of, sentence by sentence."""
    m = about["machine"]
    versions = ", ".join(dict.fromkeys(version(text) for name, text in sorted(about["versions"].items())
                                       if name not in OURS))
    yield (f"`{about['command']}` on {about['date']}: {m['cpu']}, {m['cores']} cores, {m['kernel']}; "
           f"{goheap(about)}; {versions}.")
    if about["interrupted"]:
        yield "**The run was interrupted.**"
    if about["scale"] != 1:
        yield f"**Sizes are scaled by {about['scale']:g}: the figures and bars mean nothing.**"
    if about["quick"]:
        yield f"A quick run: fewer rows, {about['samples_wanted']} samples."
    small = below_usual(about)
    if small:
        yield f"Smaller than by default: {small}."
    left_out = ", ".join(f"{name} ({why})" for name, why in sorted(about["skipped"].items()))
    if left_out:
        yield f"Left out: {left_out}."
    if link:
        yield f"[All samples]({link})."


def as_markdown(about, samples, reports, results=None, document=None):
    """A table for people who read it once: the losers are in the results."""
    yield from _provenance(about, _link(results, document))
    yield ""
    yield ("| row | goheap | Go | × faster than Go | × faster than Boehm | × faster than the best malloc |"
           " CPU / Go's | memory / Go's | must | aim |")
    yield "|---|--:|--:|--:|--:|---|--:|--:|---|---|"
    for report in (r for r in reports if not _is_scaling(r)):
        yield _markdown_row(report, about)
    rows = list(machine(samples))
    if rows:
        yield ""
        yield "| the machine, best of 3 in a process | | limit of |"
        yield "|---|--:|---|"
        for name, s, what in rows:
            yield f"| {name} | {short(s)}{_few(s, about['samples_wanted'])} | {what} |"
    scaling = [r for r in reports if _is_scaling(r)]
    if scaling:
        numbers = " | ".join(map(str, cells.MUTATORS))
        yield ""
        yield f"| mutators on two processors, million/s | {numbers} | 8 / 2 | must |"
        yield "|---|" + "--:|" * (len(cells.MUTATORS) + 1) + "---|"
        for report in scaling:
            row = report.row
            values = (short(samples.summary(row.name, run.label, row.figure)) for run in row.runs)
            yield f"| {row.name} | {' | '.join(values)} | {_cell(report.lines[0])} | {_musts(report)} |"
    yield ""
    yield totals(judge.Tally.of(reports)) + "."
