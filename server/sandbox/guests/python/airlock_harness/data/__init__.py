"""The harness's tables: what varies is data, what decides is code beside it."""

import json
import os


def load(name):
    """One table of this folder, parsed."""
    path = os.path.join(os.path.dirname(__file__), name)
    with open(path, encoding="utf-8") as file:
        return json.load(file)
