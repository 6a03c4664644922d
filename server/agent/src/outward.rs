//! The one door for text that came from elsewhere: what goes to a model or is shown to the user passes here.
//!
//! Keys are taken out, and what cannot be seen (bidirectional controls, tag characters, ANSI sequences, zero-width text; see
//! [`airlock_core::text`]) is shown as its escape and counted.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use airlock_core::conversation::{Message, Part, Request, ToolResult};
use airlock_core::text::{is_hidden, visible};
use regex::Regex;
use serde_json::Value;

/// What stands in the place of a key.
pub const MARK: &str = "[key hidden by Airlock]";

/// Shortest value that is looked for as a key: shorter ones are words.
const SHORTEST: usize = 8;

/// Text that may go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub text: String,
    /// Characters that were escaped.
    pub hidden: usize,
    /// Keys that were taken out.
    pub keys: usize,
}

/// What is taken out: values that the program knows to be keys, and whatever looks like one.
#[derive(Clone, Default)]
pub struct Outward {
    known: Vec<String>,
}

impl std::fmt::Debug for Outward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the values.
        f.debug_struct("Outward").field("known", &self.known.len()).finish()
    }
}

/// What may stand before a key: anything but a letter or a digit, or an escape that ends in one, as representations of
/// strings, addresses and terminals have them.
const BEFORE: &str = r"(?:^|[^A-Za-z0-9]|\\[a-z0]|\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}|\[[0-9;]{0,20}m)";

/// Shapes of keys that their makers gave a prefix, so that they can be found. Each has to have a digit besides, since words
/// with hyphens look alike.
static SHAPES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let shapes = [
        r"sk-[A-Za-z0-9_-]{16,}",
        r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}",
        r"(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{20,}",
        r"glpat-[A-Za-z0-9_-]{16,}",
        r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}",
        r"(?:xox[a-z]|xapp)-[A-Za-z0-9-]{10,}",
        r"AIza[A-Za-z0-9_-]{30,}",
        r"(?:npm_|hf_|gsk_|xai-|tfp_|dop_v1_|shpat_|shpss_)[A-Za-z0-9]{28,}",
        r"(?:dckr_pat_|pypi-Ag)[A-Za-z0-9_-]{20,}",
        r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
        r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    ];
    // The patterns are constants; a test compiles each.
    shapes.iter().filter_map(|shape| Regex::new(&format!("{BEFORE}({shape})")).ok()).collect()
});

/// Keys that what is around them tells: a password in an address, which may be without a user and without a digit, and the
/// secret half of a key of AWS.
static AROUND: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let shapes = [
        r#"([A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s/:@"']{0,100}:([^\s/:@"']{6,200})@)"#,
        r#"(?i)secret_?access_?key["']?[ \t]{0,4}(?:=>|[:=])[ \t]{0,4}["']?(([A-Za-z0-9/+]{40,200}))"#,
    ];
    shapes.iter().filter_map(|shape| Regex::new(shape).ok()).collect()
});

/// Something of every shape; a text without any of these has no key, and most have none.
const HINTS: [&str; 36] = [
    "sk-",
    "sk_",
    "rk_",
    "pk_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "AKIA",
    "ASIA",
    "ABIA",
    "ACCA",
    "xox",
    "xapp-",
    "AIza",
    "npm_",
    "hf_",
    "gsk_",
    "xai-",
    "tfp_",
    "dop_v1_",
    "shpat_",
    "shpss_",
    "dckr_pat_",
    "pypi-Ag",
    "SG.",
    "eyJ",
    "://",
    "-----BEGIN",
    "ecret_access_key",
    "ecretAccessKey",
    "ECRET_ACCESS_KEY",
    "ecretaccesskey",
];

impl Outward {
    /// Looks for these values too: the keys that the program was given.
    pub fn new(known: impl IntoIterator<Item = String>) -> Self {
        let mut known: Vec<String> = known.into_iter().filter(|value| value.len() >= SHORTEST).collect();
        // A longer one may have a shorter one within.
        known.sort_by_key(|value| std::cmp::Reverse(value.len()));
        known.dedup();
        Self { known }
    }

    /// The text without keys. Its lines stay as many.
    pub fn redacted<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.redact(text).0
    }

    fn redact<'t>(&self, text: &'t str) -> (Cow<'t, str>, usize) {
        let places = self.places(text);
        if places.is_empty() {
            return (Cow::Borrowed(text), 0);
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for place in &places {
            out.push_str(&text[at..place.start]);
            out.push_str(MARK);
            text[place.clone()].matches('\n').for_each(|_| out.push('\n'));
            at = place.end;
        }
        out.push_str(&text[at..]);
        (Cow::Owned(out), places.len())
    }

    /// Where in a text keys are, in order; those that meet are one.
    pub fn places(&self, text: &str) -> Vec<Range<usize>> {
        let mut places: Vec<Range<usize>> = Vec::new();
        for value in &self.known {
            places.extend(text.match_indices(value.as_str()).map(|(at, _)| at..at + value.len()));
        }
        if HINTS.iter().any(|hint| text.contains(hint)) {
            places.extend(private_keys(text));
            places.extend(shaped(text));
        }
        places.sort_unstable_by_key(|place| place.start);
        let mut joined: Vec<Range<usize>> = Vec::with_capacity(places.len());
        for place in places {
            match joined.last_mut() {
                Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
                _ => joined.push(place),
            }
        }
        joined
    }

    /// The text as it may be shown.
    pub fn show(&self, text: &str) -> Shown {
        let (bare, keys) = self.redact(text);
        let hidden = bare.chars().filter(|c| is_hidden(*c)).count();
        let shown = visible(&bare).into_owned();
        // An escape ends a word, so what was within one may look like a key now.
        let (shown, more) = self.redact(&shown);
        Shown { text: shown.into_owned(), hidden, keys: keys + more }
    }

    /// The text as it may be shown, with a line at its end that says what was done to it.
    pub fn flagged(&self, text: &str) -> String {
        let Shown { mut text, hidden, keys } = self.show(text);
        if hidden > 0 {
            text.push_str(&format!("\n[{hidden} invisible or control characters are shown as escapes]"));
        }
        if keys > 0 {
            text.push_str(&format!("\n[{keys} keys are hidden; never write the mark that stands for them]"));
        }
        text
    }

    /// A model's words as a person is shown them, by whatever shows them: without keys, with what is hidden as its escape, and
    /// without what a viewer of markdown fetches or runs.
    pub fn words(&self, text: &str) -> String {
        inert(&self.show(text).text)
    }

    /// A request without keys, whatever let them in. What a provider wants back unchanged stays so.
    pub fn request(&self, mut request: Request) -> Request {
        self.clean(&mut request.system);
        for message in &mut request.messages {
            match message {
                Message::User { text } => self.clean(text),
                Message::Assistant { parts } => parts.iter_mut().for_each(|part| match part {
                    Part::Text { text } => self.clean(text),
                    Part::Call(call) => self.clean_json(&mut call.arguments),
                    Part::Reasoning { text, opaque: None } => self.clean(text),
                    Part::Reasoning { .. } => {}
                }),
                Message::Tools { results } => results.iter_mut().for_each(|result| self.clean(&mut result.text)),
            }
        }
        request
    }

    /// A tool's answer as it may go out.
    pub fn result(&self, mut result: ToolResult) -> ToolResult {
        result.text = self.flagged(&result.text);
        result
    }

    /// Cleans the texts within JSON, so that it stays JSON; what is none is cleaned as it is.
    fn clean_json(&self, json: &mut String) {
        if let Cow::Owned(clean) = self.redacted(json) {
            *json = match serde_json::from_str::<Value>(json) {
                Ok(mut value) => {
                    self.clean_value(&mut value);
                    value.to_string()
                }
                Err(_) => clean,
            };
        }
    }

    fn clean_value(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.clean(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.clean_value(item)),
            Value::Object(fields) => {
                let clean = std::mem::take(fields).into_iter().map(|(mut name, mut field)| {
                    self.clean(&mut name);
                    self.clean_value(&mut field);
                    (name, field)
                });
                *fields = clean.collect();
            }
            _ => {}
        }
    }

    fn clean(&self, text: &mut String) {
        if let Cow::Owned(clean) = self.redacted(text) {
            *text = clean;
        }
    }
}

/// An assignment to a name that says that it is a key: `DB_PASSWORD = "…"`, `"api_key": '…'`.
static ASSIGNED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let shape = concat!(
        r"(?i)[A-Za-z0-9_]{0,60}(?:key|token|secret|passw|credential|dsn)[A-Za-z0-9_]{0,60}",
        r#"["']?\]?[ \t]{0,8}(?::[^=\n"']{0,60})?(?:=|:)[ \t]{0,8}[rbuf]{0,2}["']([^"'\n]{8,400})["']"#
    );
    // The pattern is a constant; a test uses it.
    Regex::new(shape).ok()
});

/// Values that a source assigns to names of keys, at most so many. Plain words are none.
pub fn assigned_keys(source: &str, most: usize) -> Vec<String> {
    let Some(shape) = ASSIGNED.as_ref() else { return Vec::new() };
    let values = shape.captures_iter(source).filter_map(|found| found.get(1)).map(|value| value.as_str());
    let is_word = |value: &&str| value.bytes().all(|byte| byte.is_ascii_lowercase() || b"_-. /".contains(&byte));
    values.filter(|value| !is_word(value)).take(most).map(str::to_owned).collect()
}

/// What a viewer of markdown would fetch by itself or hand to a program: pictures, elements of HTML that have an address, and
/// links that are no pages, each with what stands in its place.
static ACTING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    const SCHEME: &str = r"(?i:command|javascript|vbscript|data|file|vscode[a-z-]*|ms-[a-z-]+)";
    let shapes = [
        (r"!\[([^\]\n]{0,1000})\](?:\([^)\n]{0,4000}\)|\[[^\]\n]{0,1000}\])?".to_owned(), "[picture left out: $1]"),
        (
            r"(?i)</?(?:img|iframe|object|embed|script|style|link|video|audio|source|svg|base|meta|form|a)\b[^>\n]{0,4000}>?"
                .to_owned(),
            "[HTML left out]",
        ),
        (format!(r"\]\(\s{{0,10}}<?\s{{0,10}}{SCHEME}:[^\n)]{{0,4000}}\)?"), "] [link left out]"),
        (format!(r"<{SCHEME}:[^>\n]{{0,4000}}>?"), "[link left out]"),
        (format!(r"(?m)^[ \t>]{{0,20}}\[[^\]\n]{{1,1000}}\]:[ \t]{{0,10}}<?{SCHEME}:.*$"), "[link left out]"),
    ];
    // The patterns are constants; a test compiles each.
    shapes.iter().filter_map(|(shape, place)| Some((Regex::new(shape).ok()?, *place))).collect()
});

/// The text without what acts where it is shown as markdown.
fn inert(text: &str) -> String {
    let mut text = Cow::Borrowed(text);
    for (shape, place) in ACTING.iter() {
        if let Cow::Owned(without) = shape.replace_all(&text, *place) {
            text = Cow::Owned(without);
        }
    }
    // One that was put together by what was taken out.
    text.replace("![", "! [")
}

/// What looks like a key, or stands where one does.
fn shaped(text: &str) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    for shape in SHAPES.iter() {
        let keys = shape.captures_iter(text).filter_map(|found| found.get(1));
        places.extend(keys.filter(|key| key.as_str().bytes().any(|byte| byte.is_ascii_digit())).map(|key| key.range()));
    }
    for shape in AROUND.iter() {
        for found in shape.captures_iter(text) {
            let (Some(whole), Some(key)) = (found.get(1), found.get(2)) else { continue };
            // What another text is put into in its place is none.
            let has_digit = key.as_str().bytes().any(|byte| byte.is_ascii_digit());
            if has_digit || !key.as_str().starts_with(['{', '$', '<', '%', '(', '[', '*']) {
                places.push(whole.range());
            }
        }
    }
    places
}

/// Blocks of private keys, from their first line to their last, or to the end of the text where that is missing.
fn private_keys(text: &str) -> Vec<Range<usize>> {
    const BEGIN: &str = "-----BEGIN ";
    let mut places = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find(BEGIN) {
        let start = from + at;
        let behind = start + BEGIN.len();
        from = behind;
        let label = text[behind..].split("-----").next().unwrap_or_default();
        if label.len() > 60 || !label.contains("PRIVATE KEY") {
            continue;
        }
        let ending = format!("-----END {label}-----");
        let end = text[behind..].find(&ending).map_or(text.len(), |at| behind + at + ending.len());
        places.push(start..end);
        from = end;
    }
    places
}

#[cfg(test)]
mod tests {
    use airlock_core::conversation::ToolCall;

    use super::*;

    #[test]
    fn a_source_s_own_keys_are_known_by_their_names() {
        let source = "DEBUG = 'yes-Please-9'\nDB_PASSWORD = \"Hunter2-of-ours\"\nAUTH = {'api_key': 'A1b2C3d4E5', 'token_name': \
                      'session_token'}\nconfig['SECRET'] = b'x' * 9\nSECRET_KEY: str = 'Z9-and-more'\nKEY = 'short1'\n";
        assert_eq!(assigned_keys(source, 9), ["Hunter2-of-ours", "A1b2C3d4E5", "Z9-and-more"]);
        assert_eq!(assigned_keys(source, 1), ["Hunter2-of-ours"]);
    }

    #[test]
    fn words_fetch_and_run_nothing_where_they_are_shown() {
        assert_eq!(ACTING.len(), 5, "every shape is a pattern");
        let outward = Outward::new(["canary-value".to_owned()]);
        for (words, shown) in [
            (
                "It compares `a` and `b`.\n- [docs](https://example.com/a)",
                "It compares `a` and `b`.\n- [docs](https://example.com/a)",
            ),
            ("a < b, `List<int>`, x![0]", "a < b, `List<int>`, x[picture left out: 0]"),
            ("see ![a](http://x/?q=1) there", "see [picture left out: a] there"),
            ("![a][ref]", "[picture left out: a]"),
            ("<img src=http://x/y>", "[HTML left out]"),
            ("<IMG\tsrc=\"http://x/y\"", "[HTML left out]"),
            ("[go](command:workbench.action.terminal?x)", "[go] [link left out]"),
            ("[go]( <COMMAND:x> )", "[go] [link left out]"),
            ("<vscode://x/y>", "[link left out]"),
            ("[r]: javascript:alert(1)", "[link left out]"),
            ("![a](x)![b](y)", "[picture left out: a][picture left out: b]"),
            ("!<a>[b](http://x)", "![HTML left out][b](http://x)"),
            ("\u{1b}]8;;http://x\u{7}go canary-value", "\\x1b]8;;http://x\\x07go [key hidden by Airlock]"),
        ] {
            let said = outward.words(words);
            assert_eq!(said.replace("! [", "!["), shown.replace("! [", "!["), "{words}");
            assert!(!said.contains("!["), "{said}");
        }
    }

    #[test]
    fn every_shape_is_a_pattern_and_what_looks_like_a_key_is_hidden() {
        assert_eq!((SHAPES.len(), AROUND.len()), (11, 2));
        let outward = Outward::default();
        for key in [
            "sk-canary0123456789abcdef",
            "sk-ant-api03-AAAAAAAAAAAAAAAAAAAA",
            "sk_live_0123456789abcdefghij",
            "ghp_0123456789abcdefghijABCDEFGHIJ012345",
            "github_pat_11ABCDEFG0123456789abc_def",
            "glpat-0123456789abcdefghij",
            "AKIAIOSFODNN7EXAMPLE",
            "xoxb-123456789012-abcdefghijkl",
            "AIzaSyA0123456789abcdefghijklmnopqrstuv",
            "hf_0123456789abcdefghijABCDEFGHIJ0123",
            "gsk_0123456789abcdefghijABCDEFGHIJ0123",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghij0123456789",
            "rk_live_0123456789abcdefghij",
            "xapp-1-A0123456789-abcdef",
            "npm_0123456789abcdefghijABCDEFGHIJ0123",
            "pypi-AgEIcHlwaS5vcmcCJDAxMjM0NTY3",
            "dop_v1_0123456789abcdef0123456789abcdef",
            "shpat_0123456789abcdef0123456789abcdef",
            "dckr_pat_0123456789abcdefghijABCDEFG",
            "tfp_0123456789abcdefghijABCDEFGHIJ",
            "xai-0123456789abcdefghijABCDEFGHIJ",
            "SG.0123456789abcdefghij.0123456789abcdefghij",
            "postgres://admin:hunter22hunter@",
        ] {
            let text = format!("token = \"{key}\"\nnext");
            let shown = outward.show(&text);
            assert_eq!((shown.text, shown.keys), (format!("token = \"{MARK}\"\nnext"), 1), "{key}");
        }
        let pem = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nAAAA\n-----END RSA PRIVATE KEY-----\nb";
        assert_eq!(outward.redacted(pem), format!("a\n{MARK}\n\n\n\nb"), "lines keep their numbers");
        assert_eq!(outward.redacted("-----BEGIN PRIVATE KEY-----\nMIIE"), format!("{MARK}\n"), "cut off");
    }

    #[test]
    fn keys_are_hidden_whatever_stands_around_them() {
        let outward = Outward::new(["hunter2hunter2".to_owned(), "hunter2-and-more".to_owned()]);
        let key = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
        for (text, expected) in [
            ("redis://:s3cretpassw0rd@cache".to_owned(), format!("{MARK}cache")),
            ("postgres://admin:correcthorsebattery@db".to_owned(), format!("{MARK}db")),
            (format!("'\\n{key}'"), format!("'\\n{MARK}'")),
            (format!("TOKEN_{key}"), format!("TOKEN_{MARK}")),
            (format!("\u{1b}[31m{key}"), format!("\u{1b}[31m{MARK}")),
            (format!("a=%0A{key}"), format!("a=%0A{MARK}")),
            (format!("{key} {key}"), format!("{MARK} {MARK}")),
            (
                "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n".to_owned(),
                format!("aws_secret_access_key = {MARK}\n"),
            ),
            (
                "{\"SecretAccessKey\": \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\"}".to_owned(),
                format!("{{\"SecretAccessKey\": \"{MARK}\"}}"),
            ),
            ("x hunter2hunter2-and-more y".to_owned(), format!("x {MARK} y")),
            ("redis://:hunter2hunter2@sk-canary0123456789abcdef".to_owned(), MARK.to_owned()),
        ] {
            assert_eq!(outward.redacted(&text), expected);
        }
        for text in ["f\"postgres://{user}:{password}@{host}/{name}\"", "https://${USER}:${PASSWORD}@example.org"] {
            assert!(matches!(outward.redacted(text), Cow::Borrowed(_)), "{text}");
        }
        let call = ToolCall { id: "1".into(), name: "x".into(), arguments: format!("{{\"{key}\":\"{key}\"}}") };
        let messages = vec![Message::Assistant { parts: vec![Part::Call(call)] }];
        let request = Request {
            system: String::new(),
            messages,
            tools: vec![],
            tool_choice: Default::default(),
            max_output_tokens: 1,
        };
        assert!(!serde_json::to_string(&outward.request(request)).unwrap().contains("ghp_"));
    }

    #[test]
    fn what_is_no_key_stays() {
        let outward = Outward::default();
        for text in [
            "disk-usage-of-the-whole-machine",
            "pk_order_items_2023_index_by_customer",
            "npm_package_config_registry_url_of_2024",
            "sk-learn-contributions-are-welcome",
            "https://example.org:8080/a@b",
            "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
            "the word AKIA alone",
            "def test_npm_packages_are_listed(): pass",
        ] {
            assert!(matches!(outward.redacted(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn known_values_are_hidden_wherever_they_are() {
        let outward = Outward::new(["hunter2hunter2".to_owned(), "short".to_owned(), "hunter2hunter2-more".to_owned()]);
        assert_eq!(outward.redacted("a hunter2hunter2-more b hunter2hunter2"), format!("a {MARK} b {MARK}"));
        assert_eq!(outward.redacted("short"), "short");
        assert!(!format!("{outward:?}").contains("hunter"));
        let request = Request {
            system: "hunter2hunter2".into(),
            messages: vec![
                Message::User { text: "x hunter2hunter2".into() },
                Message::Assistant { parts: vec![Part::Text { text: "hunter2hunter2".into() }] },
                Message::Tools {
                    results: vec![ToolResult { id: "1".into(), text: "hunter2hunter2".into(), is_error: false }],
                },
            ],
            tools: vec![],
            tool_choice: Default::default(),
            max_output_tokens: 1,
        };
        let clean = outward.request(request);
        assert!(!serde_json::to_string(&clean).unwrap().contains("hunter2"));
        assert_eq!(outward.request(clean.clone()), clean, "once is enough");
    }

    #[test]
    fn what_cannot_be_seen_is_shown_and_counted() {
        let shown = Outward::default().show("a\u{202e}b\u{1b}[31m\u{200b}\u{e0041}");
        assert_eq!(shown.text, "a\\u{202e}b\\x1b[31m\\u{200b}\\u{e0041}");
        assert_eq!(shown.hidden, 4);
        let flagged = Outward::default().flagged("a\u{202e}b");
        assert!(flagged.ends_with("[1 invisible or control characters are shown as escapes]"), "{flagged}");
        assert_eq!(Outward::default().flagged("plain"), "plain");
    }
}
