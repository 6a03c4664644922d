//! Text from elsewhere, made safe to show: what cannot be seen, or changes how the rest is seen, is shown as its escape.
//!
//! Escaped are control characters (ANSI sequences begin with one), the bidirectional controls of CVE-2021-42574, tag
//! characters and variation selectors (which can carry whole messages unseen), zero-width characters, line separators
//! other than `\n`, fillers that show as nothing, noncharacters and private-use characters.

use std::borrow::Cow;

/// Whether a character is escaped before it is shown. `\n` and `\t` are not.
pub fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        c if c.is_control() => true,
        // Soft hyphen, combining grapheme joiner, Arabic letter mark, Hangul and Khmer fillers.
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' => true,
        '\u{180b}'..='\u{180f}' => true,
        // Zero width, marks of direction; line and paragraph separator, embeddings and overrides.
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        // Word joiner, invisible operators, isolates, deprecated format characters.
        '\u{2060}'..='\u{206f}' => true,
        // Empty braille cell, Hangul fillers.
        '\u{2800}' | '\u{3164}' | '\u{ffa0}' => true,
        // U+FE0F makes an emoji of a letter and alone carries nothing.
        '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' => true,
        // Musical and shorthand format controls.
        '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' => true,
        // Tags and the supplement of variation selectors.
        '\u{e0000}'..='\u{e0fff}' => true,
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => true,
        c => u32::from(c) & 0xfffe == 0xfffe || ('\u{fdd0}'..='\u{fdef}').contains(&c),
    }
}

/// Whether a text has something that [`visible`] would escape; worth a flag beside it.
pub fn has_hidden(text: &str) -> bool {
    text.chars().any(is_hidden)
}

/// The text with everything hidden as an escape: `\x1b`, `\r`, `\u{202e}`. Lines and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !has_hidden(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    text.chars().for_each(|c| push_visible(&mut out, c));
    Cow::Owned(out)
}

/// Like [`visible`], for bytes that should be UTF-8: each that is not becomes `\xff`.
pub fn visible_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push_visible(&mut out, c));
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
    }
    out
}

/// A text on one line of at most `max` characters, for titles and lists: line breaks become `⏎`, tabs spaces, and what is
/// too long ends in `…`.
pub fn one_line(text: &str, max: usize) -> String {
    clipped(text.trim(), max)
}

/// Like [`one_line`], with the blanks at both ends kept: for lines of code.
pub fn clipped(text: &str, max: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    for c in text.chars() {
        let mut shown = String::new();
        match c {
            '\n' => shown.push('⏎'),
            '\t' => shown.push(' '),
            c => push_visible(&mut shown, c),
        }
        count += shown.chars().count();
        if count > max {
            while out.chars().count() >= max.max(1) {
                out.pop();
            }
            out.push('…');
            break;
        }
        out.push_str(&shown);
    }
    out
}

fn push_visible(out: &mut String, c: char) {
    match c {
        '\r' => out.push_str("\\r"),
        c if !is_hidden(c) => out.push(c),
        c if u32::from(c) < 0x100 => out.push_str(&format!("\\x{:02x}", u32::from(c))),
        c => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_shown() {
        let cases = [
            ("plain ü 漢 👍\u{fe0f}\n\tx", "plain ü 漢 👍\u{fe0f}\n\tx"),
            ("\u{1b}[31mred\u{1b}[0m", "\\x1b[31mred\\x1b[0m"),
            ("\u{9b}31m", "\\x9b31m"),
            ("a\r\nb\0\u{7}", "a\\r\nb\\x00\\x07"),
            ("if admin\u{202e}\u{2066}// \u{2069}", "if admin\\u{202e}\\u{2066}// \\u{2069}"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("x\u{e0041}\u{e0042}", "x\\u{e0041}\\u{e0042}"),
            ("x\u{e0100}\u{fe01}", "x\\u{e0100}\\u{fe01}"),
            ("\u{3164}\u{2800}\u{2028}", "\\u{3164}\\u{2800}\\u{2028}"),
            ("\u{ffff}\u{1fffe}\u{f8ff}", "\\u{ffff}\\u{1fffe}\\u{f8ff}"),
        ];
        for (text, expected) in cases {
            assert_eq!(visible(text), expected);
            assert_eq!(has_hidden(text), text != expected);
            assert!(!has_hidden(&visible(text)), "showing twice changes nothing");
        }
        assert!(matches!(visible("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_one_by_one() {
        assert_eq!(visible_bytes(b"a\xff\xc3\xa9\xe2\x82\x1b"), "a\\xffé\\xe2\\x82\\x1b");
    }

    #[test]
    fn titles_are_one_bounded_line() {
        assert_eq!(one_line("  a\nb\tc ", 20), "a⏎b c");
        assert_eq!(one_line("abcdef", 6), "abcdef");
        assert_eq!(one_line("abcdefg", 6), "abcde…");
        assert_eq!(one_line("ab\u{202e}", 4), "ab…");
        assert_eq!(one_line("abcd", 0), "…");
        assert_eq!(clipped("  x\t", 9), "  x ");
    }
}
