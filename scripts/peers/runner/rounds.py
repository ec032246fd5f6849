"""Takes the samples: rounds of all rows, each row by all its programs back to back."""

import sys
import time

from . import cells, judge, programs, sampling, stats

PATIENCE = 2  # failures after which a run of a row is left out
SHORT = 0.1  # seconds: of processes that take less, the kernel's clock tells too little one by one
LEAST_TIMED = 0.001  # seconds: waiting for a core during less says nothing of the process
EXTRA_ROUNDS = 3  # in which the machine's other rows are measured, too: enough for a median


class Plan:
    """What is to be sampled, in which order, how often. take() yields after each round, so that
    what is there can be kept."""

    def __init__(self, rows, peers, samples, scale=1.0, timeout=180.0, budget=None, whole=False):
        """whole: all rows of the machine, not only those that a bar needs."""
        self.rows, self.peers, self.samples = rows, peers, samples
        self.scale, self.timeout, self.budget = scale, timeout, budget
        self.records = []
        self.runs = {row.name: programs.runs_of(row, peers) for row in rows}
        self.machine_rows, self.extra_rows = self._machine_rows(whole)
        self._began = time.monotonic()
        self._took = {row.name: row.seconds for row in rows}  # estimated, then seen
        self._took[judge.MACHINE] = _seconds(self.machine_rows)
        self._progress = Progress()

    def _machine_rows(self, whole):
        """Those rows of the machine that a bar needs, and those that are measured besides."""
        if judge.MACHINE not in self.peers:
            return [], []
        needed = {bar.against for row in self.rows for bar in row.bars if bar.kind == "bound"}
        return ([name for name in cells.MACHINE if name in needed],
                [name for name in cells.MACHINE if whole and name not in needed])

    def take(self):
        for number in range(2 * self.samples):
            again = number >= self.samples
            rows = [row for row in self.rows if not again or self._lacks(row.name)]
            machine = bool(self._rows_of_machine(number)) and (not again or self._lacks(judge.MACHINE))
            if again:
                rows = self._affordable(rows)
            if not rows and not machine:
                break
            try:
                self._round(number, rows, machine)
            finally:
                self._progress.clear()
            yield number

    def _round(self, number, rows, machine):
        for at, row in enumerate(rows):
            from_, first = time.monotonic(), len(self.records)
            watch = sampling.Watch()
            for turn in range(row.each):
                runs = self.runs[row.name]
                shift = (number + turn) % max(len(runs), 1)
                for run, peer in runs[shift:] + runs[:shift]:
                    self._progress.show(number, self.samples, f"{row.name}: {run.label}",
                                        self._left(number, rows[at:]))
                    self._sample(row, run, peer, number, turn)
            _judge_short(self.records[first:], watch)
            self._took[row.name] = time.monotonic() - from_
        if machine:
            self._progress.show(number, self.samples, "the machine", self._left(number, []))
            self._sample_machine(number)

    def _failures(self, cell, label):
        return sum(1 for r in self.records if r["cell"] == cell and r["label"] == label and r["problem"])

    def _record(self, cell, label, threads, number, turn, outcome, parse):
        """Keep what came of a process. parse(text) -> figures, checksum."""
        problem, figures, checksum = outcome.problem, {}, None
        if not problem:
            try:
                figures, checksum = parse(outcome.out)
            except (ValueError, KeyError, TypeError, OverflowError) as e:
                problem = f"its output cannot be read: {e}"
        self.records.append({
            "cell": cell, "label": label, "threads": threads, "round": number, "turn": turn,
            "problem": problem, "clean": stats.is_clean(runq_share(figures), outcome.foreign, outcome.steal),
            "foreign": round(outcome.foreign, 4), "steal": round(outcome.steal, 4),
            "process_wall": round(outcome.wall, 4),
            "checksum": None if checksum is None else f"0x{checksum:016x}",
            "figures": {name: float(f"{value:.7g}") for name, value in figures.items()},
        })

    def _sample(self, row, run, peer, number, turn):
        if self._failures(row.name, run.label) >= PATIENCE:
            return
        argv, settings = programs.command(row, run, peer, self.scale)
        outcome = sampling.run(argv, sampling.clean_environment(settings), self.timeout)
        threads = run.threads or row.threads
        read = sampling.parse_goheap if run.peer == "goheap" else sampling.parse_peer

        def parse(text):
            figures, checksum = read(text)
            figures = sampling.derive(figures, row.workload, threads, outcome)
            if row.figure not in figures:
                raise ValueError(f"there is no {row.figure} in it")
            return figures, checksum

        self._record(row.name, run.label, threads, number, turn, outcome, parse)

    def _rows_of_machine(self, number):
        return self.machine_rows + (self.extra_rows if number < EXTRA_ROUNDS else [])

    def _sample_machine(self, number):
        from_ = time.monotonic()
        if self._failures(judge.MACHINE, judge.MACHINE) < PATIENCE:
            peer = self.peers[judge.MACHINE]
            argv = [peer.path, *self._rows_of_machine(number)]
            outcome = sampling.run(argv, sampling.clean_environment(peer.environment), self.timeout)
            self._record(judge.MACHINE, judge.MACHINE, 1, number, 0, outcome, sampling.parse_peer)
        self._took[judge.MACHINE] = time.monotonic() - from_

    # --- how long, and whether again ---

    def _lacks(self, cell):
        """Whether a run of the cell that works has too few clean samples."""
        clean, seen = {}, set()
        each = next((row.each for row in self.rows if row.name == cell), 1)
        for r in self.records:
            if r["cell"] == cell and not r["problem"]:
                seen.add(r["label"])
                clean[r["label"]] = clean.get(r["label"], 0) + r["clean"]
        return any(clean[label] < self.samples * each for label in seen)

    def _affordable(self, rows):
        """Those for which there is time, one after the other."""
        spent, chosen = time.monotonic() - self._began, []
        for row in rows:
            if self.budget is None or spent + self._took[row.name] <= self.budget:
                spent += self._took[row.name]
                chosen.append(row)
        return chosen

    def _left(self, number, rows_of_round):
        machine = self._took[judge.MACHINE]
        whole = sum(self._took[row.name] for row in self.rows) + machine
        rounds = max(self.samples - 1 - number, 0)
        return sum(self._took[row.name] for row in rows_of_round) + machine + rounds * whole

    def estimate(self):
        """Seconds of all rounds, before the first."""
        whole = sum(self._took[row.name] for row in self.rows) + self._took[judge.MACHINE]
        return self.samples * whole + self.extra_estimate()

    def extra_estimate(self):
        """Seconds of the machine's other rows, of all rounds."""
        return _seconds(self.extra_rows) * min(EXTRA_ROUNDS, self.samples)


def _seconds(machine_rows):
    return sum(cells.MACHINE[name][0] for name in machine_rows)


def runq_share(figures):
    """Which part of the time measured the threads stood in line for a core; None if nobody knows, or
    if next to nothing was measured, as in start, where all happens before the program has its turn."""
    measured = figures.get("wall", 0)
    return figures["runq_wait"] / measured if "runq_wait" in figures and measured >= LEAST_TIMED else None


def _judge_short(records, watch):
    """Of a row's short processes, all are contended if others used the machine meanwhile."""
    short = [r for r in records if r["process_wall"] < SHORT]
    if not short:
        return
    foreign, steal = watch.read()
    for r in short:
        r["foreign"], r["steal"] = max(r["foreign"], round(foreign, 4)), max(r["steal"], round(steal, 4))
        r["clean"] = stats.is_clean(runq_share(r["figures"]), r["foreign"], r["steal"])


class Progress:
    """A line on stderr that is written over, on a terminal only."""

    def __init__(self):
        self.on = sys.stderr.isatty()

    def show(self, number, samples, what, seconds):
        if self.on:
            of = f"{number + 1} of {samples}" if number < samples else f"{number + 1}, for clean samples"
            text = f"round {of}: {what} ({minutes(seconds)} left)"
            print(f"\r{text[:100]:<100}", end="", file=sys.stderr, flush=True)

    def clear(self):
        if self.on:
            print(f"\r{'':<100}\r", end="", file=sys.stderr, flush=True)


def minutes(seconds):
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
