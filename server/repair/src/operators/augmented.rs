//! The update of a variable: `+=`, `-=` and their like.

use super::{About, Edit, Operator, Place};

/// `x += y` → `x -= y`, `x = y`; `x = y` → `x += y`.
///
/// Assignment operator replacement of MutPy (ASR) and mutmut; "a counter overwritten instead of updated" of PySStuBs.
#[derive(Debug)]
pub struct Augmented;

impl Operator for Augmented {
    fn about(&self) -> &'static About {
        &About {
            name: "augmented_assignment",
            doc: "An update becomes another update or an assignment, an assignment an update.",
            example: (
                "def f(xs):\n    total = 0\n    for x in xs:\n        total = x\n    return total\n",
                "def f(xs):\n    total = 0\n    for x in xs:\n        total += x\n    return total\n",
            ),
            source: "Assignment operator replacement (ASR) of MutPy; mutmut",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        for node in place.nodes() {
            let text = place.text(node);
            let parent = node.parent().map_or("", |parent| parent.kind());
            let others: &[(u32, &str)] = match (parent, node.kind()) {
                ("augmented_assignment", "+=") => &[(850, "-="), (500, "="), (300, "*=")],
                ("augmented_assignment", "-=") => &[(850, "+="), (500, "=")],
                ("augmented_assignment", "*=") => &[(500, "+="), (500, "/="), (400, "=")],
                ("augmented_assignment", "/=" | "//=") => &[(500, "*="), (300, "=")],
                ("augmented_assignment", "%=") => &[(400, "//="), (300, "=")],
                ("augmented_assignment", "<<=") => &[(700, ">>=")],
                ("augmented_assignment", ">>=") => &[(700, "<<=")],
                ("augmented_assignment", "&=") => &[(700, "|="), (300, "=")],
                ("augmented_assignment", "|=") => &[(700, "&="), (400, "=")],
                ("augmented_assignment", "^=") => &[(700, "&="), (600, "|="), (300, "=")],
                ("assignment", "=") if updatable(node) => &[(350, "+="), (200, "-=")],
                _ => &[],
            };
            for (weight, other) in others {
                let at = place.at(node);
                let why = if node.kind() == "=" {
                    format!("the assignment on {at} should update the old value: `{other}`")
                } else if *other == "=" {
                    format!("`{text}` on {at} should set the value, not update it: `=`")
                } else {
                    format!("`{text}` on {at} should be `{other}`")
                };
                edits.push(place.edit(self.name(), *weight, node.byte_range(), *other, why));
            }
        }
        edits
    }
}

/// Only a single plain target without annotation can be updated, and only where the assignment is the statement.
fn updatable(sign: tree_sitter::Node<'_>) -> bool {
    let Some(assignment) = sign.parent() else {
        return false;
    };
    let left = assignment.child_by_field_name("left").map_or("", |left| left.kind());
    let right = assignment.child_by_field_name("right").map_or("", |right| right.kind());
    matches!(left, "identifier" | "attribute" | "subscript")
        && !matches!(
            right,
            "assignment" | "augmented_assignment" | "string" | "none" | "true" | "false" | "dictionary" | "lambda"
        )
        && assignment.child_by_field_name("type").is_none()
        && assignment.parent().is_some_and(|p| p.kind() == "expression_statement")
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn updates_are_replaced() {
        check(&super::Augmented, "$0x += y\n", &["x -= y", "x = y", "x *= y"]);
        check(&super::Augmented, "$0a.b[c] = y\n", &["a.b[c] += y", "a.b[c] -= y"]);
        check(&super::Augmented, "$0a = b = y\n", &[]);
        check(&super::Augmented, "$0a, b = y\n", &[]);
        check(&super::Augmented, "$0a: int = y\n", &[]);
    }
}
