//! Another value returned.

use super::{About, Edit, Operator, Place, boolean::short};

/// How many names are tried for a returned value.
const MAX_NAMES: usize = 8;
/// Attributes of each that are tried.
const MAX_MEMBERS: usize = 4;

/// `return True` ↔ `return False`; `return None` → `return name`; `return f(x)` → `return x`; `return x` →
/// `return other`; `return` → `return name`.
///
/// The return templates of TBar, Liu et al. 2019, and of SPR, Long and Rinard 2015.
#[derive(Debug)]
pub struct ReturnValue;

impl Operator for ReturnValue {
    fn about(&self) -> &'static About {
        &About {
            name: "return_value",
            doc: "Another value is returned.",
            example: ("def f(a):\n    b = a * 2\n    return sorted(a)\n", "def f(a):\n    b = a * 2\n    return b\n"),
            source: "Return templates of TBar, Liu et al. 2019, and of SPR, Long and Rinard 2015",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let node = place.node();
        if node.kind() != "return_statement" {
            return Vec::new();
        }
        let mut edits = Vec::new();
        let at = place.at(node);
        let value = node.named_child(0).filter(|value| value.kind() != "comment");
        let old = value.map_or("nothing".to_owned(), |value| format!("`{}`", short(place.text(value))));
        let range = value.map_or(node.end_byte()..node.end_byte(), |value| value.byte_range());
        let mut push = |weight: u32, new: &str| {
            let why = format!(
                "line {at} should return `{}` instead of {old}",
                short(new),
                at = at.trim_start_matches("line ")
            );
            let new = if value.is_some() { new.to_owned() } else { format!(" {new}") };
            edits.push(place.edit(self.name(), weight, range.clone(), new, why));
        };
        let kind = value.map_or("", |value| value.kind());
        match kind {
            "true" => {
                push(900, "False");
                push(150, "None");
            }
            "false" => {
                push(900, "True");
                push(150, "None");
            }
            "none" | "" => {
                push(350, "True");
                push(350, "False");
            }
            _ => {}
        }
        // The parts of what is returned: the wrapped value without its wrapper.
        if let Some(value) = value {
            match kind {
                "call" => {
                    let arguments = value.child_by_field_name("arguments");
                    if let Some(arguments) =
                        arguments.filter(|a| a.kind() == "argument_list" && a.named_child_count() == 1)
                        && let Some(argument) = arguments.named_child(0)
                        && !matches!(
                            argument.kind(),
                            "keyword_argument" | "list_splat" | "dictionary_splat" | "comment"
                        )
                    {
                        push(300, place.text(argument));
                    }
                    let function = value.child_by_field_name("function");
                    if let Some(object) = function.and_then(|function| function.child_by_field_name("object")) {
                        push(300, place.text(object));
                    }
                }
                "subscript" => {
                    if let Some(inner) = value.child_by_field_name("value") {
                        push(250, place.text(inner));
                    }
                }
                "attribute" => {
                    if let Some(inner) = value.child_by_field_name("object")
                        && !matches!(place.text(inner), "self" | "cls")
                    {
                        push(250, place.text(inner));
                    }
                }
                "binary_operator" | "conditional_expression" => {
                    for side in [value.named_child(0), value.named_child(value.named_child_count() as u32 - 1)]
                        .into_iter()
                        .flatten()
                    {
                        push(250, place.text(side));
                    }
                }
                _ => {}
            }
        }
        // A constant answer may have been meant to be looked up.
        if matches!(kind, "true" | "false" | "none") {
            for name in place.values_at(node).iter().take(MAX_NAMES) {
                let members = place.material().members(&name.text).filter(|(_, called)| !called);
                for (member, _) in members.take(MAX_MEMBERS) {
                    push(330, &format!("{}.{member}", name.text));
                }
            }
        }
        // A plain name is the variable operator's to replace; anything else may have been meant to be a name.
        if kind != "identifier" {
            let names = place.values_at(node);
            let weight = if matches!(kind, "none" | "") { 450 } else { 250 };
            let own = || names.iter().filter(|name| name.kind != crate::source::NameKind::Global).take(MAX_NAMES);
            for name in own() {
                push(weight, &name.text);
            }
            // A constant yes or no may depend on what was counted or gathered.
            if matches!(kind, "true" | "false") {
                for name in own().filter(|name| !matches!(name.text.as_str(), "self" | "cls")) {
                    push(240, &format!("not {}", name.text));
                }
            }
        }
        edits
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn returned_values_are_replaced() {
        check(
            &super::ReturnValue,
            "def f(a):\n    $0return True\n",
            &["return False", "return None", "return a", "return not a"],
        );
        check(&super::ReturnValue, "def f(a):\n    $0return\n", &["return True", "return False", "return a"]);
        check(
            &super::ReturnValue,
            "def f(self, a):\n    b = 1\n    $0return sorted(a)\n",
            &["return a", "return a", "return b"],
        );
        check(&super::ReturnValue, "def f(self, a):\n    $0return self.x.strip()\n", &["return self.x", "return a"]);
        check(&super::ReturnValue, "$0x = 1\n", &[]);
    }
}
