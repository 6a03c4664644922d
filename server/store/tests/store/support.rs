//! Places to keep sessions in, and processes that write them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use airlock_store::{DataFolder, Options, Place, Store, open};

/// A data folder and a workspace.
pub struct Setting {
    pub dir: tempfile::TempDir,
    pub place: Place,
}

impl Setting {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let workspace = dir.path().join("shop");
        std::fs::create_dir(&workspace).expect("made");
        let place =
            DataFolder::at(dir.path().join("airlock")).and_then(|data| data.place(&workspace)).expect("a place");
        Self { dir, place }
    }

    /// Opens the database, which has to be sound.
    pub fn store(&self) -> Store {
        let opened = open(&self.place, Options::default()).expect("opens");
        assert_eq!(opened.put_aside, None);
        opened.store
    }

    /// The writing process with a command, its output to be read.
    pub fn writer(&self, command: &str, words: &[&str]) -> Command {
        let mut writer = Command::new(env!("CARGO_BIN_EXE_store-writer"));
        writer.arg(command).arg(self.dir.path().join("airlock")).arg(&self.place.workspace).args(words);
        writer.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        writer
    }
}

/// Files of the database's folder, by name.
pub fn files(place: &Place) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(place.folder())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

pub fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Numbers that look random and are the same in every run (Knuth's MMIX generator).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

pub fn is_long() -> bool {
    std::env::var_os("AIRLOCK_LONG").is_some_and(|value| value == "1")
}
