//! Takes keys and control characters out of what a provider said, and bounds it.

use crate::secret::Secret;

/// Longest text of a provider that an error holds, in bytes.
pub const MAX_SAID_BYTES: usize = 600;

/// How keys begin, those of providers and of others that could stand in a request.
const BEGINNINGS: [&str; 16] = [
    "sk-",
    "sk_",
    "pk-",
    "gsk_",
    "rk-",
    "xai-",
    "hf_",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "AIza",
    "AKIA",
    "xox",
    "eyJ",
];

/// A text for people: one line, without the key, whatever looks like one, and characters that show as nothing.
pub fn said(text: &str, key: Option<&Secret>) -> String {
    // Far more than is kept, so that the rest costs nothing. A key that is cut here is one that is hidden below.
    let text = &text[..text.floor_char_boundary(16 * MAX_SAID_BYTES)];
    let mut out = match key.map(Secret::expose) {
        // A short one could be part of any word.
        Some(key) if key.len() >= 4 => text.replace(key, "[key]"),
        _ => text.to_owned(),
    };
    out = out.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    let words: Vec<String> = out.split_whitespace().map(|word| hide(word, key)).collect();
    let mut line = words.join(" ");
    if line.len() > MAX_SAID_BYTES {
        line.truncate(line.floor_char_boundary(MAX_SAID_BYTES));
        line.push('…');
    }
    // Our own messages go on behind it.
    line.trim_end_matches(['.', ';', ' ']).to_owned()
}

/// Control characters, marks of direction, what has no width, and tags.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a text has the key, or a long piece of it.
pub fn has_key(text: &str, key: Option<&Secret>) -> bool {
    key.map(Secret::expose).is_some_and(|own| own.len() >= 4 && text.contains(own)) || shares(text, key)
}

/// Replaces the pieces of a word that look like a key, or share a long piece with it.
fn hide(word: &str, key: Option<&Secret>) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '.' | '+' | '/');
    let mut out = String::new();
    let mut rest = word;
    while !rest.is_empty() {
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(length);
        let looks = piece.len() >= 12 && BEGINNINGS.iter().any(|beginning| piece.starts_with(beginning));
        out.push_str(if looks || shares(piece, key) { "[key]" } else { piece });
        let next = after.chars().next().map_or(0, char::len_utf8);
        out.push_str(&after[..next]);
        rest = &after[next..];
    }
    out
}

/// Whether a text has eight characters in a row of the key.
fn shares(piece: &str, key: Option<&Secret>) -> bool {
    let Some(key) = key.map(Secret::expose) else { return false };
    key.len() >= 16
        && piece.len() >= 8
        && piece.as_bytes().windows(8).any(|window| key.as_bytes().windows(8).any(|own| own == window))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_out_whole_and_in_pieces() {
        let key = Secret::new("sk-proj-abcdefghijklmnop1234").unwrap();
        for text in [
            "Incorrect API key provided: sk-proj-abcdefghijklmnop1234. Find yours at https://example.com.",
            "Incorrect API key provided: sk-proj-********1234.",
            "token=\"sk-proj-abcdefghijklmnop1234\"",
            "key abcdefghijkl is wrong",
            "a\u{200b}sk-proj-abcdefghijklmnop1234b",
        ] {
            let said = said(text, Some(&key));
            assert!(said.contains("[key]") && !said.contains("abcdefgh") && !said.contains("1234"), "{said}");
        }
        // Another's key, and a signed token.
        let other = said("Bearer gsk_0123456789abcdef and eyJhbGciOiJIUzI1NiJ9.x", Some(&key));
        assert_eq!(other, "Bearer [key] and [key]");
        assert_eq!(said("sk-0123456789abcdef", None), "[key]");
    }

    #[test]
    fn words_that_are_no_keys_stay() {
        let key = Secret::new("none").unwrap();
        let text = "model gpt-5 at https://api.example.com/v1/models: risk-free, task_id 7";
        assert_eq!(said(text, Some(&key)), text);
    }

    #[test]
    fn what_shows_as_nothing_is_taken_out_and_the_rest_is_bounded() {
        assert_eq!(said("a\u{1b}[31mb\r\nc\u{202e}d\u{0}\u{e0041}e.", None), "a [31mb c d e");
        let long = said(&"é".repeat(100_000), None);
        assert!(long.len() <= MAX_SAID_BYTES + '…'.len_utf8() && long.ends_with('…'));
    }
}
