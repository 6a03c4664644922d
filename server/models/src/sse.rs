//! Server-sent events, as they come: a parser that is fed bytes, cut anywhere.
//!
//! The format is the one of <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>; of its
//! fields `event` and `data` are kept. What stands behind the last blank line is no event.

use thiserror::Error;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its type; empty where the stream named none.
    pub name: String,
    /// Its lines of data, joined by line feeds.
    pub data: String,
}

/// A line or an event is longer than the parser takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an event has more than {0} bytes")]
pub struct TooLong(pub usize);

/// The state between two pieces.
#[derive(Clone, Debug)]
pub struct Parser {
    /// Most bytes of one line, and of one event's data.
    limit: usize,
    line: Vec<u8>,
    /// Nothing was read yet, so a byte order mark may stand here.
    fresh: bool,
    /// The last byte ended a line by a carriage return; a line feed now is part of that end.
    returned: bool,
    name: String,
    data: String,
    has_data: bool,
}

impl Parser {
    /// A parser that takes events of at most this many bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            fresh: true,
            returned: false,
            name: String::new(),
            data: String::new(),
            has_data: false,
        }
    }

    /// Takes a piece in and appends the events that it completed.
    ///
    /// # Errors
    /// [`TooLong`] where a line or an event exceeds the limit; the stream is of no more use then.
    pub fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<Event>) -> Result<(), TooLong> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.returned) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let piece = &bytes[..end.unwrap_or(bytes.len())];
            if self.line.len() + piece.len() > self.limit {
                return Err(TooLong(self.limit));
            }
            self.line.extend_from_slice(piece);
            let Some(end) = end else { return Ok(()) };
            self.returned = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            self.line_ended(out)?;
        }
        Ok(())
    }

    fn line_ended(&mut self, out: &mut Vec<Event>) -> Result<(), TooLong> {
        let line = std::mem::take(&mut self.line);
        let mut rest = line.as_slice();
        if std::mem::take(&mut self.fresh) {
            rest = rest.strip_prefix(b"\xef\xbb\xbf").unwrap_or(rest);
        }
        if rest.is_empty() {
            let event = Event { name: std::mem::take(&mut self.name), data: std::mem::take(&mut self.data) };
            if std::mem::take(&mut self.has_data) {
                out.push(event);
            }
        } else {
            let colon = rest.iter().position(|byte| *byte == b':');
            let (field, value) = match colon {
                Some(at) => (&rest[..at], rest[at + 1..].strip_prefix(b" ").unwrap_or(&rest[at + 1..])),
                None => (rest, &rest[rest.len()..]),
            };
            match field {
                b"event" => self.name = String::from_utf8_lossy(value).into_owned(),
                b"data" => {
                    if self.data.len() + value.len() >= self.limit {
                        return Err(TooLong(self.limit));
                    }
                    if self.has_data {
                        self.data.push('\n');
                    }
                    self.has_data = true;
                    self.data.push_str(&String::from_utf8_lossy(value));
                }
                // Comments (an empty name), ids, times of reconnection, and what is not known.
                _ => {}
            }
        }
        // The buffer is kept for the next line, unless it was a large one.
        if line.capacity() <= 64 * 1024 {
            self.line = line;
            self.line.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(bytes: &[u8]) -> Vec<Event> {
        let (mut parser, mut out) = (Parser::new(1 << 16), Vec::new());
        parser.feed(bytes, &mut out).unwrap();
        out
    }

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.into(), data: data.into() }
    }

    #[test]
    fn fields_comments_and_line_ends() {
        let text = "\u{feff}: hello\n\nevent: a\ndata: 1\ndata:2\n\ndata:  x\r\rdata\r\n\r\nid: 7\nretry: 3\n\nevent: lost\n\n\
                    data: é\u{1F600}\nother: y\nevent\n\ndata: never ended\n";
        let expected = [event("a", "1\n2"), event("", " x"), event("", ""), event("", "é\u{1F600}")];
        assert_eq!(whole(text.as_bytes()), expected);
    }

    #[test]
    fn a_mark_counts_at_the_beginning_alone() {
        assert_eq!(whole("data: 1\n\n\u{feff}data: 2\n\n".as_bytes()), [event("", "1")]);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(whole(b"data: a\xffb\n\n"), [event("", "a\u{fffd}b")]);
    }

    #[test]
    fn lines_and_events_have_an_end() {
        let mut parser = Parser::new(10);
        let mut out = Vec::new();
        assert_eq!(parser.feed(b"data: 4567", &mut out), Ok(()));
        assert_eq!(parser.feed(b"8", &mut out), Err(TooLong(10)));
        let mut parser = Parser::new(10);
        let mut fed = |text: &str| parser.feed(text.as_bytes(), &mut out);
        assert!(fed("data: 1234\n").is_ok() && fed("data: 1234\n").is_ok());
        assert!(fed("data: 1234\n").is_err());
        // Without data too: comments of any number are skipped, one that has no end is not.
        let mut parser = Parser::new(10);
        for _ in 0..1000 {
            parser.feed(b": ping\n", &mut out).unwrap();
        }
        assert!(parser.feed(&[b':'; 11], &mut out).is_err() && out.is_empty());
    }

    proptest! {
        #[test]
        fn any_cut_of_the_bytes_gives_the_same_events(
            lines in proptest::collection::vec((
                prop_oneof![
                    Just("data: "), Just("data:"), Just("event: "), Just(": "), Just("id: "), Just(""), Just("data"),
                    Just("\u{feff}data: ")
                ],
                "[a-zé:\u{1F600} ]{0,8}",
                prop_oneof![Just("\n"), Just("\r\n"), Just("\r"), Just("\n\n"), Just("\r\n\r\n"), Just("\r\r")],
            ), 0..24),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..24),
        ) {
            let text: String = lines.iter().map(|(field, value, end)| format!("{field}{value}{end}")).collect();
            let bytes = text.as_bytes();
            let expected = whole(bytes);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let (mut parser, mut out) = (Parser::new(1 << 16), Vec::new());
            for pair in cuts.windows(2) {
                parser.feed(&bytes[pair[0]..pair[1]], &mut out).unwrap();
            }
            prop_assert_eq!(&out, &expected);
            let (mut parser, mut out) = (Parser::new(1 << 16), Vec::new());
            for byte in bytes {
                parser.feed(std::slice::from_ref(byte), &mut out).unwrap();
            }
            prop_assert_eq!(&out, &expected);
        }
    }
}
