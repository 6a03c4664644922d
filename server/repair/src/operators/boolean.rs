//! `and` and `or` swapped, or one side dropped.

use super::{About, Edit, Operator, Place, place::wrapped};

/// `a and b` → `a or b`; less likely `a` or `b` alone.
///
/// Logical connector replacement (LCR) of Mothra, King and Offutt 1991; the condition templates of TBar, Liu et al.
/// 2019. The sides of a mixed condition keep their grouping: `a and b or c` → `(a or b) or c`.
#[derive(Debug)]
pub struct Boolean;

impl Operator for Boolean {
    fn about(&self) -> &'static About {
        &About {
            name: "boolean",
            doc: "`and` and `or` are swapped, or one side is dropped.",
            example: ("def f(a, b):\n    return a and b\n", "def f(a, b):\n    return a or b\n"),
            source: "Logical connector replacement (LCR) of Mothra, King and Offutt 1991; condition templates of TBar, Liu et al. 2019",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        for node in place.of_kind("boolean_operator") {
            let (Some(left), Some(sign), Some(right)) = (
                node.child_by_field_name("left"),
                node.child_by_field_name("operator"),
                node.child_by_field_name("right"),
            ) else {
                continue;
            };
            let text = place.text(sign);
            let other = if text == "and" { "or" } else { "and" };
            let at = place.at(sign);
            // Parentheses only where another boolean operator stands next to it: elsewhere they would be noise.
            let mixed = [Some(left), Some(right), node.parent()]
                .into_iter()
                .flatten()
                .any(|near| near.kind() == "boolean_operator");
            let why = format!("`{text}` on {at} should be `{other}`");
            if mixed {
                let side = |side: tree_sitter::Node<'_>| {
                    if side.kind() == "boolean_operator" {
                        wrapped(side, place.text(side))
                    } else {
                        place.text(side).to_owned()
                    }
                };
                let whole = format!("({} {other} {})", side(left), side(right));
                edits.push(place.edit(self.name(), 900, node.byte_range(), whole, why));
            } else {
                edits.push(place.edit(self.name(), 900, sign.byte_range(), other, why));
            }
            for (kept, dropped) in [(left, right), (right, left)] {
                let why = format!("the condition on {at} should not ask for `{}`", short(place.text(dropped)));
                edits.push(place.edit(self.name(), 300, node.byte_range(), place.text(kept), why));
            }
        }
        edits
    }
}

/// At most 40 characters of an expression, for a sentence.
pub(super) fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 40 {
        return line;
    }
    let mut cut: String = line.chars().take(39).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn connectors_are_swapped() {
        check(&super::Boolean, "$0if a and b: pass\n", &["if a or b:", "if a:", "if b:"]);
        check(
            &super::Boolean,
            "$0x = a and b or c\n",
            &["x = ((a and b) and c)", "x = a and b", "x = c", "x = (a or b) or c", "x = a or c", "x = b or c"],
        );
    }
}
