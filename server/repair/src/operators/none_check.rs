//! Something that may be None, or empty, and is used as if it were there.

use tree_sitter::Node;

use super::{
    About, Edit, Edits, Operator, Place,
    boolean::short,
    place::{Use, is_read, used_as, wrapped},
};

/// `x.y` → `x.y if x is not None else None`; `x` → `x or ''`; `if x:` → `if x is not None:`; `if x.y:` →
/// `if x is not None and x.y:`.
#[derive(Debug)]
pub struct NoneCheck;

/// What stands for "nothing" of a kind.
const EMPTY: &[&str] = &["0", "''", "[]", "{}", "None", "()"];

impl Operator for NoneCheck {
    fn about(&self) -> &'static About {
        &About {
            name: "none_check",
            doc: "A value that may be None or empty is checked before it is used, or a check for truth becomes one for \
                  None, or the other way round.",
            example: (
                "def f(value, default):\n    if value:\n        return value\n    return default\n",
                "def f(value, default):\n    if value is not None:\n        return value\n    return default\n",
            ),
            source: "Null pointer checker of PAR, Kim et al. 2013, and of TBar, Liu et al. 2019; PyTER, Oh and Oh 2022",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        for node in place.nodes() {
            truth(place, node, &mut edits);
            demand(place, node, &mut edits);
            instead(place, node, &mut edits);
        }
        edits.done()
    }
}

/// Truth against being there.
fn truth(place: &Place<'_>, node: Node<'_>, edits: &mut Edits) {
    let text = place.text(node);
    let at = place.at(node);
    let is_name = matches!(node.kind(), "identifier" | "attribute" | "subscript");
    if is_name && used_as(node) == Some(Use::Decides) {
        let negated = node.parent().filter(|parent| parent.kind() == "not_operator");
        let (range, new) = match negated {
            Some(not) => (not.byte_range(), format!("{text} is None")),
            None => (node.byte_range(), format!("{text} is not None")),
        };
        let why = format!("`{}` on {at} may be empty or zero and still be there: `{}`", short(text), short(&new));
        edits.push(560, range, new, why);
    }
    if node.kind() == "comparison_operator" && node.child_count() == 3 {
        let (Some(left), Some(sign), Some(right)) = (node.child(0), node.child(1), node.child(2)) else {
            return;
        };
        let none = right.kind() == "none";
        let new = match sign.kind() {
            "is" | "==" if none => format!("not {}", wrapped(left, place.text(left))),
            "is not" | "!=" if none => place.text(left).to_owned(),
            _ => return,
        };
        let why = format!("the condition on {at} should hold for what is empty too: `{}`", short(&new));
        // `not` binds less tightly than what may stand around a comparison.
        edits.push(420, node.byte_range(), new, why);
    }
}

/// A condition that looks into something.
fn demand(place: &Place<'_>, node: Node<'_>, edits: &mut Edits) {
    if used_as(node) != Some(Use::Decides) && !is_condition(node) {
        return;
    }
    for object in receivers(place, node) {
        let text = place.text(node);
        let old = if node.kind() == "boolean_operator" && text.contains(" or ") {
            format!("({text})")
        } else {
            text.to_owned()
        };
        let at = place.at(node);
        for (weight, new) in [
            (380, format!("{object} is not None and {old}")),
            (330, format!("{object} is None or {text}")),
            (300, format!("{object} and {old}")),
        ] {
            let why = format!(
                "the condition on {at} should first see whether `{}` is there: `{}`",
                short(object),
                short(&new)
            );
            edits.push(weight, node.byte_range(), new, why);
        }
    }
}

/// A value that stands for what is not there.
fn instead(place: &Place<'_>, node: Node<'_>, edits: &mut Edits) {
    let usage = used_as(node);
    if !matches!(usage, Some(Use::Argument | Use::Returned | Use::Assigned | Use::Iterated | Use::Operand)) {
        return;
    }
    let (text, at) = (place.text(node), place.at(node));
    if text.contains('\n') || matches!(text, "self" | "cls") || matches!(node.kind(), "list" | "string") {
        return;
    }
    if matches!(usage, Some(Use::Returned | Use::Assigned | Use::Argument)) {
        for object in receivers(place, node) {
            for value in ["None", "0", "''", "[]"] {
                let new = format!("{text} if {object} is not None else {value}");
                let new = if usage == Some(Use::Argument) { format!("({new})") } else { new };
                let why = format!("`{}` on {at} may be None: `{}`", short(object), short(&new));
                edits.push(if value == "None" { 260 } else { 150 }, node.byte_range(), new, why);
            }
        }
    }
    if matches!(node.kind(), "identifier" | "attribute" | "call" | "subscript") {
        let weight = if usage == Some(Use::Iterated) { 260 } else { 170 };
        let fitting =
            EMPTY.iter().filter(|value| usage != Some(Use::Iterated) || matches!(**value, "[]" | "()" | "{}"));
        for (rank, value) in fitting.enumerate() {
            let new = format!("{text} or {value}");
            let new = if matches!(usage, Some(Use::Operand | Use::Iterated)) { format!("({new})") } else { new };
            let why = format!("`{}` on {at} may be nothing: `{}`", short(text), short(&new));
            edits.push(weight - 10 * rank as u32, node.byte_range(), new, why);
        }
    }
}

fn is_condition(node: Node<'_>) -> bool {
    matches!(node.kind(), "comparison_operator" | "boolean_operator" | "call" | "not_operator")
        && node.parent().is_some_and(|parent| match parent.kind() {
            "if_statement" | "elif_clause" | "while_statement" => {
                parent.child_by_field_name("condition").is_some_and(|condition| condition.id() == node.id())
            }
            "if_clause" => true,
            "return_statement" => matches!(node.kind(), "comparison_operator" | "boolean_operator" | "not_operator"),
            _ => false,
        })
}

/// Names and attributes that `node` looks into, calls or indexes: what None does not bear. At most two.
fn receivers<'p>(place: &Place<'p>, node: Node<'_>) -> Vec<&'p str> {
    let mut found: Vec<&str> = Vec::new();
    // What is looked into cannot be None at all; what is compared only sometimes.
    for kinds in [&["attribute", "subscript"][..], &["comparison_operator"]] {
        crate::source::preorder(node, |child| {
            let object = match child.kind() {
                kind if !kinds.contains(&kind) => None,
                "attribute" => child.child_by_field_name("object"),
                "subscript" => child.child_by_field_name("value"),
                _ => child.child(0),
            };
            if let Some(object) = object
                && matches!(object.kind(), "identifier" | "attribute" | "subscript")
                && (object.kind() != "identifier" || is_read(object))
            {
                let text = place.text(object);
                let known = text.split(['.', '[']).next().is_some_and(|first| {
                    matches!(first, "self" | "cls") || place.values_at(node).iter().any(|value| value.text == first)
                });
                if known && !matches!(text, "self" | "cls") && !found.contains(&text) {
                    found.push(text);
                }
            }
            // Names bound within cannot be asked about outside.
            !matches!(child.kind(), "lambda" | "generator_expression") && !child.kind().ends_with("_comprehension")
        });
    }
    found.truncate(2);
    found
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, edits_of};

    #[test]
    fn truth_and_being_there_are_swapped() {
        check(&super::NoneCheck, "$0if a: pass\n", &["if a is not None:"]);
        check(&super::NoneCheck, "$0while not a[1]: pass\n", &["while a[1] is None:"]);
        let edits = edits_of(&super::NoneCheck, "def f(a):\n    $0if a is None: pass\n");
        assert_eq!(edits[0].replacement, "not a");
    }

    #[test]
    fn what_may_be_nothing_is_checked() {
        let new = |text: &str| -> Vec<String> {
            edits_of(&super::NoneCheck, text).into_iter().map(|edit| edit.replacement).collect()
        };
        let found = new("def f(a):\n    $0return a.b.c\n");
        assert!(found.contains(&"a.b.c if a.b is not None else None".to_owned()), "{found:?}");
        let found = new("def f(a):\n    $0for i in a: pass\n");
        assert_eq!(found, ["(a or [])", "(a or {})", "(a or ())"]);
        let found = new("def f(a, n):\n    $0if a.size > n: pass\n");
        assert_eq!(found[0], "a is not None and a.size > n");
    }
}
