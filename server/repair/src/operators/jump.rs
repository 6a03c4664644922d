//! A jump that is missing, or the wrong one.

use tree_sitter::Node;

use super::{
    About, Edit, Edits, Operator, Place,
    boolean::short,
    layout::{neighbours, statements_of},
};

/// `break` ↔ `continue` ↔ `return`; a `break`, `continue` or `return` at the end of a branch in a loop.
#[derive(Debug)]
pub struct Jump;

impl Operator for Jump {
    fn about(&self) -> &'static About {
        &About {
            name: "jump",
            doc: "`break`, `continue`, `return` and `pass` are replaced by each other, or put at the end of a branch that lacks \
                  them.",
            example: (
                "def f(xs, y):\n    at = -1\n    for i, x in enumerate(xs):\n        if x == y:\n            at = i\n    return at\n",
                "def f(xs, y):\n    at = -1\n    for i, x in enumerate(xs):\n        if x == y:\n            at = i\n            break\n    return at\n",
            ),
            source: "Break and continue replacement (BCR) of MutPy; mutmut; early exits of SPR, Long and Rinard 2015",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        if place.function().is_some() {
            replace(place, &mut edits);
            add(place, &mut edits);
        }
        edits.done()
    }
}

fn replace(place: &Place<'_>, edits: &mut Edits) {
    let node = place.node();
    let looped = place.loop_around().is_some();
    let others: &[(u32, &str)] = match node.kind() {
        "break_statement" => &[(750, "continue"), (350, "return"), (300, "pass")],
        "continue_statement" => &[(750, "break"), (300, "pass"), (300, "return")],
        "pass_statement" if looped => &[(400, "continue"), (400, "break"), (300, "return")],
        "pass_statement" => &[(250, "return"), (150, "raise")],
        "return_statement" if looped => &[(260, "break"), (260, "continue")],
        _ => return,
    };
    for (weight, other) in others {
        if *other == "raise" && !within(node, "except_clause") {
            continue;
        }
        let why = format!("`{}` on {} should be `{other}`", short(place.text(node)), place.at(node));
        edits.push(*weight, node.byte_range(), *other, why);
    }
}

/// After the last statement of a branch in a loop, or of any branch that other branches leave by `return`.
fn add(place: &Place<'_>, edits: &mut Edits) {
    let node = place.node();
    let Some(block) = node.parent().filter(|parent| parent.kind() == "block") else {
        return;
    };
    let jumps = matches!(
        node.kind(),
        "return_statement" | "raise_statement" | "break_statement" | "continue_statement" | "pass_statement"
    );
    let branch = block.parent().is_some_and(|owner| {
        matches!(owner.kind(), "if_statement" | "elif_clause" | "else_clause" | "except_clause" | "case_clause")
    });
    let last = neighbours(node).1.is_none() && statements_of(block).last().is_some_and(|last| last.id() == node.id());
    let simple = super::layout::is_simple(node);
    if jumps || !branch || !last || !simple {
        return;
    }
    let Some(indent) = place.indent(node) else { return };
    let mut actions: Vec<(u32, String)> = Vec::new();
    if place.loop_around().is_some() {
        actions.push((430, "break".to_owned()));
        actions.push((330, "continue".to_owned()));
    }
    // What the statement has just set may be the answer.
    let assigned = node
        .named_child(0)
        .filter(|child| matches!(child.kind(), "assignment" | "augmented_assignment"))
        .and_then(|assignment| assignment.child_by_field_name("left"))
        .filter(|left| left.kind() == "identifier");
    if let Some(name) = assigned {
        actions.push((230, format!("return {}", place.text(name))));
    }
    actions.push((210, "return".to_owned()));
    for (weight, action) in actions {
        let Some((range, text)) = place.behind(node, indent, std::slice::from_ref(&action)) else {
            continue;
        };
        let why = format!("after `{}` on {} a `{action}` is missing", short(place.text(node)), place.at(node));
        edits.push(weight, range, text, why);
    }
}

fn within(node: Node<'_>, kind: &str) -> bool {
    let mut node = node;
    while let Some(parent) = node.parent() {
        if parent.kind() == kind {
            return true;
        }
        if parent.kind() == "function_definition" {
            return false;
        }
        node = parent;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::check::check_lines;

    #[test]
    fn jumps_are_replaced_and_added() {
        check_lines(
            &super::Jump,
            "def f(xs):\n    while xs:\n        $0break\n",
            &["        continue\n", "        return\n", "        pass\n"],
        );
        check_lines(
            &super::Jump,
            "def f(x):\n    if x:\n        $0y = 1\n    return 2\n",
            &["        y = 1\n        return y\n    return 2\n", "        y = 1\n        return\n    return 2\n"],
        );
        check_lines(&super::Jump, "for x in y:\n    $0pass\n", &[]);
    }
}
