"""Which pytest plugins of the environment are loaded, and what the others leave behind.

A `pytest11` entry point that cannot be imported would end pytest before any test; here it is left out
and named.  Some are left out though they could be imported, because they start processes, only
decorate the terminal, or run part of the tests (`leave_out` in `plugins.json`).
"""

from airlock_harness import options, records


class Loader:
    """Loads entry points for one pytest session and remembers what was left out."""

    def __init__(self):
        #: Entry point and module names of plugins that were loaded.
        self.present = set()
        #: (name, why) of plugins that were found and not loaded.
        self.left_out = []
        #: Whether one was left out that `plugins.json` does not know: its marks and keys are unknown.
        self.unknown_left_out = False
        self._unwanted = {
            name: plugin["leave_out"]
            for plugin in options.PLUGINS.values()
            if "leave_out" in plugin
            for name in plugin["names"]
        }
        self._known = {n for plugin in options.PLUGINS.values() for n in plugin["names"]}
        self._found = None

    def found(self):
        """All (distribution, entry point) of group pytest11 in the environment, found once."""
        if self._found is None:
            from importlib import metadata

            self._found = []
            seen = set()
            for distribution in metadata.distributions():
                for point in distribution.entry_points:
                    if point.group != "pytest11":
                        continue
                    key = (point.name, point.value)
                    if key not in seen:
                        seen.add(key)
                        self._found.append((distribution, point))
        return self._found

    def will_load(self):
        """Names that addopts may speak of: entry points that are found and wanted."""
        names = set()
        for _, point in self.found():
            if self._why_not(point) is None:
                names.update((point.name, _module(point)))
        return names

    def absent(self, name):
        """Whether `-p NAME` names a plugin that will not be there."""
        if name.startswith("no:"):
            return False
        if name in self._unwanted:
            return True
        return name in self._known and name not in self.will_load()

    def _why_not(self, point):
        return self._unwanted.get(point.name) or self._unwanted.get(_module(point))

    def load(self, manager, group, only=None):
        """`PluginManager.load_setuptools_entrypoints`, forgiving; the number of plugins loaded."""
        count = 0
        for distribution, point in self.found():
            if group != "pytest11" or (only is not None and point.name != only):
                continue
            if manager.get_plugin(point.name) or manager.is_blocked(point.name):
                continue
            why = self._why_not(point)
            if why is not None:
                self.left_out.append((point.name, why))
                continue
            try:
                plugin = point.load()
                manager.register(plugin, name=point.name)
            except (KeyboardInterrupt, MemoryError):
                raise
            except BaseException as error:
                self.left_out.append((point.name, f"{type(error).__name__}: {error}"))
                self.unknown_left_out |= point.name not in self._known
                continue
            self.present.update((point.name, _module(point)))
            _remember_distribution(manager, plugin, distribution)
            count += 1
        return count

    def notes(self):
        """What to tell the user, one line per plugin left out for cause."""
        return [f"plugin {name} was left out: {why}" for name, why in self.left_out]


def _module(point):
    return point.value.partition(":")[0].strip()


def _remember_distribution(manager, plugin, distribution):
    """As pluggy does, so that `config.pluginmanager.list_plugin_distinfo()` works."""
    known = getattr(manager, "_plugin_distinfo", None)
    if known is None:
        return
    from pluggy import _manager

    known.append((plugin, _manager.DistFacade(distribution)))


def install(loader):
    """Make pytest's plugin manager load entry points through `loader`."""
    from _pytest.config import PytestPluginManager

    def load_setuptools_entrypoints(self, group, name=None):
        with records.unrecorded():
            return loader.load(self, group, name)

    PytestPluginManager.load_setuptools_entrypoints = load_setuptools_entrypoints
