//! Messages as LSP frames them: a header that ends in an empty line, with the length of what follows.
//!
//! Source: LSP 3.17, "Base Protocol". Whatever comes in is bounded, and what cannot be read does not keep the next message
//! from being read.

use std::io::{self, BufRead, Read, Write};

/// Longest body, in bytes.
pub const MAX_BODY: u64 = 64 << 20;
/// Longest header block, in bytes.
const MAX_HEADER: u64 = 8 << 10;

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    Body(Vec<u8>),
    /// A message that was passed over, and why.
    Refused(String),
}

/// Longest body that is passed over by its length, in bytes. A longer one is not believed.
const MAX_SKIPPED: u64 = 1 << 30;
/// What a header begins with where nothing else is known.
const LENGTH: &[u8] = b"content-length:";

/// The frames of an input.
pub struct Frames<R> {
    input: R,
    /// Where the next frame begins is not known.
    is_lost: bool,
}

impl<R: BufRead> Frames<R> {
    pub fn new(input: R) -> Self {
        Self { input, is_lost: false }
    }

    /// Reads the next frame; none at the end of the input.
    ///
    /// # Errors
    /// The input cannot be read.
    pub fn read(&mut self) -> io::Result<Option<Frame>> {
        let begun: &[u8] = if std::mem::take(&mut self.is_lost) {
            if !self.find()? {
                return Ok(None);
            }
            LENGTH
        } else {
            b""
        };
        let (length, fault) = match self.read_header(begun)? {
            None => return Ok(None),
            Some(header) => header,
        };
        let Some(length) = length.filter(|length| *length <= MAX_SKIPPED) else {
            self.is_lost = true;
            let fault = fault.unwrap_or_else(|| match length {
                Some(length) => format!("a message has {length} bytes, more than the {MAX_BODY} taken"),
                None => "a message has no Content-Length".to_owned(),
            });
            return Ok(Some(Frame::Refused(fault)));
        };
        let fault = match fault {
            None if length > MAX_BODY => Some(format!("a message has {length} bytes, more than the {MAX_BODY} taken")),
            fault => fault,
        };
        if let Some(fault) = fault {
            io::copy(&mut (&mut self.input).take(length), &mut io::sink())?;
            return Ok(Some(Frame::Refused(fault)));
        }
        let mut body = Vec::new();
        (&mut self.input).take(length).read_to_end(&mut body)?;
        if (body.len() as u64) < length {
            return Ok(None);
        }
        Ok(Some(Frame::Body(body)))
    }

    /// Passes over everything before the next header, and over the name it begins with; false at the end of the input.
    fn find(&mut self) -> io::Result<bool> {
        let mut matched = 0;
        loop {
            let bytes = self.input.fill_buf()?;
            if bytes.is_empty() {
                return Ok(false);
            }
            let mut used = 0;
            for byte in bytes {
                used += 1;
                // The first letter does not come again in the name, so there is no shorter match to fall back to.
                matched = match byte.to_ascii_lowercase() {
                    byte if byte == LENGTH[matched] => matched + 1,
                    byte => usize::from(byte == LENGTH[0]),
                };
                if matched == LENGTH.len() {
                    break;
                }
            }
            self.input.consume(used);
            if matched == LENGTH.len() {
                return Ok(true);
            }
        }
    }

    /// The length that a header block tells, and what is wrong with it. `begun`: its first bytes, read already.
    fn read_header(&mut self, begun: &[u8]) -> io::Result<Option<(Option<u64>, Option<String>)>> {
        let (mut length, mut fault, mut left) = (None, None, MAX_HEADER);
        let mut begun = begun.to_vec();
        loop {
            let mut line = std::mem::take(&mut begun);
            (&mut self.input).take(left).read_until(b'\n', &mut line)?;
            if line.is_empty() {
                if left > 0 {
                    return Ok(None);
                }
                return Ok(Some((None, Some(format!("a header is longer than {MAX_HEADER} bytes")))));
            }
            left = left.saturating_sub(line.len() as u64);
            let text = line.trim_ascii();
            if text.is_empty() {
                // Empty lines between messages are no header.
                if length.is_none() && fault.is_none() && left == MAX_HEADER - line.len() as u64 {
                    left = MAX_HEADER;
                    continue;
                }
                return Ok(Some((length, fault)));
            }
            let Some(colon) = text.iter().position(|byte| *byte == b':') else {
                fault.get_or_insert_with(|| "a header line has no colon".to_owned());
                continue;
            };
            let (name, value) = (text[..colon].trim_ascii(), text[colon + 1..].trim_ascii());
            if !name.eq_ignore_ascii_case(b"content-length") {
                continue;
            }
            let number = std::str::from_utf8(value).ok().and_then(|value| value.parse::<u64>().ok());
            match (length, number) {
                (None, Some(_)) => length = number,
                (Some(_), Some(_)) if length == number => {}
                (Some(_), Some(_)) => {
                    fault.get_or_insert_with(|| "a message has two lengths".to_owned());
                }
                (_, None) => {
                    fault.get_or_insert_with(|| "a Content-Length is no number".to_owned());
                }
            }
        }
    }
}

/// Writes a frame.
///
/// # Errors
/// The output cannot be written.
pub fn write(output: &mut impl Write, body: &[u8]) -> io::Result<()> {
    write!(output, "Content-Length: {}\r\n\r\n", body.len())?;
    output.write_all(body)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8]) -> Vec<Frame> {
        let mut frames = Frames::new(input);
        std::iter::from_fn(|| frames.read().expect("read")).collect()
    }

    fn body(text: &str) -> Frame {
        Frame::Body(text.as_bytes().to_vec())
    }

    #[test]
    fn frames_are_read_one_after_the_other() {
        assert_eq!(
            all(b"Content-Length: 2\r\n\r\n{}content-length:3\r\nContent-Type: x\r\n\r\nabc"),
            [body("{}"), body("abc")]
        );
        assert_eq!(all(b"Content-Length: 2\n\n{}"), [body("{}")], "line feeds alone");
        assert_eq!(all(b"\r\n\r\nContent-Length: 1\r\n\r\nx"), [body("x")], "empty lines between");
        assert_eq!(all(b""), []);
        assert_eq!(all(b"Content-Length: 9\r\n\r\n{}"), [], "cut off");
        let mut out = Vec::new();
        write(&mut out, b"{}").expect("written");
        assert_eq!(all(&out), [body("{}")]);
    }

    #[test]
    fn what_cannot_be_read_does_not_keep_the_next_from_being_read() {
        let next = "Content-Length: 2\r\n\r\n{}";
        let bad = [
            "Content-Type: x\r\n\r\n".to_owned(),
            "Content-Length: many\r\n\r\n".to_owned(),
            "Content-Length: -1\r\n\r\n{\"a\": 1}".to_owned(),
            "Content-Length: 1000000000000\r\n\r\n{\"a\": 1}".to_owned(),
            "Content-Length: 99999999999999999999999\r\n\r\nCContent-Length {}".to_owned(),
            "no colon\r\n\r\n".to_owned(),
            "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc".to_owned(),
            format!("X: {}", "x".repeat(9000 - 4)),
        ];
        for bad in bad {
            let frames = all(format!("{bad}{next}").as_bytes());
            assert!(matches!(frames.first(), Some(Frame::Refused(_))), "{bad:.40}: {frames:?}");
            assert_eq!((frames.len(), frames.last()), (2, Some(&body("{}"))), "{bad:.40}");
        }
        let long = MAX_BODY + 1;
        let mut input = format!("Content-Length: {long}\r\n\r\n").into_bytes();
        input.resize(input.len() + usize::try_from(long).expect("fits"), b'x');
        input.extend(next.as_bytes());
        let frames = all(&input);
        assert!(matches!(&frames[0], Frame::Refused(why) if why.contains("more than")), "{:?}", frames[0]);
        assert_eq!(frames[1], body("{}"));
    }
}
