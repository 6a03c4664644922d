//! A text file under edit: what a model says in lines that end in `\n` is put into a file that may have a byte order mark,
//! CRLF, both kinds of endings or no last one, and all of that stays as it was.

use std::ops::Range;

use airlock_core::diff::is_binary;
use airlock_core::path::WorkspacePath;

use crate::files::Refusal;

const MARK: &str = "\u{feff}";

/// A file's text, and how its lines end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The text without mark, every ending `\n`.
    text: String,
    marked: bool,
    /// Where in `text` the `\n` stands for CRLF; ascending.
    crlf: Vec<usize>,
    /// Where each line starts in `text`; at least one.
    starts: Vec<usize>,
}

/// The text with every CRLF as `\n`.
pub fn with_plain_endings(text: &str) -> String {
    text.replace("\r\n", "\n")
}

impl Document {
    /// Takes a file's bytes.
    ///
    /// # Errors
    /// It is no text in UTF-8.
    pub fn new(path: &WorkspacePath, bytes: &[u8]) -> Result<Self, Refusal> {
        if is_binary(bytes) {
            return Err(Refusal(format!(
                "`{path}` is not a text file (it has a NUL byte), and only text can be edited"
            )));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            Refusal(format!("`{path}` is not UTF-8 (byte {}), so it cannot be edited here", error.valid_up_to() + 1))
        })?;
        Ok(Self::of(text))
    }

    fn of(raw: &str) -> Self {
        let (marked, bare) = match raw.strip_prefix(MARK) {
            Some(bare) => (true, bare),
            None => (false, raw),
        };
        let mut text = String::with_capacity(bare.len());
        let mut crlf = Vec::new();
        let mut starts = vec![0];
        for line in bare.split_inclusive('\n') {
            match line.strip_suffix("\r\n") {
                Some(line) => {
                    text.push_str(line);
                    crlf.push(text.len());
                    text.push('\n');
                }
                None => text.push_str(line),
            }
            starts.push(text.len());
        }
        // Where the text ends in a line's ending, no line begins.
        if starts.len() > 1 {
            starts.pop();
        }
        Self { text, marked, crlf, starts }
    }

    /// The text, every ending `\n`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its lines, without endings.
    pub fn lines(&self) -> Vec<&str> {
        if self.text.is_empty() { Vec::new() } else { self.text.trim_end_newline().split('\n').collect() }
    }

    /// Number of the line, from 0, that a place in the text is in.
    pub fn line_of(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }

    fn crlf_at(&self, at: usize) -> bool {
        self.crlf.binary_search(&at).is_ok()
    }

    /// How lines that come in place of `range` end: as the line there does, or else the one before it.
    fn ends_in_crlf(&self, range: &Range<usize>) -> bool {
        let there = self.text.get(range.start..).and_then(|rest| rest.find('\n')).map(|at| range.start + at);
        let before = || self.text.get(..range.start).and_then(|before| before.rfind('\n'));
        there.or_else(before).is_some_and(|at| self.crlf_at(at))
    }

    /// The file's bytes with parts of the text replaced; the parts are in order and do not overlap.
    pub fn replaced(&self, edits: &[(Range<usize>, String)]) -> Vec<u8> {
        let mut out = String::with_capacity(self.text.len() + 64);
        if self.marked {
            out.push_str(MARK);
        }
        let mut at = 0;
        for (range, new) in edits {
            self.push(&mut out, at..range.start);
            if self.ends_in_crlf(range) {
                out.push_str(&new.replace('\n', "\r\n"));
            } else {
                out.push_str(new);
            }
            at = range.end;
        }
        self.push(&mut out, at..self.text.len());
        out.into_bytes()
    }

    /// The part of the text in place of these lines, from 0, as an edit that keeps a missing last ending missing.
    pub fn line_edit(&self, lines: Range<usize>, new: &[String]) -> (Range<usize>, String) {
        let start = self.start_of(lines.start);
        let end = self.start_of(lines.end);
        let open = !self.text.is_empty() && !self.text.ends_with('\n');
        let mut text: String = new.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        if !open || end < self.text.len() || (lines.is_empty() && new.is_empty()) {
            return (start..end, text);
        }
        if text.is_empty() {
            // The last lines go; the one before them loses its ending instead.
            return (start.saturating_sub(1)..end, text);
        }
        text.pop();
        if start == self.text.len() {
            text.insert(0, '\n');
        }
        (start..end, text)
    }

    fn start_of(&self, line: usize) -> usize {
        if self.text.is_empty() { 0 } else { self.starts.get(line).copied().unwrap_or(self.text.len()) }
    }

    fn push(&self, out: &mut String, range: Range<usize>) {
        let mut at = range.start;
        let first = self.crlf.partition_point(|place| *place < range.start);
        for place in self.crlf[first..].iter().take_while(|place| **place < range.end) {
            out.push_str(&self.text[at..*place]);
            out.push('\r');
            at = *place;
        }
        out.push_str(&self.text[at..range.end]);
    }

    /// How it differs from plain text, for who reads it.
    pub fn note(&self) -> Option<String> {
        let ends = self.text.matches('\n').count();
        let endings = match self.crlf.len() {
            0 => None,
            all if all == ends => Some("its lines end in CRLF"),
            _ => Some("some of its lines end in CRLF"),
        };
        let mark = self.marked.then_some("it begins with a byte order mark");
        let open = (!self.text.is_empty() && !self.text.ends_with('\n')).then_some("its last line has no ending");
        let notes: Vec<&str> = [endings, mark, open].into_iter().flatten().collect();
        (!notes.is_empty()).then(|| format!("{}; edits keep that", notes.join(", ")))
    }
}

trait TrimEnd {
    /// Without the one newline at its end.
    fn trim_end_newline(&self) -> &str;
}

impl TrimEnd for String {
    fn trim_end_newline(&self) -> &str {
        self.strip_suffix('\n').unwrap_or(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::new(&WorkspacePath::new("a.py").unwrap(), text.as_bytes()).unwrap()
    }

    fn replace(text: &str, old: &str, new: &str) -> String {
        let document = document(text);
        let at = document.text().find(old).unwrap();
        String::from_utf8(document.replaced(&[(at..at + old.len(), new.to_owned())])).unwrap()
    }

    fn lines(text: &str, range: Range<usize>, new: &[&str]) -> String {
        let document = document(text);
        let new: Vec<String> = new.iter().map(|line| (*line).to_owned()).collect();
        String::from_utf8(document.replaced(&[document.line_edit(range, &new)])).unwrap()
    }

    #[test]
    fn nothing_replaced_gives_the_same_bytes() {
        for text in ["", "a", "a\n", "a\r\nb\nc\r\n", "\u{feff}a\r\n", "\r\n\r\n", "a\rb\n", "\n", "\u{feff}"] {
            assert_eq!(document(text).replaced(&[]), text.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn endings_marks_and_the_missing_last_one_stay() {
        assert_eq!(replace("a\r\nb\r\n", "b", "x\ny"), "a\r\nx\r\ny\r\n");
        assert_eq!(replace("a\r\nb\nc\n", "b", "x\ny"), "a\r\nx\ny\nc\n");
        assert_eq!(replace("a\r\nb\r\nc", "a\nb\n", "x\n"), "x\r\nc");
        assert_eq!(replace("\u{feff}a\n", "a", "b"), "\u{feff}b\n");
        assert_eq!(lines("a\nb", 1..2, &["x", "y"]), "a\nx\ny");
        assert_eq!(lines("a\nb", 2..2, &["x"]), "a\nb\nx");
        assert_eq!(lines("a\nb", 1..2, &[]), "a");
        assert_eq!(lines("a\nb\n", 1..2, &[]), "a\n");
        assert_eq!(lines("a\r\nb", 2..2, &["x"]), "a\r\nb\r\nx");
        assert_eq!(lines("a\r\nb\r\n", 1..1, &["x"]), "a\r\nx\r\nb\r\n");
        assert_eq!(lines("", 0..0, &["x"]), "x\n");
        assert_eq!(lines("a", 0..1, &[]), "");
    }

    #[test]
    fn lines_are_counted_as_people_do() {
        assert_eq!(document("").lines(), Vec::<&str>::new());
        assert_eq!(document("a\n\n").lines(), ["a", ""]);
        assert_eq!(document("a\r\nb").lines(), ["a", "b"]);
        let text = document("ab\ncd\n");
        assert_eq!([0, 1, 2, 3, 5].map(|at| text.line_of(at)), [0, 0, 0, 1, 1]);
    }

    #[test]
    fn what_is_no_text_is_refused_in_words() {
        let path = WorkspacePath::new("a.bin").unwrap();
        assert!(Document::new(&path, b"a\0").unwrap_err().0.contains("NUL"));
        let error = Document::new(&path, b"ab\xff").unwrap_err().0;
        assert!(error.contains("not UTF-8 (byte 3)"), "{error}");
        assert_eq!(
            document("\u{feff}a\r\nb").note().unwrap(),
            "its lines end in CRLF, it begins with a byte order mark, its last line has no ending; edits keep that"
        );
        assert_eq!(document("a\n").note(), None);
    }
}
