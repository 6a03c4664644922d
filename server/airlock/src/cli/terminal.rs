//! What a person sees: colours and a progress line only on a terminal, nothing wider than 80 columns, and nothing of the
//! tests' own text that could act on the terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use airlock_core::text;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::args::{COLUMNS, When};

/// Most characters of one id, and most lines on a terminal: parameters can be whole texts.
const MAX_ID: usize = 4096;
const ID_LINES: usize = 6;

/// Most characters of a line that says the results in short.
const MAX_ASIDE: usize = 400;

/// How often the progress line changes at most.
const TICK: Duration = Duration::from_millis(80);

/// A colour or the like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Cyan => "36",
        }
    }
}

/// Puts styles on text, or not.
#[derive(Clone, Copy, Debug)]
pub struct Painter {
    pub colour: bool,
    /// A program reads, or a file is written: what is copied out of it stays whole, however long it is.
    pub whole: bool,
}

impl Painter {
    /// A test's id, or another word that is copied, after an indent: in one line where that is not read on a terminal.
    pub fn id(self, id: &str, indent: &str) -> Vec<String> {
        if self.whole {
            return vec![format!("{indent}{}", text::one_line(id, MAX_ID))];
        }
        wrap(&text::one_line(id, MAX_ID), indent, COLUMNS).into_iter().take(ID_LINES).collect()
    }

    /// The text in a style. It has to be free of what acts on a terminal already.
    pub fn paint(self, style: Style, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("\x1b[{}m{text}\x1b[0m", style.code()) } else { text.to_owned() }
    }
}

/// Where a person reads: results on stdout, progress and errors on stderr. With `--json` nothing but errors.
pub struct Terminal {
    json: bool,
    pub out: Painter,
    pub err: Painter,
    /// Progress is shown: stderr is a terminal.
    live: bool,
    /// Questions can be asked.
    asks: bool,
    progress: Mutex<Progress>,
    /// Who is told in place of a person at a terminal.
    listener: Option<Listener>,
}

/// Takes what goes on, and what is to be known besides.
pub type Listener = Box<dyn Fn(Told<'_>) + Send + Sync>;

/// What a listener is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// What goes on now.
    Progress(&'a str),
    /// Something beside the results.
    Note(&'a str),
    /// The work is this session's from here on.
    Session(&'a str),
}

#[derive(Debug, Default)]
struct Progress {
    shown: bool,
    last: Option<Instant>,
}

impl Terminal {
    pub fn new(json: bool, color: When) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = |is_terminal: bool| match color {
            When::Always => true,
            When::Never => false,
            When::Auto => is_terminal && !plain,
        };
        let live = io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            json,
            out: Painter { colour: colour(io::stdout().is_terminal()), whole: !io::stdout().is_terminal() },
            err: Painter { colour: colour(io::stderr().is_terminal()), whole: !io::stderr().is_terminal() },
            live,
            asks: !json && io::stdin().is_terminal() && io::stderr().is_terminal(),
            progress: Mutex::default(),
            listener: None,
        }
    }

    /// Nobody reads: what goes on is told to the listener, and results are in the reports alone.
    pub fn listening(listener: Listener) -> Self {
        Self { live: false, asks: false, listener: Some(listener), ..Self::new(true, When::Never) }
    }

    /// Whether a question would reach a person.
    pub fn asks(&self) -> bool {
        self.asks
    }

    /// Prints a result, a line or several. With `--json` results are in the document alone.
    pub fn say(&self, text: &str) {
        if !self.json {
            self.clear();
            print_out(text);
        }
    }

    /// Says in a line on standard error what the results say at length, where those go to no terminal: a hook hands it on.
    pub fn aside(&self, text: &str) {
        if !self.json && !io::stdout().is_terminal() {
            self.note(&text::one_line(text, MAX_ASIDE));
        }
    }

    /// Whether a person reads the results, and no program.
    pub fn is_seen(&self) -> bool {
        !self.json && io::stdout().is_terminal()
    }

    /// Prints a result as it is, byte for byte.
    pub fn say_bytes(&self, bytes: &[u8]) {
        if !self.json {
            self.clear();
            print_bytes(bytes);
        }
    }

    /// Tells who listens which session the work is in; a person is told at the end.
    pub fn session(&self, id: &str) {
        if let Some(listener) = &self.listener {
            listener(Told::Session(id));
        }
    }

    /// Prints something beside the results.
    pub fn note(&self, text: &str) {
        if let Some(listener) = &self.listener {
            return listener(Told::Note(text));
        }
        self.clear();
        // Standard error may be closed; there is no better place to say so.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Shows what is going on, over what was shown before. `always` for a change that must be seen.
    pub fn progress(&self, text: &str, always: bool) {
        if !self.live && self.listener.is_none() {
            return;
        }
        let mut progress = self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !always && progress.last.is_some_and(|last| last.elapsed() < TICK) {
            return;
        }
        if let Some(listener) = &self.listener {
            progress.last = Some(Instant::now());
            return listener(Told::Progress(text));
        }
        let line = fit(text, columns().saturating_sub(1));
        let _ = write!(io::stderr().lock(), "\r{}\x1b[K", self.err.paint(Style::Dim, &line));
        let _ = io::stderr().flush();
        *progress = Progress { shown: true, last: Some(Instant::now()) };
    }

    /// Takes the progress line away.
    pub fn clear(&self) {
        let mut progress = self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if std::mem::take(&mut *progress).shown {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }

    /// Asks a yes-or-no question; anything but yes is no.
    pub fn confirm(&self, question: &str) -> bool {
        self.clear();
        let question = wrap(question, "", COLUMNS).join("\n");
        let _ = write!(io::stderr().lock(), "{question} [y/N] ");
        let _ = io::stderr().flush();
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }
}

/// Columns to use: the terminal's, but never more than 80.
pub fn columns() -> usize {
    let real = terminal_size::terminal_size_of(io::stderr()).map(|(width, _)| usize::from(width.0));
    real.filter(|width| *width >= 20).unwrap_or(COLUMNS).min(COLUMNS)
}

/// Set once stdout could not be written for another reason than a closed pipe.
static OUTPUT_LOST: AtomicBool = AtomicBool::new(false);

/// Whether results were lost: then no exit code may say that all is well.
pub fn output_lost() -> bool {
    OUTPUT_LOST.load(Ordering::Relaxed)
}

/// Writes a line to stdout. A reader who has gone away ends the output, not the work.
pub fn print_out(text: &str) {
    print_bytes(format!("{text}\n").as_bytes());
}

fn print_bytes(bytes: &[u8]) {
    if output_lost() {
        return;
    }
    let written = {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush())
    };
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        OUTPUT_LOST.store(true, Ordering::Relaxed);
        let _ = writeln!(io::stderr().lock(), "error: cannot write to standard output: {error}");
    }
}

/// A foreign text as one line of at most `columns` columns; what is too long ends in `…`.
pub fn fit(foreign: &str, columns: usize) -> String {
    // No character is narrower than none, so at most four times the columns are looked at.
    let safe = text::one_line(foreign, columns.saturating_mul(4).max(8));
    if safe.width() <= columns {
        return safe;
    }
    let mut out = String::new();
    let mut used = 0;
    for c in safe.chars() {
        let width = c.width().unwrap_or(0);
        if used + width >= columns {
            break;
        }
        used += width;
        out.push(c);
    }
    out.push('…');
    out
}

/// A foreign text in lines of at most `columns` columns, each after `indent`; broken at blanks where there are some.
pub fn wrap(foreign: &str, indent: &str, columns: usize) -> Vec<String> {
    let room = columns.saturating_sub(indent.width()).max(8);
    let mut lines = Vec::new();
    for line in text::visible(foreign).lines() {
        let line = line.replace('\t', "    ");
        let mut rest = line.trim_end();
        loop {
            let (piece, later) = split_at_width(rest, room);
            lines.push(format!("{indent}{}", piece.trim_end()).trim_end().to_owned());
            if later.is_empty() {
                break;
            }
            rest = later;
        }
    }
    lines
}

/// The longest beginning of `text` that fits, ended at a blank where that leaves more than a quarter, and the rest.
fn split_at_width(text: &str, room: usize) -> (&str, &str) {
    let mut used = 0;
    let mut blank = None;
    for (at, c) in text.char_indices() {
        let width = c.width().unwrap_or(0);
        if used + width > room {
            let end = if c == ' ' { at } else { blank.filter(|blank| *blank > room / 4).unwrap_or(at) };
            // One character at least, so that a narrow room ends too.
            let end = if end == 0 { at + c.len_utf8() } else { end };
            return (&text[..end], text[end..].trim_start_matches(' '));
        }
        used += width;
        if c == ' ' {
            blank = Some(at);
        }
    }
    (text, "")
}

/// A unified diff in colours, line by line, with everything hidden in it shown. Lines of code are not broken or cut:
/// what is landed has to be seen whole.
pub fn diff(painter: Painter, diff: &[u8]) -> Vec<String> {
    let shown = text::visible_bytes(diff);
    let mut in_hunk = false;
    shown
        .lines()
        .map(|line| {
            if line.starts_with("diff --git ") {
                in_hunk = false;
            } else if line.starts_with("@@") {
                in_hunk = true;
            }
            let style = match line.as_bytes().first() {
                Some(b'@') if in_hunk => Some(Style::Cyan),
                Some(b'+') if in_hunk => Some(Style::Green),
                Some(b'-') if in_hunk => Some(Style::Red),
                _ if !in_hunk => Some(Style::Bold),
                _ => None,
            };
            match style {
                Some(style) => painter.paint(style, line),
                None => line.to_owned(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Painter = Painter { colour: false, whole: false };
    const COLOUR: Painter = Painter { colour: true, whole: false };

    #[test]
    fn lines_fit_their_columns_and_cannot_act_on_the_terminal() {
        assert_eq!(fit("tests/test_a.py::test_b", 80), "tests/test_a.py::test_b");
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit("漢字漢字", 5), "漢字…");
        assert_eq!(fit("漢字漢字", 4), "漢…", "an ellipsis needs a column too");
        assert_eq!(fit("\u{1b}[2Jx", 80), "\\x1b[2Jx");
        assert_eq!(fit("a\nb", 80), "a⏎b");
        for width in 8..40 {
            let long = "wide 漢字 and narrow words, e\u{301} too ".repeat(5);
            assert!(fit(&long, width).width() <= width);
            assert!(wrap(&long, "    ", width + 4).iter().all(|line| line.width() <= width + 4));
        }
    }

    #[test]
    fn text_is_broken_at_blanks_and_nothing_is_lost() {
        assert_eq!(wrap("one two three four", "  ", 14), ["  one two", "  three four"]);
        let id = "tests/test_a.py::test_b[0123456789]";
        let lines = wrap(id, "  ", 20);
        assert_eq!(lines.iter().map(|line| line.trim_start()).collect::<String>(), id);
        assert_eq!(wrap("a\n\n\tb\u{202e}", "> ", 80), ["> a", ">", ">     b\\u{202e}"]);
        assert_eq!(wrap("", "  ", 80), Vec::<String>::new());
    }

    #[test]
    fn ids_are_whole_for_programs_and_wrapped_on_a_terminal() {
        let id = format!("tests/test_a.py::test_b[{}]", "0123456789".repeat(12));
        assert_eq!(Painter { colour: false, whole: true }.id(&id, "  "), [format!("  {id}")]);
        let lines = PLAIN.id(&id, "  ");
        assert!(lines.len() > 1 && lines.iter().all(|line| line.width() <= COLUMNS), "{lines:?}");
        assert_eq!(lines.iter().map(|line| line.trim_start()).collect::<String>(), id);
    }

    #[test]
    fn a_diff_is_coloured_by_its_lines() {
        let text =
            b"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n a\n-b\n+c\x1b[0m\n--- not a header\n";
        let lines = diff(COLOUR, text);
        assert_eq!(lines[1], "\u{1b}[1m--- a/x.py\u{1b}[0m");
        assert_eq!(lines[3], "\u{1b}[36m@@ -1,2 +1,2 @@\u{1b}[0m");
        assert_eq!(lines[4], " a");
        assert_eq!(lines[6], "\u{1b}[32m+c\\x1b[0m\u{1b}[0m");
        assert_eq!(lines[7], "\u{1b}[31m--- not a header\u{1b}[0m");
        assert_eq!(diff(PLAIN, text)[6], "+c\\x1b[0m");
    }

    #[test]
    fn styles_are_only_where_colours_are() {
        assert_eq!(PLAIN.paint(Style::Red, "x"), "x");
        assert_eq!(COLOUR.paint(Style::Red, "x"), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(COLOUR.paint(Style::Red, ""), "");
    }
}
