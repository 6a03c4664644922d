//! Pieces of Python text, by a hand-written scan: it runs on every edit, and parsing would be slower than all the rest.

/// Words, numbers, quoted texts (prefix included), runs of blanks and single signs; together they are `text`.
pub(crate) fn words(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = if matches!(first, '"' | '\'') {
            closing(rest, first)
        } else if is_word(first) {
            let number = first.is_ascii_digit();
            let end = rest.find(|c: char| !(is_word(c) || (number && c == '.'))).unwrap_or(rest.len());
            match rest[end..].chars().next() {
                Some(quote @ ('"' | '\'')) if end <= 2 && !number => end + closing(&rest[end..], quote),
                _ => end,
            }
        } else if first.is_whitespace() {
            rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        out.push(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

/// Bytes of a quoted text at the beginning of `text`, both quotes included.
fn closing(text: &str, quote: char) -> usize {
    let triple: String = [quote; 3].iter().collect();
    if let Some(rest) = text.strip_prefix(&triple) {
        return rest.find(&triple).map_or(text.len(), |at| at + 6);
    }
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// A text literal without its quotes and prefix.
pub(crate) fn content(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_alphabetic()).trim_matches(['"', '\''])
}

/// Words that no variable of a project stands for: keywords, and the builtins in common use.
pub(crate) fn is_reserved(word: &str) -> bool {
    const RESERVED: &[&str] = &[
        "False",
        "None",
        "True",
        "abs",
        "all",
        "and",
        "any",
        "as",
        "assert",
        "async",
        "await",
        "bool",
        "break",
        "bytes",
        "class",
        "continue",
        "def",
        "del",
        "dict",
        "divmod",
        "elif",
        "else",
        "enumerate",
        "except",
        "filter",
        "finally",
        "float",
        "for",
        "from",
        "frozenset",
        "getattr",
        "global",
        "hasattr",
        "if",
        "import",
        "in",
        "int",
        "is",
        "isinstance",
        "iter",
        "lambda",
        "len",
        "list",
        "map",
        "max",
        "min",
        "next",
        "nonlocal",
        "not",
        "open",
        "or",
        "ord",
        "pass",
        "pow",
        "print",
        "raise",
        "range",
        "repr",
        "return",
        "reversed",
        "round",
        "set",
        "setattr",
        "sorted",
        "str",
        "sum",
        "super",
        "try",
        "tuple",
        "type",
        "while",
        "with",
        "yield",
        "zip",
    ];
    RESERVED.binary_search(&word).is_ok() || (word.ends_with("Error") && word.starts_with(char::is_uppercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_text() {
        let text = "a.b = f(1.5, 'it\\'s', rb\"x\" , \"\"\"a\"b\"\"\")";
        assert_eq!(words(text).concat(), text);
        assert!(words(text).contains(&"'it\\'s'") && words(text).contains(&"rb\"x\"") && words(text).contains(&"1.5"));
        assert!(words(text).contains(&"\"\"\"a\"b\"\"\""));
        assert!(is_reserved("len") && is_reserved("KeyError") && is_reserved("and") && !is_reserved("length"));
    }
}
