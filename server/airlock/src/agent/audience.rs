//! Who hears of a task while it goes on, and may speak into it: a person at a terminal, or an editor's user.

use airlock_sandbox::suite::Progress;

use crate::failure::Failure;
use crate::judge::Stage;

/// Who hears of a task. Nothing here waits.
pub trait Audience {
    /// What goes on now, in a line: turn, tokens, money.
    fn progress(&self, text: &str);

    /// Tests run, for the model or to judge its proposal.
    fn testing(&self, stage: Stage, progress: &Progress<'_>);

    /// The model wrote another piece of its text.
    fn wrote(&self, piece: &str);

    /// What it wrote of this reply is void: the model is asked again.
    fn begins_again(&self);

    /// The reply is over.
    fn replied(&self);

    /// What the user said into the task since this was asked last.
    fn said(&self) -> Vec<String>;

    /// A failure as it is to be told.
    fn told(&self, failure: Failure) -> Failure;
}
