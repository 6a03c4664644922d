//! The smallest question, to see whether a provider works and what it can do.

use std::time::Duration;

use airlock_core::conversation::{Message, Request, ToolChoice, ToolSpec, Usage};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::client::{Begun, Client, drive};
use crate::error::ModelError;

/// What a test found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The model that answered, in the provider's words.
    pub model: String,
    /// From the question to the first byte of the reply.
    pub first_byte: Duration,
    /// From the question to its end.
    pub whole: Duration,
    /// The reply came piece by piece.
    pub streaming: bool,
    /// The model called the tool that it was asked to call.
    pub tools: bool,
    pub usage: Usage,
}

impl Client {
    /// Asks for one call of a tool; a provider that will have no tools is asked for a word.
    ///
    /// # Errors
    /// Those of [`Client::ask`].
    pub async fn test(&self, cancel: &CancellationToken) -> Result<Probe, ModelError> {
        match self.probe(true, cancel).await {
            // Of what was asked, tools are what a server may lack.
            Err(ModelError::Rejected { .. } | ModelError::Overloaded { .. } | ModelError::Failed { .. }) => {
                self.probe(false, cancel).await
            }
            done => done,
        }
    }

    /// The same from a plain thread, as [`Client::ask_blocking`].
    ///
    /// # Errors
    /// Those of [`Client::test`], and [`ModelError::NoRuntime`].
    pub fn test_blocking(&self, stopped: &dyn Fn() -> bool) -> Result<Probe, ModelError> {
        drive(stopped, async |cancel| self.test(cancel).await)
    }

    async fn probe(&self, with_tools: bool, cancel: &CancellationToken) -> Result<Probe, ModelError> {
        let begun = Begun::now();
        let answer = self.answer(&question(with_tools), &mut |_| {}, cancel).await?;
        let tools = answer.reply.calls().any(|call| call.name == TOOL);
        Ok(Probe {
            model: answer.reply.model,
            first_byte: answer.first_byte,
            whole: begun.elapsed(),
            streaming: answer.streamed,
            tools,
            usage: answer.reply.usage,
        })
    }
}

const TOOL: &str = "report_ready";

fn question(with_tools: bool) -> Request {
    let text = if with_tools { "Call report_ready once." } else { "Say: ready" };
    let tool = ToolSpec {
        name: TOOL.to_owned(),
        description: "Says that you are ready.".to_owned(),
        parameters: json!({"type": "object", "properties": {}, "additionalProperties": false}),
    };
    Request {
        system: "You are being tested. Be brief.".to_owned(),
        messages: vec![Message::User { text: text.to_owned() }],
        tools: if with_tools { vec![tool] } else { Vec::new() },
        tool_choice: if with_tools { ToolChoice::Required } else { ToolChoice::Auto },
        // Room for a model that thinks first.
        max_output_tokens: 512,
    }
}
