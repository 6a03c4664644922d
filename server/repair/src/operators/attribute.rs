//! Another attribute or method of the same thing.

use std::collections::BTreeMap;

use super::{About, Edit, Edits, Operator, Place, opposites::opposites, variable::likeness};

/// How many other attributes are tried for one.
const MAX_NAMES: usize = 10;

/// `node.left` → `node.right`; `text.lower()` → `text.upper()`; `self.size` → `self.count`.
#[derive(Debug)]
pub struct Attribute;

impl Operator for Attribute {
    fn about(&self) -> &'static About {
        &About {
            name: "attribute",
            doc: "An attribute or method is replaced by another one that is used on the same thing, that the project's \
                  classes have, or that is easily taken for it.",
            example: (
                "def f(node):\n    if node.left is None:\n        return node.left\n    return node.right\n",
                "def f(node):\n    if node.left is None:\n        return node.right\n    return node.right\n",
            ),
            source: "\"Wrong function name\" and \"change attribute used\" of PySStuBs, Kamienski et al. 2021; method \
                     replacer of PAR, Kim et al. 2013",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        for node in place.of_kind("attribute") {
            let (Some(object), Some(name)) =
                (node.child_by_field_name("object"), node.child_by_field_name("attribute"))
            else {
                continue;
            };
            let call = node
                .parent()
                .filter(|parent| parent.kind() == "call")
                .is_some_and(|call| call.child_by_field_name("function").is_some_and(|f| f.id() == node.id()));
            let old = place.text(name);
            let mut others: BTreeMap<String, u32> = BTreeMap::new();
            let mut add = |other: &str, weight: u32| {
                let known = others.entry(other.to_owned()).or_default();
                *known = (*known).max(weight);
            };
            for (other, called) in place.material().members(place.text(object)) {
                if called == call && !other.starts_with("__") {
                    add(other, 400 + likeness(old, other));
                }
            }
            let of_project = place.material().own(old).is_some();
            for other in opposites(old) {
                // Names of one's own classes are known; a method of Python's own types may be used for the first time.
                if place.material().own(&other) == Some(call) {
                    add(&other, 640);
                } else if !of_project {
                    add(&other, 520);
                }
            }
            others.remove(old);
            let mut others: Vec<(String, u32)> = others.into_iter().collect();
            others.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
            for (other, weight) in others.into_iter().take(MAX_NAMES) {
                let why = format!("`.{old}` on {} should be `.{other}`", place.at(name));
                edits.push(weight, name.byte_range(), other, why);
            }
        }
        edits.done()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn attributes_are_replaced() {
        check(
            &super::Attribute,
            "def g(a):\n    a.up, a.size, a.go()\ndef f(a):\n    $0return a.sizes\n",
            &["return a.size", "return a.up"],
        );
        check(&super::Attribute, "$0x = text.startswith(y)\n", &["x = text.endswith(y)"]);
    }
}
