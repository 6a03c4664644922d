//! A bounded text of lines, which says where it was cut.

/// Lines up to a number of lines and bytes.
#[derive(Debug)]
pub struct Page {
    text: String,
    lines: usize,
    max_lines: usize,
    max_bytes: usize,
    full: bool,
}

impl Page {
    /// An empty page.
    pub fn new(max_lines: usize, max_bytes: usize) -> Self {
        Self { text: String::new(), lines: 0, max_lines, max_bytes, full: false }
    }

    /// Takes a line, and says whether there was room; after the first that had none there is none.
    pub fn push(&mut self, line: &str) -> bool {
        if self.full || self.lines == self.max_lines || self.text.len() + line.len() + 1 > self.max_bytes {
            self.full = true;
            return false;
        }
        self.text.push_str(line);
        self.text.push('\n');
        self.lines += 1;
        true
    }

    /// How many lines it took.
    pub fn len(&self) -> usize {
        self.lines
    }

    /// Whether it took none.
    pub fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// The text with a note behind it, which the bounds do not count.
    pub fn finish(mut self, note: &str) -> String {
        if note.is_empty() {
            if self.text.ends_with('\n') {
                self.text.pop();
            }
        } else {
            self.text.push_str(note);
        }
        self.text
    }
}

/// A text of at most `max` bytes, cut between characters, with a note where it is.
pub fn bounded(mut text: String, max: usize) -> String {
    if text.len() > max {
        let whole = text.len();
        let mut at = max;
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.truncate(at);
        text.push_str(&format!("\n[cut: {whole} bytes in all, {at} shown; ask for less at once]"));
    }
    text
}

/// A text of at most `max` bytes (and the note) that has its beginning and its end, with a note between them.
pub fn ends(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut head = max / 3;
    while !text.is_char_boundary(head) {
        head -= 1;
    }
    let mut tail = text.len() - (max - head);
    while !text.is_char_boundary(tail) {
        tail += 1;
    }
    format!("{}\n[… {} bytes left out …]\n{}", &text[..head], tail - head, &text[tail..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_takes_what_has_room_and_nothing_behind() {
        let mut page = Page::new(2, 100);
        assert!(page.push("a") && page.push("b") && !page.push("c"));
        assert_eq!(page.finish("[more]"), "a\nb\n[more]");
        let mut page = Page::new(9, 5);
        assert!(page.push("abcd") && !page.push("abcd") && !page.push(""), "closed for good");
        assert_eq!(page.finish(""), "abcd");
    }

    #[test]
    fn cuts_lie_between_characters() {
        assert!(bounded("ü".repeat(10), 5).starts_with("üü\n[cut: 20 bytes in all, 4 shown"));
        assert_eq!(bounded("ü".into(), 2), "ü");
        let text = ends(&"ü".repeat(50), 31);
        assert!(text.starts_with("üüüüü\n[… ") && text.ends_with("]\nüüüüüüüüüü"), "{text}");
    }
}
