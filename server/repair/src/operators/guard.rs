//! A guard that is missing before a statement.

use tree_sitter::Node;

use super::{
    About, Edit, Edits, Operator, Place,
    boolean::short,
    layout::{neighbours, statements_of},
    place::names_read,
};
use crate::source::NameKind;

/// Variables that a guard may ask about.
const MAX_NAMES: usize = 3;

/// Puts `if not xs: return None` and its like before a statement: an early return, `continue`, `break` or `raise`.
#[derive(Debug)]
pub struct Guard;

impl Operator for Guard {
    fn about(&self) -> &'static About {
        &About {
            name: "missing_guard",
            doc: "A statement is guarded: before it the function returns, raises or the loop goes on or ends, where one of \
                  its variables is None, empty, zero or negative.",
            example: (
                "def mean(xs):\n    return sum(xs) / len(xs)\n",
                "def mean(xs):\n    if not xs:\n        return 0\n    return sum(xs) / len(xs)\n",
            ),
            source: "Null pointer, range and divide-by-zero checkers of PAR, Kim et al. 2013; \"insert missed statement\" of \
                     TBar, Liu et al. 2019; conditional control flow of Prophet, Long and Rinard 2016",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        let node = place.node();
        let Some(function) = place.function_node() else {
            return Vec::new();
        };
        if matches!(
            node.kind(),
            "elif_clause" | "except_clause" | "case_clause" | "import_statement" | "import_from_statement"
        ) || place.indent(node).is_none()
        {
            return Vec::new();
        }
        let parent_block = node.parent().filter(|parent| parent.kind() == "block");
        let Some(block) = parent_block else { return Vec::new() };
        let first = first_of(block).is_some_and(|first| first.id() == node.id());
        let owner = block.parent().map_or("", |owner| owner.kind());
        let base: u32 = match (first, owner) {
            (true, "function_definition") => 330,
            (true, "for_statement" | "while_statement") => 250,
            // After what has just been computed.
            _ if neighbours(node).0.is_some_and(|before| assigns(before)) => 190,
            _ => 130,
        };
        let names = subjects(place, node, function, first && owner == "function_definition");
        let actions = actions(place, function);
        for (rank, (name, kind)) in names.iter().enumerate() {
            for (at, condition) in conditions(name).into_iter().enumerate() {
                for (order, action) in actions.iter().enumerate() {
                    let cost = 25 * rank as u32 + 14 * at as u32 + 9 * order as u32;
                    let cost = cost + if *kind == NameKind::Global { 80 } else { 0 };
                    let lines = [format!("if {condition}:"), format!("{}{action}", place.step())];
                    let Some((range, text)) = place.before(node, &lines) else { continue };
                    let why =
                        format!("before {} the case `{condition}` should be met: `{}`", place.at(node), short(action));
                    edits.push(base.saturating_sub(cost).max(30), range, text, why);
                }
            }
        }
        edits.done()
    }
}

fn first_of(block: Node<'_>) -> Option<Node<'_>> {
    statements_of(block).into_iter().find(|statement| {
        let text = statement.named_child(0).filter(|_| statement.kind() == "expression_statement");
        !text.is_some_and(|text| matches!(text.kind(), "string" | "concatenated_string"))
    })
}

fn assigns(node: Node<'_>) -> bool {
    node.kind() == "expression_statement" && node.named_child(0).is_some_and(|child| child.kind() == "assignment")
}

/// Variables that the statement depends on; at a function's beginning its parameters too.
fn subjects<'p>(place: &Place<'p>, node: Node<'p>, function: Node<'p>, all: bool) -> Vec<(String, NameKind)> {
    let visible = place.values_at(node);
    let mut names: Vec<(String, NameKind)> = Vec::new();
    let mut add = |name: &str| {
        if let Some(value) = visible.iter().find(|value| value.text == name)
            && names.iter().all(|known| known.0 != name)
        {
            names.push((name.to_owned(), value.kind));
        }
    };
    if all {
        visible.iter().filter(|value| value.kind == NameKind::Parameter).for_each(|value| add(&value.text));
    }
    let used = if all { function.child_by_field_name("body").unwrap_or(node) } else { node };
    names_read(used, place.source().text()).into_iter().for_each(add);
    names.truncate(MAX_NAMES);
    names
}

fn conditions(name: &str) -> [String; 5] {
    [
        format!("not {name}"),
        format!("{name} is None"),
        format!("{name} < 0"),
        format!("len({name}) < 2"),
        format!("{name} == 1"),
    ]
}

/// What a guard may do: what the function does elsewhere first.
fn actions(place: &Place<'_>, function: Node<'_>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut add = |action: &str| {
        if !out.iter().any(|known| known == action) {
            out.push(action.to_owned());
        }
    };
    if place.loop_around().is_some() {
        add("continue");
        add("break");
    }
    let generator = is_generator(function);
    let mut returns: Vec<&str> = Vec::new();
    if let Some(body) = function.child_by_field_name("body") {
        crate::source::preorder(body, |child| {
            if child.kind() == "return_statement" {
                let value = child.named_child(0);
                let simple = value.is_none_or(|value| {
                    matches!(
                        value.kind(),
                        "none"
                            | "true"
                            | "false"
                            | "integer"
                            | "string"
                            | "list"
                            | "identifier"
                            | "unary_operator"
                            | "float"
                            | "dictionary"
                    )
                });
                if simple && place.text(child).len() < 40 && !place.text(child).contains('\n') {
                    let known = value.is_none_or(|value| {
                        value.kind() != "identifier"
                            || place.values_at(place.node()).iter().any(|n| n.text == place.text(value))
                    });
                    if known {
                        returns.push(place.text(child));
                    }
                }
            }
            !matches!(child.kind(), "function_definition" | "class_definition" | "lambda")
        });
    }
    returns.iter().take(3).for_each(|action| add(action));
    if generator {
        add("return");
    } else {
        for action in ["return None", "return 0", "return []", "return False", "return ''", "return True", "return {}"]
        {
            add(action);
        }
        for value in place.values_at(place.node()).iter().filter(|value| value.kind != NameKind::Global).take(2) {
            add(&format!("return {}", value.text));
        }
    }
    let raised = place.material().exceptions();
    let own: Vec<&str> =
        raised.iter().map(|entry| entry.0).filter(|name| *name != "NotImplementedError").take(2).collect();
    for exception in own.iter().chain(["ValueError"].iter()) {
        let known = place.source().text().contains(*exception) || *exception == "ValueError";
        if known {
            add(&format!("raise {exception}"));
        }
    }
    out
}

/// Whether the function yields.
pub(super) fn is_generator(function: Node<'_>) -> bool {
    let mut found = false;
    if let Some(body) = function.child_by_field_name("body") {
        crate::source::preorder(body, |child| {
            found |= child.kind() == "yield";
            !found && !matches!(child.kind(), "function_definition" | "class_definition" | "lambda")
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::check::edits_of;

    #[test]
    fn guards_stand_before_their_statement() {
        let text = "def f(xs):\n    out = []\n    for x in xs:\n        $0out.append(1 / x)\n    return out\n";
        let edits = edits_of(&super::Guard, text);
        let found: Vec<&str> = edits.iter().map(|edit| edit.replacement.as_str()).collect();
        assert!(found.contains(&"if not x:\n            continue\n        "), "{found:?}");
        assert!(found.iter().any(|text| text.contains("return out")));
        // A generator returns nothing, and at module level nothing can be returned.
        assert!(
            !edits_of(&super::Guard, "def f(x):\n    $0yield x\n").iter().any(|e| e.replacement.contains("return N"))
        );
        assert!(edits_of(&super::Guard, "$0x = y\n").is_empty());
    }
}
