//! Tasks for a model: begun by a command, an action or a comment; steered, and approved where no test covers what came of them.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use airlock_agent::triggers::{Asks, Trigger, comment_at, triggers};
use airlock_core::hash::ContentHash;
use airlock_core::path::WorkspacePath;

use super::actions::{plain, short};
use super::around::definition;
use super::discovery::is_test_file;
use super::documents::Open;
use super::landing;
use super::message::{Action, Command, Subject, Wish};
use super::state::{Kind, Refusal, Running, State};
use super::to_proto::Tone;
use super::work::{At, JobId, Task};

/// Most findings of other servers that one range has actions for.
const MOST_OTHERS: usize = 3;
/// Tasks of one workspace at a time: each has a sandbox, and asks a model that may cost money.
const MOST_TASKS: usize = 4;
/// Comments that were asked for, kept so that none is asked for twice.
const MOST_ASKED: usize = 4_096;

impl State {
    /// The command: begins a task.
    pub fn begin_task(&mut self, wish: Wish) -> Result<String, Refusal> {
        if wish == Wish::default() {
            let text = "say what to do, such as airlock.task \"add a --quiet option\"";
            return Err(Refusal::No(text.to_owned()));
        }
        let running = self.running().filter(|running| matches!(running.kind, Kind::Model { .. })).count();
        if running >= MOST_TASKS {
            return Err(Refusal::No(format!("{running} tasks are under way already; cancel one or wait")));
        }
        let named = [&wish.at, &wish.diagnostic].into_iter().flatten().find_map(|place| file_of(place));
        let at = match named {
            Some(path) => At::Near(vec![path]),
            None => At::Near(self.near()?),
        };
        let what = self.in_words(&wish);
        if self.is_running(|kind| matches!(kind, Kind::Model { what: other } if *other == what)) {
            return Err(Refusal::No(format!("{what} is being worked on already")));
        }
        let job = self.begin(Kind::Model { what: what.clone() }, &format!("Airlock: {what}"));
        self.start(Task::Model { job, at, arguments: arguments(&wish) });
        Ok(format!("{what} is being worked on"))
    }

    /// A task in a few words, as its progress has it.
    fn in_words(&self, wish: &Wish) -> String {
        let words = wish.words.as_deref().map(|words| airlock_core::text::one_line(words, 60));
        let place = wish.at.as_deref().and_then(|at| at.rsplit(['/', '\\']).next()).map(|at| format!(" ({at})"));
        let place = place.unwrap_or_default();
        match (wish.kind.as_deref(), words) {
            (_, Some(words)) => format!("the task \"{words}\"{place}"),
            (Some("fix-diagnostic"), None) => format!("fixing a diagnostic{place}"),
            (Some("write-tests"), None) => format!("writing tests{place}"),
            (Some("explain"), None) => format!("explaining{place}"),
            (Some("comment"), None) => format!("what a comment says{place}"),
            (_, None) => match &wish.test {
                Some(test) => format!("making {} pass with the model", short(test)),
                None => format!("implementing{place}"),
            },
        }
    }

    /// A job's session is known.
    pub fn on_began(&mut self, job: JobId, session: String) {
        let Some(running) = self.job(job) else { return };
        if let Kind::Model { what } = &running.kind {
            let text = format!("Airlock: {what} is session {session}");
            running.session = Some(session);
            self.outbox.log(text);
        }
    }

    /// The command: says something to the task that is under way; of several, to the one of this session.
    pub fn steer(&self, words: Option<String>, session: Option<&str>) -> Result<String, Refusal> {
        let words = words.ok_or_else(|| Refusal::No("say what the task is to be told".to_owned()))?;
        let of = |running: &&Running| match (session, &running.session) {
            (None, _) => true,
            (Some(named), Some(session)) => session.starts_with(named),
            (Some(_), None) => false,
        };
        // One that was cancelled hears nothing any more.
        let hears = |running: &&Running| !running.cancelled.load(Ordering::Relaxed);
        let tasks = self.running().filter(|running| matches!(running.kind, Kind::Model { .. })).filter(hears);
        let mut tasks = tasks.filter(of);
        match (tasks.next(), tasks.next()) {
            (None, _) => Err(Refusal::No(match session {
                Some(session) => format!("no task of a session {session} is under way"),
                None => "no task of a model is under way".to_owned(),
            })),
            (Some(one), Some(other)) => {
                let name = |running: &Running| running.session.clone().unwrap_or_else(|| "one that begins".to_owned());
                let text = format!(
                    "more than one task is under way, such as {} and {}; name the session after the words",
                    name(one),
                    name(other)
                );
                Err(Refusal::No(text))
            }
            (Some(task), None) if task.steering.say(words) => Ok("the model is told at its next turn".to_owned()),
            (Some(_), None) => Err(Refusal::No("too much waits to be told already".to_owned())),
        }
    }

    /// The user said whether a proposal may land that no test covers.
    pub fn on_approval(&mut self, session: &str, yes: bool) {
        if !yes {
            return self.outbox.log(format!("Airlock: session {session} waits on"));
        }
        if let Err(Refusal::No(why) | Refusal::NotKnown(why)) = landing::approve(self, session) {
            self.outbox.say(Tone::Error, format!("Airlock: nothing was changed: {why}"));
        }
    }

    /// Actions of models at lines of a file; none where nobody has configured one.
    pub fn task_actions(&self, open: &Open, path: &Path, lines: (u32, u32), subjects: &[Subject]) -> Vec<Action> {
        let mut actions = Vec::new();
        if !self.has_model {
            return actions;
        }
        let place = |first: u32, last: u32| format!("{}:{}-{}", path.display(), first + 1, last + 1);
        let others: Vec<(&Subject, u32, &str)> = subjects
            .iter()
            .filter_map(|subject| match subject {
                Subject::Other { line, text } => Some((subject, *line, text.as_str())),
                _ => None,
            })
            .take(MOST_OTHERS)
            .collect();
        for (subject, line, text) in &others {
            let title = match others.as_slice() {
                [_] => "Airlock: fix this diagnostic".to_owned(),
                _ => format!("Airlock: fix \"{}\"", airlock_core::text::one_line(text, 60)),
            };
            let diagnostic = format!("{}:{}: {text}", path.display(), line + 1);
            let arguments = vec![String::new(), "fix-diagnostic".to_owned(), place(*line, *line), diagnostic];
            actions.push(Action { title, command: Command::TASK, arguments, mends: Some((*subject).clone()) });
        }
        let offer =
            |title: &str, kind: &str, at: String| plain(title, Command::TASK, vec![String::new(), kind.to_owned(), at]);
        // Only a line with a mark of a comment has its whole text looked at.
        let may_have = |line: &String| line.contains(['#', '/', '-', ';', '%']);
        if open.document.line(lines.0).as_ref().is_some_and(may_have)
            && let Some(name) = name_of(path)
            && let Some(block) = comment_at(&name, &open.document.text(), lines.0)
        {
            let at = place(block.start, block.end.saturating_sub(1));
            actions.push(offer("Airlock: do what this comment says", "comment", at));
        }
        let around = definition(lines.0, |line| open.document.line(line));
        if let Some(found) = around.filter(|_| super::state::is_python(path)) {
            let at = place(found.line, found.end);
            if found.is_stub {
                actions.push(offer("Airlock: implement this function", "implement", at.clone()));
            }
            if !is_test_file(path) {
                actions.push(offer("Airlock: write tests for this", "write-tests", at.clone()));
            }
            let at = if lines.0 == lines.1 { at } else { place(lines.0, lines.1) };
            actions.push(offer("Airlock: explain", "explain", at));
        } else if lines.0 != lines.1 {
            actions.push(offer("Airlock: explain", "explain", place(lines.0, lines.1)));
        }
        actions
    }

    /// A file was opened: what its comments ask for was asked before, or by somebody else.
    pub fn know_comments(&mut self, path: &Path, text: &str) {
        for found in name_of(path).map(|name| triggers(&name, text)).unwrap_or_default() {
            self.remember(key(path, &found));
        }
    }

    /// A file was saved: what its new comments ask for is begun.
    pub fn do_comments(&mut self, path: &Path) {
        if !self.settings.ai_comments {
            return;
        }
        let Some((name, text)) = name_of(path).zip(self.open_at(path).map(|(_, open)| open.document.text())) else {
            return;
        };
        let found = triggers(&name, &text);
        for one in found {
            let key = key(path, &one);
            if self.asked.contains(&key) {
                continue;
            }
            self.remember(key);
            let kind = match one.asks {
                Asks::Work => "comment",
                Asks::Answer => "explain",
            };
            let wish = Wish {
                // A comment names no file that has its words.
                words: Some(one.text.trim_start_matches('@').to_owned()).filter(|words| !words.trim().is_empty()),
                kind: Some(kind.to_owned()),
                at: Some(format!("{}:{}-{}", path.display(), one.lines.start + 1, one.lines.end)),
                ..Wish::default()
            };
            if let Err(Refusal::No(why) | Refusal::NotKnown(why)) = self.begin_task(wish) {
                self.outbox.say(Tone::Warning, format!("Airlock: {why}"));
            }
        }
    }

    fn remember(&mut self, key: ContentHash) {
        if self.asked.len() >= MOST_ASKED {
            self.asked.clear();
        }
        self.asked.insert(key);
    }
}

/// A comment's name: its file and its words. The lines above it may change.
fn key(path: &Path, found: &Trigger) -> ContentHash {
    ContentHash::of(format!("{}\n{:?}\n{}", path.display(), found.asks, found.text).as_bytes())
}

/// A file's name alone, by which its language is known.
fn name_of(path: &Path) -> Option<WorkspacePath> {
    WorkspacePath::new(path.file_name()?.to_str()?).ok()
}

/// The file of a place, `PATH:LINE…`.
fn file_of(place: &str) -> Option<PathBuf> {
    let end = place.match_indices(':').find(|(at, _)| place[at + 1..].starts_with(|c: char| c.is_ascii_digit()))?.0;
    Some(super::documents::real(PathBuf::from(&place[..end])))
}

/// A wish as a call of `airlock run`, the user's words last.
fn arguments(wish: &Wish) -> Vec<String> {
    let options =
        [("--kind", &wish.kind), ("--at", &wish.at), ("--diagnostic", &wish.diagnostic), ("--test", &wish.test)];
    let mut arguments = vec!["run".to_owned()];
    // Bound to its option, whatever it begins with.
    arguments.extend(options.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?))));
    arguments.push("--".to_owned());
    arguments.push(wish.words.clone().unwrap_or_default());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_a_file_whatever_follows() {
        for (place, file) in
            [("/a/b.py:3", "/a/b.py"), ("/a/b.py:3-4", "/a/b.py"), ("/a/b.py:7: error: x:9", "/a/b.py")]
        {
            assert_eq!(file_of(place), Some(PathBuf::from(file)), "{place}");
        }
        assert_eq!(file_of("/a/b.py"), None);
    }

    #[test]
    fn a_call_keeps_words_that_look_like_options() {
        let wish = Wish { words: Some("--apply".to_owned()), test: Some("-k".to_owned()), ..Wish::default() };
        assert_eq!(arguments(&wish), ["run", "--test=-k", "--", "--apply"]);
    }
}
