//! What the harness says, decoded. Fields the harness may leave out have defaults; texts are bounded by it, and again
//! here, because code under test shares its interpreter.

use std::collections::BTreeMap;

use airlock_core::report::{Location, Outcome, Reason};
use serde::Deserialize;

/// Longest text taken from a guest, in bytes.
const MAX_TEXT: usize = 64 << 10;

/// One event.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    Booted(Booted),
    /// Some of what was found; `Collected` ends the parts.
    CollectedPart {
        #[serde(default)]
        items: Vec<Item>,
        #[serde(default)]
        errors: Vec<CollectionError>,
    },
    Collected(Box<Collected>),
    Start {
        id: String,
    },
    Result(Box<TestResult>),
    Finished {
        #[serde(default)]
        exit: String,
        #[serde(default)]
        message: Option<String>,
        /// The most rounds of loops that one test went, where they were counted.
        #[serde(default)]
        rounds: u64,
        /// One of them was ended for it.
        #[serde(default)]
        endless: bool,
    },
    /// What the tests said of a candidate whose code was exchanged.
    Screened {
        passed: Vec<String>,
        /// How many of them ran.
        ran: usize,
        /// One was ended, as it did not come out of its loop.
        #[serde(default)]
        endless: bool,
        /// Regular expressions that are kept by then, in the harness's own words; only where they were asked for.
        #[serde(default)]
        patterns: Vec<String>,
    },
    /// What the tests use is ready.
    Prepared {},
    /// A program that is no test came to its end.
    Program {
        exit: i32,
        /// What the sandbox refused it.
        #[serde(default)]
        refused: Vec<Reason>,
    },
    /// The candidate cannot be judged by an exchange of code.
    NeedsImport {
        why: String,
    },
    /// What is collected from now on: in words, and the project's file that is imported for it.
    Collecting {
        #[serde(default)]
        what: Option<String>,
        #[serde(default)]
        file: Option<String>,
    },
    /// The harness could not go on.
    Broken {
        message: String,
        #[serde(default)]
        detail: Option<String>,
        /// Where in the project it began, as far as that is known.
        #[serde(default)]
        location: Option<Location>,
        /// Nothing of the project had run.
        #[serde(default)]
        boot: bool,
    },
}

#[derive(Clone, Debug, Deserialize)]
pub struct Booted {
    pub python: String,
    #[serde(default)]
    pub pytest: Option<String>,
    #[serde(default)]
    pub fatal: Option<Fatal>,
}

/// Why nothing of the project can be run.
#[derive(Clone, Debug, Deserialize)]
pub struct Fatal {
    pub message: String,
    #[serde(default)]
    pub reason: Option<Reason>,
    #[serde(default)]
    pub location: Option<Location>,
    /// A module to stand in for, if the host tries again.
    #[serde(default)]
    pub placeholder: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Collected {
    /// Come in parts, before the rest; see [`collected`].
    #[serde(skip)]
    pub items: Vec<Item>,
    #[serde(skip)]
    pub errors: Vec<CollectionError>,
    pub notes: Vec<String>,
    pub rootdir: String,
    pub inifile: Option<String>,
    pub plugins: Vec<String>,
    /// Files of the plugins that `pytest_plugins` and `-p` name: relative to `rootdir`, absolute outside.
    pub plugin_files: Vec<String>,
    /// Lines that ran while the project was configured and collected, by path relative to the root.
    pub imported: BTreeMap<String, Vec<u32>>,
    /// The `python_files` setting.
    pub python_files: Vec<String>,
    pub pytest: String,
    pub python: String,
    pub fatal: Option<Fatal>,
    pub testpaths: Vec<String>,
    pub ignored_options: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Item {
    pub id: String,
    pub path: String,
    #[serde(default)]
    pub line: Option<u32>,
    #[serde(default)]
    pub doctest: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub struct CollectionError {
    pub id: String,
    pub message: String,
    #[serde(default)]
    pub location: Option<Location>,
    #[serde(default)]
    pub reason: Option<Reason>,
    #[serde(default)]
    pub exception: Option<String>,
    /// A native module to stand in for, if the host tries again.
    #[serde(default)]
    pub placeholder: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct TestResult {
    pub id: String,
    pub outcome: Outcome,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub detail: Option<String>,
    #[serde(default)]
    pub exception: Option<String>,
    #[serde(default)]
    pub location: Option<Location>,
    #[serde(default)]
    pub reason: Option<Reason>,
    #[serde(default)]
    pub notes: Vec<String>,
    #[serde(default)]
    pub coverage: Option<BTreeMap<String, Vec<u32>>>,
    /// A limit of the harness's that it met, in plain words.
    #[serde(default)]
    pub limit: Option<String>,
    /// It failed after a refused call of an earlier test, which may be the cause.
    #[serde(default)]
    pub after_refusal: bool,
    /// A refused call of its own that may leave something behind: kind and detail.
    #[serde(default)]
    pub lasting: Option<String>,
}

/// What a collection found, out of its parts; `None` where it did not come to its end.
pub fn collected(events: &[Vec<u8>]) -> Option<Collected> {
    let (mut found, mut parts) = (None, (Vec::new(), Vec::new()));
    for event in events {
        match Event::decode(event) {
            Ok(Event::CollectedPart { items, errors }) => {
                parts.0.extend(items);
                parts.1.extend(errors);
            }
            Ok(Event::Collected(collected)) => found = Some(*collected),
            _ => {}
        }
    }
    let mut found: Collected = found?;
    (found.items, found.errors) = parts;
    Some(found)
}

impl Event {
    /// Decodes an event.
    ///
    /// # Errors
    /// What is wrong with it, in serde's words.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut event: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if let Self::Result(result) = &mut event {
            bound(&mut result.message);
            bound(&mut result.detail);
            bound(&mut result.limit);
        }
        Ok(event)
    }
}

fn bound(text: &mut Option<String>) {
    if let Some(text) = text
        && text.len() > MAX_TEXT
    {
        let mut end = MAX_TEXT;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(" …");
    }
}
