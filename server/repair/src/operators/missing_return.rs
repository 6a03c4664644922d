//! A result that is thrown away.

use super::{About, Edit, Edits, Operator, Place, boolean::short, guard::is_generator, layout::neighbours};
use crate::source::NameKind;

/// `f(x)` → `return f(x)`, `x = f(x)`; `return name` at the end of a function.
#[derive(Debug)]
pub struct MissingReturn;

/// Methods that change what they are called on: their result is thrown away on purpose.
const IN_PLACE: &[&str] = &[
    "append",
    "extend",
    "insert",
    "remove",
    "sort",
    "reverse",
    "update",
    "add",
    "discard",
    "clear",
    "write",
    "close",
    "setdefault",
    "put",
    "send",
    "start",
    "join",
];

impl Operator for MissingReturn {
    fn about(&self) -> &'static About {
        &About {
            name: "missing_result",
            doc: "A value that is computed and thrown away is returned or assigned, and a function that ends without a value \
                  returns one.",
            example: (
                "def f(n):\n    if n == 0:\n        return 0\n    f(n - 1)\n",
                "def f(n):\n    if n == 0:\n        return 0\n    return f(n - 1)\n",
            ),
            source: "\"Missing return statement\" of the fault classes of Duraes and Madeira 2006; Refactory's student programs, \
                     Hu et al. 2019",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        let node = place.node();
        let Some(function) = place.function_node() else { return Vec::new() };
        let generator = is_generator(function);
        let init = place.function().is_some_and(|scope| scope.qualname.ends_with(".__init__"));
        let at = place.at(node);
        let value =
            node.named_child(0).filter(|_| node.kind() == "expression_statement" && node.named_child_count() == 1);
        if let Some(value) = value {
            let text = place.text(value);
            match value.kind() {
                "call" => {
                    let method = value.child_by_field_name("function").and_then(|function| {
                        Some((function.child_by_field_name("object")?, function.child_by_field_name("attribute")?))
                    });
                    let in_place = method.is_some_and(|(_, name)| IN_PLACE.contains(&place.text(name)));
                    if !generator && !init {
                        let weight = if in_place { 90 } else { 480 };
                        edits.push(
                            weight,
                            value.byte_range(),
                            format!("return {text}"),
                            format!("the result of `{}` on {at} should be returned", short(text)),
                        );
                    }
                    if let Some((object, _)) = method.filter(|(object, _)| {
                        !in_place
                            && matches!(object.kind(), "identifier" | "attribute")
                            && !matches!(place.text(*object), "self" | "cls")
                    }) {
                        let object = place.text(object);
                        edits.push(
                            420,
                            value.byte_range(),
                            format!("{object} = {text}"),
                            format!(
                                "the result of `{}` on {at} should be kept: `{object}` stays as it is",
                                short(text)
                            ),
                        );
                    }
                }
                "identifier" | "attribute" | "comparison_operator" | "binary_operator" | "boolean_operator"
                    if !generator && !init =>
                {
                    edits.push(
                        500,
                        value.byte_range(),
                        format!("return {text}"),
                        format!("`{}` on {at} should be returned", short(text)),
                    );
                }
                "assignment" if !generator && !init && neighbours(node).1.is_none() => {
                    if let Some(right) = value.child_by_field_name("right")
                        && !right.kind().ends_with("assignment")
                    {
                        edits.push(
                            150,
                            value.byte_range(),
                            format!("return {}", place.text(right)),
                            format!("the value on {at} should be returned, not assigned"),
                        );
                    }
                }
                _ => {}
            }
        }
        // The end of the function is reached without a value.
        let body = function.child_by_field_name("body");
        let ends = body.is_some_and(|body| {
            node.parent().is_some_and(|parent| parent.id() == body.id()) && neighbours(node).1.is_none()
        });
        let leaves = matches!(node.kind(), "return_statement" | "raise_statement" | "elif_clause" | "except_clause");
        if ends
            && !leaves
            && !generator
            && !init
            && let Some(indent) = place.indent(node)
        {
            let returns = place.text(function).contains("return ");
            let mut answers: Vec<(u32, String)> = Vec::new();
            let locals: Vec<_> =
                place.values_at(node).into_iter().filter(|value| value.kind != NameKind::Global).collect();
            for (rank, value) in locals.iter().rev().take(6).enumerate() {
                let base = if value.kind == NameKind::Local { 420 } else { 240 };
                answers.push((base - 20 * rank as u32, value.text.clone()));
            }
            for constant in ["True", "False", "0", "None", "[]", "''"] {
                answers.push((if returns { 240 } else { 90 }, constant.to_owned()));
            }
            for (weight, answer) in answers {
                let line = format!("return {answer}");
                if let Some((range, new)) = place.behind(node, indent, &[line]) {
                    edits.push(weight, range, new, format!("after {at} `{answer}` should be returned"));
                }
            }
        }
        edits.done()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{check_lines, edits_of};

    #[test]
    fn results_are_kept() {
        check_lines(
            &super::MissingReturn,
            "def f(s):\n    $0s.strip()\n    return s\n",
            &["    return s.strip()\n    return s\n", "    s = s.strip()\n    return s\n"],
        );
        let edits = edits_of(&super::MissingReturn, "def f(xs):\n    out = []\n    $0out.append(xs)\n");
        assert_eq!(edits[1].replacement, "\n    return out");
        assert!(edits_of(&super::MissingReturn, "$0f(x)\n").is_empty());
    }
}
