//! Patches that cannot be judged: each is refused by name, and nothing changes.

use airlock_program_tests::calls::Project;

use crate::support::code;

/// A project with a repository and a neighbour whose name begins like its own.
pub fn neighbours() -> (Project, std::path::PathBuf) {
    let folder = Project::new(&[
        ("ws/app.py", "def answer():\n    return 41\n"),
        ("ws/test_app.py", "from app import answer\n\n\ndef test_answer():\n    assert answer() == 42\n"),
        ("ws-evil/app.py", "def answer():\n    return 41\n"),
        ("outside.txt", "as it was\n"),
    ]);
    let root = folder.join("ws");
    std::fs::create_dir(root.join(".git")).expect("made");
    std::fs::write(root.join(".git/HEAD"), "ref: refs/heads/main\n").expect("written");
    (folder, root)
}

/// A patch that makes a new file of one line.
pub fn makes(path: &str) -> String {
    format!(
        "diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+evil = 1\n"
    )
}

fn check(patch: &[u8], expected: &[&str]) {
    let (folder, root) = neighbours();
    let before = folder.tree();
    let call = folder.airlock(&["check", "--patch", "-", "--apply"]).within(&root).input(patch);
    let (document, exit) = call.json();
    let shown = String::from_utf8_lossy(&patch[..patch.len().min(300)]).into_owned();
    assert!(expected.contains(&code(&document)) && exit == 2, "{shown}\ngives {document}");
    before.assert_untouched(&format!("the patch\n{shown}"));
}

#[test]
fn a_patch_that_is_none_is_refused() {
    check(b"", &["patch_invalid"]);
    check(b"hello\n", &["patch_invalid"]);
    check(&[0, 159, 146, 150, 10, 255], &["patch_invalid"]);
    check(b"--- a/app.py\n+++ b/app.py\n@@ -1,2 +1,2 @@\n def answer():\n", &["patch_invalid"]);
    check(b"--- a/app.py\n+++ b/app.py\n@@ -9999999999999999999999,2 +1,2 @@\n def answer():\n", &["patch_invalid"]);
    check(&vec![b'x'; 80 << 20], &["patch_invalid"]);
}

#[test]
fn a_patch_that_does_not_fit_is_refused() {
    check(
        b"--- a/app.py\n+++ b/app.py\n@@ -1,2 +1,2 @@\n def other():\n-    return 1\n+    return 2\n",
        &["patch_mismatch"],
    );
    check(b"--- a/gone.py\n+++ b/gone.py\n@@ -1 +1 @@\n-a\n+b\n", &["patch_mismatch"]);
    // A new file where there is one already.
    check(makes("app.py").as_bytes(), &["patch_mismatch"]);
}

#[test]
fn a_patch_that_is_in_the_files_already_is_told_from_one_that_does_not_fit() {
    let project = Project::new(&[("app.py", "a\nc\n"), ("test_app.py", "def test_app():\n    pass\n")]);
    let patch = "--- a/app.py\n+++ b/app.py\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n";
    let (document, exit) = project.airlock(&["check", "--patch", "-"]).input(patch).json();
    assert_eq!((code(&document), exit), ("patch_mismatch", 2), "{document}");
    assert!(document["error"]["hint"].as_str().is_some_and(|hint| hint.contains("git stash")), "{document}");
    let (document, _) = project.airlock(&["check", "--patch", "-"]).input(crate::patches::makes("app.py/x.py")).json();
    assert!(document["error"].to_string().contains("app.py is a file"), "{document}");
}

#[test]
fn a_patch_that_leaves_the_tree_is_refused() {
    for path in
        ["../outside.txt", "../ws-evil/new.py", "a/../../new.py", "/tmp/new.py", "./../new.py", "a//../../new.py"]
    {
        check(makes(path).as_bytes(), &["patch_outside", "patch_invalid"]);
    }
    check(
        b"--- a/../ws-evil/app.py\n+++ b/../ws-evil/app.py\n@@ -1,2 +1,2 @@\n def answer():\n-    return 41\n+    return 42\n",
        &["patch_outside", "patch_invalid"],
    );
}

#[test]
fn git_s_own_files_and_secrets_are_never_written() {
    for path in [
        ".git/hooks/pre-commit",
        ".git/config",
        ".GIT/config",
        ".Git/hooks/post-checkout",
        "sub/.git/config",
        // A name that some file systems take for the same: HFS+ passes over zero-width characters.
        ".g\u{200c}it/config",
        "git~1/config",
        ".env",
        ".env.local",
        "airlock.toml",
        "AIRLOCK.TOML",
    ] {
        check(makes(path).as_bytes(), &["patch_protected", "patch_outside", "patch_invalid"]);
    }
}

#[test]
fn links_and_special_modes_are_no_part_of_a_patch() {
    check(
        b"diff --git a/link.py b/link.py\nnew file mode 120000\n--- /dev/null\n+++ b/link.py\n@@ -0,0 +1 @@\n+../outside.txt\n\\ No newline at end of file\n",
        &["patch_invalid"],
    );
    check(
        b"diff --git a/sub b/sub\nnew file mode 160000\n--- /dev/null\n+++ b/sub\n@@ -0,0 +1 @@\n+Subproject commit 1111111111111111111111111111111111111111\n",
        &["patch_invalid"],
    );
}
