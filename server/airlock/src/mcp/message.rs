//! A line as a message of the protocol, or the answer to one that is none.

use rmcp::ErrorData;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, GetMeta, JsonRpcMessage, ProtocolVersion, RequestId};
use serde_json::Value;

/// What a line is.
#[derive(Debug)]
pub enum Incoming {
    Message(Box<ClientJsonRpcMessage>),
    /// It is answered by this.
    Bad {
        id: Option<RequestId>,
        error: ErrorData,
    },
    /// It is no request, so nothing answers it.
    Nothing(String),
}

/// Longest id of a request that is taken, in bytes: it goes back with the answer.
const MAX_ID: usize = 256;

/// Reads a line. Nesting is bounded by the JSON reader (128 levels).
pub fn decode(line: &[u8]) -> Incoming {
    let mut value: Value = match serde_json::from_slice(line) {
        Ok(value) => value,
        Err(error) => return bad(None, ErrorData::parse_error(format!("a message is no JSON: {error}"), None)),
    };
    let Value::Object(members) = &mut value else {
        let message = "a message is no object; batches are not part of this protocol's versions";
        return bad(None, ErrorData::invalid_request(message, None));
    };
    let id = members.get("id").and_then(|id| serde_json::from_value::<RequestId>(id.clone()).ok());
    let has_id = members.contains_key("id");
    let is_call = members.contains_key("method");
    if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return bad(id, ErrorData::invalid_request("a message is not of JSON-RPC 2.0", None));
    }
    if is_call && has_id && !id.as_ref().is_some_and(is_short) {
        let message = format!("a request's id is neither a whole number nor a string of at most {MAX_ID} bytes");
        return bad(None, ErrorData::invalid_request(message, None));
    }
    // Some clients write null for no parameters.
    if is_call && members.get("params").is_some_and(Value::is_null) {
        members.remove("params");
    }
    if let Some(params) = members.get("params")
        && is_call
        && !params.is_object()
    {
        return match id {
            Some(_) => bad(id, ErrorData::invalid_params("a request's params are no object", None)),
            None => Incoming::Nothing("a notification's params are no object".to_owned()),
        };
    }
    match serde_json::from_value::<ClientJsonRpcMessage>(value) {
        Ok(message) => Incoming::Message(Box::new(message)),
        Err(error) if is_call && has_id => {
            bad(id, ErrorData::invalid_request(format!("a request is none: {error}"), None))
        }
        Err(error) => Incoming::Nothing(format!("a message is none: {error}")),
    }
}

/// Whether a message may come before a conversation has begun: at anything but a request the service ends there.
pub fn may_be_first(message: &ClientJsonRpcMessage) -> bool {
    matches!(message, JsonRpcMessage::Request(_))
}

/// Whether a message begins a conversation: by `initialize`, or, in the versions without it, by naming version and capabilities
/// in a request.
pub fn is_beginning(message: &ClientJsonRpcMessage) -> bool {
    let JsonRpcMessage::Request(request) = message else { return false };
    match &request.request {
        ClientRequest::InitializeRequest(_) => true,
        // They may come before, and begin nothing.
        ClientRequest::PingRequest(_) | ClientRequest::DiscoverRequest(_) => false,
        request => {
            let meta = request.get_meta();
            let version = meta.protocol_version().filter(|version| ProtocolVersion::KNOWN_VERSIONS.contains(version));
            version.is_some() && meta.missing_required_keys(&ProtocolVersion::V_2026_07_28).is_empty()
        }
    }
}

fn is_short(id: &RequestId) -> bool {
    match id {
        RequestId::String(word) => word.len() <= MAX_ID,
        RequestId::Number(_) => true,
    }
}

fn bad(id: Option<RequestId>, error: ErrorData) -> Incoming {
    Incoming::Bad { id: id.filter(is_short), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bad_message_has_the_code_of_the_protocol() {
        let code = |text: &str| match decode(text.as_bytes()) {
            Incoming::Bad { error, .. } => error.code.0,
            Incoming::Message(_) => 1,
            Incoming::Nothing(_) => 0,
        };
        let deep = format!("{{\"jsonrpc\":\"2.0\",\"x\":{}{}}}", "[".repeat(200), "]".repeat(200));
        let long = format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#, "x".repeat(MAX_ID + 1));
        let cases = [
            ("{", -32700),
            ("\u{feff}{}", -32700),
            (deep.as_str(), -32700),
            (r#"{"jsonrpc":"2.0","id":1,"method":"\ud800"}"#, -32700),
            ("[]", -32600),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
            ("3", -32600),
            (r#"{"id":1,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600),
            (long.as_str(), -32600),
            (r#"{"jsonrpc":"2.0","id":1,"method":3}"#, -32600),
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}"#, -32602),
            (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"x"}"#, -32602),
            (r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":3}"#, 0),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, 1),
            (r#"{"jsonrpc":"2.0","id":"a","method":"tools/list","params":null}"#, 1),
            (r#"{"jsonrpc":"2.0","id":1,"method":"no/such"}"#, 1),
            (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, 1),
            (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, 1),
        ];
        for (text, expected) in cases {
            assert_eq!(code(text), expected, "{text:.80}");
        }
        assert!(matches!(decode(b"\xff"), Incoming::Bad { .. }));
    }
}
