//! Failures that this server has told of, so that one can be asked about by its fingerprint.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Most that are known; the oldest go first.
const MOST: usize = 2_000;

/// A failure that was told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub fingerprint: String,
    /// The project's root, and a test of it that fails so.
    pub root: PathBuf,
    pub test: String,
}

/// Those that are known.
#[derive(Debug, Default)]
pub struct Memory(Mutex<VecDeque<Known>>);

impl Memory {
    /// Takes a failure in.
    pub fn keep(&self, known: Known) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other.fingerprint != known.fingerprint || other.root != known.root);
        if all.len() >= MOST {
            all.pop_front();
        }
        all.push_back(known);
    }

    /// The newest failure with a fingerprint, in a project that may be looked at.
    pub fn find(&self, fingerprint: &str, is_open: impl Fn(&Path) -> bool) -> Option<Known> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().rev().find(|known| known.fingerprint == fingerprint && is_open(&known.root)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_found_and_the_oldest_go() {
        let memory = Memory::default();
        let known = |number: usize, test: &str| Known {
            fingerprint: format!("f{number}"),
            root: "/p".into(),
            test: test.to_owned(),
        };
        for number in 0..MOST + 5 {
            memory.keep(known(number, "a"));
        }
        memory.keep(known(10, "b"));
        assert_eq!(memory.find("f10", |_| true).map(|found| found.test), Some("b".to_owned()));
        assert_eq!(memory.find("f10", |_| false), None);
        assert_eq!(memory.find("f0", |_| true), None);
        assert_eq!(memory.0.lock().expect("free").len(), MOST);
    }
}
