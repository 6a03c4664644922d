//! Something that is done once and should be done again, or the other way round.

use super::{About, Edit, Edits, Operator, Place, boolean::short, layout::statements_of};

/// `if c:` ↔ `while c:`; `while c:` → `while True:`; `for x in xs:` over `enumerate`, `zip` and `range` with other beginnings.
#[derive(Debug)]
pub struct LoopKind;

impl Operator for LoopKind {
    fn about(&self) -> &'static About {
        &About {
            name: "loop",
            doc: "An `if` becomes a `while` or a `while` an `if`; `enumerate` counts from one.",
            example: (
                "def f(n):\n    count = 0\n    if n > 1:\n        n //= 2\n        count += 1\n    return count\n",
                "def f(n):\n    count = 0\n    while n > 1:\n        n //= 2\n        count += 1\n    return count\n",
            ),
            source: "Loop faults of student programs: Refactory, Hu et al. 2019; one or zero iteration loop (OIL, ZIL) of MutPy",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        let node = place.node();
        let start = node.start_byte();
        match node.kind() {
            "if_statement" if node.child_by_field_name("alternative").is_none() && place.function().is_some() => {
                let condition = node.child_by_field_name("condition").map_or("", |condition| place.text(condition));
                let why = format!("`if {}` on {} should be a loop: `while`", short(condition), place.at(node));
                let body = node.child_by_field_name("consequence").map(statements_of).unwrap_or_default();
                let leaves =
                    body.last().is_some_and(|last| matches!(last.kind(), "return_statement" | "raise_statement"));
                edits.push(if leaves { 60 } else { 380 }, start..start + 2, "while", why);
            }
            "while_statement" => {
                let Some(condition) = node.child_by_field_name("condition") else { return Vec::new() };
                let text = place.text(condition);
                let body = node.child_by_field_name("body").map_or("", |body| place.text(body));
                let jumps = body.contains("break") || body.contains("continue");
                if !jumps && node.child_by_field_name("alternative").is_none() {
                    let why = format!("`while {}` on {} should be done once: `if`", short(text), place.at(node));
                    edits.push(420, start..start + 5, "if", why);
                }
                if text != "True" && (body.contains("break") || body.contains("return")) {
                    let why = format!("the loop on {} should be left from within only: `while True`", place.at(node));
                    edits.push(300, condition.byte_range(), "True", why);
                }
            }
            _ => {}
        }
        for call in place.of_kind("call") {
            let Some((name, list)) = super::place::called(call) else { continue };
            if place.text(name) == "enumerate" && list.named_child_count() == 1 {
                let why = format!("`enumerate` on {} should count from one", place.at(name));
                let end = list.end_byte() - 1;
                edits.push(560, end..end, ", 1", why);
            }
        }
        edits.done()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check;

    #[test]
    fn loops_come_and_go() {
        check(&super::LoopKind, "def f(x):\n    $0if x:\n        x -= 1\n", &["while x:"]);
        check(&super::LoopKind, "$0while x:\n    x -= 1\n", &["if x:"]);
        check(&super::LoopKind, "$0while x:\n    break\n", &["while True:"]);
        check(&super::LoopKind, "$0for i, x in enumerate(y): pass\n", &["for i, x in enumerate(y, 1):"]);
    }
}
