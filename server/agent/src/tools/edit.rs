//! `edit`: text of a file in place of other text.

use std::ops::Range;

use airlock_core::conversation::ToolSpec;
use airlock_core::diff::line_changes;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, At, Done};
use crate::document::{Document, with_plain_endings};
use crate::files::{Refusal, path_of};
use crate::outward::MARK;
use crate::patch::{Hunk, HunkLine, Op, hunk_edits, keys_stay, no_mark};
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
    let outward = &at.tools.outward;
    let keys = outward.places(document.text());
    let mut found = places(document.text(), &old, &keys, 0);
    // Two places that overlap are two, of which either may be meant.
    if let ([first], false) = (&found[..], arguments.replace_all) {
        let next = first + document.text()[*first..].chars().next().map_or(1, char::len_utf8);
        found.extend(places(document.text(), &old, &keys, next).first());
    }
    let (edits, note) = match found.len() {
        1 => (narrowed(found[0], &old, &new), String::new()),
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
            let edits = found.iter().flat_map(|at| narrowed(*at, &old, &new)).collect();
            (edits, format!("\n{count} places were changed"))
        }
        count => {
            let lines: Vec<usize> = found.iter().map(|at| document.line_of(*at)).collect();
            let shown = outward.redacted(document.text());
            let shown: Vec<&str> = shown.lines().collect();
            let why = place::explain(&Miss::Ambiguous(lines), &shown, old.lines().count());
            return Err(Refusal(format!(
                "`{path}`: `old_text` is there {count} times: {why}\nWith \"replace_all\": true all are replaced"
            )));
        }
    };
    keys_stay(&document, outward, &edits).map_err(|what| Refusal(format!("`{path}`: {what}")))?;
    let first = edits.first().map_or(0, |(range, _)| document.line_of(range.start));
    let bytes = document.replaced(&edits);
    at.workspace.write(&path, bytes)?;
    let now = Document::new(&path, &at.workspace.read(&path)?)?;
    let shown = at.tools.outward.redacted(now.text()).into_owned();
    let lines: Vec<&str> = shown.lines().collect();
    let excerpt = place::excerpt(&lines, first.saturating_sub(1), new.lines().count() + 2);
    Done::changed(format!("changed `{path}`{note}. It is there now:\n{excerpt}"), vec![path])
}

/// Where the old text is from a place on, up to one more than may be replaced. What meets a key is not shown, so it is not
/// there.
fn places(text: &str, old: &str, keys: &[Range<usize>], mut from: usize) -> Vec<usize> {
    let mut found = Vec::new();
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(old)).map(|at| from + at) {
        let end = at + old.len();
        let behind = keys.partition_point(|key| key.end <= at);
        match keys.get(behind).filter(|key| key.start < end) {
            // Whatever begins before its end meets it too.
            Some(key) => from = key.end,
            None => {
                found.push(at);
                from = end;
            }
        }
        if found.len() > MAX_PLACES {
            break;
        }
    }
    found
}

/// The edit at a place, as those of the lines that differ: the others keep their endings.
fn narrowed(at: usize, old: &str, new: &str) -> Edits {
    let lines = |text: &'_ str| -> Vec<(usize, usize)> {
        let mut end = 0;
        let each = text.split_inclusive('\n').map(|line| {
            end += line.len();
            (end - line.len(), end)
        });
        each.collect()
    };
    let (before, after) = (lines(old), lines(new));
    let old_lines: Vec<&[u8]> = before.iter().map(|(start, end)| &old.as_bytes()[*start..*end]).collect();
    let new_lines: Vec<&[u8]> = after.iter().map(|(start, end)| &new.as_bytes()[*start..*end]).collect();
    let span = |lines: &[(usize, usize)], range: &Range<usize>, whole: usize| {
        let start = lines.get(range.start).map_or(whole, |(start, _)| *start);
        let end = lines.get(range.end).map_or(whole, |(start, _)| *start);
        start..end
    };
    let changes = line_changes(&old_lines, &new_lines).into_iter().map(|change| {
        let there = span(&before, &change.base, old.len());
        let said = span(&after, &change.new, new.len());
        (at + there.start..at + there.end, new[said].to_owned())
    });
    changes.collect()
}

/// Whether each line begins as `read` shows it.
fn has_numbers(text: &str) -> bool {
    let numbered = |line: &str| line.split_once('\t').is_some_and(|(number, _)| number.trim().parse::<u32>().is_ok());
    text.lines().all(numbered)
}

type Edits = Vec<(Range<usize>, String)>;

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
