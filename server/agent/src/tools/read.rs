//! `read`: lines of a file with their numbers.

use airlock_core::conversation::ToolSpec;
use airlock_core::diff::is_binary;
use airlock_core::text::visible_bytes;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, At, Done, Page};
use crate::document::Document;
use crate::files::{Refusal, path_of};

const MAX_LINES: usize = 1_000;
const MAX_BYTES: usize = 48 << 10;
/// Longest line shown, in characters.
const MAX_LINE: usize = 2_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(alias = "file", alias = "file_path")]
    path: String,
    #[serde(default, alias = "offset", alias = "start_line")]
    start: Option<u64>,
    #[serde(default, alias = "end_line")]
    end: Option<u64>,
}

pub(super) fn spec() -> ToolSpec {
    super::spec(
        "read",
        "Shows a file's lines, each with its number and a tab before it, with all changes made in this task. The numbers are \
         not part of the file.",
        json!({
            "path": {"type": "string", "description": "The file, e.g. `src/app.py`."},
            "start": {"type": "integer", "minimum": 1, "description": "First line. Default 1."},
            "end": {"type": "integer", "minimum": 1, "description": "Last line. Default: as many as there is room for."}
        }),
        &["path"],
    )
}

pub(super) fn call(at: &mut At<'_>, arguments: &Arguments) -> Answer {
    let path = path_of(&arguments.path)?;
    let bytes = at.workspace.read(&path)?;
    if is_binary(&bytes) {
        return Err(Refusal(format!("`{path}` is not a text file ({} bytes, with NUL bytes)", bytes.len())));
    }
    let (text, note) = match Document::new(&path, &bytes) {
        Ok(document) => (document.text().to_owned(), document.note()),
        Err(_) => (
            visible_bytes(&bytes),
            Some("it is not UTF-8: other bytes are shown as `\\xff`, and it cannot be edited".to_owned()),
        ),
    };
    // On the whole file, so that no part of a key is shown for want of its beginning.
    let shown = at.tools.outward.redacted(&text);
    let lines: Vec<&str> = shown.lines().collect();
    let whole = lines.len();
    if whole == 0 {
        return Done::said(format!("`{path}` is empty"));
    }
    let start = usize::try_from(arguments.start.unwrap_or(1)).unwrap_or(usize::MAX).max(1);
    let end = usize::try_from(arguments.end.unwrap_or(u64::MAX)).unwrap_or(usize::MAX).min(whole);
    if start > whole || end < start {
        return Err(Refusal(format!("`{path}` has the lines 1 to {whole}; {start} to {end} are none of them")));
    }
    let mut page = Page::new(MAX_LINES, MAX_BYTES);
    for (index, line) in lines[start - 1..end].iter().enumerate() {
        if !page.push(&numbered(start + index, line)) {
            break;
        }
    }
    let last = start + page.len() - 1;
    let mut notes = Vec::new();
    if last < end {
        notes.push(format!("[cut: lines {start} to {last} of {whole}; go on with \"start\": {}]", last + 1));
    } else if last < whole || start > 1 {
        notes.push(format!("[lines {start} to {last} of {whole}]"));
    }
    notes.extend(note.map(|note| format!("[{note}]")));
    Done::said(page.finish(&notes.join("\n")))
}

/// A line behind its number. What is too long is cut, and says so.
pub(super) fn numbered(number: usize, line: &str) -> String {
    match line.char_indices().nth(MAX_LINE) {
        Some((at, _)) => {
            format!("{number:>6}\t{} [cut: the line has {} characters]", &line[..at], line.chars().count())
        }
        None => format!("{number:>6}\t{line}"),
    }
}
