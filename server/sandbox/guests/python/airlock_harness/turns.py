"""What each command of the host does, in order.

boot       patch the interpreter, import pytest, warm up; frozen by the host, the same for every project
configure  one project: its configuration, plugins, conftests, collection; frozen again
run        some or all of the collected items
screen     all of them on a candidate, by an exchange of code; configured for it
prepare    what candidates would make anew each; frozen again
program    in place of all that: a program that is no test
"""

import gc
import os
import sys

from airlock_harness import door

#: What lives from one command to the next.
_state = {}


def turn():
    """Ask for a command and carry it out; errors of the harness itself are told, not raised."""
    command = door.command()
    handler = _HANDLERS.get(command.get("cmd"))
    if handler is None:
        door.emit("broken", message=f"unknown command {command.get('cmd')!r}")
        return
    try:
        handler(command)
    except BaseException as error:
        _tell_broken(command, error)


def _tell_broken(command, error):
    """Tell what ended a command.  The code under test may have broken whatever is used to say it."""
    message, detail, location = type(error).__name__, None, None
    try:
        message = door.bounded(f"{message}: {error}".rstrip(": "), 500)
        import traceback

        detail = door.bounded("".join(traceback.format_exception(error)))
        from airlock_harness import failures

        location, _ = failures.places(error, command.get("root") or os.getcwd())
    except BaseException:
        pass
    if location is None and door.imported is not None:
        location = {"path": door.imported, "line": 1}
    door.emit("broken", message=message, detail=detail, location=location, boot=command.get("cmd") == "boot")


def _environment(command):
    for name, value in (command.get("env") or {}).items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def boot(command):
    """Install every patch, import pytest, and take the slow first steps of a failing test once."""
    from airlock_harness import hide, locks, native, system

    sys.dont_write_bytecode = True
    sys.path[:] = [p for p in sys.path if not p.startswith("/airlock/")]
    _environment(command)
    for entry in command.get("sys_path") or ():
        if entry not in sys.path:
            sys.path.append(entry)
    locks.install()
    hide.install()
    native.install()
    from airlock_harness import patches

    patches.install()
    where = command.get("pytest") or "/airlock/pytest"
    if where != "environment" and where not in sys.path:
        sys.path.append(where)
    try:
        pytest = _import_pytest(where)
    except BaseException as error:
        door.emit("booted", python=_python(), pytest=None,
                  fatal={"message": f"pytest cannot be imported: {type(error).__name__}: {error}",
                         "reason": None})
        return
    fatal = None
    if int(pytest.__version__.split(".")[0]) < 7:
        fatal = {"message": f"the environment's pytest {pytest.__version__} is too old: "
                            "Airlock needs pytest 7 or newer; update it", "reason": None}
    else:
        from airlock_harness import capture, warm

        capture.install()
        _import_ahead()
        warm.up()
    system.look_like_linux()
    _rest()
    door.emit("booted", python=_python(), pytest=pytest.__version__, fatal=fatal)


def _import_pytest(where):
    """pytest, the environment's where it has one.

    The environment may lack one of pytest's own needs where that is the very project to test,
    installed in editable form: then the guest's copy of it serves pytest.
    """
    import importlib

    try:
        return importlib.import_module("pytest")
    except ModuleNotFoundError:
        if where != "environment":
            raise
    for name in list(sys.modules):
        if name.partition(".")[0] in ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments"):
            del sys.modules[name]
    sys.path.append("/airlock/pytest")
    return importlib.import_module("pytest")


def _import_ahead():
    """What configuring and running will need, ours and the library's, once for all projects."""
    import importlib

    for name in ("collecting", "running", "standins", "late", "portal", "differences", "versions", "lines",
                 "rounds", "brief", "regexes", "swapping", "screening"):
        importlib.import_module(f"airlock_harness.{name}")
    for name in ("doctest", "unittest.mock"):
        importlib.import_module(name)
    from airlock_harness import differences, versions

    differences.rows()
    versions.rows()


def _python():
    return ".".join(map(str, sys.version_info[:3]))


def _rest():
    """Leave memory as a freezer wants it: no garbage, and nothing the collector would touch again."""
    gc.collect()
    gc.freeze()


#: More lines than this are a generated tree: what ran at import is then not told.
MOST_IMPORTED_LINES = 500_000


def configure(command):
    """Configure and collect one project; emits `collected`."""
    import pytest

    from airlock_harness import collecting, lines, native, output, projects, running, swapping, threads, versions

    versions.set_environment(command.get("python"))
    versions.go_back()
    threads.mode = command.get("threads") or "inline"
    output.limit = command.get("output") or output.limit
    native.stand_for(command.get("placeholders") or ())
    _environment(command)
    collection = collecting.Collection(command)
    screening = command.get("screening") or ()
    swapping.watch(screening)
    projects.enter(collection.cwd, command.get("sys_path") or (), command.get("modules") or ())
    collecting.relax_configuration(collection.notes)
    fatal = None
    runner = None
    imports = lines.Coverage((), collection.root) if command.get("imported", True) else None
    if imports is not None:
        imports.begin()
    try:
        runner = running.Runner(collection)
        collection.configure()
        collection.config.pluginmanager.register(runner, "airlock-runner")
        collection.collect()
    except collecting.Fatal as error:
        fatal = {"message": error.message, "reason": error.reason,
                 "location": error.location, "placeholder": error.placeholder}
    finally:
        if imports is not None:
            if imports.total() <= MOST_IMPORTED_LINES:
                collection.imported = imports.end()
            imports.close()
    from airlock_harness import hide, late, records

    late.patch()
    records.book.module = None
    collection.notes.extend(hide.standing_in.values())
    if screening and fatal is None:
        from airlock_harness import screening as running_screened

        swapping.prepare()
        _state["screen"] = running_screened.Screen(runner)
    _state["runner"] = runner if fatal is None else None
    if fatal is None:
        collection.emit_found()
        fields = collection.event()
    else:
        collection.emit_errors()
        fields = _nothing(collection, fatal)
    _rest()
    door.emit("collected", python=_python(), pytest=pytest.__version__, **fields)


def program(command):
    """Run a program of the project, or one about it, without pytest; emits `program`."""
    from airlock_harness import native, output, program, projects, threads, versions

    versions.set_environment(command.get("python"))
    versions.go_back()
    threads.mode = command.get("threads") or "inline"
    output.limit = command.get("output") or output.limit
    native.stand_for(command.get("placeholders") or ())
    _environment(command)
    projects.enter(command["cwd"], command.get("sys_path") or (), command.get("modules") or ())
    program.run(command)


def _nothing(collection, fatal):
    """The `collected` event of a project of which nothing can be collected."""
    config = collection.config
    return {
        "notes": collection.notes + collection.loader.notes(),
        "rootdir": str(config.rootpath) if config is not None else collection.cwd,
        "inifile": str(config.inipath) if config is not None and config.inipath else None,
        "plugins": sorted(collection.loader.present), "testpaths": [],
        "ignored_options": collection.ignored, "fatal": fatal,
    }


def reseed(command):
    """Have the random numbers of this fork be others than those of the image."""
    random = sys.modules.get("random")
    if random is not None:
        random.seed()


def run(command):
    """Run collected items; emits `start` and `result` for each, then `finished`."""
    runner = _state.get("runner")
    if runner is None:
        door.emit("broken", message="run came before a collection that succeeded")
        return
    ended = runner.run(command.get("items"), bool(command.get("coverage")),
                       command.get("coverage_roots") or (), command.get("rounds"), command.get("brief"),
                       command.get("first"))
    counted = runner.rounds.told() if runner.rounds is not None else {}
    door.emit("finished", **counted, **(ended or {"exit": "ok", "message": None}))


def screen(command):
    """Exchange the code of a candidate and run everything; or emit `needs_import`."""
    from airlock_harness import swapping

    if "screen" not in _state:
        door.emit("broken", message="screen came before a collection for it")
        return
    try:
        swapping.swap(command["edits"])
    except swapping.NeedsImport as reason:
        door.emit("needs_import", why=str(reason))
        return
    _state["screen"].run(command.get("rounds"), command.get("first"), bool(command.get("tell")))


def prepare(command):
    """Have ready what the tests use; emits `prepared`."""
    from airlock_harness import regexes

    regexes.prepare(command["patterns"])
    _rest()
    door.emit("prepared")


_HANDLERS = {"boot": boot, "configure": configure, "reseed": reseed, "run": run, "screen": screen,
             "prepare": prepare, "program": program}
