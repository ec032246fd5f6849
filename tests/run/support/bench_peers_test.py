"""Unit tests of what scripts/bench-peers computes: statistics, verdicts, parsing, files."""

import json
import math
import os
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "scripts", "peers"))

from runner import cells, judge, programs, results, rounds, sampling, stats, tables  # noqa: E402


def samples(values, clean=None, figure="x"):
    clean = clean or [True] * len(values)
    return [stats.Sample((i, 0), c, {figure: v}) for i, (v, c) in enumerate(zip(values, clean))]


class Statistics(unittest.TestCase):
    def test_median_of_odd_and_even_numbers(self):
        self.assertEqual(stats.median([3, 1, 2]), 2)
        self.assertEqual(stats.median([4, 1, 2, 3]), 2.5)
        self.assertRaises(ValueError, stats.median, [])

    def test_contended_samples_are_left_out(self):
        s = stats.summarise(samples([1, 2, 3, 90], [True, True, True, False]), "x")
        self.assertEqual((s.median, s.low, s.high, s.starred), (2, 1, 3, False))

    def test_too_few_clean_ones_use_all_and_have_a_star(self):
        s = stats.summarise(samples([1, 2, 90, 91], [True, True, False, False]), "x")
        self.assertEqual((s.median, s.high, s.starred), (46, 91, True))
        self.assertIsNone(stats.summarise(samples([1]), "y"))

    def test_when_a_sample_is_clean(self):
        self.assertTrue(stats.is_clean(0.04, 0.5, 0))
        self.assertFalse(stats.is_clean(0.05, 0.06, 0))
        # it waited for its own threads: nobody else was there
        self.assertTrue(stats.is_clean(0.5, 0.05, 0))
        self.assertFalse(stats.is_clean(None, 0.06, 0))
        self.assertFalse(stats.is_clean(0, 0, 0.03))

    def test_ratio_is_of_medians_and_its_range_of_pairs(self):
        a = stats.summarise(samples([10, 20, 30]), "x")
        b = stats.summarise(samples([2, 2, 10]), "x")
        r = stats.ratio(a, b)
        self.assertEqual((r.value, r.low, r.high), (10, 3, 10))

    def test_ratio_pairs_only_samples_that_both_use(self):
        a = stats.summarise(samples([10, 10, 10, 10], [True, True, True, False]), "x")
        b = stats.summarise(samples([1, 2, 5, 99], [True, False, True, True]), "x")
        r = stats.ratio(a, b)
        self.assertEqual((r.low, r.high), (2, 10))

    def test_without_a_pair_the_range_is_of_the_extremes(self):
        a = stats.summarise([stats.Sample((i, 0), True, {"x": v}) for i, v in enumerate((10, 20, 30))], "x")
        b = stats.summarise([stats.Sample((i + 3, 0), True, {"x": v}) for i, v in enumerate((2, 4, 5))], "x")
        r = stats.ratio(a, b)
        self.assertEqual((r.value, r.low, r.high), (5, 2, 15))
        self.assertIsNone(stats.ratio(a, stats.summarise(samples([0, 0, 0]), "x")))

    def test_a_bar_within_the_range_is_in_doubt(self):
        limit = stats.Limit.parse(">=5")
        self.assertTrue(limit.in_doubt(stats.Ratio(5.1, 4.9, 6, False)))
        self.assertFalse(limit.in_doubt(stats.Ratio(5.1, 5, 6, False)))
        self.assertFalse(limit.in_doubt(stats.Ratio(4, 3, 4.9, False)))

    def test_limits(self):
        for text, good, bad in ((">=5", 5, 4.99), (">1", 1.01, 1), ("<=0.9", 0.9, 0.91), ("<1", 0.99, 1)):
            limit = stats.Limit.parse(text)
            self.assertTrue(limit.met(good), text)
            self.assertFalse(limit.met(bad), text)
            self.assertEqual(str(limit), text)
        self.assertEqual(stats.Limit.parse(">=8").far(4), 2)
        self.assertEqual(stats.Limit.parse("<=2").far(3), 1.5)
        self.assertRaises(ValueError, stats.Limit.parse, "5")

    def test_best_knows_what_is_better(self):
        pairs = [(n, stats.summarise(samples([v] * 3), "x")) for n, v in (("a", 3), ("b", 1), ("c", 2))]
        self.assertEqual(stats.best(pairs, False)[0], "b")
        self.assertEqual(stats.best(pairs, True)[0], "a")
        self.assertIsNone(stats.best([("a", None)], True))

    def test_odd_checksums(self):
        self.assertEqual(stats.odd_ones({"a": {1}, "b": {1}}), [])
        self.assertEqual(stats.odd_ones({"a": {1}, "b": {1}, "c": {2}}), ["c"])
        self.assertEqual(stats.odd_ones({"a": {1}, "b": {2}}), ["a", "b"])
        self.assertEqual(stats.odd_ones({"a": {1, 2}, "b": {1}}), ["a"])


def record(label, figures, cell="r", round_=0, checksum="0x1", problem=""):
    return {"cell": cell, "label": label, "threads": 1, "round": round_, "turn": 0, "problem": problem,
            "clean": True, "checksum": checksum, "figures": figures}


def about(**more):
    machine = {"cpu": "c", "cores": 2, "memory_mib": 1024, "kernel": "Linux 6.1", "transparent_huge_pages": None}
    return {"date": "today", "command": "scripts/bench-peers", "samples_wanted": 3, "quick": False, "scale": 1,
            "interrupted": False, "machine": machine, "goheap": "goheap 1", "peers": ["go", "goheap"],
            "skipped": {}, "versions": {"go": "go 1.26"}, "rows": ["r"], **more}


def row(bars, higher=False):
    return cells.Row("r", "w", "", 1, "ns", "ns", cells.EVERYBODY, bars, higher=higher)


def three(label, **figures):
    return [record(label, figures, round_=i) for i in range(3)]


class Verdicts(unittest.TestCase):
    def report(self, bars, records, higher=False, present=("goheap", "go", "glibc", "jemalloc-static", "machine")):
        found = judge.judge([row(bars, higher)], judge.Samples(records), set(present))
        self.assertEqual(len(found), 1)
        return found[0]

    def test_times_is_how_many_times_better(self):
        records = three("goheap", ns=2, cpu=1) + three("go", ns=12, cpu=3)
        line = self.report([cells.times("go", ">=5", ">=8")], records).lines[0]
        self.assertEqual(line.ratio.value, 6)
        self.assertTrue(line.verdict(line.must))
        self.assertFalse(line.verdict(line.aim))
        line = self.report([cells.times("go", ">=5")], records, higher=True).lines[0]
        self.assertEqual(line.ratio.value, 2 / 12)
        self.assertFalse(line.verdict(line.must))

    def test_every_row_with_go_must_use_less_cpu(self):
        report = self.report([], three("goheap", ns=1, cpu=3) + three("go", ns=9, cpu=2))
        self.assertEqual([(line.figure, line.verdict(line.must)) for line in report.missed()], [("cpu", False)])

    def test_best_malloc_is_the_best_of_its_mode(self):
        records = (three("goheap", ns=2) + three("glibc:batch", ns=9) + three("jemalloc-static:batch", ns=4)
                   + three("jemalloc-static:imm", ns=1) + three("go", ns=1))
        line = self.report([cells.times("malloc:batch", ">1")], records).lines[0]
        self.assertEqual((line.what, line.ratio.value), ("jemalloc-static:batch", 2))

    def test_losers_are_shown_as_well(self):
        records = three("goheap", ns=2) + three("glibc", ns=9) + three("jemalloc-static", ns=4)
        report = self.report([cells.times("malloc", ">1")], records)
        self.assertEqual([label for label, _ in report.others], ["glibc"])

    def test_bound_of_a_rate_is_made_a_time(self):
        machine = [record("machine", {"read_1core": 16}, cell="machine", round_=i) for i in range(3)]
        line = self.report([cells.bound("read_1core", aim="<=4", bytes=32)], three("goheap", ns=6) + machine).lines[0]
        self.assertEqual((line.theirs.median, line.ratio.value), (2, 3))
        self.assertTrue(line.verdict(line.aim))

    def test_a_bound_of_nothing_is_no_bound(self):
        machine = [record("machine", {"read_1core": 0}, cell="machine", round_=i) for i in range(3)]
        line = self.report([cells.bound("read_1core", aim="<=4", bytes=32)], three("goheap", ns=6) + machine).lines[0]
        self.assertIsNone(line.ratio)

    def test_verdicts_within_the_noise_stay_and_say_so(self):
        records = [record(label, {"ns": x, "cpu": xs[0]}, round_=i)
                   for label, xs in (("goheap", (1, 1, 1)), ("go", (4, 6, 7))) for i, x in enumerate(xs)]
        report = self.report([cells.times("go", ">=5", ">=8")], records)
        text = "\n".join(tables.as_text(about(), judge.Samples(records), [report], tables.Paint(False)))
        self.assertIn("must >=5 met (within the noise)", text)
        self.assertIn("aim >=8 1.33x off\n", text)
        markdown = "\n".join(tables.as_markdown(about(), judge.Samples(records), [report]))
        self.assertIn("| 6.00× [4.00..7.00] |", markdown)
        self.assertIn("met; go (within the noise)", markdown)

    def test_an_aim_that_cannot_be_judged_is_not_reached(self):
        report = self.report([cells.bound("chase_1", aim="<=1.5")], three("goheap", ns=1))
        markdown = "\n".join(tables.as_markdown(about(), judge.Samples([]), [report]))
        self.assertIn("| chase_1 not judged |", markdown)

    def test_bars_against_the_absent_are_left_out(self):
        report = self.report([cells.times("boehm", ">1"), cells.bound("x", "<1"), cells.times("malloc", ">1")],
                             three("goheap", ns=1), present=("goheap",))
        self.assertEqual(report.lines, [])

    def test_who_fails_is_named_and_the_rest_stays(self):
        records = three("goheap", ns=1) + [record("go", {}, problem="exit status 1")] * 2 + three("glibc", ns=3)
        report = self.report([cells.times("go", ">=5"), cells.times("malloc", ">1")], records)
        self.assertEqual(report.problems, ["go: exit status 1"])
        self.assertIsNone(report.lines[0].verdict(report.lines[0].must))
        self.assertTrue(report.lines[1].verdict(report.lines[1].must))
        tally = judge.Tally.of([report])
        self.assertEqual((tally.musts, tally.missed, tally.unjudged, tally.problems), (3, 0, 2, 1))

    def test_another_checksum_is_no_figure(self):
        records = three("goheap", ns=1) + three("go", ns=9) + [record("glibc", {"ns": 3}, checksum="0x2")]
        report = self.report([cells.times("malloc", ">1")], records)
        self.assertIn("checksum 0x2, others 0x1", report.problems[0])
        self.assertIsNone(report.lines[0].ratio)

    def test_more_mutators_are_held_against_fewer(self):
        scaling = next(r for r in cells.ROWS if r.name == "scale churn")
        records = [record(f"{n} mutators", {"throughput": x}, cell="scale churn", round_=i) | {"threads": n}
                   for i in range(3) for n, x in ((2, 10), (8, 8))]
        report = judge.judge([scaling], judge.Samples(records), {"goheap"})[0]
        self.assertEqual(report.lines[0].ratio.value, 0.8)
        self.assertEqual(len(report.missed()), 1)


class Table(unittest.TestCase):
    """The rows as they stand in cells.py."""

    def test_names_are_unique_and_bars_are_bars(self):
        names = [r.name for r in cells.ROWS]
        self.assertEqual(len(names), len(set(names)))
        for r in cells.ROWS:
            labels = {run.label for run in r.runs}
            self.assertIn(r.subject, labels)
            for bar in r.bars:
                for text in filter(None, (bar.must, bar.aim)):
                    stats.Limit.parse(text)
                if bar.kind == "bound":
                    self.assertIn(bar.against, cells.MACHINE, r.name)
                elif bar.kind != "limit":
                    self.assertIn(bar.against, labels, r.name)

    def test_what_is_below_the_usual_size_is_known(self):
        self.assertEqual(cells.shrunk("sweep", "--log2 23 --mode gc"), [("--log2", 23, 24)])
        self.assertEqual(cells.shrunk("sweep", "--log2 24 --mode gc"), [])
        self.assertEqual(cells.shrunk("mark", "--shape shuf --log2 23 --collections 5"), [("--log2", 23, 24)])
        self.assertEqual(cells.shrunk("mark", "--shape rand --log2 20 --collections 5"), [])
        self.assertEqual(cells.shrunk("mb", "--class p16 --n 5"), [])

    def test_the_median_of_collections_is_none_of_two(self):
        for r in cells.ROWS:
            words = r.options.split()
            if r.workload == "mark":
                self.assertNotEqual(words[words.index("--collections") + 1], "2", r.name)

    def test_some_rows_are_quick(self):
        self.assertGreater(sum(r.quick for r in cells.ROWS), 5)


class Programs(unittest.TestCase):
    def test_build_lines(self):
        found, skipped, versions = programs.parse_build(
            "go build/peers/peer\nboehm-1mark /b/boehm GC_MARKERS=1 A=b=c\nSKIP arena: no luck\nVERSION go 1.26\n")
        self.assertEqual(found["boehm-1mark"].environment, {"GC_MARKERS": "1", "A": "b=c"})
        self.assertTrue(os.path.isabs(found["go"].path))
        self.assertEqual((skipped, versions), ({"arena": "no luck"}, {"go": "1.26"}))
        self.assertRaises(ValueError, programs.parse_build, "cc: error: what")

    def test_static_libraries_come_before_shared_ones(self):
        found = {n: programs.Peer(n, "/x", {}) for n in ("glibc", "jemalloc", "jemalloc-static", "tcmalloc")}
        self.assertEqual(set(programs.choose(found, [])), {"glibc", "jemalloc-static", "tcmalloc"})
        self.assertEqual(set(programs.choose(found, ["jemalloc"])), {"jemalloc"})

    def test_malloc_is_each_library(self):
        peers = {n: programs.Peer(n, "/x", {}) for n in ("goheap", "go", "glibc", "jemalloc-static", "machine")}
        mb = next(r for r in cells.ROWS if r.name == "mb p16 t1")
        labels = [run.label for run, _ in programs.runs_of(mb, peers)]
        self.assertEqual(labels[:3], ["goheap", "go", "glibc:imm"])
        self.assertIn("jemalloc-static:batchz", labels)
        self.assertEqual(len(labels), 2 + 2 * 3)

    def test_sizes_shrink(self):
        self.assertEqual(programs.scaled("--class p16 --n 1000000", 0.001), ["--class", "p16", "--n", "1000"])
        self.assertEqual(programs.scaled("--depth 18", 1 / 16), ["--depth", "14"])
        self.assertEqual(programs.scaled("--log2 24", 1), ["--log2", "24"])

    def test_peers_print_figures(self):
        figures, checksum = sampling.parse_peer("wall 1.5 s\nchecksum 0x00000000000000ff -\n")
        self.assertEqual((figures, checksum), ({"wall": 1.5}, 255))
        self.assertRaises(ValueError, sampling.parse_peer, "Hello, world.")
        self.assertRaises(ValueError, sampling.parse_peer, "wall nan s")

    def test_faults_are_counted_for_each_page(self):
        outcome = sampling.Outcome("", "", 1, 0, 0, 0)
        page = os.sysconf("SC_PAGE_SIZE") / 2**20
        figures = sampling.derive({"minor_faults": 30, "maxrss": 10 * page}, "large", 1, outcome)
        self.assertEqual(figures["faults_per_page"], 3)

    def test_known_names_are_those_that_can_be_built(self):
        with open(os.path.join(ROOT, "scripts/peers/build.sh"), encoding="utf-8") as f:
            built = f.read().partition('ALL_PEERS="')[2].partition('"')[0].split()
        self.assertEqual(programs.known_names(), sorted(built))

    def test_start_counts_from_its_spawning(self):
        outcome = sampling.Outcome("", "", 1, 1_000_000, 0, 0)
        printed = {"first_allocation_at": 3_500_000, "first_allocation_cpu": 250_000_000, "rss": 2}
        figures = sampling.derive(printed, "start", 1, outcome)
        self.assertEqual(figures, {"to_first_allocation": 2.5, "rss": 2, "cpu": 0.25, "maxrss": 2})

    def test_throughput_counts_all_threads(self):
        outcome = sampling.Outcome("", "", 1, 0, 0, 0)
        self.assertEqual(sampling.derive({"ns_per_op": 4}, "mb", 8, outcome)["throughput"], 2000)
        self.assertEqual(sampling.derive({"ns_per_node": 4}, "binary-trees", 8, outcome)["throughput"], 250)


class Processes(unittest.TestCase):
    def run_sh(self, script, timeout=10.0):
        return sampling.run(["/bin/sh", "-c", script], sampling.clean_environment({"GOGC": "100"}), timeout)

    def test_output_and_environment(self):
        os.environ["GODEBUG"] = os.environ["MALLOC_CONF"] = "x"
        try:
            outcome = self.run_sh("echo $GOGC $GODEBUG $MALLOC_CONF; cat")
        finally:
            del os.environ["GODEBUG"], os.environ["MALLOC_CONF"]
        self.assertEqual((outcome.out, outcome.problem), ("100\n", ""))

    def test_failures_say_what_happened(self):
        self.assertEqual(self.run_sh("echo first >&2; echo no memory >&2; exit 3").problem, "exit status 3: no memory")
        self.assertEqual(self.run_sh("kill -SEGV $$").problem, "killed by SIGSEGV")
        self.assertEqual(sampling.run(["/nowhere"], {}, 1).problem, "cannot be started: No such file or directory")

    def test_who_takes_too_long_is_ended_with_its_children(self):
        with tempfile.TemporaryDirectory() as folder:
            outcome = self.run_sh(f"(sleep 1; touch {folder}/late) & wait", 0.2)
            self.assertEqual(outcome.problem, "did not end within 0.2 s")
            self.run_sh("sleep 1.2")
            self.assertEqual(os.listdir(folder), [])


class Rounds(unittest.TestCase):
    """The schedule, on programs that are not run."""

    def setUp(self):
        self.ran, self.machine, self.contended, self.wall = [], [], set(), 1
        self.really_run, self.really_watch = sampling.run, sampling.Watch
        sampling.run = self.stub

    def tearDown(self):
        sampling.run, sampling.Watch = self.really_run, self.really_watch

    def stub(self, argv, environment, timeout):
        name, workload = argv[0], argv[1]
        self.ran.append(f"{name}.{workload}")
        foreign = 1.0 if len(self.ran) in self.contended else 0.0
        figures = "ns 1 ns\nrunq_wait 1 s\nwall 1 s\n" if name != "machine" else "bump_16B_L2 1 ns\n"
        if name == "machine":
            self.machine.append(argv[1:])
        return sampling.Outcome("", figures, self.wall, 0, foreign, 0)

    def rounds(self, budget=None, names=("go", "boehm"), bars=(), **more):
        rows = [cells.Row(w, w, "", 1, "ns", "ns", [cells.GO, cells.BOEHM], list(bars)) for w in "ab"]
        peers = {name: programs.Peer(name, name, {}) for name in names}
        self.plan = rounds.Plan(rows, peers, 3, budget=budget, **more)
        return [number for number in self.plan.take()]

    def test_a_whole_round_of_all_rows_before_the_next(self):
        self.assertEqual(self.rounds(), [0, 1, 2])
        self.assertEqual(self.ran, ["go.a", "boehm.a", "go.b", "boehm.b", "boehm.a", "go.a", "boehm.b", "go.b",
                                    "go.a", "boehm.a", "go.b", "boehm.b"])

    def test_only_rows_that_lack_clean_samples_are_taken_again(self):
        self.contended = {3}
        self.assertEqual(self.rounds(), [0, 1, 2, 3])
        self.assertEqual(self.ran[12:], ["boehm.b", "go.b"])

    def test_no_more_than_as_many_rounds_again(self):
        self.contended = set(range(100))
        self.assertEqual(self.rounds(), [0, 1, 2, 3, 4, 5])

    def test_short_processes_are_judged_together(self):
        class Watch:
            def read(self):
                return 0.5, 0

        sampling.Watch = Watch
        self.rounds(budget=0)
        self.assertTrue(all(r["clean"] for r in self.plan.records))
        self.wall = 0.01
        self.rounds(budget=0)
        self.assertEqual({(r["clean"], r["foreign"]) for r in self.plan.records}, {(False, 0.5)})

    def test_who_was_not_timed_has_waited_for_nothing_known(self):
        self.assertEqual(rounds.runq_share({"runq_wait": 0.5, "wall": 1}), 0.5)
        self.assertIsNone(rounds.runq_share({"runq_wait": 0, "wall": 2e-7}))
        self.assertIsNone(rounds.runq_share({"wall": 1}))
        self.assertFalse(stats.is_clean(rounds.runq_share({"runq_wait": 0, "wall": 2e-7}), 0.5, 0))

    def test_all_rows_of_the_machine_in_three_rounds_of_a_whole_run(self):
        bars = [cells.bound("bump_16B_L2")]
        self.rounds(names=("go", "machine"), bars=bars)
        self.assertEqual(self.machine, [["bump_16B_L2"]] * 3)
        self.machine = []
        self.contended = set(range(100))
        self.rounds(names=("go", "machine"), bars=bars, whole=True)
        self.assertEqual([len(rows) for rows in self.machine], [len(cells.MACHINE)] * 3 + [1] * 3)
        self.assertEqual(set(self.machine[0]), set(cells.MACHINE))

    def test_not_when_time_is_up(self):
        self.contended = set(range(100))
        self.assertEqual(self.rounds(budget=0), [0, 1, 2])


class Files(unittest.TestCase):
    def test_results_survive(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "new", "r.json")
            for records in ([], [record("go", {"ns": 1.5}), record("goheap", {"ns": 1})]):
                results.save(path, about(), records)
                head, back = results.load(path)
                self.assertEqual((head, back), ({"schema": 1, **about()}, records))
            self.assertEqual(os.listdir(os.path.dirname(path)), ["r.json"])

    def reading(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "r.json")
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            return results.load(path)

    def whole(self, *records, **more):
        return json.dumps({"schema": 1, **about(**more), "samples": records})

    def test_what_is_wrong_with_a_file_is_said(self):
        ill = record("go", {"ns": 1})
        for text, why in (
                ("[", "r.json: Expecting"), ("[]", "no results of schema 1"), ("{\"schema\": 2}", "schema 1"),
                (self.whole(rows="all"), "rows is not an array of texts"),
                (self.whole(machine=1), "machine is not an object"),
                (self.whole(machine={"cpu": "x"}), "machine.cores is missing"),
                (self.whole(scale=0), "scale is not a number above 0"),
                (self.whole(sizes={"r": {"options": 1}}), "sizes is not"),
                (self.whole(1), r"samples\[0\] is no object"),
                (self.whole(ill, {**ill, "round": "1"}), r"samples\[1\].round is not a whole number"),
                (self.whole({**ill, "clean": 1}), "clean is not true or false"),
                (self.whole({**ill, "figures": {"ns": math.nan}}), "figures is not an object of numbers"),
                (self.whole({**ill, "figures": {"ns": "1"}}), "figures is not an object of numbers")):
            with self.assertRaisesRegex(ValueError, why):
                self.reading(text)

    def test_files_of_before_are_read(self):
        before = about(factor=2, command="scripts/bench-peers --json /far/away/r.json")
        del before["scale"]
        before["machine"]["kernel"] = "Linux 6.18.44-some-build1"
        head, records = self.reading(json.dumps(
            {"schema": 1, **before, "samples": [record("goheap", {"refaults": 0.5})]}))
        self.assertEqual((head["scale"], head["machine"]["kernel"]), (2, "Linux 6.18.44"))
        self.assertEqual(head["command"], "scripts/bench-peers --json r.json")
        self.assertEqual(records[0]["figures"], {"faults_per_page": 0.5})

    def test_nothing_in_a_file_moves_the_cursor(self):
        head, records = self.reading(self.whole(record("go", {"ns": 1}, problem="\33[2Jfine\r"), goheap="a\tb"))
        self.assertEqual((head["goheap"], records[0]["problem"]), ("a\\tb", "\\x1b[2Jfine\\r"))

    def test_commands_have_no_folders(self):
        words = ["GOHEAP=/far/away/gh", "scripts/bench-peers", "--json", "/tree/out/r.json", "--markdown=/a/b.md",
                 "--only", "^mb p16"]
        self.assertEqual(results.tidy_command(words, "/tree"),
                         "GOHEAP=gh scripts/bench-peers --json out/r.json --markdown=b.md --only '^mb p16'")

    def test_what_cannot_be_written_is_found_before(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertRaises(OSError, results.check_writable, folder)
            path = os.path.join(folder, "file")
            results.check_writable(path)
            self.assertEqual(os.listdir(folder), [])
            with open(path, "w", encoding="utf-8"):
                pass
            self.assertRaises(OSError, results.check_writable, os.path.join(path, "below"))

    def test_tables_say_what_they_are_not_of(self):
        few = [record("go", {"total_ns_obj": 1}, cell="sweep gc")]
        sweep = {"workload": "sweep", "options": "--log2 23 --mode gc", "threads": 1}
        head = about(quick=True, scale=0.5, interrupted=True, skipped={"boehm": "no gc.h"}, commit="abc-dirty",
                     rows=["sweep gc"], sizes={"sweep gc": sweep})
        found = judge.Samples(few)
        reports = judge.judge([r for r in cells.ROWS if r.name == "sweep gc"], found, {"go", "goheap"})
        with tempfile.TemporaryDirectory() as folder:
            near = tables.as_markdown(head, found, reports, f"{folder}/r/x.json", f"{folder}/README.md")
            text = "\n".join(near)
            far = "\n".join(tables.as_markdown(head, found, reports, "/elsewhere/x.json", f"{folder}/README.md"))
        for said in ("interrupted", "scaled by 0.5", "A quick run", "Left out: boehm (no gc.h).", "abc-dirty",
                     "Smaller than by default: sweep gc: --log2 23 for 24.", "[All samples](r/x.json)",
                     "| × faster than Go |", "1.00* n=1"):
            self.assertIn(said, text)
        self.assertNotIn("All samples", far)

    def test_rows_that_have_changed_are_known(self):
        now = next(r for r in cells.ROWS if r.name == "sweep gc")
        head = about(rows=["gone", "sweep gc", "churn t1"],
                     sizes={"sweep gc": {**tables.sizes_of(now), "options": "--log2 3"}})
        self.assertEqual(tables.changed_rows(head), (["gone"], ["sweep gc"]))

    def test_only_the_block_of_the_readme_changes(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "README.md")
            with open(path, "w", encoding="utf-8") as f:
                f.write(f"head\n{results.BEGIN}\nold\n{results.END}\ntail\n")
            for block in ("new", "newer\n\n"):
                results.put_into(path, block)
                with open(path, encoding="utf-8") as f:
                    self.assertEqual(f.read(), f"head\n{results.BEGIN}\n\n{block.strip()}\n\n{results.END}\ntail\n")
            with open(path, "w", encoding="utf-8") as f:
                f.write("no markers")
            self.assertRaises(ValueError, results.put_into, path, "x")
            with open(path, encoding="utf-8") as f:
                self.assertEqual(f.read(), "no markers")

    def test_numbers_have_three_digits(self):
        said = [tables.number(x) for x in (0, 0.0123456, 1.005, 12.345, 123.4, 12345.6, math.inf)]
        self.assertEqual(said, ["0", "0.0123", "1.00", "12.3", "123", "12,346", "inf"])

    def test_time_left(self):
        self.assertEqual((rounds.minutes(89), rounds.minutes(600)), ("89 s", "10 min"))


if __name__ == "__main__":
    unittest.main()
