"""Candidates without an import: the code of functions is exchanged in a project that is collected already.

Importing a long module afresh costs more than the tests of one failure, and a candidate of a search mostly changes one
statement of one function.  So its new code is compiled alone, and given to every function that carries the old one: to
methods, properties, what decorators have wrapped, closures that exist.  What passes then is confirmed by an import; what
fails is counted out, so an exchange must show exactly what an import would.  It is done only if

* everything that differs lies in the body of functions, below any signature, decorator and class level;
* none of the code that differs has run while the project was collected: what it left there would be of the old code;
* the compiler, given such a part of the base alone, makes what the import made of it;
* the new code wants the same variables from outside, and is no generator where the old one was none.

Everything else is told as `needs_import`.
"""

import ast
import gc
import importlib.machinery
import importlib.util
import sys
import types

_TOOL = 3  # 4 is for coverage; the others are spoken for

_DOCSTRING = 0x4000000
_KINDS = 0x20 | 0x80 | 0x200  # generator, coroutine, asynchronous generator
_ARGUMENTS = ("co_argcount", "co_posonlyargcount", "co_kwonlyargcount")
_FUTURE = 0x1FF0000

_SUSPENDED = {
    types.GeneratorType: "gi_code", types.CoroutineType: "cr_code", types.AsyncGeneratorType: "ag_code",
}

#: Modules loaded from the files that candidates change: path -> code objects, one for each load.
_loaded = {}
#: Code of theirs that has run: by identity, and itself, so that the identity stays taken.
_ran = {}
#: What `prepare` found: path -> File.
_files = {}
#: Live functions by the identity of their code.
_functions = {}


class NeedsImport(Exception):
    """The candidate cannot be judged by an exchange of code; its argument says why."""


# -- while the project is collected --------------------------------------------------------------------------------------


def watch(paths):
    """From now on note which code of these files is loaded, and which of it runs."""
    if not paths:
        return
    paths = frozenset(paths)
    monitoring = sys.monitoring
    monitoring.use_tool_id(_TOOL, "airlock-collected")
    event = monitoring.events.PY_START

    def started(code, offset, _ran=_ran, _disable=monitoring.DISABLE):
        _ran[id(code)] = code
        return _disable

    monitoring.register_callback(_TOOL, event, started)
    loader = importlib.machinery.SourceFileLoader
    original = loader.get_code

    def get_code(self, name=None):
        code = original(self, name)
        if code is not None and code.co_filename in paths:
            _loaded.setdefault(code.co_filename, []).append(code)
            for inner in _tree(code):
                monitoring.set_local_events(_TOOL, inner, event)
        return code

    loader.get_code = get_code
    _undo.append(lambda: setattr(loader, "get_code", original))


_undo = []


def _tree(code):
    """The code objects below a module's."""
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield const
            yield from _tree(const)


# -- before the freeze ---------------------------------------------------------------------------------------------------


class _Part:
    """An outermost function of a file: the unit that is compiled alone."""

    __slots__ = ("chain", "name", "start", "body", "end", "old", "code")

    def __init__(self, chain, node):
        self.chain, self.name = chain, node.name
        self.start = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        self.body, self.end = node.body[0].lineno, node.end_lineno
        self.old = self.code = None


class _File:
    def __init__(self, lines, flags, imported):
        self.lines, self.flags = lines, flags
        self.parts = []
        # A call of what a module imports at its top is compiled in another way than a call of a method.
        self.head = ["import " + ", ".join(f"_ as {name}" for name in imported)] if imported else []


def prepare():
    """Find the functions of the watched files, and everything alive that carries their code."""
    while _undo:
        _undo.pop()()
    if sys.monitoring.get_tool(_TOOL):
        sys.monitoring.register_callback(_TOOL, sys.monitoring.events.PY_START, None)
    wanted = {}
    for path, codes in _loaded.items():
        if len(codes) != 1:
            continue  # loaded twice: two sets of functions, one of which may be gone
        try:
            with open(path, "rb") as file:
                source = importlib.util.decode_source(file.read())
            tree = ast.parse(source)
        except (OSError, SyntaxError, ValueError):
            continue
        file = _File(source.split("\n"), codes[0].co_flags & _FUTURE, sorted(set(_imported(tree.body))))
        for part in _parts(tree.body, ()):
            try:
                part.old = _compile(path, file, part, file.lines[part.start - 1:part.end], 0)
            except (SyntaxError, NeedsImport):
                continue
            part.code = _find(codes[0], part, part.start)
            alone = _find(part.old, part, part.start)
            if part.code is None or alone is None or part.code != alone:
                continue
            file.parts.append(part)
            for code in (part.code, *_tree(part.code)):
                wanted[id(code)] = code
        _files[path] = file
    gc.unfreeze()
    for thing in gc.get_objects():
        kind = type(thing)
        if kind is types.FunctionType:
            if id(thing.__code__) in wanted:
                _functions.setdefault(id(thing.__code__), []).append(thing)
        elif kind in _SUSPENDED:
            # Begun or not, it goes on with the code it was made from.
            code = getattr(thing, _SUSPENDED[kind])
            _ran[id(code)] = code


def _parts(statements, chain):
    """Outermost functions, also those in classes and below conditions."""
    for node in statements:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if not node.type_params:
                yield _Part(chain, node)
        elif isinstance(node, ast.ClassDef):
            if not node.type_params:
                yield from _parts(node.body, (*chain, node.name))
        else:
            for inner in _blocks(node):
                yield from _parts(inner, chain)


def _blocks(node):
    """The statements below a compound one that opens no scope."""
    for field in ("body", "orelse", "finalbody"):
        yield getattr(node, field, None) or ()
    for field in ("handlers", "cases"):
        for inner in getattr(node, field, ()):
            yield inner.body


def _imported(statements):
    """Names that imports bind in a module itself."""
    for node in statements:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if alias.name != "*":
                    yield alias.asname or alias.name.partition(".")[0]
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for inner in _blocks(node):
                yield from _imported(inner)


def _compile(path, file, part, lines, shift):
    """A part alone, at the lines it has in the file and in classes of the same names."""
    start = part.start + shift
    head = [*file.head, *(" " * depth + f"class {name}:" for depth, name in enumerate(part.chain))]
    if not part.chain and lines[0][:1] in " \t":
        head.append("if 1:")  # a function below a condition of the module's
    if start <= len(head):
        raise NeedsImport("there are too few lines above it to compile it alone")
    text = "\n".join([*head, *[""] * (start - 1 - len(head)), *lines, ""])
    return compile(text, path, "exec", flags=file.flags, dont_inherit=True)


def _find(code, part, start):
    """The code of a part within its module's."""
    for name in part.chain:
        inner = [c for c in code.co_consts if isinstance(c, types.CodeType) and c.co_name == name]
        # The same class twice, under a condition: the one with the function at its line.
        inner = [c for c in inner if any(_is(f, part.name, start) for f in _tree(c))]
        if len(inner) != 1:
            return None
        code = inner[0]
    found = [c for c in code.co_consts if _is(c, part.name, start)]
    return found[0] if len(found) == 1 else None


def _is(const, name, start):
    return isinstance(const, types.CodeType) and const.co_name == name and const.co_firstlineno == start


# -- in each fork --------------------------------------------------------------------------------------------------------


def swap(edits):
    """Exchange the code of what the candidate changes.  Raises NeedsImport; then nothing was exchanged.

    Each edit is {"path", "changes": [[first line replaced, from 0, line after the last, new lines], …]}, the changes
    in order, by the lines of the base.
    """
    exchanges = []
    for edit in edits:
        file = _files.get(edit["path"])
        if file is None:
            raise NeedsImport("the file was not loaded once, as a module, while the tests were collected")
        shift = 0
        by_part = {}
        for first, after, lines in edit["changes"]:
            part = _part_of(file, first, after)
            known = by_part.setdefault(id(part), (part, shift, []))
            known[2].append((first, after, lines))
            shift += len(lines) - (after - first)
        for part, before, changes in by_part.values():
            exchanges.extend(_exchange(edit["path"], file, part, before, changes))
    for old, new in exchanges:
        for function in _functions.get(id(old), ()):
            function.__code__ = new


def _part_of(file, first, after):
    """The part whose body holds lines `first` to `after`."""
    for part in file.parts:
        # A line put right behind the last one may belong to it: the compiler tells.
        if part.body - 1 <= first and after <= part.end and (first < part.end or first == after):
            return part
    raise NeedsImport("it changes more than the body of functions, or a function that is not compiled alone")


def _exchange(path, file, part, shift, changes):
    lines, at = [], part.start - 1
    for first, after, new in changes:
        lines += file.lines[at:first]
        lines += new
        at = after
    lines += file.lines[at:part.end]
    try:
        module = _compile(path, file, part, lines, shift)
    except SyntaxError:
        raise NeedsImport("it cannot be compiled alone") from None
    new = _find(module, part, part.start + shift)
    if new is None or not _same_around(part.old, module, part, shift):
        raise NeedsImport("it changes what runs at import")
    exchanges = []
    _compare(part.code, new, exchanges)
    return exchanges


def _own(code):
    """A code object but for its place and the code inside it."""
    consts = tuple(None if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.replace(co_consts=consts, co_linetable=b"", co_firstlineno=1)


def _same_around(old, new, part, shift):
    """Whether two modules with one part differ in nothing but that part's code."""
    chain = list(part.chain)
    while True:
        if _own(old) != _own(new):
            return False
        olds = [c for c in old.co_consts if isinstance(c, types.CodeType)]
        news = [c for c in new.co_consts if isinstance(c, types.CodeType)]
        if len(olds) != len(news):
            return False
        if not chain:
            pairs = [(o, n) for o, n in zip(olds, news) if not _is(o, part.name, part.start)]
            return all(_alike(o, n) for o, n in pairs)
        name = chain.pop(0)
        inner = [(o, n) for o, n in zip(olds, news) if o.co_name == name]
        if len(inner) != 1 or not all(_alike(o, n) for o, n in zip(olds, news) if o.co_name != name):
            return False
        old, new = inner[0]


def _alike(old, new):
    """Whether two pieces of code do the same, wherever they stand."""
    if _own(old) != _own(new):
        return False
    pairs = list(zip(old.co_consts, new.co_consts))
    return all(_alike(o, n) for o, n in pairs if isinstance(o, types.CodeType))


def _compare(old, new, exchanges):
    """Note (old, new) for `old` and what of the code inside it differs; whether anything does."""
    if _own(old) != _own(new):
        _check(old, new)
        exchanges.append((old, new))
        # Functions inside it exist only once it ran, which it did not.
        return True
    found = []
    for inner, other in zip(old.co_consts, new.co_consts):
        if isinstance(inner, types.CodeType):
            found.append(_compare(inner, other, exchanges))
    if any(found):
        exchanges.append((old, new))
    return any(found)


def _check(old, new):
    if id(old) in _ran:
        raise NeedsImport("what it changes has run while the tests were collected")
    if old.co_freevars != new.co_freevars:
        raise NeedsImport("the function wants other variables from outside")
    if (old.co_flags ^ new.co_flags) & _KINDS:
        raise NeedsImport("the function becomes a generator, or is one no more")
    if any(getattr(old, name) != getattr(new, name) for name in _ARGUMENTS):
        raise NeedsImport("it changes a signature")
    if _doc(old) != _doc(new):
        raise NeedsImport("it changes a docstring")


def _doc(code):
    return code.co_consts[0] if code.co_flags & _DOCSTRING else None
