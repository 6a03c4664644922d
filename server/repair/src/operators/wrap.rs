//! A call that is missing around a value.

use super::{
    About, Edit, Edits, Operator, Place,
    boolean::short,
    place::{Use, is_atom, used_as},
};

/// Functions that turn a value into a near relation of it.
const FUNCTIONS: &[&str] =
    &["len", "int", "str", "list", "sorted", "abs", "set", "tuple", "float", "round", "reversed", "dict", "bool"];
/// Methods that do the same.
const METHODS: &[&str] =
    &["strip", "lower", "upper", "copy", "items", "keys", "values", "rstrip", "lstrip", "title", "casefold", "split"];
/// How many of each are tried around one value.
const MOST: usize = 7;

/// `name` → `name.strip()`, `x` → `abs(x)`, `xs` → `sorted(xs)`.
#[derive(Debug)]
pub struct Wrap;

impl Operator for Wrap {
    fn about(&self) -> &'static About {
        &About {
            name: "missing_call",
            doc: "A value is given the call that it lacks, such as `.strip()`, `len()` or `sorted()`; calls that the project \
                  makes elsewhere come first.",
            example: (
                "def key(name):\n    return name.strip()\n\n\ndef f(names, name):\n    return name in names\n",
                "def key(name):\n    return name.strip()\n\n\ndef f(names, name):\n    return name.strip() in names\n",
            ),
            source: "\"Add function around expression\" of PySStuBs, Kamienski et al. 2021; plastic surgery hypothesis, Barr \
                     et al. 2014; PyTER's casts, Oh and Oh 2022",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        let (functions, methods) = (choices(place, true), choices(place, false));
        for node in place.nodes() {
            let Some(usage) = used_as(node) else { continue };
            let text = place.text(node);
            if matches!(node.kind(), "list" | "string") || text.contains('\n') || matches!(text, "self" | "cls") {
                continue;
            }
            let base = match usage {
                Use::Compared | Use::Iterated | Use::Returned | Use::Assigned => 330,
                Use::Argument => 280,
                Use::Operand | Use::Element => 230,
                Use::Index | Use::Decides => 160,
            };
            let already = |call: &str| text.starts_with(&format!("{call}(")) || text.ends_with(&format!(".{call}()"));
            let mut push = |seen: bool, weight: u32, call: &str, new: String| {
                let why = format!("`{}` on {} lacks a call: `{}`", short(text), place.at(node), short(&new));
                if !already(call) {
                    edits.push(if seen { weight } else { weight / 2 }, node.byte_range(), new, why);
                }
            };
            // What is asked for its truth alone keeps it whatever it is turned into, but for these.
            let matters = |call: &str| usage != Use::Decides || matches!(call, "len" | "int" | "strip");
            for (rank, (name, seen)) in functions.iter().enumerate().filter(|(_, choice)| matters(choice.0)) {
                push(*seen, base - 8 * rank as u32, name, format!("{name}({})", unwrapped(node, text)));
            }
            for (rank, (name, seen)) in methods.iter().enumerate().filter(|(_, choice)| matters(choice.0)) {
                let receiver = if is_atom(node) { text.to_owned() } else { format!("({text})") };
                push(*seen, base - 8 * rank as u32, name, format!("{receiver}.{name}()"));
            }
        }
        edits.done()
    }
}

/// A call has parentheses of its own.
fn unwrapped<'t>(node: tree_sitter::Node<'_>, text: &'t str) -> &'t str {
    if node.kind() == "parenthesized_expression" { text[1..text.len() - 1].trim() } else { text }
}

/// What is tried: calls the project makes, the most frequent first, then the others known; whether it makes them.
fn choices<'p>(place: &Place<'p>, functions: bool) -> Vec<(&'p str, bool)> {
    let (seen, known) =
        if functions { (place.material().wrappers(), FUNCTIONS) } else { (place.material().methods(), METHODS) };
    let mut list: Vec<(&str, bool)> =
        seen.into_iter().filter(|(name, _)| known.contains(name)).map(|(name, _)| (name, true)).collect();
    let others: Vec<&str> = known.iter().copied().filter(|name| list.iter().all(|entry| entry.0 != *name)).collect();
    list.extend(others.into_iter().map(|name| (name, false)));
    list.truncate(MOST);
    list
}

#[cfg(test)]
mod tests {
    use super::super::{Operator, check::edits_of};

    #[test]
    fn seen_calls_come_before_others() {
        let edits = edits_of(&super::Wrap, "y = z.lower() == w.lower()\nu = abs(v)\n$0return xs\n");
        let mut by_weight: Vec<(u32, &str)> = edits.iter().map(|e| (e.weight, e.replacement.as_str())).collect();
        by_weight.sort_by_key(|entry| std::cmp::Reverse(entry.0));
        assert_eq!(by_weight[..2], [(330, "abs(xs)"), (330, "xs.lower()")]);
        assert!(edits.len() == 14 && edits.iter().all(|edit| edit.operator == super::Wrap.name()));
    }
}
