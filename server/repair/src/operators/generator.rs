//! What a generator gives: one value, each of several, or the end.

use super::{About, Edit, Edits, Operator, Place, boolean::short, guard::is_generator};

/// `yield x` ↔ `yield from x` ↔ `return x`.
#[derive(Debug)]
pub struct Generator;

impl Operator for Generator {
    fn about(&self) -> &'static About {
        &About {
            name: "generator",
            doc: "`yield`, `yield from` and `return` are swapped, and a generator is called for all its values.",
            example: (
                "def flatten(xs):\n    for x in xs:\n        if isinstance(x, list):\n            yield flatten(x)\n        else:\n            yield x\n",
                "def flatten(xs):\n    for x in xs:\n        if isinstance(x, list):\n            yield from flatten(x)\n        else:\n            yield x\n",
            ),
            source: "QuixBugs' FLATTEN, Lin et al. 2017; PEP 380, on what `yield from` is taken for",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        let node = place.node();
        let Some(function) = place.function_node() else { return Vec::new() };
        // In an asynchronous function neither `yield from` nor a returned value can stand.
        if place.text(function).starts_with("async") {
            return Vec::new();
        }
        let generator = is_generator(function);
        for found in place.of_kind("yield") {
            let statement = found.parent().is_some_and(|parent| parent.kind() == "expression_statement");
            let Some(value) = found.named_child(0) else { continue };
            let (text, at) = (place.text(value), place.at(found));
            let from =
                place.text(found).strip_prefix("yield").is_some_and(|rest| rest.trim_start().starts_with("from"));
            let mut push = |weight: u32, new: String| {
                let why = format!("`{}` on {at} should be `{}`", short(place.text(found)), short(&new));
                edits.push(weight, found.byte_range(), new, why);
            };
            if from {
                push(700, format!("yield {text}"));
            } else if value.kind() != "expression_list" {
                push(700, format!("yield from {text}"));
            }
            if statement {
                push(380, format!("return {text}"));
            }
        }
        if node.kind() == "return_statement"
            && let Some(value) = node.named_child(0)
        {
            let text = place.text(value);
            let weight = if generator { 620 } else { 110 };
            let why =
                |new: &str| format!("`{}` on {} should be `{}`", short(place.text(node)), place.at(node), short(new));
            let new = format!("yield {text}");
            edits.push(weight, node.byte_range(), new.clone(), why(&new));
            if value.kind() != "expression_list" {
                let new = format!("yield from {text}");
                edits.push(weight - 40, node.byte_range(), new.clone(), why(&new));
            }
        }
        // A generator's own call without `for` or `yield from` does nothing.
        let alone = node.named_child(0).filter(|child| node.kind() == "expression_statement" && child.kind() == "call");
        if let Some(call) = alone.filter(|_| generator) {
            let new = format!("yield from {}", place.text(call));
            let why = format!(
                "the values of `{}` on {} are thrown away: `yield from`",
                short(place.text(call)),
                place.at(node)
            );
            edits.push(560, call.byte_range(), new, why);
        }
        edits.done()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn values_are_given_another_way() {
        check(&super::Generator, "def f(x):\n    $0yield x\n", &["yield from x", "return x"]);
        check(&super::Generator, "def f(x):\n    yield 1\n    $0f(x)\n", &["yield from f(x)"]);
        check(&super::Generator, "def f(x):\n    y = yield from x\n    $0return x, y\n", &["yield x, y"]);
        check(&super::Generator, "async def f(x):\n    $0yield x\n", &[]);
    }
}
