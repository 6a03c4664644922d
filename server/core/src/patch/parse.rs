//! Reads the text of a patch.

use crate::diff::split_lines;
use crate::limits::{MAX_FILES, MAX_PATCH_BYTES};
use crate::text::{one_line, visible_bytes};

use super::header::{Header, STRANGE, file_name};
use super::{FilePatch, HunkLine, Op, Patch, PatchError, PatchHunk};

/// Reads a patch: at most [`MAX_PATCH_BYTES`] bytes, at least one change. What is not part of a diff (a mail around it,
/// headers of other tools) is passed over.
pub fn parse(bytes: &[u8]) -> Result<Patch, PatchError> {
    if bytes.len() > MAX_PATCH_BYTES {
        return Err(PatchError::TooLarge(format!("{} bytes", bytes.len())));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(PatchError::Empty("it is written in UTF-16; write it as UTF-8"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut parser = Parser { lines: split_lines(bytes), at: 0, files: Vec::new(), open: None, part: 0 };
    while parser.at < parser.lines.len() {
        parser.step()?;
    }
    parser.close()?;
    if parser.files.is_empty() {
        let coloured = bytes.windows(2).any(|pair| pair == b"\x1b[");
        let why =
            if coloured { "it has colour codes; make it without (`git diff --no-color`)" } else { "no diff was found" };
        return Err(PatchError::Empty(why));
    }
    Ok(Patch { files: parser.files })
}

struct Parser<'a> {
    lines: Vec<&'a [u8]>,
    /// The next line, from 0.
    at: usize,
    files: Vec<FilePatch>,
    open: Option<(Header, Vec<PatchHunk>)>,
    /// Counts the mails of a series.
    part: usize,
}

impl<'a> Parser<'a> {
    /// A line without its ending.
    fn peek(&self, ahead: usize) -> &'a [u8] {
        let line = self.lines.get(self.at + ahead).copied().unwrap_or_default();
        line.strip_suffix(b"\n").unwrap_or(line)
    }

    fn malformed<T>(&self, what: impl Into<String>) -> Result<T, PatchError> {
        Err(PatchError::Malformed { line: self.at + 1, what: what.into() })
    }

    fn step(&mut self) -> Result<(), PatchError> {
        let (line, number) = (self.peek(0), self.at + 1);
        if let Some(names) = line.strip_prefix(b"diff --git ") {
            self.close()?;
            self.open = Some((Header::git(number, names)?, Vec::new()));
        } else if line.starts_with(b"diff --cc ") || line.starts_with(b"diff --combined ") || line.starts_with(b"@@@ -")
        {
            return self.malformed("it is a merge's combined diff; make one against a single parent (`git diff -m`)");
        } else if self.starts_names() {
            let (old, new) = (file_name(number, &line[4..])?, file_name(number + 1, &self.peek(1)[4..])?);
            let goes_on = self
                .open
                .as_ref()
                .is_some_and(|(header, hunks)| header.is_git() && !header.has_names() && hunks.is_empty());
            if !goes_on {
                self.close()?;
                self.open = Some((Header::plain(number), Vec::new()));
            }
            if let Some((header, _)) = &mut self.open {
                header.set_names(old, new);
            }
            self.at += 1;
            // What else could be here is the rest of a name.
            if self.at + 1 < self.lines.len() && !self.peek(1).starts_with(b"@@ -") {
                self.at += 1;
                return self.malformed(STRANGE);
            }
        } else if line.starts_with(b"@@ -") {
            return self.hunk();
        } else if line.starts_with(b"GIT binary patch")
            || line.starts_with(b"Binary files ") && line.trim_ascii_end().ends_with(b" differ")
        {
            return Err(PatchError::Binary { line: number });
        } else if starts_mail(line) {
            self.close()?;
            self.part += 1;
        } else if let Some((header, hunks)) = &mut self.open
            && header.is_git()
            && hunks.is_empty()
        {
            header.extended(number, line)?;
        }
        self.at += 1;
        Ok(())
    }

    /// Whether a `---` and a `+++` line are next.
    fn starts_names(&self) -> bool {
        self.peek(0).starts_with(b"--- ") && self.peek(1).starts_with(b"+++ ")
    }

    fn close(&mut self) -> Result<(), PatchError> {
        if let Some((header, hunks)) = self.open.take() {
            self.files.push(header.finish(hunks, self.part)?);
            if self.files.len() > MAX_FILES {
                return Err(PatchError::TooLarge(format!("more than {MAX_FILES} files")));
            }
        }
        Ok(())
    }

    fn hunk(&mut self) -> Result<(), PatchError> {
        let line = self.at + 1;
        let Some((old_start, mut old_left, mut new_left)) = positions(self.peek(0)) else {
            return self.malformed("a hunk starts with `@@ -start,count +start,count @@`");
        };
        let number = match &self.open {
            Some((header, hunks)) if header.has_names() => hunks.len() + 1,
            _ => return self.malformed("a hunk without the name of a file above it (`---` and `+++` lines)"),
        };
        if old_left == 0 && new_left == 0 {
            return self.malformed("a hunk without lines");
        }
        self.at += 1;
        let mut lines: Vec<HunkLine> = Vec::new();
        while old_left > 0 || new_left > 0 {
            let Some(&raw) = self.lines.get(self.at) else {
                let what =
                    format!("the patch ends in hunk {number}: {old_left} old and {new_left} new lines are missing");
                return self.malformed(what);
            };
            let (op, text) = match raw {
                [b' ', text @ ..] => (Op::Context, text),
                [b'-', text @ ..] => (Op::Remove, text),
                [b'+', text @ ..] => (Op::Add, text),
                // Some mailers take the blank off an empty line of context.
                b"\n" | b"\r\n" => (Op::Context, raw),
                [b'\\', ..] if !lines.is_empty() => {
                    self.no_newline(&mut lines)?;
                    continue;
                }
                _ => {
                    let shown = one_line(&visible_bytes(raw), 40);
                    return self
                        .malformed(format!("hunk {number} should go on here, but `{shown}` is no line of a diff"));
                }
            };
            let (old, new) = (usize::from(op != Op::Add), usize::from(op != Op::Remove));
            if old > old_left || new > new_left {
                return self.malformed(format!("hunk {number} has other lines than its header counts"));
            }
            (old_left, new_left) = (old_left - old, new_left - new);
            let mut text = text.to_vec();
            // Only the patch's own last line can be without an ending; the ending was lost with a paste.
            if text.last() != Some(&b'\n') {
                text.push(b'\n');
            }
            lines.push(HunkLine { op, text });
            self.at += 1;
        }
        if self.peek(0).starts_with(b"\\") {
            self.no_newline(&mut lines)?;
        }
        self.ends(number)?;
        if !lines.iter().any(|line| line.op != Op::Context) {
            return Err(PatchError::Malformed { line, what: format!("hunk {number} changes nothing") });
        }
        let hunk = PatchHunk { number, line, old_start, lines };
        if let Some((_, hunks)) = &mut self.open {
            hunks.push(hunk);
        }
        Ok(())
    }

    /// `\ No newline at end of file`, in whatever language: takes the ending off the line before.
    fn no_newline(&mut self, lines: &mut [HunkLine]) -> Result<(), PatchError> {
        match lines.last_mut() {
            Some(line) if line.text.last() == Some(&b'\n') => line.text.pop(),
            _ => return self.malformed("`\\ No newline at end of file` has to follow a line of the hunk"),
        };
        self.at += 1;
        Ok(())
    }

    /// After a hunk's last line nothing may look like one more: the counts of its header would be wrong.
    fn ends(&self, number: usize) -> Result<(), PatchError> {
        let next = self.peek(0);
        let signature = matches!(next.trim_ascii_end(), b"--");
        if matches!(next.first(), Some(b' ' | b'+' | b'-' | b'\\')) && !signature && !self.starts_names() {
            return self.malformed(format!("hunk {number} has more lines than its header counts"));
        }
        Ok(())
    }
}

/// `From <commit> <date>`, the first line of a mail of `git format-patch`.
fn starts_mail(line: &[u8]) -> bool {
    let commit = line.strip_prefix(b"From ").and_then(|rest| rest.split(|byte| *byte == b' ').next());
    commit.is_some_and(|commit| matches!(commit.len(), 40 | 64) && commit.iter().all(u8::is_ascii_hexdigit))
}

/// The old start and both counts of `@@ -start[,count] +start[,count] @@`.
fn positions(line: &[u8]) -> Option<(usize, usize, usize)> {
    let text = std::str::from_utf8(line.strip_prefix(b"@@ -")?.split(|byte| *byte == b'@').next()?).ok()?;
    line[4..].windows(3).position(|end| end == b" @@")?;
    let (old, new) = text.trim_end().split_once(" +")?;
    let range = |text: &str| -> Option<(usize, usize)> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            // Larger than any patch; sums of such numbers cannot overflow.
            text.parse().ok().filter(|number| digits && *number <= MAX_PATCH_BYTES)
        };
        match text.split_once(',') {
            Some((start, count)) => Some((number(start)?, number(count)?)),
            None => Some((number(text)?, 1)),
        }
    };
    let ((old_start, old_count), (_, new_count)) = (range(old)?, range(new)?);
    (old_count == 0 || old_start > 0).then_some((old_start, old_count, new_count))
}
