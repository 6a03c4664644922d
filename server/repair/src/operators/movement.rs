//! A statement in the wrong place: before another one, or in or out of a body.

use tree_sitter::Node;

use super::{
    About, Edit, Edits, Operator, Place,
    boolean::short,
    layout::{neighbours, statements_of},
};

/// Swaps a statement with the next, takes the last of a body out of it, or takes what follows a body into it.
#[derive(Debug)]
pub struct Movement;

impl Operator for Movement {
    fn about(&self) -> &'static About {
        &About {
            name: "moved_statement",
            doc: "A statement changes places with the next one, leaves the body it ends, or joins the body before it.",
            example: (
                "def f(xs):\n    for x in xs:\n        if x < 0:\n            return False\n        return True\n",
                "def f(xs):\n    for x in xs:\n        if x < 0:\n            return False\n    return True\n",
            ),
            source: "\"Move statement\" of TBar, Liu et al. 2019; statement swap of GenProg, Le Goues et al. 2012; code moving \
                     of Defects4J's repair patterns, Sobreira et al. 2018",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        // A declaration stands before all that uses its names.
        let declares = matches!(place.node().kind(), "global_statement" | "nonlocal_statement");
        if place.function().is_some() && !declares {
            swap(place, &mut edits);
            leave(place, &mut edits);
            join(place, &mut edits);
        }
        edits.done()
    }
}

fn swap(place: &Place<'_>, edits: &mut Edits) {
    let node = place.node();
    let (_, Some(next)) = neighbours(node) else { return };
    let jumps = |node: Node<'_>| {
        matches!(node.kind(), "return_statement" | "raise_statement" | "break_statement" | "continue_statement")
    };
    // What follows a jump is never run, and what follows nothing cannot be unbound by it.
    if jumps(node) || place.indent(node).is_none() || place.indent(next).is_none() {
        return;
    }
    let text = place.source().text();
    let between = &text[node.end_byte()..next.start_byte()];
    if place.line_end(node).is_none() || place.line_end(next).is_none() || between.contains('#') {
        return;
    }
    let why = format!(
        "`{}` on {} should come before `{}`",
        short(first_line(place, next)),
        place.at(next),
        short(first_line(place, node))
    );
    let weight = if jumps(next) { 150 } else { 330 };
    let new = format!("{}{between}{}", place.text(next), place.text(node));
    edits.push(weight, node.start_byte()..next.end_byte(), new, why);
}

/// The last statements of a body, out of it.
fn leave(place: &Place<'_>, edits: &mut Edits) {
    let node = place.node();
    let Some(block) = node.parent().filter(|parent| parent.kind() == "block") else {
        return;
    };
    let statements = statements_of(block);
    if statements.len() < 2 || statements.last().is_none_or(|last| last.id() != node.id()) {
        return;
    }
    let Some(mut owner) = block.parent() else { return };
    // Out of an `else` means behind the whole.
    if matches!(owner.kind(), "else_clause" | "elif_clause") {
        let Some(whole) = owner.parent() else { return };
        owner = whole;
    }
    let last_of_owner = owner.end_byte() == node.end_byte();
    if !matches!(owner.kind(), "for_statement" | "while_statement" | "if_statement" | "with_statement")
        || !last_of_owner
    {
        return;
    }
    if matches!(node.kind(), "break_statement" | "continue_statement") && !in_loop(owner) {
        return;
    }
    let (Some(outer), Some(inner)) = (place.indent(owner), place.indent(node)) else {
        return;
    };
    let (Some(text), Some(lines)) = (place.reindented(node, inner, outer), place.lines_of(node)) else {
        return;
    };
    let start = lines.start;
    let new = format!("{outer}{text}");
    let why = format!(
        "`{}` on {} should come after the {}, not be in it",
        short(first_line(place, node)),
        place.at(node),
        word(owner)
    );
    let weight = if node.kind() == "return_statement" { 620 } else { 480 };
    edits.push(weight, start..node.end_byte(), new, why);
}

/// What follows a body, into it.
fn join(place: &Place<'_>, edits: &mut Edits) {
    let node = place.node();
    let (Some(before), _) = neighbours(node) else { return };
    let bodies = ["body", "consequence"];
    let mut owner = before;
    // The last branch, and the deepest body that ends there.
    let mut found: Vec<Node<'_>> = Vec::new();
    loop {
        let last = owner.named_child(owner.named_child_count().saturating_sub(1) as u32);
        let alternative = last.filter(|last| matches!(last.kind(), "else_clause" | "elif_clause"));
        let body = alternative
            .and_then(|clause| bodies.iter().find_map(|field| clause.child_by_field_name(field)))
            .or_else(|| bodies.iter().find_map(|field| owner.child_by_field_name(field)));
        let compound = matches!(owner.kind(), "for_statement" | "while_statement" | "if_statement" | "with_statement");
        let Some(body) = body.filter(|body| compound && body.kind() == "block" && body.end_byte() == owner.end_byte())
        else {
            break;
        };
        found.push(body);
        let statements = statements_of(body);
        let Some(last) = statements.last().copied() else { break };
        owner = last;
    }
    for (depth, body) in found.into_iter().enumerate().take(2) {
        let statements = statements_of(body);
        let (Some(last), Some(outer)) = (statements.last().copied(), place.indent(node)) else {
            continue;
        };
        let Some(inner) = place.indent(last) else { continue };
        let dead =
            matches!(last.kind(), "return_statement" | "raise_statement" | "break_statement" | "continue_statement");
        if dead || place.line_end(last).is_none() {
            continue;
        }
        let Some(text) = place.reindented(node, outer, inner) else { continue };
        let start = node.start_byte() - outer.len();
        let what = body.parent().map_or("block", word);
        let why =
            format!("`{}` on {} should be in the {what} before it", short(first_line(place, node)), place.at(node));
        edits.push(430 - 60 * depth as u32, start..node.end_byte(), format!("{inner}{text}"), why);
    }
}

fn in_loop(node: Node<'_>) -> bool {
    let mut node = node;
    while let Some(parent) = node.parent() {
        match parent.kind() {
            "for_statement" | "while_statement" if node.kind() == "block" => return true,
            "function_definition" | "class_definition" => return false,
            _ => node = parent,
        }
    }
    false
}

fn word(owner: Node<'_>) -> &'static str {
    match owner.kind() {
        "for_statement" | "while_statement" => "loop",
        "with_statement" => "`with`",
        "else_clause" => "`else`",
        _ => "`if`",
    }
}

fn first_line<'p>(place: &Place<'p>, node: Node<'_>) -> &'p str {
    place.text(node).lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::check::check_lines;

    #[test]
    fn statements_move() {
        check_lines(&super::Movement, "def f():\n    $0a = 1\n    b = 2\n", &["    b = 2\n    a = 1\n"]);
        check_lines(
            &super::Movement,
            "def f(xs):\n    for x in xs:\n        a(x)\n        $0b(x)\n    c()\n",
            &["    b(x)\n    c()\n"],
        );
        check_lines(
            &super::Movement,
            "def f(xs):\n    for x in xs:\n        if x:\n            a()\n    $0b(x)\n",
            &["        b(x)\n", "            b(x)\n"],
        );
        // Another branch follows: there is no place behind the body.
        check_lines(
            &super::Movement,
            "def f(x):\n    if x:\n        a()\n        $0b()\n    else:\n        c()\n",
            &[],
        );
    }
}
