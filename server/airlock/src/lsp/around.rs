//! The definition around a line of Python, by indentation alone: a menu is asked for at every move of the cursor, and a parse of
//! a long file takes longer than anybody should wait for it. What is found here is only ever offered.

/// Most lines looked at above a line, and of a body.
const MOST: usize = 2_000;

/// A function or a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The line of its name, and the last line of its body, from 0.
    pub line: u32,
    pub end: u32,
    pub is_function: bool,
    /// It is a function with nothing in it.
    pub is_stub: bool,
}

/// The innermost definition around a line. `text`: a line of the document by its number, without what ends it.
pub fn definition(line: u32, text: impl Fn(u32) -> Option<String>) -> Option<Definition> {
    let mut at = line;
    // A blank line belongs to what is above it.
    let mut within = loop {
        let there = text(at)?;
        match indent(&there) {
            Some(indent) => break if is_head(&there) { indent + 1 } else { indent },
            None => at = at.checked_sub(1).filter(|at| (line - at) as usize <= MOST)?,
        }
    };
    let head = loop {
        let there = text(at)?;
        if let Some(indent) = indent(&there).filter(|indent| *indent < within) {
            if is_head(&there) {
                break (at, indent, there);
            }
            // The end of a head that is written over several lines is on the head's own level.
            within = if there.trim_start().starts_with([')', ']', '}']) { indent + 1 } else { indent };
        }
        at = at.checked_sub(1).filter(|at| (line - at) as usize <= MOST)?;
    };
    let (start, own, first) = head;
    let mut body = Vec::new();
    let mut end = start;
    for number in start + 1..start.saturating_add(u32::try_from(MOST).unwrap_or(u32::MAX)) {
        let Some(there) = text(number) else { break };
        match indent(&there) {
            Some(indent) if indent <= own && !there.trim_start().starts_with([')', ']', '}']) => break,
            Some(_) => {
                end = number;
                body.push(there);
            }
            None => {}
        }
    }
    let is_function = !first.trim_start().starts_with("class ");
    (line <= end).then(|| Definition { line: start, end, is_function, is_stub: is_function && is_stub(&first, &body) })
}

fn indent(line: &str) -> Option<usize> {
    (!line.trim().is_empty()).then(|| line.len() - line.trim_start().len())
}

fn is_head(line: &str) -> bool {
    let line = line.trim_start();
    ["def ", "async def ", "class "].iter().any(|word| line.starts_with(word))
}

/// Whether nothing is done in a body but to say that nothing is: a docstring, comments, `pass`, `...`, a `NotImplementedError`.
fn is_stub(head: &str, body: &[String]) -> bool {
    let is_nothing = |line: &str| {
        let line = line.split(" #").next().unwrap_or_default().trim();
        matches!(line, "" | "pass" | "...")
            || line.starts_with('#')
            || line.strip_prefix("raise ").is_some_and(|what| what.starts_with("NotImplementedError"))
    };
    // All on one line, or over several up to the colon.
    let mut lines = body.iter().map(|line| line.trim());
    let mut last = head.trim();
    while !ends_head(last) {
        match last.rsplit_once(':') {
            Some((_, rest)) if is_nothing(rest) && body.is_empty() => return true,
            _ => match lines.next() {
                Some(line) => last = line,
                None => return false,
            },
        }
    }
    let mut quotes: Option<&str> = None;
    for line in lines {
        match quotes {
            Some(mark) => quotes = (!line.contains(mark)).then_some(mark),
            None => {
                let raw = line.trim_start_matches(['r', 'R', 'u', 'U', 'b', 'B']);
                let opened = ["\"\"\"", "'''"].into_iter().find(|mark| raw.starts_with(mark));
                match opened {
                    Some(mark) => quotes = (!raw[3..].contains(mark)).then_some(mark),
                    None if raw.starts_with(['"', '\'']) => {}
                    None if is_nothing(line) => {}
                    None => return false,
                }
            }
        }
    }
    true
}

fn ends_head(line: &str) -> bool {
    line.split(" #").next().unwrap_or_default().trim_end().ends_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, line: u32) -> Option<(u32, u32, bool)> {
        let lines: Vec<&str> = text.lines().collect();
        let found = definition(line, |number| lines.get(number as usize).map(|line| (*line).to_owned()))?;
        Some((found.line, found.end, found.is_stub))
    }

    #[test]
    fn the_innermost_definition_is_found() {
        let text = "\
import os

class Shop:
    name = 1

    def price(self):
        if self.name:
            return 1

        return 2

def after(): return 3
";
        assert_eq!(at(text, 0), None);
        assert_eq!(at(text, 3), Some((2, 9, false)));
        for line in [5, 6, 7, 8, 9] {
            assert_eq!(at(text, line), Some((5, 9, false)), "{line}");
        }
        assert_eq!(at(text, 11), Some((11, 11, false)));
        assert_eq!(at(text, 99), None);
    }

    #[test]
    fn a_stub_is_a_function_in_which_nothing_is_done() {
        for body in [
            "    pass",
            "    ...",
            "    ...  # later",
            "    raise NotImplementedError",
            "    raise NotImplementedError('later')",
            "    '''What it does.'''",
            "    \"\"\"What\n    it does.\n    \"\"\"\n    # to do\n    pass",
            "    r\"\"\"What.\"\"\"\n    raise NotImplementedError()",
        ] {
            assert_eq!(at(&format!("def f(a):\n{body}\n"), 1).map(|found| found.2), Some(true), "{body}");
            let long = format!("async def f(\n    a,\n    b: int,\n) -> int:\n{body}\n");
            assert_eq!(at(&long, 4).map(|found| found.2), Some(true), "{long}");
        }
        assert_eq!(at("def f(): ...\n", 0).map(|found| found.2), Some(true));
        for body in ["    return 1", "    \"\"\"What.\"\"\"\n    return 1", "    x = ...", "    pass\n    return 2"] {
            assert_eq!(at(&format!("def f(a):\n{body}\n"), 1).map(|found| found.2), Some(false), "{body}");
        }
        assert_eq!(at("class A:\n    pass\n", 1).map(|found| found.2), Some(false));
    }

    #[test]
    fn any_text_is_stood() {
        for text in ["", "def", "def f(", "def f(:\n", "\t\n \n\ndef x():\n\n", ")\n def y(\n)", "class :\n  def"] {
            for line in 0..5 {
                let _ = at(text, line);
            }
        }
        let long = format!("def f():\n{}", "    x = 1\n".repeat(10 * MOST));
        assert_eq!(at(&long, 15_000), None);
    }
}
