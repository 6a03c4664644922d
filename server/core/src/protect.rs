//! Files that no proposal may change, or only one that the user allowed by name; and secrets, which no guest sees.
//!
//! The lists are data (`data/protected.txt`, `data/secrets.txt`). Names are compared as the most forgiving file systems
//! do (see [`fold_name`](crate::path::fold_name)): what *may* be `.git` on some machine is `.git`.

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
