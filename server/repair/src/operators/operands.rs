//! Operands in the wrong order.

use super::{About, Edit, Operator, Place, boolean::short, place::wrapped};

/// `a - b` → `b - a`; the same for `/`, `//`, `%`, `**`, `<<`, `>>`, `+` (text and lists), `in`, and the two values of
/// `x if c else y`.
///
/// "Swapped operands" of ManySStuBs4J and of DeepBugs, Pradel and Sen 2018.
#[derive(Debug)]
pub struct Operands;

impl Operator for Operands {
    fn about(&self) -> &'static About {
        &About {
            name: "operands",
            doc: "Two operands change places.",
            example: ("def f(a, b):\n    return a - b\n", "def f(a, b):\n    return b - a\n"),
            source: "\"Swapped operands\" of DeepBugs, Pradel and Sen 2018",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        for node in place.nodes() {
            let swap = match node.kind() {
                "binary_operator" => {
                    let sign = node.child_by_field_name("operator").map_or("", |sign| sign.kind());
                    let weight = match sign {
                        "-" | "/" | "//" | "%" | "**" => 600,
                        "<<" | ">>" => 400,
                        // Of numbers a sum stays the same; of text or lists it does not.
                        "+" => 250,
                        _ => continue,
                    };
                    let sides = (node.child_by_field_name("left"), node.child_by_field_name("right"));
                    (weight, sides.0, sides.1)
                }
                "comparison_operator" if node.child_count() == 3 => {
                    let sign = node.child(1).map_or("", |sign| sign.kind());
                    if !matches!(sign, "in" | "not in") {
                        continue;
                    }
                    (400, node.child(0), node.child(2))
                }
                "conditional_expression" => (550, node.named_child(0), node.named_child(2)),
                _ => continue,
            };
            let (weight, Some(left), Some(right)) = swap else {
                continue;
            };
            let between = &place.source().text()[left.end_byte()..right.start_byte()];
            let (first, second) = if node.kind() == "conditional_expression" {
                (place.text(right).to_owned(), place.text(left).to_owned())
            } else {
                (wrapped(right, place.text(right)), wrapped(left, place.text(left)))
            };
            let why = format!(
                "`{}` and `{}` on {} are the wrong way round",
                short(place.text(left)),
                short(place.text(right)),
                place.at(node)
            );
            edits.push(place.edit(
                self.name(),
                weight,
                left.start_byte()..right.end_byte(),
                format!("{first}{between}{second}"),
                why,
            ));
        }
        edits
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn operands_are_swapped() {
        check(&super::Operands, "$0x = a - b * c\n", &["x = (b * c) - a"]);
        check(&super::Operands, "$0x = a in b\n", &["x = b in a"]);
        check(&super::Operands, "$0x = a if b else c\n", &["x = c if b else a"]);
        check(&super::Operands, "$0x = a * b\n", &[]);
    }
}
