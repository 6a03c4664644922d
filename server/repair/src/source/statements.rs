//! Finds statements and scopes in a tree, without recursion.

use std::ops::{Range, RangeInclusive};

use tree_sitter::{Node, Tree};

use super::names::{self, Name};

/// What a scope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKind {
    Module,
    Class,
    Function,
}

/// A stretch of code with names of its own.
#[derive(Clone, Debug)]
pub struct Scope {
    pub kind: ScopeKind,
    /// Index of the scope around it; none for the module.
    pub parent: Option<usize>,
    /// As Python's `__qualname__`; empty for the module.
    pub qualname: String,
    /// Bytes of the whole definition; of the module all.
    pub range: Range<usize>,
    /// Bound here, in the order of the text; a name may come several times.
    pub names: Vec<Name>,
}

/// A statement that edits can be made in; for a compound one, its header up to the colon.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The grammar's name: `return_statement`, `if_statement`, `elif_clause`, …
    pub kind: String,
    /// Bytes of the statement, or of the header.
    pub range: Range<usize>,
    /// Bytes of the whole, body included.
    pub whole: Range<usize>,
    /// Lines of `range`, from 1.
    pub lines: RangeInclusive<u32>,
    /// Index into the file's scopes: where its names are looked up.
    pub scope: usize,
    /// It runs when the module is imported.
    pub at_import: bool,
}

fn line_of(row: usize) -> u32 {
    u32::try_from(row + 1).unwrap_or(u32::MAX)
}

/// Statements in the order of the text, and scopes with every name they bind.
pub(super) fn collect(tree: &Tree, text: &str) -> (Vec<Statement>, Vec<Scope>) {
    let mut collector = Collector {
        text,
        statements: Vec::new(),
        scopes: vec![Scope {
            kind: ScopeKind::Module,
            parent: None,
            qualname: String::new(),
            range: 0..text.len(),
            names: Vec::new(),
        }],
    };
    let mut work = vec![(tree.root_node(), 0)];
    while let Some((node, scope)) = work.pop() {
        let from = work.len();
        collector.visit(node, scope, &mut work);
        // A stack gives back the last first.
        work[from..].reverse();
    }
    collector.statements.sort_by_key(|s| s.range.start);
    (collector.statements, collector.scopes)
}

struct Collector<'t> {
    text: &'t str,
    statements: Vec<Statement>,
    scopes: Vec<Scope>,
}

impl<'t> Collector<'t> {
    fn visit(&mut self, node: Node<'t>, scope: usize, work: &mut Vec<(Node<'t>, usize)>) {
        match node.kind() {
            "module" | "block" | "else_clause" | "finally_clause" | "try_statement" | "decorated_definition" => {
                push_children(node, scope, work);
            }
            "function_definition" | "class_definition" => self.definition(node, scope, work),
            "if_statement" | "elif_clause" | "for_statement" | "while_statement" | "with_statement"
            | "match_statement" | "case_clause" | "except_clause" => {
                self.add(node, scope);
                push_children(node, scope, work);
            }
            kind if kind.ends_with("_statement") => self.add(node, scope),
            _ => {}
        }
    }

    fn definition(&mut self, node: Node<'t>, scope: usize, work: &mut Vec<(Node<'t>, usize)>) {
        let is_function = node.kind() == "function_definition";
        let (Some(name), Some(body)) = (node.child_by_field_name("name"), node.child_by_field_name("body")) else {
            return;
        };
        let name = &self.text[name.byte_range()];
        let kind = if is_function { names::NameKind::Function } else { names::NameKind::Class };
        self.scopes[scope].names.push(Name { text: name.to_owned(), kind, at: node.start_byte() });
        self.add(node, scope);
        let outer = &self.scopes[scope];
        let qualname = match outer.kind {
            ScopeKind::Module => name.to_owned(),
            ScopeKind::Class => format!("{}.{name}", outer.qualname),
            ScopeKind::Function => format!("{}.<locals>.{name}", outer.qualname),
        };
        let mut inner = Scope {
            kind: if is_function { ScopeKind::Function } else { ScopeKind::Class },
            parent: Some(scope),
            qualname,
            range: node.byte_range(),
            names: Vec::new(),
        };
        if let Some(parameters) = node.child_by_field_name("parameters") {
            names::parameters(parameters, self.text, &mut inner.names);
        }
        self.scopes.push(inner);
        work.push((body, self.scopes.len() - 1));
    }

    /// Notes a statement and the names it binds; one that the grammar could not read only for its names.
    fn add(&mut self, node: Node<'t>, scope: usize) {
        let in_function = self.in_function(scope);
        let end = header_end(node);
        let mut broken = node.is_error();
        let mut cursor = node.walk();
        for child in node.children(&mut cursor).filter(|c| c.end_byte() <= end) {
            broken |= child.has_error() || child.is_missing();
            names::bindings(child, self.text, in_function, &mut self.scopes[scope].names);
        }
        if broken || is_docstring(node) {
            return;
        }
        let first = line_of(node.start_position().row);
        let lines_in_header = self.text[node.start_byte()..end].matches('\n').count();
        self.statements.push(Statement {
            kind: node.kind().to_owned(),
            range: node.start_byte()..end,
            whole: node.byte_range(),
            lines: first..=first + u32::try_from(lines_in_header).unwrap_or(0),
            scope,
            at_import: !in_function,
        });
    }

    fn in_function(&self, mut scope: usize) -> bool {
        loop {
            if self.scopes[scope].kind == ScopeKind::Function {
                return true;
            }
            match self.scopes[scope].parent {
                Some(parent) => scope = parent,
                None => return false,
            }
        }
    }
}

fn push_children<'t>(node: Node<'t>, scope: usize, work: &mut Vec<(Node<'t>, usize)>) {
    let mut cursor = node.walk();
    for child in node.named_children(&mut cursor) {
        let body = matches!(
            child.kind(),
            "block" | "elif_clause" | "else_clause" | "except_clause" | "finally_clause" | "case_clause"
        );
        // An expression of the header is no statement; a decorator's neither.
        if body || child.kind().ends_with("_statement") || child.kind().ends_with("_definition") {
            work.push((child, scope));
        }
    }
}

/// Where the header ends: after the colon before the body, or at the statement's own end.
fn header_end(node: Node<'_>) -> usize {
    let mut colon = None;
    let mut cursor = node.walk();
    for child in node.children(&mut cursor) {
        match child.kind() {
            ":" => colon = Some(child.end_byte()),
            "block" => return colon.unwrap_or_else(|| child.start_byte()),
            _ => {}
        }
    }
    node.end_byte()
}

fn is_docstring(node: Node<'_>) -> bool {
    node.kind() == "expression_statement"
        && node.named_child_count() == 1
        && node.named_child(0).is_some_and(|child| matches!(child.kind(), "string" | "concatenated_string"))
}
