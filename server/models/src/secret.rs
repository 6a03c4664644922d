//! A key, which nothing prints.

use std::fmt;

use crate::error::ModelError;

/// Longest key, in bytes. Those of providers have some hundred; signed tokens of gateways a few thousand.
pub const MAX_KEY_BYTES: usize = 16 * 1024;

/// A key of a provider. It has no `Display`, and its `Debug` says nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A key as a variable or a command gave it; white space around it is none of it.
    ///
    /// # Errors
    /// [`ModelError::BadKey`] where it is empty, too long, or has anything in it but visible ASCII.
    pub fn new(text: &str) -> Result<Self, ModelError> {
        let text = text.trim();
        let bad = |why: &'static str| Err(ModelError::BadKey { why });
        if text.is_empty() {
            return bad("it is empty");
        }
        if text.len() > MAX_KEY_BYTES {
            return bad("it is longer than any key");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return bad("it has spaces, line ends or other characters that no key has; take the key alone");
        }
        Ok(Self(text.to_owned()))
    }

    /// The key itself, for the one header it goes into.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_printed() {
        let key = Secret::new("  sk-very-secret\n").unwrap();
        assert_eq!(key.expose(), "sk-very-secret");
        assert_eq!(format!("{key:?}"), "Secret(…)");
        assert_eq!(format!("{:?}", Some(key)), "Some(Secret(…))");
    }

    #[test]
    fn what_no_key_can_be_is_refused_without_being_repeated() {
        for text in ["", "  \n", "a b", "a\nb", "schlüssel", "a\u{0}b", &"x".repeat(MAX_KEY_BYTES + 1)] {
            let error = Secret::new(text).unwrap_err();
            assert!(matches!(error, ModelError::BadKey { .. }), "{error}");
            let said = error.to_string();
            assert!(text.trim().len() < 2 || !said.contains(text), "{said}");
        }
    }
}
