//! A condition that is the wrong way round.

use tree_sitter::Node;

use super::{
    About, Edit, Operator, Place,
    boolean::short,
    place::{is_atom, wrapped},
};

/// `if c:` → `if not c:`, `if not c:` → `if c:`; the same in `while`, `elif`, `assert`, conditional expressions,
/// comprehensions, sides of `and` and `or`, and for a returned truth value.
///
/// Conditional operator insertion and deletion (COI, COD) of MutPy; "negate condition" of PAR, Kim et al. 2013.
#[derive(Debug)]
pub struct Negation;

impl Operator for Negation {
    fn about(&self) -> &'static About {
        &About {
            name: "negation",
            doc: "A condition is negated, or loses its `not`.",
            example: (
                "def f(a):\n    if a.ready:\n        return 1\n",
                "def f(a):\n    if not a.ready:\n        return 1\n",
            ),
            source: "Conditional operator insertion and deletion (COI, COD) of MutPy; \"negate condition\" of PAR, Kim et al. 2013",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        for node in place.nodes() {
            let at = place.at(node);
            if node.kind() == "not_operator" {
                if let Some(argument) = node.child_by_field_name("argument") {
                    let why = format!("`not` on {at} is wrong: the case `{}` is meant", short(place.text(argument)));
                    edits.push(place.edit(self.name(), 850, node.byte_range(), place.text(argument), why));
                }
                continue;
            }
            let Some(weight) = condition_weight(node) else {
                continue;
            };
            // One comparison is turned round by its own operator, which reads better.
            if node.kind() == "comparison_operator" && node.child_count() == 3 {
                continue;
            }
            let text = place.text(node);
            let argument = if is_atom(node) { text.to_owned() } else { wrapped(node, text) };
            let why = format!("the condition `{}` on {at} should be negated", short(text));
            edits.push(place.edit(self.name(), weight, node.byte_range(), format!("not {argument}"), why));
        }
        edits
    }
}

/// How likely it is that a negation is missing here; none where no condition stands.
fn condition_weight(node: Node<'_>) -> Option<u32> {
    if !node.is_named() || matches!(node.kind(), "true" | "false" | "none" | "integer" | "string" | "named_expression")
    {
        return None;
    }
    let parent = node.parent()?;
    let field = |name: &str| parent.child_by_field_name(name).is_some_and(|f| f.id() == node.id());
    match parent.kind() {
        "if_statement" | "elif_clause" | "while_statement" if field("condition") => Some(850),
        "if_clause" => Some(800),
        "assert_statement" if parent.named_child(0)?.id() == node.id() => Some(500),
        "conditional_expression" if parent.named_child(1)?.id() == node.id() => Some(800),
        "boolean_operator" if node.kind() != "boolean_operator" => Some(600),
        "return_statement" if matches!(node.kind(), "boolean_operator" | "call" | "identifier" | "attribute") => {
            Some(350)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn conditions_are_negated() {
        check(&super::Negation, "$0if a: pass\n", &["if not a:"]);
        check(&super::Negation, "$0while not a.b(): pass\n", &["while a.b():"]);
        check(&super::Negation, "$0if a and b == 1: pass\n", &["if not (a and b == 1):", "if not a and b == 1:"]);
        check(&super::Negation, "$0x = [i for i in y if f(i)]\n", &["x = [i for i in y if not f(i)]"]);
        check(&super::Negation, "$0x = a if b else c\n", &["x = a if not b else c"]);
        check(&super::Negation, "def f(a):\n    $0return a\n", &["return not a"]);
        check(&super::Negation, "$0if a < b: pass\n", &[]);
    }
}
