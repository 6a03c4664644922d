//! What a client is made with.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::error::ModelError;
use crate::presets::{Preset, Quirks};
use crate::protocol::{Limits, Protocol};
use crate::redact::is_hidden;
use crate::retry::Retries;
use crate::secret::Secret;

/// What a client is made with. [`Settings::of`] has the usual values.
#[derive(Clone, Debug)]
pub struct Settings {
    pub protocol: Protocol,
    /// The address before the protocol's own paths, such as `https://api.openai.com/v1`.
    pub base_url: String,
    pub model: String,
    /// None where the server asks for none.
    pub key: Option<Secret>,
    /// Certificates (PEM) that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Plain http to other hosts than this one.
    pub allow_insecure_http: bool,
    /// Go through the proxy that the system or the environment names. This machine is always asked directly.
    pub use_system_proxy: bool,
    pub quirks: Quirks,
    /// How hard to think, in the provider's words (`low`, `medium`, `high`, …). None leaves it to the provider.
    pub effort: Option<String>,
    /// Most tokens of thinking, for models of Anthropic that want a number in place of an effort.
    pub thinking_tokens: Option<u32>,
    /// Keeps requests of one session together in OpenAI's cache.
    pub cache_key: Option<String>,
    /// Further fields of each request's body, over those of this crate.
    pub extra: Map<String, Value>,
    pub timeouts: Timeouts,
    pub limits: Limits,
    pub retries: Retries,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// From the request to the first byte of the reply, in which a local model reads all of the question.
    pub first_byte: Duration,
    /// Between two pieces of the reply.
    pub idle: Duration,
    /// For the whole question, further tries and the waits between them included.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            first_byte: Duration::from_secs(300),
            idle: Duration::from_secs(120),
            whole: Duration::from_secs(1800),
        }
    }
}

impl Settings {
    /// The usual settings for a model of a provider.
    pub fn of(preset: &Preset, model: &str, key: Option<Secret>) -> Self {
        Self {
            protocol: preset.protocol,
            base_url: preset.base_url.clone(),
            model: model.to_owned(),
            key,
            ca_file: None,
            allow_insecure_http: false,
            use_system_proxy: true,
            quirks: preset.quirks.clone(),
            effort: None,
            thinking_tokens: None,
            cache_key: None,
            extra: Map::new(),
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            retries: Retries::default(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), ModelError> {
        let words = [
            ("model", Some(&self.model), self.limits.name_bytes),
            ("effort", self.effort.as_ref(), 32),
            ("cache_key", self.cache_key.as_ref(), 64),
        ];
        for (name, word, limit) in words {
            let Some(word) = word else { continue };
            let why = if word.trim().is_empty() {
                "it is empty"
            } else if word.len() > limit {
                "it is too long"
            } else if word.chars().any(is_hidden) {
                "it has control characters"
            } else {
                continue;
            };
            return Err(ModelError::BadSetting { name, why });
        }
        let Timeouts { connect, first_byte, idle, whole } = self.timeouts;
        if [connect, first_byte, idle, whole].contains(&Duration::ZERO) {
            return Err(ModelError::BadSetting { name: "timeouts", why: "one of them is nothing" });
        }
        Ok(())
    }
}
