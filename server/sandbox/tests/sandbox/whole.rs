//! What calls a function that the compiler was not given runs again on the whole module, from the same frozen image.

use std::sync::atomic::AtomicBool;

use airlock_core::report::Outcome;
use airlock_sandbox::Ending;
use airlock_sandbox::suite::{Options, Progress};
use airlock_sandbox::worker::protocol::{Freeze, Installed, Job, MountSpec, Origin};
use airlock_sandbox::worker::source::FIRST_REMOTE;

use crate::support::{Files, Project, assert_all_pass, guest_folder, limits, worker};

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
        commands: vec![
            r#"{"cmd":"boot","sys_path":[],"pytest":"/airlock/pytest","env":{}}"#.to_owned(),
            r#"{"cmd":"configure","root":"/workspace","cwd":"/workspace","args":[],"env":{},"sys_path":[],"threads":"inline","placeholders":[],"drop_options":[]}"#.to_owned(),
            r#"{"cmd":"run","items":null,"coverage":false}"#.to_owned(),
        ],
        whole,
        limits: limits(),
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
    let text = "def test_it():\n    import faulthandler\n    faulthandler._fatal_error_c_thread() if hasattr(faulthandler, '_fatal_error_c_thread') else __import__('os').abort()\n";
    let ran = crate::support::run(text, limits());
    let report = crate::support::report(&ran, "test_it");
    assert!(report.reason.as_ref().is_none_or(|reason| reason.kind != "native_module"), "{report:#?}");
}

/// Compiling every function takes minutes: in the long form, and wherever it was done already.
#[test]
fn such_a_test_runs_on_the_whole_module_and_passes() {
    let there = guest_folder().join("guest-whole.bin").exists();
    if !there && std::env::var_os("AIRLOCK_LONG").is_none() {
        eprintln!("skipped: compiling the whole guest takes minutes; AIRLOCK_LONG=1 does it");
        return;
    }
    let project = Project::of(TEXT);
    let suite = project.suite();
    let mut told = Vec::new();
    let ran = suite
        .run(&project.collect(), &[], &Options::default(), &mut |progress| {
            if let Progress::CompilingWhole { id } = progress {
                told.push(id.to_owned());
            }
        })
        .expect("run");
    assert_eq!(told, ["test_it.py::test_it"]);
    assert_all_pass(&ran);
    assert_eq!(ran.report.tests.iter().filter(|test| test.outcome == Outcome::Passed).count(), 3);
    // Made once: the second time it is only looked at.
    project.worker.compile_whole(&Installed::python(guest_folder(), None), &AtomicBool::new(false)).expect("there");
}
