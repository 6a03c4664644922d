//! The wrong variable is assigned.

use super::{About, Edit, Edits, Operator, Place, variable::likeness};
use crate::source::NameKind;

/// How many other names are tried.
const MAX_NAMES: usize = 6;

/// `low = middle` → `high = middle`; `for i in range(n)` → `for j in range(n)`.
#[derive(Debug)]
pub struct Target;

impl Operator for Target {
    fn about(&self) -> &'static About {
        &About {
            name: "target",
            doc: "Another variable of the scope is assigned or updated.",
            example: (
                "def f(low, high):\n    middle = (low + high) // 2\n    low = middle\n    return low, high\n",
                "def f(low, high):\n    middle = (low + high) // 2\n    high = middle\n    return low, high\n",
            ),
            source: "Scalar variable replacement (SVR) of Mothra, King and Offutt 1991; VarMisuse, Allamanis et al. 2018",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        for node in place.nodes() {
            if !matches!(node.kind(), "assignment" | "augmented_assignment") {
                continue;
            }
            let Some(left) = node.child_by_field_name("left").filter(|left| left.kind() == "identifier") else {
                continue;
            };
            let old = place.text(left);
            let mut others: Vec<(u32, String)> = place
                .values_at(left)
                .into_iter()
                .filter(|value| value.text != old && value.kind != NameKind::Global)
                .map(|value| (300 + likeness(old, &value.text), value.text))
                .collect();
            others.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
            for (weight, other) in others.into_iter().take(MAX_NAMES) {
                let why = format!("{} should assign `{other}`, not `{old}`", place.at(left));
                edits.push(weight, left.byte_range(), other, why);
            }
        }
        edits.done()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn another_name_is_assigned() {
        check(&super::Target, "def f(a, b):\n    $0c = a\n", &["a = a", "b = a"]);
        check(&super::Target, "def f(a):\n    $0a.b = 1\n", &[]);
    }
}
