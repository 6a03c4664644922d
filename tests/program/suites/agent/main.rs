//! `airlock run` and `airlock models`, against a scripted model: what it is asked, what it may do, and what becomes of it.

mod kept;
mod odd;
mod settings;
mod support;
mod tasks;
