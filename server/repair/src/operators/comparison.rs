//! A comparison replaced by another: the boundary, the direction, equality.

use super::{About, Edit, Operator, Place};

/// `a < b` → `a <= b`, `a > b`, `a >= b`; `a == b` → `a != b`.
///
/// Relational operator replacement (ROR) of Mothra, King and Offutt 1991; "change operator" of ManySStuBs4J. The
/// missing or needless equal case comes first: it is the commonest of them.
#[derive(Debug)]
pub struct Comparison;

impl Operator for Comparison {
    fn about(&self) -> &'static About {
        &About {
            name: "comparison",
            doc: "A comparison is replaced by another one.",
            example: ("def f(a, b):\n    return a < b\n", "def f(a, b):\n    return a <= b\n"),
            source: "Relational operator replacement (ROR) of Mothra, King and Offutt 1991; \"change operator\" of ManySStuBs4J, Karampatsis and Sutton 2020",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        for comparison in place.of_kind("comparison_operator") {
            let mut cursor = comparison.walk();
            for sign in comparison.children_by_field_name("operators", &mut cursor) {
                let text = place.text(sign);
                for (weight, other) in replacements(text) {
                    let at = place.at(sign);
                    let why = match (text, *other) {
                        ("<", "<=") | (">", ">=") => {
                            format!("`{text}` on {at} should include the equal case: `{other}`")
                        }
                        ("<=", "<") | (">=", ">") => {
                            format!("`{text}` on {at} should leave out the equal case: `{other}`")
                        }
                        _ => format!("`{text}` on {at} should be `{other}`"),
                    };
                    edits.push(place.edit(self.name(), *weight, sign.byte_range(), *other, why));
                }
            }
        }
        edits
    }
}

fn replacements(sign: &str) -> &'static [(u32, &'static str)] {
    match sign {
        "<" => &[(1000, "<="), (850, ">"), (700, ">="), (250, "!=")],
        "<=" => &[(1000, "<"), (850, ">="), (700, ">"), (250, "==")],
        ">" => &[(1000, ">="), (850, "<"), (700, "<="), (250, "!=")],
        ">=" => &[(1000, ">"), (850, "<="), (700, "<"), (250, "==")],
        "==" => &[(950, "!="), (500, ">="), (500, "<="), (250, "<"), (250, ">")],
        "!=" => &[(950, "=="), (400, "<"), (400, ">")],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn comparisons_are_replaced() {
        check(
            &super::Comparison,
            "def f(a, b):\n    $0return a < b\n",
            &["return a <= b", "return a > b", "return a >= b", "return a != b"],
        );
        check(
            &super::Comparison,
            "$0if 0 <= x != y: pass\n",
            &[
                "if 0 < x != y:",
                "if 0 >= x != y:",
                "if 0 > x != y:",
                "if 0 == x != y:",
                "if 0 <= x == y:",
                "if 0 <= x < y:",
                "if 0 <= x > y:",
            ],
        );
        // Membership and identity have operators of their own; bodies are not part of a header.
        check(&super::Comparison, "$0if x in y or x is y:\n    z = x < y\n", &[]);
    }
}
