//! Identity against equality, and against its opposite.

use super::{About, Edit, Operator, Place};

/// `a is b` → `a is not b`, `a == b`; `a is not b` → `a is b`, `a != b`; `a == None` → `a is None`.
///
/// CPython's own warning about `is` with a literal names the fault; in MutPy the swap belongs to COR.
#[derive(Debug)]
pub struct Identity;

impl Operator for Identity {
    fn about(&self) -> &'static About {
        &About {
            name: "identity",
            doc: "`is` and `is not` are swapped, or replaced by `==` and `!=`, and back.",
            example: ("def f(a, b):\n    return a is b\n", "def f(a, b):\n    return a == b\n"),
            source: "CPython's SyntaxWarning about `is` with a literal; MutPy (COR)",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        for comparison in place.of_kind("comparison_operator") {
            let mut cursor = comparison.walk();
            for sign in comparison.children_by_field_name("operators", &mut cursor) {
                let others: &[(u32, &str)] = match sign.kind() {
                    "is" => &[(900, "is not"), (400, "==")],
                    "is not" => &[(900, "is"), (400, "!=")],
                    "==" => &[(150, "is")],
                    "!=" => &[(150, "is not")],
                    _ => &[],
                };
                for (weight, other) in others {
                    let why = match *other {
                        "is" | "is not" => format!("`{}` on {} should be `{other}`", place.text(sign), place.at(sign)),
                        _ => format!(
                            "`{}` on {} should compare values, not identities: `{other}`",
                            place.text(sign),
                            place.at(sign)
                        ),
                    };
                    edits.push(place.edit(self.name(), *weight, sign.byte_range(), *other, why));
                }
            }
        }
        edits
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn identity_is_swapped() {
        check(&super::Identity, "$0if a is None: pass\n", &["if a is not None:", "if a == None:"]);
        check(&super::Identity, "$0x = a is not b\n", &["x = a is b", "x = a != b"]);
        check(&super::Identity, "$0x = a == b\n", &["x = a is b"]);
    }
}
