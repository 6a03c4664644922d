//! A file's change as edits of the text that the client has.

use std::path::Path;

use airlock_core::diff::{LineChange, line_changes, split_lines};
use airlock_core::proposal::FileChange;

use super::documents::{Document, Encoding, MARK, Open, Place};
use super::to_proto::{self, FileEdit};

/// Whether the program itself makes a change, and no editor: a file is created or deleted, or its mode alone changes.
///
/// Editors empty a file that they are to create where there is one by then, call done what they skip, and leave what they
/// create in a buffer that nobody sees and that they may never tell of. What they are to delete has no version, so what is
/// typed in it meanwhile would be lost.
pub fn is_ours(change: &FileChange) -> bool {
    match (change.base(), change.new_state()) {
        (Some(base), Some(new)) => base.hash() == new.hash(),
        _ => true,
    }
}

/// The edits of one file, by whole lines; none where it is created or deleted, or is no text.
pub fn of_file(
    change: &FileChange,
    path: &Path,
    open: Option<(&String, &Open)>,
    encoding: Encoding,
) -> Option<FileEdit> {
    let (base, new) = (change.base()?, change.new_state()?);
    let is_shown = open.is_some_and(|(_, open)| open.document.text().starts_with('\u{feff}'));
    // An editor keeps a mark to itself that the file has, and none that is yet to come.
    let is_kept = !is_shown && base.bytes().starts_with(MARK);
    let text = |bytes: &[u8]| -> Option<String> {
        let shown = if is_kept { bytes.strip_prefix(MARK).unwrap_or(bytes) } else { bytes };
        std::str::from_utf8(shown).ok().map(str::to_owned)
    };
    let (old, new) = (text(base.bytes())?, text(new.bytes())?);
    // Without a mark that the editor keeps to itself, a line may be like another one that it was not like before.
    let lines = if is_kept {
        line_changes(&split_lines(old.as_bytes()), &split_lines(new.as_bytes()))
    } else {
        change.line_changes()
    };
    let changes = text_edits(&old, &new, lines, encoding);
    let (uri, version) = match open {
        Some((uri, open)) => (uri.clone(), Some(open.document.version)),
        None => (to_proto::uri_of(path)?, None),
    };
    Some(FileEdit { uri, version, changes })
}

/// Ranges of the old text and what comes in their place.
fn text_edits(base: &str, new: &str, changes: Vec<LineChange>, encoding: Encoding) -> Vec<(Place, Place, String)> {
    let document = Document::new(0, base);
    let starts = |text: &str| -> Vec<usize> {
        let mut starts = vec![0];
        for line in text.split_inclusive('\n') {
            starts.push(starts[starts.len() - 1] + line.len());
        }
        starts
    };
    let (old_lines, new_lines) = (starts(base), starts(new));
    let at = |lines: &[usize], line: usize| lines[line.min(lines.len() - 1)];
    changes
        .into_iter()
        .map(|lines| {
            let place = |line| document.place_of_byte(at(&old_lines, line), encoding);
            let text = &new[at(&new_lines, lines.new.start)..at(&new_lines, lines.new.end)];
            (place(lines.base.start), place(lines.base.end), text.to_owned())
        })
        .collect()
}
