//! An order that is the wrong way round, or by the wrong key.

use super::{
    About, Edit, Edits, Operator, Place,
    boolean::short,
    place::{called, elements_of, used_as},
};

/// `sorted(xs)` → `sorted(xs, reverse=True)`; `max(xs)` → `max(xs, key=len)`; `xs` → `reversed(xs)`.
#[derive(Debug)]
pub struct Sort;

impl Operator for Sort {
    fn about(&self) -> &'static About {
        &About {
            name: "sort",
            doc: "A sort, `min` or `max` is turned round, or given or freed of its key; a loop goes backwards.",
            example: (
                "def f(scores):\n    return sorted(scores, key=len)\n",
                "def f(scores):\n    return sorted(scores, key=len, reverse=True)\n",
            ),
            source: "\"Change keyword argument used\" and \"more specific call\" of PySStuBs, Kamienski et al. 2021; reverse \
                     iteration loop (RIL) of MutPy",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        for call in place.of_kind("call") {
            let Some((name, list)) = called(call) else { continue };
            let method = call.child_by_field_name("function").is_some_and(|function| function.kind() == "attribute");
            let word = place.text(name);
            let sorts = (word == "sort" && method) || (word == "sorted" && !method);
            if !(sorts || !method && matches!(word, "min" | "max")) {
                continue;
            }
            let given = elements_of(list);
            if given
                .iter()
                .any(|argument| argument.kind() == "dictionary_splat" || argument.kind() == "generator_expression")
            {
                continue;
            }
            let keyword = |wanted: &str| {
                given.iter().find(|argument| {
                    argument.kind() == "keyword_argument"
                        && argument.child_by_field_name("name").is_some_and(|key| place.text(key) == wanted)
                })
            };
            let at = given.last().map_or(list.end_byte() - 1, |last| last.end_byte());
            let comma = if given.is_empty() { "" } else { ", " };
            let mut add = |weight: u32, new: &str| {
                let why = format!("`{word}` on {} should go by another order: `{new}`", place.at(name));
                edits.push(weight, at..at, format!("{comma}{new}"), why);
            };
            if sorts && keyword("reverse").is_none() {
                add(640, "reverse=True");
            }
            if keyword("key").is_none() {
                for key in ["len", "str.lower", "lambda item: item[1]", "lambda item: item[0]", "abs", "str"] {
                    add(if key == "len" || key.starts_with("lambda") { 260 } else { 180 }, &format!("key={key}"));
                }
                if given.len() == 1 && matches!(word, "min" | "max") {
                    add(260, "default=0");
                    add(230, "default=None");
                }
            }
            // Several keys the other way round are `elements`' and `unary`'s; here the number of keys changes.
            if let Some(value) = keyword("key").and_then(|key| key.child_by_field_name("value"))
                && value.kind() == "lambda"
                && let Some(body) = value.child_by_field_name("body")
                && let Some(parameters) = value.child_by_field_name("parameters")
            {
                let (item, old) = (place.text(parameters), place.text(body));
                if parameters.named_child_count() == 1 && body.kind() != "tuple" {
                    for more in [item.to_owned(), format!("{item}[0]"), format!("{item}[1]")] {
                        if more != old {
                            let new = format!("({old}, {more})");
                            let why = format!(
                                "the key `{}` on {} leaves equals in any order: `{new}`",
                                short(old),
                                place.at(body)
                            );
                            edits.push(230, body.byte_range(), new.clone(), why);
                        }
                    }
                }
            }
        }
        for node in place.nodes() {
            let usage = used_as(node);
            if usage == Some(super::place::Use::Iterated)
                && !place.text(node).contains("reversed(")
                && node.kind() != "string"
            {
                let text = place.text(node);
                let plain = matches!(node.kind(), "identifier" | "attribute" | "list") || text.starts_with("range(");
                if plain {
                    let why = format!("the loop over `{}` on {} should go backwards", short(text), place.at(node));
                    edits.push(300, node.byte_range(), format!("reversed({text})"), why);
                }
            }
        }
        edits.done()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, edits_of};

    #[test]
    fn orders_are_turned() {
        let edits = edits_of(&super::Sort, "$0xs.sort()\n");
        assert_eq!(edits[0].replacement, "reverse=True");
        check(
            &super::Sort,
            "$0x = sorted(y, key=lambda p: p[1], reverse=r)\n",
            &[
                "x = sorted(y, key=lambda p: (p[1], p), reverse=r)",
                "x = sorted(y, key=lambda p: (p[1], p[0]), reverse=r)",
            ],
        );
        check(&super::Sort, "$0for x in xs: pass\n", &["for x in reversed(xs):"]);
    }
}
