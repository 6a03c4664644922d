//! `airlock run` and `airlock models`, against a scripted model: what it is asked, what it may do, and what becomes of it.

mod guarded;
mod kept;
mod odd;
mod orders;
mod searched;
mod settings;
mod shown;
mod support;
mod tasks;
