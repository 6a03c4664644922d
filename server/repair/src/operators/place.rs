//! What an operator sees: one statement, its expressions, and the names it could use.

use std::{
    cell::OnceCell,
    ops::{Range, RangeInclusive},
};

use tree_sitter::Node;

use super::Edit;
use crate::{
    material::{FileFacts, Material, Piece},
    source::{Fragment, Name, NameKind, Scope, ScopeKind, Source, Statement, preorder, targets},
};

/// Names looked at for one statement: a module of tables may have thousands.
const MAX_VISIBLE: usize = 128;

/// A statement to be edited.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    source: &'a Source,
    material: &'a Material,
    statement: &'a Statement,
    /// Names of the scopes, looked up once for all operators.
    names: OnceCell<Vec<Name>>,
    node: Node<'a>,
    nodes: Vec<Node<'a>>,
}

impl<'a> Place<'a> {
    /// The place of the statement with this index; none where the tree does not have it.
    pub fn new(source: &'a Source, index: usize, material: &'a Material) -> Option<Self> {
        let statement = source.statements().get(index)?;
        let mut node = source.root().descendant_for_byte_range(statement.whole.start, statement.whole.end)?;
        // Up to the outermost node of these bytes, then down to the statement.
        while let Some(parent) = node.parent().filter(|parent| parent.byte_range() == statement.whole) {
            node = parent;
        }
        while node.kind() != statement.kind || node.byte_range() != statement.whole {
            node = descend(node, statement)?;
        }
        let mut nodes = Vec::new();
        preorder(node, |child| {
            let own = child.end_byte() <= statement.range.end || child.id() == node.id();
            // Bodies are statements of their own; annotations and patterns are not run like expressions.
            let skip = matches!(
                child.kind(),
                "block" | "type" | "type_parameter" | "comment" | "case_pattern" | "decorator" | "format_specifier"
            );
            if own && !skip {
                nodes.push(child);
            }
            own && !skip
        });
        Some(Self { source, material, statement, names: OnceCell::new(), node, nodes })
    }

    /// What the project offers.
    pub fn material(&self) -> &'a Material {
        self.material
    }

    /// The scope the statement runs in.
    pub fn scope(&self) -> &'a Scope {
        &self.source.scopes()[self.statement.scope]
    }

    /// The innermost function around the statement; none at module and class level.
    pub fn function(&self) -> Option<&'a Scope> {
        let scope = self.scope();
        (scope.kind == ScopeKind::Function).then_some(scope)
    }

    /// The definition of the innermost function around the statement.
    pub fn function_node(&self) -> Option<Node<'a>> {
        self.function()?;
        let mut node = self.node;
        while let Some(parent) = node.parent() {
            if parent.kind() == "function_definition" {
                return Some(parent);
            }
            node = parent;
        }
        None
    }

    /// The loop around the statement, within its function.
    pub fn loop_around(&self) -> Option<Node<'a>> {
        let mut node = self.node;
        while let Some(parent) = node.parent() {
            match parent.kind() {
                // The `else` of a loop is not in it.
                "for_statement" | "while_statement" if node.kind() == "block" => return Some(parent),
                "function_definition" | "class_definition" => return None,
                _ => node = parent,
            }
        }
        None
    }

    /// Lines of the function around the statement, else of the statement.
    pub fn lines_around(&self) -> RangeInclusive<u32> {
        self.function_node().map_or(self.statement.lines.clone(), |node| {
            let line = |row: usize| u32::try_from(row + 1).unwrap_or(u32::MAX);
            line(node.start_position().row)..=line(node.end_position().row)
        })
    }

    /// Pieces of this file, the nearest first.
    pub fn near(
        &self,
        list: impl Fn(&'a FileFacts) -> &'a [Piece],
        most: usize,
        wanted: impl FnMut(&Piece) -> bool,
    ) -> Vec<&'a Piece> {
        let Some(facts) = self.material.file(self.source.path()) else {
            return Vec::new();
        };
        FileFacts::nearest(list(facts), *self.statement.lines.start(), &self.lines_around(), most, wanted)
    }

    pub fn source(&self) -> &'a Source {
        self.source
    }

    pub fn statement(&self) -> &'a Statement {
        self.statement
    }

    /// The statement's own node.
    pub fn node(&self) -> Node<'a> {
        self.node
    }

    /// The nodes of the statement (of the header of a compound one), parents first, in the order of the text.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'a>> + '_ {
        self.nodes.iter().copied()
    }

    /// Those of one kind.
    pub fn of_kind<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = Node<'a>> + 's {
        self.nodes().filter(move |node| node.kind() == kind)
    }

    /// A node's text.
    pub fn text(&self, node: Node<'_>) -> &'a str {
        &self.source.text()[node.byte_range()]
    }

    /// `line 12 of pkg/mod.py`.
    pub fn at(&self, node: Node<'_>) -> String {
        format!("line {} of {}", node.start_position().row + 1, self.source.path())
    }

    /// An edit that replaces `range`.
    pub fn edit(
        &self,
        operator: &'static str,
        weight: u32,
        range: Range<usize>,
        replacement: impl Into<String>,
        why: String,
    ) -> Edit {
        Edit { range, replacement: replacement.into(), operator, weight, why }
    }

    /// The statement's text after an edit; none where that is no valid Python, as far as the grammar can tell.
    pub fn edited(&self, edit: &Edit) -> Option<String> {
        let (text, range) = (self.source.text(), &self.statement.range);
        let text = [&text[range.start..edit.range.start], &edit.replacement, &text[edit.range.end..range.end]].concat();
        Fragment::parse(self.statement, &text).map(|_| text)
    }

    /// The names that can be read at `node` and stand for values, each once: own scope first, then those around it.
    /// Locals count from where they are bound; `self`, `cls` and names made only of underscores are left out.
    pub fn values_at(&self, node: Node<'_>) -> Vec<Name> {
        let mut names: Vec<Name> = Vec::new();
        self.comprehension_names(node, &mut names);
        names.extend(self.names.get_or_init(|| self.scope_names()).iter().cloned());
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.text.clone()));
        names
    }

    /// The values visible to the whole statement.
    fn scope_names(&self) -> Vec<Name> {
        let mut names: Vec<Name> = Vec::new();
        let mut scope = Some(self.statement.scope);
        let mut own = true;
        while let Some(index) = scope {
            let current = &self.source.scopes()[index];
            // A class's names are visible in its own body only.
            if own || current.kind != ScopeKind::Class {
                names.extend(
                    current
                        .names
                        .iter()
                        .filter(|name| name.kind.is_value())
                        .filter(|name| !own || name.kind == NameKind::Parameter || name.at < self.statement.range.start)
                        .cloned(),
                );
            }
            own = false;
            scope = current.parent;
        }
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| {
            let dull = matches!(name.text.as_str(), "self" | "cls") || name.text.chars().all(|c| c == '_');
            !dull && seen.insert(name.text.clone())
        });
        names.truncate(MAX_VISIBLE);
        names
    }

    /// Names of the comprehensions around `node`, within the statement.
    fn comprehension_names(&self, node: Node<'_>, out: &mut Vec<Name>) {
        for around in self.nodes() {
            let inside = around.start_byte() <= node.start_byte() && node.end_byte() <= around.end_byte();
            if inside && (around.kind().ends_with("_comprehension") || around.kind() == "generator_expression") {
                let mut cursor = around.walk();
                for clause in around.named_children(&mut cursor) {
                    // The first iterable is evaluated outside; the names of a clause are visible after it.
                    let before = clause.end_byte() <= node.start_byte();
                    let in_body =
                        around.child_by_field_name("body").is_some_and(|body| body.end_byte() >= node.end_byte());
                    if clause.kind() == "for_in_clause"
                        && (before || in_body)
                        && let Some(left) = clause.child_by_field_name("left")
                    {
                        targets(left, self.source.text(), NameKind::Local, out);
                    }
                }
            }
        }
    }
}

/// The child that spans the statement, where the node found is a wrapper around it.
fn descend<'t>(node: Node<'t>, statement: &Statement) -> Option<Node<'t>> {
    let mut cursor = node.walk();
    node.children(&mut cursor)
        .find(|child| child.start_byte() <= statement.whole.start && child.end_byte() >= statement.whole.end)
}

/// Whether `node` is an identifier that is read: no target, name of a parameter, keyword, attribute or definition.
pub fn is_read(node: Node<'_>) -> bool {
    let mut child = node;
    while let Some(parent) = child.parent() {
        let field = |name: &str| parent.child_by_field_name(name).is_some_and(|found| found.id() == child.id());
        match parent.kind() {
            "attribute" => return field("object"),
            "subscript" | "call" | "interpolation" => return true,
            "keyword_argument" => return field("value"),
            "assignment" | "augmented_assignment" | "for_statement" | "for_in_clause" if field("left") => return false,
            "named_expression" if field("name") => return false,
            "default_parameter" | "typed_default_parameter" => return field("value"),
            "parameters"
            | "lambda_parameters"
            | "typed_parameter"
            | "list_splat_pattern"
            | "dictionary_splat_pattern"
            | "as_pattern_target"
            | "dotted_name"
            | "aliased_import"
            | "global_statement"
            | "nonlocal_statement"
            | "delete_statement" => return false,
            "function_definition" | "class_definition" if field("name") => return false,
            "except_clause" if field("alias") => return false,
            kind if kind.ends_with("_statement") || kind == "block" => return true,
            _ => child = parent,
        }
    }
    true
}

/// Whether `node` binds at least as tightly as a call or a name, so that it needs no parentheses anywhere.
pub fn is_atom(node: Node<'_>) -> bool {
    matches!(
        node.kind(),
        "identifier"
            | "attribute"
            | "call"
            | "subscript"
            | "parenthesized_expression"
            | "integer"
            | "float"
            | "string"
            | "true"
            | "false"
            | "none"
            | "list"
            | "tuple"
            | "dictionary"
            | "set"
            | "list_comprehension"
            | "set_comprehension"
            | "dictionary_comprehension"
            | "generator_expression"
            | "ellipsis"
    )
}

/// `text`, in parentheses unless the node is an atom.
pub fn wrapped(node: Node<'_>, text: &str) -> String {
    if is_atom(node) { text.to_owned() } else { format!("({text})") }
}

/// What is done with a value that stands by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Argument,
    Returned,
    Assigned,
    Compared,
    Iterated,
    Operand,
    Element,
    Index,
    Decides,
}

/// How a value is used; none for what is no value (a target, a function that is called, a receiver).
pub fn used_as(node: Node<'_>) -> Option<Use> {
    let value = matches!(
        node.kind(),
        "identifier"
            | "attribute"
            | "subscript"
            | "call"
            | "binary_operator"
            | "list"
            | "string"
            | "parenthesized_expression"
    );
    let parent = node.parent().filter(|_| value)?;
    let field = |name: &str| parent.child_by_field_name(name).is_some_and(|found| found.id() == node.id());
    match parent.kind() {
        "argument_list" => Some(Use::Argument),
        "keyword_argument" if field("value") => Some(Use::Argument),
        "return_statement" | "yield" => Some(Use::Returned),
        "assignment" | "augmented_assignment" if field("right") => Some(Use::Assigned),
        "default_parameter" | "typed_default_parameter" if field("value") => Some(Use::Assigned),
        "named_expression" if field("value") => Some(Use::Assigned),
        "comparison_operator" => Some(Use::Compared),
        "for_statement" | "for_in_clause" if field("right") => Some(Use::Iterated),
        "binary_operator" => Some(Use::Operand),
        "tuple" | "list" | "expression_list" | "set" if is_read(node) => Some(Use::Element),
        "pair" if field("value") => Some(Use::Element),
        "subscript" if !field("value") => Some(Use::Index),
        "lambda" if field("body") => Some(Use::Returned),
        "if_statement" | "elif_clause" | "while_statement" if field("condition") => Some(Use::Decides),
        "boolean_operator" | "not_operator" | "if_clause" => Some(Use::Decides),
        "conditional_expression" => Some(if parent.named_child(1).is_some_and(|middle| middle.id() == node.id()) {
            Use::Decides
        } else {
            Use::Returned
        }),
        "list_comprehension" | "set_comprehension" | "generator_expression" if field("body") => Some(Use::Element),
        _ => None,
    }
}

/// The name of a called function or method, and its arguments: `sort` and `(key)` of `xs.sort(key)`.
pub fn called(call: Node<'_>) -> Option<(Node<'_>, Node<'_>)> {
    let function = call.child_by_field_name("function")?;
    let arguments = call.child_by_field_name("arguments").filter(|list| list.kind() == "argument_list")?;
    let name = match function.kind() {
        "identifier" => function,
        "attribute" => function.child_by_field_name("attribute")?,
        _ => return None,
    };
    Some((name, arguments))
}

/// Arguments of a call or elements of a list, comments left out.
pub fn elements_of(list: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = list.walk();
    list.named_children(&mut cursor).filter(|child| child.kind() != "comment").collect()
}

/// Whether an argument is given by its place alone.
pub fn is_positional(argument: Node<'_>) -> bool {
    !matches!(
        argument.kind(),
        "keyword_argument" | "list_splat" | "dictionary_splat" | "parenthesized_list_splat" | "generator_expression"
    )
}

/// Names read in `root`, each once, in the order of the text; `self` and `cls` left out.
pub fn names_read<'s>(root: Node<'_>, text: &'s str) -> Vec<&'s str> {
    let mut names: Vec<&str> = Vec::new();
    preorder(root, |node| {
        let name = &text[node.byte_range()];
        let plain = node.kind() == "identifier" && !matches!(name, "self" | "cls");
        if plain
            && is_read(node)
            && !names.contains(&name)
            && node.parent().is_none_or(|p| {
                p.kind() != "call" || p.child_by_field_name("function").is_none_or(|f| f.id() != node.id())
            })
        {
            names.push(name);
        }
        node.kind() != "block"
    });
    names
}
