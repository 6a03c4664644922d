"""Tests of the corpus scripts that need no network."""

from __future__ import annotations

import io
import os
import stat
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))

import corpus  # noqa: E402
import fetch  # noqa: E402
import make_bad  # noqa: E402
import patches  # noqa: E402


class Folder(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)


class Unpacking(Folder):
    def archive(self, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
        path = self.folder / "p-1.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for info, data in members:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return path

    @staticmethod
    def file(name: str, data: bytes = b"x", mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
        info = tarfile.TarInfo(name)
        info.mode = mode
        return info, data

    def test_drops_the_top_folder_and_keeps_the_execute_bit(self) -> None:
        archive = self.archive(self.file("p-1/a.py"), self.file("p-1/bin/run", mode=0o4777))
        fetch.unpack(archive, self.folder / "out")
        self.assertEqual((self.folder / "out/a.py").read_bytes(), b"x")
        self.assertEqual(stat.S_IMODE((self.folder / "out/bin/run").stat().st_mode), 0o755)

    def test_refuses_paths_that_lead_out(self) -> None:
        for name in ("p-1/../../evil", "/evil", "p-1\\..\\evil"):
            with self.subTest(name=name), self.assertRaisesRegex(corpus.CorpusError, "unsafe path"):
                fetch.unpack(self.archive(self.file(name)), self.folder / "out")
        self.assertFalse((self.folder / "evil").exists())

    def test_leaves_out_links_and_special_files(self) -> None:
        link, fifo = tarfile.TarInfo("p-1/link"), tarfile.TarInfo("p-1/fifo")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        fifo.type = tarfile.FIFOTYPE
        fetch.unpack(self.archive((link, b""), (fifo, b""), self.file("p-1/a")), self.folder / "out")
        self.assertEqual(os.listdir(self.folder / "out"), ["a"])

    def test_refuses_to_write_through_a_file_that_is_there(self) -> None:
        with self.assertRaises(FileExistsError):
            fetch.unpack(self.archive(self.file("p-1/a"), self.file("p-1/a")), self.folder / "out")

    def test_is_bounded(self) -> None:
        with mock.patch.object(fetch, "MOST_BYTES", 3), self.assertRaisesRegex(corpus.CorpusError, "more than"):
            fetch.unpack(self.archive(self.file("p-1/a", b"1234")), self.folder / "out")
        with mock.patch.object(fetch, "MOST_FILES", 1), self.assertRaisesRegex(corpus.CorpusError, "more than"):
            fetch.unpack(self.archive(self.file("p-1/a"), self.file("p-1/b")), self.folder / "out2")


class List(unittest.TestCase):
    def test_every_project_is_pinned_and_hashed(self) -> None:
        projects = corpus.load()
        self.assertGreaterEqual(sum(not p.unseen for p in projects), 12)
        self.assertEqual(sum(p.unseen for p in projects), 3)
        self.assertEqual(sum(p.short for p in projects), 3)
        for project in projects:
            with self.subTest(project.name):
                self.assertRegex(project.sha256, r"^[0-9a-f]{64}$")
                logical = project.requirements.read_text().replace("\\\n", " ").splitlines()
                pins = [line for line in logical if not line.startswith("#")]
                self.assertTrue(pins)
                for pin in pins:
                    self.assertRegex(pin, r"^[a-z0-9-]+==\S+( +--hash=sha256:[0-9a-f]{64})+$")

    def test_every_known_project_has_its_patches(self) -> None:
        bugs = patches.bugs()
        for project in corpus.load():
            with self.subTest(project.name):
                self.assertEqual(project.name in bugs, not project.unseen)
                if not project.unseen:
                    found = {path.name for path in project.patches.iterdir()}
                    wanted = {f"{kind}.patch" for kind in ("bug", *patches.KINDS)} | {"targets.json"}
                    self.assertEqual(found, wanted)

    def test_an_unknown_name_is_told(self) -> None:
        with self.assertRaisesRegex(corpus.CorpusError, "no such project: flsk; known are .*inflection"):
            corpus.select(["flsk"])


class Running(unittest.TestCase):
    def test_a_program_that_fails_shows_its_last_lines(self) -> None:
        with self.assertRaisesRegex(corpus.CorpusError, r"(?s)counting failed with exit code 3.*line 19"):
            corpus.run(
                [sys.executable, "-c", "[print('line', i) for i in range(20)]; exit(3)"], what="counting"
            )

    def test_a_program_that_hangs_is_stopped(self) -> None:
        with self.assertRaisesRegex(corpus.CorpusError, "took longer than 1 seconds"):
            corpus.run([sys.executable, "-c", "import time; time.sleep(60)"], what="waiting", limit=1)

    def test_a_missing_program_is_named(self) -> None:
        with self.assertRaisesRegex(corpus.CorpusError, "no-such-program was not found"):
            corpus.run(["no-such-program"], what="nothing")


class Bad(Folder):
    def test_makes_every_project_and_refuses_a_full_folder(self) -> None:
        told = make_bad.make(self.folder / "bad")
        self.addCleanup(lambda: (self.folder / "bad/unreadable/locked").chmod(0o700))
        made = {path.name for path in (self.folder / "bad").iterdir()}
        self.assertEqual(made, set(told) | {"outside"})
        self.assertTrue(stat.S_ISFIFO((self.folder / "bad/fifo/queue").stat().st_mode))
        with self.assertRaises(OSError):
            (self.folder / "bad/link_loop/test_a.py").stat()
        with self.assertRaisesRegex(corpus.CorpusError, "is not empty"):
            make_bad.make(self.folder / "bad")


if __name__ == "__main__":
    unittest.main()
