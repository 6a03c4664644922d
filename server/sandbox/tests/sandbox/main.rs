//! The sandbox as a whole: a real worker process, the installed guest, small projects in memory.
//!
//! They need the Python guest: `cargo run -p airlock -- guest install python` puts it where they look.

mod damage;
mod determinism;
mod endings;
mod endless;
mod enough;
mod escapes;
mod flat;
mod harness;
mod leftovers;
mod library;
mod limits;
mod linux;
mod loss;
mod programs;
mod screening;
mod second_guest;
mod support;
mod travel;
mod walls;
mod whole;
