//! A field that an object does not get.

use super::{About, Edit, Edits, Operator, Place, layout::neighbours};
use crate::source::NameKind;

/// `self.size = size` for a parameter of `__init__` that nothing keeps, and `super().__init__()`.
#[derive(Debug)]
pub struct Field;

impl Operator for Field {
    fn about(&self) -> &'static About {
        &About {
            name: "missing_field",
            doc: "`__init__` keeps a parameter that it drops, gives an attribute that methods use its first value, or calls its \
                  base class.",
            example: (
                "class Box:\n    def __init__(self, size, name):\n        self.size = size\n\n    def label(self):\n        return self.name\n",
                "class Box:\n    def __init__(self, size, name):\n        self.size = size\n        self.name = name\n\n    def label(self):\n        return self.name\n",
            ),
            source: "\"Missing variable initialisation\" of the fault classes of Duraes and Madeira 2006",
        }
    }

    fn edits(&self, place: &Place<'_>) -> Vec<Edit> {
        let mut edits = Edits::of(self);
        let node = place.node();
        let Some(scope) = place.function().filter(|scope| scope.qualname.ends_with("__init__")) else {
            return Vec::new();
        };
        let Some(function) = place.function_node() else { return Vec::new() };
        let last = node.parent().is_some_and(|parent| parent.kind() == "block") && neighbours(node).1.is_none();
        let in_body = function
            .child_by_field_name("body")
            .zip(node.parent())
            .is_some_and(|(body, parent)| body.id() == parent.id());
        let Some(indent) = place.indent(node).filter(|_| last && in_body) else {
            return Vec::new();
        };
        let text = place.text(function);
        let mut push = |weight: u32, line: String, why: String| {
            if let Some((range, new)) = place.behind(node, indent, &[line]) {
                edits.push(weight, range, new, why);
            }
        };
        for name in scope
            .names
            .iter()
            .filter(|name| name.kind == NameKind::Parameter && !matches!(name.text.as_str(), "self" | "cls"))
        {
            for field in [name.text.clone(), format!("_{}", name.text)] {
                if place.material().own(&field) == Some(false) && !text.contains(&format!("self.{field} = ")) {
                    let line = format!("self.{field} = {}", name.text);
                    push(680, line, format!("after {} `self.{field}` does not get its value", place.at(node)));
                }
            }
        }
        // Attributes that some method uses and nothing here sets.
        let missing = place.material().members("self").filter(|(name, called)| {
            !called && place.material().own(name) == Some(false) && !text.contains(&format!("self.{name} "))
        });
        for (name, _) in missing.take(4) {
            for value in ["None", "[]", "{}", "0", "''"] {
                let why = format!("after {} `self.{name}` does not get its first value", place.at(node));
                push(150, format!("self.{name} = {value}"), why);
            }
        }
        let class =
            function.parent().and_then(|block| block.parent()).filter(|class| class.kind() == "class_definition");
        let has_base = class.is_some_and(|class| class.child_by_field_name("superclasses").is_some());
        if has_base && !text.contains("super()") {
            let why = format!("after {} the base class is not initialised", place.at(node));
            push(350, "super().__init__()".to_owned(), why);
        }
        edits.done()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::check_lines;

    #[test]
    fn fields_are_set() {
        check_lines(
            &super::Field,
            "class A(B):\n    def __init__(self, x):\n        $0self.y = 1\n    def f(self): return self._x + self.y\n",
            &[
                "        self.y = 1\n        self._x = x\n    def f(self): return self._x + self.y\n",
                "        self.y = 1\n        self._x = None\n    def f(self): return self._x + self.y\n",
                "        self.y = 1\n        self._x = []\n    def f(self): return self._x + self.y\n",
                "        self.y = 1\n        self._x = {}\n    def f(self): return self._x + self.y\n",
                "        self.y = 1\n        self._x = 0\n    def f(self): return self._x + self.y\n",
                "        self.y = 1\n        self._x = ''\n    def f(self): return self._x + self.y\n",
                "        self.y = 1\n        super().__init__()\n    def f(self): return self._x + self.y\n",
            ],
        );
        check_lines(&super::Field, "def f(self, x):\n    $0y = x\n", &[]);
    }
}
