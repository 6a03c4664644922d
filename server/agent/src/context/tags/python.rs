//! Tags of Python by tree-sitter.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::LazyLock;

use tree_sitter::{Language, Node, Parser, TreeCursor};

use super::{Definition, FileTags, MAX_TAGS, one_line};

thread_local! {
    // A parser is made in microseconds, but not in none.
    static PARSER: RefCell<Option<Parser>> = RefCell::new({
        let mut parser = Parser::new();
        parser.set_language(&tree_sitter_python::LANGUAGE.into()).is_ok().then_some(parser)
    });
}

pub fn tags(text: &str) -> FileTags {
    let tree = PARSER.with(|parser| parser.try_borrow_mut().ok()?.as_mut()?.parse(text, None));
    let Some(tree) = tree else { return FileTags::default() };
    let mut found = Found { text, definitions: Vec::new(), uses: HashMap::new(), open: Vec::new(), defined: None };
    let mut cursor = tree.walk();
    found.walk(&mut cursor);
    FileTags::new(found.definitions, found.uses)
}

/// The kinds of nodes by number: names are compared too often otherwise.
struct Kinds {
    identifier: u16,
    skipped: Vec<u16>,
    looked_at: Vec<u16>,
}

static KINDS: LazyLock<Kinds> = LazyLock::new(|| {
    let language: Language = tree_sitter_python::LANGUAGE.into();
    let all = |names: &[&str]| names.iter().map(|name| language.id_for_node_kind(name, true)).collect();
    Kinds {
        identifier: language.id_for_node_kind("identifier", true),
        skipped: all(&["comment", "string_content", "integer", "float", "pass_statement", "true", "false", "none"]),
        looked_at: all(&["function_definition", "class_definition", "keyword_argument", "assignment"]),
    }
});

/// What is around a node: a class or function, by where it ends.
struct Open {
    end: usize,
    class: bool,
    definition: Option<u32>,
}

struct Found<'t> {
    text: &'t str,
    definitions: Vec<Definition>,
    uses: HashMap<&'t str, u32>,
    open: Vec<Open>,
    /// Where the name of what was met last is, which is no use of it.
    defined: Option<usize>,
}

fn name_of(node: Node<'_>) -> Option<usize> {
    Some(node.child_by_field_name("name")?.start_byte())
}

impl<'t> Found<'t> {
    /// All nodes, without recursion: a text nests as deep as it likes.
    fn walk(&mut self, cursor: &mut TreeCursor<'_>) {
        loop {
            let node = cursor.node();
            while self.open.last().is_some_and(|open| open.end <= node.start_byte()) {
                self.open.pop();
            }
            let into = self.visit(node, cursor);
            if into && cursor.goto_first_child() {
                continue;
            }
            loop {
                if cursor.goto_next_sibling() {
                    break;
                }
                if !cursor.goto_parent() {
                    return;
                }
            }
        }
    }

    /// Takes a node, and says whether to look into it.
    fn visit(&mut self, node: Node<'_>, cursor: &TreeCursor<'_>) -> bool {
        if !node.is_named() {
            return false;
        }
        let kinds = &*KINDS;
        let kind = node.kind_id();
        if kind == kinds.identifier {
            self.identifier(node, cursor);
            return false;
        }
        if kinds.skipped.contains(&kind) {
            return false;
        }
        if !kinds.looked_at.contains(&kind) {
            return true;
        }
        match node.kind() {
            "function_definition" => {
                self.defined = name_of(node);
                let within = self.open.last().is_none_or(|open| open.class);
                let definition = within.then(|| self.define(node)).flatten();
                self.open.push(Open { end: node.end_byte(), class: false, definition });
                true
            }
            "class_definition" => {
                self.defined = name_of(node);
                let within = self.open.last().is_none_or(|open| open.class);
                let definition = within.then(|| self.define(node)).flatten();
                self.open.push(Open { end: node.end_byte(), class: true, definition });
                true
            }
            "keyword_argument" => {
                self.defined = name_of(node);
                true
            }
            "assignment" if self.open.is_empty() => {
                self.constant(node);
                true
            }
            _ => true,
        }
    }

    fn slice(&self, node: Node<'_>) -> &'t str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    fn identifier(&mut self, node: Node<'_>, cursor: &TreeCursor<'_>) {
        // The name of what is defined or of an argument is no use of it; a name on the left is, for want of scopes.
        if self.defined == Some(node.start_byte()) || (self.open.is_empty() && cursor.field_name() == Some("left")) {
            return;
        }
        let name = self.slice(node);
        if name.len() > 1 && name != "self" && (self.uses.len() < MAX_TAGS || self.uses.contains_key(name)) {
            *self.uses.entry(name).or_default() += 1;
        }
    }

    fn define(&mut self, node: Node<'_>) -> Option<u32> {
        let name = self.slice(node.child_by_field_name("name")?);
        // Up to the colon: between it and the body may be comments.
        let colon = (0..node.child_count()).rev().filter_map(|at| node.child(at));
        let end =
            colon.into_iter().find(|child| child.kind() == ":").map_or(node.end_byte(), |colon| colon.start_byte());
        let signature = self.text.get(node.start_byte()..end)?.lines().take(40).collect::<Vec<_>>().join(" ");
        self.push(node, name, one_line(&signature))
    }

    fn constant(&mut self, node: Node<'_>) -> Option<u32> {
        let left = node.child_by_field_name("left").filter(|left| left.kind() == "identifier")?;
        let line = self.slice(node).lines().next().unwrap_or_default();
        self.push(node, self.slice(left), one_line(line))
    }

    fn push(&mut self, node: Node<'_>, name: &str, text: Box<str>) -> Option<u32> {
        if name.is_empty() || self.definitions.len() >= MAX_TAGS {
            return None;
        }
        let line = u32::try_from(node.start_position().row).unwrap_or(u32::MAX).saturating_add(1);
        let depth = u8::try_from(self.open.len()).unwrap_or(u8::MAX);
        let parent = self.open.last().and_then(|open| open.definition);
        self.definitions.push(Definition { name: name.into(), line, depth, parent, text });
        u32::try_from(self.definitions.len() - 1).ok()
    }
}
