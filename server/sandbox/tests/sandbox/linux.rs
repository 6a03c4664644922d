//! What a Linux program may expect of its system, found in the guest, or refused in so many words.

use airlock_core::report::Outcome;
use airlock_sandbox::suite::Options;

use crate::support::{Project, limits, report, run};

/// A test passes, or cannot run for the reason in its name (`test_KIND__…`).
const TESTS: &str = r#"
import asyncio, gc, hashlib, locale, os, queue, shutil, signal, socket, stat, subprocess, sys, threading, time
import pytest

@pytest.mark.parametrize("package", ["numpy", "yaml", "attrs", "six", "toolz", "dateutil"])
def test_the_guests_own_packages_are_hidden(package):
    with pytest.raises(ImportError):
        __import__(package)

def test_time_zones_are_known():
    import zoneinfo
    assert zoneinfo.ZoneInfo("Europe/Berlin")

def test_modules_of_a_unix_have_their_constants():
    import fcntl, grp, pwd, readline, resource, ssl, syslog, termios
    assert (termios.TCSANOW, fcntl.LOCK_EX, resource.RLIMIT_NOFILE, syslog.LOG_ERR) == (0, 2, 7, 3)
    assert pwd.getpwuid(os.getuid()).pw_name and grp.getgrgid(os.getgid()).gr_name
    assert ssl.create_default_context() and socket.SO_REUSEADDR and socket.AF_UNIX

def test_missing_function__of_a_terminal():
    import termios
    termios.tcgetattr(0)

def test_a_server_thread_ends_with_its_event():
    event = threading.Event()
    def serve():
        while not event.is_set():
            time.sleep(0.1)
    thread = threading.Thread(target=serve)
    thread.start()
    event.set()
    thread.join(5)
    assert not thread.is_alive()

def test_pools_of_threads():
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(abs, [-1, 2])) == [1, 2]
    assert asyncio.run(asyncio.to_thread(lambda: 3)) == 3

def test_timed_waits_give_up():
    lock = threading.Lock()
    lock.acquire()
    assert lock.acquire(timeout=1) is False
    with pytest.raises(queue.Empty):
        queue.SimpleQueue().get(timeout=0.1)
    with pytest.raises(queue.Empty):
        queue.Queue().get(timeout=0.1)

def test_deadlock__of_a_lock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()

def test_deadlock__of_a_queue():
    queue.SimpleQueue().get()

def test_deadlock__of_a_loop():
    async def wait():
        await asyncio.get_running_loop().create_future()
    asyncio.run(wait())

def test_a_sleep_takes_the_clocks_time():
    before = time.monotonic()
    asyncio.run(asyncio.sleep(100))
    assert time.monotonic() - before >= 100

def test_output_by_descriptor_is_captured(capfd):
    os.write(1, b"a")
    os.write(2, b"b")
    print("c")
    assert capfd.readouterr() == ("ac\n", "b")

def test_a_process_knows_who_it_is():
    assert os.getuid() == os.geteuid() and os.getgid() == os.getegid() and os.getppid() > 0 and os.getlogin()
    assert os.umask(0o022) == 0o022
    time.tzset()
    assert time.thread_time() >= 0
    os.register_at_fork(before=lambda: None)
    assert all(os.environ[name] for name in ("HOME", "USER", "PATH", "TERM"))
    assert stat.S_ISDIR(os.stat("/").st_mode)

def test_the_interpreter_is_a_program():
    assert os.path.isfile(sys.executable) and os.access(sys.executable, os.X_OK)
    assert stat.S_IMODE(os.stat(sys.executable).st_mode) & 0o111

def test_subprocess__the_interpreter_again():
    subprocess.run([sys.executable, "-c", ""], check=True)

def test_addresses_are_read_and_written():
    packed = socket.inet_pton(socket.AF_INET6, "::1")
    assert socket.inet_ntop(socket.AF_INET6, packed) == "::1"

def test_absolute_links(tmp_path):
    (tmp_path / "a").write_text("x")
    os.symlink(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "x" and os.readlink(tmp_path / "b") == str(tmp_path / "a")

def test_a_mode_says_who_may_read(tmp_path):
    file = tmp_path / "f"
    file.write_text("x")
    file.chmod(0)
    assert not os.access(file, os.X_OK)

def test_locales_of_c():
    assert locale.setlocale(locale.LC_ALL, "C") and locale.setlocale(locale.LC_ALL, "")

def test_locale__of_a_country():
    locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")

def test_subprocess__by_a_shell():
    os.popen("true").read()

def test_program__looked_for():
    assert shutil.which("less")

def test_dup__of_a_descriptor():
    os.dup(1)

def test_socket__of_the_network():
    socket.socket()

def test_missing_function__fork():
    os.fork()

def test_signal__to_itself():
    os.kill(os.getpid(), signal.SIGTERM)

def test_what_was_refused_need_not_matter():
    try:
        socket.socket()
    except OSError:
        pass

def test_keys_are_derived():
    assert hashlib.scrypt(b"p", salt=b"s", n=16, r=8, p=1) and hashlib.pbkdf2_hmac("sha256", b"p", b"s", 1000)

def test_subprocess__with_a_coroutine_left_behind():
    async def never():
        pass
    left = never()
    subprocess.run(["true"])

def test_the_next_one_is_not_to_blame():
    gc.collect()

def test_recursion_ends():
    def deeper(n):
        return deeper(n + 1)
    with pytest.raises(RecursionError):
        deeper(0)
"#;

#[test]
fn what_a_program_expects_is_there_or_refused_by_name() {
    let ran = run(TESTS, limits());
    let mut wrong = Vec::new();
    for test in &ran.report.tests {
        let name = test.id.rsplit("::").next().unwrap_or_default();
        let reason = test.reason.as_ref().map(|reason| reason.kind.as_str());
        let is_right = match name.strip_prefix("test_").and_then(|name| name.split_once("__")) {
            Some((kind, _)) => test.outcome == Outcome::NotTestable && reason == Some(kind),
            None => test.outcome == Outcome::Passed,
        };
        if !is_right {
            wrong.push(format!("{name}: {:?} {reason:?} {:?}", test.outcome, test.message));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(ran.report.tests.len(), TESTS.matches("\ndef test_").count() + 5);
}

#[test]
fn what_only_a_larger_or_another_system_would_say_is_no_failure() {
    let test = r#"
import array, errno, itertools, struct, sys

def test_largest(): assert sys.maxsize > 2**32
def test_exactly(): assert sys.maxsize == 2**63 - 1
def test_pointer(): assert struct.calcsize("P") == 8
def test_long(): assert array.array("l").itemsize == 8
def test_object(): assert sys.getsizeof([]) == 56
def test_slice(): list(itertools.islice([1], 0, 2**40))
def test_number(): assert errno.ENOENT == 2

def test_of_an_error():
    try:
        open("/nowhere/at/all")
    except OSError as error:
        assert error.errno == 2
"#;
    let ran = run(test, limits());
    assert_eq!(ran.report.tests.len(), 8);
    for test in &ran.report.tests {
        let reason = test.reason.as_ref().map(|reason| reason.kind.as_str());
        assert_eq!((test.outcome, reason), (Outcome::NotTestable, Some("guest_difference")), "{test:#?}");
    }
    let own = run("import errno\n\ndef test_own(): assert errno.ENOENT == 3\n", limits());
    assert_eq!(report(&own, "test_own").outcome, Outcome::Failed);
}

#[test]
fn tests_with_one_id_are_all_run_and_the_worst_of_them_counts() {
    let conftest = r#"
import pytest

class Case(pytest.Item):
    def __init__(self, *, number, bad, **rest):
        super().__init__(**rest)
        self.number, self.bad = number, bad

    def runtest(self):
        import codes
        assert codes.value(self.number) != self.bad

class Cases(pytest.File):
    def collect(self):
        bad = int(self.path.read_text())
        for number in range(3):
            yield Case.from_parent(self, name="case", number=number, bad=bad)

def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".txt":
        return Cases.from_parent(parent, path=file_path)
"#;
    let files = [
        ("conftest.py", conftest),
        ("codes.py", "def value(n):\n    if n == 2:\n        return 20\n    return n\n"),
        ("first.txt", "0"),
        ("good.txt", "7"),
        ("last.txt", "20"),
        ("test_it.py", "def test_it():\n    pass\n"),
    ];
    let project = Project::new(&files, limits());
    let suite = project.suite();
    let ready = suite.collect(&[]).expect("collected");
    assert!(ready.collected.notes.iter().any(|note| note.contains("several tests have one id (3 times")), "{ready:?}");
    let covering = Options { coverage: Some(vec!["/workspace".to_owned()]), ..Options::default() };
    let ran = suite.run(&ready, &[], &covering, &mut |_| {}).expect("ran");
    let said: Vec<_> = ran.report.tests.iter().map(|test| (test.id.as_str(), test.outcome)).collect();
    let (passed, failed) = (Outcome::Passed, Outcome::Failed);
    assert_eq!(
        said,
        [
            ("first.txt::case", failed),
            ("good.txt::case", passed),
            ("last.txt::case", failed),
            ("test_it.py::test_it", passed)
        ]
    );
    assert!(ran.report.unreported.is_empty());
    // The lines that any of them ran.
    let covered = ran.report.tests[1].coverage.as_ref().expect("covered");
    assert_eq!(covered["codes.py"], [2, 3, 4]);
}
