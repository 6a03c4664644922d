//! A value that lacks a term, or is one too large or too small.

use super::{
    About, Edit, Edits, Operator, Place,
    boolean::short,
    place::{Use, used_as},
};
use crate::source::NameKind;

/// Added where a number more or less is likely.
const OFF_BY_ONE: u32 = 200;
/// Variables that are tried as a missing term.
const MAX_NAMES: usize = 4;

/// `return n` → `return n + 1`, `return n + rest`, `return n * rest`; `return max(a, b)` → `return 1 + max(a, b)`.
#[derive(Debug)]
pub struct Term;

impl Operator for Term {
    fn about(&self) -> &'static About {
        &About {
            name: "missing_term",
            doc: "A returned, assigned or passed value gets a term that it lacks: one more or less, or a variable added, taken \
                  away or multiplied; or it is kept within bounds.",
            example: (
                "def depth(tree):\n    if not tree:\n        return 0\n    return max(depth(tree.left), depth(tree.right))\n",
                "def depth(tree):\n    if not tree:\n        return 0\n    return max(depth(tree.left), depth(tree.right)) + 1\n",
            ),
            source: "\"Missing small part of expression\" of the fault classes of Duraes and Madeira 2006; expression adder of PAR, \
                     Kim et al. 2013",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        for node in place.nodes() {
            let weight = match used_as(node) {
                Some(Use::Returned) => 300,
                Some(Use::Assigned) => 260,
                Some(Use::Argument) => 200,
                Some(Use::Compared) => 180,
                _ => continue,
            };
            let text = place.text(node);
            if text.contains('\n') || matches!(node.kind(), "list" | "string") || matches!(text, "self" | "cls") {
                continue;
            }
            // Lengths and positions, and what lies between two of them, are what is off by one.
            let counts = ["len(", "find(", "index("].iter().any(|call| text.contains(call))
                || (node.kind() == "binary_operator" && text.contains(" - "));
            let one = if counts { weight + OFF_BY_ONE } else { weight };
            let grouped = || if node.kind() == "binary_operator" { format!("({text})") } else { text.to_owned() };
            let mut push = |weight: u32, new: String| {
                let why = format!("`{}` on {} lacks a part: `{}`", short(text), place.at(node), short(&new));
                edits.push(weight, node.byte_range(), new, why);
            };
            push(one, format!("{text} + 1"));
            push(one - 10, format!("{text} - 1"));
            push(weight - 110, format!("max({text}, 0)"));
            push(weight - 120, format!("abs({text})"));
            if node.kind() == "binary_operator" && used_as(node) == Some(Use::Compared) {
                continue;
            }
            let values = place.values_at(node);
            let fresh =
                values.iter().filter(|value| value.kind != NameKind::Global && !text.contains(value.text.as_str()));
            for (rank, value) in fresh.take(MAX_NAMES).enumerate() {
                let weight = (weight - 80).saturating_sub(15 * rank as u32);
                let name = &value.text;
                push(weight, format!("{text} + {name}"));
                push(weight - 20, format!("{text} - {name}"));
                push(weight - 30, format!("{} * {name}", grouped()));
                push(weight - 50, format!("{} / {name}", grouped()));
            }
        }
        edits.done()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::edits_of;

    #[test]
    fn terms_are_added() {
        let edits = edits_of(&super::Term, "def f(a, b):\n    $0return a // 2\n");
        let new: Vec<&str> = edits.iter().map(|edit| edit.replacement.as_str()).collect();
        assert_eq!(new[..2], ["a // 2 + 1", "a // 2 - 1"]);
        assert!(new.contains(&"(a // 2) * b"), "{new:?}");
    }
}
