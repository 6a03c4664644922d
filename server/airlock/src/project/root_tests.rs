use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::root::{Found, Request, RootError, find};

/// A folder that stands for the user's home; `work` in it holds the named files.
fn home(files: &[(&str, &str)]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join("work").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let work = dir.path().canonicalize().unwrap().join("work");
    (dir, work)
}

fn look(home: &TempDir, cwd: &Path, args: &[&str], root: Option<&Path>) -> Result<Found, RootError> {
    let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
    find(&Request { cwd, args: &args, root, home: Some(home.path()) })
}

const INI: &str = "[tool.pytest.ini_options]\n";

#[test]
fn the_root_is_the_one_pytest_finds() {
    // (files, working folder, arguments, root, file)
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a [&'a str], &'a str, Option<&'a str>);
    let cases: &[Case] = &[
        (&[("p/pyproject.toml", INI), ("p/tests/t.py", "")], "p", &[], "p", Some("p/pyproject.toml")),
        (&[("p/pyproject.toml", INI), ("p/tests/t.py", "")], "p/tests", &["t.py"], "p", Some("p/pyproject.toml")),
        (
            &[("p/pyproject.toml", INI), ("p/tests/t.py", "")],
            "",
            &["p/tests/t.py::test_a[x::y]"],
            "p",
            Some("p/pyproject.toml"),
        ),
        // An ini file above wins over a pyproject.toml without a table, as in pytest.
        (
            &[("p/tox.ini", "[pytest]"), ("p/a/pyproject.toml", ""), ("p/a/t.py", "")],
            "p",
            &["a"],
            "p",
            Some("p/tox.ini"),
        ),
        (&[("p/setup.py", ""), ("p/a/t.py", "")], "p/a", &[], "p", None),
        (&[("p/setup.cfg", "[metadata]"), ("p/a/t.py", "")], "p/a", &[], "p", None),
        (&[("p/a/t.py", ""), ("p/b/t.py", "")], "p", &["a", "b"], "p", None),
        (&[("p/a/t.py", ""), ("p/b/t.py", "")], "p", &["a"], "p", None),
        (&[("p/a/t.py", ""), ("q/t.py", "")], "q", &["../p/a"], "p/a", None),
        (
            &[("p/pytest.ini", ""), ("p/setup.cfg", "[tool:pytest]"), ("p/t.py", "")],
            "p",
            &["."],
            "p",
            Some("p/pytest.ini"),
        ),
    ];
    for (files, cwd, args, root, inifile) in cases {
        let (home, work) = home(files);
        let found = look(&home, &work.join(cwd), args, None).unwrap();
        assert_eq!(found.root, work.join(root), "{files:?} {args:?}");
        assert_eq!(found.inifile, inifile.map(|f| work.join(f)), "{files:?} {args:?}");
        assert_eq!((found.repository == found.root, found.versioned), (true, false), "{files:?}");
    }
}

#[test]
fn the_repository_around_is_found_and_the_nearest_project_named() {
    let (home, work) = home(&[
        ("r/.git/HEAD", "ref: refs/heads/main"),
        ("r/shared/s.py", ""),
        ("r/services/api/pyproject.toml", "[project]\nname = 'api'"),
        ("r/services/api/tests/test_a.py", ""),
        ("r/services/web/pyproject.toml", ""),
        ("r/services/web/w.py", ""),
    ]);
    let found = look(&home, &work.join("r"), &["services/api/tests/test_a.py::test_x"], None).unwrap();
    assert_eq!((found.repository.clone(), found.versioned), (work.join("r"), true));
    assert_eq!(found.root, work.join("r/services/api"));
    assert_eq!(found.notes.len(), 1);
    assert_eq!(found.pytest_args(), ["tests/test_a.py::test_x"]);
    assert_eq!(found.guest_path(&found.root).unwrap(), "/workspace/services/api");
    assert_eq!(found.guest_path(&work.join("r")).unwrap(), "/workspace");
    assert_eq!(found.guest_path(&work.join("r-evil")), None);

    let found = look(&home, &work.join("r/services/web"), &[], None).unwrap();
    assert_eq!((found.root.clone(), found.pytest_args()), (work.join("r/services/web"), vec![]));

    // A work tree has a file for `.git`; it ends the search as well.
    fs::write(work.join("r/services/web/.git"), "gitdir: /elsewhere").unwrap();
    let found = look(&home, &work.join("r/services/web"), &[], None).unwrap();
    assert_eq!(found.repository, work.join("r/services/web"));
}

#[test]
fn the_root_can_be_given() {
    let (home, work) = home(&[("r/.git/HEAD", ""), ("r/pyproject.toml", INI), ("r/a/t.py", ""), ("r/b/t.py", "")]);
    let a = work.join("r/a");
    let found = look(&home, &work.join("r"), &[], Some(&a)).unwrap();
    assert_eq!((found.root.clone(), found.repository.clone()), (a.clone(), work.join("r")));
    assert_eq!(found.inifile, Some(work.join("r/pyproject.toml")));
    // An id as pytest prints it starts at the root.
    assert_eq!(look(&home, &work, &["t.py::test"], Some(&a)).unwrap().pytest_args(), ["t.py::test"]);
    assert_eq!(look(&home, &work.join("r"), &["b"], Some(&a)).unwrap_err().code(), "outside_root");
    assert_eq!(look(&home, &work, &[], Some(Path::new("r/a/t.py"))).unwrap_err().code(), "bad_root");
}

#[test]
fn two_projects_are_one_only_where_a_root_holds_them() {
    let (home, work) = home(&[
        ("r/.git/HEAD", ""),
        ("r/a/pyproject.toml", INI),
        ("r/a/tests/test_it.py", ""),
        ("r/b/pytest.ini", ""),
        ("r/b/tests/test_it.py", ""),
        ("r/plain/test_it.py", ""),
    ]);
    let r = work.join("r");
    let code = |args: &[&str]| look(&home, &r, args, None).unwrap_err().code();
    for args in [["a", "b"], ["b", "a"], ["plain", "a"], ["a/tests/test_it.py::test_x", "b"]] {
        assert_eq!(code(&args), "two_projects", "{args:?}");
    }
    let found = look(&home, &r, &["a", "b"], Some(&r)).unwrap();
    assert_eq!(found.configuration(), ["--rootdir=/workspace", "-c", "/dev/null"]);
    let found = look(&home, &r, &["a/tests", "a/tests/test_it.py"], None).unwrap();
    assert!(found.configuration().is_empty(), "pytest finds this by itself");
    let found = look(&home, &r, &["a", "a/tests"], None).unwrap();
    assert_eq!(found.configuration(), ["--rootdir=/workspace/a", "-c", "/workspace/a/pyproject.toml"]);
}

#[test]
fn what_is_no_project_is_said() {
    let (home, work) = home(&[("docs/README.md", ""), ("p/t.py", "")]);
    let code = |cwd: &Path, args: &[&str]| look(&home, cwd, args, None).unwrap_err().code();
    assert_eq!(code(&work.join("docs"), &[]), "not_python");
    assert_eq!(code(&work, &["nothing"]), "path_missing");
    assert_eq!(code(&work, &["p/t.py/below"]), "path_missing");
    assert_eq!(code(&work, &["p/none.py::test_a"]), "path_missing");
    assert_eq!(code(&work, &[&"n".repeat(300)]), "path_unreadable");
    assert_eq!(code(&work.join(".."), &[]), "too_broad");
    assert_eq!(code(&work, &["/"]), "too_broad");
    let text = look(&home, &work, &["p/none.py::test_a"], None).unwrap_err().to_string();
    assert!(text.contains("p/none.py does not exist"), "{text}");
}

#[test]
fn a_stray_file_or_repository_in_the_home_folder_does_not_count() {
    let (home, work) = home(&[("p/t.py", "")]);
    fs::write(home.path().join("pytest.ini"), "").unwrap();
    fs::create_dir(home.path().join(".git")).unwrap();
    fs::write(home.path().join(".git/HEAD"), "").unwrap();
    let found = look(&home, &work.join("p"), &[], None).unwrap();
    assert_eq!((found.root.clone(), found.versioned, found.inifile), (work.join("p"), false, None));
}

#[test]
#[cfg(unix)]
fn a_fifo_is_not_opened() {
    let (home, work) = home(&[("p/t.py", "")]);
    assert!(std::process::Command::new("mkfifo").arg(work.join("p/pipe")).status().unwrap().success());
    assert_eq!(look(&home, &work, &["p/pipe"], None).unwrap_err().code(), "path_special");
}
