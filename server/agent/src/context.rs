//! What a model is told before it asks: a map of the project, the project's own rules, and the parts of its first message.

pub mod brief;
pub mod map;
pub mod rules;
pub mod tags;

/// Bytes that are taken for one token. English and code have three to four in the vocabularies of today's models, so this
/// counts too few rather than too many tokens for other text; budgets are bounds on length and not on money.
pub const BYTES_PER_TOKEN: usize = 4;

/// About how many tokens a text has.
pub fn tokens(text: &str) -> usize {
    text.len().div_ceil(BYTES_PER_TOKEN)
}

/// A text of at most about so many bytes, whole lines where it can be, with a note where it was cut that says what to do.
fn cut(text: &str, most: usize, how: &str) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let mut at = most;
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let line = text[..at].rfind('\n').filter(|line| line * 2 > at).unwrap_or(at);
    format!("{}\n[cut: {line} of {} bytes shown; {how}]", &text[..line], text.len())
}
