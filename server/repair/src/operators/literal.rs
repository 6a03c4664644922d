//! A truth value that is the wrong way round.

use super::{About, Edit, Operator, Place};

/// `True` ↔ `False`, as argument, default or value. In a `return` it is [`super::return_value`]'s.
///
/// "Change boolean literal" of ManySStuBs4J, Karampatsis and Sutton 2020.
#[derive(Debug)]
pub struct Literal;

impl Operator for Literal {
    fn about(&self) -> &'static About {
        &About {
            name: "literal",
            doc: "`True` and `False` are swapped.",
            example: ("def f(a, strict=True):\n    return a\n", "def f(a, strict=False):\n    return a\n"),
            source: "\"Change boolean literal\" of ManySStuBs4J, Karampatsis and Sutton 2020",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        place
            .nodes()
            .filter(|node| node.parent().is_none_or(|parent| parent.kind() != "return_statement"))
            .filter_map(|node| {
                let (old, new) = match node.kind() {
                    "true" => ("True", "False"),
                    "false" => ("False", "True"),
                    _ => return None,
                };
                let why = format!("`{old}` on {} should be `{new}`", place.at(node));
                Some(place.edit(self.name(), 850, node.byte_range(), new, why))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn truth_values_are_swapped() {
        check(&super::Literal, "$0def f(a=True): pass\n", &["def f(a=False):"]);
        check(&super::Literal, "$0x = f(False, k=True)\n", &["x = f(True, k=True)", "x = f(False, k=False)"]);
        check(&super::Literal, "def f():\n    $0return True\n", &[]);
    }
}
