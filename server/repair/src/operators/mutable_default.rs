//! A default that all calls share.

use tree_sitter::Node;

use super::{About, Edit, Edits, Operator, Place, boolean::short, layout::statements_of};

/// `def f(x=[]):` → `def f(x=None):` and, at the beginning of the body, `if x is None: x = []`.
#[derive(Debug)]
pub struct MutableDefault;

impl Operator for MutableDefault {
    fn about(&self) -> &'static About {
        &About {
            name: "mutable_default",
            doc: "A list, dictionary or set as a default, which all calls share, becomes None and is made anew in the body.",
            example: (
                "def add(x, to=[]):\n    to.append(x)\n    return to\n",
                "def add(x, to=None):\n    if to is None:\n        to = []\n    to.append(x)\n    return to\n",
            ),
            source: "Pylint's dangerous-default-value (W0102), flake8-bugbear's B006",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        // From the header, and from the statements that show the fault.
        let function =
            if place.node().kind() == "function_definition" { Some(place.node()) } else { place.function_node() };
        if let Some(function) = function {
            of_function(place, function, &mut edits);
        }
        edits.done()
    }
}

fn of_function(place: &Place<'_>, function: Node<'_>, edits: &mut Edits) {
    let (Some(parameters), Some(body)) =
        (function.child_by_field_name("parameters"), function.child_by_field_name("body"))
    else {
        return;
    };
    let statements = statements_of(body);
    let docstring = |statement: &Node<'_>| {
        statement.kind() == "expression_statement"
            && statement.named_child(0).is_some_and(|text| text.kind() == "string")
    };
    let first = statements.iter().find(|statement| !docstring(statement));
    let mut cursor = parameters.walk();
    for parameter in parameters.named_children(&mut cursor) {
        let (Some(name), Some(value)) = (parameter.child_by_field_name("name"), parameter.child_by_field_name("value"))
        else {
            continue;
        };
        let mutable = matches!(value.kind(), "list" | "dictionary" | "set" | "list_comprehension")
            || (value.kind() == "call"
                && matches!(place.text(value), "set()" | "list()" | "dict()" | "defaultdict(list)"));
        let Some(first) = first.filter(|_| mutable) else { continue };
        let (name, old) = (place.text(name), place.text(value));
        let lines = [format!("if {name} is None:"), format!("{}{name} = {old}", place.step())];
        let Some((at, guard)) = place.before(*first, &lines) else { continue };
        let between = &place.source().text()[value.end_byte()..at.start];
        let why = format!(
            "the default `{}` of `{name}` on {} is shared by all calls; each should make its own",
            short(old),
            place.at(value)
        );
        edits.push(760, value.start_byte()..at.end, format!("None{between}{guard}"), why);
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check_lines;

    #[test]
    fn defaults_are_made_anew() {
        check_lines(
            &super::MutableDefault,
            "class C:\n    $0def f(self, x: dict = {}, y=1):\n        'Doc.'\n        return x\n",
            &[
                "    def f(self, x: dict = None, y=1):\n        'Doc.'\n        if x is None:\n            x = {}\n        return x\n",
            ],
        );
        check_lines(&super::MutableDefault, "$0def f(x=()): pass\n", &[]);
    }
}
