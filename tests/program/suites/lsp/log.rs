//! The server's log: how much goes into it, whose it is, and that it does not grow without end.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use airlock_program_tests::calls::Project;
use airlock_program_tests::editor::{Client, Setup};

/// A file is put aside at this size, in bytes.
const LONGEST: usize = 4 << 20;

/// Serves a client that says one thing that is none, with this much logged; the log's path.
fn served(state: &Path, level: Option<&str>) -> PathBuf {
    let mut environment = vec![("XDG_STATE_HOME", state.as_os_str())];
    environment.extend(level.map(|level| ("AIRLOCK_LOG", OsStr::new(level))));
    let project = Project::empty();
    let mut client =
        Client::begin(&Setup { folders: &[project.path()], environment: &environment, ..Setup::default() });
    client.write(b"Content-Length: 1\r\n\r\n{");
    client.until(|message| message.get("error").is_some());
    assert_eq!(client.end(), 0);
    state.join("airlock/lsp.log")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn as_much_is_logged_as_is_asked_for_in_a_file_of_the_users_own() {
    const WARNING: &str = "a message was passed over";
    const INFO: &str = "serves an editor";
    for (level, warns, informs) in [
        (None, true, false),
        (Some(""), true, false),
        (Some("off"), false, false),
        (Some("error"), false, false),
        (Some("info"), true, true),
        (Some("warn,airlock::lsp::logging=info"), true, true),
        (Some("=what=ever="), true, false),
    ] {
        let state = Project::empty();
        let path = served(state.path(), level);
        let text = fs::read_to_string(&path).expect("read");
        assert_eq!((text.contains(WARNING), text.contains(INFO)), (warns, informs), "{level:?}: {text}");
        assert_eq!(text.contains("AIRLOCK_LOG is not understood"), level == Some("=what=ever="), "{text}");
        assert!(!text.contains('\x1b'), "colours in a file: {text}");
        assert_eq!((mode(&path), mode(path.parent().expect("a folder"))), (0o600, 0o700));
    }
}

#[test]
fn a_long_log_is_put_aside_and_only_one_is_kept() {
    let state = Project::empty();
    let long = vec![b'x'; LONGEST];
    state.write("airlock/lsp.log", &long);
    state.write("airlock/lsp.log.1", "of before");
    let path = served(state.path(), None);
    assert_eq!(fs::read(path.with_extension("log.1")).expect("put aside"), long);
    let text = fs::read_to_string(&path).expect("read");
    assert!(text.contains("passed over") && text.len() < 64 << 10, "{text}");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_dir(state.join("airlock")).expect("a folder").count(), 2);
}
