//! One statement parsed by itself: a hundred times cheaper than its file, and enough to judge an edit within it.

use tree_sitter::Tree;

use super::{Statement, parse, tree_hash};

/// A statement's text (of a compound one the header) in the least that makes it a file.
pub(crate) struct Fragment {
    text: String,
    tree: Tree,
    start: usize,
    end: usize,
}

impl Fragment {
    /// `text` in the place of `statement`; none where that is no valid Python.
    pub(crate) fn parse(statement: &Statement, text: &str) -> Option<Self> {
        let (before, after) = match statement.kind.as_str() {
            "elif_clause" => ("if _: pass\n", " pass\n"),
            "except_clause" => ("try: pass\n", " pass\n"),
            "case_clause" => ("match _:\n ", " pass\n"),
            "match_statement" => ("", "\n case _: pass\n"),
            _ if statement.range.end < statement.whole.end || text.ends_with(':') => ("", " pass\n"),
            _ => ("", "\n"),
        };
        let whole = [before, text, after].concat();
        let tree = parse(&whole, None)?;
        (!tree.root_node().has_error()).then(|| Self {
            text: whole,
            tree,
            start: before.len(),
            end: before.len() + text.len(),
        })
    }

    /// A name for what the statement means: equal for equal trees, whatever the spaces, comments and parentheses that
    /// group nothing.
    pub(crate) fn hash(&self) -> [u8; 16] {
        tree_hash(self.tree.root_node(), &self.text, &(self.start..self.end))
    }
}

/// The same name for a whole function's text; none where that is no valid Python by itself.
pub(crate) fn unit_hash(text: &str) -> Option<[u8; 16]> {
    let tree = parse(text, None)?;
    (!tree.root_node().has_error()).then(|| tree_hash(tree.root_node(), text, &(0..text.len())))
}
