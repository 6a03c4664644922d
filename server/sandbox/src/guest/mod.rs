//! Guests: language runtimes described by data, and what is made of their downloads.

pub mod description;
pub mod event;
pub mod files;
pub mod install;

pub use description::Description;
