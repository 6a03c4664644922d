//! Setuptools' finders for editable installs, read as text.
//!
//! `pip install -e` may write `__editable___NAME_VERSION_finder.py` whose `MAPPING` and `NAMESPACES` are dictionaries of
//! plain strings (`setuptools/command/editable_wheel.py`, `_FINDER_TEMPLATE`). They are parsed as literals; the file is
//! never run.

use std::collections::BTreeMap;

/// Most entries taken from one file.
const MAX_ENTRIES: usize = 10_000;

/// Modules (dotted) with the paths they are found at.
pub(super) fn mapping(source: &str) -> Option<BTreeMap<String, Vec<String>>> {
    let mut all = BTreeMap::new();
    let mut seen = false;
    for name in ["MAPPING", "NAMESPACES"] {
        if let Some(text) = assigned(source, name) {
            all.extend(Literal(text).dictionary()?);
            seen = true;
        }
    }
    seen.then_some(all)
}

/// What follows the `=` of a top-level assignment, annotated or not.
fn assigned<'s>(source: &'s str, name: &str) -> Option<&'s str> {
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix(name)
            && rest.trim_start().starts_with([':', '='])
            && let Some(equals) = line.find('=')
        {
            return Some(&source[at + equals + 1..]);
        }
        at += line.len();
    }
    None
}

/// A reader of the few literals that occur.
struct Literal<'s>(&'s str);

impl Literal<'_> {
    fn dictionary(&mut self) -> Option<BTreeMap<String, Vec<String>>> {
        let mut all = BTreeMap::new();
        self.expect('{')?;
        while !self.take('}') {
            let key = self.string()?;
            self.expect(':')?;
            let value = if self.take('[') { self.list()? } else { vec![self.string()?] };
            all.insert(key, value);
            if all.len() > MAX_ENTRIES {
                return None;
            }
            if !self.take(',') {
                self.expect('}')?;
                break;
            }
        }
        Some(all)
    }

    fn list(&mut self) -> Option<Vec<String>> {
        let mut all = Vec::new();
        while !self.take(']') {
            all.push(self.string()?);
            if !self.take(',') {
                self.expect(']')?;
                break;
            }
        }
        Some(all)
    }

    fn take(&mut self, c: char) -> bool {
        self.0 = self.0.trim_start();
        match self.0.strip_prefix(c) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, c: char) -> Option<()> {
        self.take(c).then_some(())
    }

    /// A string as `repr` writes it.
    fn string(&mut self) -> Option<String> {
        self.0 = self.0.trim_start();
        let quote = self.0.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let mut chars = self.0[1..].chars();
        let mut out = String::new();
        loop {
            match chars.next()? {
                c if c == quote => break,
                '\n' => return None,
                '\\' => out.push(match chars.next()? {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'x' => code(&mut chars, 2)?,
                    'u' => code(&mut chars, 4)?,
                    'U' => code(&mut chars, 8)?,
                    c @ ('\\' | '\'' | '"') => c,
                    _ => return None,
                }),
                c => out.push(c),
            }
        }
        self.0 = chars.as_str();
        Some(out)
    }
}

fn code(chars: &mut std::str::Chars<'_>, digits: usize) -> Option<char> {
    let text = chars.as_str().get(..digits)?;
    let value = u32::from_str_radix(text, 16).ok()?;
    chars.nth(digits - 1)?;
    char::from_u32(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_of_strings_are_read() {
        let source = "import sys\nMAPPING: dict[str, str] = {'pkg': '/r/src/pkg', \"o'b\": '/r/o\\'b\\x41\\\\',}\n\
                      NAMESPACES: dict[str, list[str]] = {'ns.a': ['/r/ns/a', '/s/a']}\nPATH_PLACEHOLDER = 'x'\n";
        let all = mapping(source).unwrap();
        assert_eq!(all["pkg"], ["/r/src/pkg"]);
        assert_eq!(all["o'b"], ["/r/o'bA\\"]);
        assert_eq!(all["ns.a"], ["/r/ns/a", "/s/a"]);
        assert_eq!(mapping("MAPPING = {}\n").unwrap().len(), 0);
    }

    #[test]
    fn anything_else_is_not_understood() {
        let bad = [
            "",
            "X = 1",
            "MAPPING = dict(a=1)",
            "MAPPING = {'a': f()}",
            "MAPPING = {'a'",
            "MAPPING = {'a': 'b\n'}",
            "MAPPING = {'a': '\\N{DASH}'}",
            "MAPPING = {'a': '\\xé'}",
            "MAPPING = {'a': '/b' 'c': '/d'}",
        ];
        for source in bad {
            assert_eq!(mapping(source), None, "{source:?}");
        }
    }
}
