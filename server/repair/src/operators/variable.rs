//! Another variable of the scope.

use super::{About, Edit, Operator, Place, place::is_read};

/// How many other names are tried for one.
const MAX_NAMES: usize = 12;

/// `return width` → `return height`: each name that is read, replaced by others that can be read there.
///
/// Scalar variable replacement (SVR) of Mothra, King and Offutt 1991; "wrong identifier" of ManySStuBs4J and of
/// VarMisuse, Allamanis et al. 2018. Names that look alike come first, then the nearest.
#[derive(Debug)]
pub struct Variable;

impl Operator for Variable {
    fn about(&self) -> &'static About {
        &About {
            name: "variable",
            doc: "A name that is read is replaced by another one of the scope.",
            example: (
                "def f(width, height):\n    return width * width\n",
                "def f(width, height):\n    return width * height\n",
            ),
            source: "Scalar variable replacement (SVR) of Mothra, King and Offutt 1991; VarMisuse, Allamanis et al. 2018",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        for node in place.of_kind("identifier") {
            let text = place.text(node);
            if !is_read(node) || matches!(text, "self" | "cls") || is_called(node) {
                continue;
            }
            let visible = place.values_at(node);
            // A name that is no value here (a class, a module, a builtin) is seldom a slip for one.
            if !visible.iter().any(|name| name.text == text) {
                continue;
            }
            let mut others: Vec<(u32, &str)> = visible
                .iter()
                .filter(|name| name.text != text)
                .enumerate()
                .map(|(distance, name)| {
                    let near = u32::try_from(distance).map_or(0, |d| 60_u32.saturating_sub(5 * d));
                    let global = if name.kind == crate::source::NameKind::Global { 200 } else { 0 };
                    (480 + near + likeness(text, &name.text) - global, name.text.as_str())
                })
                .collect();
            others.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
            for (weight, other) in others.into_iter().take(MAX_NAMES) {
                let why = format!("`{text}` on {} should be `{other}`", place.at(node));
                edits.push(place.edit(self.name(), weight, node.byte_range(), other, why));
            }
        }
        edits
    }
}

fn is_called(node: tree_sitter::Node<'_>) -> bool {
    node.parent()
        .filter(|parent| parent.kind() == "call")
        .and_then(|call| call.child_by_field_name("function"))
        .is_some_and(|function| function.id() == node.id())
}

/// 0 to 120: how much of the longer name both share at the beginning and the end.
pub(super) fn likeness(a: &str, b: &str) -> u32 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let longer = a.len().max(b.len()).max(1);
    let head = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(x, y)| x == y).count();
    u32::try_from(120 * (head + tail) / longer).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn names_are_replaced() {
        check(
            &super::Variable,
            "LIMIT = 9\ndef f(self, width, *, height):\n    area = 1\n    $0return width * self.x\n    later = 2\n",
            &["return height * self.x", "return area * self.x", "return LIMIT * self.x"],
        );
        // Not what is assigned, called, or comes from elsewhere.
        check(&super::Variable, "import os\ndef f(a, b):\n    $0c = os.path(a=b)\n", &["c = os.path(a=a)"]);
        check(
            &super::Variable,
            "$0x = [i + j for i, j in y]\n",
            &["x = [j + j for i, j in y]", "x = [i + i for i, j in y]"],
        );
    }
}
