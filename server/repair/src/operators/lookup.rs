//! Looking something up that may not be there.

use super::{
    About, Edit, Edits, Operator, Place,
    boolean::short,
    place::{called, elements_of, is_positional, is_read},
};

/// `d[k]` → `d.get(k)`, `d.get(k, 0)`; `d.get(k)` → `d[k]`, `d.get(k, [])`; `k in d` → `k in d.values()`.
#[derive(Debug)]
pub struct Lookup;

impl Operator for Lookup {
    fn about(&self) -> &'static About {
        &About {
            name: "lookup",
            doc: "What may be missing is looked up with a default, or without one.",
            example: (
                "def count(words):\n    seen = {}\n    for word in words:\n        seen[word] = seen[word] + 1\n    return seen\n",
                "def count(words):\n    seen = {}\n    for word in words:\n        seen[word] = seen.get(word, 0) + 1\n    return seen\n",
            ),
            source: "PyTER, Oh and Oh 2022; \"wrong function name\" and \"less specific call\" of PySStuBs, Kamienski et al. 2021",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        for node in place.nodes() {
            let at = place.at(node);
            let mut push = |weight: u32, new: String| {
                let why = format!("`{}` on {at} should be `{}`", short(place.text(node)), short(&new));
                edits.push(weight, node.byte_range(), new, why);
            };
            match node.kind() {
                "subscript" if is_read(node) && node.named_child_count() == 2 => {
                    let (Some(value), Some(key)) =
                        (node.child_by_field_name("value"), node.child_by_field_name("subscript"))
                    else {
                        continue;
                    };
                    let (value, text) = (place.text(value), place.text(key));
                    // A number is an index more often than a key.
                    if matches!(key.kind(), "slice" | "integer" | "unary_operator" | "tuple") || text.contains('\n') {
                        continue;
                    }
                    let weight = if key.kind() == "string" { 330 } else { 280 };
                    push(weight, format!("{value}.get({text})"));
                    for (rank, default) in ["0", "[]", "''", text, "{}"].iter().enumerate() {
                        push(weight - 30 - 20 * rank as u32, format!("{value}.get({text}, {default})"));
                    }
                }
                "call" => {
                    let Some((name, list)) = called(node) else { continue };
                    let object = node
                        .child_by_field_name("function")
                        .and_then(|function| function.child_by_field_name("object"));
                    let given = elements_of(list);
                    let Some(object) =
                        object.filter(|_| matches!(place.text(name), "get" | "pop" | "setdefault" | "next"))
                    else {
                        continue;
                    };
                    let (object, plain) = (place.text(object), given.iter().all(|argument| is_positional(*argument)));
                    if !plain || place.text(name) == "next" {
                        continue;
                    }
                    if let [key] = given[..] {
                        if place.text(name) == "get" {
                            push(420, format!("{object}[{}]", place.text(key)));
                        }
                        for (rank, default) in ["0", "''", "[]", "None", "{}", "False"].iter().enumerate() {
                            push(
                                360 - 20 * rank as u32,
                                format!("{object}.{}({}, {default})", place.text(name), place.text(key)),
                            );
                        }
                    }
                    if let [key, _] = given[..]
                        && place.text(name) == "get"
                    {
                        push(200, format!("{object}[{}]", place.text(key)));
                    }
                }
                "comparison_operator" if node.child_count() == 3 => {
                    let (Some(left), Some(sign), Some(right)) = (node.child(0), node.child(1), node.child(2)) else {
                        continue;
                    };
                    if matches!(sign.kind(), "in" | "not in") && matches!(right.kind(), "identifier" | "attribute") {
                        let new = format!("{} {} {}.values()", place.text(left), place.text(sign), place.text(right));
                        push(180, new);
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
    use super::super::check::{check, edits_of};

    #[test]
    fn look_ups_get_and_lose_defaults() {
        let edits = edits_of(&super::Lookup, "$0x = d['k']\n");
        assert_eq!(edits[0].replacement, "d.get('k')");
        let edits = edits_of(&super::Lookup, "$0x = d.get(k)\n");
        assert_eq!((edits[0].replacement.as_str(), edits[1].replacement.as_str()), ("d[k]", "d.get(k, 0)"));
        check(&super::Lookup, "$0x = xs[0]\n", &[]);
        check(&super::Lookup, "$0d[k] = 1\n", &[]);
    }
}
