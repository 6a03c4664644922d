mod calls;
mod faults;
mod fuzz;
mod support;
