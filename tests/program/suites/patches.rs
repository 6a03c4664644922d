//! Repairing and judging: what is let through, what is kept out, and what lands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use airlock_program_tests::{airlock, corpus_script, fixture, json, text, tree};
use tempfile::TempDir;

const TARGET: &str = "tests/test_discounts.py::test_discount_starts_at_its_threshold";

fn write(folder: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).expect("written");
    path
}

/// A patch of the shop that mends its bug.
const GOOD: &str = "--- a/src/shop/discounts.py\n+++ b/src/shop/discounts.py\n@@ -19,7 +19,7 @@\n     \"\"\"The discount for a line of so many pieces, in per cent.\"\"\"\n     discount = 0\n     for threshold, percent in QUANTITY_DISCOUNTS:\n-        if pieces > threshold:\n+        if pieces >= threshold:\n             discount = percent\n     return discount\n \n";

#[test]
fn the_shop_is_repaired_and_the_same_seed_gives_the_same_answer() {
    let (_folder, project) = fixture("shop");
    let before = tree(&project);
    let one = json(&project, &["fix", "--jobs", "1", "--seed", "7"]);
    assert_eq!((one.code, one.status()), (0, "verified"), "{}", one.document);
    assert_eq!(one.document["applied"], false);
    assert_eq!(one.document["verdict"]["fixed"], serde_json::json!([TARGET]));
    assert_eq!(tree(&project), before, "without --apply nothing may change");
    let two = json(&project, &["fix", "--jobs", "2", "--seed", "7"]);
    assert_eq!(one.document["proposal"], two.document["proposal"]);
    assert_eq!(one.document["alternatives"], two.document["alternatives"]);

    // git takes the diff, and the result passes natively in the words of the sandbox: nothing is left to fix.
    let diff = project.join("fix.diff");
    fs::write(&diff, one.document["proposal"]["diff"].as_str().expect("a diff")).expect("written");
    let applied = Command::new("git")
        .args(["apply", "fix.diff"])
        .env("GIT_CEILING_DIRECTORIES", project.parent().expect("a parent"))
        .current_dir(&project)
        .output()
        .expect("git runs");
    assert!(applied.status.success(), "{}", text(&applied.stderr));
    fs::remove_file(diff).expect("removed");
    let again = json(&project, &["fix"]);
    assert_eq!((again.code, again.status()), (0, "nothing_to_fix"));
}

#[test]
fn apply_writes_the_one_file_and_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, project) = fixture("shop");
    let file = project.join("src/shop/discounts.py");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
    let before = tree(&project);
    let answer = json(&project, &["fix", "--apply"]);
    assert_eq!((answer.code, answer.status()), (0, "verified"), "{}", answer.document);
    assert_eq!(answer.document["applied"], true);
    let after = tree(&project);
    let changed: Vec<&Path> =
        after.iter().filter(|(path, is)| before.get(*path) != Some(is)).map(|(path, _)| path.as_path()).collect();
    assert_eq!(changed, [Path::new("src/shop/discounts.py")]);
    assert_eq!(before.len(), after.len());
    assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_good_patch_is_verified_and_lands_with_its_line_endings() {
    let (_folder, project) = fixture("shop");
    let patches = TempDir::new().expect("a folder");
    let file = project.join("src/shop/discounts.py");
    let windows = fs::read_to_string(&file).expect("text").replace('\n', "\r\n");
    fs::write(&file, &windows).expect("written");
    let (headers, body) = GOOD.split_at(GOOD.find("@@").expect("a hunk"));
    let (at, lines) = body.split_at(body.find('\n').expect("a line") + 1);
    let good = write(&patches, "good.diff", &format!("{headers}{at}{}", lines.replace('\n', "\r\n")));
    let answer = json(&project, &["check", "--patch", good.to_str().expect("UTF-8"), "--apply"]);
    assert_eq!((answer.code, answer.status()), (0, "verified"), "{}", answer.document);
    let expected = windows.replace("if pieces > threshold", "if pieces >= threshold");
    assert_eq!(fs::read_to_string(&file).expect("text"), expected);
}

#[test]
fn what_does_not_fit_leaves_the_tree_or_is_protected_is_told_apart() {
    let (_folder, project) = fixture("shop");
    let patches = TempDir::new().expect("a folder");
    let before = tree(&project);
    let new = |path: &str, content: &str| format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+{content}\n");
    let cases = [
        ("stale", GOOD.replace("discount = 0", "discount = 1"), "error", "patch_mismatch"),
        ("outside", new("../evil.py", "x = 1"), "error", "patch_outside"),
        ("absolute", new("/etc/evil", "x = 1"), "error", "patch_outside"),
        ("git", new(".git/hooks/pre-commit", "x"), "error", "patch_protected"),
        ("nonsense", "this is no patch\n".to_owned(), "error", "patch_invalid"),
        ("empty", String::new(), "error", "patch_invalid"),
    ];
    for (name, patch, status, code) in cases {
        let path = write(&patches, name, &patch);
        let answer = json(&project, &["check", "--apply", "--patch", path.to_str().expect("UTF-8")]);
        assert_eq!((answer.code, answer.status()), (2, status), "{name}: {}", answer.document);
        assert_eq!(answer.document["error"]["code"], code, "{name}: {}", answer.document);
        assert_eq!(tree(&project), before, "{name} changed the project");
    }
    let secret = write(&patches, "secret", &new(".env", "TOKEN=1"));
    let answer = json(&project, &["check", "--apply", "--patch", secret.to_str().expect("UTF-8")]);
    assert!(answer.code == 1 || answer.code == 2, "{}", answer.document);
    assert_eq!(tree(&project), before, "a secret was written");
}

#[test]
fn a_protected_file_lands_only_where_it_is_named() {
    let (_folder, project) = fixture("shop");
    let patches = TempDir::new().expect("a folder");
    let with_conftest = format!("{GOOD}--- /dev/null\n+++ b/conftest.py\n@@ -0,0 +1 @@\n+ANSWER = 42\n");
    let patch = write(&patches, "p.diff", &with_conftest);
    let patch = patch.to_str().expect("UTF-8");
    let before = tree(&project);
    let refused = json(&project, &["check", "--apply", "--patch", patch]);
    assert_eq!((refused.code, refused.status()), (1, "refused"), "{}", refused.document);
    assert_eq!(refused.document["verdict"]["protected"], serde_json::json!(["conftest.py"]));
    assert_eq!(tree(&project), before);
    let named = json(&project, &["check", "--apply", "--allow", "conftest.py", "--patch", patch]);
    assert_eq!((named.code, named.status()), (0, "verified"), "{}", named.document);
    assert_eq!(fs::read_to_string(project.join("conftest.py")).expect("there"), "ANSWER = 42\n");
}

#[test]
fn a_patch_goes_through_standard_input() {
    use std::io::Write;
    use std::process::Stdio;
    let (_folder, project) = fixture("shop");
    let mut child = airlock(&project)
        .args(["check", "--json", "--patch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    child.stdin.take().expect("piped").write_all(GOOD.as_bytes()).expect("taken");
    let answer = airlock_program_tests::Answer::of(&child.wait_with_output().expect("ended"));
    assert_eq!((answer.code, answer.status()), (0, "verified"));
}

#[test]
fn real_projects_tell_a_good_patch_from_every_bad_one() {
    let short = ["inflection", "blinker", "python-dotenv"];
    for name in short {
        let folder = TempDir::new().expect("a folder");
        let project = folder.path().join(name);
        corpus_script("stage.py", &[name, project.to_str().expect("UTF-8"), "--patch", "bug"]);
        let before = tree(&project);
        let patches = airlock_program_tests::repository().join("tests/corpus/patches").join(name);
        let kinds = ["good", "wrong", "deletes_test", "skips_test", "edits_conftest", "shadows_runner", "exits_early"];
        for kind in kinds {
            let patch = patches.join(format!("{kind}.patch"));
            let answer = json(&project, &["check", "--patch", patch.to_str().expect("UTF-8")]);
            let expected = if kind == "good" { (0, "verified") } else { (1, "refused") };
            assert_eq!((answer.code, answer.status()), expected, "{name} {kind}: {}", answer.document["verdict"]);
            assert!(kind == "good" || answer.document["verdict"]["reasons"] != serde_json::json!([]), "{name} {kind}");
        }
        assert_eq!(tree(&project), before, "{name}: a check changed the project");
    }
}
