//! A task's conversation with a model, as the sum of what happened. Pure.
//!
//! [`Loop::take`] folds in one thing that happened, [`Loop::next`] says what is to be done. Who lives through a task and who
//! takes it up again from its log run the same two functions, and the same inputs give the same requests, byte for byte: so
//! providers find in their caches what they read before, and a cut-off task goes on where it was.
//!
//! ```text
//!        ┌───────────────── results, steering ────────────────┐
//! ask ─ replied ─┬─ calls ─ called … ─────────────────────────┤
//!                ├─ cut off ─ a note ─────────────────────────┤
//!                └─ no call ─┬─ something changed ─ propose ─ judged ─┬─ kept out: back to the model
//!                            └─ nothing changed ─ stop                └─ let through ─ stop
//! ```
//!
//! Whoever has the model, the sandbox and the log lives through a task like this, and writes each input down before it is
//! folded in:
//!
//! ```
//! # use airlock_agent::files::Workspace;
//! # use airlock_agent::task::{Input, Loop, Step, StopReason};
//! # use airlock_agent::tools::Tools;
//! # use airlock_core::conversation::Request;
//! fn drive(
//!     mut task: Loop,
//!     tools: &Tools,
//!     workspace: &mut Workspace,
//!     ask: impl Fn(Request) -> Input,
//!     judge: impl Fn(&Workspace) -> Input,
//! ) -> StopReason {
//!     loop {
//!         match task.next() {
//!             Step::Ask(request) => task.take(&ask(*request)),
//!             Step::Call(calls) => {
//!                 for call in calls {
//!                     let called = tools.call(workspace, &call);
//!                     task.take(&called.into());
//!                 }
//!             }
//!             Step::Propose => task.take(&judge(workspace)),
//!             Step::Stop(reason) => return reason,
//!         }
//!     }
//! }
//! ```

mod fold;
mod shorten;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use airlock_core::conversation::{Message, Reply, Request, ToolCall, ToolChoice, ToolResult, ToolSpec, Usage};
use airlock_core::hash::ContentHash;
use airlock_core::path::WorkspacePath;
use serde::{Deserialize, Serialize};

use crate::files::{Refusal, Workspace};
use crate::tools::{Called, Tool, Tools};

/// What a task begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    pub system: String,
    /// The first message.
    pub message: String,
    pub tools: Vec<ToolSpec>,
    /// Nothing is to be changed: the last reply is the answer.
    pub answer_only: bool,
    pub limits: Limits,
}

/// Where a task ends whatever the model says. Looked at before each ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Most asks.
    pub turns: u32,
    /// Most tokens of all requests and replies together.
    pub tokens: u64,
    /// Most money, in millionths of a dollar.
    pub micro_dollars: u64,
    /// Most tokens of one reply.
    pub max_output_tokens: u32,
    /// Most tokens of one request, by [`crate::context::tokens`]; older results of tools are shortened to keep to it.
    pub context_tokens: usize,
    /// How often a proposal that was kept out goes back to the model.
    pub rounds: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            turns: 60,
            tokens: 2_000_000,
            micro_dollars: 2_000_000,
            max_output_tokens: 16_000,
            context_tokens: 120_000,
            rounds: 4,
        }
    }
}

/// What happened. These are facts of a log: nothing may be renamed or take on another meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "input", rename_all = "snake_case")]
pub enum Input {
    /// The model replied, for this much money in millionths of a dollar.
    Replied { reply: Reply, micro_dollars: u64 },
    /// A call was carried out, and changed these paths; `overlay` names what the copy was then, and is not there in logs of before.
    ToolDone {
        result: ToolResult,
        changed: Vec<WorkspacePath>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        overlay: Option<ContentHash>,
    },
    /// The user said something more.
    Steered { text: String },
    /// The proposal was judged.
    Judged { judgement: Judgement },
    /// The model could not be asked, or the task could not go on.
    Failed { failure: Failure },
    /// The user wants it to go on, within these limits, after it ended short of its end: by a limit, a failure, a call that
    /// failed again and again, or the user's own word.
    Resumed { limits: Limits },
}

impl From<Called> for Input {
    fn from(Called { result, changed, overlay }: Called) -> Self {
        Self::ToolDone { result, changed, overlay }
    }
}

/// What became of a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Its verdict lets it through, as far as tests go.
    LetThrough,
    /// Its verdict keeps it out, for these reasons, in words for the model.
    KeptOut(String),
    /// It changes nothing after all.
    Nothing,
    /// It cannot be judged here, for this reason; the user decides.
    NotTestable(String),
}

/// What went wrong, after whoever asks has tried what can be tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The model's provider: no answer, a refused key, an error of its own.
    Provider(String),
    /// The request is longer than the model takes.
    TooLong,
    /// The user stopped it.
    Cancelled,
}

/// What is to be done now. Until something happens it stays the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask the model.
    Ask(Box<Request>),
    /// Carry out these calls: one, or several that change nothing and may go on at once.
    Call(Vec<ToolCall>),
    /// Judge what the overlay holds.
    Propose,
    /// The task is over.
    Stop(StopReason),
}

/// Why a task is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Its proposal is let through.
    LetThrough,
    /// The question is answered.
    Answered(String),
    /// The model is done and changed nothing; these are its words.
    NothingChanged(String),
    /// The model is done, and its proposal is kept out, for this reason.
    KeptOut(String),
    /// Its proposal cannot be judged here, for this reason.
    NotTestable(String),
    /// A limit was met: which one, in plain words. What was changed so far may still be judged.
    Limit(String),
    /// A call failed in the same way three times.
    Stuck(String),
    /// Two replies in a row were cut off, or one after an empty one.
    CutOff,
    /// The model would not answer; these are its words.
    Refused(String),
    /// The model could not be asked.
    Failed(String),
    Cancelled,
}

/// Where a task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Asking,
    /// A result for each call, by place: some servers give two calls one id.
    Calling {
        calls: Vec<ToolCall>,
        results: Vec<Option<ToolResult>>,
    },
    Proposing,
    Over(StopReason),
}

/// A task, after some of what happened in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop {
    start: Start,
    /// Everything that was said, whole.
    messages: Vec<Message>,
    phase: Phase,
    /// Where it stood before it ended short of its end.
    paused: Option<Box<Phase>>,
    /// Said by the user since the last ask.
    steering: Vec<String>,
    /// Results of tools in messages before this one are shortened.
    shortened: usize,
    /// The bound that a provider taught, where it is lower than the configured one.
    context_tokens: usize,
    /// Times a request was too long in a row.
    too_long: u32,
    turns: u32,
    usage: Usage,
    micro_dollars: u64,
    /// Everything that was ever changed, and whether something was since the last proposal.
    changed: BTreeSet<WorkspacePath>,
    fresh: bool,
    /// Why the last proposal was kept out, and how often one was.
    kept_out: Option<String>,
    rounds: u32,
    /// Calls that failed, by name and arguments, since something changed.
    failing: BTreeMap<(String, String), u32>,
    /// The last reply was cut off or empty, and the model was told.
    cut_off: bool,
}

impl Loop {
    /// A task of which nothing has happened yet.
    pub fn new(start: Start) -> Self {
        let messages = vec![Message::User { text: start.message.clone() }];
        let context_tokens = start.limits.context_tokens;
        let mut new = Self {
            start,
            messages,
            phase: Phase::Asking,
            paused: None,
            steering: Vec::new(),
            shortened: 0,
            context_tokens,
            too_long: 0,
            turns: 0,
            usage: Usage::default(),
            micro_dollars: 0,
            changed: BTreeSet::new(),
            fresh: false,
            kept_out: None,
            rounds: 0,
            failing: BTreeMap::new(),
            cut_off: false,
        };
        new.before_asking();
        new
    }

    /// Folds a whole log.
    pub fn replay<'a>(start: Start, inputs: impl IntoIterator<Item = &'a Input>) -> Self {
        let mut task = Self::new(start);
        inputs.into_iter().for_each(|input| task.take(input));
        task
    }

    /// Folds a log, and carries out again the calls in it that changed something: so the overlay is as it was. What calls
    /// said is taken from the log.
    ///
    /// # Errors
    /// A call does not change what it changed then, so the files are not those that the task is about.
    pub fn rebuild<'a>(
        start: Start,
        inputs: impl IntoIterator<Item = &'a Input>,
        tools: &Tools,
        workspace: &mut Workspace,
    ) -> Result<Self, Refusal> {
        let mut task = Self::new(start);
        for input in inputs {
            if let Input::ToolDone { result, changed, overlay } = input
                && !changed.is_empty()
                && let Some(call) = task.open_call(&result.id)
            {
                let again = tools.call(workspace, call);
                // The same paths with other contents are another change.
                if again.changed != *changed || overlay.is_some() && again.overlay != *overlay {
                    let text = format!("`{}` no longer does what it did: {}", call.name, again.result.text);
                    return Err(Refusal(text));
                }
            }
            task.take(input);
        }
        Ok(task)
    }

    /// A call that has no result yet.
    fn open_call(&self, id: &str) -> Option<&ToolCall> {
        let phase = match (&self.phase, &self.paused) {
            (Phase::Over(_), Some(paused)) => paused,
            (phase, _) => phase,
        };
        let Phase::Calling { calls, results } = phase else { return None };
        let mut open = calls.iter().zip(results).filter(|(call, result)| call.id == id && result.is_none());
        open.next().map(|(call, _)| call)
    }

    /// What is to be done now.
    pub fn next(&self) -> Step {
        match &self.phase {
            Phase::Asking => Step::Ask(Box::new(self.request())),
            Phase::Calling { calls, results } => {
                let open = calls.iter().zip(results).filter(|(_, result)| result.is_none());
                let open: Vec<&ToolCall> = open.map(|(call, _)| call).collect();
                let reads = |call: &&&ToolCall| Tool::named(&call.name).is_some_and(Tool::only_reads);
                let together: Vec<ToolCall> = open.iter().take_while(reads).map(|call| (*call).clone()).collect();
                match together.is_empty() {
                    true => Step::Call(open.into_iter().take(1).cloned().collect()),
                    false => Step::Call(together),
                }
            }
            Phase::Proposing => Step::Propose,
            Phase::Over(reason) => Step::Stop(reason.clone()),
        }
    }

    /// What the model is asked with: the same bytes whenever it is made from the same inputs.
    fn request(&self) -> Request {
        Request {
            system: self.start.system.clone(),
            messages: shorten::shortened(&self.messages, self.shortened),
            tools: self.start.tools.clone(),
            tool_choice: ToolChoice::Auto,
            max_output_tokens: self.start.limits.max_output_tokens,
        }
    }

    /// Everything that was said, whole.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// Every path that a call changed.
    pub fn changed(&self) -> &BTreeSet<WorkspacePath> {
        &self.changed
    }

    /// Tokens of all replies so far, about as many where the provider did not count them.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Money so far, in millionths of a dollar.
    pub fn micro_dollars(&self) -> u64 {
        self.micro_dollars
    }

    /// Replies so far.
    pub fn turns(&self) -> u32 {
        self.turns
    }

    /// The model's last words.
    pub fn last_words(&self) -> String {
        let texts = self.messages.iter().rev().filter_map(|message| match message {
            Message::Assistant { parts } => Some(fold::text_of(parts)),
            _ => None,
        });
        texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
    }
}
