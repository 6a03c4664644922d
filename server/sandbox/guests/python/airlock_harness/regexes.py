"""Regular expressions that tests use, compiled before the freeze.

`re` compiles in Python and keeps what it made.  A fork of an image in which no test ran has nothing kept, and makes
everything anew: of code that lives by regular expressions that is most of a candidate's time.  So the base runs its
tests once, in a fork of its own, and the image that candidates are forked from is given what `re` kept there.  What is
kept shows in nothing but time; an expression whose compilation warns, or fails, is left to those who use it.
"""

import ast
import re
import warnings

#: No more than `re` keeps itself, and of no more text than fits a message.
_MOST, _MOST_TEXT = 400, 1 << 18


def kept():
    """Names of what `re` keeps now."""
    return frozenset(getattr(re, "_cache", ()))


def used(before):
    """What it keeps now and did not by then, each as the text of a (pattern, flags) pair in ASCII."""
    told, size = [], 0
    for key in kept() - before:
        if not (isinstance(key, tuple) and len(key) == 3 and key[0] in (str, bytes)):
            continue
        _, pattern, flags = key
        if type(flags) is not int or flags & (re.DEBUG | re.LOCALE):
            continue
        text = ascii((pattern, flags))
        size += len(text)
        if len(told) == _MOST or size > _MOST_TEXT:
            break
        told.append(text)
    return told


def prepare(texts):
    """Have `re` keep these."""
    for text in texts:
        pattern, flags = ast.literal_eval(text)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                re.compile(pattern, flags)
            except Exception:
                continue
        if said:
            for kept in (getattr(re, "_cache", {}), getattr(re, "_cache2", {})):
                kept.pop((type(pattern), pattern, flags), None)
