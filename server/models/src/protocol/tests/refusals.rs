//! What each provider says when it says no.

use super::super::{Kind, Refusal};
use super::*;

fn kind(status: u16, body: Value) -> Kind {
    Refusal::of_answer(status, &body.to_string()).kind
}

fn openai(message: &str, kind: &str, code: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

fn anthropic(kind: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"})
}

#[test]
fn a_request_that_is_too_long_at_each_provider() {
    let said = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.";
    for (status, body) in [
        (400, openai(said, "invalid_request_error", Some("context_length_exceeded"))),
        (400, openai("Your input exceeds the context window of this model.", "invalid_request_error", None)),
        (400, anthropic("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum")),
        (
            400,
            anthropic(
                "invalid_request_error",
                "input length and `max_tokens` exceed context limit: 199000 + 20000 > 200000",
            ),
        ),
        (413, anthropic("request_too_large", "Request exceeds the maximum size")),
        (400, json!({"error": {"code": 400, "message": "This endpoint's maximum context length is 32768 tokens."}})),
        (
            400,
            json!({"error": {
                "code": 400, "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error", "n_prompt_tokens": 3000, "n_ctx": 2048,
            }}),
        ),
        (400, json!({"object": "error", "message": said, "type": "BadRequestError", "code": 400})),
        (
            400,
            json!({"error": "The number of tokens to keep from the initial prompt is greater than the context length."}),
        ),
        (
            400,
            json!({
                "object": "error", "type": "invalid_request_error",
                "message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
            }),
        ),
        (400, openai(said, "invalid_request_error", Some("invalid_request_error"))),
        (
            413,
            openai(
                "Please reduce the length of the messages or completion.",
                "invalid_request_error",
                Some("context_length_exceeded"),
            ),
        ),
    ] {
        assert_eq!(kind(status, body.clone()), Kind::ContextTooLong, "{body}");
    }
}

#[test]
fn a_model_that_is_not_there_at_each_provider() {
    for (status, body) in [
        (
            404,
            openai(
                "The model `x` does not exist or you do not have access to it.",
                "invalid_request_error",
                Some("model_not_found"),
            ),
        ),
        (404, anthropic("not_found_error", "model: claude-x")),
        (400, json!({"error": {"message": "x is not a valid model ID", "code": 400}})),
        (404, json!({"error": {"message": "model 'x' not found", "type": "not_found_error"}})),
        (404, json!({"error": "model \"x\" not found, try pulling it first"})),
        (
            404,
            json!({"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404}),
        ),
        (400, json!({"object": "error", "message": "Invalid model: x", "type": "invalid_model", "code": "1500"})),
        (400, openai("Model Not Exist", "invalid_request_error", Some("invalid_request_error"))),
    ] {
        assert_eq!(kind(status, body.clone()), Kind::UnknownModel, "{body}");
    }
    assert_eq!(kind(404, json!({"detail": "Not Found"})), Kind::UnknownPath);
    assert_eq!(Refusal::of_answer(404, "404 page not found").kind, Kind::UnknownPath);
}

#[test]
fn keys_money_limits_and_failures() {
    for (status, body, expected) in [
        (401, openai("Incorrect API key provided: sk-x.", "invalid_request_error", Some("invalid_api_key")), Kind::Key),
        (401, anthropic("authentication_error", "invalid x-api-key"), Kind::Key),
        (403, anthropic("permission_error", "Your API key does not have permission"), Kind::Key),
        (401, json!({"message": "Unauthorized", "request_id": "r"}), Kind::Key),
        (
            429,
            openai(
                "You exceeded your current quota, please check your plan.",
                "insufficient_quota",
                Some("insufficient_quota"),
            ),
            Kind::Credit,
        ),
        (402, openai("Insufficient Balance", "unknown_error", Some("invalid_request_error")), Kind::Credit),
        (402, json!({"error": {"code": 402, "message": "Insufficient credits"}}), Kind::Credit),
        (400, anthropic("invalid_request_error", "Your credit balance is too low to access the API."), Kind::Credit),
        (429, openai("Rate limit reached for gpt-5", "tokens", Some("rate_limit_exceeded")), Kind::RateLimit),
        (429, anthropic("rate_limit_error", "This request would exceed your rate limit"), Kind::RateLimit),
        (
            413,
            openai("Request too large for model x on tokens per minute (TPM)", "tokens", Some("rate_limit_exceeded")),
            Kind::RateLimit,
        ),
        (529, anthropic("overloaded_error", "Overloaded"), Kind::Overloaded),
        (500, openai("The server had an error", "server_error", None), Kind::Overloaded),
        (
            503,
            json!({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}),
            Kind::Overloaded,
        ),
        (408, json!({}), Kind::Overloaded),
        (
            403,
            json!({"error": {"code": 403, "message": "x requires moderation: your input was flagged"}}),
            Kind::Declined,
        ),
        (
            400,
            openai("Invalid prompt: it was flagged", "invalid_request_error", Some("invalid_prompt")),
            Kind::Declined,
        ),
        (400, openai("Missing required parameter: 'input'", "invalid_request_error", None), Kind::Other),
        (418, json!({}), Kind::Other),
    ] {
        assert_eq!(kind(status, body.clone()), expected, "{status} {body}");
    }
}

#[test]
fn what_was_said_is_found_in_every_shape() {
    for (body, said) in [
        (r#"{"error": {"message": "a"}}"#, "a"),
        (r#"{"error": "a"}"#, "a"),
        (r#"{"message": "a"}"#, "a"),
        (r#"{"detail": "a"}"#, "a"),
        (r#"{"detail": [{"loc": ["body"]}]}"#, r#"[{"loc":["body"]}]"#),
        (r#"[{"error": {"message": "a"}}]"#, "a"),
        (r#"{"error": {"message": "a", "metadata": {"raw": "b"}}}"#, "a: b"),
        ("plain words", "plain words"),
        ("<html>page</html>", ""),
        ("{broken", ""),
        ("", ""),
    ] {
        assert_eq!(Refusal::of_answer(400, body).said, said, "{body}");
    }
}
