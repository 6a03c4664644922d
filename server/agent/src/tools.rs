//! The tools a model may call, one file for each, and who calls them.
//!
//! Whatever a model writes as arguments, the answer is a text it can go on from: a result, cut where it is too long and told
//! so, or an error that says what is wrong and what to do. Nothing panics, and nothing but the overlay is changed.

mod apply_patch;
mod create;
mod delete;
mod diagnostics;
mod edit;
mod list;
mod page;
mod read;
mod rename;
mod run_python;
mod run_tests;
mod search;
mod symbols;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use airlock_core::conversation::{ToolCall, ToolResult, ToolSpec};
use airlock_core::hash::ContentHash;
use airlock_core::path::WorkspacePath;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::context::tags::TagCache;
use crate::files::{Refusal, Workspace};
use crate::outward::Outward;

pub use diagnostics::{Diagnostic, Severity};
pub use page::{Page, ends};
pub use run_tests::json_of as tests_as_json;

/// Longest arguments of a call, in bytes.
pub const MAX_ARGUMENTS: usize = 4 << 20;
/// Longest answer, in bytes, after everything that is hidden was made visible.
pub const MAX_ANSWER: usize = 64 << 10;

/// Declares the tools once: variant, name and file cannot drift apart.
macro_rules! tools {
    ($($variant:ident = $module:ident, $reads:literal;)*) => {
        /// A tool.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Tool {
            $($variant,)*
        }

        impl Tool {
            /// All of them, in the order in which models are told of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($module),)* }
            }

            /// Whether it changes nothing, so that several may be called at once.
            pub const fn only_reads(self) -> bool {
                match self { $(Self::$variant => $reads,)* }
            }

            /// What models are told of it.
            pub fn spec(self) -> ToolSpec {
                match self { $(Self::$variant => $module::spec(),)* }
            }

            fn run(self, at: &mut At<'_>, arguments: &str) -> Answer {
                match self { $(Self::$variant => $module::call(at, &parse(self.name(), arguments)?),)* }
            }
        }
    };
}

tools! {
    List = list, true;
    Read = read, true;
    Search = search, true;
    Symbols = symbols, true;
    Diagnostics = diagnostics, true;
    Edit = edit, false;
    ApplyPatch = apply_patch, false;
    Create = create, false;
    Rename = rename, false;
    Delete = delete, false;
    RunTests = run_tests, true;
    RunPython = run_python, true;
}

impl Tool {
    /// Whether it changes nothing and runs nothing.
    pub const fn only_looks(self) -> bool {
        self.only_reads() && !matches!(self, Self::RunTests | Self::RunPython)
    }

    /// The tool of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|tool| tool.name() == name)
    }
}

/// What a tool said, and what it changed.
pub(crate) type Answer = Result<Done, Refusal>;

/// A tool's answer before it goes out.
pub(crate) struct Done {
    text: String,
    changed: Vec<WorkspacePath>,
}

impl Done {
    fn said(text: impl Into<String>) -> Answer {
        Ok(Self { text: text.into(), changed: Vec::new() })
    }

    fn changed(text: impl Into<String>, changed: Vec<WorkspacePath>) -> Answer {
        Ok(Self { text: text.into(), changed })
    }
}

/// What a call works on.
pub(crate) struct At<'a> {
    workspace: &'a mut Workspace,
    tools: &'a Tools,
}

/// The tools of one task, with what they need of the program.
pub struct Tools {
    bench: Arc<dyn Bench>,
    outward: Arc<Outward>,
    tags: Arc<TagCache>,
    diagnostics: Vec<Diagnostic>,
    reading_only: bool,
}

/// A result, and which paths the call changed, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    pub result: ToolResult,
    pub changed: Vec<WorkspacePath>,
    /// Names what the copy was then, where the call changed it.
    pub overlay: Option<ContentHash>,
}

impl Tools {
    /// Tools that run programs and tests on `bench`, say nothing that `outward` hides, and know the client's diagnostics.
    pub fn new(
        bench: Arc<dyn Bench>,
        outward: Arc<Outward>,
        tags: Arc<TagCache>,
        diagnostics: Vec<Diagnostic>,
    ) -> Self {
        Self { bench, outward, tags, diagnostics, reading_only: false }
    }

    /// Tools of which only those of [`Self::reading_specs`] are carried out, whatever is called: for a question.
    pub fn reading_only(self) -> Self {
        Self { reading_only: true, ..self }
    }

    /// What models are told; always the same bytes.
    pub fn specs() -> Vec<ToolSpec> {
        Tool::ALL.iter().map(|tool| tool.spec()).collect()
    }

    /// Those that change nothing and run nothing: what a question needs.
    pub fn reading_specs() -> Vec<ToolSpec> {
        Tool::ALL.iter().filter(|tool| tool.only_looks()).map(|tool| tool.spec()).collect()
    }

    /// Carries a call out. An error is an answer too; a call that ends in one has changed nothing.
    pub fn call(&self, workspace: &mut Workspace, call: &ToolCall) -> Called {
        let mut fork = workspace.clone();
        let answer = match Tool::named(&call.name) {
            Some(tool) if self.reading_only && !tool.only_looks() => {
                Err(Refusal(format!("`{}` is not there for a question: nothing is run or changed", tool.name())))
            }
            Some(tool) => tool.run(&mut At { workspace: &mut fork, tools: self }, &call.arguments),
            None => Err(unknown(&call.name)),
        };
        let (text, changed, is_error) = match answer {
            Ok(done) => {
                *workspace = fork;
                (done.text, done.changed, false)
            }
            Err(refusal) => (refusal.0, Vec::new(), true),
        };
        let text = page::bounded(self.outward.flagged(&text), MAX_ANSWER);
        let overlay = (!changed.is_empty()).then(|| workspace.overlay().hash());
        Called { result: ToolResult { id: call.id.clone(), text, is_error }, changed, overlay }
    }
}

/// Says that there is no such tool, and which one may be meant.
fn unknown(name: &str) -> Refusal {
    let known: Vec<String> = Tool::ALL.iter().map(|tool| format!("`{}`", tool.name())).collect();
    let shown: String = name.chars().take(60).collect();
    let near = match shown.to_lowercase().as_str() {
        "str_replace" | "replace" | "str_replace_editor" | "str_replace_based_edit_tool" => Some("edit"),
        "patch" | "update" => Some("apply_patch"),
        "grep" | "find" | "rg" | "ripgrep" => Some("search"),
        "ls" | "glob" | "tree" => Some("list"),
        "cat" | "open" | "view" => Some("read"),
        "write" | "write_file" | "create_file" => Some("create"),
        "pytest" | "test" => Some("run_tests"),
        "bash" | "shell" | "python" | "exec" => Some("run_python"),
        "rm" | "remove" => Some("delete"),
        "mv" | "move" => Some("rename"),
        lower => {
            let scored = Tool::ALL.iter().map(|tool| (strsim::jaro_winkler(lower, tool.name()), tool.name()));
            let best = scored.max_by(|one, other| one.0.total_cmp(&other.0));
            best.filter(|(score, _)| *score > 0.8).map(|(_, name)| name)
        }
    };
    let meant = near.map(|name| format!("; the nearest is `{name}`")).unwrap_or_default();
    Refusal(format!("there is no tool `{shown}`{meant}. The tools are {}", known.join(", ")))
}

/// Reads a call's arguments.
///
/// # Errors
/// They are too long, no JSON, or not what the tool takes; says where.
fn parse<T: DeserializeOwned>(tool: &str, arguments: &str) -> Result<T, Refusal> {
    if arguments.len() > MAX_ARGUMENTS {
        let len = arguments.len();
        return Err(Refusal(format!("the arguments have {len} bytes, more than {MAX_ARGUMENTS}; make several calls")));
    }
    // Some models say nothing where there is nothing to say.
    let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
    serde_json::from_str(arguments).map_err(|error| {
        let line = arguments.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
        let column = error.column().saturating_sub(1);
        let near: String =
            line.char_indices().filter(|(at, _)| *at + 24 >= column && *at < column + 8).map(|(_, c)| c).collect();
        let kind = if error.is_data() { "do not fit" } else { "are not JSON" };
        Refusal(format!("the arguments of `{tool}` {kind}: {error}, near `{near}`"))
    })
}

/// A tool's description with its schema: `properties` as given, and nothing besides.
fn spec(name: &str, description: &str, properties: Value, required: &[&str]) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        }),
    }
}

/// A list, or one item in its place, as some models write it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<String>),
    One(String),
}

impl OneOrMany {
    fn as_slice(&self) -> &[String] {
        match self {
            Self::Many(items) => items,
            Self::One(item) => std::slice::from_ref(item),
        }
    }
}

/// A glob over paths: `*` stops at `/`, `**` does not, and one without `/` is about names at any depth.
///
/// # Errors
/// It is no pattern.
fn glob(pattern: &str) -> Result<globset::GlobMatcher, Refusal> {
    if pattern.len() > 500 {
        return Err(Refusal("the glob is too long".to_owned()));
    }
    let bare = pattern.strip_prefix("./").unwrap_or(pattern);
    let whole = if bare.contains('/') { bare.to_owned() } else { format!("**/{bare}") };
    let built = globset::GlobBuilder::new(&whole).literal_separator(true).build();
    built
        .map(|glob| glob.compile_matcher())
        .map_err(|error| Refusal(format!("`{pattern}` is no glob: {}; one looks like `src/**/*.py`", error.kind())))
}

/// A folder that a model names; none for the root.
///
/// # Errors
/// It is no path.
fn folder(text: Option<&str>) -> Result<Option<WorkspacePath>, Refusal> {
    match text.map(|text| text.trim_end_matches('/')) {
        None | Some("" | ".") => Ok(None),
        Some(text) => crate::files::path_of(text).map(Some),
    }
}
