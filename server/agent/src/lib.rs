//! What a model is given to work with: a copy of the project, tools over it, and the rules for both.
//!
//! Pure but for what it is given as traits: who has the files ([`files::Files`]) and who can run programs and tests
//! ([`bench::Bench`]). No file, clock, network or process of its own; the same input gives the same answer, byte for byte.
//!
//! - A [`files::Workspace`] is a snapshot with an overlay. All that a model changes is in the overlay, which only a verdict
//!   lets out.
//! - [`tools::Tools`] carry a model's calls out. [`patch`] reads the patches that models write, [`place`] finds where they
//!   belong, [`document`] keeps a file's endings.
//! - [`outward::Outward`] is the one door for text: keys are taken out of it, and what cannot be seen is made visible.
//! - [`context`] is what a model is told before it asks: the first message, a map of the project, the project's own rules.
//! - A [`task::Loop`] is the conversation itself: a fold of what happened, which says what is to be done next. [`prompts`]
//!   are the program's own words in it.
//! - [`triggers`] finds the comments that ask for something.
//! - [`policy`] says what may be changed, what has to be asked, and what an answer covers.

pub mod bench;
pub mod context;
pub mod document;
pub mod files;
pub mod judged;
pub mod outward;
pub mod patch;
pub mod place;
pub mod policy;
pub mod prompts;
pub mod task;
#[cfg(test)]
mod testing;
pub mod tools;
pub mod triggers;
