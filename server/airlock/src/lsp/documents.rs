//! The editor's open texts, kept by didOpen and didChange alone, and positions in them.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use airlock_core::hash::ContentHash;
use ropey::Rope;

use super::discovery::{self, Declared};

/// How a position counts the columns of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    #[default]
    Utf16,
    Utf32,
}

/// A line and a column, both from 0, the column in units of the negotiated encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

/// The column of the end of a line, wherever that is: no line of a text that anybody shows is as long.
pub const LINE_END: u32 = u16::MAX as u32;

/// A change of a text: of a range, or of all of it.
#[derive(Clone, Debug)]
pub struct TextChange {
    pub range: Option<(Place, Place)>,
    pub text: String,
}

/// A byte order mark, as bytes of a file.
pub const MARK: &[u8] = b"\xef\xbb\xbf";

/// An open text.
#[derive(Clone, Debug)]
pub struct Document {
    pub version: i32,
    text: Rope,
    /// The file begins with a byte order mark, which the editor keeps to itself.
    marked: bool,
    /// What is known of the text as it is.
    hash: OnceCell<ContentHash>,
    tests: OnceCell<Vec<Declared>>,
}

/// A document, and the file it is, under its real name.
pub struct Open {
    pub document: Document,
    pub path: Option<PathBuf>,
    /// The hash of the text that it was opened with.
    pub opened: ContentHash,
}

/// A file under its real name, which need not be there yet.
pub fn real(path: PathBuf) -> PathBuf {
    let parent = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(parent).unwrap_or(path)
}

/// A plain file's bytes; none of what could keep its reader waiting, or is longer than any file of a proposal.
pub fn read_plain(path: &Path) -> Option<Vec<u8>> {
    let file = std::fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    (file.len() <= airlock_core::limits::MAX_FILE_BYTES as u64).then(|| std::fs::read(path).ok())?
}

impl Document {
    pub fn new(version: i32, text: &str) -> Self {
        let (hash, tests) = (OnceCell::new(), OnceCell::new());
        Self { version, text: Rope::from_str(text), marked: false, hash, tests }
    }

    /// A document of a file that has these bytes.
    pub fn of_file(version: i32, text: &str, file: Option<&[u8]>) -> Self {
        let marked = file.is_some_and(|file| file.starts_with(MARK)) && !text.starts_with('\u{feff}');
        Self { marked, ..Self::new(version, text) }
    }

    /// The text as a file has it.
    pub fn bytes(&self) -> Vec<u8> {
        let text = self.text();
        if self.marked { [MARK, text.as_bytes()].concat() } else { text.into_bytes() }
    }

    /// The hash of those bytes.
    pub fn hash(&self) -> ContentHash {
        *self.hash.get_or_init(|| ContentHash::of(&self.bytes()))
    }

    /// The tests that the text declares.
    pub fn tests(&self) -> &[Declared] {
        self.tests.get_or_init(|| discovery::declared(&self.text()))
    }

    /// Makes the changes, one after the other.
    pub fn change(&mut self, version: i32, changes: &[TextChange], encoding: Encoding) {
        self.version = version;
        (self.hash, self.tests) = (OnceCell::new(), OnceCell::new());
        for change in changes {
            match change.range {
                None => self.text = Rope::from_str(&change.text),
                Some((start, end)) => {
                    let start = self.char_at(start, encoding);
                    let end = self.char_at(end, encoding).max(start);
                    self.text.remove(start..end);
                    self.text.insert(start, &change.text);
                }
            }
        }
    }

    /// The whole text.
    pub fn text(&self) -> String {
        self.text.to_string()
    }

    /// A line, without what ends it.
    pub fn line(&self, line: u32) -> Option<String> {
        let line = self.text.get_line(line as usize)?;
        Some(line.to_string().trim_end_matches(['\n', '\r']).to_owned())
    }

    /// The place of a byte of the text.
    pub fn place_of_byte(&self, byte: usize, encoding: Encoding) -> Place {
        let at = self.text.byte_to_char(byte.min(self.text.len_bytes()));
        let line = self.text.char_to_line(at);
        let start = self.text.line_to_char(line);
        let column = match encoding {
            Encoding::Utf8 => self.text.char_to_byte(at) - self.text.char_to_byte(start),
            Encoding::Utf16 => self.text.char_to_utf16_cu(at) - self.text.char_to_utf16_cu(start),
            Encoding::Utf32 => at - start,
        };
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Place { line: number(line), column: number(column) }
    }

    /// The end of a line, before what ends it; of a line that is not there, the end of the text.
    pub fn end_of_line(&self, line: u32, encoding: Encoding) -> Place {
        let end = self.char_at(Place { line, column: u32::MAX }, encoding);
        self.place_of_byte(self.text.char_to_byte(end), encoding)
    }

    /// The character at a place; the nearest before it where there is none.
    fn char_at(&self, place: Place, encoding: Encoding) -> usize {
        let line = place.line as usize;
        if line >= self.text.len_lines() {
            return self.text.len_chars();
        }
        let start = self.text.line_to_char(line);
        let slice = self.text.line(line);
        // A column beyond the line is its end, before what ends it.
        let ends =
            slice.chars_at(slice.len_chars()).reversed().take_while(|c| matches!(c, '\n' | '\r')).take(2).count();
        let length = slice.len_chars() - ends;
        let content = slice.slice(..length);
        let column = place.column as usize;
        let inside = match encoding {
            Encoding::Utf8 => content.byte_to_char(column.min(content.len_bytes())),
            Encoding::Utf16 => content.utf16_cu_to_char(column.min(content.len_utf16_cu())),
            Encoding::Utf32 => column.min(length),
        };
        start + inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoding; 3] = [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32];

    fn place(line: u32, column: u32) -> Place {
        Place { line, column }
    }

    #[test]
    fn changes_are_made_where_each_encoding_says() {
        for (encoding, column) in [(Encoding::Utf8, 6), (Encoding::Utf16, 4), (Encoding::Utf32, 3)] {
            let mut document = Document::new(1, "a\nx😀é\r\nb");
            let change = TextChange { range: Some((place(1, column - 1), place(1, column))), text: "z".to_owned() };
            // UTF-8 columns 5..7 are é; a column inside it counts from its start.
            let change = match encoding {
                Encoding::Utf8 => TextChange { range: Some((place(1, 5), place(1, 7))), ..change },
                _ => change,
            };
            document.change(2, &[change], encoding);
            assert_eq!((document.version, document.text().as_str()), (2, "a\nx😀z\r\nb"), "{encoding:?}");
        }
    }

    #[test]
    fn places_beyond_the_text_are_its_ends() {
        for encoding in ALL {
            let mut document = Document::new(1, "ab\r\ncd");
            let at = |line, column| Some((place(line, column), place(line, column)));
            document.change(2, &[TextChange { range: at(0, 99), text: "!".to_owned() }], encoding);
            document.change(3, &[TextChange { range: at(99, 0), text: "?".to_owned() }], encoding);
            assert_eq!(document.text(), "ab!\r\ncd?");
            let backwards = TextChange { range: Some((place(1, 2), place(0, 0))), text: "-".to_owned() };
            document.change(4, &[backwards], encoding);
            assert_eq!(document.text(), "ab!\r\ncd-?");
            document.change(5, &[TextChange { range: None, text: String::new() }], encoding);
            assert_eq!(document.text(), "");
        }
    }

    #[test]
    fn a_byte_order_mark_is_kept_for_the_file() {
        let document = Document::of_file(1, "x = 1\n", Some(b"\xef\xbb\xbfx = 0\n"));
        assert_eq!(document.bytes(), b"\xef\xbb\xbfx = 1\n");
        assert_eq!(document.hash(), ContentHash::of(b"\xef\xbb\xbfx = 1\n"));
        let shown = Document::of_file(1, "\u{feff}x = 1\n", Some(b"\xef\xbb\xbfx = 0\n"));
        assert_eq!(shown.bytes(), b"\xef\xbb\xbfx = 1\n");
        assert_eq!(Document::of_file(1, "x\n", None).bytes(), b"x\n");
    }

    #[test]
    fn places_and_bytes_lead_to_each_other() {
        let text = "é\n\n😀x\r\nlast\rend";
        let document = Document::new(1, text);
        for encoding in ALL {
            for (byte, _) in text.char_indices() {
                let there = document.char_at(document.place_of_byte(byte, encoding), encoding);
                let back = text.char_indices().nth(there).map(|(byte, _)| byte);
                let in_line_end = text.as_bytes()[byte] == b'\n' && byte > 0 && text.as_bytes()[byte - 1] == b'\r';
                assert!(back == Some(byte) || in_line_end, "{encoding:?} {byte}");
            }
        }
        assert_eq!(document.place_of_byte(99, Encoding::Utf16).line, 4);
    }
}
