//! Airlock's program: the command line, and the composition of everything below it.

mod agent;
mod apply;
mod cli;
mod config;
mod failure;
mod files;
mod fingerprints;
mod fixing;
mod guest_install;
mod hidden;
mod judge;
mod lsp;
mod mcp;
mod project;
mod sessions;
mod workbench;

fn main() -> std::process::ExitCode {
    cli::run()
}
