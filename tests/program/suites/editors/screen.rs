//! A terminal for a program that draws on one: tmux, whose screen is read until it shows what is waited for.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use airlock_program_tests::fetched::{Debian, ran};

use crate::Desk;

/// Far more than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at the screen.
const LOOK: Duration = Duration::from_millis(50);

/// A tmux server of its own with one pane; it ends with this value.
pub struct Screen<'a> {
    debian: &'a Debian,
    desk: &'a Desk,
    socket: PathBuf,
}

impl<'a> Screen<'a> {
    /// Starts a program in the project.
    pub fn start(debian: &'a Debian, desk: &'a Desk, program: &[PathBuf], environment: &[(&str, &OsStr)]) -> Self {
        let screen = Self { debian, desk, socket: desk.home.path().join("tmux") };
        let mut command = screen.tmux();
        command.args(["-f", "/dev/null", "new-session", "-d", "-x", "110", "-y", "40"]);
        for (name, value) in environment {
            command.env(name, value);
        }
        // One word each: tmux then runs it without a shell.
        command.args(program);
        let (good, said) = ran(&mut command);
        assert!(good, "tmux does not start: {said}");
        screen
    }

    fn tmux(&self) -> Command {
        let call = self.debian.program("usr/bin/tmux");
        let mut command = self.desk.command(&call[0]);
        command.args(&call[1..]).arg("-S").arg(&self.socket);
        command.env("LC_ALL", "C.UTF-8").env("TERM", "screen-256color");
        command.env(
            "TERMINFO_DIRS",
            format!("{}:/usr/share/terminfo:/lib/terminfo", self.debian.join("usr/share/terminfo").display()),
        );
        command
    }

    /// Types text, as it is.
    pub fn write(&self, text: &str) {
        let (good, said) = ran(self.tmux().args(["send-keys", "-l", "--", text]));
        assert!(good, "{said}");
    }

    /// Presses keys by tmux's names of them.
    pub fn press(&self, keys: &[&str]) {
        let (good, said) = ran(self.tmux().arg("send-keys").args(keys));
        assert!(good, "{said}");
    }

    /// What is shown now.
    pub fn text(&self) -> String {
        let (good, said) = ran(self.tmux().args(["capture-pane", "-p"]));
        assert!(good, "the program has ended: {said}");
        said
    }

    /// Waits until the screen is as it should be; what it shows then.
    pub fn wait(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let text = self.text();
            if holds(&text) {
                return text;
            }
            assert!(Instant::now() < end, "{what} did not come:\n{text}");
            std::thread::sleep(LOOK);
        }
    }

    /// Waits for words.
    pub fn shows(&self, words: &str) -> String {
        self.wait(&format!("\"{words}\""), |text| text.contains(words))
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        ran(self.tmux().arg("kill-server"));
    }
}
