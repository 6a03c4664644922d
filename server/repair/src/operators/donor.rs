//! A statement copied from a similar place and adapted.

use std::collections::BTreeMap;

use super::{About, Edit, Edits, Operator, Place, boolean::short, layout::is_simple, variable::likeness};
use crate::{
    material::Piece,
    source::{NameKind, words},
};

/// Statements that are tried before and instead of one.
const MAX_DONORS: usize = 8;

/// Copies simple statements from near by, with names that are not known here replaced by ones that are, before a statement,
/// behind it and in its place.
#[derive(Debug)]
pub struct Donor;

impl Operator for Donor {
    fn about(&self) -> &'static About {
        &About {
            name: "copied_statement",
            doc: "A simple statement from a similar place is copied before, behind or in place of another one; names that are not \
                  known there are replaced by ones that are.",
            example: (
                "def low(xs):\n    xs = list(xs)\n    xs.sort()\n    return xs[0]\n\n\ndef high(ys):\n    ys = list(ys)\n    return ys[-1]\n",
                "def low(xs):\n    xs = list(xs)\n    xs.sort()\n    return xs[0]\n\n\ndef high(ys):\n    ys = list(ys)\n    ys.sort()\n    return ys[-1]\n",
            ),
            source: "GenProg, Le Goues et al. 2012; plastic surgery hypothesis, Barr et al. 2014; adapted as in CapGen, Wen et al. \
                     2018, and ssFix, Xin and Reiss 2017",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        let node = place.node();
        let Some(indent) = place.indent(node).filter(|_| place.function().is_some()) else {
            return Vec::new();
        };
        if matches!(
            node.kind(),
            "elif_clause" | "except_clause" | "case_clause" | "import_statement" | "import_from_statement"
        ) {
            return Vec::new();
        }
        let own = place.text(node);
        let simple = is_simple(node);
        let in_block = node.parent().is_some_and(|parent| parent.kind() == "block");
        let mut donors: Vec<(u32, String)> = Vec::new();
        let pieces = place.near(|facts| &facts.statements, 3 * MAX_DONORS, |piece| &*piece.text != own);
        for (rank, piece) in pieces.iter().enumerate() {
            if let Some(text) =
                adapted(place, piece).filter(|text| text != own && donors.iter().all(|known| known.1 != *text))
            {
                let like = if simple { likeness(own, &text) } else { 0 };
                donors.push((like.saturating_sub(4 * rank as u32), text));
            }
        }
        donors.truncate(MAX_DONORS);
        for (like, text) in donors {
            let jump = text.starts_with("return") || text.starts_with("raise");
            let at = place.at(node);
            if in_block && !jump {
                let line = [text.clone()];
                if let Some((range, new)) = place.before(node, &line) {
                    edits.push(180 + like / 4, range, new, format!("before {at} `{}` is missing", short(&text)));
                }
                if let Some((range, new)) = place.behind(node, indent, &line).filter(|_| simple && !leaves(node.kind()))
                {
                    edits.push(160 + like / 4, range, new, format!("after {at} `{}` is missing", short(&text)));
                }
            }
            if simple && like > 30 {
                let why = format!("`{}` on {at} should be `{}`", short(own), short(&text));
                edits.push(140 + like, node.byte_range(), text, why);
            }
        }
        edits.done()
    }
}

fn leaves(kind: &str) -> bool {
    matches!(kind, "return_statement" | "raise_statement" | "break_statement" | "continue_statement")
}

/// The statement with every variable that is not known here replaced by one that is, the most alike that no other took;
/// none where there are not enough of them, or more than two would be replaced.
fn adapted(place: &Place<'_>, piece: &Piece) -> Option<String> {
    let visible = place.values_at(place.node());
    let scopes = place.source().scopes();
    let global = |name: &str| scopes[0].names.iter().any(|known| known.text == name);
    let mut renamed: BTreeMap<&str, &str> = BTreeMap::new();
    let assigned = piece.text.split_once(" = ").map(|(left, _)| left.trim());
    let mut out = String::with_capacity(piece.text.len());
    let mut before = ' ';
    for word in words(&piece.text) {
        let name = word.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
        let known = !name
            || before == '.'
            || matches!(word, "self" | "cls")
            || crate::source::is_reserved(word)
            || visible.iter().any(|value| value.text == word)
            || global(word)
            || assigned == Some(word);
        if known {
            out.push_str(word);
        } else {
            let new = match renamed.get(word) {
                Some(new) => new,
                None => {
                    let free = visible.iter().filter(|value| {
                        value.kind != NameKind::Global && renamed.values().all(|taken| *taken != value.text)
                    });
                    let best = free.max_by_key(|value| (likeness(word, &value.text), std::cmp::Reverse(value.at)))?;
                    renamed.insert(word, &best.text);
                    best.text.as_str()
                }
            };
            out.push_str(new);
        }
        if let Some(last) = word.chars().last().filter(|c| !c.is_whitespace()) {
            before = last;
        }
    }
    let in_class = place.source().scopes()[place.statement().scope].qualname.contains('.');
    let fits =
        renamed.len() <= 2 && (in_class || !out.contains("self.")) && !out.contains("yield") && !out.contains("await ");
    fits.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::super::check::edits_of;

    #[test]
    fn copies_are_adapted() {
        let text = "def g(items):\n    items.sort()\n    return items\ndef f(item, n):\n    $0return item[n]\n";
        let edits = edits_of(&super::Donor, text);
        assert!(edits.iter().any(|edit| edit.replacement == "item.sort()\n    "), "{edits:?}");
        assert!(edits.iter().any(|edit| edit.replacement == "return item"), "{edits:?}");
    }
}
