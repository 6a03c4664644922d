//! A conversation that grows too long: results of tools are shortened to a note, the oldest first.
//!
//! What was shortened once stays so, and when it is time, more is shortened than has to be: each time costs what the provider
//! has in its cache, so it should be seldom.

use airlock_core::conversation::{Message, Part, ToolResult};

use super::Start;
use crate::context::tokens;
use crate::tools::ends;

/// Shortest result that is shortened, in bytes.
const SHORT: usize = 400;
/// How many of the last messages are left whole: the model is at work on them.
const WHOLE: usize = 4;

/// About how many tokens a request has.
pub fn length(start: &Start, messages: &[Message]) -> usize {
    let tools: usize =
        start.tools.iter().map(|tool| tokens(&tool.description) + tokens(&tool.parameters.to_string())).sum();
    tokens(&start.system) + tools + messages.iter().map(of_message).sum::<usize>()
}

/// About how many tokens a message has.
pub fn of_message(message: &Message) -> usize {
    let each = match message {
        Message::User { text } => tokens(text),
        Message::Assistant { parts } => parts
            .iter()
            .map(|part| match part {
                Part::Text { text } => tokens(text),
                Part::Reasoning { text, opaque } => {
                    tokens(text) + opaque.as_ref().map_or(0, |opaque| tokens(&opaque.value.to_string()))
                }
                Part::Call(call) => tokens(&call.name) + tokens(&call.arguments),
            })
            .sum(),
        Message::Tools { results } => results.iter().map(|result| tokens(&result.text)).sum(),
    };
    each + 4
}

/// The messages, with results before `upto` as notes.
pub fn shortened(messages: &[Message], upto: usize) -> Vec<Message> {
    let one = |(at, message): (usize, &Message)| match message {
        Message::Tools { results } if at < upto => Message::Tools { results: results.iter().map(note).collect() },
        message => message.clone(),
    };
    messages.iter().enumerate().map(one).collect()
}

fn note(result: &ToolResult) -> ToolResult {
    if result.text.len() < SHORT {
        return result.clone();
    }
    let first: String = result.text.lines().next().unwrap_or_default().chars().take(80).collect();
    let text =
        format!("{first}\n[shortened: {} bytes were here; call the tool again if they are needed]", result.text.len());
    ToolResult { text, ..result.clone() }
}

/// Up to which message results have to be shortened, so that the request has at most `most` tokens: no fewer than `now`, and
/// where more is needed, until a third is free. The last messages stay whole, but for `all`.
pub fn up_to(start: &Start, messages: &[Message], now: usize, most: usize, all: bool) -> usize {
    let mut length = length(start, &shortened(messages, now));
    if length <= most {
        return now;
    }
    let mut upto = now;
    let whole = if all { 0 } else { WHOLE };
    for (at, message) in messages.iter().enumerate().take(messages.len().saturating_sub(whole)).skip(now) {
        if length <= most / 3 * 2 {
            break;
        }
        if let Message::Tools { results } = message {
            let after: usize = results.iter().map(|result| tokens(&note(result).text)).sum();
            length = length.saturating_sub(of_message(message).saturating_sub(after + 4));
        }
        upto = at + 1;
    }
    upto
}

/// The results of one reply, which together have at most half of what a request may have: the longest lose their middles.
pub fn bounded(results: Vec<ToolResult>, context_tokens: usize) -> Vec<ToolResult> {
    let most = context_tokens / 2;
    let lengths: Vec<usize> = results.iter().map(|result| tokens(&result.text)).collect();
    if lengths.iter().sum::<usize>() <= most {
        return results;
    }
    // Shorter ones leave their share to the others.
    let mut sorted = lengths.clone();
    sorted.sort_unstable();
    let (mut left, mut share) = (most, 0);
    for (at, length) in sorted.iter().enumerate() {
        share = left / (sorted.len() - at);
        if *length > share {
            break;
        }
        left -= length;
    }
    let cut = |(mut result, length): (ToolResult, usize)| {
        if length > share {
            // As many bytes of it as it has tokens to keep.
            let bytes = result.text.len() / length.max(1) * share;
            result.text = ends(&result.text, bytes.max(SHORT));
        }
        result
    };
    results.into_iter().zip(lengths).map(cut).collect()
}
