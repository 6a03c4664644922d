//! `diagnostics`: what the editor's other tools say of the project.

use airlock_core::conversation::ToolSpec;
use airlock_core::path::WorkspacePath;
use airlock_core::text::clipped;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Answer, At, Done, Page};
use crate::files::path_of;
use crate::outward::Outward;

const MAX_LINES: usize = 200;
const MAX_BYTES: usize = 16 << 10;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
    Information,
    Hint,
}

/// What a client passed on of another tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    pub path: WorkspacePath,
    /// Lines from 1, both included.
    pub first: u32,
    pub last: u32,
    pub severity: Severity,
    /// Who says so, and by which of its rules.
    pub source: Option<String>,
    pub code: Option<String>,
    pub message: String,
}

impl Diagnostic {
    /// In one line, in which nothing is left of a key that it cuts.
    pub fn line(&self) -> String {
        self.line_for(&Outward::default())
    }

    /// The same, without the keys that are known.
    pub fn line_for(&self, outward: &Outward) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Information => "information",
            Severity::Hint => "hint",
        };
        let by: Vec<&str> = [&self.source, &self.code].into_iter().flatten().map(String::as_str).collect();
        let by =
            if by.is_empty() { String::new() } else { format!(" ({})", clipped(&outward.redacted(&by.join(" ")), 80)) };
        let message = outward.redacted(self.message.trim());
        format!("{}:{}: {severity}: {}{by}", self.path, self.first, clipped(&message, 600))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(default, alias = "file")]
    path: Option<String>,
}

pub(super) fn spec() -> ToolSpec {
    super::spec(
        "diagnostics",
        "Shows what type checkers and linters in the user's editor said of the files, before this task changed anything.",
        json!({"path": {"type": "string", "description": "Only of this file or folder."}}),
        &[],
    )
}

pub(super) fn call(at: &mut At<'_>, arguments: &Arguments) -> Answer {
    let root = arguments.path.as_deref().map(path_of).transpose()?;
    let mut all: Vec<&Diagnostic> = at
        .tools
        .diagnostics
        .iter()
        .filter(|one| at.workspace.hidden(&one.path).is_none())
        .filter(|one| root.as_ref().is_none_or(|root| one.path.is_beneath(root)))
        .collect();
    all.sort_by(|one, other| (&one.path, one.first, &one.message).cmp(&(&other.path, other.first, &other.message)));
    if all.is_empty() {
        return Done::said("the editor passed on none");
    }
    let mut page = Page::new(MAX_LINES, MAX_BYTES);
    for one in &all {
        let changed = at.workspace.overlay().get(&one.path).is_some();
        let line = format!(
            "{}{}",
            one.line_for(&at.tools.outward),
            if changed { " [the file was changed since]" } else { "" }
        );
        if !page.push(&line) {
            break;
        }
    }
    let note = if page.len() < all.len() {
        format!("[cut: {} of {} shown; narrow it with `path`]", page.len(), all.len())
    } else {
        String::new()
    };
    Done::said(page.finish(&note))
}
