//! A part of a sequence: another end, another step, the whole, or only a part.

use tree_sitter::Node;

use super::{
    About, Edit, Edits, Operator, Place,
    boolean::short,
    place::{Use, is_atom, used_as},
};

/// `xs[a:b]` → `xs[:b]`, `xs[a:]`, `xs[b:a]`, `xs[a:b + 1]`; `xs` → `xs[1:]`, `xs[:-1]`, `xs[::-1]`, `xs[:]`.
#[derive(Debug)]
pub struct Slice;

impl Operator for Slice {
    fn about(&self) -> &'static About {
        &About {
            name: "slice",
            doc: "A slice loses, gains or moves a bound or takes another step; a sequence is used without its first or last \
                  element, backwards or as a copy.",
            example: (
                "def f(word):\n    return word[1:-1] == word\n",
                "def f(word):\n    return word[1:-1] == word[::-1]\n",
            ),
            source: "Slice index removal (SIR) of MutPy; off-by-one faults of QuixBugs, Lin et al. 2017",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        for node in place.nodes() {
            if node.kind() == "slice" {
                bounds(place, node, &mut edits);
            }
            if let Some(usage) = used_as(node) {
                parts(place, node, usage, &mut edits);
            }
        }
        edits.done()
    }
}

fn bounds(place: &Place<'_>, node: Node<'_>, edits: &mut Edits) {
    // Bounds by their colons: `a:b:c`.
    let mut cursor = node.walk();
    let mut bounds: [&str; 3] = ["", "", ""];
    let mut colons = 0;
    for child in node.children(&mut cursor) {
        match child.kind() {
            ":" => colons += 1,
            "comment" => {}
            _ => bounds[colons.min(2)] = place.text(child),
        }
    }
    let [from, to, step] = bounds;
    let mut push = |weight: u32, from: &str, to: &str, step: &str| {
        let new = if step.is_empty() { format!("{from}:{to}") } else { format!("{from}:{to}:{step}") };
        if new != place.text(node) {
            let why =
                format!("the slice `{}` on {} should be `{}`", short(place.text(node)), place.at(node), short(&new));
            edits.push(weight, node.byte_range(), new, why);
        }
    };
    if !from.is_empty() {
        push(430, "", to, step);
    } else {
        push(430, "1", to, step);
    }
    if !to.is_empty() {
        push(430, from, "", step);
    } else {
        push(430, from, "-1", step);
        // `xs[n:]` for `xs[:n]` and the other way round.
        push(520, "", from, step);
    }
    if from.is_empty() && !to.is_empty() {
        push(520, to, "", step);
    }
    if !from.is_empty() && !to.is_empty() {
        push(380, to, from, step);
    }
    let steps: &[&str] = if step.is_empty() { &["-1", "2"] } else { &["", "-1", "2"] };
    for other in steps {
        push(280, from, to, other);
    }
}

fn parts(place: &Place<'_>, node: Node<'_>, usage: Use, edits: &mut Edits) {
    let text = place.text(node);
    if !matches!(node.kind(), "identifier" | "attribute" | "call" | "subscript")
        || matches!(text, "self" | "cls")
        || text.contains('\n')
        || text.ends_with(":]")
        || !is_atom(node)
    {
        return;
    }
    let weight = match usage {
        Use::Iterated | Use::Returned | Use::Argument => 250,
        Use::Assigned => 220,
        Use::Compared | Use::Operand => 190,
        _ => return,
    };
    // A number has no parts.
    if text.starts_with("len(") || text.starts_with("range(") || text.starts_with("int(") {
        return;
    }
    for (rank, part) in ["[1:]", "[:-1]", "[::-1]", "[:]", "[0]", "[-1]"].iter().enumerate() {
        let why = format!("`{}` on {} should be `{}{part}`", short(text), place.at(node), short(text));
        edits.push(weight - 12 * rank as u32, node.byte_range(), format!("{text}{part}"), why);
    }
    if let Some(inner) = (node.kind() == "subscript").then(|| node.child_by_field_name("value")).flatten() {
        let why = format!("`{}` on {} should be used as a whole", short(place.text(inner)), place.at(node));
        edits.push(230, node.byte_range(), place.text(inner), why);
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, edits_of};

    #[test]
    fn slices_change_their_bounds() {
        let slices = |text: &str| -> Vec<String> {
            edits_of(&super::Slice, text)
                .into_iter()
                .filter(|e| e.why.contains("the slice"))
                .map(|e| e.replacement)
                .collect()
        };
        assert_eq!(slices("$0x = y[a:b] + 1\n"), [":b", "a:", "b:a", "a:b:-1", "a:b:2"]);
        assert_eq!(slices("$0x = y[:n] + 1\n"), ["1:n", ":", "n:", ":n:-1", ":n:2"]);
        assert_eq!(slices("$0x = y[n:] + 1\n"), [":", "n:-1", ":n", "n::-1", "n::2"]);
    }

    #[test]
    fn sequences_lose_parts() {
        check(
            &super::Slice,
            "$0for x in xs: pass\n",
            &[
                "for x in xs[1:]:",
                "for x in xs[:-1]:",
                "for x in xs[::-1]:",
                "for x in xs[:]:",
                "for x in xs[0]:",
                "for x in xs[-1]:",
            ],
        );
        check(&super::Slice, "$0if len(x) and y: pass\n", &edits_for_len());
    }

    /// The argument of `len` has parts, its result has none.
    fn edits_for_len() -> [&'static str; 6] {
        [
            "if len(x[1:]) and y:",
            "if len(x[:-1]) and y:",
            "if len(x[::-1]) and y:",
            "if len(x[:]) and y:",
            "if len(x[0]) and y:",
            "if len(x[-1]) and y:",
        ]
    }
}
