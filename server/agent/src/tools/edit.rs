//! `edit`: text of a file in place of other text.

use airlock_core::conversation::ToolSpec;
use airlock_core::diff::line_changes;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, At, Done};
use crate::document::{Document, with_plain_endings};
use crate::files::{Refusal, path_of};
use crate::outward::MARK;
use crate::patch::{Hunk, HunkLine, Op, hunk_edits, no_mark};
use crate::place::{self, Miss};

/// Most places that are replaced at once.
const MAX_PLACES: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(alias = "file", alias = "file_path")]
    path: String,
    #[serde(alias = "old", alias = "old_str", alias = "old_string")]
    old_text: String,
    #[serde(alias = "new", alias = "new_str", alias = "new_string")]
    new_text: String,
    #[serde(default)]
    replace_all: bool,
}

pub(super) fn spec() -> ToolSpec {
    super::spec(
        "edit",
        "Replaces text in a file. `old_text` has to be in the file exactly once, as `read` shows it, without the line \
         numbers; give the lines around it where it is not. Line endings and indentation of the file are kept.",
        json!({
            "path": {"type": "string", "description": "The file, e.g. `src/app.py`."},
            "old_text": {"type": "string", "description": "The text to replace, with enough around it to be the only one."},
            "new_text": {"type": "string", "description": "The text to put there; empty to delete."},
            "replace_all": {"type": "boolean", "description": "Replace every place where `old_text` is. Default false."}
        }),
        &["path", "old_text", "new_text"],
    )
}

pub(super) fn call(at: &mut At<'_>, arguments: &Arguments) -> Answer {
    let path = path_of(&arguments.path)?;
    at.workspace.may_change(&path)?;
    let document = Document::new(&path, &at.workspace.read(&path)?)?;
    let (old, new) = (with_plain_endings(&arguments.old_text), with_plain_endings(&arguments.new_text));
    if old.is_empty() {
        return Err(Refusal("`old_text` is empty; give text of the file, or use `create` for a new file".to_owned()));
    }
    if old == new {
        return Err(Refusal("`old_text` and `new_text` are the same, so nothing would change".to_owned()));
    }
    // Where the old text has the mark too, what comes is compared line by line below.
    if !old.contains(MARK) {
        no_mark(&new)?;
    }
    let found: Vec<usize> = document.text().match_indices(&old).map(|(at, _)| at).take(MAX_PLACES + 1).collect();
    let (edits, note) = match found.len() {
        1 => (vec![(found[0]..found[0] + old.len(), new)], String::new()),
        0 if has_numbers(&old) => {
            let what = "`old_text` has line numbers, which `read` shows but the file does not have; leave them out";
            return Err(Refusal(format!("`{path}`: {what}")));
        }
        0 => {
            let (edits, notes) =
                leniently(at, &document, &old, &new).map_err(|what| Refusal(format!("`{path}`: {what}")))?;
            (edits, notes.iter().map(|note| format!("\n{note}")).collect())
        }
        count if arguments.replace_all && count <= MAX_PLACES => {
            let edits = found.iter().map(|at| (*at..at + old.len(), new.clone())).collect();
            (edits, format!("\n{count} places were changed"))
        }
        count => {
            let lines: Vec<usize> = found.iter().map(|at| document.line_of(*at)).collect();
            let shown = at.tools.outward.redacted(document.text());
            let shown: Vec<&str> = shown.lines().collect();
            let why = place::explain(&Miss::Ambiguous(lines), &shown, old.lines().count());
            return Err(Refusal(format!(
                "`{path}`: `old_text` is there {count} times: {why}\nWith \"replace_all\": true all are replaced"
            )));
        }
    };
    let first = edits.first().map_or(0, |(range, _)| document.line_of(range.start));
    let bytes = document.replaced(&edits);
    at.workspace.write(&path, bytes)?;
    let now = Document::new(&path, &at.workspace.read(&path)?)?;
    let shown = at.tools.outward.redacted(now.text()).into_owned();
    let lines: Vec<&str> = shown.lines().collect();
    let count = edits.first().map_or(0, |(_, new)| new.lines().count());
    let excerpt = place::excerpt(&lines, first.saturating_sub(1), count + 2);
    Done::changed(format!("changed `{path}`{note}. It is there now:\n{excerpt}"), vec![path])
}

/// Whether each line begins as `read` shows it.
fn has_numbers(text: &str) -> bool {
    let numbered = |line: &str| line.split_once('\t').is_some_and(|(number, _)| number.trim().parse::<u32>().is_ok());
    text.lines().all(numbered)
}

type Edits = Vec<(std::ops::Range<usize>, String)>;

/// The edits where the text is there but for blanks, indentation or a few characters. Lines that old and new text have in
/// common stay as the file has them.
fn leniently(at: &At<'_>, document: &Document, old: &str, new: &str) -> Result<(Edits, Vec<String>), String> {
    let old: Vec<&[u8]> = old.trim_matches('\n').split('\n').map(str::as_bytes).collect();
    let new: Vec<&[u8]> = match new.trim_matches('\n') {
        "" => Vec::new(),
        new => new.split('\n').map(str::as_bytes).collect(),
    };
    let line = |op, bytes: &[u8]| HunkLine { op, text: String::from_utf8_lossy(bytes).into_owned() };
    let mut lines = Vec::new();
    let mut done = 0;
    for change in line_changes(&old, &new) {
        lines.extend(old[done..change.base.start].iter().map(|text| line(Op::Keep, text)));
        lines.extend(old[change.base.clone()].iter().map(|text| line(Op::Remove, text)));
        lines.extend(new[change.new].iter().map(|text| line(Op::Add, text)));
        done = change.base.end;
    }
    lines.extend(old[done..].iter().map(|text| line(Op::Keep, text)));
    let hunk = Hunk { line: 1, lines, ..Hunk::default() };
    let cleaned =
        |text: String| text.replace("hunk 1 (line 1 of the patch)", "`old_text`").replace("hunk 1", "`old_text`");
    let (edits, notes) = hunk_edits(document, &at.tools.outward, &[hunk]).map_err(cleaned)?;
    if edits.is_empty() {
        return Err("only blanks at the ends of lines differ, so nothing would change".to_owned());
    }
    Ok((edits, notes.into_iter().map(cleaned).collect()))
}
