//! A variable that is not brought up to date.

use super::{
    About, Edit, Edits, Operator, Place,
    boolean::short,
    layout::{neighbours, statements_of},
    place::names_read,
};
use crate::source::NameKind;

/// Puts `i += 1`, `total += x` or `xs.append(x)` behind a statement, at the end of a loop's body or of a branch in it.
#[derive(Debug)]
pub struct Update;

impl Operator for Update {
    fn about(&self) -> &'static About {
        &About {
            name: "missing_update",
            doc: "A statement that brings a variable up to date is put at the end of a body: a step of a counter, another term \
                  of a sum, another element of a list.",
            example: (
                "def f(xs):\n    i = 0\n    while i < len(xs):\n        print(xs[i])\n    return i\n",
                "def f(xs):\n    i = 0\n    while i < len(xs):\n        print(xs[i])\n        i += 1\n    return i\n",
            ),
            source: "\"Insert missed statement\" of TBar, Liu et al. 2019; \"missing assignment\" of the fault classes of Duraes \
                     and Madeira 2006",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        let node = place.node();
        let (Some(function), Some(around)) = (place.function_node(), place.loop_around()) else {
            return Vec::new();
        };
        let Some(block) = node.parent().filter(|parent| parent.kind() == "block") else {
            return Vec::new();
        };
        let last =
            neighbours(node).1.is_none() && statements_of(block).last().is_some_and(|last| last.id() == node.id());
        let jumps =
            matches!(node.kind(), "return_statement" | "raise_statement" | "break_statement" | "continue_statement");
        let Some(indent) = place.indent(node).filter(|_| last && !jumps && place.statement().kind != "elif_clause")
        else {
            return Vec::new();
        };
        let text = place.source().text();
        let body = around.child_by_field_name("body").map_or("", |body| place.text(body));
        let condition = around.child_by_field_name("condition");
        let decisive = condition.map(|condition| names_read(condition, text)).unwrap_or_default();
        let items = around.child_by_field_name("left").map(|left| place.text(left)).unwrap_or_default();
        let mut push = |weight: u32, line: String| {
            let Some((range, new)) = place.behind(node, indent, std::slice::from_ref(&line)) else {
                return;
            };
            let why = format!("after {} the update `{}` is missing", place.at(node), short(&line));
            edits.push(weight, range, new, why);
        };
        let assigned = |name: &str| {
            [" = ", " += ", " -= ", " *= ", " //= "].iter().any(|sign| body.contains(&format!("{name}{sign}")))
        };
        for value in place
            .values_at(node)
            .iter()
            .filter(|value| value.kind == NameKind::Local || value.kind == NameKind::Parameter)
            .take(10)
        {
            let name = value.text.as_str();
            let decides = decisive.contains(&name);
            let item = names_of(items).any(|part| part == name);
            if item {
                continue;
            }
            let stale = if assigned(name) { 0 } else { 120 };
            let weight = if decides { 420 } else { 120 } + stale;
            push(weight, format!("{name} += 1"));
            push(weight - 10, format!("{name} -= 1"));
            let kept = place.text(function);
            if kept.contains(&format!("{name} = []")) {
                for part in names_of(items).take(2) {
                    push(300, format!("{name}.append({part})"));
                }
            }
            if !decides && value.kind == NameKind::Local {
                for part in names_of(items).take(2) {
                    push(110 + stale, format!("{name} = {part}"));
                    push(100 + stale, format!("{name} += {part}"));
                }
            }
            // What stands for the one before.
            if decides {
                for other in place.values_at(node).iter().filter(|other| other.text != name).take(3) {
                    push(170 + stale, format!("{name} = {}", other.text));
                }
            }
        }
        edits.done()
    }
}

/// The names of `i, (a, b)`.
fn names_of(targets: &str) -> impl Iterator<Item = &str> {
    targets.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|name| {
        !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().any(|c| c != '_')
    })
}

#[cfg(test)]
mod tests {
    use super::super::check::edits_of;

    #[test]
    fn updates_are_added_in_loops() {
        let text = "def f(xs):\n    out = []\n    for x in xs:\n        $0print(x)\n    return out\n";
        let edits = edits_of(&super::Update, text);
        assert!(edits.iter().any(|edit| edit.replacement == "\n        out.append(x)"), "{edits:?}");
        assert!(edits_of(&super::Update, "def f(x):\n    $0print(x)\n").is_empty());
    }
}
