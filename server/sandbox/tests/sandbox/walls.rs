//! The second wall, tried from inside: a process confined as the worker is.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::support::{Files, Project, assert_all_pass, guest_folder, images, launch, limits, worker};

/// What a confined process reports about itself, line by line.
fn probe() -> Vec<String> {
    drop(worker(Files::new(&[])));
    let output = Command::new(launch().program)
        .arg("probe")
        .args([guest_folder(), images()])
        .env("AIRLOCK_CANARY", "1")
        .output()
        .expect("the probe");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[test]
fn a_confined_process_opens_no_file_of_the_users_no_socket_and_no_program() {
    let lines = probe();
    let said = |what: &str| {
        let line = lines.iter().find_map(|line| line.strip_prefix(what));
        line.unwrap_or_else(|| panic!("no {what} in {lines:#?}")).trim().to_owned()
    };
    assert_eq!(said("socket:"), "denied");
    assert_eq!(said("program:"), "denied");
    assert_eq!(said("guest:"), "open");
    assert_eq!(said("images:"), "written");
    if lines.iter().any(|line| line.starts_with("note: this kernel has no Landlock")) {
        // One wall fewer, and said so. What can be tested is that it was said.
        assert_eq!(said("passwd:"), "open");
        return;
    }
    for what in ["passwd:", "thread:", "write to the guest:", "write elsewhere:", "environment:"] {
        assert_eq!(said(what), "denied", "{what} {lines:#?}");
    }
}

#[test]
fn what_runs_need_is_left() {
    // Boot, image, fork, all of it behind the wall; the machine's network is of no interest to it.
    let _listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    assert!(Path::new("/etc/passwd").exists());
    assert_all_pass(
        &Project::new(&[("test_it.py", "def test_it(tmp_path): (tmp_path / 'x').write_text('x')\n")], limits()).run(),
    );
}
