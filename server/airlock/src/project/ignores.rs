//! Which names git would ignore: `.gitignore` of each folder, `.git/info/exclude`, the user's global file; and patterns
//! from the configuration, written the same way.

use std::io::Read;
use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::beneath::Folder;

/// Largest `.gitignore` read, and most lines of it.
const MAX_BYTES: u64 = 1 << 20;

/// Patterns from the configuration, relative to the root.
#[derive(Clone, Debug)]
pub struct Patterns {
    matcher: Gitignore,
    /// The patterns' literal beginnings, for [`Patterns::may_match_beneath`].
    literal: Vec<String>,
}

impl Patterns {
    /// Reads patterns; a bad one is returned as a sentence.
    pub fn new(lines: &[String]) -> (Self, Vec<String>) {
        let mut builder = GitignoreBuilder::new(".");
        let mut warnings = Vec::new();
        let mut literal = Vec::new();
        for line in lines {
            match builder.add_line(None, line) {
                Ok(_) => literal.push(literal_start(line)),
                Err(e) => warnings.push(format!("the pattern {line:?} is ignored: {e}")),
            }
        }
        (Self { matcher: build(builder), literal }, warnings)
    }

    /// Whether a pattern names this path itself, or a folder above it.
    pub fn matches(&self, path: &str, is_folder: bool) -> bool {
        !self.matcher.is_empty() && self.matcher.matched_path_or_any_parents(path, is_folder).is_ignore()
    }

    /// Whether a pattern could name something beneath this folder.
    pub fn may_match_beneath(&self, folder: &str) -> bool {
        self.literal.iter().any(|start| start.starts_with(folder) || folder.starts_with(start.as_str()))
    }
}

/// The part of a pattern before its first wildcard, without the slash that anchors it. A pattern without an inner slash
/// matches at any depth, and so begins with nothing.
fn literal_start(pattern: &str) -> String {
    let body = pattern.trim_start_matches('!').trim_end_matches('/');
    if !body.contains('/') {
        return String::new();
    }
    let body = body.trim_start_matches('/');
    let end = body.find(['*', '?', '[', '\\']).unwrap_or(body.len());
    body[..end].trim_end_matches('/').to_owned()
}

fn build(builder: GitignoreBuilder) -> Gitignore {
    // Building fails only where the patterns together are too large for a matcher; then nothing is ignored.
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

/// The rules in force while a tree is walked, innermost last.
#[derive(Debug, Default)]
pub struct Rules {
    /// Global, then `info/exclude`; weaker than any `.gitignore`.
    outer: Vec<Gitignore>,
    inner: Vec<Gitignore>,
}

impl Rules {
    /// The rules that hold at the top of a tree.
    pub fn at_top(top: &Path, global: Option<&Path>) -> Self {
        let files = [global.map(Path::to_owned), Some(top.join(".git/info/exclude"))];
        let outer = files
            .into_iter()
            .flatten()
            .filter_map(|file| {
                let meta = std::fs::metadata(&file).ok()?;
                let text = (meta.is_file() && meta.len() <= MAX_BYTES).then(|| std::fs::read(&file).ok())??;
                Some(parse("", &text))
            })
            .collect();
        Self { outer, inner: Vec::new() }
    }

    /// Enters a folder that has a `.gitignore`; says whether there is something to [`Rules::leave`].
    pub fn enter(&mut self, folder: &Folder, path: &str) -> bool {
        let Ok((file, status)) = folder.open_file(".gitignore") else { return false };
        let mut bytes = Vec::new();
        if status.stamp.len > MAX_BYTES || file.take(MAX_BYTES).read_to_end(&mut bytes).is_err() {
            return false;
        }
        self.inner.push(parse(path, &bytes));
        true
    }

    /// Leaves the folder entered last.
    pub fn leave(&mut self) {
        self.inner.pop();
    }

    /// Whether git would ignore this path, its folder not being ignored.
    pub fn ignored(&self, path: &str, is_folder: bool) -> bool {
        for rules in self.inner.iter().rev().chain(self.outer.iter().rev()) {
            match rules.matched(path, is_folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => {}
            }
        }
        false
    }
}

fn parse(folder: &str, bytes: &[u8]) -> Gitignore {
    let mut builder = GitignoreBuilder::new(if folder.is_empty() { "." } else { folder });
    let text = String::from_utf8_lossy(bytes);
    for line in text.strip_prefix('\u{feff}').unwrap_or(&text).lines() {
        // A pattern that is no pattern ignores nothing, as in git.
        let _ = builder.add_line(None, line);
    }
    build(builder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inner_rule_wins_over_an_outer_one() {
        let mut rules =
            Rules { outer: vec![parse("", b"*.txt\n")], inner: vec![parse("", b"build/\n/top.py\n*.log\n")] };
        assert!(rules.ignored("build", true) && !rules.ignored("build", false));
        assert!(rules.ignored("top.py", false) && !rules.ignored("a/top.py", false));
        assert!(rules.ignored("a/x.txt", false));
        rules.inner.push(parse("a", b"!x.txt\n/only.py\n"));
        assert!(!rules.ignored("a/x.txt", false) && rules.ignored("a/b.log", false));
        assert!(rules.ignored("a/only.py", false) && !rules.ignored("a/b/only.py", false));
        rules.leave();
        assert!(rules.ignored("a/x.txt", false));
    }

    #[test]
    fn configured_patterns_name_files_and_what_lies_beneath() {
        let lines = ["data/local/".to_owned(), "*.db".to_owned(), "docs/**/x.txt".to_owned()];
        let (patterns, warnings) = Patterns::new(&lines);
        assert!(warnings.is_empty());
        assert!(patterns.matches("data/local/deep/file", false) && patterns.matches("a/b.db", false));
        assert!(!patterns.matches("data/other", false));
        assert!(Patterns::new(&lines[..1]).0.may_match_beneath("data"));
        assert!(!Patterns::new(&lines[..1]).0.may_match_beneath("node"));
        assert!(patterns.may_match_beneath("anything"));
        let (none, warnings) = Patterns::new(&["a{b".to_owned()]);
        assert!(!none.matches("a", false) && warnings.len() <= 1);
    }
}
