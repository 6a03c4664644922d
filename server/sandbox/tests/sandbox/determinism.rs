//! The same run gives the same bytes: events, output, trace; in one worker and in another.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airlock_sandbox::worker::protocol::{Done, Freeze, Job, MountSpec, Origin};
use airlock_sandbox::worker::source::FIRST_REMOTE;

use crate::support::{Files, limits, worker};

const TEXT: &str = "\
import os, random, secrets, time, uuid, datetime, tempfile, threading

def test_a(tmp_path, capsys):
    print(random.random(), secrets.token_hex(), uuid.uuid4(), uuid.uuid1(), hash('text'), id(object()))
    print(time.time(), time.monotonic_ns(), datetime.datetime.now(), os.getpid(), tmp_path, tempfile.mkdtemp())
    print(os.stat(__file__), os.listdir('/'), [entry.inode() for entry in os.scandir('/workspace')])
    print({object(), object()}, {'a', 'b', 'c'}, os.environ, os.urandom(16))
    assert not capsys.readouterr().out

def test_b():
    seen = []
    threads = [threading.Thread(target=seen.append, args=(n,)) for n in range(10)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert 0, (seen, float('nan'), 1e308 * 10, 0.1 + 0.2)
";

fn cold() -> (Vec<Vec<u8>>, Done) {
    let worker = worker(Files::new(&[("test_it.py", TEXT), ("conftest.py", ""), ("pkg/__init__.py", "")]));
    let job = Job {
        origin: Origin::Cold,
        mounts: vec![MountSpec { at: "/workspace".to_owned(), source: FIRST_REMOTE, writable: true }],
        generation: 1,
        overlay: Vec::new(),
        over_seen: false,
        commands: vec![
            r#"{"cmd":"boot","sys_path":[],"pytest":"/airlock/pytest","env":{}}"#.to_owned(),
            r#"{"cmd":"configure","root":"/workspace","cwd":"/workspace","args":[],"env":{},"sys_path":[],"threads":"inline","placeholders":[],"drop_options":[]}"#.to_owned(),
            r#"{"cmd":"run","items":null,"coverage":true,"coverage_roots":["/workspace"]}"#.to_owned(),
        ],
        whole: false,
        work: None,
            seed: None,
        limits: limits(),
        left_ms: None,
        freeze: Freeze::No,
    };
    let mut events = Vec::new();
    let done = worker
        .submit(job)
        .expect("submitted")
        .wait(&Arc::new(AtomicBool::new(false)), |event| events.push(event.to_vec()))
        .expect("done");
    (events, done)
}

#[test]
fn two_workers_say_the_same_to_the_byte() {
    let (first, second) = (cold(), cold());
    let text =
        |events: &[Vec<u8>]| events.iter().map(|event| String::from_utf8_lossy(event).into_owned()).collect::<Vec<_>>();
    assert!(text(&first.0).iter().any(|event| event.contains("\"result\"")), "{:#?}", text(&first.0));
    assert_eq!(text(&first.0), text(&second.0));
    assert_eq!(format!("{:?}", first.1.ending), format!("{:?}", second.1.ending));
    assert_eq!(
        (first.1.stdout, first.1.stderr, first.1.slept_ns),
        (second.1.stdout, second.1.stderr, second.1.slept_ns)
    );
    assert_eq!(first.1.trace, second.1.trace);
}
