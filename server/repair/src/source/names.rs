//! Which names a piece of code binds.

use tree_sitter::Node;

use super::preorder;

/// How a name came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameKind {
    Parameter,
    /// Assigned in a function.
    Local,
    /// Assigned at module or class level.
    Global,
    Function,
    Class,
    Import,
}

impl NameKind {
    /// It stands for a value rather than for something that is called or looked into.
    pub fn is_value(self) -> bool {
        matches!(self, Self::Parameter | Self::Local | Self::Global)
    }
}

/// A name bound in a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    pub text: String,
    pub kind: NameKind,
    /// Byte where it is bound; parameters count from the function's beginning.
    pub at: usize,
}

/// The names of a parameter list, annotations and defaults left out.
pub(super) fn parameters(node: Node<'_>, text: &str, out: &mut Vec<Name>) {
    preorder(node, |child| {
        match child.kind() {
            "identifier" => push(child, text, NameKind::Parameter, out),
            // Only the first child of these is the parameter; what follows is annotation or default.
            "default_parameter" | "typed_default_parameter" => {
                if let Some(name) = child.child_by_field_name("name") {
                    identifiers(name, text, NameKind::Parameter, out);
                }
                return false;
            }
            "typed_parameter" => {
                if let Some(name) = child.named_child(0) {
                    identifiers(name, text, NameKind::Parameter, out);
                }
                return false;
            }
            _ => {}
        }
        true
    });
}

/// Every name bound by `node`, a part of a statement (its body, if any, is not part of it).
pub(super) fn bindings(node: Node<'_>, text: &str, in_function: bool, out: &mut Vec<Name>) {
    let kind = if in_function { NameKind::Local } else { NameKind::Global };
    let parent = node.parent().map_or("", |parent| parent.kind());
    if matches!(parent, "import_statement" | "import_from_statement") {
        let is_module = node
            .parent()
            .and_then(|parent| parent.child_by_field_name("module_name"))
            .is_some_and(|module| module.id() == node.id());
        if !is_module {
            import(node, text, out);
        }
        return;
    }
    if parent == "for_statement" {
        let left = node
            .parent()
            .and_then(|parent| parent.child_by_field_name("left"))
            .is_some_and(|left| left.id() == node.id());
        if left {
            return targets(node, text, kind, out);
        }
    }
    if parent == "except_clause" && node.kind() == "identifier" {
        let alias = node
            .parent()
            .and_then(|parent| parent.child_by_field_name("alias"))
            .is_some_and(|alias| alias.id() == node.id());
        if alias {
            push(node, text, kind, out);
        }
        return;
    }
    preorder(node, |child| match child.kind() {
        "assignment" | "augmented_assignment" => {
            if let Some(left) = child.child_by_field_name("left") {
                targets(left, text, kind, out);
            }
            true
        }
        "as_pattern_target" => {
            targets(child, text, kind, out);
            false
        }
        "named_expression" => {
            if let Some(name) = child.child_by_field_name("name") {
                push(name, text, kind, out);
            }
            true
        }
        // They have scopes of their own.
        "lambda" | "block" | "type" => false,
        _ => true,
    });
}

fn import(node: Node<'_>, text: &str, out: &mut Vec<Name>) {
    match node.kind() {
        "aliased_import" => {
            if let Some(alias) = node.child_by_field_name("alias") {
                push(alias, text, NameKind::Import, out);
            }
        }
        // `import a.b` binds `a`.
        "dotted_name" => {
            if let Some(first) = node.named_child(0) {
                push(first, text, NameKind::Import, out);
            }
        }
        _ => {}
    }
}

/// The plain names an assignment's left side binds: `a, (b, *c)`, but neither `d.e` nor `f[g]`.
pub(crate) fn targets(node: Node<'_>, text: &str, kind: NameKind, out: &mut Vec<Name>) {
    preorder(node, |child| match child.kind() {
        "identifier" => {
            push(child, text, kind, out);
            false
        }
        "attribute" | "subscript" | "call" => false,
        _ => true,
    });
}

fn identifiers(node: Node<'_>, text: &str, kind: NameKind, out: &mut Vec<Name>) {
    preorder(node, |child| {
        if child.kind() == "identifier" {
            push(child, text, kind, out);
        }
        true
    });
}

fn push(node: Node<'_>, text: &str, kind: NameKind, out: &mut Vec<Name>) {
    out.push(Name { text: text[node.byte_range()].to_owned(), kind, at: node.start_byte() });
}
