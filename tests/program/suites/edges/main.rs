//! The edges: attacks, damage, losses, exact landings, patches that are none, terminals.

mod attacks;
mod bad_input;
mod damage;
mod fix;
mod interrupts;
mod landing;
mod patches;
mod support;
mod terminal;
mod verdicts;
