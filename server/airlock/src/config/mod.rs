//! Settings: default, then the user's file, then the project's, then the command line.
//!
//! Invariant: a repository never loosens its own sandbox. What its file may do with each setting is in the table of
//! [`table`]; anything else is a warning and has no effect.

pub mod file;
pub mod folders;
pub mod merge;
pub mod schema;
pub mod table;
#[cfg(test)]
mod tests;
pub mod value;

use std::path::{Path, PathBuf};

use serde_json::json;

pub use folders::Variables;
pub use merge::{Config, Flags, Sources};
pub use table::Key;
pub use value::{ConfigError, Value};

/// What to do with a thread that code under test starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// Run it to its end at once.
    Inline,
    /// Make the test not testable.
    Refuse,
}

impl Threads {
    /// The word the harness knows it by.
    pub fn word(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Refuse => "refuse",
        }
    }
}

/// The settings as typed values; their units are in their names, their meaning in [`table::SETTINGS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub environment: Option<PathBuf>,
    pub root: Option<PathBuf>,
    pub threads: Threads,
    pub test_seconds: u64,
    pub run_seconds: u64,
    pub memory_mb: u64,
    pub output_kb: u64,
    pub files: u64,
    pub written_mb: u64,
    pub jobs: usize,
    pub read: Vec<String>,
    pub ignore: Vec<String>,
    pub secrets: Vec<String>,
    pub python_guest: String,
    pub pytest_args: Vec<String>,
    pub search_seconds: u64,
    pub search_seed: u64,
    pub sessions_keep: u64,
    pub sessions_size_mb: u64,
    pub model: ModelSettings,
}

/// Which model is asked, and how much. A repository sets none of this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelSettings {
    pub provider: Option<String>,
    pub name: Option<String>,
    pub base_url: Option<String>,
    pub key_env: Option<String>,
    pub key_command: Vec<String>,
    pub ca_file: Option<PathBuf>,
    pub allow_insecure_http: bool,
    pub max_turns: u64,
    pub max_tokens: u64,
    /// Dollars, as they were written.
    pub max_cost: String,
    pub prices: Vec<String>,
    /// How long the search tries first, in seconds.
    pub search_seconds: u64,
}

impl Config {
    /// The settings as typed values. Relative paths are taken from `base`, the project's root.
    pub fn settings(&self, base: &Path) -> Settings {
        let path = |key| match &self.get(key).value {
            Value::Text(text) => Some(base.join(text)),
            _ => None,
        };
        Settings {
            environment: path(Key::Environment),
            root: path(Key::Root),
            threads: if self.text(Key::Threads) == "refuse" { Threads::Refuse } else { Threads::Inline },
            test_seconds: self.integer(Key::TestSeconds),
            run_seconds: self.integer(Key::RunSeconds),
            memory_mb: self.integer(Key::MemoryMb),
            output_kb: self.integer(Key::OutputKb),
            files: self.integer(Key::Files),
            written_mb: self.integer(Key::WrittenMb),
            jobs: usize::try_from(self.integer(Key::Jobs)).unwrap_or(1).max(1),
            read: self.list(Key::Read),
            ignore: self.list(Key::Ignore),
            secrets: self.list(Key::Secrets),
            python_guest: self.text(Key::PythonGuest).to_owned(),
            pytest_args: self.list(Key::PytestArgs),
            search_seconds: self.integer(Key::SearchTimeLimit),
            search_seed: self.integer(Key::SearchSeed),
            sessions_keep: self.integer(Key::SessionsKeep),
            sessions_size_mb: self.integer(Key::SessionsSizeMb),
            model: self.model(),
        }
    }

    /// The settings of the model.
    pub fn model(&self) -> ModelSettings {
        let set = |key| Some(self.text(key).to_owned()).filter(|text| !text.is_empty());
        ModelSettings {
            provider: set(Key::ModelProvider),
            name: set(Key::ModelName),
            base_url: set(Key::ModelBaseUrl),
            key_env: set(Key::ModelKeyEnv),
            key_command: self.list(Key::ModelKeyCommand),
            ca_file: set(Key::ModelCaFile).map(PathBuf::from),
            allow_insecure_http: self.text(Key::ModelAllowInsecureHttp) == "yes",
            max_turns: self.integer(Key::ModelMaxTurns),
            max_tokens: self.integer(Key::ModelMaxTokens),
            max_cost: self.text(Key::ModelMaxCost).to_owned(),
            prices: self.list(Key::ModelPrices),
            search_seconds: self.integer(Key::ModelSearchSeconds),
        }
    }

    /// Each setting with its value, where it came from and what a repository may do with it: the `settings` member of
    /// `airlock config --json`.
    pub fn to_json(&self) -> serde_json::Value {
        let settings = self.entries.iter().map(|entry| {
            let origins = entry.origins.iter().map(|origin| match origin.place() {
                Some((file, line)) => json!({"kind": origin.word(), "file": file.to_string_lossy(), "line": line}),
                None => json!({"kind": origin.word(), "file": null, "line": null}),
            });
            json!({
                "name": entry.setting.name,
                "value": entry.value.to_json(),
                "origins": origins.collect::<Vec<_>>(),
                "repository_may": entry.setting.direction.word(),
                "description": entry.setting.doc,
            })
        });
        json!(settings.collect::<Vec<_>>())
    }

    // A value's variant follows from its setting's kind, which `Value`'s constructors check; the fallbacks of these
    // three only exist so that nothing here can panic.

    fn integer(&self, key: Key) -> u64 {
        match self.get(key).value {
            Value::Integer(n) => n,
            _ => 0,
        }
    }

    fn text(&self, key: Key) -> &str {
        match &self.get(key).value {
            Value::Text(text) => text,
            _ => "",
        }
    }

    fn list(&self, key: Key) -> Vec<String> {
        match &self.get(key).value {
            Value::List(items) => items.clone(),
            _ => Vec::new(),
        }
    }
}
