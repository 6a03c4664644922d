//! An arithmetic or bitwise operator replaced by another.

use super::{About, Edit, Operator, Place};

/// `a + b` → `a - b`, `a * b`; `a % b` → `a // b`; `a & b` → `a | b`.
///
/// Arithmetic operator replacement (AOR) of Mothra, King and Offutt 1991. True against floor division is
/// [`super::division`]'s. An operator that binds differently is given its own parentheses, so that the tree around it
/// stays: `a + b * c` → `a + (b - c)`.
#[derive(Debug)]
pub struct Arithmetic;

impl Operator for Arithmetic {
    fn about(&self) -> &'static About {
        &About {
            name: "arithmetic",
            doc: "An arithmetic or bit operator is replaced by another one.",
            example: ("def f(a, b):\n    return a + b\n", "def f(a, b):\n    return a - b\n"),
            source: "Arithmetic operator replacement (AOR) of Mothra, King and Offutt 1991",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        for node in place.of_kind("binary_operator") {
            let (Some(left), Some(sign), Some(right)) = (
                node.child_by_field_name("left"),
                node.child_by_field_name("operator"),
                node.child_by_field_name("right"),
            ) else {
                continue;
            };
            // `"%s" % x` and `"-" * n` are about text; only `+` has another sense for it.
            let text_left = matches!(left.kind(), "string" | "concatenated_string");
            let text = place.text(sign);
            for (weight, other) in replacements(text) {
                if text_left {
                    continue;
                }
                let why = format!("`{text}` on {} should be `{other}`", place.at(sign));
                if level(other) == level(text) {
                    edits.push(place.edit(self.name(), *weight, sign.byte_range(), *other, why));
                } else {
                    let side = |side: tree_sitter::Node<'_>| {
                        if side.kind() == "binary_operator" || side.kind() == "unary_operator" {
                            format!("({})", place.text(side))
                        } else {
                            place.text(side).to_owned()
                        }
                    };
                    let whole = format!("{} {other} {}", side(left), side(right));
                    let tight = node.parent().is_some_and(|parent| match parent.kind() {
                        "binary_operator" | "unary_operator" | "attribute" | "call" | "await" => true,
                        "subscript" => parent.start_byte() == node.start_byte(),
                        _ => false,
                    });
                    let whole = if tight { format!("({whole})") } else { whole };
                    edits.push(place.edit(self.name(), *weight, node.byte_range(), whole, why));
                }
            }
        }
        edits
    }
}

/// Operators of one level may stand for each other without parentheses; the power binds to the right.
fn level(sign: &str) -> u8 {
    match sign {
        "+" | "-" => 1,
        "*" | "/" | "//" | "%" | "@" => 2,
        "**" => 3,
        "<<" | ">>" => 4,
        "&" => 5,
        "^" => 6,
        _ => 7,
    }
}

fn replacements(sign: &str) -> &'static [(u32, &'static str)] {
    match sign {
        "+" => &[(900, "-"), (400, "*")],
        "-" => &[(900, "+"), (250, "*"), (250, "/")],
        "*" => &[(600, "/"), (600, "+"), (450, "**"), (300, "//"), (300, "-")],
        "/" => &[(700, "*"), (300, "-"), (300, "%")],
        "//" => &[(700, "%"), (500, "*")],
        "%" => &[(700, "//"), (300, "/")],
        "**" => &[(700, "*")],
        "<<" => &[(800, ">>")],
        ">>" => &[(800, "<<")],
        "&" => &[(800, "|"), (400, "^")],
        "|" => &[(800, "&"), (400, "^")],
        "^" => &[(700, "|"), (700, "&")],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn operators_are_replaced() {
        check(&super::Arithmetic, "$0x = a + b\n", &["x = a - b", "x = a * b"]);
        check(
            &super::Arithmetic,
            "$0return a + b % 2\n",
            &["return a - b % 2", "return a * (b % 2)", "return a + b // 2", "return a + b / 2"],
        );
        check(
            &super::Arithmetic,
            "$0x = (n + 1)[0] ** 2 & m\n",
            &[
                "x = ((n + 1)[0] ** 2) | m",
                "x = ((n + 1)[0] ** 2) ^ m",
                "x = ((n + 1)[0] * 2) & m",
                "x = (n - 1)[0] ** 2 & m",
                "x = (n * 1)[0] ** 2 & m",
            ],
        );
        check(&super::Arithmetic, "$0x = \"%d\" % n\n", &[]);
    }
}
