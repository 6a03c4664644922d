//! Lines that come, go and move: edits of whole statements, with the indentation around them.

use std::ops::Range;

use tree_sitter::Node;

use super::Place;

impl<'a> Place<'a> {
    /// What stands before `node` on its line; none where that is not only indentation.
    pub fn indent(&self, node: Node<'_>) -> Option<&'a str> {
        let text = self.source().text();
        let start = text[..node.start_byte()].rfind('\n').map_or(0, |at| at + 1);
        let before = &text[start..node.start_byte()];
        before.chars().all(|letter| matches!(letter, ' ' | '\t')).then_some(before)
    }

    /// What the file indents by.
    pub fn step(&self) -> &'a str {
        self.material().file(self.source().path()).and_then(|facts| facts.step.as_deref()).unwrap_or("    ")
    }

    /// Whole lines of `node`, with the break at their end; none where others share them.
    pub fn lines_of(&self, node: Node<'_>) -> Option<Range<usize>> {
        let indent = self.indent(node)?;
        let end = self.line_end(node)?;
        let text = self.source().text();
        Some(node.start_byte() - indent.len()..(end + 1).min(text.len()))
    }

    /// Where the last line of `node` ends, before the break; none where another statement follows on it.
    pub fn line_end(&self, node: Node<'_>) -> Option<usize> {
        let text = self.source().text();
        let rest = &text[node.end_byte()..];
        let length = rest.find('\n').unwrap_or(rest.len());
        let tail = rest[..length].trim();
        (tail.is_empty() || tail.starts_with('#'))
            .then(|| node.end_byte() + rest[..length].trim_end_matches('\r').len())
    }

    /// Replacement of an empty range that puts `lines` (each indented relative to `node`) before it.
    pub fn before(&self, node: Node<'_>, lines: &[String]) -> Option<(Range<usize>, String)> {
        let indent = self.indent(node).filter(|_| !comes_before_declaration(Some(node)))?;
        let mut text = String::new();
        for line in lines {
            text.push_str(line);
            text.push('\n');
            text.push_str(indent);
        }
        Some((node.start_byte()..node.start_byte(), text))
    }

    /// The same behind it, at the indentation given.
    pub fn behind(&self, node: Node<'_>, indent: &str, lines: &[String]) -> Option<(Range<usize>, String)> {
        let end = self.line_end(node).filter(|_| !comes_before_declaration(node.next_named_sibling()))?;
        let text: String = lines.iter().flat_map(|line| ["\n", indent, line]).collect();
        Some((end..end, text))
    }

    /// The text of whole lines with another indentation; none where a text of several lines would change with it.
    pub fn reindented(&self, node: Node<'_>, from: &str, to: &str) -> Option<String> {
        let mut multiline = false;
        crate::source::preorder(node, |child| {
            multiline |= child.kind() == "string" && child.start_position().row != child.end_position().row;
            !multiline
        });
        if multiline {
            return None;
        }
        let text = &self.source().text()[node.byte_range()];
        let mut out = String::new();
        for (index, line) in text.split('\n').enumerate() {
            if index > 0 {
                out.push('\n');
                match line.strip_prefix(from) {
                    Some(rest) => {
                        out.push_str(to);
                        out.push_str(rest);
                    }
                    // Empty and continued lines may be indented less.
                    None => out.push_str(line),
                }
            } else {
                out.push_str(line);
            }
        }
        Some(out)
    }
}

/// The statements of a block, comments left out.
pub fn statements_of(block: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = block.walk();
    block.named_children(&mut cursor).filter(|child| child.kind() != "comment").collect()
}

/// The statement before and after `node` in its block.
pub fn neighbours<'t>(node: Node<'t>) -> (Option<Node<'t>>, Option<Node<'t>>) {
    let block = node.parent().filter(|parent| parent.kind() == "block");
    let list = block.map(statements_of).unwrap_or_default();
    let Some(at) = list.iter().position(|child| child.id() == node.id()) else {
        return (None, None);
    };
    (at.checked_sub(1).and_then(|at| list.get(at).copied()), list.get(at + 1).copied())
}

/// Whether `node` is one of a block's statements that stands by itself.
pub fn is_simple(node: Node<'_>) -> bool {
    matches!(
        node.kind(),
        "expression_statement"
            | "return_statement"
            | "raise_statement"
            | "break_statement"
            | "continue_statement"
            | "pass_statement"
            | "delete_statement"
            | "assert_statement"
    )
}

/// Whether a `global` or `nonlocal` stands here or later in the block: no use of its names may come before it.
fn comes_before_declaration(mut node: Option<Node<'_>>) -> bool {
    while let Some(statement) = node {
        if matches!(statement.kind(), "global_statement" | "nonlocal_statement") {
            return true;
        }
        node = statement.next_named_sibling();
    }
    false
}
