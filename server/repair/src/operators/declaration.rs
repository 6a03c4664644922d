//! A name that is assigned in the wrong scope.

use std::collections::BTreeSet;

use super::{About, Edit, Edits, Operator, Place};
use crate::source::{NameKind, ScopeKind};

/// Puts `nonlocal name` or `global name` at the beginning of a function that assigns a name of a scope around it.
#[derive(Debug)]
pub struct Declaration;

impl Operator for Declaration {
    fn about(&self) -> &'static About {
        &About {
            name: "declaration",
            doc: "A function that assigns a name of a scope around it declares it `nonlocal` or `global`.",
            example: (
                "def counter():\n    count = 0\n\n    def step():\n        count += 1\n        return count\n\n    return step\n",
                "def counter():\n    count = 0\n\n    def step():\n        nonlocal count\n        count += 1\n        return count\n\n    return step\n",
            ),
            source: "Python's own UnboundLocalError; Pylint's used-before-assignment (E0601)",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        let Some(scope) = place.function() else { return Vec::new() };
        let node = place.node();
        let first = place
            .function_node()
            .and_then(|function| function.child_by_field_name("body"))
            .and_then(|body| super::layout::statements_of(body).into_iter().next())
            .is_some_and(|first| first.id() == node.id());
        if !first || scope.names.iter().any(|name| name.text == "nonlocal") {
            return Vec::new();
        }
        let parameters: BTreeSet<&str> =
            scope.names.iter().filter(|name| name.kind == NameKind::Parameter).map(|name| name.text.as_str()).collect();
        let own: BTreeSet<&str> = scope
            .names
            .iter()
            .filter(|name| name.kind == NameKind::Local && !parameters.contains(name.text.as_str()))
            .map(|name| name.text.as_str())
            .collect();
        let mut around = scope.parent;
        while let Some(index) = around {
            let outer = &place.source().scopes()[index];
            let word = match outer.kind {
                ScopeKind::Module => "global",
                ScopeKind::Function => "nonlocal",
                ScopeKind::Class => {
                    around = outer.parent;
                    continue;
                }
            };
            let found: BTreeSet<&str> = outer
                .names
                .iter()
                .filter(|name| name.kind.is_value() && own.contains(name.text.as_str()))
                .map(|name| name.text.as_str())
                .collect();
            for name in found {
                let line = format!("{word} {name}");
                let why = format!(
                    "`{name}`, assigned in the function on {}, should be the one around it: `{line}`",
                    place.at(node)
                );
                if let Some((range, new)) = place.before(node, &[line]) {
                    edits.push(520, range, new, why);
                }
            }
            around = outer.parent;
        }
        edits.done()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check_lines;

    #[test]
    fn names_of_scopes_around_are_declared() {
        check_lines(
            &super::Declaration,
            "N = 0\ndef f(x):\n    $0N = x\n    x = 2\n",
            &["    global N\n    N = x\n    x = 2\n"],
        );
        check_lines(&super::Declaration, "N = 0\ndef f(x):\n    x = N\n    $0M = 1\n", &[]);
    }
}
