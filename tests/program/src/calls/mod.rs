//! Calls of the program that are watched, interrupted or lied to, and projects they may do as they like with.

mod binary;
mod project;
mod tree;

pub use binary::{Airlock, Ended, Running, airlock, exit_code};
pub use project::Project;
pub use tree::Tree;
