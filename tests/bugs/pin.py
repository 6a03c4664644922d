#!/usr/bin/env python3
"""Writes requirements/NAME.txt for a project of this folder's projects.toml, as tests/corpus/pin.py does.

    python3 tests/bugs/pin.py NAME...
"""

from __future__ import annotations

import argparse
import importlib.util
import sys

import seeded
from corpus import HERE as CORPUS
from corpus import CorpusError, say

# By its path, as this file has the same name.
spec = importlib.util.spec_from_file_location("corpus_pin", CORPUS / "pin.py")
assert spec is not None and spec.loader is not None
corpus_pin = importlib.util.module_from_spec(spec)
spec.loader.exec_module(corpus_pin)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="+", metavar="NAME")
    try:
        known = seeded.projects()
        for name in parser.parse_args().names:
            if not isinstance(known.get(name), seeded.OwnProject):
                raise CorpusError(f"{name}: not in {seeded.HERE / 'projects.toml'}")
            corpus_pin.pin(known[name])
    except CorpusError as error:
        say(f"error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
