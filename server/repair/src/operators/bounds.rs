//! An index, slice end or range bound that is off by one, where no constant says so.

use tree_sitter::Node;

use super::{About, Edit, Operator, Place, boolean::short, place::wrapped};

/// `xs[i]` → `xs[i + 1]`, `xs[i - 1]`; `range(n)` → `range(n + 1)`, `range(1, n)`; `xs[:n]` → `xs[:n - 1]`;
/// `i < n` → `i < n - 1`; and `n + 1` → `n` in all of these.
///
/// Unary operator insertion (UOI: `++`, `--`) of Mothra, King and Offutt 1991, kept to the bounds that PySStuBs and
/// "off by one" studies name. Bounds that are plain numbers belong to [`super::constant`].
#[derive(Debug)]
pub struct Bounds;

impl Operator for Bounds {
    fn about(&self) -> &'static About {
        &About {
            name: "bounds",
            doc: "An index, a slice end or a range bound is one larger or smaller.",
            example: ("def f(n):\n    return list(range(n))\n", "def f(n):\n    return list(range(n + 1))\n"),
            source: "Unary operator insertion (UOI: `++`, `--`) of Mothra, King and Offutt 1991, kept to bounds",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        for node in place.nodes() {
            let Some((what, weight)) = bound(place, node) else {
                continue;
            };
            let at = place.at(node);
            let text = place.text(node);
            let mut push = |weight: u32, new: String| {
                let why = format!("{what} `{}` on {at} is off by one: `{}`", short(text), short(&new));
                edits.push(place.edit(self.name(), weight, node.byte_range(), new, why));
            };
            if let Some(inner) = one_more_or_less(place, node) {
                push(weight, place.text(inner).to_owned());
            } else if !matches!(node.kind(), "integer" | "unary_operator" | "string" | "slice") {
                let base = match node.kind() {
                    "binary_operator" => text.to_owned(),
                    _ => wrapped(node, text),
                };
                // What binds less tightly than `+` (shifts, bit operators) is grouped.
                let loose = node
                    .child_by_field_name("operator")
                    .is_some_and(|sign| matches!(sign.kind(), "<<" | ">>" | "&" | "|" | "^"));
                let base = if loose { format!("({base})") } else { base };
                push(weight, format!("{base} + 1"));
                push(weight - 10, format!("{base} - 1"));
            }
            if let Some(whole) = lone_range_argument(place, node) {
                let why = format!("the range on {at} should begin at 1");
                edits.push(place.edit(self.name(), 500, whole.byte_range(), format!("1, {text}"), why));
            }
        }
        edits
    }
}

/// What kind of bound a node is, and how likely it is to be wrong.
fn bound(place: &Place<'_>, node: Node<'_>) -> Option<(&'static str, u32)> {
    if !node.is_named() || matches!(node.kind(), "float" | "none" | "true" | "false" | "list_splat") {
        return None;
    }
    let parent = node.parent()?;
    match parent.kind() {
        "slice" => Some(("the slice bound", 600)),
        "subscript" => {
            let index = parent.child_by_field_name("value")?.id() != node.id();
            // A number is meant more often than a key, as far as can be told from its form.
            let key = matches!(node.kind(), "string" | "slice" | "tuple" | "attribute" | "concatenated_string");
            (index && !key).then_some(("the index", 500))
        }
        "argument_list" => {
            let call = parent.parent().filter(|call| call.kind() == "call")?;
            let is_range = place.text(call.child_by_field_name("function")?) == "range";
            (is_range && node.kind() != "keyword_argument").then_some(("the bound", 700))
        }
        "comparison_operator" => {
            let first = parent.child(0)?.id() == node.id();
            let mut cursor = parent.walk();
            let ordered = parent
                .children_by_field_name("operators", &mut cursor)
                .all(|sign| matches!(sign.kind(), "<" | "<=" | ">" | ">="));
            let length = node.kind() == "call" && place.text(node).starts_with("len(");
            (ordered && !first && (length || node.kind() == "binary_operator")).then_some(("the bound", 450))
        }
        _ => None,
    }
}

/// The `n` of `n + 1` and `n - 1`.
fn one_more_or_less<'t>(place: &Place<'_>, node: Node<'t>) -> Option<Node<'t>> {
    let right = node.child_by_field_name("right")?;
    let sign = node.child_by_field_name("operator")?;
    let fits = node.kind() == "binary_operator" && place.text(right) == "1" && matches!(sign.kind(), "+" | "-");
    if fits { node.child_by_field_name("left") } else { None }
}

/// `node` itself, if it is the only argument of `range`.
fn lone_range_argument<'t>(place: &Place<'_>, node: Node<'t>) -> Option<Node<'t>> {
    let arguments = node.parent().filter(|parent| parent.kind() == "argument_list")?;
    let function = arguments.parent()?.child_by_field_name("function")?;
    (place.text(function) == "range" && arguments.named_child_count() == 1).then_some(node)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn bounds_move_by_one() {
        check(&super::Bounds, "$0x = xs[i]\n", &["x = xs[i + 1]", "x = xs[i - 1]"]);
        check(&super::Bounds, "$0x = xs[i - 1]\n", &["x = xs[i]"]);
        check(&super::Bounds, "$0x = d['k'] + xs[0]\n", &[]);
        check(
            &super::Bounds,
            "$0for i in range(n): pass\n",
            &["for i in range(n + 1):", "for i in range(n - 1):", "for i in range(1, n):"],
        );
        check(
            &super::Bounds,
            "$0x = xs[a | b:len(y) - 1]\n",
            &["x = xs[(a | b) + 1:len(y) - 1]", "x = xs[(a | b) - 1:len(y) - 1]", "x = xs[a | b:len(y)]"],
        );
        check(&super::Bounds, "$0while i < len(xs): pass\n", &["while i < len(xs) + 1:", "while i < len(xs) - 1:"]);
    }
}
