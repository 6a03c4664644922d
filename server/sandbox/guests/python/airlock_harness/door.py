"""The guest's only way out: one JSON request, one JSON answer.

The door is the builtin module `_host`.  It is taken out of reach of the code under test once the
harness holds its function; that guards against accidents, not against an attacker, who shares the
interpreter and could find the function again.
"""

import json
import sys

import _host

_call = _host.call
sys.modules.pop("_host", None)

#: Longest text of any one field that a test can influence, in characters.  The host bounds the
#: whole event again; this keeps a single runaway message from costing every other field.
TEXT_LIMIT = 16 * 1024

_dumps = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
_loads = json.JSONDecoder().decode


def ask(request):
    """Send one request (a dict with "op") and return the host's answer as a dict.

    Raises OSError when the host has no answer.
    """
    answer = _call(_dumps(request).encode("ascii"))
    return _loads(answer.decode("utf-8"))


def command():
    """The command the host wants carried out now."""
    return ask({"op": "command"})


def emit(event, **fields):
    """Stream one event; `fields` must be plain data.  Returns whether the host says that something is used up."""
    fields["event"] = event
    # Decoding the answer would take more of the interpreter than a test may have left whole.
    return b"used_up" in _call(_dumps({"op": "emit", "event": fields}).encode("ascii"))


#: What is being collected now, and the file of the project that was imported last: paths relative to its root.
collecting, imported = None, None


def tell_collecting(what, file=None):
    """Tell what is collected from now on, so that what does not end has a name.

    `what` is in words, None once collection is over; `file` is the project's file that is being imported.
    """
    global collecting, imported
    collecting, imported = (what, file), file or imported
    emit("collecting", what=what, file=file)


def bounded(text, limit=TEXT_LIMIT):
    """`text` cut in its middle to at most about `limit` characters, saying how much was cut.

    The start names what ran and the end says what came out, so both are kept.  Lone surrogates
    (possible in messages about file names) are escaped, because the host's JSON is strict UTF-8.
    """
    if text is None:
        return None
    text = str(text)
    if len(text) > limit:
        head, tail = limit * 3 // 5, limit * 2 // 5
        cut = len(text) - head - tail
        text = f"{text[:head]}\n… {cut} characters left out …\n{text[-tail:]}"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text
