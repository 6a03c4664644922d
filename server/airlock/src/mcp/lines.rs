//! Messages as MCP's stdio transport frames them: one line each. A line is bounded, and one that is too long does not keep the
//! next from being read.

use std::io::{self, BufRead};

/// Longest line, in bytes. A patch is the longest thing that comes in; one of a megabyte is read by nobody.
pub const MAX_LINE: usize = 8 << 20;

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    Text(Vec<u8>),
    /// It was passed over; so many bytes.
    TooLong(u64),
}

/// The lines of an input.
pub struct Lines<R> {
    input: R,
    longest: usize,
}

impl<R: BufRead> Lines<R> {
    pub fn new(input: R) -> Self {
        Self { input, longest: MAX_LINE }
    }

    /// Reads the next line that has something in it; none at the end of the input. A last line needs no end.
    ///
    /// # Errors
    /// The input cannot be read.
    pub fn read(&mut self) -> io::Result<Option<Line>> {
        loop {
            let (line, is_end) = self.read_any()?;
            match line {
                Line::Text(text) if text.trim_ascii().is_empty() => {
                    if is_end {
                        return Ok(None);
                    }
                }
                line => return Ok(Some(line)),
            }
        }
    }

    fn read_any(&mut self) -> io::Result<(Line, bool)> {
        let (mut text, mut length) = (Vec::new(), 0_u64);
        let is_end = loop {
            let bytes = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            if bytes.is_empty() {
                break true;
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            length += part.len() as u64;
            if length <= self.longest as u64 {
                text.extend_from_slice(part);
            } else {
                // Not kept until the line's end, which may never come.
                text = Vec::new();
            }
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                break false;
            }
        };
        let line = if length > self.longest as u64 { Line::TooLong(length) } else { Line::Text(text) };
        Ok((line, is_end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8], longest: usize, buffer: usize) -> Vec<Line> {
        let mut lines = Lines { input: io::BufReader::with_capacity(buffer, input), longest };
        std::iter::from_fn(|| lines.read().expect("read")).collect()
    }

    #[test]
    fn lines_are_read_one_after_the_other_and_long_ones_are_passed_over() {
        let text = |text: &str| Line::Text(text.as_bytes().to_vec());
        for buffer in [1, 3, 4096] {
            assert_eq!(all(b"{}\n[]\n", 10, buffer), [text("{}"), text("[]")]);
            assert_eq!(all(b"\n \r\n{}\r\n\n", 10, buffer), [text("{}\r")], "empty lines are none");
            assert_eq!(all(b"{}", 10, buffer), [text("{}")], "the last has no end");
            assert_eq!(all(b"", 10, buffer), []);
            let long = [b"x".repeat(11), b"\n{}\n".to_vec()].concat();
            assert_eq!(all(&long, 10, buffer), [Line::TooLong(11), text("{}")]);
            assert_eq!(all(&b"x".repeat(10), 10, buffer), [text("xxxxxxxxxx")]);
            assert_eq!(all(&b"x".repeat(500), 10, buffer), [Line::TooLong(500)], "and no end");
        }
    }
}
