//! Airlock's program: the command line, and the composition of everything below it.

#[allow(dead_code)]
mod apply;
mod cli;
mod config;
mod failure;
mod files;
mod fingerprints;
#[allow(dead_code)]
mod fixing;
mod guest_install;
mod hidden;
#[allow(dead_code)]
mod judge;
mod project;
mod workbench;

fn main() -> std::process::ExitCode {
    cli::run()
}
