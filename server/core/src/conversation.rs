//! What is said between a task and a model, in no provider's own words.
//!
//! A [`Request`] holds everything a model is told, as models keep nothing between calls; a [`Reply`] is what came back,
//! whole. Both are data of the session's log, so nothing here may be renamed or take on another meaning. What a provider
//! wants back unchanged (signed reasoning, ids of its own) travels along in [`Opaque`] and means nothing to anybody else.

use serde::{Deserialize, Serialize};

/// Everything a model is asked with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// How to work, said before all else.
    pub system: String,
    /// What was said so far, oldest first.
    pub messages: Vec<Message>,
    /// What it may call.
    pub tools: Vec<ToolSpec>,
    pub tool_choice: ToolChoice,
    /// Most tokens of the reply, reasoning included.
    pub max_output_tokens: u32,
}

/// Whether the model has to call a tool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    #[default]
    Auto,
    Required,
    None,
}

/// A tool as models are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolSpec {
    pub name: String,
    pub description: String,
    /// A JSON schema, an object with `properties`, for its arguments.
    pub parameters: serde_json::Value,
}

/// One contribution to a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// The user's words, or the program's in the user's place.
    User { text: String },
    /// What the model said.
    Assistant { parts: Vec<Part> },
    /// What the tools of the reply before answered, all of them.
    Tools { results: Vec<ToolResult> },
}

/// A piece of what a model said, in its order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum Part {
    Text {
        text: String,
    },
    /// What it thought. Shown to people, and given back only to the provider it came from.
    Reasoning {
        text: String,
        opaque: Option<Opaque>,
    },
    Call(ToolCall),
}

/// What one provider wants back as it was, and nobody else reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opaque {
    /// Who understands it: a protocol at a host, and the model where it is bound to one.
    pub protocol: String,
    pub value: serde_json::Value,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Names the call within its conversation; its result has the same.
    pub id: String,
    pub name: String,
    /// JSON as the model wrote it, which may be none.
    pub arguments: String,
}

/// What a tool answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    pub id: String,
    pub text: String,
    /// The call failed, and the text says why and what to do.
    pub is_error: bool,
}

/// A whole reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    pub parts: Vec<Part>,
    pub stop: Stop,
    pub usage: Usage,
    /// The model that answered, in the provider's words.
    pub model: String,
}

impl Reply {
    /// All text, pieces joined.
    pub fn text(&self) -> String {
        let pieces = self.parts.iter().filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            _ => None,
        });
        pieces.collect()
    }

    /// The calls, in the order in which they were made.
    pub fn calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.parts.iter().filter_map(|part| match part {
            Part::Call(call) => Some(call),
            _ => None,
        })
    }
}

/// Why a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It said all it had to say.
    Done,
    /// It waits for the results of its calls.
    Calls,
    /// It reached the most tokens a reply may have.
    Length,
    /// The provider or the model would not answer.
    Refused,
}

/// Tokens of one call, as the provider counted them; zero where it said nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the request, those read from a cache included.
    pub input: u64,
    /// Of `input`, those read from the provider's cache, and those written to it.
    pub cache_read: u64,
    pub cache_write: u64,
    /// Tokens of the reply, reasoning included.
    pub output: u64,
}

impl Usage {
    /// The sum of both.
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            output: self.output.saturating_add(other.output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_read_back_as_it_was_written() {
        let messages = vec![
            Message::User { text: "do it".into() },
            Message::Assistant {
                parts: vec![
                    Part::Reasoning { text: "hm".into(), opaque: None },
                    Part::Text { text: "I look.".into() },
                    Part::Call(ToolCall { id: "c1".into(), name: "read".into(), arguments: "{".into() }),
                ],
            },
            Message::Tools { results: vec![ToolResult { id: "c1".into(), text: "no".into(), is_error: true }] },
        ];
        let json = serde_json::to_value(&messages).unwrap();
        assert_eq!(
            json[1]["parts"][2],
            serde_json::json!({"part": "call", "id": "c1", "name": "read", "arguments": "{"})
        );
        assert_eq!(serde_json::from_value::<Vec<Message>>(json).unwrap(), messages);
    }

    #[test]
    fn text_and_calls_keep_their_order() {
        let call = |id: &str| Part::Call(ToolCall { id: id.into(), name: "list".into(), arguments: "{}".into() });
        let parts = vec![Part::Text { text: "a".into() }, call("1"), Part::Text { text: "b".into() }, call("2")];
        let reply = Reply { parts, stop: Stop::Calls, usage: Usage::default(), model: "m".into() };
        assert_eq!(reply.text(), "ab");
        assert_eq!(reply.calls().map(|call| call.id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn usage_adds_up_without_overflow() {
        let most = Usage { input: u64::MAX, ..Usage::default() };
        assert_eq!(most.plus(Usage { input: 1, output: 2, ..Usage::default() }).input, u64::MAX);
    }
}
