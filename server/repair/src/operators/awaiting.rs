//! Something that is not waited for.

use super::{About, Edit, Edits, Operator, Place, boolean::short};

/// `f(x)` ↔ `await f(x)` in asynchronous functions.
#[derive(Debug)]
pub struct Awaiting;

impl Operator for Awaiting {
    fn about(&self) -> &'static About {
        &About {
            name: "await",
            doc: "A call in an asynchronous function is awaited, or no longer awaited.",
            example: (
                "async def load(x):\n    return x\n\n\nasync def f(x):\n    return load(x)\n",
                "async def load(x):\n    return x\n\n\nasync def f(x):\n    return await load(x)\n",
            ),
            source: "CPython's RuntimeWarning \"coroutine was never awaited\"; Pylint's not-async-context-manager family",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        if place.function_node().is_none_or(|function| !place.text(function).starts_with("async")) {
            return Vec::new();
        }
        for node in place.nodes() {
            let text = place.text(node);
            let inner = node.parent().is_some_and(|parent| matches!(parent.kind(), "lambda" | "await"));
            match node.kind() {
                "await" => {
                    if let Some(value) = node.named_child(0) {
                        let why = format!("`{}` on {} should not be awaited", short(place.text(value)), place.at(node));
                        edits.push(300, node.byte_range(), place.text(value), why);
                    }
                }
                "call" if !inner => {
                    let name = super::place::called(node).map_or("", |(name, _)| place.text(name));
                    let own = place.source().text().contains(&format!("async def {name}("));
                    let tight =
                        node.parent().is_some_and(|parent| matches!(parent.kind(), "attribute" | "subscript" | "call"));
                    let new = if tight { format!("(await {text})") } else { format!("await {text}") };
                    let why = format!("`{}` on {} should be awaited", short(text), place.at(node));
                    edits.push(if own { 760 } else { 200 }, node.byte_range(), new, why);
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
    fn calls_are_awaited() {
        check(&super::Awaiting, "async def f(x):\n    $0return f(x).y\n", &["return (await f(x)).y"]);
        check(&super::Awaiting, "async def f(x):\n    $0await x\n", &["x"]);
        check(&super::Awaiting, "def f(x):\n    $0return f(x)\n", &[]);
    }
}
