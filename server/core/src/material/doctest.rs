//! Doctests, compared as text: each example is its source lines and what it expects.

use crate::diff::split_lines;

type Example<'a> = Vec<&'a [u8]>;

/// Whether `new` has all examples of `base`, unchanged and in order; it may have more.
pub(super) fn keeps_examples(base: &[u8], new: &[u8]) -> bool {
    let mut there = examples(new).into_iter();
    examples(base).into_iter().all(|example| there.any(|other| other == example))
}

/// The examples of a source file: from a `>>>` prompt over its `...` lines and its output to a blank line, the next prompt
/// or the end of the docstring. Indentation does not count, as it does not for doctest.
fn examples(bytes: &[u8]) -> Vec<Example<'_>> {
    let mut examples: Vec<Example<'_>> = Vec::new();
    let mut open = false;
    for line in split_lines(bytes) {
        let line = line.trim_ascii();
        let starts = line == b">>>" || line.starts_with(b">>> ");
        let ends = line.is_empty() || line.starts_with(b"\"\"\"") || line.starts_with(b"'''");
        if starts {
            examples.push(vec![line]);
            open = true;
        } else if ends {
            open = false;
        } else if open && let Some(example) = examples.last_mut() {
            example.push(line);
        }
    }
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_may_be_added_and_moved_but_not_changed() {
        let base = b"def f():\n    \"\"\"Does.\n\n    >>> f(1)\n    2\n    >>> f(\n    ...     2)\n    3\n    \"\"\"\n    return 1\n";
        let with = |from: &str, to: &str| String::from_utf8_lossy(base).replace(from, to).into_bytes();
        assert!(keeps_examples(base, &with("return 1", "return 2")));
        assert!(keeps_examples(base, &with("    >>> f(1)", "    >>> f(0)\n    1\n    >>> f(1)")));
        assert!(keeps_examples(base, &with("\n    ", "\n  ")));
        assert!(!keeps_examples(base, &with("f(1)\n    2", "f(1)\n    3")));
        assert!(!keeps_examples(base, &with(">>> f(1)", ">>> f(1)  # doctest: +SKIP")));
        assert!(!keeps_examples(base, &with("    >>> f(1)\n    2\n", "")));
        assert!(!keeps_examples(base, &with("...     2)", "...     4)")));
        assert!(!keeps_examples(base, &with("f(1)\n    2", "f(1)\n    0\n    2")), "an output with one more line");
    }
}
