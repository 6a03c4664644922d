//! Identity against equality, and against its opposite.

use super::{About, Edit, Operator, Place};
use crate::source::{ScopeKind, preorder};

/// Sentinels of the file that are tried.
const MAX_SENTINELS: usize = 4;

/// `a is b` → `a is not b`, `a == b`; `a is not b` → `a is b`, `a != b`; `a == None` → `a is None`; `a is None` →
/// `a is MISSING`, where the file compares with that elsewhere or gives it as a default.
///
/// CPython's own warning about `is` with a literal names the fault; in MutPy the swap belongs to COR.
#[derive(Debug)]
pub struct Identity;

impl Operator for Identity {
    fn about(&self) -> &'static About {
        &About {
            name: "identity",
            doc: "`is` and `is not` are swapped, or replaced by `==` and `!=`, and back; `None` is replaced by a sentinel of the \
                  file.",
            example: ("def f(a, b):\n    return a is b\n", "def f(a, b):\n    return a == b\n"),
            source: "CPython's SyntaxWarning about `is` with a literal; MutPy (COR)",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        for comparison in place.of_kind("comparison_operator") {
            let mut cursor = comparison.walk();
            for sign in comparison.children_by_field_name("operators", &mut cursor) {
                let others: &[(u32, &str)] = match sign.kind() {
                    "is" => &[(900, "is not"), (400, "==")],
                    "is not" => &[(900, "is"), (400, "!=")],
                    "==" => &[(150, "is")],
                    "!=" => &[(150, "is not")],
                    _ => &[],
                };
                let sentinel = sign.next_named_sibling().filter(|right| right.kind() == "none");
                if let Some(right) = sentinel.filter(|_| matches!(sign.kind(), "is" | "is not")) {
                    for (rank, name) in sentinels(place).into_iter().enumerate() {
                        let why = format!("`None` on {} should be `{name}`", place.at(right));
                        edits.push(place.edit(self.name(), 560 - 40 * rank as u32, right.byte_range(), name, why));
                    }
                }
                for (weight, other) in others {
                    let why = match *other {
                        "is" | "is not" => format!("`{}` on {} should be `{other}`", place.text(sign), place.at(sign)),
                        _ => format!(
                            "`{}` on {} should compare values, not identities: `{other}`",
                            place.text(sign),
                            place.at(sign)
                        ),
                    };
                    edits.push(place.edit(self.name(), *weight, sign.byte_range(), *other, why));
                }
            }
        }
        edits
    }
}

/// What stands for "nothing" in the file besides `None`: defaults of parameters that are names or attributes, in the order
/// of the text.
fn sentinels(place: &Place<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let classes = || place.source().scopes().iter().filter(|scope| scope.kind == ScopeKind::Class);
    preorder(place.source().root(), |node| {
        if matches!(node.kind(), "default_parameter" | "typed_default_parameter")
            && let Some(value) = node.child_by_field_name("value")
            && matches!(value.kind(), "identifier" | "attribute")
        {
            let text = place.text(value);
            // A default is evaluated in the class; a method finds it on its object.
            if classes().any(|class| class.names.iter().any(|name| name.text == text)) {
                found.push(format!("self.{text}"));
            } else if value.kind() == "attribute" || text.chars().any(char::is_uppercase) || text.starts_with('_') {
                found.push(text.to_owned());
            }
        }
        true
    });
    let mut all: Vec<String> = Vec::new();
    for name in found {
        if !all.contains(&name) && all.len() < MAX_SENTINELS {
            all.push(name);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn identity_is_swapped() {
        check(&super::Identity, "$0if a is None: pass\n", &["if a is not None:", "if a == None:"]);
        check(&super::Identity, "$0x = a is not b\n", &["x = a is b", "x = a != b"]);
        check(&super::Identity, "$0x = a == b\n", &["x = a is b"]);
        check(
            &super::Identity,
            "class C:\n    _gone = object()\n    def pop(self, key, default=_gone):\n        $0if default is None: pass\n",
            &["if default is self._gone:", "if default is not None:", "if default == None:"],
        );
    }
}
