//! How what happened changes where a task stands. What cannot be, given where it stands, changes nothing.

use airlock_core::conversation::{Message, Part, Reply, Stop, ToolCall, ToolResult, Usage};
use airlock_core::path::WorkspacePath;

use super::{Failure, Input, Judgement, Limits, Loop, Phase, StopReason, shorten};
use crate::prompts;

/// How often one call may fail.
const MAX_FAILURES: u32 = 3;
/// How often in a row a request may be too long for the model.
const MAX_TOO_LONG: u32 = 3;
/// Most calls of one reply that are carried out.
const MAX_CALLS: usize = 64;

/// All text of a reply, pieces joined.
pub fn text_of(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match part {
        Part::Text { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<String>().trim().to_owned()
}

impl Loop {
    /// Folds in what happened.
    pub fn take(&mut self, input: &Input) {
        if let Phase::Over(_) = self.phase {
            match input {
                Input::Resumed { limits } => self.resumed(limits),
                // What was going on when it was paused may come to its end; it goes on from there.
                Input::ToolDone { result, changed, .. } => self.done_while_paused(result, changed),
                Input::Steered { text } if self.paused.is_some() => self.steered(text),
                _ => {}
            }
            return;
        }
        match input {
            Input::Resumed { .. } => {}
            Input::Replied { reply, micro_dollars } => {
                if self.phase == Phase::Asking {
                    self.replied(reply, *micro_dollars);
                }
            }
            Input::ToolDone { result, changed, .. } => self.tool_done(result, changed),
            Input::Steered { text } => self.steered(text),
            Input::Judged { judgement } => {
                if self.phase == Phase::Proposing {
                    self.judged(judgement);
                }
            }
            Input::Failed { failure } => self.failed(failure),
        }
    }

    fn steered(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.steering.push(text.to_owned());
        }
    }

    /// The tokens of a reply as the provider counts them, or about as many where it says nothing: a cap has to hold there too.
    fn counted(&self, reply: &Reply) -> Usage {
        let mut usage = reply.usage;
        if usage.input == 0 {
            let request = shorten::length(&self.start, &shorten::shortened(&self.messages, self.shortened));
            usage.input = request as u64;
        }
        if usage.output == 0 && !reply.parts.is_empty() {
            usage.output = shorten::of_message(&Message::Assistant { parts: reply.parts.clone() }) as u64;
        }
        usage
    }

    fn replied(&mut self, reply: &Reply, micro_dollars: u64) {
        self.turns = self.turns.saturating_add(1);
        self.usage = self.usage.plus(self.counted(reply));
        self.micro_dollars = self.micro_dollars.saturating_add(micro_dollars);
        self.too_long = 0;
        if !reply.parts.is_empty() {
            self.messages.push(Message::Assistant { parts: reply.parts.clone() });
        }
        if reply.stop == Stop::Refused {
            self.phase = Phase::Over(StopReason::Refused(text_of(&reply.parts)));
            return;
        }
        let calls: Vec<ToolCall> = reply.calls().cloned().collect();
        if reply.stop == Stop::Length {
            if self.cut_off {
                self.phase = Phase::Over(StopReason::CutOff);
                return;
            }
            self.cut_off = true;
            // Which of its calls are whole cannot be told, so none is carried out; but each has to be answered.
            if calls.is_empty() {
                self.messages.push(Message::User { text: prompts::CUT_OFF.trim().to_owned() });
            } else {
                let refused = |call: ToolCall| ToolResult {
                    id: call.id,
                    text: prompts::CALL_CUT_OFF.trim().to_owned(),
                    is_error: true,
                };
                self.messages.push(Message::Tools { results: calls.into_iter().map(refused).collect() });
            }
            self.ask_again();
            return;
        }
        let noted = std::mem::take(&mut self.cut_off);
        if calls.is_empty() && text_of(&reply.parts).is_empty() && !self.fresh && !noted {
            self.cut_off = true;
            self.messages.push(Message::User { text: prompts::EMPTY.trim().to_owned() });
            self.ask_again();
        } else if calls.is_empty() {
            self.no_call(reply);
        } else {
            self.phase = Phase::Calling { results: Self::refused_at_once(&calls), calls };
            self.all_called();
        }
    }

    /// No result for each call but for those that nobody has to carry out, as there are too many.
    fn refused_at_once(calls: &[ToolCall]) -> Vec<Option<ToolResult>> {
        let text = format!("not called: a reply may have {MAX_CALLS} calls; call it again");
        let refused = |call: &ToolCall| ToolResult { id: call.id.clone(), text: text.clone(), is_error: true };
        calls.iter().enumerate().map(|(at, call)| (at >= MAX_CALLS).then(|| refused(call))).collect()
    }

    fn no_call(&mut self, reply: &Reply) {
        if !self.steering.is_empty() {
            self.ask_again();
        } else if self.start.answer_only {
            self.phase = Phase::Over(StopReason::Answered(text_of(&reply.parts)));
        } else if self.fresh {
            self.phase = Phase::Proposing;
        } else if let Some(why) = self.kept_out.take() {
            self.phase = Phase::Over(StopReason::KeptOut(why));
        } else {
            self.phase = Phase::Over(StopReason::NothingChanged(text_of(&reply.parts)));
        }
    }

    fn tool_done(&mut self, result: &ToolResult, changed: &[WorkspacePath]) {
        let Some(call) = self.record(result, changed) else { return };
        if result.is_error {
            // Written with other blanks it is the same call.
            let written = serde_json::from_str::<serde_json::Value>(&call.arguments).map(|value| value.to_string());
            let key = (call.name.clone(), written.unwrap_or(call.arguments));
            let times = self.failing.entry(key).or_default();
            *times += 1;
            if *times >= MAX_FAILURES {
                let why =
                    format!("`{}` failed {MAX_FAILURES} times with the same arguments: {}", call.name, result.text);
                self.pause(StopReason::Stuck(why));
                return;
            }
        }
        self.all_called();
    }

    /// Takes the result of an open call, and what it changed; none where no such call is open.
    fn record(&mut self, result: &ToolResult, changed: &[WorkspacePath]) -> Option<ToolCall> {
        let Phase::Calling { calls, results } = &mut self.phase else { return None };
        let mut open = calls.iter().zip(results).filter(|(call, known)| call.id == result.id && known.is_none());
        let (call, slot) = open.next()?;
        *slot = Some(result.clone());
        let call = call.clone();
        if !changed.is_empty() {
            self.changed.extend(changed.iter().cloned());
            self.fresh = true;
            // The same call may do better on other files.
            self.failing.clear();
        }
        Some(call)
    }

    /// Takes the result of a call that was open when the task was paused.
    fn done_while_paused(&mut self, result: &ToolResult, changed: &[WorkspacePath]) {
        let Some(before) = self.paused.take() else { return };
        let over = std::mem::replace(&mut self.phase, *before);
        self.record(result, changed);
        let before = std::mem::replace(&mut self.phase, over);
        self.paused = Some(Box::new(before));
    }

    /// Goes on once every call has its result.
    fn all_called(&mut self) {
        let Phase::Calling { results, .. } = &self.phase else { return };
        if results.iter().all(Option::is_some) {
            let results = results.iter().flatten().cloned().collect();
            self.messages.push(Message::Tools { results: shorten::bounded(results, self.context_tokens) });
            self.ask_again();
        }
    }

    fn judged(&mut self, judgement: &Judgement) {
        self.fresh = false;
        match judgement {
            Judgement::KeptOut(why) => {
                self.kept_out = Some(why.clone());
                if self.rounds >= self.start.limits.rounds {
                    self.phase = Phase::Over(StopReason::KeptOut(why.clone()));
                    return;
                }
                self.rounds += 1;
                self.messages.push(Message::User { text: prompts::kept_out(why) });
                self.ask_again();
            }
            // The user asked for more meanwhile.
            _ if !self.steering.is_empty() => {
                self.kept_out = None;
                self.ask_again();
            }
            Judgement::LetThrough => self.phase = Phase::Over(StopReason::LetThrough),
            Judgement::Nothing => self.phase = Phase::Over(StopReason::NothingChanged(self.last_words())),
            Judgement::NotTestable(why) => self.phase = Phase::Over(StopReason::NotTestable(why.clone())),
        }
    }

    fn failed(&mut self, failure: &Failure) {
        match failure {
            Failure::Cancelled => self.pause(StopReason::Cancelled),
            Failure::Provider(why) => self.pause(StopReason::Failed(why.clone())),
            Failure::TooLong if self.phase != Phase::Asking => {}
            Failure::TooLong => {
                self.too_long += 1;
                let now = shorten::length(&self.start, &shorten::shortened(&self.messages, self.shortened));
                self.context_tokens = self.context_tokens.min(now) / 4 * 3;
                let before = self.shortened;
                self.before_asking();
                if self.phase != Phase::Asking {
                    return;
                }
                let length =
                    |task: &Self| shorten::length(&task.start, &shorten::shortened(&task.messages, task.shortened));
                if length(self) >= now {
                    let (start, most) = (&self.start, self.context_tokens);
                    self.shortened = shorten::up_to(start, &self.messages, before, most, true);
                }
                // Another try has to be another request.
                if self.too_long < MAX_TOO_LONG && length(self) < now {
                    return;
                }
                let why = "the conversation is longer than the model takes".to_owned();
                self.pause(StopReason::Limit(why));
            }
        }
    }

    /// Ends the task, for now.
    fn pause(&mut self, reason: StopReason) {
        let before = std::mem::replace(&mut self.phase, Phase::Over(reason));
        self.paused = Some(Box::new(before));
    }

    /// Goes on where it was paused; what ended otherwise stays so.
    fn resumed(&mut self, limits: &Limits) {
        let Some(before) = self.paused.take() else { return };
        self.context_tokens = self.context_tokens.min(limits.context_tokens);
        self.start.limits = limits.clone();
        self.failing.clear();
        self.too_long = 0;
        self.phase = *before;
        match self.phase {
            Phase::Asking => self.ask_again(),
            Phase::Calling { .. } => self.all_called(),
            Phase::Proposing | Phase::Over(_) => {}
        }
    }

    /// Takes what the user said meanwhile, and asks.
    fn ask_again(&mut self) {
        if !self.steering.is_empty() {
            let text = std::mem::take(&mut self.steering).join("\n\n");
            self.messages.push(Message::User { text });
        }
        self.before_asking();
    }

    /// Looks at the limits, and shortens what has to be.
    pub(super) fn before_asking(&mut self) {
        let limits = &self.start.limits;
        let used = self.usage.input.saturating_add(self.usage.output);
        let met = if self.turns >= limits.turns {
            Some(format!("the model was asked {} times, as often as it may be", self.turns))
        } else if used >= limits.tokens {
            Some(format!("{used} tokens were used, of {} that may be", limits.tokens))
        } else if self.micro_dollars >= limits.micro_dollars {
            let dollars = |micro: u64| format!("{}.{:04}", micro / 1_000_000, micro % 1_000_000 / 100);
            Some(format!(
                "{} dollars were spent, of {} that may be",
                dollars(self.micro_dollars),
                dollars(limits.micro_dollars)
            ))
        } else {
            None
        };
        if let Some(met) = met {
            self.phase = Phase::Asking;
            self.pause(StopReason::Limit(met));
            return;
        }
        self.phase = Phase::Asking;
        self.shortened = shorten::up_to(&self.start, &self.messages, self.shortened, self.context_tokens, false);
    }
}
