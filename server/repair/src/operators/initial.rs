//! A value that something begins with: a default, or the first value of a variable.

use tree_sitter::Node;

use super::{About, Edit, Edits, Operator, Place, boolean::short};
use crate::source::NameKind;

/// `best = 0` → `best = None`, `best = float('-inf')`; `def f(x=0)` → `def f(x=None)`.
#[derive(Debug)]
pub struct Initial;

/// Values that things usually begin with.
const FIRST: &[(&str, &str)] = &[
    ("0", "integer"),
    ("1", "integer"),
    ("None", "none"),
    ("''", "string"),
    ("[]", "list"),
    ("{}", "dictionary"),
    ("set()", "call"),
    ("-1", "unary_operator"),
    ("float('inf')", "call"),
    ("float('-inf')", "call"),
    ("0.0", "float"),
    ("True", "true"),
    ("False", "false"),
];

impl Operator for Initial {
    fn about(&self) -> &'static About {
        &About {
            name: "initial_value",
            doc: "A parameter's default or a variable's first value is replaced by another value that things begin with, or by \
                  the first element of what is at hand.",
            example: (
                "def largest(xs):\n    best = 0\n    for x in xs:\n        best = max(best, x)\n    return best\n",
                "def largest(xs):\n    best = float('-inf')\n    for x in xs:\n        best = max(best, x)\n    return best\n",
            ),
            source: "\"Wrong value used in variable initialisation\" of the fault classes of Duraes and Madeira 2006; variable \
                     initialisation templates of PAR, Kim et al. 2013",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        for node in place.nodes() {
            let value = match node.kind() {
                "default_parameter" | "typed_default_parameter" => {
                    node.child_by_field_name("value").map(|value| (value, 430))
                }
                "assignment" if node.parent().is_some_and(|parent| parent.kind() == "expression_statement") => {
                    node.child_by_field_name("right").filter(|right| begins(place, *right)).map(|value| (value, 470))
                }
                _ => None,
            };
            let Some((value, weight)) = value else { continue };
            let old = place.text(value);
            let mut push = |weight: u32, new: &str| {
                let what = if node.kind() == "assignment" { "first value" } else { "default" };
                let name = node.child_by_field_name(if what == "default" { "name" } else { "left" });
                let name = name.map_or("", |name| place.text(name));
                let why = format!(
                    "the {what} of `{}` on {} should be `{}`, not `{}`",
                    short(name),
                    place.at(value),
                    short(new),
                    short(old)
                );
                edits.push(weight, value.byte_range(), new, why);
            };
            for (new, kind) in FIRST {
                // Neighbours in kind are likelier; `True` and `False` are `literal`'s.
                let number = |kind: &str| matches!(kind, "integer" | "float" | "unary_operator" | "call");
                let related = *kind == value.kind()
                    || (number(kind) && number(value.kind()))
                    || value.kind() == "none"
                    || *kind == "none";
                let flags = matches!(value.kind(), "true" | "false") && matches!(*kind, "true" | "false");
                if *new != old && !flags {
                    push(if related { weight } else { weight / 3 }, new);
                }
            }
            if node.kind() == "assignment" {
                let values = place.values_at(node);
                for name in values.iter().filter(|name| name.kind != NameKind::Global).take(4) {
                    push(180, &format!("{}[0]", name.text));
                    push(200, &name.text);
                }
            }
        }
        edits.done()
    }
}

/// Whether it is a value that something begins with.
fn begins(place: &Place<'_>, value: Node<'_>) -> bool {
    let text = place.text(value);
    let empty = matches!(text, "[]" | "{}" | "''" | "\"\"" | "set()" | "list()" | "dict()" | "()");
    empty
        || matches!(value.kind(), "integer" | "none" | "true" | "false" | "float")
        || text.starts_with("float(")
        || (value.kind() == "unary_operator" && text.len() < 6)
}

#[cfg(test)]
mod tests {
    use super::super::check::edits_of;

    #[test]
    fn first_values_are_replaced() {
        let edits = edits_of(&super::Initial, "def f(xs):\n    $0best = 0\n");
        let new: Vec<&str> = edits.iter().map(|edit| edit.replacement.as_str()).collect();
        assert!(new.contains(&"None") && new.contains(&"xs[0]") && !new.contains(&"0"), "{new:?}");
        assert_eq!(edits_of(&super::Initial, "$0def f(x=True, *, y: int = 3): pass\n").len(), 11 + 13);
        assert!(edits_of(&super::Initial, "$0x = f(y)\n").is_empty());
    }
}
