//! Test material: the files that decide what the tests say. The judged run takes all of it from the base.
//!
//! Material is, of the files that the base has: what the runner collects; what lies in folders called `test` or `tests` and
//! in `testpaths` (helpers, golden data); `conftest.py`; the runner's configuration files, and of shared ones
//! (`pyproject.toml`, `tox.ini`, `setup.cfg`) its tables; the examples of doctests, compared as text. Of new files: what the
//! runner or the interpreter would load by itself (`conftest.py`, `sitecustomize.py`, `*.pth`, byte code, …), and a module
//! in an importable place that would stand before one of theirs or of the project's own. Each changed piece of material is
//! protected. New tests are not; they are left out of the judged run. What lands is more than what is judged then, so the
//! tree as it lands is run too, and no test of the base may do worse there.
//!
//! A folder in `testpaths` counts as a whole where it is one of tests: by its name, or since most of its Python files are
//! collected; those in `tests` folders do not count where it is a package of the project's own. (`testpaths = ["src"]` with doctests or with tests beside the code would otherwise make all code material, and
//! no repair could ever land.)

mod doctest;
mod names;

use std::collections::{BTreeMap, BTreeSet};

use crate::overlay::{Change, Overlay};
use crate::path::{WorkspacePath, fold_name};
use crate::proposal::{FileChange, Proposal};
use crate::protect::{Level, Protected, matches_glob, protection};
use crate::snapshot::Snapshot;
use crate::tables;
use names::Configuration;

/// File names that pytest takes for tests where the project says nothing.
const PYTHON_FILES: [&str; 2] = ["test_*.py", "*_test.py"];

/// Folders that hold tests, their helpers and their data, wherever they lie.
const TEST_FOLDERS: [&str; 5] = ["test", "tests", "testdata", "test_data", "test-data"];

/// Words that name a folder of tests; whole words, since `pytest_mock` and `testfixtures` are code under test.
const TEST_WORDS: [&str; 6] = ["test", "tests", "testing", "testsuite", "unittest", "unittests"];

/// What the runner collected on the base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Files with tests, also those that could not be collected.
    pub tests: BTreeSet<WorkspacePath>,
    /// Files with doctests and nothing else.
    pub doctests: BTreeSet<WorkspacePath>,
    /// Modules that the runner loaded because the project's tests or settings name them as plugins (`pytest_plugins`,
    /// `-p`). Not those of an entry point: of a project that is itself a plugin, they are the code under test.
    pub plugins: BTreeSet<WorkspacePath>,
    /// The configuration file that the runner read, which arguments may have named.
    pub configuration: Option<WorkspacePath>,
}

/// What has to be known of a project to tell its test material. All paths are the workspace's.
#[derive(Clone, Copy, Debug)]
pub struct Project<'a> {
    /// The files before the proposal.
    pub base: &'a Snapshot,
    /// The project's folder; `None` for the workspace's root.
    pub root: Option<&'a WorkspacePath>,
    /// What the runner collected on the base.
    pub collected: &'a Collected,
    /// Files and folders of the `testpaths` setting, globs resolved.
    pub testpaths: &'a [WorkspacePath],
    /// Those of `testpaths` that are packages of the project's own code, with tests among it.
    pub own_packages: &'a [WorkspacePath],
    /// Folders on `sys.path` besides those that are always looked at (the roots, their `src`, those of the tests).
    pub import_roots: &'a [WorkspacePath],
    /// The `python_files` setting; empty for pytest's own default.
    pub python_files: &'a [String],
}

/// How a proposal is run and what of it is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The proposal with the base's test material and without new tests: what is judged.
    pub judged: Overlay,
    /// The tree as it would land: with the proposal's own tests, and with the protected files that were named. `None` where
    /// that is what is judged anyway.
    pub landing: Option<Overlay>,
    /// Files of the proposal that land only where they are named, and those that never do; in order of path.
    pub protected: Vec<Protected>,
    /// New files that are tests or belong to them.
    pub new_tests: Vec<WorkspacePath>,
}

/// What one change of a proposal is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Role {
    /// Code: judged as proposed.
    Code,
    /// A new test, or a file for one.
    NewTest,
    /// A test that the base has, or a file for one.
    Test(&'static str),
    /// Configures the runner, is loaded by itself or stands before a module.
    Runner(&'static str),
    /// A shared configuration file, and what of it is judged.
    Spliced(Vec<u8>),
}

impl Project<'_> {
    /// Sorts the changes of a proposal, of which the user named some protected files.
    pub fn plan(&self, proposal: &Proposal, allowed: &[WorkspacePath]) -> Plan {
        let roots = self.import_roots();
        let spellings = self.spellings(proposal);
        let mut judged = proposal.overlay();
        let mut landing = proposal.overlay();
        let mut plan = Plan { judged: Overlay::new(), landing: None, protected: Vec::new(), new_tests: Vec::new() };
        for (path, change) in proposal.files() {
            let mut protected = protection(path);
            let named = allowed.contains(path);
            let role = self.role(path, change, proposal, &roots);
            let why = match role {
                Role::Code => None,
                Role::NewTest => {
                    judged.reset(path);
                    plan.new_tests.push(path.clone());
                    None
                }
                Role::Test(why) => {
                    judged.reset(path);
                    Some(why)
                }
                Role::Runner(why) => {
                    judged.reset(path);
                    if !named {
                        landing.reset(path);
                    }
                    Some(why)
                }
                Role::Spliced(bytes) => {
                    let executable = change.new_state().map(|state| state.executable());
                    let spliced = Change::Write { bytes: bytes.as_slice().into(), executable };
                    if !named {
                        landing.set(path.clone(), spliced.clone());
                    }
                    judged.set(path.clone(), spliced);
                    Some("test material: the runner's tables")
                }
            };
            if let Some(why) = why {
                protected.get_or_insert(Protected { path: path.clone(), level: Level::Named, why });
            }
            if change.base().is_none() && respells(path, &spellings) {
                let why = "some systems take it for a file or folder that is there under another spelling";
                protected.get_or_insert(Protected { path: path.clone(), level: Level::Named, why });
            }
            if changes_own_table(path, change) {
                protected = Some(Protected {
                    path: path.clone(),
                    level: Level::Never,
                    why: "it holds Airlock's own configuration",
                });
            }
            if let Some(protected) = protected {
                // What never lands is not run either: a secret reaches no guest.
                if protected.level == Level::Never {
                    judged.reset(path);
                    landing.reset(path);
                }
                plan.protected.push(protected);
            }
        }
        plan.landing = (landing != judged).then_some(landing);
        plan.judged = judged;
        plan
    }

    /// Whether a file of the base is test material as a whole. For a failure's place: a test's, or the code's under test.
    pub fn is_material(&self, path: &WorkspacePath) -> bool {
        self.collected.tests.contains(path)
            || self.lies_among_tests(path)
            || fold_name(path.file_name()) == "conftest.py"
            || self.collected.plugins.contains(path)
            || names::configuration(path) == Some(Configuration::Own)
    }

    fn role(&self, path: &WorkspacePath, change: &FileChange, proposal: &Proposal, roots: &BTreeSet<String>) -> Role {
        if names::loads_by_itself(path) {
            return Role::Runner("test material: loaded by the runner or the interpreter itself");
        }
        match names::configuration(path) {
            Some(Configuration::Own) => return Role::Runner("test material: the runner's configuration"),
            Some(Configuration::Shared(format)) => return shared(path, change, format),
            None if self.collected.configuration.as_ref() == Some(path) => {
                return Role::Runner("test material: the runner's configuration");
            }
            None => {}
        }
        if self.collected.plugins.contains(path) {
            return Role::Runner("test material: a plugin that the tests or their settings name");
        }
        let Some(base) = change.base() else { return self.role_of_new(path, proposal, roots) };
        if self.collected.tests.contains(path) {
            return Role::Test("test material: a test file");
        }
        if self.lies_among_tests(path) {
            return Role::Test("test material: it lies among the tests");
        }
        if self.collected.doctests.contains(path) {
            let source = path.extension() == Some("py");
            let kept = change.new_state().is_some_and(|new| doctest::keeps_examples(base.bytes(), new.bytes()));
            if !source || !kept {
                return Role::Test("test material: its doctests");
            }
        }
        Role::Code
    }

    fn role_of_new(&self, path: &WorkspacePath, proposal: &Proposal, roots: &BTreeSet<String>) -> Role {
        if names::shadows(path, self.base, roots).is_some() {
            return Role::Runner("test material: it would stand before a module of the runner or the interpreter");
        }
        let stays = |there: &WorkspacePath| proposal.get(there).is_none_or(|change| change.new_state().is_some());
        if names::doubles(path, self.base, roots, &stays) {
            return Role::Runner(
                "test material: it would stand before, or behind, a module of the project's of the same name",
            );
        }
        // Turning a folder of tests into a package changes what the runner imports, and under which names.
        if fold_name(path.file_name()) == "__init__.py" {
            let holds_tests = match path.parent() {
                Some(folder) => self.collected.tests.iter().any(|test| test.is_beneath(&folder)),
                None => true,
            };
            if holds_tests {
                return Role::Runner("test material: it makes a package of a folder with tests");
            }
        }
        if self.is_named_as_a_test(path) || self.lies_among_tests(path) {
            return Role::NewTest;
        }
        Role::Code
    }

    /// Whether the runner would take a file of this name for tests. A pattern that any module meets (`*.py`) tells nothing:
    /// new code would never be judged.
    fn is_named_as_a_test(&self, path: &WorkspacePath) -> bool {
        let matches = |glob: &str| matches_glob(glob, path.file_name());
        let mut telling = self.python_files.iter().filter(|glob| !matches_glob(glob, "module.py")).peekable();
        match telling.peek() {
            Some(_) => telling.any(|glob| matches(glob)),
            None => PYTHON_FILES.into_iter().any(matches),
        }
    }

    /// The files and folders that the proposal leaves, as forgiving file systems compare them, with their true spelling.
    /// Empty where the proposal creates nothing.
    fn spellings(&self, proposal: &Proposal) -> BTreeMap<Vec<String>, &str> {
        let mut spellings = BTreeMap::new();
        if proposal.files().any(|(_, change)| change.base().is_none()) {
            let deleted = |path| proposal.get(path).is_some_and(|change| change.new_state().is_none());
            for (path, _) in self.base.iter().filter(|(path, _)| !deleted(path)) {
                let folded = path.folded_components();
                for (length, spelling) in prefixes(path) {
                    spellings.entry(folded[..length].to_vec()).or_insert(spelling);
                }
            }
        }
        spellings
    }

    /// Whether a file lies in a folder of tests: one called `test`, `tests` or `testdata` (below the project's own folder), or one of
    /// `testpaths`.
    fn lies_among_tests(&self, path: &WorkspacePath) -> bool {
        let relative = self.root.and_then(|root| path.strip_prefix(root)).unwrap_or(path.as_str());
        let mut folders = relative.split('/').rev().skip(1);
        if folders.any(|folder| TEST_FOLDERS.contains(&fold_name(folder).as_str())) {
            return true;
        }
        self.testpaths
            .iter()
            .any(|testpath| path.is_beneath(testpath) && (path == testpath || self.is_folder_of_tests(testpath)))
    }

    fn is_folder_of_tests(&self, folder: &WorkspacePath) -> bool {
        let name = fold_name(folder.file_name());
        if name.split(|c: char| !c.is_alphanumeric()).any(|word| TEST_WORDS.contains(&word)) {
            return true;
        }
        // A package of the project's own keeps its tests in a folder that has the name; what is beside that is code. One of
        // helpers and golden data, with tests in it too, is not code.
        let package = self.own_packages.contains(folder);
        let among_its_tests = |path: &WorkspacePath| {
            let below = path.strip_prefix(folder).unwrap_or(path.as_str());
            below.split('/').rev().skip(1).any(|folder| TEST_FOLDERS.contains(&fold_name(folder).as_str()))
        };
        let (mut python, mut tests) = (0_usize, 0_usize);
        for (path, _) in self.base.beneath(folder) {
            if package && among_its_tests(path) {
                continue;
            }
            if path.extension() == Some("py") && path.file_name() != "__init__.py" {
                python += 1;
                tests += usize::from(self.collected.tests.contains(path));
            }
        }
        tests * 2 > python
    }

    /// Folders that modules are imported from; the workspace's root is the empty text.
    fn import_roots(&self) -> BTreeSet<String> {
        let mut roots: BTreeSet<String> = ["", "src"].map(str::to_owned).into();
        if let Some(root) = self.root {
            roots.extend([root.to_string(), format!("{root}/src")]);
        }
        roots.extend(self.import_roots.iter().map(WorkspacePath::to_string));
        roots.extend(self.collected.tests.iter().map(|test| names::import_folder(test, self.base)));
        roots
    }
}

/// A path and the folders it lies in, each with its number of components.
fn prefixes(path: &WorkspacePath) -> impl Iterator<Item = (usize, &str)> {
    let text = path.as_str();
    let ends = text.match_indices('/').map(|(at, _)| at).chain([text.len()]);
    ends.enumerate().map(|(index, end)| (index + 1, &text[..end]))
}

/// Whether a new path, or a folder of it, differs only in spelling from what is there.
fn respells(path: &WorkspacePath, spellings: &BTreeMap<Vec<String>, &str>) -> bool {
    let folded = path.folded_components();
    prefixes(path).any(|(length, spelling)| spellings.get(&folded[..length]).is_some_and(|there| *there != spelling))
}

/// A `pyproject.toml`, `tox.ini` or `setup.cfg`.
fn shared(path: &WorkspacePath, change: &FileChange, format: tables::Format) -> Role {
    const WHOLE: &str = "test material: it configures the runner, and its tables cannot be told apart";
    // pytest takes a pyproject.toml without its tables for the root of a project, so that one comes and goes as a whole.
    let marks_root = fold_name(path.file_name()) == "pyproject.toml";
    match (change.base(), change.new_state()) {
        (Some(base), Some(new)) => match tables::runner_tables(format, base.bytes(), new.bytes()) {
            tables::Change::Same => Role::Code,
            tables::Change::Spliced(bytes) => Role::Spliced(bytes),
            tables::Change::Unclear => Role::Runner(WHOLE),
        },
        (Some(state), None) | (None, Some(state)) => {
            if marks_root || tables::has_runner_tables(format, state.bytes()) {
                Role::Runner("test material: the runner's configuration")
            } else {
                Role::Code
            }
        }
        (None, None) => Role::Code,
    }
}

fn changes_own_table(path: &WorkspacePath, change: &FileChange) -> bool {
    let bytes =
        |state: Option<&crate::proposal::FileState>| state.map(|state| state.bytes().clone()).unwrap_or_default();
    fold_name(path.file_name()) == "pyproject.toml"
        && tables::own_table_differs(&bytes(change.base()), &bytes(change.new_state()))
}

#[cfg(test)]
mod tests;
