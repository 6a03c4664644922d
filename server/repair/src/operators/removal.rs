//! A statement too many.

use tree_sitter::Node;

use super::{
    About, Edit, Edits, Operator, Place,
    boolean::short,
    layout::{is_simple, neighbours, statements_of},
};

/// Drops a statement, or the condition around a body.
#[derive(Debug)]
pub struct Removal;

impl Operator for Removal {
    fn about(&self) -> &'static About {
        &About {
            name: "needless_statement",
            doc: "A statement is dropped, or what an `if` guards is done in any case. A patch that drops what passing tests \
                  run is marked, and ranks last.",
            example: (
                "def f(xs):\n    total = 0\n    for x in xs:\n        total += x\n        total += x\n    return total\n",
                "def f(xs):\n    total = 0\n    for x in xs:\n        total += x\n    return total\n",
            ),
            source: "Statement deletion of GenProg, Le Goues et al. 2012, and of Kali, Qi et al. 2015; \"remove buggy \
                     statement\" of TBar, Liu et al. 2019",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        let node = place.node();
        if place.function().is_none() {
            return Vec::new();
        }
        let (before, after) = neighbours(node);
        let doubled = [before, after].into_iter().flatten().any(|near| place.text(near) == place.text(node));
        if is_simple(node) && node.kind() != "pass_statement" {
            let weight = match node.kind() {
                _ if doubled => 700,
                "break_statement" | "continue_statement" => 420,
                "return_statement" => 230,
                _ => 260,
            };
            remove(place, node, weight, &mut edits);
        }
        if node.kind() == "if_statement" {
            remove(place, node, 180, &mut edits);
            unwrap(place, node, &mut edits);
        }
        edits.done()
    }
}

fn remove(place: &Place<'_>, node: Node<'_>, weight: u32, edits: &mut Edits) {
    let Some(block) = node.parent().filter(|parent| parent.kind() == "block") else {
        return;
    };
    let why = format!("`{}` on {} should not be there", short(place.text(node)), place.at(node));
    if statements_of(block).len() == 1 {
        // A block of nothing is `pass`; of a branch that then does nothing the condition is kept, it may do something.
        edits.push(weight * 2 / 3, node.byte_range(), "pass", why);
    } else if let Some(range) = place.lines_of(node) {
        edits.push(weight, range, "", why);
    }
}

/// The body of an `if` without branches, at the `if`'s own indentation.
fn unwrap(place: &Place<'_>, node: Node<'_>, edits: &mut Edits) {
    let Some(body) = node.child_by_field_name("consequence") else {
        return;
    };
    if node.child_by_field_name("alternative").is_some() {
        return;
    }
    let statements = statements_of(body);
    let (Some(outer), Some(inner)) = (place.indent(node), statements.first().and_then(|first| place.indent(*first)))
    else {
        return;
    };
    if let Some(text) = place.reindented(body, inner, outer) {
        let condition = node.child_by_field_name("condition").map_or("", |condition| place.text(condition));
        let why = format!("what `if {}` on {} guards should be done in any case", short(condition), place.at(node));
        edits.push(200, node.byte_range(), text, why);
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check_lines;

    #[test]
    fn statements_are_dropped() {
        check_lines(&super::Removal, "def f():\n    a()\n    $0b()  # why\n    c()\n", &["    c()\n"]);
        check_lines(&super::Removal, "def f():\n    $0b()\n", &["    pass\n"]);
        check_lines(
            &super::Removal,
            "def f(a):\n    $0if a:\n        b()\n        c()\n    d()\n",
            &["    d()\n", "    b()\n    c()\n    d()\n"],
        );
        check_lines(&super::Removal, "$0b()\n", &[]);
    }
}
