//! Tables in shared configuration files: which belong to the test runner, and how to take only those from elsewhere.
//!
//! No parser: the text is cut at its section headers, so that everything else stays as it was. Where a file says something
//! about a table in a way that cannot be cut (an inline table, a dotted key, line separators that two parsers read
//! differently, damage) the answer is that it cannot be done, and the caller keeps the whole file.

use std::ops::Range;

/// What became of the runner's tables between two contents of a shared configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// They are the same, or there are none.
    Same,
    /// They differ; here is the new content with the base's tables.
    Spliced(Vec<u8>),
    /// It cannot be told, or not be cut cleanly.
    Unclear,
}

/// How a configuration file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// TOML 1.1, as `pyproject.toml`; the runner's tables are `tool.pytest` and what lies beneath it.
    Toml,
    /// INI as the `iniconfig` package reads it, as `tox.ini` and `setup.cfg`; the runner's are `pytest` and `tool:pytest`.
    Ini,
}

/// Characters besides `\n` at which Python's `str.splitlines` cuts.
const SEPARATORS: [char; 8] = ['\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];

/// A section: its name's parts, and its text from its header to the next one.
struct Section<'a> {
    name: Vec<String>,
    text: &'a str,
}

/// Compares the runner's tables of two contents.
pub fn runner_tables(format: Format, base: &[u8], new: &[u8]) -> Change {
    let cut = |bytes| sections(format, bytes, |name| is_runner(format, name), &["tool", "pytest"]);
    let (Some(base), Some(new)) = (cut(base), cut(new)) else { return Change::Unclear };
    let runner = |sections: &[Section<'_>]| -> Vec<String> {
        let own = sections.iter().filter(|section| is_runner(format, &section.name));
        own.map(|section| without_trailer(section.text).to_owned()).collect()
    };
    let kept = runner(&base);
    if kept == runner(&new) {
        return Change::Same;
    }
    let mut out = String::new();
    for section in new.iter().filter(|section| !is_runner(format, &section.name)) {
        out.push_str(section.text);
    }
    for table in &kept {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(table);
        out.push('\n');
    }
    // The proof that the cut was clean: read again, it says what the base says.
    match cut(out.as_bytes()) {
        Some(sections) if runner(&sections) == kept => Change::Spliced(out.into_bytes()),
        _ => Change::Unclear,
    }
}

/// Whether a file of this format has tables of the runner; where that cannot be told, it has.
pub fn has_runner_tables(format: Format, bytes: &[u8]) -> bool {
    let found = sections(format, bytes, |name| is_runner(format, name), &["tool", "pytest"]);
    found.is_none_or(|sections| sections.iter().any(|section| is_runner(format, &section.name)))
}

/// Whether the table `tool.airlock` of a `pyproject.toml` differs between two contents; where that cannot be told, it does
/// if either mentions it at all.
pub fn own_table_differs(base: &[u8], new: &[u8]) -> bool {
    let is_own = |name: &[String]| name.len() >= 2 && name[0] == "tool" && name[1] == "airlock";
    let own = |bytes| {
        let found = sections(Format::Toml, bytes, is_own, &["tool", "airlock"])?;
        let own = found.iter().filter(|section| is_own(&section.name));
        Some(own.map(|section| without_trailer(section.text).to_owned()).collect::<Vec<_>>())
    };
    match (own(base), own(new)) {
        (Some(base), Some(new)) => base != new,
        _ => base != new && [base, new].iter().any(|bytes| String::from_utf8_lossy(bytes).contains("airlock")),
    }
}

fn is_runner(format: Format, name: &[String]) -> bool {
    match format {
        Format::Toml => name.len() >= 2 && name[0] == "tool" && name[1] == "pytest",
        // More names than iniconfig would take: a near miss is a mistake or a trick, and no one's loss.
        Format::Ini => name.first().is_some_and(|name| {
            let name = name.trim().to_lowercase();
            name == "pytest" || name == "tool:pytest"
        }),
    }
}

/// A section without the blank lines and comments at its end, which belong to what follows.
fn without_trailer(text: &str) -> &str {
    let mut end = text.len();
    for line in text.split_inclusive('\n').rev() {
        let trimmed = line.trim();
        if !trimmed.is_empty() && !trimmed.starts_with('#') && !trimmed.starts_with(';') {
            break;
        }
        end -= line.len();
    }
    text[..end].trim_end()
}

/// Cuts a text at its headers; the first section, without a name, is what stands above them. `None` where it cannot be done.
fn sections<'a>(
    format: Format,
    bytes: &'a [u8],
    wanted: impl Fn(&[String]) -> bool,
    target: &[&str],
) -> Option<Vec<Section<'a>>> {
    let text = std::str::from_utf8(bytes).ok()?;
    // A mark that one parser skips and another does not, and line separators that are none for the other.
    if text.starts_with('\u{feff}') || text.contains(SEPARATORS) || text.replace("\r\n", "").contains('\r') {
        return None;
    }
    let headers = match format {
        Format::Toml => Toml { text, at: 0 }.headers(&wanted, target)?,
        Format::Ini => ini_headers(text)?,
    };
    let mut sections = Vec::new();
    let ends = headers.iter().skip(1).map(|(start, _)| *start).chain([text.len()]);
    let first = headers.first().map_or(text.len(), |(start, _)| *start);
    sections.push(Section { name: Vec::new(), text: &text[..first] });
    for ((start, name), end) in headers.iter().zip(ends) {
        let Range { start, end } = *start..end;
        sections.push(Section { name: name.clone(), text: &text[start..end] });
    }
    Some(sections)
}

fn ini_headers(text: &str) -> Option<Vec<(usize, Vec<String>)>> {
    let mut headers = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        if !line.starts_with('[') {
            continue;
        }
        let header = line.split(['#', ';']).next()?.trim_end();
        headers.push((start, vec![header.strip_prefix('[')?.strip_suffix(']')?.to_owned()]));
    }
    Some(headers)
}

/// Walks over a TOML text: knows strings, comments and brackets, and nothing of values.
struct Toml<'a> {
    text: &'a str,
    at: usize,
}

impl Toml<'_> {
    /// Start and name of each header. `None` where a key outside of the wanted tables speaks of `target`.
    fn headers(mut self, wanted: &impl Fn(&[String]) -> bool, target: &[&str]) -> Option<Vec<(usize, Vec<String>)>> {
        let mut headers: Vec<(usize, Vec<String>)> = Vec::new();
        while self.at < self.text.len() {
            let line = self.at;
            self.blanks();
            match self.peek() {
                None => break,
                Some(b'\n') => self.at += 1,
                Some(b'#') => self.rest_of_line(),
                Some(b'[') => {
                    let double = self.text[self.at..].starts_with("[[");
                    self.at += if double { 2 } else { 1 };
                    let name = self.key(b']')?;
                    let end = if double { "]]" } else { "]" };
                    self.at += self.text[self.at..].starts_with(end).then_some(end.len())?;
                    self.end_of_line()?;
                    headers.push((line, name));
                }
                Some(_) => {
                    let key = self.key(b'=')?;
                    self.at += 1;
                    self.value()?;
                    let section = headers.last().map_or(&[][..], |(_, name)| name);
                    if !wanted(section) {
                        let full: Vec<&str> = section.iter().chain(&key).map(String::as_str).collect();
                        let shared = full.len().min(target.len());
                        if full[..shared] == target[..shared] {
                            return None;
                        }
                    }
                }
            }
        }
        Some(headers)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    fn rest_of_line(&mut self) {
        self.at = self.text[self.at..].find('\n').map_or(self.text.len(), |length| self.at + length + 1);
    }

    fn end_of_line(&mut self) -> Option<()> {
        self.blanks();
        match self.peek() {
            None => Some(()),
            Some(b'\n' | b'#') => {
                self.rest_of_line();
                Some(())
            }
            Some(_) => None,
        }
    }

    /// A dotted key up to `end`, which is not taken. Escapes in quoted parts are not understood, on purpose.
    fn key(&mut self, end: u8) -> Option<Vec<String>> {
        let mut parts = Vec::new();
        loop {
            self.blanks();
            let quote = self.peek()?;
            if quote == b'"' || quote == b'\'' {
                let rest = &self.text[self.at + 1..];
                let part = &rest[..rest.find(char::from(quote))?];
                if part.contains(['\\', '\n']) {
                    return None;
                }
                self.at += part.len() + 2;
                parts.push(part.to_owned());
            } else {
                let rest = &self.text[self.at..];
                let part = &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')?];
                if part.is_empty() {
                    return None;
                }
                self.at += part.len();
                parts.push(part.to_owned());
            }
            self.blanks();
            match self.peek()? {
                b'.' => self.at += 1,
                byte if byte == end => return Some(parts),
                _ => return None,
            }
        }
    }

    /// A value, with its line.
    fn value(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                None => return (depth == 0).then_some(()),
                Some(b'\n') if depth == 0 => {
                    self.at += 1;
                    return Some(());
                }
                Some(b'#') => {
                    self.rest_of_line();
                    if depth == 0 {
                        return Some(());
                    }
                }
                Some(b'[' | b'{') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b']' | b'}') => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                Some(quote @ (b'"' | b'\'')) => self.string(quote)?,
                Some(_) => self.at += 1,
            }
        }
    }

    fn string(&mut self, quote: u8) -> Option<()> {
        let bytes = self.text.as_bytes();
        let triple = bytes[self.at..].starts_with(&[quote; 3]);
        self.at += if triple { 3 } else { 1 };
        loop {
            match self.peek()? {
                b'\\' if quote == b'"' => self.at += 2,
                b'\n' if !triple => return None,
                byte if byte == quote && !triple => {
                    self.at += 1;
                    return Some(());
                }
                byte if byte == quote && bytes[self.at..].starts_with(&[quote; 3]) => {
                    self.at += 3;
                    // Up to two more quotes before the end belong to the string.
                    while self.peek() == Some(quote) {
                        self.at += 1;
                    }
                    return Some(());
                }
                _ => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spliced(format: Format, base: &str, new: &str) -> Option<String> {
        match runner_tables(format, base.as_bytes(), new.as_bytes()) {
            Change::Spliced(bytes) => Some(String::from_utf8(bytes).unwrap()),
            Change::Same => Some("same".into()),
            Change::Unclear => None,
        }
    }

    #[test]
    fn what_is_not_the_runners_may_change() {
        let base = "[project]\nname = \"a\"\n\n# tests\n[tool.pytest.ini_options]\naddopts = \"-q\"\n\n[tool.ruff]\nline = 1\n";
        let new = base
            .replace("name = \"a\"", "name = \"b\"")
            .replace("line = 1", "line = 2")
            .replace("\n\n[tool.ruff]", "\n\n# style\n[tool.ruff]");
        assert_eq!(spliced(Format::Toml, base, &new).unwrap(), "same");
        let ini = "[tox]\nenv = a\n[pytest]\naddopts = -q\n    -x\n[flake8]\nmax = 1\n";
        assert_eq!(spliced(Format::Ini, ini, &ini.replace("env = a", "env = b")).unwrap(), "same");
        assert_eq!(spliced(Format::Toml, "", "x = 1\n").unwrap(), "same");
    }

    #[test]
    fn the_runners_tables_come_from_the_base() {
        let base = "[project]\nname = \"a\"\n[tool.pytest.ini_options]\naddopts = \"-q\"\n[tool.ruff]\nline = 1\n";
        let new = "[project]\nname = \"b\"\n[tool.pytest.ini_options]\naddopts = \"-k nothing\"\n[tool.ruff]\nline = 2";
        assert_eq!(
            spliced(Format::Toml, base, new).unwrap(),
            "[project]\nname = \"b\"\n[tool.ruff]\nline = 2\n[tool.pytest.ini_options]\naddopts = \"-q\"\n"
        );
        // Added, removed, in another form of the table.
        assert_eq!(spliced(Format::Toml, "a = 1\n", "a = 1\n[tool.pytest]\nx = 1\n").unwrap(), "a = 1\n");
        assert_eq!(
            spliced(Format::Toml, "[tool.pytest]\nx = 1\n", "a = 1\n").unwrap(),
            "a = 1\n[tool.pytest]\nx = 1\n"
        );
        assert_eq!(
            spliced(Format::Toml, "a = 1\n", "a = 1\n[ \"tool\" . 'pytest' . ini_options ] # x\nx = 1\n").unwrap(),
            "a = 1\n"
        );
        assert_eq!(spliced(Format::Toml, "a = 1\n", "a = 1\n[[tool.pytest]]\nx = 1\n").unwrap(), "a = 1\n");
        assert_eq!(
            spliced(Format::Ini, "[pytest]\na = 1\n", "[x]\nb = 1\n[pytest] # c\na = 2\n").unwrap(),
            "[x]\nb = 1\n[pytest]\na = 1\n"
        );
        assert_eq!(spliced(Format::Ini, "[x]\n", "[x]\n[tool:pytest]\na = 2\n").unwrap(), "[x]\n");
    }

    #[test]
    fn a_header_in_a_string_is_none() {
        let base = "[tool.x]\na = '''\n[tool.pytest]\n'''\nb = [\n  \"]\", # ]\n  '[tool.pytest]',\n]\nc = \"\"\"\\\"\"\"\"\"\n[tool.y]\nd = 1\n";
        let new = base.replace("d = 1", "d = 2").replace("'[tool.pytest]'", "'[tool.pytest.x]'");
        assert_eq!(spliced(Format::Toml, base, &new).unwrap(), "same");
        assert!(!has_runner_tables(Format::Toml, base.as_bytes()));
        // A line that goes on in INI.
        assert!(!has_runner_tables(Format::Ini, b"[x]\na = 1\n  [pytest]\n"));
    }

    #[test]
    fn what_cannot_be_cut_is_unclear() {
        let cases = [
            "tool = { pytest = { x = 1 } }\n",
            "tool.pytest.ini_options.addopts = \"-q\"\n",
            "[tool]\npytest = { x = 1 }\n",
            "[tool]\npytest.ini_options.x = 1\n",
            "[tool]\n\"py\\u0074est\".x = 1\n",
            "a = \"unfinished\n",
            "a = [1\n",
            "[tool.pytest\n",
            "a = '''\n",
            "a = 1\rb = 2\n",
            "\u{feff}a = 1\n",
        ];
        for text in cases {
            assert_eq!(spliced(Format::Toml, "a = 1\n", text), None, "{text}");
            assert!(has_runner_tables(Format::Toml, text.as_bytes()));
        }
        for text in ["[x]\na = 1\u{c}[pytest]\nb = 1\n", "[x]\na = 1\u{2028}[pytest]\n", "[x\n", "[x]\na\r[pytest]\n"] {
            assert_eq!(spliced(Format::Ini, "[x]\n", text), None, "{text:?}");
        }
        assert_eq!(runner_tables(Format::Toml, b"\xff", b"a = 1\n"), Change::Unclear);
    }

    #[test]
    fn our_own_table_is_watched() {
        let base = b"[tool.airlock]\nx = 1\n[tool.y]\nz = 1\n";
        assert!(!own_table_differs(base, b"[tool.airlock]\nx = 1\n\n[tool.y]\nz = 2\n"));
        assert!(own_table_differs(base, b"[tool.airlock]\nx = 2\n[tool.y]\nz = 1\n"));
        assert!(own_table_differs(b"", b"[tool.airlock.sandbox]\nx = 2\n"));
        assert!(own_table_differs(b"a = 1", b"tool.airlock.x = 1\n"));
        assert!(!own_table_differs(b"a = 1", b"a = [\n"));
    }
}
