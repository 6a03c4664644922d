mod model;
mod names;
mod overlays;
pub(crate) mod support;
mod traces;
