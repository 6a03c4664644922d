//! The user's project: its root, its files, its environment. Nothing here runs anything.

pub mod beneath;
pub mod environment;
pub mod git_index;
pub mod host_tree;
pub mod ignores;
pub mod links;
pub mod notes;
pub mod own;
pub mod pytest_ini;
pub mod python_files;
pub mod root;
#[cfg(test)]
mod root_tests;
pub mod walk;
#[cfg(all(test, unix))]
mod walk_tests;
pub mod workspace;
