//! One walk over a file's tree, and what is kept of it.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::{FileFacts, Material, Parameter, Piece};
use crate::source::{Source, preorder};

/// Longer expressions are no material: nobody repairs by copying them.
const MAX_TEXT: usize = 80;
/// The same for whole statements.
const MAX_STATEMENT: usize = 160;

impl Material {
    pub(super) fn collect(&mut self, source: &Source) -> FileFacts {
        let mut facts = FileFacts::default();
        preorder(source.root(), |node| {
            // Annotations are no code that runs.
            if matches!(node.kind(), "type" | "comment") {
                return false;
            }
            self.visit(node, source, &mut facts);
            !matches!(node.kind(), "string" | "concatenated_string")
        });
        facts
    }

    fn visit(&mut self, node: Node<'_>, source: &Source, facts: &mut FileFacts) {
        let text = |node: Node<'_>| &source.text()[node.byte_range()];
        match node.kind() {
            "string" | "integer" | "float" => {
                let docstring = node.kind() == "string"
                    && node.parent().is_some_and(|parent| {
                        parent.kind() == "expression_statement" || parent.kind() == "concatenated_string"
                    });
                if !docstring {
                    piece(node, source, MAX_TEXT, &mut facts.literals);
                }
            }
            "block" => {
                let line = source.text()[..node.start_byte()].rfind('\n').map_or(0, |at| at + 1);
                let indent = &source.text()[line..node.start_byte()];
                let outer = node.parent().map_or(0, |parent| parent.start_position().column);
                if facts.step.is_none() && outer == 0 && !indent.is_empty() && indent.trim().is_empty() {
                    facts.step = Some(indent.to_owned());
                }
            }
            "function_definition" => self.function(node, source),
            "call" => self.call(node, source),
            "attribute" => self.attribute(node, source),
            "raise_statement" | "except_clause" => self.exception(node, source),
            "if_statement"
            | "elif_clause"
            | "while_statement"
            | "conditional_expression"
            | "if_clause"
            | "assert_statement" => {
                let condition = node
                    .child_by_field_name("condition")
                    .or_else(|| node.named_child(u32::from(node.kind() == "conditional_expression")));
                if let Some(condition) = condition {
                    parts(condition, &mut |part| piece(part, source, MAX_TEXT, &mut facts.conditions));
                }
            }
            "return_statement" => {
                if let Some(value) = node.named_child(0)
                    && matches!(value.kind(), "boolean_operator" | "comparison_operator" | "not_operator")
                {
                    parts(value, &mut |part| piece(part, source, MAX_TEXT, &mut facts.conditions));
                }
                piece(node, source, MAX_STATEMENT, &mut facts.statements);
            }
            "expression_statement" => {
                let is_text = node.named_child(0).is_none_or(|child| child.kind().ends_with("string"));
                if !is_text {
                    piece(node, source, MAX_STATEMENT, &mut facts.statements);
                }
            }
            "delete_statement" => piece(node, source, MAX_STATEMENT, &mut facts.statements),
            _ => {}
        }
        if node.kind() == "raise_statement" {
            piece(node, source, MAX_STATEMENT, &mut facts.statements);
        }
        if node.kind() == "return_statement" || text(node).len() > MAX_TEXT {
            return;
        }
        if node.kind() == "boolean_operator" && !in_condition(node) {
            parts(node, &mut |part| piece(part, source, MAX_TEXT, &mut facts.conditions));
        }
    }

    fn function(&mut self, node: Node<'_>, source: &Source) {
        let (Some(name), Some(list)) = (node.child_by_field_name("name"), node.child_by_field_name("parameters"))
        else {
            return;
        };
        let name = source.text()[name.byte_range()].to_owned();
        let in_class = node
            .parent()
            .map(|parent| if parent.kind() == "decorated_definition" { parent.parent() } else { Some(parent) })
            .and_then(|parent| parent.and_then(|parent| parent.parent()))
            .is_some_and(|parent| parent.kind() == "class_definition");
        if in_class {
            self.own.insert(name.clone(), true);
        }
        let parameters = parameters(list, source);
        let known = self.signatures.entry(name);
        known
            .and_modify(|known| {
                if known.as_ref() != parameters.as_ref() {
                    *known = None;
                }
            })
            .or_insert(parameters);
    }

    fn call(&mut self, node: Node<'_>, source: &Source) {
        let text = |node: Node<'_>| &source.text()[node.byte_range()];
        let (Some(function), Some(arguments)) =
            (node.child_by_field_name("function"), node.child_by_field_name("arguments"))
        else {
            return;
        };
        if arguments.kind() != "argument_list" {
            return;
        }
        let mut cursor = arguments.walk();
        let given: Vec<Node<'_>> =
            arguments.named_children(&mut cursor).filter(|child| child.kind() != "comment").collect();
        let name = match function.kind() {
            "identifier" => {
                if given.len() == 1
                    && !matches!(given[0].kind(), "keyword_argument" | "list_splat" | "dictionary_splat")
                {
                    *self.wrappers.entry(text(function).to_owned()).or_default() += 1;
                }
                text(function)
            }
            "attribute" => {
                let Some(name) = function.child_by_field_name("attribute") else {
                    return;
                };
                if given.is_empty() {
                    *self.methods.entry(text(name).to_owned()).or_default() += 1;
                }
                text(name)
            }
            _ => return,
        };
        for argument in given.into_iter().filter(|argument| argument.kind() == "keyword_argument") {
            if argument.byte_range().len() <= MAX_TEXT && !text(argument).contains('\n') {
                let keywords = self.keywords.entry(name.to_owned()).or_default();
                *keywords.entry(text(argument).to_owned()).or_default() += 1;
            }
        }
    }

    fn attribute(&mut self, node: Node<'_>, source: &Source) {
        let text = |node: Node<'_>| &source.text()[node.byte_range()];
        let (Some(object), Some(name)) = (node.child_by_field_name("object"), node.child_by_field_name("attribute"))
        else {
            return;
        };
        if object.byte_range().len() > MAX_TEXT {
            return;
        }
        let called = node.parent().is_some_and(|parent| parent.kind() == "call");
        let members = self.members.entry(text(object).to_owned()).or_default();
        *members.entry(text(name).to_owned()).or_default() |= called;
        if matches!(text(object), "self" | "cls") && !called {
            self.own.entry(text(name).to_owned()).or_insert(false);
        }
    }

    fn exception(&mut self, node: Node<'_>, source: &Source) {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        let end = node
            .named_child(node.named_child_count().saturating_sub(1) as u32)
            .filter(|last| last.kind() == "block")
            .map_or(node.end_byte(), |block| block.start_byte());
        preorder(node, |child| {
            let name = &source.text()[child.byte_range()];
            let looks = |suffix: &str| name.ends_with(suffix);
            if child.kind() == "identifier"
                && child.end_byte() <= end
                && name.starts_with(char::is_uppercase)
                && (looks("Error") || looks("Exception") || looks("Warning") || looks("Stop") || looks("Iteration"))
            {
                names.insert(name);
            }
            child.kind() != "block"
        });
        for name in names {
            *self.exceptions.entry(name.to_owned()).or_default() += 1;
        }
    }
}

fn piece(node: Node<'_>, source: &Source, longest: usize, out: &mut Vec<Piece>) {
    let text = &source.text()[node.byte_range()];
    if text.len() > longest || text.is_empty() || text.contains('\n') || node.has_error() {
        return;
    }
    let line = u32::try_from(node.start_position().row + 1).unwrap_or(u32::MAX);
    out.push(Piece { kind: node.kind().to_owned(), text: text.into(), line });
}

/// The sides of `and` and `or`, as deep as they go.
fn parts<'t>(node: Node<'t>, out: &mut dyn FnMut(Node<'t>)) {
    preorder(node, |child| match child.kind() {
        "boolean_operator" | "parenthesized_expression" => true,
        _ => {
            let value = child.is_named()
                && !matches!(child.kind(), "comment" | "true" | "false" | "none" | "integer" | "named_expression");
            if value {
                out(child);
            }
            false
        }
    });
}

fn in_condition(node: Node<'_>) -> bool {
    node.parent().is_some_and(|parent| {
        matches!(
            parent.kind(),
            "if_statement"
                | "elif_clause"
                | "while_statement"
                | "conditional_expression"
                | "if_clause"
                | "assert_statement"
                | "return_statement"
                | "boolean_operator"
                | "parenthesized_expression"
        )
    })
}

/// None where arguments cannot be counted: with `*rest` or `**more`.
fn parameters(list: Node<'_>, source: &Source) -> Option<Vec<Parameter>> {
    let mut out = Vec::new();
    let mut cursor = list.walk();
    for child in list.named_children(&mut cursor) {
        let (name, has_default) = match child.kind() {
            "identifier" => (Some(child), false),
            "default_parameter" | "typed_default_parameter" => (child.child_by_field_name("name"), true),
            "typed_parameter" => (child.named_child(0), false),
            "comment" | "keyword_separator" | "positional_separator" => continue,
            _ => return None,
        };
        let name = name.filter(|name| name.kind() == "identifier")?;
        let name = source.text()[name.byte_range()].to_owned();
        if !(out.is_empty() && matches!(name.as_str(), "self" | "cls")) {
            out.push(Parameter { name, has_default });
        }
    }
    Some(out)
}
