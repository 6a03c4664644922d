//! A guest as data: which files it consists of, where it wants to see them, how it is driven.

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
    /// Archive with the standard library, in the guest's folder, and where the guest expects it.
    pub library: String,
    pub library_at: String,
    /// Folder with the test runner that comes with the guest, and where it is mounted.
    pub runner: String,
    pub runner_at: String,
    /// Where the harness is mounted.
    pub harness_at: String,
    /// Function indices, imports included, whose bodies are compiled: half-open ranges.
    kept_functions: Vec<(u32, u32)>,
    /// Source text of one turn: hands the next command to the harness.
    pub turn: String,
}

impl Description {
    /// The Python guest.
    pub fn python() -> Self {
        serde_json::from_str(include_str!("../../guests/python/guest.json"))
            .expect("the description is part of the program, and a test reads it")
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
    fn the_python_description_is_valid() {
        let python = Description::python();
        assert_eq!(python.name, "python");
        assert_eq!(python.module_sha256.len(), 64);
        assert!(python.kept().windows(2).all(|pair| pair[0].end <= pair[1].start));
    }
}
