"""Configuration and collection: pytest up to the point where it would run the first test."""

import os
import sys

import pytest  # boot has put it on the path

from airlock_harness import door, failures, options, plugins, records

#: Most items and errors in the `collected` event; more is a generated suite nobody can read.
MOST_ITEMS = 200_000
MOST_ERRORS = 2_000
MOST_PLUGIN_FILES = 500
MOST_GLOBS = 100
#: About as long as one part of what was found may be, in characters; the door takes 16 MiB at once.
PART = 1 << 20

#: What is being collected before and between the project's files.
CONFIGURATION = "the project's configuration and plugins"

#: Always given: colours never help a machine, and one broken module must not hide the others.
#: faulthandler needs a second descriptor for stderr.
BASE_ARGUMENTS = ["--color=no", "--continue-on-collection-errors", "-p", "no:faulthandler"]


class Fatal(Exception):
    """Nothing can be collected: a plain message, and why, if the sandbox is the reason."""

    def __init__(self, message, reason=None, location=None, placeholder=None):
        super().__init__(message)
        self.message, self.reason, self.location = message, reason, location
        self.placeholder = placeholder


class Collection:
    """One configured and collected pytest session, ready to run."""

    def __init__(self, command):
        self.root = command["root"]
        self.cwd = command.get("cwd") or self.root
        self.arguments = list(command.get("args") or [])
        self.drop_options = list(command.get("drop_options") or [])
        #: Files whose collection did not end, by path relative to the root, with the words for it.
        self.endless = dict(command.get("endless") or {})
        self.loader = plugins.Loader()
        self.ignored, self.notes = [], []
        self.errors, self.skipped = [], []
        #: Lines that ran while the project was configured and collected, as `lines.Coverage.end` gives them.
        self.imported = {}
        self.config = self.session = None
        #: What is run, in order, and by id; several items may have one id.
        self.items, self.by_id = [], {}

    # -- configuration ---------------------------------------------------------------------------

    def configure(self):
        """Parse configuration, load plugins and conftests.  Raises Fatal."""
        from _pytest import config as theirs
        from _pytest.config.exceptions import UsageError

        door.tell_collecting(CONFIGURATION)
        plugins.install(self.loader)
        self._filter_arguments(theirs)
        self._tell_conftests(theirs)
        sys.argv = ["/airlock/pytest/pytest/__main__.py", *self.arguments]
        from airlock_harness import standins

        os.environ["PYTEST_VERSION"] = pytest.__version__
        try:
            self.config = theirs._prepareconfig(
                [*BASE_ARGUMENTS, *self.arguments], [_Declarations(self)]
            )
            self._settle_options()
            standins.register(self.config.pluginmanager, [name for name, _ in self.loader.left_out])
            self.config._do_configure()
        except theirs.ConftestImportFailure as failure:
            raise self._conftest_failed(failure) from None
        except UsageError as error:
            raise Fatal("pytest cannot be configured: " + _said(error)) from None
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:
            raise self._broke("pytest cannot be configured", error) from None

    def _tell_conftests(self, theirs):
        """Have each conftest told when it is imported, and what goes on once it is."""
        manager = theirs.PytestPluginManager
        original = _ORIGINALS.setdefault("_importconftest", manager._importconftest)
        root = self.root

        def importconftest(self, conftestpath, *rest, **named):
            before = door.collecting
            file = failures.relative(str(conftestpath), root)
            door.tell_collecting(file, file)
            module = original(self, conftestpath, *rest, **named)
            door.tell_collecting(*(before or (CONFIGURATION, None)))
            return module

        manager._importconftest = importconftest

    def _filter_arguments(self, theirs):
        """Have every source of addopts filtered before, and once more after, all plugins are known."""
        collection = self

        def validate(config, arguments, via):
            return collection._known_plugins_only(list(arguments))

        theirs.Config._validate_args = validate
        parser_class = theirs.argparsing.Parser
        for name in ("parse", "parse_setoption"):
            # The first is what pytest 9 ends its parsing with, the second what 7 and 8 do.
            original = _ORIGINALS.setdefault(name, getattr(parser_class, name, None))
            if original is not None:
                setattr(parser_class, name, self._final_parse(original))

    def _final_parse(self, original):
        collection = self

        def parse(parser, arguments, *rest, **named):
            kept, dropped = options.drop_unknown(
                [os.fspath(a) for a in arguments], options.knower(parser)
            )
            collection._ignore(dropped)
            return original(parser, kept, *rest, **named)

        return parse

    def _known_plugins_only(self, arguments):
        table = options.absent_table(self.loader.will_load())
        own = _options_of_conftests(self.cwd, self.root)
        table = {name: takes for name, takes in table.items() if name not in own}
        table.update(options.UNWANTED)
        table.update({name: "none" for name in self.drop_options})
        kept, dropped = options.drop(arguments, table)
        kept, more = options.drop_plugin_arguments(kept, self.loader.absent)
        self._ignore(dropped + more)
        return kept

    def _ignore(self, dropped):
        for option in dropped:
            if option not in self.ignored:
                self.ignored.append(option)

    def _settle_options(self):
        """What must hold whatever the project asks for, once all options are parsed."""
        option = self.config.option
        if getattr(option, "maxfail", 0):
            self._ignore([f"--maxfail={option.maxfail}"])
            option.maxfail = 0
        option.continue_on_collection_errors = True
        for name in ("collectonly", "usepdb", "setupplan", "setuponly", "setupshow", "trace"):
            if getattr(option, name, False):
                self._ignore([f"--{name}"])
                setattr(option, name, False)
        if getattr(option, "tbstyle", "auto") not in ("auto", "long", "short"):
            option.tbstyle = "auto"  # messages and places are read off the full report
        if hasattr(option, "benchmark_disable"):
            option.benchmark_disable = True
            option.benchmark_enable = False
        if self.loader.unknown_left_out:
            option.strict_markers = False

    # -- collection ------------------------------------------------------------------------------

    def collect(self):
        """Start the session and collect.  Raises Fatal."""
        from _pytest.config.exceptions import UsageError
        from _pytest.main import Session

        config = self.config
        try:
            self.session = session = Session.from_config(config)
            session.exitstatus = 0
            config.hook.pytest_sessionstart(session=session)
            _silence_terminal(config)
            config.hook.pytest_collection(session=session)
        except UsageError as error:
            raise Fatal(_said(error)) from None
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:
            raise self._broke("collection ended early", error) from None
        self.items = list({id(item): item for item in session.items}.values())
        for item in self.items:
            self.by_id.setdefault(item.nodeid, []).append(item)
        shared = [name for name, items in self.by_id.items() if len(items) > 1]
        if shared:
            self.notes.append(f"several tests have one id ({len(shared)} times, such as {shared[0]}): all of them are run, "
                              "and the worst outcome counts")

    def collect_report(self, report):
        """pytest's report on one collector: an error and a module-level skip are results of ours."""
        if report.failed and len(self.errors) < MOST_ERRORS:
            self.errors.append(failures.of_collection(report, self.root))
        elif report.skipped:
            self.skipped.append((report.nodeid, failures.skip_reason(report), report))

    # -- the event -------------------------------------------------------------------------------

    def emit_found(self):
        """Tell what was found, in parts: one message has a bound that a large suite goes beyond."""
        with _Parts("items") as parts:
            for item, *_ in list(self.by_id.values())[:MOST_ITEMS]:
                parts.add(self._item(item))
            for nodeid, _, _ in self.skipped:
                path = nodeid.partition("::")[0]
                parts.add({"id": nodeid, "path": path, "line": None, "doctest": False})
        if len(self.by_id) > MOST_ITEMS:
            self.notes.append(f"only the first {MOST_ITEMS} of {len(self.by_id)} tests are run")
        self.emit_errors()

    def emit_errors(self):
        """Tell the errors of collection, in parts."""
        with _Parts("errors") as parts:
            for error in self.errors:
                parts.add(error)

    def event(self):
        """Fields of the `collected` event, which ends the parts."""
        config = self.config
        return {
            "notes": [door.bounded(n, 500) for n in (*self.notes, *self.loader.notes())],
            "rootdir": str(config.rootpath),
            "inifile": str(config.inipath) if config.inipath else None,
            "plugins": sorted({p.name for _, p in self.loader.found() if p.name in self.loader.present}),
            "plugin_files": [failures.relative(f, self.root) for f in _plugin_files(config)],
            "imported": self.imported,
            "python_files": [str(p) for p in _ini(config, "python_files", [])][:MOST_GLOBS],
            "testpaths": [str(p) for p in _ini(config, "testpaths", [])],
            "ignored_options": self.ignored,
            "fatal": None,
        }

    def _item(self, item):
        try:
            path, line, _ = item.location
        except Exception:  # a plugin's item without a place
            path, line = item.nodeid.partition("::")[0], None
        return {
            "id": item.nodeid,
            "path": failures.relative(str(getattr(item, "path", path)), self.root),
            "line": None if line is None else line + 1,
            "doctest": type(item).__name__ == "DoctestItem",
        }

    # -- failures --------------------------------------------------------------------------------

    def _conftest_failed(self, failure):
        cause = getattr(failure, "cause", None)
        if cause is None:  # pytest 7: (type, value, traceback)
            cause = failure.excinfo[1]
        path = failures.relative(str(failure.path), self.root)
        return self._broke(f"{path} cannot be imported", cause)

    def _broke(self, what, error):
        found = failures.of_exception(error, self.root)
        reason, placeholder = failures.reason_of(error)
        record = records.stamped(error)
        if reason is None and record is not None:
            reason = record.plain()
        message = f"{what}: {found['exception']}: {found['message']}"
        return Fatal(message, reason, found["location"], placeholder)


class _Parts:
    """Sends what is added as events of about `PART` characters each."""

    def __init__(self, name):
        self.name, self.held, self.size = name, [], 0

    def add(self, entry):
        self.held.append(entry)
        # Escaped, a character may become six; twelve where it needs two of them.
        self.size += 100 + sum(12 * len(text) for text in entry.values() if isinstance(text, str))
        if self.size > PART:
            self.send()

    def send(self):
        if self.held:
            door.emit("collected_part", **{self.name: self.held})
        self.held, self.size = [], 0

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            self.send()


_ORIGINALS = {}


def _said(error):
    """A usage error's own words, without the program's usage line."""
    text = "; ".join(str(a) for a in error.args)
    marker = "error: "
    return door.bounded(text[text.rfind(marker) + len(marker):] if marker in text else text, 2000)


def _ini(config, name, default):
    try:
        return config.getini(name)
    except (KeyError, ValueError):
        return default


def _plugin_files(config):
    """Files of the plugins that `pytest_plugins` and `-p` name, conftests apart.

    What came by an entry point is not among them: of a project that is itself a plugin, that is the code under test.
    """
    manager = config.pluginmanager
    by_entry_point = {id(plugin) for plugin, _ in manager.list_plugin_distinfo()}
    files = set()
    for name, plugin in manager.list_name_plugin():
        file = getattr(plugin, "__file__", None)
        if isinstance(file, str) and id(plugin) not in by_entry_point and not name.endswith("conftest.py"):
            files.add(os.path.abspath(file))
    return sorted(files)[:MOST_PLUGIN_FILES]


def _options_of_conftests(*folders):
    """Long options that conftest files near the root add themselves (by their text, unrun)."""
    import re

    found = set()
    for folder in dict.fromkeys(folders):
        for name in ("conftest.py", "tests/conftest.py", "test/conftest.py"):
            try:
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    text = file.read(1_000_000)
            except OSError:
                continue
            if "addoption" in text:
                found.update(re.findall(r"""["'](--[A-Za-z0-9_-]+)["']""", text))
    return found


def _silence_terminal(config):
    """The terminal reporter stays (plugins ask for it) but nobody reads what it prints."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    writer = getattr(reporter, "_tw", None)
    if writer is not None and hasattr(writer, "_file"):
        writer._file = _Nowhere()


class _Nowhere:
    """A text file that keeps nothing."""

    encoding, errors, closed, mode, name = "utf-8", "replace", False, "w", "<nowhere>"

    def write(self, text):
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return False

    def fileno(self):
        return 1


class _Declarations:
    """A pytest plugin that declares what left-out plugins would have, and listens to collection."""

    def __init__(self, collection):
        self._collection = collection

    def pytest_addoption(self, parser):
        # faulthandler is switched off; its keys stay known.
        for name in ("faulthandler_timeout", "faulthandler_exit_on_timeout"):
            parser.addini(name, "declared for the plugin that is switched off", default="")

    def pytest_load_initial_conftests(self, early_config, parser, args):
        for name, kind in options.inis_of_absent(self._collection.loader.present):
            if name not in parser._inidict:
                parser.addini(
                    name,
                    "declared for a plugin that is left out",
                    type=None if kind == "string" else kind,
                    default=None if kind != "string" else "",
                )

    def pytest_configure(self, config):
        for mark in options.marks_of_absent(self._collection.loader.present):
            config.addinivalue_line("markers", mark)

    def pytest_collectreport(self, report):
        self._collection.collect_report(report)

    def pytest_collectstart(self, collector):
        if type(collector).__name__ in ("Module", "DoctestModule", "Package"):
            records.book.module = path = str(collector.path)
            file = failures.relative(path, self._collection.root)
            door.tell_collecting(file, file)

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector):
        words = self._collection.endless
        words = words and words.get(failures.relative(str(getattr(collector, "path", "")), self._collection.root))
        if not words or not isinstance(collector, pytest.File):
            return None
        from _pytest.reports import CollectReport

        return CollectReport(collector.nodeid, "failed", words, [])

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self):
        door.tell_collecting("the hooks that follow, such as pytest_collection_modifyitems")


def relax_configuration(notes):
    """Unknown configuration keys and missing plugins are noted, never the end of the run."""
    from _pytest.config import Config

    def warn_or_fail(self, message):
        notes.append(message.strip())

    def validate_plugins(self):
        required = self.getini("required_plugins")
        missing = [r for r in required if not _has(self, r)]
        if missing:
            notes.append("required plugins that are not loaded: " + ", ".join(missing))

    Config._warn_or_fail_if_strict = warn_or_fail
    Config._validate_plugins = validate_plugins


def _has(config, requirement):
    import re

    name = re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0].lower()
    known = {d.project_name.lower() for _, d in config.pluginmanager.list_plugin_distinfo()}
    return name in known
