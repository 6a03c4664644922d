//! What is known of each provider: protocol, address, where its key is, and in what it differs. All of it is data,
//! `data/presets.toml`.

use serde::Deserialize;

use crate::protocol::Protocol;

/// What is known of a provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    pub name: String,
    pub protocol: Protocol,
    pub base_url: String,
    /// The variable that has its key by custom. None where none is needed.
    pub key_variable: Option<String>,
    #[serde(default)]
    pub quirks: Quirks,
}

/// The field that bounds a reply of Chat Completions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenLimit {
    #[default]
    MaxTokens,
    MaxCompletionTokens,
}

/// In what a provider differs from the rest of those that speak its protocol.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    pub token_limit: TokenLimit,
    /// Understands `stream_options.include_usage`.
    pub stream_usage: bool,
    /// Understands `parallel_tool_calls`.
    pub parallel_tool_calls: bool,
    pub tool_choice: bool,
    /// Understands how hard to think: `reasoning_effort`, `reasoning.effort`, `thinking` and `output_config`.
    pub effort: bool,
    /// Gives summaries of its reasoning.
    pub reasoning_summary: bool,
    /// Gives its reasoning encrypted or signed, and takes it back.
    pub encrypted_reasoning: bool,
    /// Understands `prompt_cache_key`.
    pub cache_key: bool,
    /// Understands `cache_control`.
    pub cache_control: bool,
    /// Wants `reasoning_content` back in the messages that had it.
    pub reasoning_back: bool,
    /// Takes ids of nine letters and digits alone.
    pub short_ids: bool,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            token_limit: TokenLimit::MaxTokens,
            stream_usage: true,
            parallel_tool_calls: true,
            tool_choice: true,
            effort: true,
            reasoning_summary: true,
            encrypted_reasoning: true,
            cache_key: true,
            cache_control: true,
            reasoning_back: false,
            short_ids: false,
        }
    }
}

impl Quirks {
    /// These without the one that a refusal names; none where it names none that is in use. What was taken out is never put
    /// back, so this ends.
    pub(crate) fn without(&self, parameter: &str, said: &str) -> Option<Self> {
        let mut less = self.clone();
        let names = |words: &[&str]| {
            let named = |text: &str| words.iter().any(|word| text.contains(word));
            named(parameter) || named(said)
        };
        // The more particular first, as their names may hold others.
        if self.token_limit == TokenLimit::MaxTokens && names(&["max_completion_tokens"]) {
            less.token_limit = TokenLimit::MaxCompletionTokens;
        } else if self.stream_usage && names(&["stream_options", "include_usage"]) {
            less.stream_usage = false;
        } else if self.parallel_tool_calls && names(&["parallel_tool_calls"]) {
            less.parallel_tool_calls = false;
        } else if self.tool_choice && names(&["tool_choice", "forced tool use", "forces tool use"]) {
            less.tool_choice = false;
        } else if self.cache_key && names(&["prompt_cache_key"]) {
            less.cache_key = false;
        } else if self.cache_control && names(&["cache_control"]) {
            less.cache_control = false;
        } else if self.reasoning_summary && names(&["reasoning.summary", "reasoning summaries"]) {
            less.reasoning_summary = false;
        } else if self.encrypted_reasoning
            && (names(&["encrypted_content", "ncrypted content", "reasoning_details", "signature"])
                || parameter == "include")
        {
            less.encrypted_reasoning = false;
        } else if self.effort
            && (names(&["reasoning_effort", "reasoning.effort", "thinking", "output_config", "effort"])
                || parameter == "reasoning")
        {
            less.effort = false;
        } else {
            return None;
        }
        Some(less)
    }
}

#[derive(Deserialize)]
struct Presets {
    provider: Vec<Preset>,
}

/// All presets, in the order of the file.
///
/// # Panics
/// Never: a test reads the file.
pub fn presets() -> Vec<Preset> {
    let presets: Presets = toml::from_str(include_str!("../data/presets.toml")).expect("a test reads this file");
    presets.provider
}

/// The preset of a name.
pub fn preset(name: &str) -> Option<Preset> {
    presets().into_iter().find(|preset| preset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_is_there_once() {
        let names: Vec<String> = presets().into_iter().map(|preset| preset.name).collect();
        assert_eq!(
            names,
            [
                "openai",
                "openai-chat",
                "anthropic",
                "openrouter",
                "ollama",
                "llamacpp",
                "vllm",
                "lmstudio",
                "mistral",
                "deepseek",
                "groq",
            ]
        );
        for preset in presets() {
            let local = preset.base_url.starts_with("http://127.0.0.1:");
            assert!(local || preset.base_url.starts_with("https://"), "{preset:?}");
            assert_eq!(local, preset.key_variable.is_none(), "{preset:?}");
            assert!(!preset.base_url.ends_with('/'), "{preset:?}");
        }
        assert_eq!(preset("groq").unwrap().protocol, Protocol::Chat);
        assert_eq!(preset("nobody"), None);
    }

    #[test]
    fn a_refused_parameter_is_left_out_once() {
        let all = Quirks::default();
        for (parameter, said, changed) in [
            (
                "",
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                Quirks { token_limit: TokenLimit::MaxCompletionTokens, ..all.clone() },
            ),
            ("stream_options", "unknown", Quirks { stream_usage: false, ..all.clone() }),
            (
                "",
                "Unrecognized request argument supplied: parallel_tool_calls",
                Quirks { parallel_tool_calls: false, ..all.clone() },
            ),
            ("", "[{\"loc\":[\"body\",\"tool_choice\"]}]", Quirks { tool_choice: false, ..all.clone() }),
            ("prompt_cache_key", "", Quirks { cache_key: false, ..all.clone() }),
            (
                "",
                "system.0.cache_control: Extra inputs are not permitted",
                Quirks { cache_control: false, ..all.clone() },
            ),
            (
                "reasoning.summary",
                "Your organization must be verified",
                Quirks { reasoning_summary: false, ..all.clone() },
            ),
            (
                "include",
                "Encrypted content is not supported with this model.",
                Quirks { encrypted_reasoning: false, ..all.clone() },
            ),
            ("reasoning.effort", "Unsupported parameter", Quirks { effort: false, ..all.clone() }),
            (
                "",
                "messages.1.content.0: Invalid `signature` in block",
                Quirks { encrypted_reasoning: false, ..all.clone() },
            ),
            ("", "adaptive thinking is not supported on this model", Quirks { effort: false, ..all.clone() }),
        ] {
            let less = all.without(parameter, said);
            assert_eq!(less, Some(changed), "{said}");
            assert_eq!(less.unwrap().without(parameter, said), None, "{said}");
        }
        assert_eq!(all.without("messages", "messages: at least one message is required"), None);
    }
}
