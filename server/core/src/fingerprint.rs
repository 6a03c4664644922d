//! Fingerprints: the same cause of failure has the same name in every test it breaks, and in every run.
//!
//! A fingerprint is made of the exception's type, the deepest place in the project's code and, outside of tests, the
//! message without what changes from run to run. The test's id is not part of it. Where the place is the test itself (a
//! plain assertion) its file and line name the cause, and the message does not count: parametrised cases of one assertion
//! differ in their values and have one cause.

use crate::hash::FieldHasher;
use crate::report::Location;

/// Length of a message that counts, in characters; what follows is detail (a diff, a listing).
const MESSAGE_CHARS: usize = 300;

/// What is known of a failure.
#[derive(Clone, Copy, Debug, Default)]
pub struct Failure<'a> {
    /// Type of the exception: `KeyError`, `pkg.Error`.
    pub exception: Option<&'a str>,
    /// The message, its first paragraph.
    pub message: Option<&'a str>,
    /// The deepest place in the project's own code, tests included.
    pub location: Option<&'a Location>,
    /// Name of the function at that place. It stays where lines move, so it counts instead of the line.
    pub function: Option<&'a str>,
    /// Whether that place lies in test material (see [`crate::material::Project::is_material`]).
    pub in_test: bool,
}

/// The fingerprint: 16 hexadecimal digits. Stable across runs, machines and versions of this program with the same domain.
pub fn fingerprint(failure: &Failure<'_>) -> String {
    let mut hasher = FieldHasher::new("airlock fingerprint 1");
    // The harness names a type with or without its module, by where it is defined; the last part is the name in messages.
    let exception = failure.exception.unwrap_or_default();
    hasher.field(exception.rsplit('.').next().unwrap_or_default().as_bytes());
    if let Some(Location { path, line }) = failure.location {
        hasher.field(path.as_bytes());
        match failure.function {
            Some(function) if !failure.in_test => hasher.field(function.as_bytes()),
            _ => hasher.field(&line.to_le_bytes()),
        };
    }
    if !failure.in_test || failure.location.is_none() {
        hasher.field(normalised(failure.message.unwrap_or_default()).as_bytes());
    }
    let mut digits = hasher.finish().to_string();
    digits.truncate(16);
    digits
}

/// A message without what changes from run to run or from case to case: numbers, addresses, identifiers in hexadecimal
/// and temporary paths become `N`, `H` and `T`; white space runs become one space.
pub fn normalised(message: &str) -> String {
    let mut out = String::new();
    let short: String = message.chars().take(MESSAGE_CHARS).collect();
    for word in short.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        normalise_word(&mut out, word);
    }
    out
}

fn normalise_word(out: &mut String, word: &str) {
    // A temporary path reaches up to what cannot be in a path: a quote, a bracket, the end of the word.
    let temporary =
        ["/tmp/", "/var/folders/", "/private/var/", "pytest-of-"].iter().filter_map(|root| word.find(root)).min();
    if let Some(start) = temporary {
        let end = word[start..].find(['\'', '"', ')', ']', '>', ',', ';']).map_or(word.len(), |at| start + at);
        normalise_token(out, &word[..start]);
        out.push('T');
        normalise_word(out, &word[end..]);
        return;
    }
    normalise_token(out, word);
}

fn normalise_token(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let run = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        if run == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let (token, later) = rest.split_at(run);
        rest = later;
        let hexadecimal = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
        let digits = token.bytes().any(|b| b.is_ascii_digit());
        if digits && token.strip_prefix("0x").is_some_and(hexadecimal)
            || digits && token.len() >= 8 && hexadecimal(token)
        {
            out.push('H');
        } else {
            let mut in_number = false;
            for c in token.chars() {
                if !c.is_ascii_digit() {
                    out.push(c);
                } else if !in_number {
                    out.push('N');
                }
                in_number = c.is_ascii_digit();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str, line: u32) -> Location {
        Location { path: path.into(), line }
    }

    #[test]
    fn what_changes_from_run_to_run_is_left_out() {
        let cases = [
            ("<Foo object at 0x7f3a2c>", "<Foo object at H>"),
            ("list index 12 out of range(3)", "list index N out of range(N)"),
            ("No such file: '/tmp/pytest-of-me/pytest-3/test_x0/out.txt'", "No such file: 'T'"),
            ("id 550e8400-e29b-41d4-a716-446655440000", "id H-eNb-NdN-aN-H"),
            ("a   b\n\tc", "a b c"),
            ("KeyError: 'name'", "KeyError: 'name'"),
            ("über 3 µs", "über N µs"),
        ];
        for (message, expected) in cases {
            assert_eq!(normalised(message), expected);
        }
        assert_eq!(normalised(&"é".repeat(1000)).chars().count(), MESSAGE_CHARS);
    }

    #[test]
    fn one_cause_has_one_fingerprint() {
        let place = at("src/lib.py", 10);
        let failure = Failure {
            exception: Some("IndexError"),
            message: Some("index 3 out of range"),
            location: Some(&place),
            function: Some("pick"),
            in_test: false,
        };
        let one = fingerprint(&failure);
        assert_eq!(one.len(), 16);
        // Pinned: a change of the algorithm has to be a change of the domain.
        assert_eq!(one, "bb7480ba8b2415b4");
        assert_eq!(one, fingerprint(&Failure { message: Some("index 4 out of range"), ..failure }));
        assert_eq!(one, fingerprint(&Failure { exception: Some("builtins.IndexError"), ..failure }));
        let moved = at("src/lib.py", 12);
        assert_eq!(one, fingerprint(&Failure { location: Some(&moved), ..failure }), "the function names the place");
        assert_ne!(one, fingerprint(&Failure { function: Some("other"), ..failure }));
        assert_ne!(one, fingerprint(&Failure { exception: Some("KeyError"), ..failure }));
        assert_ne!(one, fingerprint(&Failure { message: Some("pop from empty list"), ..failure }));
    }

    #[test]
    fn a_plain_assertion_is_named_by_its_line() {
        let place = at("tests/test_a.py", 7);
        let failure = Failure {
            exception: Some("AssertionError"),
            message: Some("assert 'a' == 'b'"),
            location: Some(&place),
            function: Some("test_a"),
            in_test: true,
        };
        let one = fingerprint(&failure);
        assert_eq!(one, fingerprint(&Failure { message: Some("assert 'c' == 'd'"), ..failure }), "another case");
        let next = at("tests/test_a.py", 8);
        assert_ne!(one, fingerprint(&Failure { location: Some(&next), ..failure }));
    }

    #[test]
    fn without_a_place_the_message_names_the_cause() {
        let failure = Failure { message: Some("fixture 'db' not found"), in_test: true, ..Failure::default() };
        assert_ne!(fingerprint(&failure), fingerprint(&Failure { message: Some("fixture 'x' not found"), ..failure }));
    }
}
