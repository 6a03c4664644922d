//! Branches that exclude each other and should not, or the other way round.

use tree_sitter::Node;

use super::{
    About, Edit, Edits, Operator, Place,
    boolean::short,
    layout::{neighbours, statements_of},
};

/// `elif` ↔ `if`; what follows an `if` as its `else`; what an `else` holds behind the `if`.
#[derive(Debug)]
pub struct Branch;

impl Operator for Branch {
    fn about(&self) -> &'static About {
        &About {
            name: "branch",
            doc: "An `elif` becomes an `if` of its own or an `if` an `elif`; what follows an `if` becomes its `else`, or what an \
                  `else` holds is done in any case.",
            example: (
                "def f(x):\n    out = []\n    if x % 3 == 0:\n        out.append('fizz')\n    elif x % 5 == 0:\n        out.append('buzz')\n    return out\n",
                "def f(x):\n    out = []\n    if x % 3 == 0:\n        out.append('fizz')\n    if x % 5 == 0:\n        out.append('buzz')\n    return out\n",
            ),
            source: "\"Missing else\" and \"missing if construct around statements\" of the fault classes of Duraes and Madeira \
                     2006; conditional block patterns of Sobreira et al. 2018",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        let node = place.node();
        if place.function().is_none() {
            return Vec::new();
        }
        match node.kind() {
            "elif_clause" => {
                let start = node.start_byte();
                let why = format!("the condition on {} should be asked in any case: `if`", place.at(node));
                edits.push(520, start..start + 4, "if", why);
            }
            "if_statement" => {
                let before = neighbours(node).0.filter(|before| before.kind() == "if_statement");
                if let Some(before) = before
                    && place.indent(node).is_some()
                    && !has_else(before)
                    && place.source().text()[before.end_byte()..node.start_byte()].trim().is_empty()
                {
                    let start = node.start_byte();
                    let why = format!(
                        "the condition on {} should be asked only where the one before it does not hold: `elif`",
                        place.at(node)
                    );
                    // From the statement before on: by itself an `elif` is nothing.
                    let gap = &place.source().text()[before.end_byte()..start];
                    edits.push(480, before.end_byte()..start + 2, format!("{gap}elif"), why);
                }
                wrap_following(place, node, &mut edits);
                undo_else(place, node, &mut edits);
            }
            "for_statement" | "while_statement" => undo_else(place, node, &mut edits),
            _ => {}
        }
        edits.done()
    }
}

fn clauses(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).filter(|child| child.kind() == "else_clause").collect()
}

fn has_else(node: Node<'_>) -> bool {
    !clauses(node).is_empty()
}

/// The next statement as the `else` of an `if` that has none.
fn wrap_following(place: &Place<'_>, node: Node<'_>, edits: &mut Edits) {
    let (_, Some(next)) = neighbours(node) else { return };
    let (Some(outer), Some(lines)) = (place.indent(node), place.lines_of(next)) else {
        return;
    };
    if has_else(node) || place.line_end(node).is_none() || place.indent(next) != Some(outer) {
        return;
    }
    let inner = format!("{outer}{}", place.step());
    let Some(text) = place.reindented(next, outer, &inner) else { return };
    let why =
        format!("`{}` on {} should be the `else` of the condition before it", short(place.text(next)), place.at(next));
    edits.push(330, lines.start..next.end_byte(), format!("{outer}else:\n{inner}{text}"), why);
}

/// The body of an `else`, behind the statement.
fn undo_else(place: &Place<'_>, node: Node<'_>, edits: &mut Edits) {
    let Some(clause) = clauses(node).into_iter().next() else { return };
    let Some(body) = clause.child_by_field_name("body") else { return };
    let statements = statements_of(body);
    let (Some(outer), Some(inner)) = (place.indent(clause), statements.first().and_then(|first| place.indent(*first)))
    else {
        return;
    };
    if clause.end_byte() != node.end_byte() {
        return;
    }
    if let Some(text) = place.reindented(body, inner, outer) {
        let why = format!("what the `else` on {} holds should be done in any case", place.at(clause));
        let weight = if node.kind() == "if_statement" { 230 } else { 320 };
        edits.push(weight, clause.byte_range(), text, why);
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check_lines;

    #[test]
    fn branches_are_joined_and_parted() {
        check_lines(
            &super::Branch,
            "def f(x):\n    if x: a()\n    $0if y: b()\n    c()\n",
            &["    if x: a()\n    elif y: b()\n    c()\n", "    if y: b()\n    else:\n        c()\n"],
        );
        check_lines(
            &super::Branch,
            "def f(x):\n    $0if x:\n        a()\n    else:\n        b()\n        c()\n",
            &["    if x:\n        a()\n    b()\n    c()\n"],
        );
    }
}
