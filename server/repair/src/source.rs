//! Python as the engine sees it: statements with their lines, scopes with their names, and a tree to edit.

mod fragment;
mod names;
mod statements;
mod words;

use std::{ops::Range, sync::Arc};

use thiserror::Error;
use tree_sitter::{InputEdit, Node, Parser, Point, Tree};

pub(crate) use fragment::{Fragment, unit_hash};
pub(crate) use names::targets;
pub use names::{Name, NameKind};
pub use statements::{Scope, ScopeKind, Statement};
pub(crate) use words::{content, is_reserved, words};

/// Longer files are left alone: no project of people has one, and trees cost about thirty times the text.
pub const MAX_SOURCE_BYTES: usize = 2 << 20;

/// Why a file is not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SourceError {
    #[error("is not UTF-8; save it as UTF-8 to have it searched")]
    NotUtf8,
    #[error("is larger than {} MiB; it was left alone", MAX_SOURCE_BYTES >> 20)]
    TooLarge,
    #[error("could not be parsed as Python; it was left alone")]
    NotPython,
}

/// One parsed file. Cheap parts are shared; it is never changed, an edit gives another.
#[derive(Clone, Debug)]
pub struct Source {
    path: Arc<str>,
    text: Arc<str>,
    tree: Tree,
    statements: Vec<Statement>,
    scopes: Vec<Scope>,
}

fn parse(text: &str, old: Option<&Tree>) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_python::LANGUAGE.into()).ok()?;
    parser.parse(text, old)
}

impl Source {
    /// Parses `bytes`. A file with parts the grammar does not know is accepted; its broken statements are no places.
    ///
    /// # Errors
    /// Not UTF-8, larger than [`MAX_SOURCE_BYTES`], or the parser gave up.
    pub fn parse(path: impl Into<Arc<str>>, bytes: &[u8]) -> Result<Self, SourceError> {
        if bytes.len() > MAX_SOURCE_BYTES {
            return Err(SourceError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| SourceError::NotUtf8)?;
        let tree = parse(text, None).ok_or(SourceError::NotPython)?;
        let (statements, scopes) = statements::collect(&tree, text);
        Ok(Self { path: path.into(), text: text.into(), tree, statements, scopes })
    }

    /// The path it was read from, relative to the project's root.
    pub fn path(&self) -> &Arc<str> {
        &self.path
    }

    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    pub fn root(&self) -> Node<'_> {
        self.tree.root_node()
    }

    /// In the order of the text.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The first is the module's; each one's parent comes before it.
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// The statement whose lines hold `line` (from 1): the innermost, first on its line.
    pub fn statement_at(&self, line: u32) -> Option<usize> {
        let mut found: Option<usize> = None;
        for (index, statement) in self.statements.iter().enumerate() {
            if statement.lines.contains(&line) {
                let better =
                    found.is_none_or(|old| statement.lines.end() - statement.lines.start() < self.span_of(old));
                if better {
                    found = Some(index);
                }
            }
        }
        found
    }

    fn span_of(&self, index: usize) -> u32 {
        let lines = &self.statements[index].lines;
        lines.end() - lines.start()
    }

    /// Lines (from 1) with something that the grammar does not know, each once; at most a hundred.
    pub fn broken_lines(&self) -> Vec<usize> {
        let mut lines = Vec::new();
        preorder(self.root(), |node| {
            let line = node.start_position().row + 1;
            if (node.is_error() || node.is_missing()) && lines.last() != Some(&line) && lines.len() < 100 {
                lines.push(line);
            }
            node.has_error() && !node.is_error()
        });
        lines
    }

    /// The text with `range` replaced.
    pub fn replaced(&self, range: &Range<usize>, replacement: &str) -> String {
        let mut text = String::with_capacity(self.text.len() + replacement.len());
        text.push_str(&self.text[..range.start]);
        text.push_str(replacement);
        text.push_str(&self.text[range.end..]);
        text
    }

    /// Makes an edit and parses the file again, incrementally; none where the result has more errors than the original,
    /// as far as the grammar can tell.
    pub fn edited(&self, range: &Range<usize>, replacement: &str) -> Option<String> {
        let text = self.replaced(range, replacement);
        let mut old = self.tree.clone();
        let start = point_at(&self.text, range.start);
        let end = range.start + replacement.len();
        old.edit(&InputEdit {
            start_byte: range.start,
            old_end_byte: range.end,
            new_end_byte: end,
            start_position: start,
            old_end_position: point_at(&self.text, range.end),
            new_end_position: point_at(&text, end),
        });
        let tree = parse(&text, Some(&old))?;
        if tree.root_node().has_error() && errors_in(tree.root_node()) > errors_in(self.root()) {
            return None;
        }
        Some(text)
    }
}

/// See [`Fragment::hash`].
fn tree_hash(root: Node<'_>, text: &str, range: &Range<usize>) -> [u8; 16] {
    const ENTER: u8 = 1;
    const LEAVE: u8 = 2;
    let mut hasher = blake3::Hasher::new();
    let mut cursor = root.walk();
    // For each open node: whether it counts, and whether it is a pair of parentheses around one expression.
    let mut open: Vec<(bool, bool)> = Vec::new();
    loop {
        let node = cursor.node();
        let inside = range.start <= node.start_byte() && node.end_byte() <= range.end;
        let outside = node.end_byte() <= range.start || node.start_byte() >= range.end;
        let groups = node.kind() == "parenthesized_expression";
        let paren = matches!(node.kind(), "(" | ")") && open.last().is_some_and(|parent| parent.1);
        let counts = inside && !node.is_extra() && !groups && !paren;
        if counts {
            hasher.update(&[ENTER]);
            hasher.update(&node.kind_id().to_le_bytes());
            if node.child_count() == 0 {
                hasher.update(text[node.byte_range()].as_bytes());
            }
        }
        open.push((counts, groups));
        if !outside && !node.is_extra() && cursor.goto_first_child() {
            continue;
        }
        loop {
            if open.pop().is_some_and(|node| node.0) {
                hasher.update(&[LEAVE]);
            }
            if cursor.goto_next_sibling() {
                break;
            }
            if !cursor.goto_parent() {
                let mut out = [0; 16];
                out.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
                return out;
            }
        }
    }
}

fn point_at(text: &str, byte: usize) -> Point {
    let before = &text.as_bytes()[..byte];
    let row = before.iter().filter(|b| **b == b'\n').count();
    let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    Point::new(row, byte - line_start)
}

/// Error and missing nodes, looked for only where there are some.
fn errors_in(root: Node<'_>) -> usize {
    let mut count = 0;
    preorder(root, |node| {
        count += usize::from(node.is_error() || node.is_missing());
        node.has_error()
    });
    count
}

/// Visits `root` and everything below, parents first, in the order of the text; children only where `visit` says so.
/// Without recursion, so that no nesting can overflow the stack.
pub(crate) fn preorder<'t>(root: Node<'t>, mut visit: impl FnMut(Node<'t>) -> bool) {
    let mut cursor = root.walk();
    loop {
        if visit(cursor.node()) && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}

/// The tokens of a piece of Python, comments and layout left out.
pub(crate) fn tokens(text: &str) -> Vec<String> {
    let Some(tree) = parse(text, None) else {
        return vec![text.to_owned()];
    };
    let mut out = Vec::new();
    preorder(tree.root_node(), |node| {
        if node.child_count() == 0 && !node.is_extra() && !node.byte_range().is_empty() {
            out.push(text[node.byte_range()].to_owned());
        }
        !node.is_extra()
    });
    out
}

/// Tokens longer than this at both sides are compared by their beginnings and ends alone.
const MAX_COMPARED: usize = 400;

/// Tokens that one piece of text has and the other has not, in order: the larger side's count.
pub(crate) fn tokens_changed(before: &str, after: &str) -> u32 {
    let (before, after) = (tokens(before), tokens(after));
    let head = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let tail = before[head..].iter().rev().zip(after[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (before, after) = (&before[head..before.len() - tail], &after[head..after.len() - tail]);
    if before.is_empty() || after.is_empty() {
        // A comma more says nothing that the element beside it does not say.
        let told = before.iter().chain(after).filter(|token| *token != ",").count();
        return u32::try_from(told).unwrap_or(u32::MAX);
    }
    let common = if before.len().max(after.len()) > MAX_COMPARED { 0 } else { longest_common(before, after) };
    u32::try_from(before.len().max(after.len()) - common).unwrap_or(u32::MAX)
}

/// The length of the longest common subsequence.
fn longest_common(a: &[String], b: &[String]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (at, y) in b.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if x == y { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
