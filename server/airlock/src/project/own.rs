//! Which packages in `testpaths` are the project's own code. `testpaths = ["pkg"]` is how projects that keep a package's
//! tests inside it name them, and then what lies beside those tests is what they test. A package of helpers and golden data
//! (`qa`, with tests in it too) looks the same from inside. So its surroundings decide: a package is code where the project
//! has its name or lists it, where it lies in `src`, where code outside of it imports it, and where there is no other code
//! that it could be the tests of.

use std::collections::BTreeSet;

use airlock_core::path::WorkspacePath;
use toml::de::DeTable;

/// Longest file that is looked into, in bytes: names stand in front, and code that is longer is generated.
const LONGEST: usize = 1 << 20;

/// Files beside a project's code that are not of it.
const SCRIPTS: [&str; 5] = ["setup.py", "conftest.py", "noxfile.py", "tasks.py", "fabfile.py"];

/// Folders of tests, wherever they lie.
const TESTS: [&str; 2] = ["test", "tests"];

/// What has to be known of a project's files.
pub struct Tree<'a> {
    /// The project's folder, `""` for the workspace's.
    pub root: &'a str,
    /// Every file.
    pub files: &'a BTreeSet<&'a WorkspacePath>,
    /// A file's content.
    pub read: &'a dyn Fn(&str) -> Option<String>,
    /// Files with tests.
    pub tests: &'a BTreeSet<WorkspacePath>,
}

/// Those of these folders that are packages of the project's own.
pub fn packages(folders: &[WorkspacePath], tree: &Tree<'_>) -> Vec<WorkspacePath> {
    let packages: Vec<&WorkspacePath> = folders.iter().filter(|folder| tree.is_package(folder.as_str())).collect();
    if packages.is_empty() {
        return Vec::new();
    }
    let listed = listed(tree);
    packages.into_iter().filter(|folder| tree.is_own(folder, &listed)).cloned().collect()
}

impl Tree<'_> {
    fn is_package(&self, folder: &str) -> bool {
        self.has(&format!("{folder}/__init__.py"))
    }

    fn has(&self, path: &str) -> bool {
        path.parse::<WorkspacePath>().is_ok_and(|path| self.files.contains(&path))
    }

    fn is_own(&self, package: &WorkspacePath, listed: &BTreeSet<String>) -> bool {
        let name = package.file_name();
        let above = package.as_str().strip_suffix(name).unwrap_or_default().trim_end_matches('/');
        let inside = above.strip_prefix(self.root).unwrap_or(above).trim_start_matches('/');
        let is_top = !self.is_package(above);
        if is_top && (inside == "src" || inside.ends_with("/src") || listed.contains(&same(name))) {
            return true;
        }
        let mut others = self.code().filter(|path| !path.is_beneath(package)).peekable();
        if is_top && others.peek().is_none() {
            return true;
        }
        others.any(|path| (self.read)(path.as_str()).is_some_and(|text| imports(&text, name)))
    }

    /// Python files that are neither tests nor scripts, nor lie among tests or where nothing is imported from.
    fn code(&self) -> impl Iterator<Item = &WorkspacePath> {
        self.files.iter().copied().filter(|path| {
            let mut parts: Vec<&str> = path.as_str().split('/').collect();
            let file = parts.pop().unwrap_or_default();
            let above = path.as_str().strip_suffix(file).unwrap_or_default().trim_end_matches('/');
            let importable = above == self.root || above == "src" || above.ends_with("/src") || self.is_package(above);
            importable
                && path.extension() == Some("py")
                && !SCRIPTS.contains(&file)
                && !self.tests.contains(path)
                && !parts.iter().any(|part| TESTS.contains(part))
        })
    }
}

/// Names of distributions and packages, as they are compared.
fn same(name: &str) -> String {
    name.to_lowercase().replace(['-', '.'], "_")
}

/// The names that the project's own metadata gives to itself and its packages.
fn listed(tree: &Tree<'_>) -> BTreeSet<String> {
    let read = |name: &str| {
        let path = if tree.root.is_empty() { name.to_owned() } else { format!("{}/{name}", tree.root) };
        (tree.read)(&path).unwrap_or_default()
    };
    let mut names = BTreeSet::new();
    if let Ok(table) = DeTable::parse(&read("pyproject.toml")) {
        let table = table.into_inner();
        for path in [&["project", "name"][..], &["tool", "poetry", "name"], &["tool", "flit", "module", "name"]] {
            names.extend(at(&table, path).and_then(|value| value.as_str()).map(same));
        }
        let packages = at(&table, &["tool", "setuptools", "packages"]).and_then(|value| value.as_array());
        names.extend(packages.into_iter().flatten().filter_map(|item| item.get_ref().as_str()).map(same));
    }
    let setup = read("setup.cfg");
    let metadata = setup.split("[metadata]").nth(1).unwrap_or_default().lines();
    let mut lines = metadata.take_while(|line| !line.starts_with('[')).filter_map(|line| line.split_once('='));
    names.extend(lines.find(|(key, _)| key.trim() == "name").map(|(_, name)| same(name.trim())));
    names
}

fn at<'t, 'i>(table: &'t DeTable<'i>, path: &[&str]) -> Option<&'t toml::de::DeValue<'i>> {
    let (last, tables) = path.split_last()?;
    let mut here = table;
    for name in tables {
        here = here.get(*name)?.get_ref().as_table()?;
    }
    here.get(*last).map(|value| value.get_ref())
}

/// Whether a module imports something that has this name as one of its parts.
fn imports(text: &str, name: &str) -> bool {
    text.lines().map(str::trim_start).any(|line| {
        (line.starts_with("import ") || line.starts_with("from "))
            && line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
    })
}

/// A file as text, where it is one of a length that is looked into.
pub fn text(bytes: &[u8]) -> Option<String> {
    (bytes.len() <= LONGEST).then(|| String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `folder` is a package of the project's own.
    fn is_own(folder: &str, files: &[(&str, &str)]) -> bool {
        let paths: Vec<WorkspacePath> = files.iter().map(|(path, _)| path.parse().expect("a path")).collect();
        let tests = paths.iter().filter(|path| path.file_name().starts_with("test_")).cloned().collect();
        let read = |path: &str| Some(files.iter().find(|(name, _)| *name == path)?.1.to_owned());
        let tree = Tree { root: "", files: &paths.iter().collect(), read: &read, tests: &tests };
        !packages(&[folder.parse().expect("a path")], &tree).is_empty()
    }

    const QA: [(&str, &str); 6] = [
        ("app.py", "import json\n"),
        ("qa/__init__.py", ""),
        ("qa/oracle.py", "import app\n"),
        ("qa/golden.json", "{}"),
        ("qa/tests/test_app.py", "from qa import oracle\n"),
        ("conftest.py", "import qa\n"),
    ];

    #[test]
    fn a_package_of_test_helpers_is_not_the_projects_own() {
        assert!(!is_own("qa", &QA));
        assert!(!is_own("qa", &QA[..5]));
        let elsewhere =
            [&QA[..], &[("tests/test_b.py", "import qa.oracle\n"), ("tests/help.py", "import qa\n")]].concat();
        assert!(!is_own("qa", &elsewhere), "tests import their helpers");
        assert!(!is_own("app.py", &QA) && !is_own("nowhere", &QA));
    }

    #[test]
    fn a_package_is_the_projects_own_by_its_name_its_place_its_importers_or_for_want_of_other_code() {
        let with = |path, text| [&QA[..], &[(path, text)]].concat();
        for (path, text) in [
            ("pyproject.toml", "[project]\nname = \"QA\"\n"),
            ("pyproject.toml", "[tool.poetry]\nname = \"qa\"\n"),
            ("pyproject.toml", "[tool.setuptools]\npackages = [\"app\", \"qa\"]\n"),
            ("setup.cfg", "[metadata]\nname = qa\n[options]\n"),
            ("cli.py", "def main():\n    from qa.oracle import ask\n"),
        ] {
            assert!(is_own("qa", &with(path, text)), "{path}: {text}");
        }
        for (path, text) in [
            ("pyproject.toml", "[project]\nname = \"app\"\n[tool.pytest.ini_options]\ntestpaths = [\"qa\"]\n"),
            ("setup.cfg", "[metadata]\nversion = 1\n[other]\nname = qa\n"),
            ("cli.py", "# import qa, or from qa\nqa = 1\nimport qanta\n"),
            ("setup.py", "import qa\n"),
        ] {
            assert!(!is_own("qa", &with(path, text)), "{path}: {text}");
        }
        assert!(is_own("qa", &QA[1..]), "nothing else could be tested");
        assert!(is_own("src/qa", &[("src/qa/__init__.py", ""), ("src/app.py", "")]));
        let inner = [("app/__init__.py", ""), ("app/qa/__init__.py", ""), ("app/core.py", "from . import core\n")];
        assert!(!is_own("app/qa", &inner), "a part of a package is judged by who imports it");
        assert!(is_own("app/qa", &[&inner[..], &[("app/main.py", "from . import qa\n")]].concat()));
    }
}
