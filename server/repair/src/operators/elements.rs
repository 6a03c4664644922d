//! Elements in the wrong order.

use super::{About, Edit, Edits, Operator, Place, boolean::short, place::elements_of};

/// `return a, b` → `return b, a`; `{k: v}` → `{v: k}`; `grid[i][j]` → `grid[j][i]`; `for k, v in …` → `for v, k in …`.
#[derive(Debug)]
pub struct Elements;

impl Operator for Elements {
    fn about(&self) -> &'static About {
        &About {
            name: "elements",
            doc: "Two neighbours in a tuple, list, pair, target or chain of indices change places.",
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
        edits.done()
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
    }
}
