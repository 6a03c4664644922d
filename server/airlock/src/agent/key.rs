//! Where the key of a model's provider comes from: a variable of the environment, or a command of the user's.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use airlock_core::status::ErrorCode;

use crate::config::Variables;
use crate::failure::Failure;

/// How long a command may take to print a key. Some ask the user for a password first.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest output that is read.
const MOST: u64 = 16 * 1024;

/// The key as a command prints it. It runs without a shell and in no project's folder.
///
/// # Errors
/// It cannot be run, takes too long, fails or prints no text. Its output is in no message.
pub fn of_command(words: &[String], stopped: &dyn Fn() -> bool) -> Result<String, Failure> {
    let [program, arguments @ ..] = words else { return Err(failed("it has no words")) };
    let path = Path::new(program);
    // What is named by a path from here would be whatever a project has put there.
    if path.components().count() > 1 && !path.is_absolute() {
        return Err(failed("its program is a relative path; give its name or a whole path"));
    }
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    if let Some(home) = Variables::process().home() {
        command.current_dir(home);
    }
    let mut child = command.spawn().map_err(|error| failed(&error.to_string()))?;
    let Some(stdout) = child.stdout.take() else { return Err(failed("it has no output")) };
    let (send, output) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.take(MOST + 1).read_to_end(&mut bytes).map(|_| bytes);
        // Nobody waits any more where it took too long.
        let _ = send.send(read);
    });
    let started = Instant::now();
    let mut read = None;
    let ended = loop {
        if let Ok(bytes) = output.recv_timeout(Duration::from_millis(10)) {
            read = Some(bytes);
        }
        if let Ok(Some(status)) = child.try_wait() {
            break status;
        }
        let too_long = matches!(&read, Some(Ok(bytes)) if bytes.len() as u64 > MOST);
        if too_long || stopped() || started.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            return Err(match (too_long, stopped()) {
                (true, _) => failed(TOO_LONG),
                (_, true) => Failure::cancelled(),
                _ => failed(&format!("it did not end within {} s", PATIENCE.as_secs())),
            });
        }
    };
    // What it started besides may hold the other end open for ever.
    let read = read.map_or_else(|| output.recv_timeout(Duration::from_secs(1)).ok(), Some);
    let bytes = read.and_then(Result::ok);
    // Such a one ends by itself, too, as nobody reads any more.
    if bytes.as_ref().is_some_and(|bytes| bytes.len() as u64 > MOST) {
        return Err(failed(TOO_LONG));
    }
    if !ended.success() {
        return Err(failed(&format!("it ended with {ended}")));
    }
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| failed("what it prints is no short text"))
}

const TOO_LONG: &str = "it prints more than a key";

fn failed(why: &str) -> Failure {
    Failure::error(ErrorCode::NoModel, format!("the command of `model.key_command` gives no key: {why}"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn key(words: &[&str]) -> Result<String, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        of_command(&words, &|| false).map_err(|failure| failure.message)
    }

    #[test]
    fn a_command_gives_a_key_or_a_reason() {
        assert_eq!(key(&["echo", "a key"]), Ok("a key\n".to_owned()));
        for (words, why) in [
            (&["false"][..], "it ended with"),
            (&["./here/print-key"], "relative path"),
            (&["no-such-program-anywhere"], "No such file"),
            (&["head", "-c", "20000", "/dev/zero"], "gives no key"),
            (&["yes"], "more than a key"),
        ] {
            let said = key(words);
            assert!(said.as_ref().is_err_and(|said| said.contains(why)), "{words:?}: {said:?}");
        }
        let stopped = of_command(&["sleep".to_owned(), "600".to_owned()], &|| true).unwrap_err();
        assert_eq!(stopped.status, airlock_core::status::Status::Cancelled);
    }
}
