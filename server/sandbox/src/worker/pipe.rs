//! The threads that keep a worker's pipes moving. Writing has a thread of its own: if the reader wrote answers itself, it
//! could wait for a worker that waits for the reader.

use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use super::protocol::{Answer, Done, Failure, FromWorker, MAX_MESSAGE, Question, ToWorker, encode, receive};
use crate::vfs::{Source, SourceError};

/// What is kept of the last words of a process that dies, in bytes.
const LAST_WORDS: usize = 8192;

/// What a job sends while it runs.
pub enum Progress {
    Event(Vec<u8>),
    Done(Box<Result<Done, Failure>>),
}

/// Who waits for what.
#[derive(Default)]
pub struct Waiting {
    pub jobs: HashMap<u64, Sender<Progress>>,
    pub replies: HashMap<u64, Sender<Result<Vec<String>, Failure>>>,
    /// Set once the process is gone: its last words, perhaps none.
    pub lost: Option<String>,
}

/// A process with its pipes.
pub struct Piped {
    pub child: Child,
    /// Messages for it; dropping this and every clone ends its input.
    pub input: Sender<Vec<u8>>,
    pub waiting: Arc<Mutex<Waiting>>,
    pub reader: JoinHandle<()>,
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a process whose pipes are all piped, and the threads that serve them.
///
/// # Errors
/// Why it could not be started.
pub fn start(mut command: Command, source: Arc<dyn Source>) -> Result<Piped, String> {
    let waiting = Arc::new(Mutex::new(Waiting::default()));
    let (input, messages) = channel();
    let (answers, shared) = (input.clone(), Arc::clone(&waiting));
    let (started, start) = channel();
    // The reader starts the process: Linux ends a child that asked for it when the thread that started it ends, and this
    // one lives exactly as long.
    let reader = Builder::new()
        .name("worker-reader".to_owned())
        .spawn(move || {
            let spawned = command.spawn().and_then(|mut child| {
                let (Some(stdin), Some(stdout), Some(stderr)) =
                    (child.stdin.take(), child.stdout.take(), child.stderr.take())
                else {
                    return Err(std::io::Error::other("it has no pipes"));
                };
                let writer = Builder::new().name("worker-writer".to_owned()).spawn(move || write(stdin, &messages))?;
                let words = Builder::new().name("worker-errors".to_owned()).spawn(move || last_words(stderr))?;
                Ok((child, stdout, writer, words))
            });
            let (child, stdout, writer, words) = match spawned {
                Ok(spawned) => spawned,
                Err(error) => {
                    // The starter waits for this.
                    let _ = started.send(Err(error.to_string()));
                    return;
                }
            };
            if started.send(Ok(child)).is_err() {
                return;
            }
            read(stdout, &answers, &shared, &*source);
            drop(answers);
            let words = words.join().unwrap_or_default();
            {
                let mut waiting = lock(&shared);
                waiting.lost = Some(if words.is_empty() { words } else { format!(": {words}") });
                waiting.jobs.clear();
                waiting.replies.clear();
            }
            // Ends when the worker's owner lets go of its sender.
            let _ = writer.join();
        })
        .map_err(|error| error.to_string())?;
    match start.recv() {
        Ok(Ok(child)) => Ok(Piped { child, input, waiting, reader }),
        Ok(Err(error)) => Err(error),
        Err(_) => Err("its thread ended".to_owned()),
    }
}

fn write(mut stdin: ChildStdin, messages: &Receiver<Vec<u8>>) {
    // After the process is gone there is nobody to write to; the reader tells whoever waits.
    while let Ok(message) = messages.recv() {
        if stdin.write_all(&message).is_err() {
            return;
        }
    }
}

fn last_words(mut errors: ChildStderr) -> String {
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = errors.read(&mut chunk) {
        text.extend_from_slice(&chunk[..read]);
        let surplus = text.len().saturating_sub(LAST_WORDS);
        text.drain(..surplus);
    }
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// Reads the worker's messages until its output ends.
fn read(output: ChildStdout, answers: &Sender<Vec<u8>>, waiting: &Mutex<Waiting>, source: &dyn Source) {
    let mut output = BufReader::with_capacity(1 << 16, output);
    while let Ok(Some(message)) = receive::<FromWorker>(&mut output) {
        match message {
            FromWorker::Reply { request, result } => {
                if let Some(reply) = lock(waiting).replies.remove(&request) {
                    // The asker may be gone.
                    let _ = reply.send(result);
                }
            }
            FromWorker::Ask { ask, mount, path, question } => {
                let answer = answer(source, mount, &path, question);
                let message = encode(&ToWorker::Answer { ask, answer })
                    .or_else(|_| encode(&ToWorker::Answer { ask, answer: Err(SourceError::TooLarge) }));
                let Ok(message) = message else { return };
                if answers.send(message).is_err() {
                    return;
                }
            }
            FromWorker::Event { id, event } => {
                if let Some(progress) = lock(waiting).jobs.get(&id) {
                    let _ = progress.send(Progress::Event(event));
                }
            }
            FromWorker::Done { id, done } => {
                if let Some(progress) = lock(waiting).jobs.remove(&id) {
                    let _ = progress.send(Progress::Done(done));
                }
            }
        }
    }
}

fn answer(source: &dyn Source, mount: u32, path: &str, question: Question) -> Result<Answer, SourceError> {
    // A panic of a source must not take the thread that all jobs depend on.
    catch_unwind(AssertUnwindSafe(|| match question {
        Question::List => source.list(mount, path).map(Answer::List),
        Question::Read => {
            let content = source.read(mount, path)?;
            if content.len() >= MAX_MESSAGE {
                return Err(SourceError::TooLarge);
            }
            Ok(Answer::Read(content.to_vec()))
        }
    }))
    .unwrap_or_else(|_| Err(SourceError::Other("the server failed internally while it read this".to_owned())))
}
