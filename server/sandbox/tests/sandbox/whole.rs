//! What calls a function that the compiler was not given runs again on the whole module, from the same frozen image.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airlock_core::report::Outcome;
use airlock_sandbox::Ending;
use airlock_sandbox::suite::{Bounds, Options, Progress, Ran, Suite, SuiteError};
use airlock_sandbox::worker::protocol::{Build, Freeze, Installed, Job, MountSpec, Origin};
use airlock_sandbox::worker::source::FIRST_REMOTE;

use crate::support::{Files, Project, assert_all_pass, guest_folder, limits, spec, worker};

/// Starts a compiled module of the scientific stack, past the harness that hides it.
const TEXT: &str = "\
import _imp, importlib.machinery, sys

def test_before(): pass

def test_it():
    spec = importlib.machinery.ModuleSpec('PIL._imaging', importlib.machinery.BuiltinImporter)
    module = _imp.create_builtin(spec)
    _imp.exec_builtin(module)
    image = module.fill('L', (30, 20), 7)
    assert image.resize((3, 2), 1).getpixel((1, 1)) == 7

def test_zz_after(): pass
";

fn job(whole: bool) -> Job {
    Job {
        origin: Origin::Cold,
        mounts: vec![MountSpec { at: "/workspace".to_owned(), source: FIRST_REMOTE, writable: true }],
        generation: 1,
        overlay: Vec::new(),
        over_seen: false,
        commands: vec![
            r#"{"cmd":"boot","sys_path":[],"pytest":"/airlock/pytest","env":{}}"#.to_owned(),
            r#"{"cmd":"configure","root":"/workspace","cwd":"/workspace","args":[],"env":{},"sys_path":[],"threads":"inline","placeholders":[],"drop_options":[]}"#.to_owned(),
            r#"{"cmd":"run","items":null,"coverage":false}"#.to_owned(),
        ],
        whole,
        work: None,
            seed: None,
        limits: limits(),
        left_ms: None,
        freeze: Freeze::No,
    }
}

#[test]
fn a_call_of_what_was_left_out_is_known_as_such() {
    let worker = worker(Files::new(&[("test_it.py", TEXT)]));
    let done = worker.submit(job(false)).expect("submitted").wait(&AtomicBool::new(false), |_| {}).expect("done");
    assert!(matches!(done.ending, Ending::Trapped { removed: true, .. }), "{done:#?}");
}

#[test]
fn an_abort_of_the_interpreter_is_not_taken_for_it() {
    let ran = crate::support::run("def test_it():\n    __import__('os').abort()\n", limits());
    let report = crate::support::report(&ran, "test_it");
    assert_eq!(report.reason.as_ref().map(|reason| reason.kind.as_str()), Some("trap"), "{report:#?}");
}

/// Compiling every function takes minutes. In the short form it is cancelled as soon as it begins, unless it was done
/// already: what is tested then is that it is asked for, for that test.
fn is_cut_short() -> bool {
    !guest_folder().join("guest-whole.bin").exists() && std::env::var_os("AIRLOCK_LONG").is_none()
}

#[test]
fn a_candidate_and_a_test_run_again_alone_go_there_too() {
    let project = Project::of(TEXT);
    let bounds = Bounds::patient(limits());
    let cancelled = Arc::new(AtomicBool::new(false));
    let suite = Suite::new(&project.worker, project.files.clone(), spec(limits()), Arc::clone(&cancelled))
        .expect("a suite")
        .on_compiling(|| cancelled.store(is_cut_short(), Ordering::SeqCst));
    match suite.attempt(&[], bounds) {
        Ok(attempt) => assert_eq!((attempt.passed.len(), attempt.limit), (3, None)),
        ended => assert!(matches!(ended, Err(SuiteError::Cancelled)) && is_cut_short(), "{ended:?}"),
    }
    // What a refused call leaves behind makes the second test fail on its way to the compiled module; alone it gets there.
    let text = TEXT.replace("def test_before(): pass", "import socket\nleft = []\n\ndef test_before():\n    left.append(1)\n    socket.create_connection(('127.0.0.1', 9))\n")
        .replace("def test_it():\n", "def test_it():\n    assert not left\n");
    let project = Project::of(&text);
    if let Some(ran) = run_whole(&project) {
        assert_eq!(crate::support::report(&ran, "test_it").outcome, Outcome::Passed, "{:#?}", ran.report);
    }
}

/// Runs the project's tests, of which `test_it` needs the whole module; nothing comes of it where its making is cut short.
fn run_whole(project: &Project) -> Option<Ran> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let suite =
        Suite::new(&project.worker, project.files.clone(), spec(limits()), Arc::clone(&cancelled)).expect("a suite");
    let ready = suite.collect(&[]).expect("collected");
    let mut told = Vec::new();
    let ended = suite.run(&ready, &[], &Options::default(), &mut |progress| {
        if let Progress::CompilingWhole { id } = progress {
            told.push(id.to_owned());
            cancelled.store(is_cut_short(), Ordering::SeqCst);
        }
    });
    assert_eq!(told, ["test_it.py::test_it"], "{ended:#?}");
    match ended {
        Ok(ran) => Some(ran),
        Err(SuiteError::Cancelled) if is_cut_short() => None,
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn such_a_test_runs_on_the_whole_module_and_passes() {
    let project = Project::of(TEXT);
    let Some(ran) = run_whole(&project) else { return };
    assert_all_pass(&ran);
    assert_eq!(ran.report.tests.iter().filter(|test| test.outcome == Outcome::Passed).count(), 3);
    // Made once: the second time it is only looked at.
    let whole = Build { whole: true, counted: false };
    let guest = Installed::python(guest_folder(), None);
    project.worker.compile_more(&guest, whole, &|| false, &|| panic!("made again")).expect("there");
}
