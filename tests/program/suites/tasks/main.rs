//! Tasks for a model from an editor, with a scripted one: actions, commands and comments, up to the change that lands.

mod approvals;
mod meanwhile;
mod support;
mod whole;
mod wishes;
