//! Programs that are no tests: run over the project in a fork, bounded, and gone without a trace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use airlock_core::report::Outcome;
use airlock_sandbox::suite::{Options, Program, ProgramEnd, ProgramRan, ProgramSource, Suite, SuiteError};
use airlock_sandbox::worker::protocol::{Limits, OverlayEntry};

use crate::support::{Project, limits, spec};

const SHOP: &str = "def total(items):\n    return sum(items)\n";

fn project() -> Project {
    let test = "import os, shop\n\ndef test_it():\n    assert shop.total([1, 2]) == 3\n    assert not os.path.exists('left')\n";
    let tool = "import sys\nimport helper\nprint(__name__, sys.argv[1:], sys.stdin.read(), helper.NAME)\n";
    let files = [
        ("shop.py", SHOP),
        ("test_shop.py", test),
        ("tools/report.py", tool),
        ("tools/helper.py", "NAME = 'helper'\n"),
    ];
    Project::new(&files, limits())
}

fn text(text: &str) -> Program {
    Program { source: ProgramSource::Text(text.to_owned()), arguments: Vec::new(), input: String::new() }
}

fn ran(project: &Project, code: &str) -> ProgramRan {
    project.suite().program(&[], &text(code), limits()).expect("run")
}

#[test]
fn a_program_says_what_it_says_natively() {
    let project = project();
    let said = ran(&project, "import shop\nprint(shop.total([2, 3]))\nprint('oh', file=__import__('sys').stderr)");
    assert_eq!((said.ended, said.output.as_str(), said.errors.as_str()), (ProgramEnd::Exited(0), "5\n", "oh\n"));
    for (code, ended, errors) in [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit('no')", 1, "no\n"),
        ("import os; os._exit(4)", 4, ""),
        ("import atexit; atexit.register(print, 'last')", 0, ""),
        ("import threading; threading.Thread(target=print, args=('thread',)).start()", 0, ""),
        ("import time; time.sleep(1e6)", 0, ""),
    ] {
        let said = ran(&project, code);
        assert_eq!((said.ended, said.errors.as_str()), (ProgramEnd::Exited(ended), errors), "{code}: {}", said.output);
        assert_eq!(code.contains("print"), !said.output.is_empty(), "{code}: {}", said.output);
    }
    let failed = ran(&project, "import shop\n\n\nprint('before')\nshop.total([1, 'a'])\n");
    assert_eq!((failed.ended, failed.output.as_str()), (ProgramEnd::Exited(1), "before\n"));
    for part in ["Traceback", "File \"<program>\", line 5", "shop.total([1, 'a'])", "shop.py\", line 2", "TypeError"] {
        assert!(failed.errors.contains(part), "no {part}: {}", failed.errors);
    }
    assert!(!failed.errors.contains("airlock"), "no frame of the harness: {}", failed.errors);
    let wrong = ran(&project, "def (");
    assert!(wrong.ended == ProgramEnd::Exited(1) && wrong.errors.contains("SyntaxError"), "{wrong:?}");
    let recursion = ran(&project, "def f(): return f()\nf()");
    assert!(recursion.errors.contains("RecursionError"), "{recursion:?}");
}

#[test]
fn a_file_runs_with_its_folder_its_arguments_and_its_input() {
    let project = project();
    let program = |path: &str| Program {
        source: ProgramSource::File(path.to_owned()),
        arguments: vec!["--all".to_owned(), "ü".to_owned()],
        input: "input\n".to_owned(),
    };
    let said = project.suite().program(&[], &program("/workspace/tools/report.py"), limits()).expect("run");
    assert_eq!(said.output, "__main__ ['--all', 'ü'] input\n helper\n", "{said:?}");
    let gone = project.suite().program(&[], &program("/workspace/gone.py"), limits()).expect("run");
    assert!(gone.ended == ProgramEnd::Exited(1) && gone.errors.contains("FileNotFoundError"), "{gone:?}");
}

#[test]
fn it_sees_the_overlay_and_changes_neither_that_nor_any_report() {
    let project = project();
    let suite = project.suite();
    let new = "def total(items):\n    return 42\n";
    let entry = |path: &str, content: &str| OverlayEntry {
        path: format!("/workspace/{path}"),
        content: Some(content.as_bytes().to_vec()),
        executable: false,
    };
    let overlay = [entry("shop.py", new), entry("new.py", "X = 1\n")];
    let code = "import new, shop\nprint(shop.total([]), new.X)\nopen('shop.py', 'w').write('x')\nopen('left', 'w').write('x')\n\
                open('test_shop.py', 'w').write('def test_it(): pass')\nprint(open('shop.py').read())";
    for _ in 0..2 {
        let said = suite.program(&overlay, &text(code), limits()).expect("run");
        assert_eq!((said.ended, said.output.as_str()), (ProgramEnd::Exited(0), "42 1\nx\n"), "{}", said.errors);
    }
    let said =
        ran(&project, "import os, shop; print(shop.total([1, 2]), os.path.exists('left'), os.path.exists('new.py'))");
    assert_eq!(said.output, "3 False False\n", "{said:?}");
    let ready = suite.collect(&[]).expect("collected");
    let report = suite.run(&ready, &[], &Options::default(), &mut |_| {}).expect("run").report;
    assert_eq!(report.tests.len(), 1);
    assert_eq!(report.tests[0].outcome, Outcome::Passed, "{report:#?}");
}

#[test]
fn what_is_too_much_ends_the_program_and_nothing_else() {
    let project = project();
    let suite = project.suite();
    let limits = Limits { step_ms: 1_500, job_ms: 1_500, output: 64 << 10, memory: 256 << 20, ..limits() };
    // So that no start of the interpreter counts.
    suite.warm().expect("started");
    let run = |code: &str| suite.program(&[], &text(code), limits).expect("run");
    let started = Instant::now();
    let endless = run("print('begun', flush=True)\nwhile True: pass");
    assert_eq!((endless.ended, endless.output.as_str()), (ProgramEnd::Stopped, "begun\n"));
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let flood = run("while True: print('x' * 1000)");
    assert!(matches!(flood.ended, ProgramEnd::Exited(1)) && flood.output.len() <= 16 << 10, "{:?}", flood.ended);
    assert!(flood.limits.iter().any(|limit| limit.starts_with("output:")), "{:?}", flood.limits);
    let eater = run("a = []\nwhile True: a.append(bytearray(1 << 20))");
    assert!(eater.errors.contains("MemoryError") || !eater.limits.is_empty(), "{eater:?}");
    let files = run("i = 0\nwhile True:\n    open(f'f{i}', 'w').close()\n    i += 1");
    assert!(!matches!(files.ended, ProgramEnd::Exited(0)), "{files:?}");
    let after = run("print('still there')");
    assert_eq!(after.output, "still there\n", "{after:?}");
}

#[test]
fn there_is_nothing_but_the_sandbox_and_a_cancel_ends_it() {
    let project = project();
    for code in [
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import socket; socket.create_connection(('127.0.0.1', 80))",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1/')",
    ] {
        let said = ran(&project, code);
        assert!(!said.refused.is_empty(), "{code}: {said:?}");
    }
    let said = ran(&project, "import os; print(sorted(os.listdir('/')), os.environ.get('SECRET'))");
    assert!(said.output.contains("workspace") && said.output.contains("None"), "{said:?}");

    let cancelled = Arc::new(AtomicBool::new(false));
    let suite = Suite::new(&project.worker, Arc::clone(&project.files) as _, spec(limits()), Arc::clone(&cancelled));
    let suite = suite.expect("a suite");
    suite.warm().expect("started");
    let canceller = std::thread::spawn(move || {
        // Long enough for the program to be at work; where it is not yet, the cancel holds all the same.
        std::thread::sleep(Duration::from_millis(300));
        cancelled.store(true, Ordering::Relaxed);
        Instant::now()
    });
    let said = suite.program(&[], &text("while True: pass"), limits());
    let after = canceller.join().expect("joined").elapsed();
    assert!(matches!(said, Err(SuiteError::Cancelled)), "{said:?}");
    assert!(after < Duration::from_secs(1), "{after:?}");
}
