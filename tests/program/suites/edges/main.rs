//! The edges: attacks, damage, losses, kills, exact landings, patches that are none, terminals.

mod all_or_none;
mod attacks;
mod bad_input;
mod crowd;
mod damage;
mod editable;
mod fix;
mod hidden;
mod interrupts;
mod killed;
mod landing;
mod leavings;
mod material;
mod patches;
mod refusals;
mod search;
mod support;
mod terminal;
mod verdicts;
