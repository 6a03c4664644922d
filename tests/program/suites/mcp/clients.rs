//! Clients that are not ours: the protocol's own for Python, and its inspector.

use std::path::{Path, PathBuf};
use std::process::Command;

use airlock_program_tests::fetched::ran;
use airlock_program_tests::packages::{node_call, npm, pip};
use airlock_program_tests::{ORBIT, airlock, copy, data, fixture, program, repository, tree};
use serde_json::{Value, json};

use super::{FAILING, GOOD, sessions};

/// The folders that the program has in the suites.
fn variables(folder: &Path) -> Vec<(String, PathBuf)> {
    let of_program = airlock(folder);
    let set =
        of_program.get_envs().filter_map(|(name, value)| Some((name.to_str()?.to_owned(), PathBuf::from(value?))));
    let mut all: Vec<(String, PathBuf)> = set.filter(|(name, _)| name.starts_with("XDG_")).collect();
    all.push(("XDG_STATE_HOME".to_owned(), data().to_owned()));
    all
}

fn environment(command: &mut Command, folder: &Path) {
    command.envs(variables(folder));
}

#[test]
fn the_protocols_own_client_for_python_does_a_whole_task() {
    let suite = repository().join("tests/program/suites/mcp/python");
    let Some(packages) = pip("mcp-for-python", &suite.join("requirements.txt")) else { return };
    // Its older way to begin a conversation, and the one that begins without `initialize`.
    for (mode, version) in [("legacy", "2025-11-25"), ("auto", "2026-07-28")] {
        let (_folder, project) = fixture("shop");
        let endless = project.join("endless");
        std::fs::create_dir(&endless).expect("made");
        for (name, text) in [
            ("pytest.ini", "[pytest]\n"),
            ("orbit.py", ORBIT),
            ("test_discounts.py", "from orbit import orbit\n\ndef test_orbit():\n    assert orbit(5) == 1234567\n"),
        ] {
            std::fs::write(endless.join(name), text).expect("written");
        }
        let before = tree(&project);
        let mut python = Command::new("python3");
        python.arg(suite.join("agent.py")).arg(program()).arg(&project).args([mode, GOOD]);
        python.env("PYTHONPATH", &packages).env("PYTHONDONTWRITEBYTECODE", "1").current_dir("/");
        environment(&mut python, &project);
        let output = python.output().expect("python3 runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{mode}: {errors}");
        let said: Value = serde_json::from_slice(&output.stdout).expect("one document");
        assert_eq!(said["version"], version, "{said}");
        assert_eq!(said["tools"].as_array().expect("a list").len(), 6, "{said}");
        assert_eq!(said["failing"], FAILING);
        assert_eq!(said["explained"]["exception"], "AssertionError", "{said}");
        assert_eq!(said["checked"]["status"], "verified", "{said}");
        assert_eq!(said["wrong"][0], true, "{said}");
        assert_eq!(said["proposed"]["waiting"], true, "{said}");
        assert!(said["review"].as_str().is_some_and(|text| text.contains("by-python: The threshold")), "{said}");
        assert!(said["progress"].as_u64() > Some(0), "{said}");
        assert_eq!(said["cancelled"], true, "{said}");
        assert!(said["served_after"]["sessions"].is_array(), "{said}");
        assert_eq!(tree(&project), before, "something was written");
        let waiting = sessions(&project).iter().filter(|of| of["state"] == "waiting").count();
        assert_eq!(waiting, 1, "{:?}", sessions(&project));
    }
}

#[test]
fn the_protocols_inspector_lists_and_calls() {
    let source = repository().join("tests/program/suites/mcp/node");
    let Some(packages) = npm("mcp-inspector", &source, |_| Ok(())) else { return };
    let (_folder, project) = fixture("shop");
    let script = packages.join("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js");
    let inspect = |arguments: &[&str]| -> Value {
        let mut node = node_call(None).expect("fetched with the packages");
        node.arg(&script).arg("--cli").current_dir(&project);
        // It hands no more of its environment on than it is told to.
        for (name, value) in variables(&project) {
            node.arg("-e").arg(format!("{name}={}", value.display()));
        }
        node.arg(program()).arg("mcp").args(arguments);
        let output = node.output().expect("node runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        // It looks at schemas for what some clients do not read.
        assert!(!errors.contains("unknown format") && !errors.contains("warnings"), "{errors}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    };
    let listed = inspect(&["--method", "tools/list"]);
    assert_eq!(listed["tools"].as_array().expect("a list").len(), 6, "{listed}");
    let called = inspect(&["--method", "tools/call", "--tool-name", "check_tree"]);
    assert_eq!(called["structuredContent"]["failing"][0]["test"], json!(FAILING), "{called}");
    let named = format!("test={FAILING}");
    let explained = inspect(&["--method", "tools/call", "--tool-name", "explain_failure", "--tool-arg", &named]);
    assert_eq!(explained["structuredContent"]["exception"], "AssertionError", "{explained}");
    let templates = inspect(&["--method", "resources/templates/list"]);
    assert_eq!(templates["resourceTemplates"].as_array().expect("a list").len(), 3, "{templates}");
}

/// A repository with the shop in its first commit.
fn committed() -> (tempfile::TempDir, PathBuf) {
    let (folder, project) = fixture("shop");
    git(&project, &["init", "-q"]);
    git(&project, &["add", "--all"]);
    git(&project, &["commit", "-q", "-m", "first"]);
    (folder, project)
}

fn git(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=test", "-c", "user.email=test@example.invalid"]).args(arguments).current_dir(folder);
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = program().parent().expect("a folder").to_owned();
    let all = std::iter::once(own).chain(std::env::split_paths(&path));
    command.env("PATH", std::env::join_paths(all).expect("a path"));
    environment(&mut command, folder);
    ran(&mut command)
}

#[test]
fn a_hook_keeps_what_breaks_a_test_out_of_a_commit() {
    let (_folder, project) = committed();
    let hook = repository().join("server/airlock/hooks/check-change");
    copy(&hook, &project.join(".git/hooks/check-change"));
    let script = "#!/bin/sh\nexec \"$(git rev-parse --git-path hooks)/check-change\" staged\n";
    let own = project.join(".git/hooks/pre-commit");
    std::fs::write(&own, script).expect("written");
    std::fs::set_permissions(&own, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
    let module = project.join("src/shop/discounts.py");
    let text = std::fs::read_to_string(&module).expect("read");
    // What breaks tests is kept out, with the reason, and stays staged.
    std::fs::write(&module, text.replace("if pieces > threshold:", "if pieces:")).expect("written");
    assert!(git(&project, &["add", "--all"]).0);
    let staged = git(&project, &["diff", "--cached"]).1;
    let (good, said) = git(&project, &["commit", "-q", "-m", "bad"]);
    assert!(!good && said.contains("kept out: ") && said.contains("fail with the proposal"), "{said}");
    assert!(said.lines().count() <= 3, "{said}");
    assert_eq!(git(&project, &["diff", "--cached"]).1, staged);
    // What mends it gets in, with a new test.
    std::fs::write(&module, text.replace("if pieces > threshold:", "if pieces >= threshold:")).expect("written");
    std::fs::write(project.join("tests/test_more.py"), "def test_more():\n    assert 1\n").expect("written");
    assert!(git(&project, &["add", "--all"]).0);
    let (good, said) = git(&project, &["commit", "-q", "-m", "good"]);
    assert!(good, "{said}");
    assert!(git(&project, &["status", "--porcelain"]).1.is_empty());
}

#[test]
fn a_hook_tells_an_agent_what_its_change_breaks() {
    let (_folder, project) = committed();
    let hook = repository().join("server/airlock/hooks/check-change");
    let check = || {
        let mut command = Command::new("sh");
        command.arg(&hook).arg("tree").current_dir(project.join("src"));
        let own = program().parent().expect("a folder").to_owned();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(own).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(all).expect("a path"));
        environment(&mut command, &project);
        let output = command.output().expect("sh runs");
        assert!(output.stdout.is_empty(), "{output:?}");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(check(), (Some(0), String::new()), "nothing has changed");
    let module = project.join("src/shop/discounts.py");
    let text = std::fs::read_to_string(&module).expect("read");
    // A new file is part of the change.
    std::fs::write(project.join("src/shop/rules.py"), "def reaches(pieces, threshold):\n    return bool(pieces)\n")
        .expect("written");
    let using = text
        .replace("import percent_of\n", "import percent_of\nfrom shop.rules import reaches\n")
        .replace("if pieces > threshold:", "if reaches(pieces, threshold):");
    std::fs::write(&module, using).expect("written");
    let before = tree(&project);
    let (code, said) = check();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.starts_with("kept out: ") && said.contains("fail with the proposal"), "{said}");
    assert!(said.len() < 500, "{said}");
    std::fs::write(
        project.join("src/shop/rules.py"),
        "def reaches(pieces, threshold):\n    return pieces >= threshold\n",
    )
    .expect("written");
    assert_eq!(check(), (Some(0), String::new()));
    std::fs::write(project.join("src/shop/rules.py"), "def reaches(pieces, threshold):\n    return bool(pieces)\n")
        .expect("written");
    // Git's own files too.
    assert_eq!(tree(&project), before, "something was written");
}
