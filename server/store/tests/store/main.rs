//! The store as its users see it, across processes, damage and time.

mod crash;
mod damage;
mod golden;
mod races;
mod support;
