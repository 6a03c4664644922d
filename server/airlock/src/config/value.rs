//! A setting's value, where it came from, and what can be wrong with it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::table::{Fallback, Kind, MAX_ITEMS, MAX_TEXT, Setting};

/// A checked value: its variant fits the setting's kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Unset,
    Integer(u64),
    /// A word of a choice, or a path.
    Text(String),
    List(Vec<String>),
}

impl Value {
    /// The value where nobody set one.
    pub fn fallback(setting: &Setting) -> Self {
        match setting.fallback {
            Fallback::Integer(n) => Self::Integer(n),
            Fallback::Text(text) => Self::Text(text.to_owned()),
            Fallback::Processors => Self::Integer(std::thread::available_parallelism().map_or(1, |n| n.get() as u64)),
            Fallback::EmptyList => Self::List(Vec::new()),
            Fallback::Unset => Self::Unset,
        }
    }

    /// Checks a number against the setting.
    pub fn integer(setting: &Setting, n: i128) -> Option<Self> {
        match setting.kind {
            Kind::Integer { min, max } if n >= i128::from(min) && n <= i128::from(max) => {
                Some(Self::Integer(u64::try_from(n).ok()?))
            }
            _ => None,
        }
    }

    /// Checks a string against the setting.
    pub fn text(setting: &Setting, text: &str) -> Option<Self> {
        if text.len() > MAX_TEXT || text.contains('\0') {
            return None;
        }
        match setting.kind {
            Kind::Choice(words) if words.contains(&text) => Some(Self::Text(text.to_owned())),
            Kind::Path | Kind::Text if !text.trim().is_empty() => Some(Self::Text(text.to_owned())),
            Kind::Dollars if airlock_models::MicroUsd::read(text).is_some() => Some(Self::Text(text.to_owned())),
            _ => None,
        }
    }

    /// Checks a list against the setting.
    pub fn list(setting: &Setting, items: Vec<String>) -> Option<Self> {
        let sound =
            items.len() <= MAX_ITEMS && items.iter().all(|i| !i.is_empty() && i.len() <= MAX_TEXT && !i.contains('\0'));
        (sound && setting.kind == Kind::List).then_some(Self::List(items))
    }

    /// Reads a command-line word; a list takes one item a word.
    pub fn from_word(setting: &Setting, word: &str) -> Option<Self> {
        match setting.kind {
            Kind::Integer { .. } => word.parse::<i128>().ok().and_then(|n| Self::integer(setting, n)),
            Kind::Choice(_) | Kind::Path | Kind::Text | Kind::Dollars => Self::text(setting, word),
            Kind::List => Self::list(setting, vec![word.to_owned()]),
        }
    }

    /// The value as JSON; `null` where it is not set.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Unset => serde_json::Value::Null,
            Self::Integer(n) => json!(n),
            Self::Text(text) => json!(text),
            Self::List(items) => json!(items),
        }
    }
}

/// As it would be written in TOML; `unset` where it is not.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unset => f.write_str("unset"),
            // JSON's strings and lists are also TOML's.
            _ => write!(f, "{}", self.to_json()),
        }
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    /// The user's own file.
    User {
        file: PathBuf,
        line: u32,
    },
    /// `airlock.toml` or `pyproject.toml` of the project.
    Project {
        file: PathBuf,
        line: u32,
    },
    CommandLine,
}

impl Origin {
    /// A stable word for JSON documents.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::User { .. } => "user",
            Self::Project { .. } => "project",
            Self::CommandLine => "command_line",
        }
    }

    /// File and line (from 1), where there is one.
    pub fn place(&self) -> Option<(&Path, u32)> {
        match self {
            Self::User { file, line } | Self::Project { file, line } => Some((file, *line)),
            Self::Default | Self::CommandLine => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::CommandLine => f.write_str("command line"),
            Self::User { file, line } | Self::Project { file, line } => write!(f, "{}:{line}", file.display()),
        }
    }
}

/// What is wrong with a configuration. It names the place and what was expected, and never quotes a file's content
/// beyond the key: what a repository calls its configuration may be a link to something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("{}:{line}: unknown setting `{key}`{}", .file.display(), hint(*.nearest))]
    UnknownKey { file: PathBuf, line: u32, key: String, nearest: Option<&'static str> },
    #[error("{}:{line}: `{key}` is {found}, expected {expected}", .file.display())]
    BadValue { file: PathBuf, line: u32, key: String, found: String, expected: String },
    #[error("--{flag}: {found:?} does not fit, expected {expected}")]
    BadFlag { flag: String, found: String, expected: String },
    #[error("{}:{line}: not valid TOML: {message}", .file.display())]
    Syntax { file: PathBuf, line: u32, message: String },
    #[error("{}: larger than 1 MiB; a configuration file is small", .file.display())]
    TooLarge { file: PathBuf },
    #[error("{}: not UTF-8; save the file as UTF-8", .file.display())]
    NotUtf8 { file: PathBuf },
    #[error("{}: cannot be read: {message}", .file.display())]
    Unreadable { file: PathBuf, message: String },
}

fn hint(nearest: Option<&'static str>) -> String {
    match nearest {
        Some(name) => format!("; did you mean `{name}`?"),
        None => "; `airlock config` lists them all".to_owned(),
    }
}
