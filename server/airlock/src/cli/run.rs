//! `airlock run`: a model does what the user says, on a copy; what the tests let through may land.

use std::sync::Arc;

use airlock_agent::bench::TestsRun;
use airlock_agent::context::brief::{Brief, Budget};
use airlock_agent::context::map::Map;
use airlock_agent::context::tags::TagCache;
use airlock_agent::files::Workspace;
use airlock_agent::outward::Outward;
use airlock_agent::policy::Policy;
use airlock_agent::prompts::Kind;
use airlock_agent::task::{Start, StopReason};
use airlock_agent::tools::Tools;
use airlock_core::check::Approval;
use airlock_core::conversation::Usage;
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::Proposal;
use airlock_core::report::Reason;
use airlock_core::session::Task;
use airlock_core::status::Status;
use airlock_core::verdict::Verdict;

use super::args::{COLUMNS, RunArgs};
use super::context::Context;
use super::document::{Body, PatchBody, Report, RunBody, UsageBody};
use super::hearing::AtTerminal;
use super::landing::{Waiting, Worked};
use super::record::Record;
use super::terminal::{Style, wrap};
use super::wish::{self, Wish};
use super::{hidden, ids, landing, patch, search_first};
use crate::agent::drive::Judged;
use crate::agent::drive::{clean, dollars};
use crate::agent::{Driver, Ended, Model, ProjectFiles, model};
use crate::failure::Failure;
use crate::judge::Judge;
use crate::sessions::log::Log;
use crate::workbench::Project;

/// Has the model do a task.
///
/// # Errors
/// [`Failure`] where no model can be asked, or nothing could be run.
pub fn run(context: &Context, args: &RunArgs) -> Result<Report, Failure> {
    run_in(context, args, None)
}

/// The same in a session that was taken up again.
///
/// # Errors
/// As for [`run`]; and the project is not what the session is about.
pub fn run_in(context: &Context, args: &RunArgs, taken: Option<Log>) -> Result<Report, Failure> {
    let allow = landing::allowed(&args.allow)?;
    let paths: Vec<String> = args.path.iter().cloned().collect();
    let project = context.project(&paths, &args.project, args.flags()?)?;
    let model = Model::open(&project.settings.model, &|| context.is_cancelled())?;
    let mut record = Record::open(context, &project, args.apply, taken)?;
    let result = work(context, args, &project, &model, allow, &mut record);
    record.end(result.map(|(report, _)| report))
}

/// Has the model do a task, and leaves what it proposes waiting where its verdict lets it through. `taken`: the session goes on.
///
/// # Errors
/// As for [`run_in`].
pub fn propose(context: &Context, args: &RunArgs, taken: Option<Log>) -> Result<(Report, Option<Waiting>), Failure> {
    let allow = landing::allowed(&args.allow)?;
    let paths: Vec<String> = args.path.iter().cloned().collect();
    let project = context.project(&paths, &args.project, args.flags()?)?;
    let model = Model::open(&project.settings.model, &|| context.is_cancelled())?;
    let mut record = Record::open(context, &project, false, taken)?;
    match work(context, args, &project, &model, allow, &mut record) {
        Ok((report, Some((proposal, verdict)))) => Ok((report, Waiting::of(&project, proposal, verdict, record))),
        other => Ok((record.end(other.map(|(report, _)| report))?, None)),
    }
}

fn work(
    context: &Context,
    args: &RunArgs,
    project: &Project,
    model: &Model,
    mut allow: Vec<WorkspacePath>,
    record: &mut Record<'_>,
) -> Result<Worked, Failure> {
    let wish = Wish::read(context, project, args)?;
    let open: Vec<WorkspacePath> =
        args.files.iter().map(|name| wish::file(context, project, "--files", name)).collect::<Result<_, _>>()?;
    let bench = context.bench(project, &args.project)?;
    let pytest_args = project.found.pytest_args();
    let command = patch::command_line(&pytest_args);
    let suite = bench.suite(project, pytest_args, &context.cancelled)?;
    let ready = ids::collect(context, &bench, project, &suite)?;
    let targets = ids::resolve(&args.tests, &ready.collected)?;
    record.begin(Task::Run, project, &bench, (args.apply, false))?;
    let runs = record.runs(project, &suite, args.project.no_cache);
    let mut show = |stage, progress: airlock_sandbox::suite::Progress<'_>| landing::show(context, stage, &progress);
    let searches = wish.kind == Kind::MakePass && !targets.is_empty() && project.settings.model.search_seconds > 0;
    let judge = Judge::of_base(project, &suite, runs, searches, &mut show).map_err(|failure| context.told(failure))?;
    context.terminal.clear();

    let mut notes = project.notes.clone();
    notes.extend(hidden::asked(project, &[judge.seen()]));
    if !model.is_priced() {
        let name = clean(model.client.model());
        notes.push(format!("the price of {name} is not known, so `model.max_cost` does not bound it"));
    }
    // A test that is named and cannot run says nothing of any change. Where none is named, what no test covers is shown as such.
    let untestable = if targets.is_empty() { None } else { patch::untestable(project, &judge, &targets) };
    if let Some(reason) = untestable {
        landing::print_wrapped(context, &format!("not testable: {}: {}", reason.kind, reason.detail));
        let patch = PatchBody { notes, reason: Some(reason), ..PatchBody::default() };
        let body = RunBody { patch, ..RunBody::default() };
        return Ok((Report { status: Status::NotTestable, body: Body::Run(Box::new(body)) }, None));
    }
    // Who asks for something at a place in a test file names that file; to mend the code is no word for its tests.
    let writes_there = !matches!(wish.kind, Kind::MakePass | Kind::Explain);
    let at = wish.place.iter().map(|place| &place.path).filter(|path| writes_there && judge.is_test_material(path));
    allow.extend(at.cloned());
    record.base(&judge, &targets)?;
    let mut candidates = 0;
    if searches {
        let searched = search_first::search(context, (project, &bench), &judge, &targets, &command, record)?;
        notes.extend(searched.notes);
        candidates = searched.candidates;
        if let Some(found) = searched.found {
            let found = Outcome::Found(Box::new(found));
            return tell(context, args, project, model, (notes, candidates), allow, found, record);
        }
    }

    let (outward, tags) = (Arc::new(model.outward(project)), Arc::new(TagCache::new(project.settings.jobs)));
    let files = Arc::new(ProjectFiles::new(project, judge.snapshot().clone()));
    let workspace = Workspace::new(files, Arc::new(Policy::default()));
    let start = start(project, &wish, &judge, &targets, &open, (&workspace, &outward, &tags));
    let driver = Driver {
        audience: &AtTerminal::new(context),
        cancelled: &context.cancelled,
        project,
        judge: &judge,
        model,
        log: record.log(),
        targets: &targets,
        allow: &allow,
        command: &command,
        diagnostics: wish.diagnostics,
        outward,
        tags,
    };
    let ended = driver.run(start, workspace)?;
    context.terminal.clear();
    tell(context, args, project, model, (notes, candidates), allow, Outcome::Ended(Box::new(ended)), record)
}

/// What a task came to.
enum Outcome {
    /// The search found a repair, and no model was asked.
    Found(Box<(Proposal, Verdict)>),
    Ended(Box<Ended>),
}

/// What the model is told first.
fn start(
    project: &Project,
    wish: &Wish,
    judge: &Judge<'_>,
    targets: &[String],
    open: &[WorkspacePath],
    (workspace, outward, tags): (&Workspace, &Outward, &Arc<TagCache>),
) -> Start {
    let kind = wish.kind;
    let mut report = (**judge.base()).clone();
    if !targets.is_empty() {
        report.tests.retain(|test| targets.contains(&test.id));
    }
    let report = TestsRun::of(&report);
    let mut map = Map::new(Arc::clone(tags));
    map.update(workspace);
    let report = (!kind.answers_only() || !targets.is_empty()).then_some(&report);
    let (place, diagnostics) = (wish.place.clone(), &wish.diagnostics);
    let brief = Brief { kind, words: &wish.words, place, diagnostics, report, open };
    let tools = if kind.answers_only() { Tools::reading_specs() } else { Tools::specs() };
    let system = kind.system(&tools);
    let message = brief.message(workspace, &map, outward, &Budget::default());
    Start { system, message, tools, answer_only: kind.answers_only(), limits: model::limits(&project.settings.model) }
}

#[allow(clippy::too_many_arguments, reason = "one call site; a struct would only name the same things twice")]
fn tell(
    context: &Context,
    args: &RunArgs,
    project: &Project,
    model: &Model,
    (notes, candidates): (Vec<String>, u64),
    allow: Vec<WorkspacePath>,
    outcome: Outcome,
    record: &mut Record<'_>,
) -> Result<Worked, Failure> {
    let terminal = &context.terminal;
    let outward = model.outward(project);
    let mut body = RunBody { candidates, model: model.client.model().to_owned(), ..RunBody::default() };
    let (reason, proposal, judged) = match outcome {
        Outcome::Found(found) => {
            let (proposal, verdict) = *found;
            body.by = Some("search");
            body.answer = proposal.reason().to_owned();
            body.usage = UsageBody::new(0, Usage::default(), Some(0));
            (StopReason::LetThrough, None, Some(Judged { proposal, verdict, unchecked: false }))
        }
        Outcome::Ended(ended) => {
            let Ended { reason, task, proposal, judged } = *ended;
            body.by = (proposal.is_some() || judged.is_some()).then_some("model");
            body.answer = outward.words(&task.last_words());
            let priced = record.log().map_or_else(
                || model.is_priced().then(|| task.micro_dollars()),
                |log| log.look(|session| session.talk().micro_dollars()),
            );
            body.usage = UsageBody::new(u64::from(task.turns()), task.usage(), priced);
            (reason, proposal, judged)
        }
    };
    for line in body.answer.lines() {
        landing::print_wrapped(context, &clean(line));
    }
    let (kind, why) = end(&reason);
    let why = outward.words(&why);
    body.ended = kind;
    body.patch.notes = notes;
    if let Some(proposal) = judged.as_ref().map(|judged| &judged.proposal).or(proposal.as_ref()) {
        terminal.say("");
        landing::print_diff(context, proposal);
        body.patch.notes.extend(landing::hidden_note(proposal));
        body.patch.proposal = Some(landing::body(proposal, Some(proposal.reason().to_owned())));
    }
    let mut status = Status::NotFixed;
    let mut waits = None;
    if let Some(judged) = judged {
        landing::print_verdict(context, &judged.verdict);
        body.patch.verdict = Some(judged.verdict.clone().into());
        body.unchecked = judged.unchecked;
        status = match judged.verdict.says_nothing() {
            true if args.unchecked => Status::NoRegression,
            true => Status::NotTestable,
            false => judged.verdict.decision.status(),
        };
        if reason == StopReason::LetThrough {
            if judged.unchecked {
                record.ask_approval(&judged.proposal, &judged.verdict, UNCHECKED, args.unchecked);
                terminal.say(&terminal.out.paint(Style::Yellow, &format!("unchecked: {UNCHECKED}")));
            }
            if judged.unchecked && !args.unchecked {
                status = Status::NotTestable;
                body.patch.reason = Some(Reason { kind: "unchecked".to_owned(), detail: UNCHECKED.to_owned() });
                if args.apply {
                    landing::print_wrapped(context, "not applied; --unchecked lands it all the same");
                }
            }
            if args.apply && (args.unchecked || !judged.unchecked) {
                let approval = Approval { allow, unchecked: args.unchecked, ..Approval::default() };
                body.patch.applied =
                    landing::land(context, project, judged.proposal, judged.verdict, &approval, record)?;
            } else {
                waits = Some((judged.proposal, judged.verdict));
            }
        }
    }
    if reason != StopReason::LetThrough {
        record.more_could_help = matches!(reason, StopReason::Limit(_) | StopReason::Stuck(_));
        match reason {
            // What was asked for is above.
            StopReason::Answered(_) => status = Status::Ok,
            _ => {
                if let StopReason::NotTestable(_) = reason {
                    status = Status::NotTestable;
                }
                terminal.say(&terminal.out.paint(Style::Yellow, &kind.replace('_', " ")));
                for line in why.lines() {
                    landing::print_wrapped(context, &clean(line));
                }
                body.patch.reason = Some(Reason { kind: kind.to_owned(), detail: why });
            }
        }
    }
    terminal.say(&terminal.out.paint(Style::Dim, &spent(&body)));
    if let (false, Some(_), Some(log)) = (body.patch.applied, &body.patch.proposal, record.log()) {
        terminal.say("nothing was changed; to judge and land it without asking again:");
        let id = log.id();
        terminal.say(&format!("  airlock sessions show {id} --diff | airlock check --patch - --apply"));
    }
    Ok((Report { status, body: Body::Run(Box::new(body)) }, waits))
}

/// What a proposal is that no test runs anything of.
pub const UNCHECKED: &str = "no test covers this";

/// What a task cost, in a line.
fn spent(body: &RunBody) -> String {
    if body.by == Some("search") {
        return format!("found by the search, after {} candidates; no model was asked", body.candidates);
    }
    let usage = &body.usage;
    let replies = if usage.replies == 1 { "1 reply".to_owned() } else { format!("{} replies", usage.replies) };
    let cost = usage.micro_dollars.map(dollars).unwrap_or_default();
    let text = format!("{}: {replies}, {} tokens in, {} out{cost}", clean(&body.model), usage.input, usage.output);
    wrap(&text, "", COLUMNS).join("\n")
}

/// A word for how it ended, and the reason in plain words.
fn end(reason: &StopReason) -> (&'static str, String) {
    match reason {
        StopReason::LetThrough => ("let_through", String::new()),
        StopReason::Answered(words) => ("answered", words.clone()),
        StopReason::NothingChanged(_) => {
            ("nothing_changed", "the model ended without changing anything; its words are above".to_owned())
        }
        StopReason::KeptOut(why) => ("kept_out", why.clone()),
        StopReason::NotTestable(why) => ("not_testable", why.clone()),
        StopReason::Limit(why) => ("limit", why.clone()),
        StopReason::Stuck(why) => ("stuck", why.clone()),
        StopReason::CutOff => ("cut_off", "two replies in a row were cut off or empty".to_owned()),
        StopReason::Refused(why) => ("model_refused", why.clone()),
        StopReason::Failed(why) => ("failed", why.clone()),
        StopReason::Cancelled => ("cancelled", "it was stopped".to_owned()),
    }
}
