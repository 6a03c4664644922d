//! A person at the terminal as the audience of a model's task; or whoever listens in place of one.

use std::cell::{Cell, RefCell};

use airlock_sandbox::suite::Progress;

use super::args::COLUMNS;
use super::context::Context;
use super::landing;
use super::terminal::{Style, wrap};
use crate::agent::Audience;
use crate::agent::drive::clean;
use crate::failure::Failure;
use crate::judge::Stage;

/// The terminal of a call.
pub struct AtTerminal<'a> {
    context: &'a Context,
    /// The line that the model is writing.
    line: RefCell<String>,
    /// Something of this reply was written; and that is to be shown at once.
    has_begun: Cell<bool>,
    is_first: Cell<bool>,
}

impl<'a> AtTerminal<'a> {
    pub fn new(context: &'a Context) -> Self {
        Self { context, line: RefCell::default(), has_begun: Cell::default(), is_first: Cell::default() }
    }

    fn say(&self, line: &str) {
        let terminal = &self.context.terminal;
        for line in wrap(&clean(line.trim_end()), "  ", COLUMNS) {
            terminal.note(&terminal.err.paint(Style::Dim, &line));
        }
    }
}

impl Audience for AtTerminal<'_> {
    fn progress(&self, text: &str) {
        self.context.terminal.progress(text, self.is_first.take());
    }

    fn testing(&self, stage: Stage, progress: &Progress<'_>) {
        landing::show(self.context, stage, progress);
    }

    fn wrote(&self, piece: &str) {
        self.is_first.set(!self.has_begun.replace(true));
        if !self.context.terminal.is_seen() {
            return;
        }
        let mut line = self.line.borrow_mut();
        line.push_str(piece);
        while let Some(end) = line.find('\n') {
            let rest = line.split_off(end + 1);
            self.say(&line);
            *line = rest;
        }
    }

    fn begins_again(&self) {
        self.line.borrow_mut().clear();
    }

    fn replied(&self) {
        let line = self.line.take();
        if !line.trim().is_empty() {
            self.say(&line);
        }
        self.has_begun.set(false);
    }

    fn said(&self) -> Vec<String> {
        self.context.steering.take()
    }

    fn told(&self, failure: Failure) -> Failure {
        self.context.told(failure)
    }
}
