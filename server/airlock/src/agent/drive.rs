//! Lives through a model's task: asks, carries calls out, has proposals judged. Each thing that happens is written down before
//! it counts, so that whoever takes the session up neither asks twice nor carries a call out twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use airlock_agent::bench::TestsRun;
use airlock_agent::context::tags::TagCache;
use airlock_agent::files::Workspace;
use airlock_agent::judged::kept_out;
use airlock_agent::outward::Outward;
use airlock_agent::task::{Failure as TaskFailure, Input, Judgement, Limits, Loop, Start, Step, StopReason};
use airlock_agent::tools::{Called, Diagnostic, Tools};
use airlock_core::conversation::{Reply, Request, Stop, ToolCall};
use airlock_core::hash::ContentHash;
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::Proposal;
use airlock_core::session::{self, Event, Replied, Started, Steered};
use airlock_core::status::ErrorCode;
use airlock_core::verdict::{Decision, Verdict};
use airlock_models::{Delta, ModelError};
use airlock_sandbox::suite::Progress;

use super::audience::Audience;
use super::bench::{self, Job, Remote};
use super::model::{self, Model};
use crate::failure::Failure;
use crate::judge::{Judge, Stage};
use crate::sessions::log::Log;
use crate::sessions::proposals;
use crate::workbench::Project;

/// Most calls of one reply that the loop has carried out.
const MOST_CALLS: usize = 64;

/// A judged proposal.
pub struct Judged {
    pub proposal: Proposal,
    pub verdict: Verdict,
    /// No test ran any of the code that it changes.
    pub unchecked: bool,
}

/// How a task ended.
pub struct Ended {
    pub reason: StopReason,
    pub task: Loop,
    /// What the overlay holds, judged or not.
    pub proposal: Option<Proposal>,
    pub judged: Option<Judged>,
}

/// What a task is lived through with.
pub struct Driver<'a> {
    /// Who hears of it, and may speak into it.
    pub audience: &'a dyn Audience,
    /// Set by the user who stops it.
    pub cancelled: &'a Arc<AtomicBool>,
    pub project: &'a Project,
    pub judge: &'a Judge<'a>,
    pub model: &'a Model,
    /// Where it is written down; none where nothing can be kept.
    pub log: Option<&'a Log>,
    pub targets: &'a [String],
    pub allow: &'a [WorkspacePath],
    pub command: &'a str,
    /// What other tools said of the code.
    pub diagnostics: Vec<Diagnostic>,
    pub outward: Arc<Outward>,
    pub tags: Arc<TagCache>,
}

impl Driver<'_> {
    /// Lives through the task, from where its session was cut off.
    ///
    /// # Errors
    /// It was cancelled, the model could not be asked, or the sandbox could not do its work.
    pub fn run(&self, start: Start, mut workspace: Workspace) -> Result<Ended, Failure> {
        let (jobs, served) = channel();
        let bench = Arc::new(Remote { jobs: Mutex::new(jobs.clone()), cancelled: Arc::clone(self.cancelled) });
        let tools = Tools::new(bench, Arc::clone(&self.outward), Arc::clone(&self.tags), self.diagnostics.clone());
        let tools = if start.answer_only { tools.reading_only() } else { tools };
        let limits = start.limits.clone();
        let mut task = self.begin(start, &limits, &tools, &mut workspace)?;
        let mut judged = None;
        loop {
            if self.is_cancelled() {
                return Err(Failure::cancelled());
            }
            match task.next() {
                Step::Ask(request) => {
                    let reply = self.ask(&task, *request)?;
                    self.hear(&mut task);
                    task.take(&self.answered(reply));
                }
                Step::Call(calls) => {
                    for call in &calls {
                        self.progress(&task, &format!("{} …", call.name));
                        let called = self.call(&tools, &mut workspace, call, (&jobs, &served));
                        // What a stop has cut short is no answer.
                        if self.is_cancelled() {
                            return Err(Failure::cancelled());
                        }
                        self.hear(&mut task);
                        task.take(&self.called(call, called));
                    }
                }
                Step::Propose => {
                    let (judgement, new) = self.propose(&task, &workspace)?;
                    judged = new;
                    self.hear(&mut task);
                    let input = Input::Judged { judgement };
                    self.steered(&input, "told the model the verdict".to_owned());
                    task.take(&input);
                }
                Step::Stop(reason) => {
                    let proposal = workspace.proposal(&self.words(&task)).ok().filter(|proposal| !proposal.is_empty());
                    // A session that was taken up at its end has the verdict of another process, which lets nothing land.
                    if reason == StopReason::LetThrough && judged.is_none() {
                        judged = self.propose(&task, &workspace)?.1;
                    }
                    return Ok(Ended { reason, task, proposal, judged });
                }
            }
        }
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Takes what the user said meanwhile. It comes before what has just happened: then the next turn has it, and a reply that
    /// would have been the last is not.
    fn hear(&self, task: &mut Loop) {
        for text in self.audience.said() {
            let input = Input::Steered { text };
            self.steered(&input, "the user said something more".to_owned());
            task.take(&input);
        }
    }

    /// The task as its session has it, or a new one.
    fn begin(&self, start: Start, limits: &Limits, tools: &Tools, workspace: &mut Workspace) -> Result<Loop, Failure> {
        let Some(log) = self.log else { return Ok(Loop::new(start)) };
        let (started, inputs) =
            log.look(|session| (session.talk().started().cloned(), session.talk().inputs().to_vec()));
        let Some(started) = started else {
            let bytes = json(&start);
            let host = self.model.client.host().to_owned();
            let event = Started { start: ContentHash::of(&bytes), model: self.model.client.model().to_owned(), host };
            log.keep(event, vec![bytes]);
            return Ok(Loop::new(start));
        };
        let start: Start = content(log, started.start)?;
        let inputs: Vec<Input> = inputs.iter().map(|hash| content(log, *hash)).collect::<Result<_, _>>()?;
        let mut task = Loop::rebuild(start, &inputs, tools, workspace)
            .map_err(|refusal| Failure::error(ErrorCode::SessionStale, refusal.0))?;
        if let Step::Stop(StopReason::Limit(_) | StopReason::Stuck(_)) = task.next() {
            let input = Input::Resumed { limits: limits.clone() };
            self.steered(&input, "went on within the limits of now".to_owned());
            task.take(&input);
        }
        Ok(task)
    }

    /// Asks; none where the request was longer than the model takes.
    fn ask(&self, task: &Loop, request: Request) -> Result<Option<Reply>, Failure> {
        self.progress(task, "waiting for the model");
        let request = self.outward.request(request);
        let mut bytes = 0;
        let mut on = |delta: Delta| match delta {
            Delta::Text(piece) => {
                bytes += piece.len();
                self.audience.wrote(&piece);
                self.progress(task, &format!("the model writes, {bytes} bytes"));
            }
            Delta::CallBegun { name, .. } => self.progress(task, &format!("the model calls {}", clean(&name))),
            Delta::Again { wait, why } => {
                self.audience.begins_again();
                self.progress(task, &format!("asks again in {} s: {why}", wait.as_secs()));
            }
            Delta::Reasoning(_) | Delta::CallArguments { .. } | Delta::Usage(_) => {}
        };
        let reply = self.model.client.ask_blocking(&request, &mut on, &|| self.is_cancelled());
        self.audience.replied();
        match reply {
            Ok(reply) => Ok(Some(reply)),
            Err(ModelError::ContextTooLong { .. }) => Ok(None),
            Err(error) => Err(model::failure(error)),
        }
    }

    /// What came of a question, written down.
    fn answered(&self, reply: Option<Reply>) -> Input {
        let Some(reply) = reply else {
            let input = Input::Failed { failure: TaskFailure::TooLong };
            self.steered(&input, "the conversation was longer than the model takes".to_owned());
            return input;
        };
        self.replied(reply)
    }

    fn replied(&self, reply: Reply) -> Input {
        let is_whole = !matches!(reply.stop, Stop::Length | Stop::Refused);
        let calls = reply.calls().take(MOST_CALLS).filter(|_| is_whole).map(|call| clean(&call.name)).collect();
        let (usage, micro_dollars) = (reply.usage, self.model.cost(&reply));
        let input = Input::Replied { reply, micro_dollars: micro_dollars.unwrap_or(0) };
        self.keep(&input, |input| Replied { input, calls, usage, micro_dollars }.into());
        input
    }

    /// Carries a call out on a thread of its own, and runs the tests that it asks for on this one.
    fn call(
        &self,
        tools: &Tools,
        workspace: &mut Workspace,
        call: &ToolCall,
        (jobs, served): (&Sender<Job>, &Receiver<Job>),
    ) -> Called {
        std::thread::scope(|scope| {
            let over = Over(jobs.clone());
            let carried_out = scope.spawn(move || {
                let _over = over;
                tools.call(workspace, call)
            });
            // Who asked waits for the answer.
            while let Ok(job) = served.recv() {
                match job {
                    Job::Tests { overlay, ids, answer } => {
                        let mut show = |progress: Progress<'_>| self.audience.testing(Stage::Proposal, &progress);
                        let ran = bench::run_tests(self.project, self.judge, self.allow, (&overlay, &ids), &mut show);
                        let _ = answer.send(ran);
                    }
                    Job::Python { overlay, program, answer } => {
                        let _ = answer.send(bench::run_python(self.judge, &overlay, &program));
                    }
                    Job::Over => break,
                }
            }
            carried_out.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause))
        })
    }

    fn called(&self, call: &ToolCall, called: Called) -> Input {
        let (is_error, changed) = (called.result.is_error, called.changed.clone());
        let input = Input::from(called);
        let tool = clean(&call.name);
        self.keep(&input, |input| session::Called { input, tool, is_error, changed }.into());
        input
    }

    /// Has what the overlay holds judged.
    fn propose(&self, task: &Loop, workspace: &Workspace) -> Result<(Judgement, Option<Judged>), Failure> {
        let proposal = match workspace.proposal(&self.words(task)) {
            Ok(proposal) if proposal.is_empty() => return Ok((Judgement::Nothing, None)),
            Ok(proposal) => proposal,
            Err(refusal) => {
                // What the user has changed meanwhile is no fault of the model's.
                self.project.unchanged(&self.judge.traces(), self.cancelled)?;
                return Ok((Judgement::KeptOut(refusal.0), None));
            }
        };
        if let Some(log) = self.log {
            let (event, contents) = proposals::proposed(&proposal);
            log.keep(event, contents);
        }
        let mut show = |stage, progress: Progress<'_>| self.audience.testing(stage, &progress);
        let verdict = self.judge.verdict(&proposal, self.targets, self.allow, self.command, &mut show);
        self.project.unchanged(&self.judge.traces(), self.cancelled)?;
        let verdict = verdict.map_err(|failure| self.audience.told(failure))?;
        if let Some(log) = self.log {
            let (event, contents) = proposals::judged(&proposal, &verdict);
            log.keep(event, contents);
        }
        // Known by now, so nothing is run.
        let plan = self.judge.plan(&proposal, self.allow);
        let run = |laid| self.judge.run(laid, &mut |_| {}).map_err(|failure| self.audience.told(failure));
        let mut after = TestsRun::default();
        let mut is_run = false;
        for laid in std::iter::once(&plan.judged).chain(&plan.landing) {
            let (report, _) = run(laid)?;
            is_run |= self.judge.runs_any_of(&proposal, &report);
            after.failing.extend(TestsRun::of(&report).failing);
        }
        let judgement = match verdict.merit() {
            Decision::Verified | Decision::NoRegression => Judgement::LetThrough,
            // It can only be shown; whether it lands is for the user to say.
            Decision::Refused if self.targets.is_empty() && verdict.says_nothing() => Judgement::LetThrough,
            Decision::PartlyFixed | Decision::NotFixed | Decision::Refused => {
                Judgement::KeptOut(kept_out(&verdict, &after, &self.outward))
            }
        };
        let is_uncovered = verdict.decision == Decision::NoRegression && !verdict.uncovered.is_empty() && !is_run;
        let unchecked = is_uncovered || verdict.says_nothing();
        Ok((judgement, Some(Judged { proposal, verdict, unchecked })))
    }

    /// Why something is proposed, in the model's words.
    fn words(&self, task: &Loop) -> String {
        let words: Vec<String> = self.outward.words(&task.last_words()).lines().take(40).map(clean).collect();
        words.join("\n")
    }

    fn steered(&self, input: &Input, text: String) {
        self.keep(input, |input| Steered { input, text }.into());
    }

    fn keep(&self, input: &Input, event: impl FnOnce(ContentHash) -> Event) {
        if let Some(log) = self.log {
            let bytes = json(input);
            log.keep(event(ContentHash::of(&bytes)), vec![bytes]);
        }
    }

    fn progress(&self, task: &Loop, what: &str) {
        let usage = task.usage();
        let tokens = usage.input.saturating_add(usage.output);
        let cost = if self.model.is_priced() { dollars(task.micro_dollars()) } else { String::new() };
        self.audience.progress(&format!("turn {}: {what} ({tokens} tokens{cost})", task.turns() + 1));
    }
}

/// Money as it is told after something else.
pub fn dollars(micro: u64) -> String {
    format!(", ${}.{:04}", micro / 1_000_000, micro % 1_000_000 / 100)
}

/// Says at a call's end, whatever end, that nothing more comes of it.
struct Over(Sender<Job>);

impl Drop for Over {
    fn drop(&mut self) {
        // Where nobody waits, nobody has to be told.
        let _ = self.0.send(Job::Over);
    }
}

/// A model's words without what acts on a terminal.
pub fn clean(text: &str) -> String {
    airlock_core::text::one_line(text, 4096)
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    // Plain data with strings for keys.
    serde_json::to_vec(value).unwrap_or_default()
}

fn content<T: serde::de::DeserializeOwned>(log: &Log, hash: ContentHash) -> Result<T, Failure> {
    let bytes = log.store().content(hash)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Failure::error(ErrorCode::SessionUnreadable, format!("session {}: {error}", log.id())))
}
