//! True division against floor division.

use super::{About, Edit, Operator, Place};

/// `a / b` → `a // b` and back, in expressions and in `/=`.
///
/// The Python 2 to 3 fault; listed as its own kind in PySStuBs and in mutmut's operators.
#[derive(Debug)]
pub struct Division;

impl Operator for Division {
    fn about(&self) -> &'static About {
        &About {
            name: "division",
            doc: "True division and floor division are swapped.",
            example: ("def f(a, b):\n    return a / b\n", "def f(a, b):\n    return a // b\n"),
            source: "Arithmetic operator replacement of mutmut, as its own kind: the fault that Python 3 brought to Python 2 code (PEP 238)",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        for node in place.nodes() {
            let other = match node.kind() {
                "/" => "//",
                "//" => "/",
                "/=" => "//=",
                "//=" => "/=",
                _ => continue,
            };
            // `/` in a parameter list ends the positional-only ones.
            if !node.parent().is_some_and(|p| matches!(p.kind(), "binary_operator" | "augmented_assignment")) {
                continue;
            }
            let sense = if other.starts_with("//") { "drop the fraction" } else { "keep the fraction" };
            let why = format!("the division on {} should {sense}: `{other}`", place.at(node));
            edits.push(place.edit(self.name(), 850, node.byte_range(), other, why));
        }
        edits
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn division_is_swapped() {
        check(&super::Division, "$0x = a / b // c\n", &["x = a // b // c", "x = a / b / c"]);
        check(&super::Division, "$0x /= 2\n", &["x //= 2"]);
        check(&super::Division, "$0def f(a, /, b=1 / 2): pass\n", &["def f(a, /, b=1 // 2):"]);
    }
}
