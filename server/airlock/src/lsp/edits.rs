//! A file's change as edits of the text that the client has.

use std::path::Path;

use airlock_core::proposal::FileChange;

use super::documents::{Document, Encoding, MARK, Open, Place};
use super::to_proto::{self, FileEdit};

/// The edits of one file, by whole lines; none where it is created or deleted, or is no text.
pub fn of_file(
    change: &FileChange,
    path: &Path,
    open: Option<(&String, &Open)>,
    encoding: Encoding,
) -> Option<FileEdit> {
    let (base, new) = (change.base()?, change.new_state()?);
    let is_marked = open.is_some_and(|(_, open)| open.document.text().starts_with('\u{feff}'));
    let text = |bytes: &[u8]| -> Option<String> {
        let shown = if is_marked { bytes } else { bytes.strip_prefix(MARK).unwrap_or(bytes) };
        std::str::from_utf8(shown).ok().map(str::to_owned)
    };
    let changes = text_edits(&text(base.bytes())?, &text(new.bytes())?, change, encoding);
    let (uri, version) = match open {
        Some((uri, open)) => (uri.clone(), Some(open.document.version)),
        None => (to_proto::uri_of(path)?, None),
    };
    Some(FileEdit { uri, version, changes })
}

/// Ranges of the old text and what comes in their place.
fn text_edits(base: &str, new: &str, change: &FileChange, encoding: Encoding) -> Vec<(Place, Place, String)> {
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
    change
        .line_changes()
        .into_iter()
        .map(|lines| {
            let place = |line| document.place_of_byte(at(&old_lines, line), encoding);
            let text = &new[at(&new_lines, lines.new.start)..at(&new_lines, lines.new.end)];
            (place(lines.base.start), place(lines.base.end), text.to_owned())
        })
        .collect()
}
