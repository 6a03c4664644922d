//! A guest as data: which files it consists of, where it wants to see them, how it is driven.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;

/// What the sandbox knows of a guest. The data file is `guests/<name>/guest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    pub name: String,
    pub version: String,
    /// File name of the module in the guest's folder.
    pub module: String,
    /// SHA-256 of the module, hexadecimal. The ranges below are true of this file only.
    pub module_sha256: String,
    /// Archive with the standard library, in the guest's folder; none: the module has it inside.
    pub library: Option<Placed>,
    /// Folder with the test runner that comes with the guest.
    pub runner: Option<Placed>,
    /// Where the harness is mounted; none: the guest runs without it.
    pub harness_at: Option<String>,
    /// Where its processes find a file that stands for the program they are: there, executable and empty.
    #[serde(default)]
    pub program: Option<String>,
    /// Function indices, imports included, whose bodies are compiled: half-open ranges; none: all are.
    #[serde(default)]
    kept_functions: Vec<(u32, u32)>,
    /// Environment variables of every process.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    pub start: Start,
}

/// Something of the guest's folder, and where its processes find it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placed {
    /// Name in the guest's folder.
    pub from: String,
    /// Absolute guest path.
    pub at: String,
}

/// How the guest is driven.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// It stays alive between turns (exports `turn` and `host_alloc`), so it can be frozen: the source text of one turn,
    /// which hands the next command to the harness.
    Turns(String),
    /// It runs from `_start` to its end: its name as the first word of its command line.
    Command(String),
}

/// The guests this program knows, by name.
static GUESTS: &[(&str, &str)] = &[
    ("python", include_str!("../../guests/python/guest.json")),
    ("python-command", include_str!("../../guests/python-command/guest.json")),
];

impl Description {
    /// The Python guest.
    pub fn python() -> Self {
        Self::named("python").expect("it is in the table")
    }

    /// The guest of that name, if this program knows it.
    pub fn named(name: &str) -> Option<Self> {
        let (_, text) = GUESTS.iter().find(|(known, _)| *known == name)?;
        Some(serde_json::from_str(text).expect("the description is part of the program, and a test reads it"))
    }

    /// Function indices whose bodies are compiled.
    pub fn kept(&self) -> Vec<Range<u32>> {
        self.kept_functions.iter().map(|(start, end)| *start..*end).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_description_is_valid() {
        for (name, _) in GUESTS {
            let guest = Description::named(name).expect("known");
            assert_eq!(guest.name, *name);
            assert_eq!(guest.module_sha256.len(), 64);
            assert!(guest.kept().windows(2).all(|pair| pair[0].end <= pair[1].start));
        }
        assert_eq!(Description::named("cobol"), None);
    }
}
