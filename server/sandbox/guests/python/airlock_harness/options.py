"""A project's `addopts`, when not every plugin it names is here.

Pure functions over argument lists: what to drop, and what that leaves.  `plugins.json` knows the
options of common plugins (how many values each takes), so `-n auto` is dropped whole.  Any other
option that nobody declared is dropped too, with the value that follows it if that cannot be a test.
"""

import os

from airlock_harness import data

_table = data.load("plugins.json")
PLUGINS = _table["plugins"]
#: pytest's own options that would end, cut or reorder a run: option -> number of values.
UNWANTED = _table["unwanted_options"]


def split(argument):
    """("--name", "value" or None) of one argument; short options keep their glued value."""
    if argument.startswith("--"):
        name, equals, value = argument.partition("=")
        return name, value if equals else None
    return argument, None


def _takes(table, argument):
    """How the option in `argument` takes its value: None if `table` has no such option, else one of
    "none", "one" (in the next argument), "maybe" (next argument, unless it is an option), "glued"."""
    name, value = split(argument)
    if name in table:
        return "glued" if value is not None else table[name]
    if len(argument) > 2 and argument[0] == "-" and argument[1] != "-":
        # A short option with its value glued on, as in -n4.
        if table.get(argument[:2]) in ("one", "maybe"):
            return "glued"
    return None


def drop(arguments, table):
    """Take the options of `table` (name -> "none" | "one" | "maybe") out of `arguments`.

    Returns (kept, dropped), each dropped option as the user wrote it, with its value.
    """
    kept, dropped = [], []
    index = 0
    while index < len(arguments):
        argument = arguments[index]
        takes = _takes(table, argument)
        index += 1
        if takes is None:
            kept.append(argument)
            continue
        words = [argument]
        if takes in ("one", "maybe") and index < len(arguments):
            following = arguments[index]
            if takes == "one" or not following.startswith("-"):
                words.append(following)
                index += 1
        dropped.append(" ".join(words))
    return kept, dropped


def absent_table(present):
    """The options of all known plugins that are not in `present` (a set of entry point names)."""
    table = {}
    for plugin in PLUGINS.values():
        if not present.intersection(plugin["names"]):
            table.update(plugin["options"])
    return table


def drop_plugin_arguments(arguments, absent):
    """Take `-p NAME` out where NAME (a plugin's entry point or module) is in `absent`.

    `-p no:NAME` stays: pytest accepts it for any name.  Returns (kept, dropped).
    """
    kept, dropped = [], []
    index = 0
    while index < len(arguments):
        argument = arguments[index]
        index += 1
        name = None
        words = [argument]
        if argument == "-p" and index < len(arguments):
            name = arguments[index]
            words.append(name)
            index += 1
        elif argument.startswith("-p") and not argument.startswith("--"):
            name = argument[2:].lstrip("=")
        if name is not None and absent(name.strip()):
            dropped.append(" ".join(words))
        else:
            kept.extend(words)
    return kept, dropped


def drop_unknown(arguments, known, exists=os.path.exists):
    """Take out every option that `known(name)` denies, with a value that cannot be a test.

    Returns (kept, dropped).
    """
    kept, dropped = [], []
    index = 0
    while index < len(arguments):
        argument = arguments[index]
        index += 1
        if argument == "--":
            kept.extend([argument, *arguments[index:]])
            break
        if not argument.startswith("-") or argument == "-" or known(argument):
            kept.append(argument)
            continue
        words = [argument]
        if index < len(arguments) and "=" not in argument:
            following = arguments[index]
            if not following.startswith("-") and not exists(following.partition("::")[0]):
                words.append(following)
                index += 1
        dropped.append(" ".join(words))
    return kept, dropped


def knower(parser):
    """A predicate for `drop_unknown` from pytest's parser: is this argument an option of anybody?"""
    names = set()
    for group in parser._groups:
        for option in group.options:
            names.update(option.names())
    shorts = {name for name in names if len(name) == 2}

    def known(argument):
        name, _ = split(argument)
        if name in names:
            return True
        if name.startswith("--"):
            return False
        # -vv, -rA, -k'…', -W error: a known letter with something glued on.
        return argument[:2] in shorts

    return known


def marks_of_absent(present):
    """Marks (as pytest's `markers` lines) that the absent known plugins would have registered."""
    return _of_absent(present, "marks")


def inis_of_absent(present):
    """Configuration keys that the absent known plugins would have declared: [name, type]."""
    return _of_absent(present, "ini")


def _of_absent(present, what):
    found = []
    for plugin in PLUGINS.values():
        if not present.intersection(plugin["names"]):
            found.extend(plugin[what])
    return found
