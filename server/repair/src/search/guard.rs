//! What speaks against a patch although tests pass with it.
//!
//! Patches that pass by dropping code are the typical wrong repairs of generate-and-validate systems (Qi et al., "An
//! analysis of patch plausibility and correctness", ISSTA 2015).

use std::collections::BTreeSet;

use crate::{
    outcome::Mark,
    source::{Source, content, preorder, words},
};

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
    out.remove("");
}

/// What speaks against replacing `before` by `after`, given the literals of the failing tests that the file does not
/// have. `passing`: passing tests run it.
pub(super) fn marks(before: &str, after: &str, passing: bool, is_test_literal: impl Fn(&str) -> bool) -> Vec<Mark> {
    let (old, new) = (Contents::of(before), Contents::of(after));
    let mut marks = Vec::new();
    if passing && new.names < old.names {
        marks.push(Mark::DeletesCode);
    }
    // A literal moved by one is a correction; one more literal than before is a case of its own.
    if new.literals.len() > old.literals.len()
        && new.literals.iter().any(|literal| !old.literals.contains(literal) && is_test_literal(literal))
    {
        marks.push(Mark::SpecialCase);
    }
    marks
}

/// Names and literals of a piece of code.
#[derive(Default)]
struct Contents<'t> {
    names: usize,
    literals: Vec<&'t str>,
}

impl<'t> Contents<'t> {
    fn of(text: &'t str) -> Self {
        const KEYWORDS: &[&str] = &[
            "and", "or", "not", "in", "is", "if", "elif", "else", "for", "while", "lambda", "True", "False", "None",
            "return", "await", "yield", "from", "pass", "def",
        ];
        let mut contents = Self::default();
        for word in words(text) {
            match word.chars().next() {
                _ if word.ends_with(['"', '\'']) => contents.literals.push(content(word)),
                Some(first) if first.is_ascii_digit() => contents.literals.push(word),
                Some(first) if (first.is_alphabetic() || first == '_') && !KEYWORDS.contains(&word) => {
                    contents.names += 1;
                }
                // Jumps that hold no names are code too.
                _ => contents.names += usize::from(matches!(word, "break" | "continue")),
            }
        }
        contents
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_code_and_special_cases_are_marked() {
        let test = Source::parse("t.py", b"assert f('one', 17) == 1\n").unwrap();
        let mut literals = BTreeSet::new();
        literals_of(&test, &mut literals);
        let marks = |before, after| super::marks(before, after, true, |literal| literals.contains(literal));
        assert_eq!(marks("a and b", "a"), [Mark::DeletesCode]);
        assert_eq!(marks("x", "True"), [Mark::DeletesCode]);
        assert_eq!(marks("x += 1\n", ""), [Mark::DeletesCode]);
        assert_eq!(marks("x", "x if y != 'one' else y"), [Mark::SpecialCase]);
        assert_eq!(marks("x", "x == 17"), [Mark::SpecialCase]);
        assert_eq!(marks("16", "17"), []);
        assert_eq!(marks("n", "n + 1"), []);
        assert_eq!(marks("n - 1", "n"), []);
        assert_eq!(marks("not x", "x"), []);
        // What only failing tests run is not kept for anybody.
        assert_eq!(super::marks("a and b", "a", false, |_| false), []);
    }
}
