//! `in` against `not in`.

use super::{About, Edit, Operator, Place};

/// `a in b` ↔ `a not in b`.
///
/// Conditional operator replacement of MutPy (COI); mutmut has the same.
#[derive(Debug)]
pub struct Membership;

impl Operator for Membership {
    fn about(&self) -> &'static About {
        &About {
            name: "membership",
            doc: "`in` and `not in` are swapped.",
            example: ("def f(a, b):\n    return a in b\n", "def f(a, b):\n    return a not in b\n"),
            source: "Conditional operator insertion (COI) of MutPy; mutmut",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        for comparison in place.of_kind("comparison_operator") {
            let mut cursor = comparison.walk();
            for sign in comparison.children_by_field_name("operators", &mut cursor) {
                let other = match sign.kind() {
                    "in" => "not in",
                    "not in" => "in",
                    _ => continue,
                };
                let why = format!("`{}` on {} should be `{other}`", place.text(sign), place.at(sign));
                edits.push(place.edit(self.name(), 900, sign.byte_range(), other, why));
            }
        }
        edits
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn membership_is_swapped() {
        check(&super::Membership, "$0if a in b: pass\n", &["if a not in b:"]);
        check(&super::Membership, "$0x = [i for i in y if i not in z]\n", &["x = [i for i in y if i in z]"]);
        check(&super::Membership, "$0for a in b: pass\n", &[]);
    }
}
