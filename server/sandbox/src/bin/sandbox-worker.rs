//! The worker process alone, for this crate's tests and bench; users have it as `airlock worker`.
//!
//! `sandbox-worker probe GUEST IMAGES` confines itself as the worker does and prints what it can still do.

use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, ExitCode};

use airlock_sandbox::worker::{confine, server};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let [word, guest, images] = &arguments[..]
        && word == "probe"
    {
        probe(Path::new(guest), Path::new(images));
        return ExitCode::SUCCESS;
    }
    match server::main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn probe(guest: &Path, images: &Path) {
    for note in confine::confine(guest, Some(images)) {
        println!("note: {note}");
    }
    let tell = |what: &str, done: std::io::Result<()>, word: &str| match done {
        Ok(()) => println!("{what}: {word}"),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => println!("{what}: denied"),
        Err(error) => println!("{what}: {error}"),
    };
    tell("passwd", fs::File::open("/etc/passwd").map(drop), "open");
    tell("environment", fs::read("/proc/self/environ").map(drop), "open");
    let thread = std::thread::spawn(|| fs::File::open("/etc/passwd").map(drop)).join();
    tell("thread", thread.unwrap_or_else(|_| Err(std::io::Error::other("it panicked"))), "open");
    tell("guest", fs::File::open(guest.join("guest.bin")).map(drop), "open");
    let new = format!("probe-{}", std::process::id());
    tell("write to the guest", fs::write(guest.join(&new), "x"), "written");
    tell("write elsewhere", fs::write(std::env::temp_dir().join(&new), "x"), "written");
    let image = images.join(&new);
    tell("images", fs::write(&image, "x").and_then(|()| fs::remove_file(&image)), "written");
    tell("socket", TcpListener::bind("127.0.0.1:0").map(drop), "open");
    tell("program", Command::new("/bin/true").status().map(drop), "run");
}
