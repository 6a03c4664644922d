//! The one table of settings: names, kinds, defaults, who may change them, and what they mean.
//!
//! File reader, merge, `airlock config`, the JSON schema and the documentation all derive from it, so a setting is added
//! by adding a row.
//!
//! | setting | a repository may | why |
//! |---|---|---|
//! | `environment`, `read` | not set it | each names files outside the snapshot that the guest then reads |
//! | `sessions.keep`, `sessions.size_mb` | not set it | they bound what the user keeps, of all projects alike |
//! | `model.*` | not set it | they say who is sent the project's code, with whose key and for how much money |
//! | `root` | set it beneath itself | narrows what is run |
//! | `threads` | choose `refuse` | `inline` runs more of the code under test |
//! | `test_seconds`, `run_seconds`, `memory_mb`, `output_kb`, `files`, `written_mb`, `jobs`, `search.time_limit` | lower it | limits |
//! | `ignore`, `secrets` | add to it | each keeps files from the guest |
//! | `python.guest`, `pytest.args`, `search.seed` | set it | nothing gets out by them |

/// Names a setting in code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    Environment,
    Root,
    Threads,
    TestSeconds,
    RunSeconds,
    MemoryMb,
    OutputKb,
    Files,
    WrittenMb,
    Jobs,
    Read,
    Ignore,
    Secrets,
    PythonGuest,
    PytestArgs,
    SearchTimeLimit,
    SearchSeed,
    SessionsKeep,
    SessionsSizeMb,
    ModelProvider,
    ModelName,
    ModelBaseUrl,
    ModelKeyEnv,
    ModelKeyCommand,
    ModelCaFile,
    ModelAllowInsecureHttp,
    ModelMaxTurns,
    ModelMaxTokens,
    ModelMaxCost,
    ModelPrices,
    ModelSearchSeconds,
}

/// What a setting's value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number, both ends included.
    Integer { min: u64, max: u64 },
    /// One of these words, the tightest last.
    Choice(&'static [&'static str]),
    /// A path; `~/` stands for the home folder.
    Path,
    /// A text that is not empty.
    Text,
    /// Dollars as a decimal with up to six digits behind the point.
    Dollars,
    /// A list of strings.
    List,
}

/// The value where nobody set one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    Integer(u64),
    Text(&'static str),
    /// As many as the machine has processors.
    Processors,
    EmptyList,
    Unset,
}

/// What a repository's own configuration may do with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Lower it; a higher number is ignored with a warning.
    Lower,
    /// Choose a later (tighter) word.
    Tighter,
    /// Add to the list; what the user listed stays.
    Add,
    /// Nothing: only the user's file and the command line set it.
    UserOnly,
    /// Set it beneath the repository.
    Beneath,
    /// Set it freely.
    Free,
}

impl Direction {
    /// What a repository may do, for `airlock config` and the schema.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Lower => "a repository may only lower it",
            Self::Tighter => "a repository may only choose the tighter word",
            Self::Add => "a repository may only add to it",
            Self::UserOnly => "only the user's file and the command line may set it",
            Self::Beneath => "a repository may only name a folder beneath itself",
            Self::Free => "anyone may set it",
        }
    }

    /// A stable word for JSON documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Tighter => "tighter",
            Self::Add => "add",
            Self::UserOnly => "user_only",
            Self::Beneath => "beneath",
            Self::Free => "free",
        }
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct Setting {
    pub key: Key,
    /// As written in a file; a dot stands for a table.
    pub name: &'static str,
    pub kind: Kind,
    pub fallback: Fallback,
    pub direction: Direction,
    /// One sentence, without a final period.
    pub doc: &'static str,
}

/// Most items in a list.
pub const MAX_ITEMS: usize = 256;
/// Most bytes in one string.
pub const MAX_TEXT: usize = 4096;

const fn row(
    key: Key,
    name: &'static str,
    kind: Kind,
    fallback: Fallback,
    direction: Direction,
    doc: &'static str,
) -> Setting {
    Setting { key, name, kind, fallback, direction, doc }
}

const fn limit(key: Key, name: &'static str, min: u64, max: u64, default: u64, doc: &'static str) -> Setting {
    row(key, name, Kind::Integer { min, max }, Fallback::Integer(default), Direction::Lower, doc)
}

const fn of_model(key: Key, name: &'static str, kind: Kind, fallback: Fallback, doc: &'static str) -> Setting {
    row(key, name, kind, fallback, Direction::UserOnly, doc)
}

/// Every setting, in the order they are shown.
pub static SETTINGS: &[Setting] = &[
    row(
        Key::Environment,
        "environment",
        Kind::Path,
        Fallback::Unset,
        Direction::UserOnly,
        "Folder of the project's virtual environment; a relative path starts at the project",
    ),
    row(
        Key::Root,
        "root",
        Kind::Path,
        Fallback::Unset,
        Direction::Beneath,
        "Folder to use as the project's root instead of the one pytest would find",
    ),
    row(
        Key::Threads,
        "threads",
        Kind::Choice(&["inline", "refuse"]),
        Fallback::Text("inline"),
        Direction::Tighter,
        "inline: a thread runs to its end when something first waits; refuse: a test that starts one is not testable",
    ),
    limit(Key::TestSeconds, "test_seconds", 1, 86_400, 60, "Time one test may take, in seconds of a processor"),
    limit(
        Key::RunSeconds,
        "run_seconds",
        1,
        604_800,
        3_600,
        "Wall time a whole run may take, its collection included, in seconds",
    ),
    limit(Key::MemoryMb, "memory_mb", 128, 4_096, 1_024, "Memory one test may use, in MiB"),
    limit(
        Key::OutputKb,
        "output_kb",
        1,
        1_048_576,
        4_096,
        "Output kept of one test, stdout and stderr together, in KiB",
    ),
    limit(Key::Files, "files", 1, 1_000_000, 10_000, "Files and folders one test may create"),
    limit(Key::WrittenMb, "written_mb", 1, 65_536, 256, "Bytes one test may keep written, in MiB"),
    row(
        Key::Jobs,
        "jobs",
        Kind::Integer { min: 1, max: 256 },
        Fallback::Processors,
        Direction::Lower,
        "Runs at once; as many as there are processors where it is not set",
    ),
    row(
        Key::Read,
        "read",
        Kind::List,
        Fallback::EmptyList,
        Direction::UserOnly,
        "Patterns of files hidden by .gitignore that the tests may read all the same; secrets stay hidden",
    ),
    row(
        Key::Ignore,
        "ignore",
        Kind::List,
        Fallback::EmptyList,
        Direction::Add,
        "Patterns, written as in .gitignore, of files that the tests never see",
    ),
    row(
        Key::Secrets,
        "secrets",
        Kind::List,
        Fallback::EmptyList,
        Direction::Add,
        "Patterns, written as in .gitignore, of files to treat as secrets besides the built-in ones",
    ),
    row(
        Key::PythonGuest,
        "python.guest",
        Kind::Choice(&["3.15"]),
        Fallback::Text("3.15"),
        Direction::Free,
        "Version of the Python that runs the tests",
    ),
    row(
        Key::PytestArgs,
        "pytest.args",
        Kind::List,
        Fallback::EmptyList,
        Direction::Free,
        "Arguments given to pytest after the project's own addopts",
    ),
    limit(
        Key::SearchTimeLimit,
        "search.time_limit",
        1,
        604_800,
        60,
        "Wall time a call of fix may take, its first run of the tests included, in seconds",
    ),
    row(
        Key::SearchSeed,
        "search.seed",
        Kind::Integer { min: 0, max: i64::MAX as u64 },
        Fallback::Integer(0),
        Direction::Free,
        "Seed of the search: the same seed gives the same answer",
    ),
    row(
        Key::SessionsKeep,
        "sessions.keep",
        Kind::Integer { min: 1, max: 100_000 },
        Fallback::Integer(100),
        Direction::UserOnly,
        "Sessions kept of one project; the oldest that have ended go first",
    ),
    row(
        Key::SessionsSizeMb,
        "sessions.size_mb",
        Kind::Integer { min: 16, max: 65_536 },
        Fallback::Integer(256),
        Direction::UserOnly,
        "Room that the sessions of one project may take, in MiB; the oldest that have ended go first",
    ),
    of_model(
        Key::ModelProvider,
        "model.provider",
        Kind::Text,
        Fallback::Unset,
        "Who has the model: the name of a provider, such as ollama or anthropic; no model is asked where it is not set",
    ),
    of_model(Key::ModelName, "model.name", Kind::Text, Fallback::Unset, "The model, as its provider calls it"),
    of_model(
        Key::ModelBaseUrl,
        "model.base_url",
        Kind::Text,
        Fallback::Unset,
        "Address to ask instead of the provider's own, such as https://models.example.com/v1",
    ),
    of_model(
        Key::ModelKeyEnv,
        "model.key_env",
        Kind::Text,
        Fallback::Unset,
        "Environment variable that holds the key; the provider's usual one where it is not set",
    ),
    of_model(
        Key::ModelKeyCommand,
        "model.key_command",
        Kind::List,
        Fallback::EmptyList,
        "Command that prints the key, as a list of words; it is run without a shell",
    ),
    of_model(
        Key::ModelCaFile,
        "model.ca_file",
        Kind::Path,
        Fallback::Unset,
        "File (PEM) of certificates to trust besides the system's; an absolute path",
    ),
    of_model(
        Key::ModelAllowInsecureHttp,
        "model.allow_insecure_http",
        Kind::Choice(&["yes", "no"]),
        Fallback::Text("no"),
        "yes: the address may be plain http on another machine, where anybody on the way reads key and code",
    ),
    of_model(
        Key::ModelMaxTurns,
        "model.max_turns",
        Kind::Integer { min: 1, max: 10_000 },
        Fallback::Integer(60),
        "How often one task may ask the model",
    ),
    of_model(
        Key::ModelMaxTokens,
        "model.max_tokens",
        Kind::Integer { min: 1_000, max: 1_000_000_000 },
        Fallback::Integer(2_000_000),
        "Tokens one task may use, of questions and replies together",
    ),
    of_model(
        Key::ModelMaxCost,
        "model.max_cost",
        Kind::Dollars,
        Fallback::Text("2.00"),
        "Dollars one task may cost; it binds only models whose price is known",
    ),
    of_model(
        Key::ModelPrices,
        "model.prices",
        Kind::List,
        Fallback::EmptyList,
        "Prices over the known ones, each as \"MODEL INPUT OUTPUT\" in dollars for a million tokens; those of a cache may follow",
    ),
    of_model(
        Key::ModelSearchSeconds,
        "model.search_seconds",
        Kind::Integer { min: 0, max: 86_400 },
        Fallback::Integer(20),
        "How long the search tries failing tests before a model is asked to make them pass, in seconds; 0: not at all",
    ),
];

/// The row of a key.
pub fn setting(key: Key) -> &'static Setting {
    // The enum and the table have the same order, which a test checks.
    &SETTINGS[key as usize]
}

/// The row with this dotted name.
pub fn by_name(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|s| s.name == name)
}

/// Whether settings live in a table of this name, such as `search`.
pub fn is_table(name: &str) -> bool {
    SETTINGS.iter().any(|s| s.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// The known name most like `name`, unless none is near.
pub fn nearest(name: &str) -> Option<&'static str> {
    let wanted = name.to_ascii_lowercase().replace('-', "_");
    let last = |s: &'static str| s.rsplit('.').next().unwrap_or(s);
    SETTINGS
        .iter()
        .map(|s| (strsim::jaro_winkler(&wanted, s.name).max(strsim::jaro_winkler(&wanted, last(s.name))), s.name))
        .filter(|(score, _)| *score >= 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

impl Setting {
    /// What a value of this setting has to be, in words that follow "expected".
    pub fn expected(&self) -> String {
        match self.kind {
            Kind::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Kind::Choice(words) => {
                let quoted: Vec<String> = words.iter().map(|w| format!("\"{w}\"")).collect();
                match quoted.as_slice() {
                    [one] => one.clone(),
                    _ => format!("one of {}", quoted.join(", ")),
                }
            }
            Kind::Path => "a path as a string".to_owned(),
            Kind::Text => "a string that is not empty".to_owned(),
            Kind::Dollars => "an amount in dollars as a string, such as \"2.50\"".to_owned(),
            Kind::List => "a list of strings".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_rows_have_the_same_order() {
        for (index, row) in SETTINGS.iter().enumerate() {
            assert_eq!(row.key as usize, index, "{}", row.name);
            assert!(std::ptr::eq(setting(row.key), row));
            assert!(!row.doc.ends_with('.'), "{}", row.name);
        }
    }

    #[test]
    fn the_nearest_name_is_found() {
        let cases = [
            ("test_second", Some("test_seconds")),
            ("test-seconds", Some("test_seconds")),
            ("Thread", Some("threads")),
            ("time_limit", Some("search.time_limit")),
            ("seed", Some("search.seed")),
            ("memory", Some("memory_mb")),
            ("zzz", None),
        ];
        for (wrong, right) in cases {
            assert_eq!(nearest(wrong), right, "{wrong}");
        }
    }
}
