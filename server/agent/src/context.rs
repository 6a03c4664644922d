//! What a model is told before it asks: a map of the project, the project's own rules, and the parts of its first message.

pub mod tags;

/// Bytes that are taken for one token. English and code have three to four in the vocabularies of today's models, so this
/// counts too few rather than too many tokens for other text; budgets are bounds on length and not on money.
pub const BYTES_PER_TOKEN: usize = 4;

/// About how many tokens a text has.
pub fn tokens(text: &str) -> usize {
    text.len().div_ceil(BYTES_PER_TOKEN)
}
