"""Tests of the tables and of the measuring that need no network: `python3 -m unittest discover -s tests/bugs`."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))

import check  # noqa: E402
import measure  # noqa: E402
import seeded  # noqa: E402


class Tables(unittest.TestCase):
    def test_there_are_enough_bugs_and_each_is_complete(self) -> None:
        bugs, algorithms = seeded.bugs(), seeded.algorithms()
        self.assertGreaterEqual(len(bugs), 64)
        self.assertEqual(len(algorithms), 30)
        self.assertGreaterEqual(len({bug.package for bug in bugs}), 10)
        for bug in [*bugs, *algorithms]:
            with self.subTest(bug.id):
                self.assertTrue(bug.fails)
                self.assertTrue(bug.about)
                self.assertEqual(bool(bug.probe), bool(bug.package))
                self.assertTrue(seeded.touched(bug.patch))
        self.assertEqual(check.table_faults([*bugs, *algorithms]), {})

    def test_no_patch_is_left_over(self) -> None:
        wanted = {bug.patch for bug in (*seeded.bugs(), *seeded.algorithms())}
        self.assertEqual(set(seeded.HERE.glob("*/*/*.patch")), wanted)

    def test_the_halves_are_equal_and_do_not_depend_on_the_order_of_names(self) -> None:
        names = list(seeded.projects())
        halves = seeded.halves(names)
        self.assertEqual(halves, seeded.halves(reversed(names)))
        self.assertEqual(sum(half == "open" for half in halves.values()), len(names) // 2)

    def test_between_an_eighth_and_a_quarter_is_not_to_be_mended(self) -> None:
        for chosen in (seeded.bugs(), seeded.algorithms()):
            hard = sum(bug.reach == "none" for bug in chosen)
            self.assertTrue(len(chosen) <= 8 * hard <= 2 * len(chosen))


class Judging(unittest.TestCase):
    def test_the_syntax_tree_knows_no_layout_but_every_operator(self) -> None:
        self.assertEqual(seeded.normal("def f():\n    'doc'\n    return (1)\n"), seeded.normal("def f(): return 1"))
        self.assertNotEqual(seeded.normal("a < b"), seeded.normal("a <= b"))
        self.assertEqual(seeded.normal("f(a=1, b=2)"), seeded.normal("f(b=2, a=1)"))
        self.assertNotEqual(seeded.normal("f(1, 2)"), seeded.normal("f(2, 1)"))
        caught = "try: f()\nexcept ({}): pass"
        self.assertEqual(seeded.normal(caught.format("A, B")), seeded.normal(caught.format("B, A")))

    def test_what_check_finds_wrong(self) -> None:
        bug = seeded.Bug("x", "", "c", "a", "one", ("a",), "algorithms")
        fine = {"a": "passed", "b": "passed"}
        self.assertEqual(check.compare(bug, fine, {"a": "failed", "b": "passed"}, False), [])
        for buggy, words in (
            (fine, "no test fails"),
            ({"a": "failed", "b": "error"}, "every test fails"),
            ({"a": "passed", "b": "failed"}, "not as listed"),
            ({"a": "failed"}, "other tests"),
        ):
            with self.subTest(words):
                self.assertIn(words, " ".join(check.compare(bug, fine, buggy, False)))


class Running(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.tree = Path(scratch.name)
        # The user's own Python does for the environment's, as nothing is imported from either.
        (self.tree / ".venv" / "bin").mkdir(parents=True)
        (self.tree / ".venv" / "bin" / "python").symlink_to(sys.executable)

    def test_a_repair_that_does_not_end_is_wrong_and_no_error(self) -> None:
        with mock.patch.object(seeded, "SHORT_LIMIT", 1):
            code, text = seeded.plain_run(self.tree, ["-c", "while True: pass"], what="an endless repair")
        self.assertNotEqual(code, 0)
        self.assertIn("an endless repair took longer", text)

    def test_a_repair_that_takes_all_memory_is_stopped(self) -> None:
        code, text = seeded.plain_run(self.tree, ["-c", "bytearray(5 * 1024**3)"], what="a greedy repair")
        self.assertNotEqual(code, 0)
        self.assertIn("MemoryError", text)

    def test_a_program_that_is_not_there_is_an_error(self) -> None:
        (self.tree / ".venv" / "bin" / "python").unlink()
        with mock.patch.object(seeded, "run", side_effect=seeded.CorpusError("sh was not found")):
            with self.assertRaises(seeded.CorpusError):
                seeded.plain_run(self.tree, ["-c", ""], what="nothing")


class Measuring(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def program(self, text: str) -> Path:
        path = self.folder / "program"
        path.write_text(f"#!{sys.executable}\n{text}\n")
        path.chmod(0o755)
        return path

    def run_program(self, text: str) -> dict[str, object]:
        return measure.run_program([str(self.program(text))], self.folder, 5)[0]

    def test_a_document_is_read(self) -> None:
        self.assertEqual(self.run_program("print('{\"status\": \"verified\"}')")["status"], "verified")

    def test_a_crash_is_an_error_with_its_last_words(self) -> None:
        document = self.run_program("raise SystemExit('broken in the middle')")
        self.assertEqual(document["status"], "error")
        self.assertIn("broken in the middle", str(document["error"]))

    def test_a_program_that_does_not_end_is_stopped_with_its_children(self) -> None:
        marker = self.folder / "child"
        text = (
            "import os, pathlib, subprocess, sys, time\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
            f"pathlib.Path({str(marker)!r}).write_text(str(child.pid))\n"
            "time.sleep(600)"
        )
        document = self.run_program(text)
        self.assertEqual(document["error"]["code"], "measure_timeout")  # type: ignore[index]
        child = int(marker.read_text())
        with contextlib.suppress(ProcessLookupError):
            # Nobody waits for it in every container, so a zombie is as good as gone.
            os.kill(child, 0)
            self.assertIn(Path(f"/proc/{child}/stat").read_text().split()[2], "ZX")

    def test_a_line_that_was_cut_short_is_no_row(self) -> None:
        kept = self.folder / "rows.jsonl"
        kept.write_text(json.dumps({"id": "a"}) + "\n" + '{"id": "b"')
        self.assertEqual(set(measure.kept_rows(kept)), {"a"})

    def test_totals_and_table(self) -> None:
        row = {"class": "c", "reach": "one", "correct": False, "status": "verified"}
        good = {"repaired": True, "confirmed": True, "behaves": True, "seconds": 2.0, "candidates": 10}
        bad = {"repaired": False, "confirmed": False, "behaves": False, "seconds": 8.0, "candidates": 30}
        rows = [{**row, **good, "id": "seen", "half": "open"}, {**row, **bad, "id": "unseen", "half": "aside"}]
        figures = measure.total(rows)
        self.assertEqual([figures[column] for column in measure.COLUMNS], [2, 1, 1, 0, 1, 0, 2.0, 5.0, 4.0])
        table = measure.markdown(rows, {"date": "d", "version": "v", "cores": 2, "time_limit": 60})
        self.assertIn("| all | 2 | 1 (50 %) |", table)
        self.assertIn("| seen |", table)
        self.assertNotIn("unseen", table)

    def test_what_is_set_aside_is_not_measured_unless_asked_for(self) -> None:
        aside = next(bug for bug in seeded.bugs() if bug.half == "aside")
        with self.assertRaisesRegex(seeded.CorpusError, "set aside"):
            measure.choose(argparse.Namespace(only=[aside.id], half=None))
        self.assertEqual(measure.choose(argparse.Namespace(only=[aside.id], half="aside")), [aside])
        everything = measure.choose(argparse.Namespace(only=[], half=None))
        self.assertEqual({bug.half for bug in everything}, {"open", "algorithms"})

    def test_a_program_that_is_not_there_is_told(self) -> None:
        words = io.StringIO()
        call = ["measure.py", "--airlock", str(self.folder / "none")]
        with mock.patch.object(sys, "argv", call), contextlib.redirect_stderr(words):
            self.assertEqual(measure.main(), 2)
        self.assertIn("not there", words.getvalue())


if __name__ == "__main__":
    unittest.main()
