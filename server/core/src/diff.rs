//! Line differences and their form as text, exactly as `git apply` takes it.

use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};

use crate::path::WorkspacePath;
use crate::proposal::FileChange;

/// Lines of context around a change, as git has it.
const CONTEXT: usize = 3;

/// A run of lines of the base that is replaced by a run of lines of the new content; lines count from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineChange {
    /// Lines that go; empty for a pure insertion before `base.start`.
    pub base: Range<usize>,
    /// Lines that come; empty for a pure removal.
    pub new: Range<usize>,
}

/// Splits bytes into lines, each with its `\n` (and the `\r` before it); the last may have none. No bytes, no lines.
pub fn split_lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// The changes that turn the lines of `base` into those of `new`, in order, each with at least one equal line between it
/// and the next. Histogram diff with git's indent heuristic; line endings are part of a line.
pub fn line_changes(base: &[&[u8]], new: &[&[u8]]) -> Vec<LineChange> {
    let mut input = InternedInput::default();
    input.update_before(base.iter().copied());
    input.update_after(new.iter().copied());
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    diff.hunks()
        .map(|hunk| LineChange {
            base: hunk.before.start as usize..hunk.before.end as usize,
            new: hunk.after.start as usize..hunk.after.end as usize,
        })
        .collect()
}

/// Whether git would call it binary here: a NUL anywhere. Text in UTF-16 is binary by this rule, as it is for git.
pub fn is_binary(bytes: &[u8]) -> bool {
    bytes.contains(&0)
}

/// Appends one file's change in git's form: the header with modes, then hunks with three lines of context.
pub(crate) fn write_file(out: &mut Vec<u8>, path: &WorkspacePath, change: &FileChange) {
    let old_name = quoted("a/", path);
    let new_name = quoted("b/", path);
    line(out, &[b"diff --git ", &old_name, b" ", &new_name]);
    match (change.base(), change.new_state()) {
        (None, Some(new)) => line(out, &[b"new file mode ", mode(new.executable())]),
        (Some(base), None) => line(out, &[b"deleted file mode ", mode(base.executable())]),
        (Some(base), Some(new)) if base.executable() != new.executable() => {
            line(out, &[b"old mode ", mode(base.executable())]);
            line(out, &[b"new mode ", mode(new.executable())]);
        }
        _ => {}
    }
    let base = split_lines(change.base().map_or(&[], |state| state.bytes()));
    let new = split_lines(change.new_state().map_or(&[], |state| state.bytes()));
    let changes = change.line_changes();
    if changes.is_empty() {
        return;
    }
    let tab: &[u8] = if path.as_str().contains(' ') { b"\t" } else { b"" };
    match change.base() {
        Some(_) => line(out, &[b"--- ", &old_name, tab]),
        None => line(out, &[b"--- /dev/null"]),
    }
    match change.new_state() {
        Some(_) => line(out, &[b"+++ ", &new_name, tab]),
        None => line(out, &[b"+++ /dev/null"]),
    }
    write_hunks(out, &base, &new, &changes);
}

fn write_hunks(out: &mut Vec<u8>, base: &[&[u8]], new: &[&[u8]], changes: &[LineChange]) {
    let mut rest = changes;
    while let Some(first) = rest.first() {
        // Changes whose contexts touch share a hunk.
        let mut count = 1;
        while count < rest.len() && rest[count].base.start - rest[count - 1].base.end <= 2 * CONTEXT {
            count += 1;
        }
        let (group, later) = rest.split_at(count);
        rest = later;
        let last = &group[count - 1];
        let lead = first.base.start.min(CONTEXT);
        let tail = (base.len() - last.base.end).min(CONTEXT);
        let base_range = first.base.start - lead..last.base.end + tail;
        let new_range = first.new.start - lead..last.new.end + tail;
        line(out, &[b"@@ -", position(&base_range).as_bytes(), b" +", position(&new_range).as_bytes(), b" @@"]);
        let mut at = base_range.start;
        for change in group {
            base[at..change.base.start].iter().for_each(|text| body(out, b' ', text));
            base[change.base.clone()].iter().for_each(|text| body(out, b'-', text));
            new[change.new.clone()].iter().for_each(|text| body(out, b'+', text));
            at = change.base.end;
        }
        base[at..base_range.end].iter().for_each(|text| body(out, b' ', text));
    }
}

/// `start,count` with lines from 1; an empty range names the line before it, and a count of one is left out.
fn position(range: &Range<usize>) -> String {
    match range.len() {
        0 => format!("{},0", range.start),
        1 => format!("{}", range.start + 1),
        count => format!("{},{count}", range.start + 1),
    }
}

fn body(out: &mut Vec<u8>, sign: u8, text: &[u8]) {
    out.push(sign);
    out.extend_from_slice(text);
    if text.last() != Some(&b'\n') {
        out.extend_from_slice(b"\n\\ No newline at end of file\n");
    }
}

fn line(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out.push(b'\n');
}

fn mode(executable: bool) -> &'static [u8] {
    if executable { b"100755" } else { b"100644" }
}

/// A path with its prefix, in quotes with C escapes where git would quote it (`core.quotePath` on, its default).
fn quoted(prefix: &str, path: &WorkspacePath) -> Vec<u8> {
    let bytes = path.as_str().as_bytes();
    let plain = |byte: &u8| matches!(byte, 0x20..=0x7e) && *byte != b'"' && *byte != b'\\';
    if bytes.iter().all(plain) {
        return format!("{prefix}{path}").into_bytes();
    }
    let mut out = format!("\"{prefix}").into_bytes();
    for byte in bytes {
        match byte {
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0b => out.extend_from_slice(b"\\v"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            byte if plain(byte) => out.push(*byte),
            byte => out.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
        }
    }
    out.push(b'"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_endings() {
        assert_eq!(split_lines(b""), Vec::<&[u8]>::new());
        assert_eq!(split_lines(b"a\r\nb\rc\n\nd"), [&b"a\r\n"[..], b"b\rc\n", b"\n", b"d"]);
    }

    #[test]
    fn changes_are_apart() {
        let base = split_lines(b"a\nb\nc\nd\n");
        let new = split_lines(b"a\nB\nc\nd\ne\n");
        let changes = line_changes(&base, &new);
        assert_eq!(changes, [LineChange { base: 1..2, new: 1..2 }, LineChange { base: 4..4, new: 4..5 }]);
        // An ending alone is a change.
        assert_eq!(line_changes(&split_lines(b"a\n"), &split_lines(b"a\r\n")).len(), 1);
        assert_eq!(line_changes(&split_lines(b"a\n"), &split_lines(b"a")).len(), 1);
    }

    #[test]
    fn names_are_quoted_as_git_does() {
        let name = |text| String::from_utf8(quoted("a/", &WorkspacePath::new(text).unwrap())).unwrap();
        assert_eq!(name("x y.py"), "a/x y.py");
        assert_eq!(name("tab\there"), r#""a/tab\there""#);
        assert_eq!(name("q\"uote"), r#""a/q\"uote""#);
        assert_eq!(name("ü"), r#""a/\303\274""#);
        assert_eq!(name("\u{7f}\u{1}"), r#""a/\177\001""#);
    }
}
