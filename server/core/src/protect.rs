//! Files that no proposal may change, or only one that the user allowed by name; and secrets, which no guest sees.
//!
//! The lists are data (`data/protected.txt`, `data/secrets.txt`). Names are compared as the most forgiving file systems
//! do (see [`fold_name`]): what *may* be `.git` on some machine is `.git`.

use std::sync::LazyLock;

use crate::path::{WorkspacePath, fold_name};

/// How well a file is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Lands where the user names the file.
    Named,
    /// Never lands.
    Never,
}

/// A protected file of a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// The file.
    pub path: WorkspacePath,
    /// How well it is protected.
    pub level: Level,
    /// What it is, in plain words: `continuous integration`, `test material`, …
    pub why: &'static str,
}

/// One row of a list: components to be found in a row in a path.
struct Pattern {
    components: Vec<String>,
    /// A folder protects everything beneath it; a file's pattern has to match up to the end of the path.
    folder: bool,
}

struct Rule {
    level: Level,
    why: &'static str,
    pattern: Pattern,
}

static PROTECTED: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    rows(include_str!("../data/protected.txt"))
        .map(|row| {
            let (level, rest) = row.split_once(' ').unwrap_or((row, ""));
            let (pattern, why) = rest.trim_start().split_once(' ').unwrap_or((rest, ""));
            let level = if level == "never" { Level::Never } else { Level::Named };
            Rule { level, why: why.trim(), pattern: Pattern::new(pattern) }
        })
        .collect()
});

static SECRETS: LazyLock<Vec<Pattern>> =
    LazyLock::new(|| rows(include_str!("../data/secrets.txt")).map(Pattern::new).collect());

fn rows(data: &'static str) -> impl Iterator<Item = &'static str> {
    data.lines().map(str::trim).filter(|row| !row.is_empty() && !row.starts_with('#'))
}

/// Whether and how a path is protected by its name alone. What depends on content or on the project (test material, the
/// tables of shared configuration files) is added by [`crate::material`].
pub fn protection(path: &WorkspacePath) -> Option<Protected> {
    let components = path.folded_components();
    let protected = |level, why| Protected { path: path.clone(), level, why };
    if SECRETS.iter().any(|pattern| pattern.matches(&components)) {
        return Some(protected(Level::Never, "it may hold secrets"));
    }
    let found = PROTECTED.iter().filter(|rule| rule.pattern.matches(&components)).max_by_key(|rule| rule.level);
    found.map(|rule| protected(rule.level, rule.why))
}

/// Whether a file of the workspace may hold secrets: keys, tokens, passwords. Such a file reaches no guest, no model, no
/// log, no database. It goes by the name; the list is in `data/secrets.txt`.
pub fn is_secret(path: &WorkspacePath) -> bool {
    let components = path.folded_components();
    SECRETS.iter().any(|pattern| pattern.matches(&components))
}

/// Whether the path lies in git's own folder, on any file system.
pub fn is_git_internal(path: &WorkspacePath) -> bool {
    path.components().any(|component| fold_name(component) == ".git")
}

impl Pattern {
    fn new(text: &str) -> Self {
        let folder = text.ends_with('/');
        // Folded like the paths, but a `*` must stay what it is, and it does.
        let components = text.trim_end_matches('/').split('/').map(fold_name).collect();
        Self { components, folder }
    }

    fn matches(&self, path: &[String]) -> bool {
        let row = |names: &[String]| names.iter().zip(&self.components).all(|(name, glob)| matches_glob(glob, name));
        if self.folder {
            // The folder's own name is protected too: a file or link in its place would stand for it.
            path.windows(self.components.len()).any(row)
        } else {
            path.len() >= self.components.len() && row(&path[path.len() - self.components.len()..])
        }
    }
}

/// `*` stands for any run of characters, also none.
pub(crate) fn matches_glob(glob: &str, name: &str) -> bool {
    let Some((head, mut rest)) = glob.split_once('*') else { return glob == name };
    let Some(mut name) = name.strip_prefix(head) else { return false };
    while let Some((part, later)) = rest.split_once('*') {
        let Some(at) = name.find(part) else { return false };
        name = &name[at + part.len()..];
        rest = later;
    }
    name.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> WorkspacePath {
        WorkspacePath::new(text).unwrap()
    }

    #[test]
    fn every_row_of_the_lists_is_understood() {
        for rule in &*PROTECTED {
            assert!(rule.why.len() > 5, "{:?}", rule.pattern.components);
        }
        for row in rows(include_str!("../data/protected.txt")) {
            assert!(row.starts_with("never ") || row.starts_with("named "), "{row}");
        }
        for row in rows(include_str!("../data/secrets.txt")) {
            assert!(!row.contains(' ') && !row.starts_with('/'), "{row}");
        }
    }

    #[test]
    fn what_never_lands() {
        for name in [
            ".git/config",
            ".git",
            "sub/.git/hooks/pre-commit",
            ".GIT/config",
            ".git./config",
            "git~1/config",
            ".g\u{200c}it/HEAD",
            "airlock.toml",
            "Airlock.TOML",
            "pkg/airlock.toml",
            ".env",
            ".ENV",
            ".env.local",
            ".envrc",
            "prod.env",
            "id_rsa",
            "deploy/id_ed25519.pub",
            "server.pem",
            "tls/server.KEY",
            ".aws/credentials",
            "credentials.json",
            ".netrc",
            ".pypirc",
            ".ssh/config",
            ".env ",
            ".env::$DATA",
        ] {
            let found = protection(&path(name)).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(found.level, Level::Never, "{name}");
        }
    }

    #[test]
    fn what_lands_by_name_alone() {
        for name in [
            ".vscode/settings.json",
            ".VSCODE/tasks.json",
            ".v\u{17f}code/settings.json",
            "x.code-workspace",
            ".idea/workspace.xml",
            ".github/workflows/ci.yml",
            "sub/.GitHub/actions/x",
            ".gitlab-ci.yml",
            ".npmrc",
            "poetry.lock",
            "uv.lock",
            "web/package.json",
            "setup.py",
            "Makefile",
            "conftest.py",
            "tests/CONFTEST.py",
            ".pre-commit-config.yaml",
            ".husky/pre-commit",
            "pylock.dev.toml",
            ".coveragerc",
            ".pdbrc",
            "tasks.py",
            "noxfile.py",
            "pyvenv.cfg",
            ".venv/lib/python3.11/site-packages/pkg/__init__.py",
            "services/a/venv/bin/python",
            ".VENV/pyvenv.cfg",
        ] {
            let found = protection(&path(name)).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(found.level, Level::Named, "{name}");
        }
    }

    #[test]
    fn what_is_free() {
        for name in [
            "src/a.py",
            "src/env.py",
            "src/credentials/__init__.py",
            "src/credentials.py",
            "src/setup/x.py",
            "git/config.py",
            ".gitignore",
            "docs/hooks/a.md",
            "vscode/x.json",
            "environment.yml",
            "src/keys.py",
            "tests/test_a.py",
            "src/venv.py",
            "src/mytasks.py",
            "a.lock.py",
        ] {
            assert_eq!(protection(&path(name)), None, "{name}");
        }
    }

    #[test]
    fn secrets_are_hidden_and_code_is_not() {
        for name in [
            ".env",
            "a/.env.production",
            "id_rsa",
            "key.pem",
            "a.p12",
            ".pypirc",
            ".docker/config.json",
            "x/.kube/config",
            "secrets.yaml",
        ] {
            assert!(is_secret(&path(name)), "{name}");
        }
        for name in [
            "src/env.py",
            "secrets.py",
            "docker/config.json",
            "config",
            "keyboard.py",
            ".github/x.yml",
            "credentials.py",
        ] {
            assert!(!is_secret(&path(name)), "{name}");
        }
        // The name of a virtual environment, too: only the file is a secret.
        assert!(!is_secret(&path(".env/lib/python3.11/site.py")));
    }

    #[test]
    fn globs() {
        let cases = [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acb", false),
            ("*", "", true),
            ("a*b*c", "axbxc", true),
            ("a*b*c", "axcxb", false),
            ("*.py", ".py", true),
            ("ab*ba", "aba", false),
        ];
        for (glob, name, expected) in cases {
            assert_eq!(matches_glob(glob, name), expected, "{glob} {name}");
        }
        assert!(is_git_internal(&path("a/.GIT/x")) && !is_git_internal(&path(".github/x")));
    }
}
