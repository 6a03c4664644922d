//! What a provider's "no" means. Each says it in its own shape and its own words; here is one place that knows them.
//!
//! Sources: <https://platform.openai.com/docs/guides/error-codes>, <https://platform.claude.com/docs/en/api/errors>,
//! <https://openrouter.ai/docs/api-reference/errors>, <https://api-docs.deepseek.com/quick_start/error_codes>,
//! <https://console.groq.com/docs/errors>, `tools/server/README.md` of llama.cpp, and the answers of vLLM, Ollama, LM Studio.

use serde_json::Value;

/// A refusal as it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status of HTTP; 0 in the middle of a stream.
    pub status: u16,
    pub kind: Kind,
    /// What the provider said, unbounded and with whatever it repeats.
    pub said: String,
    /// The parameter that it named.
    pub parameter: String,
}

/// What to make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Key,
    Credit,
    UnknownModel,
    UnknownPath,
    RateLimit,
    Overloaded,
    ContextTooLong,
    Declined,
    Other,
}

impl Refusal {
    /// Of an answer that is no success.
    pub fn of_answer(status: u16, body: &str) -> Self {
        let value: Value = serde_json::from_str(body).unwrap_or(Value::Null);
        // Some wrap it in a list.
        let value = value.get(0).cloned().unwrap_or(value);
        let Error { said, code, kind, parameter } = Error::read(&value);
        // Text that is no JSON is what was said; a page is not.
        let said = match said.is_empty() && !body.trim_start().starts_with(['<', '{', '[']) {
            true => body.to_owned(),
            false => said,
        };
        Self { status, kind: classify(status, &code, &kind, &said), said, parameter }
    }

    /// Of an event or a reply that holds an error.
    pub fn in_stream(value: &Value) -> Option<Self> {
        let error = &value["error"];
        let has = error.is_object() || error.as_str().is_some_and(|text| !text.is_empty());
        if !has && value["type"] != "error" && value["object"] != "error" {
            return None;
        }
        let Error { said, code, kind, parameter } = Error::read(value);
        // Some give the status as the code.
        let status = code.parse().unwrap_or(0);
        Some(Self { status, kind: classify(status, &code, &kind, &said), said, parameter })
    }

    /// A failure of the provider that it did not explain.
    pub fn overloaded(said: &str) -> Self {
        Self { status: 0, kind: Kind::Overloaded, said: said.to_owned(), parameter: String::new() }
    }
}

#[derive(Default)]
struct Error {
    said: String,
    code: String,
    kind: String,
    parameter: String,
}

impl Error {
    /// Reads `{"error": {…}}`, `{"error": "…"}`, `{"message": …}` and `{"detail": …}`.
    fn read(value: &Value) -> Self {
        let error = match &value["error"] {
            error @ Value::Object(_) => error,
            Value::String(said) => return Self { said: said.clone(), ..Self::default() },
            _ => value,
        };
        let word = |name: &str| match &error[name] {
            Value::String(word) => word.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        let said = ["message", "detail", "msg"].iter().find_map(|name| match &error[*name] {
            Value::String(said) if !said.is_empty() => Some(said.clone()),
            said @ (Value::Array(_) | Value::Object(_)) => Some(said.to_string()),
            _ => None,
        });
        let mut said = said.unwrap_or_default();
        // OpenRouter hands the words of whom it asked along.
        if let Some(raw) = error["metadata"]["raw"].as_str() {
            said = format!("{said}: {raw}");
        }
        Self { said, code: word("code"), kind: word("type"), parameter: word("param") }
    }
}

/// Words that only a request has caused that is too long for its model.
const TOO_LONG: [&str; 13] = [
    "context_length_exceeded",
    "exceed_context_size",
    "maximum context length",
    "prompt is too long",
    "exceed context limit",
    "exceeds the available context size",
    "exceeds the context window",
    "context window of this model",
    "greater than the context length",
    "input is too long",
    "too large for model with",
    "reduce the length of the messages",
    "request_too_large",
];

const NO_MODEL: [&str; 9] = [
    "model_not_found",
    "model not exist",
    "is not a valid model",
    "invalid model",
    "no such model",
    "does not exist or you do not have access",
    "unknown model",
    "model not found",
    "invalid_model",
];

const NO_CREDIT: [&str; 6] = [
    "insufficient_quota",
    "insufficient balance",
    "credit balance is too low",
    "insufficient credits",
    "billing_error",
    "exceeded your current quota",
];

const DECLINED: [&str; 5] =
    ["content_policy", "content_filter", "content management policy", "input was flagged", "invalid_prompt"];

fn classify(status: u16, code: &str, kind: &str, said: &str) -> Kind {
    let all = format!("{code} {kind} {said}").to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| all.contains(word));
    // Ollama: model 'x' not found. Anthropic: model: x.
    let names_model = says(&NO_MODEL)
        || all.contains("model ") && (all.contains(" not found") || all.contains(" does not exist"))
        || kind == "not_found_error" && said.starts_with("model:");
    match status {
        _ if says(&NO_CREDIT) => Kind::Credit,
        402 => Kind::Credit,
        429 => Kind::RateLimit,
        // Groq has this status for requests above the tokens of a minute.
        413 if all.contains("per minute") => Kind::RateLimit,
        400 | 403 if says(&DECLINED) => Kind::Declined,
        401 | 403 => Kind::Key,
        400 | 413 | 422 | 500 if says(&TOO_LONG) => Kind::ContextTooLong,
        413 => Kind::ContextTooLong,
        400 | 404 | 422 if names_model => Kind::UnknownModel,
        404 => Kind::UnknownPath,
        408 | 409 | 425 | 500..=599 => Kind::Overloaded,
        0 if says(&TOO_LONG) => Kind::ContextTooLong,
        0 if says(&DECLINED) => Kind::Declined,
        0 if says(&["rate_limit", "rate limit"]) => Kind::RateLimit,
        0 if says(&["overloaded", "api_error", "server_error", "timeout_error", "internal"]) => Kind::Overloaded,
        0 if says(&["authentication_error", "permission_error"]) => Kind::Key,
        _ => Kind::Other,
    }
}
