//! Parentheses that are missing or too many.

use tree_sitter::Node;

use super::{About, Edit, Edits, Operator, Place, boolean::short};

/// `a + b * c` → `(a + b) * c`; `a or b and c` → `(a or b) and c`; `not a or b` → `not (a or b)`; and back.
#[derive(Debug)]
pub struct Grouping;

impl Operator for Grouping {
    fn about(&self) -> &'static About {
        &About {
            name: "grouping",
            doc: "An expression of several operators is grouped another way.",
            example: (
                "def middle(low, high):\n    return low + high // 2\n",
                "def middle(low, high):\n    return (low + high) // 2\n",
            ),
            source: "Operator precedence faults: atoms of confusion, Gopstein et al. 2017; \"missing parentheses\" of the fault classes \
                     of Duraes and Madeira 2006",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        for node in place.nodes() {
            match node.kind() {
                "binary_operator" | "boolean_operator" => {
                    regroup(place, node, &mut edits);
                }
                "not_operator" | "unary_operator" => widen(place, node, &mut edits),
                _ => {}
            }
        }
        edits.done()
    }
}

fn sides<'t>(node: Node<'t>) -> Option<(Node<'t>, Node<'t>, Node<'t>)> {
    Some((node.child_by_field_name("left")?, node.child_by_field_name("operator")?, node.child_by_field_name("right")?))
}

/// The single expression in parentheses.
fn inside(node: Node<'_>) -> Option<Node<'_>> {
    if node.kind() == "parenthesized_expression" { node.named_child(0) } else { None }
}

fn regroup(place: &Place<'_>, node: Node<'_>, edits: &mut Edits) {
    let Some((left, sign, right)) = sides(node) else { return };
    let text = |node: Node<'_>| place.text(node);
    let mut push = |weight: u32, new: String| {
        let new =
            if node.parent().is_some_and(|parent| parent.kind() == node.kind()) { format!("({new})") } else { new };
        let why = format!("`{}` on {} should be grouped as `{}`", short(place.text(node)), place.at(node), short(&new));
        edits.push(weight, node.byte_range(), new, why);
    };
    // `(a x b) y c` → `a x (b y c)`, whether the first grouping is written or comes of the operators.
    let left_inner = inside(left).unwrap_or(left);
    if left_inner.kind() == node.kind()
        && let Some((a, x, b)) = sides(left_inner)
        && (text(x) != text(sign) || matches!(text(sign), "-" | "/" | "//" | "%"))
    {
        push(470, format!("{} {} ({} {} {})", text(a), text(x), text(b), text(sign), text(right)));
    }
    let right_inner = inside(right).unwrap_or(right);
    if right_inner.kind() == node.kind()
        && let Some((b, y, c)) = sides(right_inner)
        && (text(y) != text(sign) || matches!(text(sign), "-" | "/" | "//" | "%" | "**"))
    {
        push(490, format!("({} {} {}) {} {}", text(left), text(sign), text(b), text(y), text(c)));
    }
}

/// `not a or b` → `not (a or b)`; `-a + b` → `-(a + b)`.
fn widen(place: &Place<'_>, node: Node<'_>, edits: &mut Edits) {
    let (Some(parent), Some(argument)) = (node.parent(), node.child_by_field_name("argument")) else {
        return;
    };
    let Some((left, sign, right)) = sides(parent).filter(|sides| sides.0.id() == node.id()) else {
        return;
    };
    let before = &place.source().text()[left.start_byte()..argument.start_byte()];
    let new = format!("{before}({} {} {})", place.text(argument), place.text(sign), place.text(right));
    let why = format!("`{}` on {} should be grouped as `{}`", short(place.text(parent)), place.at(node), short(&new));
    edits.push(400, parent.byte_range(), new, why);
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn expressions_are_regrouped() {
        check(&super::Grouping, "$0x = a + b * c\n", &["x = (a + b) * c"]);
        check(&super::Grouping, "$0x = (a + b) * c\n", &["x = a + (b * c)"]);
        check(&super::Grouping, "$0if not a or b and c: pass\n", &["if (not a or b) and c:", "if not (a or b and c):"]);
        check(&super::Grouping, "$0x = a + b + c\n", &[]);
    }
}
