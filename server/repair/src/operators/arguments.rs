//! The arguments of a call: swapped, one too few, one too many, under the wrong keyword.

use tree_sitter::Node;

use super::{
    About, Edit, Edits, Operator, Place,
    boolean::short,
    place::{called, elements_of, is_positional},
};

/// How many names are tried for a missing argument that no parameter names.
const MAX_NAMES: usize = 4;
/// Keyword arguments seen elsewhere that are tried.
const MAX_KEYWORDS: usize = 4;

/// `f(a, b)` → `f(b, a)`, `f(a)`; `f(a)` → `f(a, b)`, `f(a, key=value)`.
#[derive(Debug)]
pub struct Arguments;

impl Operator for Arguments {
    fn about(&self) -> &'static About {
        &About {
            name: "arguments",
            doc: "Arguments of a call are swapped, added or dropped; names come from the scope, from the parameters of \
                  the called function and from other calls of it.",
            example: (
                "def area(width, height=1):\n    return width * height\n\n\ndef f(width, height):\n    return area(width)\n",
                "def area(width, height=1):\n    return width * height\n\n\ndef f(width, height):\n    return area(width, height)\n",
            ),
            source: "Parameter adder, remover and replacer of PAR, Kim et al. 2013; \"swap arguments\" and \"more, less \
                     specific call\" of ManySStuBs4J, Karampatsis and Sutton 2020; DeepBugs, Pradel and Sen 2018",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        for call in place.of_kind("call") {
            let Some((name, list)) = called(call) else {
                continue;
            };
            let given = elements_of(list);
            swaps(place, &given, &mut edits);
            drops(place, &given, &mut edits);
            additions(place, name, list, &given, &mut edits);
            keywords(place, &given, &mut edits);
        }
        edits.done()
    }
}

fn swaps(place: &Place<'_>, given: &[Node<'_>], edits: &mut Edits) {
    for (index, left) in given.iter().enumerate() {
        for right in &given[index + 1..] {
            if !is_positional(*left) || !is_positional(*right) || place.text(*left) == place.text(*right) {
                continue;
            }
            let (one, other) = (place.text(*left), place.text(*right));
            let between = &place.source().text()[left.end_byte()..right.start_byte()];
            let why = format!(
                "the arguments `{}` and `{}` on {} are the wrong way round",
                short(one),
                short(other),
                place.at(*left)
            );
            edits.push(480, left.start_byte()..right.end_byte(), format!("{other}{between}{one}"), why);
        }
    }
}

fn drops(place: &Place<'_>, given: &[Node<'_>], edits: &mut Edits) {
    for (index, argument) in given.iter().enumerate() {
        let last = index + 1 == given.len();
        let splat = matches!(argument.kind(), "list_splat" | "dictionary_splat" | "generator_expression");
        if splat || !(last || argument.kind() == "keyword_argument") {
            continue;
        }
        let range = match (index.checked_sub(1), given.get(index + 1)) {
            (Some(before), _) => given[before].end_byte()..argument.end_byte(),
            (None, Some(after)) => argument.start_byte()..after.start_byte(),
            (None, None) => argument.byte_range(),
        };
        let why =
            format!("the argument `{}` on {} should not be given", short(place.text(*argument)), place.at(*argument));
        edits.push(if argument.kind() == "keyword_argument" { 280 } else { 220 }, range, "", why);
    }
}

fn additions(place: &Place<'_>, name: Node<'_>, list: Node<'_>, given: &[Node<'_>], edits: &mut Edits) {
    let splat = |n: &Node<'_>| matches!(n.kind(), "list_splat" | "dictionary_splat" | "generator_expression");
    if given.iter().any(splat) || place.text(list).ends_with(",)") {
        return;
    }
    let end = list.end_byte() - 1;
    let at = given.last().map_or(end, |last| last.end_byte());
    let comma = if given.is_empty() { "" } else { ", " };
    let has = |key: &str| {
        given.iter().any(|n| {
            n.kind() == "keyword_argument" && n.child_by_field_name("name").is_some_and(|k| place.text(k) == key)
        })
    };
    let why = |new: &str| format!("`{}` on {} lacks the argument `{}`", place.text(name), place.at(name), short(new));
    let positional = given.iter().filter(|argument| is_positional(**argument)).count();
    let by_place = positional == given.len();
    let visible = place.values_at(list);
    if let Some(parameters) = place.material().signature(place.text(name)) {
        for (index, parameter) in parameters.iter().enumerate().skip(positional) {
            let known = visible.iter().any(|value| value.text == parameter.name);
            if has(&parameter.name) || !known {
                continue;
            }
            let new = if by_place && index == positional {
                parameter.name.clone()
            } else {
                format!("{0}={0}", parameter.name)
            };
            edits.push(520, at..at, format!("{comma}{new}"), why(&new));
        }
        if by_place && positional < parameters.len() {
            let next = &parameters[positional];
            for value in visible.iter().filter(|value| value.text != next.name).take(MAX_NAMES) {
                let weight = if next.has_default { 120 } else { 260 };
                edits.push(weight, at..at, format!("{comma}{}", value.text), why(&value.text));
            }
        }
    }
    for (new, _) in place.material().keywords(place.text(name)).into_iter().take(MAX_KEYWORDS) {
        let key = new.split('=').next().unwrap_or(new).trim();
        if !has(key) {
            edits.push(330, at..at, format!("{comma}{new}"), why(new));
        }
    }
}

/// `f(width=height)` → `f(width=width)`.
fn keywords(place: &Place<'_>, given: &[Node<'_>], edits: &mut Edits) {
    for argument in given.iter().filter(|argument| argument.kind() == "keyword_argument") {
        let (Some(key), Some(value)) = (argument.child_by_field_name("name"), argument.child_by_field_name("value"))
        else {
            continue;
        };
        let key = place.text(key);
        if place.text(value) != key && place.values_at(value).iter().any(|name| name.text == key) {
            let why = format!("the argument `{key}` on {} should be the variable of that name", place.at(value));
            edits.push(560, value.byte_range(), key, why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn arguments_are_swapped_added_and_dropped() {
        check(&super::Arguments, "$0x = f(a, b)\n", &["x = f(b, a)", "x = f(a)"]);
        check(&super::Arguments, "$0x = f(*a)\n", &[]);
        check(
            &super::Arguments,
            "def g(a, b, key=1): pass\ndef f(b, key):\n    $0return g(b, key=b)\n",
            &["return g(b)", "return g(b, key=b, b=b)", "return g(b, key=key)"],
        );
        check(
            &super::Arguments,
            "y = open(p, encoding='utf-8')\n$0x = open(p)\n",
            &["x = open()", "x = open(p, encoding='utf-8')"],
        );
    }
}
