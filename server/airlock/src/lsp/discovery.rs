//! The tests that a file declares, without running anything.
//!
//! They are those of pytest's defaults: functions and methods whose name begins with `test` in files whose name begins with
//! `test_` or ends in `_test.py`, methods in classes whose name begins with `Test` or that are test cases of `unittest` by
//! their base's name. What a project configures otherwise is found by running its tests.

use std::path::Path;

use tree_sitter::{Node, Parser};

/// Most tests looked at in one file.
const MOST: usize = 5_000;
/// Longest text looked at, in bytes.
const MAX_TEXT: usize = 4 << 20;

/// A test as its file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Line of its name, and the last line of its body, from 0.
    pub line: u32,
    pub end: u32,
    /// Its id within the file: `test_a`, `TestB::test_c`.
    pub name: String,
}

/// Whether pytest would look for tests in a file of this name.
pub fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_suffix(".py").is_some_and(|stem| stem.starts_with("test_") || stem.ends_with("_test"))
}

/// The tests that a text declares, in their order.
pub fn declared(text: &str) -> Vec<Declared> {
    let mut found = Vec::new();
    if text.len() > MAX_TEXT {
        return found;
    }
    let mut parser = Parser::new();
    if parser.set_language(&tree_sitter_python::LANGUAGE.into()).is_err() {
        return found;
    }
    if let Some(tree) = parser.parse(text, None) {
        within(tree.root_node(), text, "", &mut found);
    }
    found
}

/// Tests among the statements of a module or class. Classes nest in a text as deep as its lines allow, so only the few levels
/// that anybody writes are followed.
fn within(block: Node<'_>, text: &str, prefix: &str, found: &mut Vec<Declared>) {
    const DEEPEST: usize = 8;
    if prefix.matches("::").count() > DEEPEST {
        return;
    }
    let mut cursor = block.walk();
    for statement in block.named_children(&mut cursor) {
        if found.len() >= MOST {
            return;
        }
        let node = match statement.kind() {
            "decorated_definition" => statement.child_by_field_name("definition"),
            _ => Some(statement),
        };
        let Some(node) = node else { continue };
        let Some(name) = node.child_by_field_name("name") else { continue };
        let word = text.get(name.byte_range()).unwrap_or_default();
        match node.kind() {
            "function_definition" if word.starts_with("test") => found.push(Declared {
                line: number(name.start_position().row),
                end: number(node.end_position().row),
                name: format!("{prefix}{word}"),
            }),
            "class_definition" if word.starts_with("Test") || is_test_case(node, text) => {
                if let Some(body) = node.child_by_field_name("body") {
                    within(body, text, &format!("{prefix}{word}::"), found);
                }
            }
            _ => {}
        }
    }
}

/// Whether a class names a base of `unittest`.
fn is_test_case(class: Node<'_>, text: &str) -> bool {
    let bases = class.child_by_field_name("superclasses").and_then(|bases| text.get(bases.byte_range()));
    bases.is_some_and(|bases| bases.contains("TestCase"))
}

fn number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_where_pytest_finds_them() {
        let text = "\
import unittest
def helper(): pass
def test_a():
    def test_inner(): pass
@mark
async def test_b():
    pass
class TestC:
    def test_d(self): pass
    def other(self): pass
    class TestNested:
        def test_e(self): pass
class Other:
    def test_f(self): pass
class Case(unittest.TestCase):
    @skip
    def testG(self):
        pass
s = '''
def test_h(): pass
'''
";
        let found: Vec<(u32, u32, String)> =
            declared(text).into_iter().map(|found| (found.line, found.end, found.name)).collect();
        let expected = [
            (2, 3, "test_a"),
            (5, 6, "test_b"),
            (8, 8, "TestC::test_d"),
            (11, 11, "TestC::TestNested::test_e"),
            (16, 17, "Case::testG"),
        ];
        assert_eq!(found, expected.map(|(line, end, name)| (line, end, name.to_owned())));
    }

    #[test]
    fn a_text_that_is_no_python_has_some_answer() {
        for text in ["", "def test_", "class Test(\n def", "\u{0}\u{0}", "def test_x(:\n  pass\n"] {
            let _ = declared(text);
        }
        let deep: String = (0..200).map(|depth| format!("{}class Test{depth}:\n", " ".repeat(depth))).collect();
        assert!(declared(&deep).is_empty());
        assert!(declared(&"def test_a(): pass\n".repeat(MOST + 10)).len() == MOST);
    }

    #[test]
    fn test_files_are_known_by_their_names() {
        for (name, is_one) in [("test_a.py", true), ("a_test.py", true), ("a.py", false), ("test_a.txt", false)] {
            assert_eq!(is_test_file(Path::new(name)), is_one, "{name}");
        }
    }
}
