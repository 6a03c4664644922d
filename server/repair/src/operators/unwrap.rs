//! A call too many around a value.

use super::{
    About, Edit, Edits, Operator, Place,
    boolean::short,
    place::{called, elements_of, is_positional, used_as, wrapped},
};

/// `sorted(xs)` → `xs`; `name.lower()` → `name`.
#[derive(Debug)]
pub struct Unwrap;

impl Operator for Unwrap {
    fn about(&self) -> &'static About {
        &About {
            name: "needless_call",
            doc: "A value is used without the call around it, or without the method called on it.",
            example: (
                "def f(names):\n    found = sorted(names)\n    return found\n",
                "def f(names):\n    found = names\n    return found\n",
            ),
            source: "Method call deletion of Defects4J's repair patterns, Sobreira et al. 2018",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        for node in place.of_kind("call") {
            // The returned value's wrapper is `return_value`'s.
            if used_as(node).is_none() || node.parent().is_some_and(|parent| parent.kind() == "return_statement") {
                continue;
            }
            let Some((name, list)) = called(node) else { continue };
            let given = elements_of(list);
            let mut push = |inner: tree_sitter::Node<'_>| {
                let why = format!(
                    "`{}` on {} should be used as it is, without `{}`",
                    short(place.text(inner)),
                    place.at(node),
                    place.text(name)
                );
                edits.push(320, node.byte_range(), wrapped(inner, place.text(inner)), why);
            };
            match node.child_by_field_name("function").and_then(|function| function.child_by_field_name("object")) {
                Some(object) if !matches!(place.text(object), "self" | "cls") => push(object),
                _ => {
                    if let Some(first) = given.first().filter(|first| given.len() == 1 && is_positional(**first)) {
                        push(*first);
                    }
                }
            }
        }
        edits.done()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn calls_are_taken_away() {
        check(&super::Unwrap, "$0x = sorted(f(y)) + 1\n", &["x = f(y) + 1", "x = sorted(y) + 1"]);
        check(&super::Unwrap, "$0if a.lower() == b: pass\n", &["if a == b:"]);
        check(&super::Unwrap, "$0f(x)\n", &[]);
    }
}
