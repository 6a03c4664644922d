//! The right field of the wrong object, or of none.

use std::collections::BTreeSet;

use super::{About, Edit, Edits, Operator, Place, place::is_read};
use crate::source::NameKind;

/// `self.x` → `other.x`, `x`; `x` → `self.x`.
#[derive(Debug)]
pub struct Receiver;

impl Operator for Receiver {
    fn about(&self) -> &'static About {
        &About {
            name: "receiver",
            doc: "A field is read of another object, or a variable is the field of that name, or the other way round.",
            example: (
                "class Point:\n    def __init__(self, x):\n        self.x = x\n\n    def __eq__(self, other):\n        return self.x == self.x\n",
                "class Point:\n    def __init__(self, x):\n        self.x = x\n\n    def __eq__(self, other):\n        return self.x == other.x\n",
            ),
            source: "\"Change caller in function call\" of ManySStuBs4J, Karampatsis and Sutton 2020; self variable deletion (SVD) of \
                     MutPy; \"add attribute access\" of PySStuBs, Kamienski et al. 2021",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        let own: Option<&str> = place
            .function()
            .and_then(|scope| scope.names.iter().find(|name| name.kind == NameKind::Parameter))
            .map(|name| name.text.as_str())
            .filter(|name| matches!(*name, "self" | "cls"));
        for node in place.nodes() {
            match node.kind() {
                "attribute" => {
                    let (Some(object), Some(name)) =
                        (node.child_by_field_name("object"), node.child_by_field_name("attribute"))
                    else {
                        continue;
                    };
                    if object.kind() != "identifier" {
                        continue;
                    }
                    let old = place.text(object);
                    let values = place.values_at(object);
                    let is_value = matches!(old, "self" | "cls") || values.iter().any(|value| value.text == old);
                    if !is_value {
                        continue;
                    }
                    let visible: BTreeSet<&str> = values.iter().map(|value| value.text.as_str()).collect();
                    let why =
                        |new: &str| format!("`{old}.{}` on {} should be `{new}`", place.text(name), place.at(node));
                    let near = values.iter().filter(|value| value.kind != NameKind::Global && value.text != old);
                    // `variable` swaps all but `self`.
                    if matches!(old, "self" | "cls") {
                        for value in near.take(4) {
                            let new = format!("{}.{}", value.text, place.text(name));
                            edits.push(420, node.byte_range(), new.clone(), why(&new));
                        }
                        if visible.contains(place.text(name)) && is_read(node) {
                            edits.push(480, node.byte_range(), place.text(name), why(place.text(name)));
                        }
                    } else if let Some(own) = own {
                        let new = format!("{own}.{}", place.text(name));
                        edits.push(430, node.byte_range(), new.clone(), why(&new));
                    }
                }
                "identifier" => {
                    let name = place.text(node);
                    let called = node.parent().is_some_and(|parent| parent.kind() == "call");
                    let Some(own) = own.filter(|own| *own != name) else { continue };
                    let target = node.parent().is_some_and(|parent| {
                        matches!(parent.kind(), "assignment" | "augmented_assignment")
                            && parent.child_by_field_name("left").is_some_and(|left| left.id() == node.id())
                    });
                    for field in [name.to_owned(), format!("_{name}")] {
                        if place.material().own(&field) == Some(called) && (is_read(node) || target) {
                            let new = format!("{own}.{field}");
                            let why = format!("`{name}` on {} should be `{new}`", place.at(node));
                            edits.push(500, node.byte_range(), new, why);
                        }
                    }
                }
                _ => {}
            }
        }
        edits.done()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn fields_are_read_of_another() {
        check(
            &super::Receiver,
            "class A:\n    def f(self, size):\n        self.size = 1\n        $0return size + self.size\n",
            &["return self.size + self.size", "return size + size.size", "return size + size"],
        );
        check(&super::Receiver, "import os\ndef f(a):\n    $0return os.sep + a.b\n", &[]);
    }
}
