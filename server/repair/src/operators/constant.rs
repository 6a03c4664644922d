//! A whole number that is one too large or too small.

use super::{About, Edit, Operator, Place};

/// `3` → `4`, `2`; `-1` → `-2`, `0`; and `1` ↔ `0`, wherever the number stands: index, slice, range, comparison.
///
/// Constant replacement (CRP) of Mothra, King and Offutt 1991; "change numeric literal" of ManySStuBs4J.
#[derive(Debug)]
pub struct Constant;

impl Operator for Constant {
    fn about(&self) -> &'static About {
        &About {
            name: "constant",
            doc: "A whole number is one larger or smaller.",
            example: ("def f(xs):\n    return xs[1]\n", "def f(xs):\n    return xs[0]\n"),
            source: "Constant replacement (CRP) of Mothra, King and Offutt 1991; \"change numeric literal\" of ManySStuBs4J",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        for node in place.of_kind("integer") {
            let Ok(value) = place.text(node).parse::<i64>() else {
                // Hexadecimal masks, imaginary and very long numbers are not counted with.
                continue;
            };
            // The minus before a number is part of it.
            let minus = node
                .parent()
                .filter(|parent| parent.kind() == "unary_operator" && place.text(*parent).starts_with('-'));
            let (range, value) = match minus {
                Some(minus) => (minus.byte_range(), -value),
                None => (node.byte_range(), value),
            };
            let near = node.parent().map_or("", |parent| parent.kind());
            // An index, a bound or an operand is counted with; other numbers are more often names for something.
            let counted =
                matches!(near, "subscript" | "slice" | "binary_operator" | "comparison_operator" | "unary_operator")
                    || in_range(place, node);
            let weight = if counted { 850 } else { 650 };
            for (weight, other) in [(weight, value.checked_add(1)), (weight - 10, value.checked_sub(1))] {
                let Some(other) = other else { continue };
                let why = format!("`{value}` on {} should be `{other}`", place.at(node));
                let needs_parentheses = other < 0
                    && minus.unwrap_or(node).parent().is_some_and(|parent| {
                        matches!(parent.kind(), "binary_operator" | "attribute" | "unary_operator")
                    });
                // `n - 1` becomes `n`, not `n - 0`.
                if other == 0
                    && minus.is_none()
                    && let Some(sum) = node.parent().filter(|parent| parent.kind() == "binary_operator")
                    && let (Some(left), Some(right)) =
                        (sum.child_by_field_name("left"), sum.child_by_field_name("right"))
                    && right.id() == node.id()
                    && sum.child_by_field_name("operator").is_some_and(|sign| matches!(sign.kind(), "+" | "-"))
                {
                    edits.push(place.edit(self.name(), weight, sum.byte_range(), place.text(left), why));
                    continue;
                }
                let text = if needs_parentheses { format!("({other})") } else { other.to_string() };
                edits.push(place.edit(self.name(), weight, range.clone(), text, why));
            }
        }
        edits
    }
}

/// Whether the number is an argument of `range`.
fn in_range(place: &Place<'_>, node: tree_sitter::Node<'_>) -> bool {
    node.parent()
        .filter(|parent| parent.kind() == "argument_list")
        .and_then(|arguments| arguments.parent())
        .and_then(|call| call.child_by_field_name("function"))
        .is_some_and(|function| place.text(function) == "range")
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn numbers_move_by_one() {
        check(&super::Constant, "$0x = xs[0]\n", &["x = xs[1]", "x = xs[-1]"]);
        check(&super::Constant, "$0x = xs[-1:]\n", &["x = xs[0:]", "x = xs[-2:]"]);
        check(
            &super::Constant,
            "$0for i in range(1, n - 0): pass\n",
            &[
                "for i in range(2, n - 0):",
                "for i in range(0, n - 0):",
                "for i in range(1, n - 1):",
                "for i in range(1, n - (-1)):",
            ],
        );
        check(&super::Constant, "$0x = 0xff + 1.5\n", &[]);
        check(&super::Constant, "$0x: Literal[3] = y\n", &[]);
    }
}
