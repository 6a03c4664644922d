//! Comments that ask for something: `AI!` asks for work, `AI?` asks a question, as in aider, whose users know the words.
//!
//! The word stands at the beginning or the end of a comment's line, in any case; before it at the end is no letter. A block of
//! comment lines is one request, wherever in it the word stands. In Python comments are found by tree-sitter, so a string
//! never asks for anything; elsewhere by the marks of line comments.

use std::ops::Range;

use airlock_core::path::WorkspacePath;
use tree_sitter::Parser;

/// Longest text that is looked at, in bytes, and most requests that are found in it.
const MAX_BYTES: usize = 2 << 20;
const MAX_FOUND: usize = 200;
/// Most lines of one block.
const MAX_BLOCK: usize = 60;

/// What a comment asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// `AI!`
    Work,
    /// `AI?`
    Answer,
}

/// A comment that asks for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    pub asks: Asks,
    /// Lines of the block, from 0; the end is not part of it.
    pub lines: Range<u32>,
    /// Bytes of the block, from the first mark to the end of the last line.
    pub bytes: Range<usize>,
    /// What it says, without marks and without the word.
    pub text: String,
}

/// A comment on one line.
#[derive(Debug)]
struct Comment {
    line: u32,
    bytes: Range<usize>,
    /// Where on its line it begins, and whether nothing is before it.
    column: usize,
    alone: bool,
}

/// The comments of a text that ask for something, in order.
pub fn triggers(path: &WorkspacePath, text: &str) -> Vec<Trigger> {
    // Most files have none, and this is asked at each change of a document.
    let has = |word: &str| text.as_bytes().windows(3).any(|three| three.eq_ignore_ascii_case(word.as_bytes()));
    if text.len() > MAX_BYTES || !(has("ai!") || has("ai?")) {
        return Vec::new();
    }
    let comments = comments(path, text);
    let mut found = Vec::new();
    for block in blocks(&comments) {
        let [first, ..] = block else { continue };
        let bodies: Vec<&str> = block.iter().map(|comment| body(&text[comment.bytes.clone()])).collect();
        let Some(asks) = bodies.iter().find_map(|body| asks(body)) else { continue };
        let said: Vec<&str> = bodies.iter().map(|body| without_word(body)).filter(|body| !body.is_empty()).collect();
        let last = block.last().unwrap_or(first);
        found.push(Trigger {
            asks,
            lines: first.line..last.line + 1,
            bytes: first.bytes.start..last.bytes.end,
            text: said.join("\n"),
        });
        if found.len() == MAX_FOUND {
            break;
        }
    }
    found
}

/// A comment without its marks.
fn body(comment: &str) -> &str {
    comment.trim_start_matches(['#', '/', '-', ';', '!', '%']).trim()
}

fn asks(body: &str) -> Option<Asks> {
    match word(body)? {
        (_, true) => Some(Asks::Work),
        (_, false) => Some(Asks::Answer),
    }
}

/// Where in a comment the word is, and whether it asks for work.
fn word(body: &str) -> Option<(Range<usize>, bool)> {
    let is = |at: Range<usize>| {
        let three = body.as_bytes().get(at.clone())?;
        let mark = three.get(2)?;
        let found = three[..2].eq_ignore_ascii_case(b"ai") && matches!(mark, b'!' | b'?');
        found.then_some((at, *mark == b'!'))
    };
    let last = body.len().checked_sub(3)?;
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    let alone = |at: usize| !body[..at].chars().next_back().is_some_and(is_letter);
    is(0..3).or_else(|| is(last..body.len()).filter(|(at, _)| alone(at.start)))
}

fn without_word(body: &str) -> &str {
    match word(body) {
        Some((at, _)) if at.start == 0 => body[at.end..].trim(),
        Some((at, _)) => body[..at.start].trim(),
        None => body,
    }
}

/// The block of comment lines at a line, whatever it says; lines from 0, the end is not part of it. A comment behind code is a
/// block of its own.
pub fn comment_at(path: &WorkspacePath, text: &str, line: u32) -> Option<Range<u32>> {
    // Most lines have none, and this is asked at each place of a document where a menu opens.
    let marks: &[&str] = if is_python(path) { &["#"] } else { marks(path.extension()) };
    let there = text.lines().nth(line as usize)?;
    if text.len() > MAX_BYTES || !marks.iter().any(|mark| there.contains(mark)) {
        return None;
    }
    let comments = comments(path, text);
    blocks(&comments).find_map(|block| {
        let lines = block.first()?.line..block.last()?.line + 1;
        lines.contains(&line).then_some(lines)
    })
}

fn is_python(path: &WorkspacePath) -> bool {
    matches!(path.extension(), Some("py" | "pyi" | "pyw"))
}

fn comments(path: &WorkspacePath, text: &str) -> Vec<Comment> {
    if is_python(path) { of_python(text) } else { by_marks(text, marks(path.extension())) }
}

/// Comments that stand one under the other belong together.
fn blocks(comments: &[Comment]) -> impl Iterator<Item = &[Comment]> {
    let mut rest = comments;
    std::iter::from_fn(move || {
        let together = |pair: &[Comment]| {
            let [one, next] = pair else { return false };
            one.alone && next.alone && next.line == one.line + 1 && next.column == one.column
        };
        if rest.is_empty() {
            return None;
        }
        let more = rest.windows(2).take(MAX_BLOCK - 1).take_while(|pair| together(pair)).count();
        let (block, behind) = rest.split_at(more + 1);
        rest = behind;
        Some(block)
    })
}

fn of_python(text: &str) -> Vec<Comment> {
    let mut parser = Parser::new();
    if parser.set_language(&tree_sitter_python::LANGUAGE.into()).is_err() {
        return Vec::new();
    }
    let Some(tree) = parser.parse(text, None) else { return Vec::new() };
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let mut comments: Vec<Comment> = Vec::new();
    let mut open: Vec<Range<usize>> = Vec::new();
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        if node.kind() == "comment" {
            let bytes = node.byte_range();
            let start = text[..bytes.start].rfind('\n').map_or(0, |at| at + 1);
            comments.push(Comment {
                line: u32::try_from(node.start_position().row).unwrap_or(u32::MAX),
                column: bytes.start - start,
                alone: text[start..bytes.start].trim().is_empty(),
                bytes,
            });
        }
        // A string that nobody closed yet takes what follows: its line, or with three quotes all the rest.
        if node.kind() == "string_start" {
            let triple = node.byte_range().len() >= 3;
            let end = if triple { None } else { ends.get(ends.partition_point(|end| *end < node.end_byte())) };
            open.push(node.start_byte()..end.copied().unwrap_or(text.len()));
        }
        if node.kind() != "string" && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return outside(comments, open);
            }
        }
    }
}

/// The comments that are in none of the strings, in order.
fn outside(mut comments: Vec<Comment>, mut strings: Vec<Range<usize>>) -> Vec<Comment> {
    comments.sort_by_key(|comment| comment.bytes.start);
    strings.sort_by_key(|string| string.start);
    let mut strings = strings.into_iter().peekable();
    // Up to where the strings that began so far reach.
    let mut upto = 0;
    comments.retain(|comment| {
        while let Some(string) = strings.next_if(|string| string.start <= comment.bytes.start) {
            upto = upto.max(string.end);
        }
        upto <= comment.bytes.start
    });
    comments
}

/// The marks that begin a comment to the end of the line.
fn marks(extension: Option<&str>) -> &'static [&'static str] {
    match extension.unwrap_or_default() {
        "rs" | "go" | "js" | "mjs" | "cjs" | "jsx" | "ts" | "tsx" | "java" | "kt" | "kts" | "scala" | "swift" | "c"
        | "h" | "cc" | "cpp" | "cxx" | "hpp" | "cs" | "dart" | "zig" | "scss" | "less" | "proto" => &["//"],
        "php" => &["//", "#"],
        "rb" | "sh" | "bash" | "zsh" | "fish" | "yaml" | "yml" | "toml" | "jl" | "ex" | "exs" | "pl" | "pm" | "r"
        | "R" | "mk" | "cmake" | "tf" | "nix" | "conf" | "cfg" => &["#"],
        "lua" | "hs" | "sql" | "elm" | "adb" | "ads" => &["--"],
        "lisp" | "clj" | "cljs" | "el" | "scm" | "rkt" | "asm" => &[";"],
        "ini" => &[";", "#"],
        "tex" | "erl" | "m" => &["%"],
        "md" | "txt" | "rst" | "json" | "html" | "xml" | "css" | "csv" | "lock" => &[],
        _ => &["#", "//", "--", ";"],
    }
}

fn by_marks(text: &str, marks: &[&str]) -> Vec<Comment> {
    let mut comments = Vec::new();
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let bare = line.trim_end_matches(['\n', '\r']);
        let start = marks.iter().filter_map(|mark| first_mark(bare, mark)).min();
        if let Some(column) = start {
            comments.push(Comment {
                line: u32::try_from(number).unwrap_or(u32::MAX),
                bytes: at + column..at + bare.len(),
                column,
                alone: bare[..column].trim().is_empty(),
            });
        }
        at += line.len();
    }
    comments
}

/// Where a comment begins: at a mark with a blank or nothing before it, outside of double quotes.
fn first_mark(line: &str, mark: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if !quoted && before.is_whitespace() && line[at..].starts_with(mark) => return Some(at),
            _ => {}
        }
        // After a closing bracket or a semicolon a comment may follow at once.
        before = if matches!(c, ';' | '}' | ')' | ',' | '{') { ' ' } else { c };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Vec<(Asks, Range<u32>, String)> {
        let path = WorkspacePath::new(name).unwrap();
        triggers(&path, text).into_iter().map(|found| (found.asks, found.lines, found.text)).collect()
    }

    fn one(name: &str, text: &str) -> Option<(Asks, String)> {
        let all = found(name, text);
        assert!(all.len() < 2, "{all:?}");
        all.into_iter().next().map(|(asks, _, text)| (asks, text))
    }

    #[test]
    fn the_word_stands_at_either_end_in_any_case() {
        for (line, expected) in [
            ("# make it faster AI!", Some((Asks::Work, "make it faster"))),
            ("# make it faster, ai!", Some((Asks::Work, "make it faster,"))),
            ("# AI! make it faster", Some((Asks::Work, "make it faster"))),
            ("#ai? why", Some((Asks::Answer, "why"))),
            ("## Why is it so Ai?  ", Some((Asks::Answer, "Why is it so"))),
            ("x = 1  # double it AI!", Some((Asks::Work, "double it"))),
            ("# AI!", Some((Asks::Work, ""))),
            ("# it is AI! really", None),
            ("# wai!", None),
            ("# my_ai!", None),
            ("# AI", None),
            ("# AI:", None),
            ("ai!", None),
        ] {
            let expected = expected.map(|(asks, text): (Asks, &str)| (asks, text.to_owned()));
            assert_eq!(one("a.py", &format!("y = 2\n{line}\n")), expected, "{line}");
        }
    }

    #[test]
    fn a_block_of_comment_lines_is_one_request() {
        let text = "\
# About this file.

def f():
    # Cache what comes out,
    # but not for long.  AI!
    # Keep the name.
    return 1
# other
#   indented alike
";
        let all = found("a.py", text);
        assert_eq!(all, [(Asks::Work, 3..6, "Cache what comes out,\nbut not for long.\nKeep the name.".to_owned())]);
        let path = WorkspacePath::new("a.py").unwrap();
        let bytes = triggers(&path, text)[0].bytes.clone();
        assert_eq!(&text[bytes], "# Cache what comes out,\n    # but not for long.  AI!\n    # Keep the name.");
        let apart = found("a.py", "x = 1  # a AI!\n# b AI?\n  # c AI!\n");
        assert_eq!(apart.len(), 3, "{apart:?}");
    }

    #[test]
    fn a_string_of_python_asks_for_nothing() {
        for text in
            ["s = '# do it AI!'\n", "'''\n# do it AI!\n'''\n", "f'{x}# AI!'\n", "s = '''a\n# AI!", "s = 'a # AI!\n"]
        {
            assert_eq!(found("a.py", text), [], "{text}");
        }
        assert_eq!(one("a.py", "f(\n  1, # do it AI!\n"), Some((Asks::Work, "do it".into())), "in broken code too");
        assert_eq!(one("a.py", "\u{feff}# do it AI!"), Some((Asks::Work, "do it".into())));
    }

    #[test]
    fn other_languages_have_other_marks() {
        for (name, text, expected) in [
            ("a.rs", "let a = 1; // faster AI!", Some("faster")),
            ("a.rs", "/// faster AI!", Some("faster")),
            ("a.rs", "let s = \"// faster AI!\";", None),
            ("a.rs", "# faster AI!", None),
            ("a.js", "f();// faster AI!", Some("faster")),
            ("a.sql", "-- faster AI!", Some("faster")),
            ("a.lua", "x = 1 -- AI! faster", Some("faster")),
            ("a.el", ";; faster AI!", Some("faster")),
            ("a.sh", "curl http://x#a AI!", None),
            ("Makefile", "# faster AI!", Some("faster")),
            ("a.md", "# The future of AI!", None),
            ("a.ts", "// a ü AI?\r\n", Some("a ü")),
        ] {
            assert_eq!(one(name, text).map(|(_, text)| text), expected.map(str::to_owned), "{name} {text}");
        }
    }

    #[test]
    fn a_comment_is_found_at_its_lines_whatever_it_says() {
        let path = WorkspacePath::new("a.py").unwrap();
        let text = "x = 1  # one\n# two\n# three\ns = '# four'\n";
        let at = |line| comment_at(&path, text, line);
        assert_eq!((at(0), at(1), at(2), at(3), at(9)), (Some(0..1), Some(1..3), Some(1..3), None, None));
        let path = WorkspacePath::new("a.rs").unwrap();
        assert_eq!(comment_at(&path, "// do it\nfn f() {}\n", 0), Some(0..1));
        assert_eq!(comment_at(&path, "# do it\n", 0), None);
    }

    #[test]
    fn any_text_is_stood() {
        for text in ["AI!", "#AI!ai?", "# é AI!", "#\u{0}AI!", "# ééAI!", "# AI!é\tx", "\u{2028}# AI!", "# é!"] {
            for name in ["a.py", "a.rs", "a.unknown"] {
                let _ = found(name, text);
            }
        }
        assert_eq!(found("a.rs", &"// AI!\n\n".repeat(MAX_FOUND + 5)).len(), MAX_FOUND);
    }

    #[test]
    fn text_that_is_made_to_take_long_does_not() {
        let ask = "# do it AI!\n";
        for (piece, end) in [("#\n", "\n"), ("f\"{# c\n", "\n"), ("f\"{", "\n"), ("# c\n\n", "\n")] {
            let text = format!("{ask}\n{}{end}", piece.repeat((1 << 20) / piece.len()));
            let found = triggers(&WorkspacePath::new("a.py").unwrap(), &text);
            assert!(found.len() <= 1, "{piece}");
        }
    }
}
