//! Every way out of its files that Python code in the guest can try.

use crate::support::{Files, Project, assert_all_pass, limits, worker};

/// What is asserted here is asserted in the guest: each attempt must fail there.
const ATTEMPTS: &str = r#"
import errno, os, pathlib, shutil, socket, subprocess, sys
import pytest

OUTSIDE = ["/etc/passwd", "/proc/self/environ", "/proc/self/maps", "/proc/1/environ", "/root/.ssh/id_rsa", "/sys/kernel",
           "/dev/mem", "/dev/tty", "/dev/fd/0", "/dev/shm", "/var/run/docker.sock", "/workspace/../etc/passwd",
           "/workspace/../../../../etc/passwd", "/tmp/../etc/passwd", "//etc//passwd", "/./etc/./passwd",
           "/workspace/pkg/../../etc/passwd", "../etc/passwd", "../../../../../../etc/passwd", "/etc/passwd/", "/etc/passwd/."]

@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_outside_is_there(path):
    operations = [
        lambda: os.open(path, os.O_RDONLY), lambda: os.stat(path), lambda: os.lstat(path), lambda: os.listdir(path),
        lambda: os.readlink(path), lambda: os.open(path, os.O_RDWR), lambda: os.unlink(path), lambda: os.rmdir(path),
        lambda: os.rename(path, "/tmp/taken"), lambda: os.link(path, "/tmp/linked"), lambda: os.utime(path),
        lambda: os.truncate(path, 0), lambda: os.scandir(path), lambda: os.open(path, os.O_PATH if hasattr(os, "O_PATH") else 0),
    ]
    for number, operation in enumerate(operations):
        with pytest.raises((OSError, AttributeError)):
            operation()
            pytest.fail(f"operation {number} on {path} went through")

@pytest.mark.parametrize("path", ["/etc/new", "/new", "/proc/new", "/dev/new", "/usr/local/lib/new", "/airlock/new"])
def test_nothing_outside_can_be_made(path):
    for operation in (lambda: os.mkdir(path), lambda: os.open(path, os.O_CREAT | os.O_WRONLY),
                      lambda: os.symlink("/tmp", path), lambda: os.rename("/workspace/pkg/mod.py", path)):
        with pytest.raises(OSError):
            operation()

def test_above_the_root_is_the_root():
    assert sorted(os.listdir("/..")) == sorted(os.listdir("/"))
    assert os.path.samefile("/../../..", "/")
    assert not {"etc", "root", "proc", "sys", "var"} & set(os.listdir("/"))

@pytest.mark.parametrize("link", ["out_absolute", "out_relative", "out_deep", "pkg/out_folder/passwd", "loop"])
def test_links_of_the_project_lead_nowhere(link):
    for operation in (open, os.stat, os.listdir):
        with pytest.raises(OSError):
            operation(f"/workspace/{link}")

@pytest.mark.parametrize("target", ["/etc/passwd", "../../../etc/passwd", "/proc/self/environ", "/proc/self/root/etc/passwd"])
def test_links_of_our_own_lead_nowhere(tmp_path, target):
    link = tmp_path / "link"
    link.symlink_to(target)
    assert os.readlink(link) == target
    for operation in (open, os.stat, os.listdir, lambda path: open(path, "w"), lambda path: os.truncate(path, 0)):
        with pytest.raises(OSError):
            operation(link)

def test_a_link_to_a_folder_and_back_out(tmp_path):
    (tmp_path / "link").symlink_to("/workspace/pkg", target_is_directory=True)
    assert (tmp_path / "link" / ".." / "test_it.py").exists()
    with pytest.raises(OSError):
        open(tmp_path / "link" / ".." / ".." / "etc" / "passwd")

def test_slashes_and_dots_at_the_end(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    (tmp_path / "link").symlink_to("file")
    for end in ("/", "/.", "//"):
        with pytest.raises(OSError):
            os.open(f"{file}{end}", os.O_RDONLY)
        with pytest.raises(OSError):
            os.rename(f"{file}{end}", tmp_path / "moved")
        with pytest.raises(OSError):
            os.unlink(f"{tmp_path}/link{end}")
    assert file.read_text() == "x"

READ_ONLY = ["/usr/local/lib/python315.zip/os.pyc", "/airlock/pytest/pytest/__init__.py", "/airlock/harness/airlock_harness/__init__.py"]

@pytest.mark.parametrize("path", READ_ONLY)
def test_read_only_mounts_stay_as_they_are(path, tmp_path):
    if not os.path.exists(path):
        folder = os.path.dirname(path)
        path = next(p for p in (os.path.join(folder, name) for name in sorted(os.listdir(folder))) if os.path.isfile(p))
    before = pathlib.Path(path).read_bytes()
    times = os.stat(path).st_mtime_ns
    operations = [
        lambda: open(path, "w"), lambda: open(path, "a"), lambda: open(path, "r+"), lambda: os.truncate(path, 0),
        lambda: os.open(path, os.O_RDONLY | os.O_TRUNC), lambda: os.unlink(path), lambda: os.rename(path, tmp_path / "x"),
        lambda: os.rename(__file__, path), lambda: os.link(path, os.path.dirname(path) + "/second"), lambda: os.utime(path, (1, 1)),
        lambda: shutil.rmtree(os.path.dirname(path)), lambda: os.mkdir(path + "x"), lambda: os.rmdir(os.path.dirname(path)),
    ]
    for number, operation in enumerate(operations):
        with pytest.raises(OSError):
            operation()
            pytest.fail(f"operation {number} went through")
    assert pathlib.Path(path).read_bytes() == before
    assert os.stat(path).st_mtime_ns == times

def test_the_environment_is_not_the_users():
    assert not {"AIRLOCK_CANARY", "CARGO_MANIFEST_DIR", "SHELL", "SSH_AUTH_SOCK"} & set(os.environ)
    assert os.environ["HOME"] == "/home/airlock"

def test_descriptors_that_nobody_opened():
    for fd in range(4, 200):
        with pytest.raises(OSError):
            os.read(fd, 1)

def test_the_preopen_gives_no_more_than_the_root():
    with pytest.raises((OSError, NotImplementedError)):
        os.open("../etc/passwd", os.O_RDONLY, dir_fd=3)
"#;

#[test]
fn every_attempt_from_python_fails() {
    let files = [
        ("test_it.py", ATTEMPTS),
        ("pkg/__init__.py", ""),
        ("pkg/mod.py", "x = 1\n"),
        ("out_absolute", "->/etc/passwd"),
        ("out_relative", "->../../../../etc/passwd"),
        ("out_deep", "->pkg/../../etc/passwd"),
        ("pkg/out_folder", "->/etc"),
        ("loop", "->loop"),
    ];
    assert_all_pass(&Project::new(&files, limits()).run());
}

#[test]
fn what_a_guest_writes_is_gone_with_it() {
    let project = Project::of(
        "def test_it():\n    import pathlib\n    new = pathlib.Path('/workspace/new')\n    assert not new.exists()\n    new.write_text('x')\n    pathlib.Path(__file__).write_text('changed')\n",
    );
    assert_all_pass(&project.run());
    assert_all_pass(&project.run());
    // Links too, wherever they point: nothing of the host ever follows one, since no file of a guest's leaves it.
    let project = Project::of(
        "import os\ndef test_it():\n    for name, target in [('a', '/etc/passwd'), ('b', '../../../../etc'), ('c', 'test_it.py')]:\n        assert not os.path.lexists(f'/workspace/{name}')\n        os.symlink(target, f'/workspace/{name}')\n        assert os.readlink(f'/workspace/{name}') == target\n",
    );
    assert_all_pass(&project.run());
    assert_all_pass(&project.run());
    drop(worker(Files::new(&[])));
}
