//! What speaks against a patch although tests pass with it.
//!
//! Patches that pass by dropping code are the typical wrong repairs of generate-and-validate systems (Qi et al., "An
//! analysis of patch plausibility and correctness", ISSTA 2015).

use std::collections::BTreeSet;

use crate::{outcome::Mark, source::Source, source::preorder};

/// The literals of a test file that a special case could be made of: text, fractions, and whole numbers but the small
/// ones that any bound may need.
pub(super) fn literals_of(test: &Source, out: &mut BTreeSet<String>) {
    preorder(test.root(), |node| {
        let text = &test.text()[node.byte_range()];
        match node.kind() {
            "string" => {
                out.insert(content(text).to_owned());
                false
            }
            "integer" | "float" if !matches!(text, "0" | "1" | "2") => {
                out.insert(text.to_owned());
                false
            }
            _ => true,
        }
    });
}

/// What speaks against replacing `before` by `after`, given the literals of the failing tests.
pub(super) fn marks(before: &str, after: &str, test_literals: &BTreeSet<String>) -> Vec<Mark> {
    let (old, new) = (words(before), words(after));
    let mut marks = Vec::new();
    if new.names < old.names {
        marks.push(Mark::DeletesCode);
    }
    // A literal moved by one is a correction; one more literal than before is a case of its own.
    if new.literals.len() > old.literals.len()
        && new.literals.iter().any(|literal| !old.literals.contains(literal) && test_literals.contains(*literal))
    {
        marks.push(Mark::SpecialCase);
    }
    marks
}

#[derive(Default)]
struct Words<'t> {
    names: usize,
    literals: Vec<&'t str>,
}

/// Names and literals of a piece of an expression. A hand-written scan: it runs on every edit, parsing would be slower
/// than everything else.
fn words(text: &str) -> Words<'_> {
    const KEYWORDS: &[&str] =
        &["and", "or", "not", "in", "is", "if", "else", "for", "lambda", "True", "False", "None", "return", "await"];
    let mut words = Words::default();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' => {
                let end = closing(rest, first);
                words.literals.push(content(&rest[..end]));
                end
            }
            c if c.is_alphanumeric() || c == '_' => {
                let dot_in_number = c.is_ascii_digit();
                let end = rest
                    .find(|c: char| !(c.is_alphanumeric() || c == '_' || (dot_in_number && c == '.')))
                    .unwrap_or(rest.len());
                let word = &rest[..end];
                if c.is_ascii_digit() {
                    words.literals.push(word);
                } else if !KEYWORDS.contains(&word) {
                    words.names += 1;
                }
                end
            }
            c => c.len_utf8(),
        };
        rest = &rest[length..];
    }
    words
}

/// Bytes of a quoted text at the beginning of `text`, both quotes included.
fn closing(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// A literal without its quotes and prefix.
fn content(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_alphabetic()).trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_code_and_special_cases_are_marked() {
        let test = Source::parse("t.py", b"assert f('one', 17) == 1\n").unwrap();
        let mut literals = BTreeSet::new();
        literals_of(&test, &mut literals);
        let marks = |before, after| super::marks(before, after, &literals);
        assert_eq!(marks("a and b", "a"), [Mark::DeletesCode]);
        assert_eq!(marks("x", "True"), [Mark::DeletesCode]);
        assert_eq!(marks("x", "x if y != 'one' else y"), [Mark::SpecialCase]);
        assert_eq!(marks("x", "x == 17"), [Mark::SpecialCase]);
        assert_eq!(marks("16", "17"), []);
        assert_eq!(marks("n", "n + 1"), []);
        assert_eq!(marks("n - 1", "n"), []);
        assert_eq!(marks("not x", "x"), []);
    }
}
