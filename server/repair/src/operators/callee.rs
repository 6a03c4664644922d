//! Another function called.

use super::{About, Edit, Edits, Operator, Place, opposites::opposites, variable::likeness};
use crate::source::words;

/// A name that is imported and used nowhere was meant to be used somewhere.
const UNUSED: u32 = 640;
/// Of one whose name holds the other's.
const ALIKE: u32 = 430;
/// Such names tried for one call.
const MAX_UNUSED: usize = 3;

/// Functions of the project that are tried for one.
const MAX_FUNCTIONS: usize = 6;

/// `min(a, b)` → `max(a, b)`; `first(xs)` → `last(xs)`, where both are functions of the project.
#[derive(Debug)]
pub struct Callee;

impl Operator for Callee {
    fn about(&self) -> &'static About {
        &About {
            name: "callee",
            doc: "A called function is replaced by one that is easily taken for it, by one of the project that takes \
                  as many arguments, or by one that the file imports, under a name that is alike or to use it nowhere.",
            example: (
                "def f(xs, limit):\n    return min(xs) + limit\n",
                "def f(xs, limit):\n    return max(xs) + limit\n",
            ),
            source: "\"Wrong function name\" of ManySStuBs4J, Karampatsis and Sutton 2020; method replacer of PAR, Kim et \
                     al. 2013",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        let mut imported: Option<Vec<(&str, bool)>> = None;
        for call in place.of_kind("call") {
            let Some(name) = call.child_by_field_name("function").filter(|name| name.kind() == "identifier") else {
                continue;
            };
            let old = place.text(name);
            let mut push = |weight: u32, other: &str| {
                let why = format!("`{old}` on {} should be `{other}`", place.at(name));
                edits.push(weight, name.byte_range(), other, why);
            };
            for other in opposites(old) {
                // Half a name replaced gives names that may not exist.
                let known = !other.contains('_') || place.material().signature(&other).is_some();
                if known && !(place.material().signature(old).is_some() && place.material().signature(&other).is_none())
                {
                    push(if matches!(old, "min" | "max" | "any" | "all") { 700 } else { 420 }, &other);
                }
            }
            let imported = imported.get_or_insert_with(|| imports(place));
            let mut unused = 0;
            for (other, is_unused) in imported.iter().filter(|(other, _)| *other != old) {
                if *is_unused && unused < MAX_UNUSED {
                    unused += 1;
                    push(UNUSED, other);
                } else if !is_unused && (other.contains(old) || old.contains(other)) {
                    push(ALIKE, other);
                }
            }
            let mut others: Vec<(u32, &str)> = place
                .material()
                .same_shape(old)
                .filter(|other| place.material().own(other) != Some(true) && !other.starts_with("__"))
                .map(|other| (260 + likeness(old, other), other))
                .collect();
            others.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
            for (weight, other) in others.into_iter().take(MAX_FUNCTIONS) {
                push(weight, other);
            }
        }
        edits.done()
    }
}

/// Names that the file's own `from … import` statements bind, those of functions by their looks, and whether nothing else in
/// it mentions them.
fn imports<'a>(place: &Place<'a>) -> Vec<(&'a str, bool)> {
    let root = place.source().root();
    let mut cursor = root.walk();
    let mut found = Vec::new();
    let mentioned = words(place.source().text());
    for statement in root.named_children(&mut cursor).filter(|node| node.kind() == "import_from_statement") {
        let mut names = statement.walk();
        for name in statement.children_by_field_name("name", &mut names) {
            let bound = name.child_by_field_name("alias").unwrap_or(name);
            let text = place.text(bound);
            let mentions = mentioned.iter().filter(|word| **word == text).count();
            if text.starts_with(|first: char| first.is_lowercase() || first == '_') {
                found.push((text, mentions == 1));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn called_functions_are_replaced() {
        check(&super::Callee, "$0x = any(y)\n", &["x = all(y)"]);
        check(
            &super::Callee,
            "def one(a): pass\ndef two(b): pass\ndef three(a, b): pass\nclass C:\n    def m(self, a): pass\n$0x = one(y)\n",
            &["x = two(y)"],
        );
        // What is imported under a longer name of its kind.
        check(
            &super::Callee,
            "from itertools import zip_longest as longest_zip, chain\ny = longest_zip(chain(y))\n$0x = zip(y)\n",
            &["x = longest_zip(y)"],
        );
        // What is imported and used nowhere was to be called.
        check(
            &super::Callee,
            "from itertools import chain, zip_longest as longest\ny = chain(y)\n$0x = zip(y)\n",
            &["x = longest(y)"],
        );
    }
}
