//! Elements in the wrong order, or too few of them.

use super::{About, Edit, Edits, Operator, Place, boolean::short, place::elements_of};
use crate::source::NameKind;

/// Variables that are tried as a missing element.
const MAX_NAMES: usize = 3;
/// Longer lists are data.
const MOST: usize = 3;

/// `return a, b` → `return b, a`; `{k: v}` → `{v: k}`; `grid[i][j]` → `grid[j][i]`; `for k, v in …` → `for v, k in …`; `[b]` →
/// `[a, b]`.
#[derive(Debug)]
pub struct Elements;

impl Operator for Elements {
    fn about(&self) -> &'static About {
        &About {
            name: "elements",
            doc: "Two neighbours in a tuple, list, pair, target or chain of indices change places; a short list or tuple gets a \
                  variable that it lacks.",
            example: (
                "def invert(d):\n    return {key: value for key, value in d.items()}\n",
                "def invert(d):\n    return {value: key for key, value in d.items()}\n",
            ),
            source: "\"Swap arguments\" of ManySStuBs4J, Karampatsis and Sutton 2020, carried over to elements; DeepBugs, Pradel and \
                     Sen 2018",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        for node in place.nodes() {
            let pairs: Vec<(tree_sitter::Node<'_>, tree_sitter::Node<'_>, u32)> = match node.kind() {
                "tuple" | "expression_list" | "list" | "pattern_list" | "tuple_pattern" => {
                    let list = elements_of(node);
                    let weight = match node.kind() {
                        "list" => 230,
                        _ if list.len() == 2 => 480,
                        _ => 320,
                    };
                    list.windows(2).map(|pair| (pair[0], pair[1], weight)).collect()
                }
                "pair" => node
                    .child_by_field_name("key")
                    .zip(node.child_by_field_name("value"))
                    .map(|(key, value)| (key, value, 300))
                    .into_iter()
                    .collect(),
                "subscript" => {
                    let outer = node.child_by_field_name("subscript");
                    let inner = node
                        .child_by_field_name("value")
                        .filter(|value| value.kind() == "subscript")
                        .and_then(|value| value.child_by_field_name("subscript"));
                    inner.zip(outer).map(|(first, second)| (first, second, 430)).into_iter().collect()
                }
                _ => continue,
            };
            for (first, second, weight) in pairs {
                let (one, other) = (place.text(first), place.text(second));
                let splat = first.kind().contains("splat") || second.kind().contains("splat");
                if one == other || splat {
                    continue;
                }
                let between = &place.source().text()[first.end_byte()..second.start_byte()];
                let why =
                    format!("`{}` and `{}` on {} are the wrong way round", short(one), short(other), place.at(first));
                edits.push(weight, first.start_byte()..second.end_byte(), format!("{other}{between}{one}"), why);
            }
        }
        for node in place.nodes().filter(|node| matches!(node.kind(), "list" | "tuple" | "expression_list")) {
            more(place, node, &mut edits);
        }
        edits.done()
    }
}

/// One more element, at either end.
fn more(place: &Place<'_>, node: tree_sitter::Node<'_>, edits: &mut Edits) {
    let list = elements_of(node);
    let (Some(first), Some(last)) = (list.first(), list.last()) else { return };
    let targets =
        node.parent().is_some_and(|parent| parent.child_by_field_name("left").is_some_and(|l| l.id() == node.id()));
    if targets || list.len() > MOST || list.iter().any(|element| element.kind().contains("splat")) {
        return;
    }
    let missing = place
        .values_at(node)
        .into_iter()
        .filter(|name| name.kind != NameKind::Global && list.iter().all(|element| place.text(*element) != name.text));
    for (rank, name) in missing.take(MAX_NAMES).enumerate() {
        let name = name.text;
        let weight = 230 - 20 * rank as u32;
        let why = format!("`{}` on {} lacks `{name}`", short(place.text(node)), place.at(node));
        edits.push(weight, first.start_byte()..first.start_byte(), format!("{name}, "), why.clone());
        edits.push(weight, last.end_byte()..last.end_byte(), format!(", {name}"), why);
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn elements_change_places() {
        check(&super::Elements, "$0x = (a, b, c)\n", &["x = (b, a, c)", "x = (a, c, b)"]);
        check(&super::Elements, "$0x = g[i][j]\n", &["x = g[j][i]"]);
        check(&super::Elements, "$0for k, v in d: pass\n", &["for v, k in d:"]);
        check(&super::Elements, "def f(a, b):\n    $0x = [a]\n", &["x = [b, a]", "x = [a, b]"]);
        check(&super::Elements, "def f(a, b):\n    $0(a, b) = a\n", &["(b, a) = a"]);
    }
}
