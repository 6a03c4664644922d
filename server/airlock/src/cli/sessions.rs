//! `airlock sessions`: list them, tell one's story, take one up again.

use std::path::PathBuf;

use airlock_core::session::{Apply, Ended, Resumed, Session, Task, Work};
use airlock_core::status::{ErrorCode, Status};
use airlock_store::{Listed, Place, Store, StoreError, Stored};
use clap::Parser;

use super::args::{COLUMNS, Cli, Command, ResumeArgs, SessionsListArgs, ShowArgs};
use super::context::Context;
use super::document::{
    BaseBody, Body, PatchBody, ProposalBody, Report, SessionBody, SessionEntry, SessionsBody, StoryStep, UsageBody,
    VerdictBody,
};
use super::terminal::{self, Style, fit, wrap};
use super::{fix, landing, patch, record, run};
use crate::config::Variables;
use crate::failure::Failure;
use crate::project::root::{self, Request};
use crate::sessions::log::Log;
use crate::sessions::settle::{Settled, settle};
use crate::sessions::{self, PROGRAM, proposals, story, time};

/// `airlock sessions list`.
///
/// # Errors
/// The path is wrong, or the database cannot be read.
pub fn list(context: &Context, args: &SessionsListArgs) -> Result<Report, Failure> {
    let data = sessions::data_folder(&Variables::process(), None)?;
    let places =
        if args.all { data.all()? } else { data.find(&workspace(context, args.path.as_ref())?)?.into_iter().collect() };
    let terminal = &context.terminal;
    let (mut entries, mut notes) = (Vec::new(), Vec::new());
    for place in &places {
        let store = match open(place) {
            Ok(store) => store,
            // One that cannot be read does not keep the others from being listed.
            Err(failure) if args.all => {
                notes.push(failure.message);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let listed = store.list()?;
        if args.all && !listed.is_empty() {
            if !entries.is_empty() {
                terminal.say("");
            }
            terminal.say(&terminal.out.paint(Style::Bold, &fit(&place.workspace.to_string_lossy(), COLUMNS)));
        }
        for session in &listed {
            let entry = entry(place, &store, session);
            print_entry(context, &entry);
            entries.push(entry);
        }
    }
    if entries.is_empty() {
        terminal.say("no session is kept here; `airlock sessions list --all` looks everywhere");
    }
    if !entries.is_empty() {
        terminal.say("");
        terminal.say(&terminal.out.paint(Style::Dim, "times are UTC; to read one: airlock sessions show ID"));
    }
    for note in &notes {
        terminal.note(note);
    }
    Ok(Report { status: Status::Ok, body: Body::Sessions(SessionsBody { sessions: entries, notes }) })
}

fn print_entry(context: &Context, entry: &SessionEntry) {
    let out = context.terminal.out;
    let (word, style) = match (entry.state, entry.status) {
        ("ended", Some(status)) if status.exit_code() == 0 => (status.as_str().replace('_', " "), Style::Green),
        ("ended" | "stopped", Some(status)) => (status.as_str().replace('_', " "), Style::Yellow),
        (state, _) => (state.to_owned(), Style::Cyan),
    };
    let landed = if entry.applied { ", applied" } else { "" };
    let when = entry.opened_at.replace('T', " ");
    let head = format!("{}  {}  ", entry.id, when.trim_end_matches('Z'));
    let tail = format!("  {word}{landed}");
    let room = COLUMNS.saturating_sub(head.chars().count() + tail.chars().count());
    let call = fit(&entry.call, room.max(12));
    context.terminal.say(&format!("{head}{call}{}", out.paint(style, &tail)));
}

/// `airlock sessions show`.
///
/// # Errors
/// There is no such session, or it cannot be read.
pub fn show(context: &Context, args: &ShowArgs) -> Result<Report, Failure> {
    let found = find(context, &args.id)?;
    let events = found.store.events(&found.id)?;
    let session = replay(&found.id, &events)?;
    let proposal = match session.proposed() {
        Some(proposed) => Some(ProposalBody {
            diff: String::from_utf8_lossy(&found.store.content(proposed.diff)?).into_owned(),
            files: proposed.files.iter().map(|file| file.path.to_string()).collect(),
            explanation: Some(proposed.reason.clone()).filter(|reason| !reason.is_empty()),
        }),
        None => None,
    };
    if args.diff {
        let Some(proposed) = session.proposed() else {
            let message = format!("session {} has no proposal", found.id);
            return Err(Failure::error(ErrorCode::Usage, message)
                .hint(format!("`airlock sessions show {}` tells what it has", found.id)));
        };
        print_diff(context, &found.store.content(proposed.diff)?);
    }
    let listed = found.store.list()?.into_iter().find(|listed| listed.id == found.id);
    let Some(listed) = listed else { return Err(StoreError::NotFound(found.id).into()) };
    let entry = entry(&found.place, &found.store, &listed);
    let verdict = match session.judged() {
        Some(judged) => serde_json::from_slice(&found.store.content(judged.verdict)?).ok(),
        None => None,
    };
    let steps = story::tell(&events);
    if !args.diff {
        print_story(context, &entry, &listed, &steps, proposal.as_ref());
    }
    let base = session.base().map(|base| BaseBody {
        counts: base.counts,
        targets: base.groups.iter().flat_map(|group| group.tests.clone()).collect(),
        python: base.python.clone(),
        pytest: base.runner.clone(),
    });
    let talk = session.talk();
    let usage = talk.started().map(|_| UsageBody::new(talk.replies(), talk.usage(), talk.micro_dollars()));
    let story = steps
        .into_iter()
        .map(|step| StoryStep { at: time::iso(step.at), text: step.text, details: step.details })
        .collect();
    Ok(Report {
        status: Status::Ok,
        body: Body::Session(Box::new(SessionBody { session: entry, story, base, proposal, verdict, usage })),
    })
}

fn print_diff(context: &Context, diff: &[u8]) {
    if context.terminal.is_seen() {
        for line in terminal::diff(context.terminal.out, diff) {
            context.terminal.say(&line);
        }
    } else {
        // For `git apply`: byte for byte.
        context.terminal.say_bytes(diff);
    }
}

fn print_story(
    context: &Context,
    entry: &SessionEntry,
    listed: &Listed,
    steps: &[story::Step],
    proposal: Option<&ProposalBody>,
) {
    let terminal = &context.terminal;
    let bold = |text: &str| terminal.out.paint(Style::Bold, text);
    let dim = |text: &str| terminal.out.paint(Style::Dim, text);
    terminal.say(&bold(&format!("session {}", entry.id)));
    let state = match entry.status {
        Some(status) if entry.state == "ended" => status.as_str().replace('_', " "),
        Some(status) => format!("{}, {}", entry.state, status.as_str().replace('_', " ")),
        None => entry.state.to_owned(),
    };
    let landed = if entry.applied { ", applied" } else { "" };
    terminal.say(&format!("  {}", fit(&entry.workspace, COLUMNS - 2)));
    let took = time::length(listed.touched_at - listed.opened_at);
    terminal
        .say(&format!("  {} UTC, {took}: {state}{landed}", entry.opened_at.replace('T', " ").trim_end_matches('Z')));
    terminal.say("");
    for step in steps {
        let lines = wrap(&step.text, "          ", COLUMNS);
        for (at, line) in lines.iter().enumerate() {
            let head = if at == 0 { dim(&time::clock(step.at)) } else { "        ".to_owned() };
            terminal.say(&format!("{head}  {}", line.trim_start()));
        }
        for detail in &step.details {
            for line in wrap(detail, "            ", COLUMNS) {
                terminal.say(&dim(&line));
            }
        }
    }
    if let Some(proposal) = proposal {
        terminal.say("");
        for line in terminal::diff(terminal.out, proposal.diff.as_bytes()) {
            terminal.say(&line);
        }
        terminal.say("");
        let (what, reverse) = if entry.applied { ("to take it back:", " --reverse") } else { ("as a patch:", "") };
        terminal.say(&dim(&format!("{what} airlock sessions show {} --diff | git apply{reverse}", entry.id)));
    }
    if entry.state == "waiting" {
        let text = "it waits in an editor, as airlock.accept or airlock.reject";
        terminal.say(&dim(text));
    }
    if matches!(entry.state, "interrupted" | "stopped" | "unsettled") {
        if proposal.is_none() {
            terminal.say("");
        }
        terminal.say(&format!("to go on: airlock sessions resume {}", entry.id));
    }
}

/// `airlock sessions resume`.
///
/// # Errors
/// There is no such session, it has ended, somebody is at work on it, or the project is not what it is about.
pub fn resume(context: &Context, args: &ResumeArgs) -> Result<Report, Failure> {
    let found = find(context, &args.id)?;
    let (writer, _) = found.store.take_up(&found.id)?;
    let log = Log::new(writer);
    let workspace = found.place.workspace.clone();
    let folder = log.look(|session| session.opened().map(|opened| workspace.join(&opened.folder)));
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let message = format!("session {} is about {}, which is not there any more", found.id, folder.display());
        return Err(Failure::error(ErrorCode::PathNotFound, message)
            .hint("a project that was moved is found when this is called in its folder"));
    }
    if !log.look(Session::may_resume) {
        let message = format!("session {} has ended, so there is nothing to take up again", found.id);
        return Err(Failure::error(ErrorCode::SessionOver, message)
            .hint(format!("`airlock sessions show {}` tells how it went", found.id)));
    }
    log.write(Resumed { program: PROGRAM.to_owned() }, Vec::new())?;
    let open = log.look(Session::decide).into_iter().next().map(|effect| effect.work);
    if let Some(Work::Settle(_)) = open {
        // It may write to the project: from here on Ctrl-C waits for it.
        context.ending.land();
        match settle(&workspace, &log, true)? {
            Some(Settled::Landed(rest)) => {
                for path in &rest {
                    context.terminal.say(&format!("applied: {}", fit(path.as_str(), COLUMNS - 9)));
                }
            }
            Some(Settled::Unclear(paths)) => {
                let message = record::end_unclear(&log, &paths);
                return Err(Failure::error(ErrorCode::ApplyConflict, message)
                    .hint(format!("`airlock sessions show {}` has the change as a patch", found.id)));
            }
            Some(Settled::NotLanded | Settled::Half { .. }) | None => {}
        }
    }
    if log.look(|session| *session.applying() == Apply::Landed) {
        return landed(context, &log);
    }
    if log.look(|session| session.opened().is_some_and(|opened| opened.task == Task::Undo)) {
        let reason = "it was cut off before it changed anything".to_owned();
        log.keep(Ended { status: Status::Cancelled, reason: Some(reason.clone()), open: false }, Vec::new());
        return Err(Failure::error(ErrorCode::SessionOver, format!("session {}: {reason}", log.id()))
            .hint("ask for airlock.undo in the editor again"));
    }
    again(context, log, workspace)
}

/// A session whose change has landed: all that was left is to say so.
fn landed(context: &Context, log: &Log) -> Result<Report, Failure> {
    let status = record::end_landed(log);
    let (proposed, judged) = log.look(|session| (session.proposed().cloned(), session.judged().cloned()));
    let store = log.store();
    let mut body = PatchBody { session: Some(log.id().to_owned()), applied: true, ..PatchBody::default() };
    if let Some(proposed) = proposed {
        let proposal = proposals::rebuild(&store, &proposed)?;
        landing::print_diff(context, &proposal);
        body.proposal = Some(landing::body(&proposal, Some(proposed.reason)));
    }
    if let Some(judged) = judged {
        let verdict = store.content(judged.verdict)?;
        body.verdict = serde_json::from_slice(&verdict).ok().map(VerdictBody::Kept);
    }
    context.terminal.say("");
    context.terminal.say(&format!("session {} has landed", log.id()));
    Ok(Report { status, body: Body::Patch(Box::new(body)) })
}

/// Makes the session's call again; what was done of it is in the log, and is not done again.
fn again(context: &Context, log: Log, workspace: PathBuf) -> Result<Report, Failure> {
    let Some(opened) = log.look(|session| session.opened().cloned()) else {
        return Err(Failure::error(ErrorCode::Internal, "a session without a task"));
    };
    let (known, replies) = log.look(|session| (session.results().len(), session.talk().replies()));
    let runs = match known {
        _ if replies == 1 => "1 reply is known".to_owned(),
        _ if replies > 0 => format!("{replies} replies are known"),
        0 => "nothing of it was run yet".to_owned(),
        1 => "1 finished run is known".to_owned(),
        _ => format!("{known} finished runs are known"),
    };
    let text = format!("session {} goes on: {}; {runs}", log.id(), story::call(&opened.arguments));
    for line in wrap(&text, "", COLUMNS) {
        context.terminal.say(&context.terminal.out.paint(Style::Dim, &line));
    }
    let context = context.again(workspace.join(&opened.folder), opened.arguments.clone());
    let words = std::iter::once("airlock".to_owned()).chain(opened.arguments);
    let unreadable = |id: &str| {
        Failure::error(ErrorCode::SessionUnreadable, format!("what session {id} was asked is not understood any more"))
    };
    let Ok(cli) = Cli::try_parse_from(words) else { return Err(unreadable(log.id())) };
    match cli.command {
        Command::Fix(args) => fix::run_in(&context, &args, Some(log)),
        Command::Run(args) => run::run_in(&context, &args, Some(log)),
        Command::Check(args) => match &args.patch {
            Some(file) => patch::run_in(&context, &args, file, Some(log)),
            None => Err(unreadable(log.id())),
        },
        _ => Err(unreadable(log.id())),
    }
}

/// A session that was found.
struct Found {
    place: Place,
    store: Store,
    id: String,
}

/// Looks for a session: in the workspace of the folder one is in, then everywhere.
fn find(context: &Context, word: &str) -> Result<Found, Failure> {
    let data = sessions::data_folder(&Variables::process(), None)?;
    let here = workspace(context, None).ok().and_then(|path| data.find(&path).ok().flatten());
    let mut not_found = None;
    if let Some(place) = &here {
        let store = open(place)?;
        match store.find(word) {
            Ok(id) => return Ok(Found { place: place.clone(), store, id }),
            Err(StoreError::NotFound(word)) => not_found = Some(StoreError::NotFound(word)),
            Err(error) => return Err(error.into()),
        }
    }
    let folder = here.as_ref().map(Place::folder);
    for place in data.all()? {
        // One that cannot be opened does not keep another from being found.
        if Some(place.folder()) == folder {
            continue;
        }
        let Ok(store) = open(&place) else { continue };
        if let Ok(id) = store.find(word) {
            return Ok(Found { place, store, id });
        }
    }
    Err(not_found.unwrap_or_else(|| StoreError::NotFound(word.to_owned())).into())
}

/// Opens a workspace's sessions. One whose database was just put aside has none, which is an error to whoever asks for them.
fn open(place: &Place) -> Result<Store, Failure> {
    let (store, put_aside) = sessions::open(place, None)?;
    match put_aside {
        Some(why) => Err(why.into()),
        None => Ok(store),
    }
}

fn workspace(context: &Context, path: Option<&String>) -> Result<PathBuf, Failure> {
    let paths: Vec<String> = path.into_iter().cloned().collect();
    let home = Variables::process().home();
    let request = Request { cwd: &context.cwd, args: &paths, root: None, home: home.as_deref() };
    Ok(root::find(&request)?.repository)
}

fn replay(id: &str, events: &[Stored]) -> Result<Session, Failure> {
    let replayed = Session::replay(events.iter().map(|stored| &stored.event));
    replayed.map_err(|error| Failure::error(ErrorCode::SessionUnreadable, format!("session {id}: {error}")))
}

fn entry(place: &Place, store: &Store, listed: &Listed) -> SessionEntry {
    let state = story::state(listed, store.is_live(&listed.id));
    let summary = listed.summary.as_ref();
    SessionEntry {
        id: listed.id.clone(),
        workspace: place.workspace.to_string_lossy().into_owned(),
        task: summary.map(|summary| summary.task.as_str()),
        call: summary.map_or_else(String::new, |summary| story::call(&summary.arguments)),
        state,
        status: summary.and_then(|summary| summary.status),
        opened_at: time::iso(listed.opened_at),
        touched_at: time::iso(listed.touched_at),
        targets: summary.map_or(0, |summary| summary.targets),
        runs: summary.map_or(0, |summary| summary.runs),
        resumed: summary.map_or(0, |summary| summary.resumed),
        applied: summary.is_some_and(|summary| summary.applied),
        events: listed.events,
        bytes: listed.bytes,
    }
}
