//! Tags of languages without a parser here: words, with comments and strings left out.

use std::collections::HashMap;

use super::{Definition, FileTags, Language, MAX_TAGS, one_line};

/// Words behind which a name is defined, at any depth and only at the beginning of a line.
const DEFINE: [&str; 18] = [
    "fn",
    "func",
    "fun",
    "function",
    "def",
    "class",
    "struct",
    "enum",
    "trait",
    "interface",
    "type",
    "module",
    "protocol",
    "object",
    "record",
    "union",
    "namespace",
    "defmodule",
];
const DEFINE_AT_TOP: [&str; 5] = ["const", "let", "var", "static", "val"];

pub fn tags(language: Language, text: &str) -> FileTags {
    let comment = match language {
        Language::Python | Language::Hashes => "#",
        Language::Slashes => "//",
        Language::Dashes => "--",
    };
    let mut definitions: Vec<Definition> = Vec::new();
    let mut uses: HashMap<&str, u32> = HashMap::new();
    let mut in_block = false;
    for (number, line) in text.lines().enumerate() {
        let indented = line.starts_with([' ', '\t']);
        let mut before = "";
        let mut receiver = false;
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            if in_block {
                match rest.find("*/") {
                    Some(at) => rest = &rest[at + 2..],
                    None => break,
                }
                in_block = false;
                continue;
            }
            if rest.starts_with(comment) {
                break;
            }
            if language == Language::Slashes && rest.starts_with("/*") {
                in_block = true;
                rest = &rest[2..];
                continue;
            }
            if c == '"' || c == '`' || (c == '\'' && is_string(rest)) {
                rest = behind_string(rest, c);
                continue;
            }
            if !(c.is_alphabetic() || c == '_') {
                // `func (c *Cart) Total()`: the name is behind the receiver.
                receiver |= c == '(' && before == "func" && !indented;
                if c == ')' && receiver {
                    (before, receiver) = ("func", false);
                }
                rest = &rest[c.len_utf8()..];
                continue;
            }
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let word = &rest[..end];
            rest = &rest[end..];
            let defines = DEFINE.contains(&before) || (!indented && DEFINE_AT_TOP.contains(&before));
            if receiver {
                count(&mut uses, word);
            } else if defines && !DEFINE.contains(&word) && word != "mut" {
                if definitions.len() < MAX_TAGS {
                    let parent = if indented { definitions.iter().rposition(|found| found.depth == 0) } else { None };
                    definitions.push(Definition {
                        name: word.into(),
                        line: u32::try_from(number + 1).unwrap_or(u32::MAX),
                        depth: u8::from(indented),
                        parent: parent.and_then(|at| u32::try_from(at).ok()),
                        text: one_line(line),
                    });
                }
                before = "";
            } else {
                count(&mut uses, word);
                before = word;
            }
        }
    }
    FileTags::new(definitions, uses)
}

fn count<'t>(uses: &mut HashMap<&'t str, u32>, word: &'t str) {
    if word.len() > 1 && (uses.len() < MAX_TAGS || uses.contains_key(word)) {
        *uses.entry(word).or_default() += 1;
    }
}

/// Whether a `'` begins a string or character, and not a lifetime or an apostrophe: it ends on the same line.
fn is_string(rest: &str) -> bool {
    rest[1..].contains('\'')
}

/// What follows a string that ends on its line, or nothing.
fn behind_string(rest: &str, quote: char) -> &str {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return &rest[at + c.len_utf8()..],
            _ => {}
        }
    }
    ""
}
