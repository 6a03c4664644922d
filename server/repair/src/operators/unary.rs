//! A sign too many or too few.

use super::{
    About, Edit, Operator, Place,
    boolean::short,
    place::{is_read, wrapped},
};

/// `-x` → `x`, `~x` → `x`; `x` → `-x` for a returned, assigned or passed value.
///
/// Unary operator deletion and insertion (AOD, AOI) of Offutt et al. 1996, as in MutPy.
#[derive(Debug)]
pub struct Unary;

impl Operator for Unary {
    fn about(&self) -> &'static About {
        &About {
            name: "unary",
            doc: "A sign is dropped or put before a value.",
            example: ("def f(a):\n    return -a\n", "def f(a):\n    return a\n"),
            source: "Arithmetic operator insertion and deletion (AOI, AOD) of Offutt et al. 1996, as in MutPy",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        for node in place.nodes() {
            let at = place.at(node);
            if node.kind() == "unary_operator" {
                let (Some(sign), Some(argument)) =
                    (node.child_by_field_name("operator"), node.child_by_field_name("argument"))
                else {
                    continue;
                };
                if sign.kind() != "+" {
                    let what = if sign.kind() == "-" { "negative" } else { "inverted" };
                    let why = format!("`{}` on {at} should not be {what}", short(place.text(argument)));
                    edits.push(place.edit(self.name(), 550, node.byte_range(), place.text(argument), why));
                }
                continue;
            }
            let value = matches!(
                node.kind(),
                "identifier" | "attribute" | "call" | "subscript" | "parenthesized_expression" | "binary_operator"
            );
            if !value || !takes_a_sign(node) || (node.kind() == "identifier" && !is_read(node)) {
                continue;
            }
            let new = format!("-{}", wrapped(node, place.text(node)));
            let why = format!("`{}` on {at} should be negative: `{}`", short(place.text(node)), short(&new));
            edits.push(place.edit(self.name(), 250, node.byte_range(), new, why));
        }
        edits
    }
}

/// Only where a number is handed on: a sign on every operand would double what swapped operators give already.
fn takes_a_sign(node: tree_sitter::Node<'_>) -> bool {
    let Some(parent) = node.parent() else {
        return false;
    };
    match parent.kind() {
        "return_statement" | "argument_list" | "tuple" | "expression_list" => true,
        "keyword_argument" => parent.child_by_field_name("value").is_some_and(|v| v.id() == node.id()),
        "assignment" | "augmented_assignment" => {
            parent.child_by_field_name("right").is_some_and(|v| v.id() == node.id())
        }
        "lambda" => parent.child_by_field_name("body").is_some_and(|v| v.id() == node.id()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn signs_come_and_go() {
        check(&super::Unary, "$0x = -y\n", &["x = y"]);
        check(&super::Unary, "$0x = ~(a | b)\n", &["x = (a | b)"]);
        check(&super::Unary, "$0x = a + b\n", &["x = -(a + b)"]);
        check(&super::Unary, "$0xs.sort(key=lambda x: x[1])\n", &["xs.sort(key=lambda x: -x[1])"]);
    }
}
