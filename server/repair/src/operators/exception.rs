//! Another exception, raised or caught.

use tree_sitter::Node;

use super::{About, Edit, Edits, Operator, Place};

/// Exceptions that are taken for each other.
const FAMILIES: &[&[&str]] = &[
    &["ValueError", "TypeError"],
    &["KeyError", "IndexError", "LookupError", "AttributeError"],
    &["ValueError", "KeyError", "IndexError"],
    &["OSError", "FileNotFoundError", "IOError", "PermissionError"],
    &["ZeroDivisionError", "ArithmeticError", "OverflowError", "ValueError"],
    &["RuntimeError", "ValueError", "NotImplementedError"],
    &["AttributeError", "TypeError", "NameError"],
    &["StopIteration", "IndexError"],
    &["ImportError", "ModuleNotFoundError"],
    &["UnicodeDecodeError", "UnicodeEncodeError", "UnicodeError", "ValueError"],
    &["AssertionError", "ValueError"],
];
/// How many are tried for one.
const MOST: usize = 7;

/// `raise ValueError` → `raise TypeError`; `except KeyError` → `except (KeyError, IndexError)`, `except IndexError`.
#[derive(Debug)]
pub struct ExceptionType;

impl Operator for ExceptionType {
    fn about(&self) -> &'static About {
        &About {
            name: "exception",
            doc: "A raised or caught exception is replaced by a related one or by one that the project uses, or one more is \
                  caught.",
            example: (
                "def f(d, key):\n    try:\n        return d[key]\n    except IndexError:\n        return None\n",
                "def f(d, key):\n    try:\n        return d[key]\n    except KeyError:\n        return None\n",
            ),
            source: "Exception handler operators of MutPy (EHD, EXS); \"mutate exception type\" of TBar, Liu et al. 2019",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        let node = place.node();
        if !matches!(node.kind(), "raise_statement" | "except_clause") {
            return Vec::new();
        }
        let catches = node.kind() == "except_clause";
        for name in place.of_kind("identifier") {
            let old = place.text(name);
            if !is_exception(place, name) {
                continue;
            }
            let others = related(place, old);
            let in_list = name.parent().is_some_and(|parent| parent.kind() == "tuple");
            // Who catches several kinds has more likely forgotten one than mistaken one.
            let (instead, too) = if in_list { (560, 620) } else { (620, 560) };
            for (rank, other) in others.iter().enumerate() {
                let cost = 25 * rank as u32;
                let verb = if catches { "catch" } else { "raise" };
                let why = format!("{} should {verb} `{other}`, not `{old}`", place.at(name));
                edits.push(instead - cost, name.byte_range(), other.clone(), why);
                if catches {
                    let new = if in_list { format!("{old}, {other}") } else { format!("({old}, {other})") };
                    let why = format!("{} should catch `{other}` too", place.at(name));
                    edits.push(too - cost, name.byte_range(), new, why);
                }
            }
            if catches && old != "Exception" {
                edits.push(
                    300,
                    name.byte_range(),
                    "Exception",
                    format!("{} should catch every exception", place.at(name)),
                );
            }
        }
        edits.done()
    }
}

/// The name itself is raised or caught: not an argument, a cause or the name it is caught as.
fn is_exception(place: &Place<'_>, name: Node<'_>) -> bool {
    let Some(parent) = name.parent() else { return false };
    let looks = place.text(name).starts_with(char::is_uppercase);
    looks
        && match parent.kind() {
            "raise_statement" | "except_clause" => parent.named_child(0).is_some_and(|first| first.id() == name.id()),
            "call" => {
                parent.child_by_field_name("function").is_some_and(|function| function.id() == name.id())
                    && parent.parent().is_some_and(|raise| raise.kind() == "raise_statement")
            }
            "tuple" | "as_pattern" => true,
            _ => false,
        }
}

fn related(place: &Place<'_>, old: &str) -> Vec<String> {
    let mut others: Vec<String> = Vec::new();
    let mut add = |other: &str| {
        if other != old && !others.iter().any(|known| known == other) {
            others.push(other.to_owned());
        }
    };
    for family in FAMILIES.iter().filter(|family| family.contains(&old)) {
        family.iter().for_each(|other| add(other));
    }
    let text = place.source().text();
    for (other, _) in place.material().exceptions() {
        if text.contains(other) {
            add(other);
        }
    }
    ["ValueError", "TypeError", "KeyError", "IndexError", "AttributeError"].iter().for_each(|other| add(other));
    others.truncate(MOST);
    others
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, edits_of};

    #[test]
    fn exceptions_are_replaced() {
        let edits = edits_of(&super::ExceptionType, "def f(x):\n    $0raise ValueError(x) from Error\n");
        assert_eq!(edits[0].replacement, "TypeError");
        assert!(edits.iter().all(|edit| edit.range.start == 20));
        let edits = edits_of(&super::ExceptionType, "try: f()\n$0except (KeyError, A) as e: pass\n");
        assert!(edits.iter().any(|edit| edit.replacement == "KeyError, IndexError"));
        check(&super::ExceptionType, "$0x = ValueError\n", &[]);
    }
}
