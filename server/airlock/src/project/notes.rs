//! What a walk left out, gathered by cause so that ten thousand of one kind are one sentence.

use std::collections::{BTreeMap, BTreeSet};

/// Why something in the tree is not in the snapshot, or cannot be read there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A link whose target lies outside the tree.
    LinkOut,
    /// A FIFO, socket or device.
    Special,
    /// A file or folder that the user may not read.
    Unreadable,
    /// A file above the size limit; listed, but reading it fails.
    TooLarge,
    /// A name that is not UTF-8 or holds a backslash.
    Name,
    /// Folders nested too deep.
    Depth,
}

impl Cause {
    fn sentence(self, count: usize) -> String {
        let (one, many) = match self {
            Self::LinkOut => {
                ("link leads out of the tree and is left out", "links lead out of the tree and are left out")
            }
            Self::Special => ("FIFO, socket or device is left out", "FIFOs, sockets or devices are left out"),
            Self::Unreadable => ("file or folder is not readable", "files or folders are not readable"),
            Self::TooLarge => ("file is too large for the tests to read", "files are too large for the tests to read"),
            Self::Name => (
                "name that cannot be used in the sandbox is left out",
                "names that cannot be used in the sandbox are left out",
            ),
            Self::Depth => {
                ("folder is nested too deep and is left out", "folders are nested too deep and are left out")
            }
        };
        format!("{count} {}", if count == 1 { one } else { many })
    }
}

/// Why a path that exists on disk is not in the snapshot on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// `.gitignore` or git's other ignore files.
    GitIgnored,
    /// A secret.
    Secret,
    /// The setting `ignore`.
    Setting,
    /// A virtual environment, a cache, `node_modules`: not part of the project.
    Generated,
}

impl Hidden {
    /// What hides the path, and what to do if the tests need it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::GitIgnored => "hidden by .gitignore; name it in the user's setting `read` if the tests need it",
            Self::Secret => "treated as a secret, which no test may read",
            Self::Setting => "hidden by the setting `ignore`",
            Self::Generated => "not part of the project (an environment or a cache)",
        }
    }
}

/// Most paths kept for each cause, and most hidden paths kept.
const MAX_SHOWN: usize = 20;
const MAX_HIDDEN: usize = 50_000;

/// Everything a walk has to say besides the entries.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    causes: BTreeMap<Cause, (usize, Vec<String>)>,
    hidden: BTreeMap<String, Hidden>,
    /// Files of the snapshot that git ignores: tests may need them, and nobody else is shown them.
    ignored: BTreeSet<String>,
    /// Patterns and the like that were not understood.
    pub warnings: Vec<String>,
}

impl Notes {
    pub(super) fn add(&mut self, cause: Cause, path: &str) {
        let (count, shown) = self.causes.entry(cause).or_default();
        *count += 1;
        if shown.len() < MAX_SHOWN {
            shown.push(path.to_owned());
        }
    }

    pub(super) fn ignore(&mut self, path: &str) {
        self.ignored.insert(path.to_owned());
    }

    /// Whether git ignores a file that is in the snapshot all the same.
    pub fn is_ignored(&self, path: &str) -> bool {
        self.ignored.contains(path)
    }

    pub(super) fn hide(&mut self, path: &str, why: Hidden) {
        if self.hidden.len() < MAX_HIDDEN {
            self.hidden.insert(path.to_owned(), why);
        }
    }

    /// Why this path, or a folder above it, is not in the snapshot on purpose.
    pub fn hidden(&self, path: &str) -> Option<Hidden> {
        let mut here = Some(path);
        while let Some(path) = here {
            if let Some(why) = self.hidden.get(path) {
                return Some(*why);
            }
            here = path.rsplit_once('/').map(|(folder, _)| folder);
        }
        None
    }

    /// How many files or folders a rule of the user's or the project's hides, and one of them with the rule.
    pub fn hidden_by_rules(&self) -> Option<(usize, &str, Hidden)> {
        let mut all = self.hidden.iter().filter(|(_, why)| matches!(why, Hidden::GitIgnored | Hidden::Setting));
        let (path, why) = all.next()?;
        Some((1 + all.count(), path, *why))
    }

    /// How many paths have this cause.
    #[cfg(test)]
    pub fn count(&self, cause: Cause) -> usize {
        self.causes.get(&cause).map_or(0, |(count, _)| *count)
    }

    /// One sentence for each cause, naming up to three paths.
    pub fn sentences(&self) -> Vec<String> {
        let mut all = self.warnings.clone();
        for (cause, (count, shown)) in &self.causes {
            let names: Vec<String> = shown.iter().take(3).map(|p| p.escape_debug().to_string()).collect();
            let more = if *count > names.len() { ", …" } else { "" };
            all.push(format!("{}: {}{more}", cause.sentence(*count), names.join(", ")));
        }
        all
    }
}
