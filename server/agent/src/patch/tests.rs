use std::collections::BTreeMap;

use crate::files::{Refusal, Workspace};
use crate::outward::{MARK, Outward};
use crate::testing::{text_of, workspace};

use super::{apply, parse};

fn run(files: &[(&str, &str)], patch: &str) -> Result<BTreeMap<String, String>, Refusal> {
    let mut workspace = workspace(files);
    let ops = parse(patch)?;
    apply(&mut workspace, &Outward::default(), &ops)?;
    Ok(all(&workspace))
}

fn all(workspace: &Workspace) -> BTreeMap<String, String> {
    workspace.files().into_iter().map(|(path, _)| (path.to_string(), text_of(workspace, path.as_str()))).collect()
}

fn changed(file: &str, patch: &str) -> String {
    run(&[("a.py", file)], patch).unwrap_or_else(|error| panic!("{error}"))["a.py"].clone()
}

fn update(body: &str) -> String {
    format!("*** Begin Patch\n*** Update File: a.py\n{body}*** End Patch\n")
}

const TWINS: &str = "\
class A:
    def f(self):
        x = 1
        return x

class B:
    def f(self):
        x = 1
        return x
";

#[test]
fn a_patch_adds_changes_moves_and_deletes() {
    let files = run(
        &[("a.py", "one\ntwo\nthree\n"), ("old.py", "x\n"), ("gone.py", "y\n")],
        "Here it is:\n```\n*** Begin Patch\n*** Update File: a.py\n@@\n one\n-two\n+2\n three\n*** Update File: old.py\n\
         *** Move to: sub/new.py\n@@\n-x\n+z\n*** Delete File: gone.py\n*** Add File: add.py\n+first\n+\n+last\n\
         *** End Patch\n```\n",
    )
    .unwrap();
    let expected = [("a.py", "one\n2\nthree\n"), ("add.py", "first\n\nlast\n"), ("sub/new.py", "z\n")];
    assert_eq!(files, expected.map(|(path, text)| (path.to_owned(), text.to_owned())).into());
}

#[test]
fn anchors_tell_twins_apart_and_without_them_nothing_is_guessed() {
    let hunk = "-        x = 1\n+        x = 2\n";
    let second = TWINS.replacen("x = 1", "x = 2", 2).replacen("x = 2", "x = 1", 1);
    assert_eq!(changed(TWINS, &update(&format!("@@ class B:\n{hunk}"))), second);
    assert_eq!(changed(TWINS, &update(&format!("@@ class B:\n@@     def f(self):\n{hunk}"))), second);
    assert_eq!(changed(TWINS, &update(&format!("@@ class A:\n{hunk}"))), TWINS.replacen("x = 1", "x = 2", 1));
    for ambiguous in [format!("@@\n{hunk}"), format!("@@ def f(self):\n{hunk}"), hunk.to_owned()] {
        let error = run(&[("a.py", TWINS)], &update(&ambiguous)).unwrap_err().0;
        assert!(error.contains("several places (lines 3, 8)"), "{error}");
    }
    let both = update(&format!("@@ class A:\n{hunk}@@\n{hunk}"));
    assert_eq!(changed(TWINS, &both), TWINS.replace("x = 1", "x = 2"), "order tells the second");
}

#[test]
fn an_anchor_is_meant_as_it_is_said() {
    let file = "import os\n\nclass A:\n    def f(self):\n        x = 1\n\nclass B:\n    def f(self):\n        x = 2\n";
    let hunk = "-        x = 1\n+        x = 3\n";
    let error = run(&[("a.py", file)], &update(&format!("@@ class B:\n{hunk}"))).unwrap_err().0;
    assert!(error.contains("it is not where `@@ class B:` says. There is:\n     7\tclass B:"), "{error}");
    let expected = file.replace("x = 1", "x = 3");
    assert_eq!(changed(file, &update(&format!("@@ import os\n{hunk}"))), expected, "a line before the place");
    assert_eq!(
        changed(file, &update(&format!("@@ class Nobody:\n{hunk}"))),
        expected,
        "what is not there says nothing"
    );
}

#[test]
fn many_places_and_many_anchors_are_looked_at_once() {
    let file = "x = 1\n".repeat(400_000);
    let patch = update(&format!("@@ x = 1\n{}", "-x = 1\n+y = 2\n"));
    let error = run(&[("a.py", &file)], &patch).unwrap_err().0;
    assert!(error.contains("several places"), "{error}");
    let nested = format!("class A:\n{}    last = 1\n", "    x = 1\n".repeat(400_000));
    let patch = update("@@ class A:\n@@ def none():\n@@ last\n-    x = 1\n+    y = 2\n");
    assert!(run(&[("a.py", &nested)], &patch).unwrap_err().0.contains("it is not where `@@ last` says"));
    let many = update(&format!("{}-x = 1\n+y = 2\n", "@@ class A:\n".repeat(17)));
    assert!(run(&[("a.py", TWINS)], &many).unwrap_err().0.contains("more than 16 `@@` lines"));
}

#[test]
fn a_line_that_goes_is_the_one_that_is_there() {
    let file = "def check(user, owner):\n    if user == owner:\n        return allowed(user)\n    return None\n";
    let patch =
        "@@\n def check(user, owner):\n-    if user != owner:\n+    if not owner:\n         return allowed(user)\n";
    let error = run(&[("a.py", file)], &update(patch)).unwrap_err().0;
    assert!(error.contains("it is not in the file. The closest place"), "{error}");
}

#[test]
fn a_hunk_that_is_there_twice_changes_nothing_else() {
    let file = "def first(x):\n    y = x + a\n    return y\n\ndef firsts(x):\n    y = x + b\n    return y\n";
    let hunk = "@@\n def first(x):\n     y = x + a\n-    return y\n+    return -y\n";
    let error = run(&[("a.py", file)], &update(&format!("{hunk}{hunk}"))).unwrap_err().0;
    assert!(error.contains("its lines (from 1) are those of an earlier hunk"), "{error}");
}

#[test]
fn context_is_found_leniently_and_stays_as_the_file_has_it() {
    let file = "def f():  \n    a = 1\t\n    b = 2\n    return a\n";
    let patch = update("@@\n def f():\n     a = 1\n-    b = 2\n+    b = 3\n");
    assert_eq!(changed(file, &patch), "def f():  \n    a = 1\t\n    b = 3\n    return a\n");
    let shifted = update("@@\n a = 1\n-b = 2\n+b = 3\n+if b:\n+    pass\n");
    let file = "def f():\n    a = 1\n    b = 2\n";
    assert_eq!(changed(file, &shifted), "def f():\n    a = 1\n    b = 3\n    if b:\n        pass\n");
}

#[test]
fn endings_stay_as_they_were() {
    let patch = update("@@\n one\n-two\n+2\n+3\n");
    assert_eq!(changed("one\r\ntwo\r\nthree", &patch), "one\r\n2\r\n3\r\nthree");
    assert_eq!(changed("\u{feff}one\ntwo", &patch), "\u{feff}one\n2\n3");
    let end = update("@@\n two\n+three\n*** End of File\n");
    assert_eq!(changed("two\none\ntwo", &end), "two\none\ntwo\nthree");
}

#[test]
fn unified_diffs_are_taken_without_trust_in_their_counts() {
    let diff = "\
diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -7,9 +99,1 @@ class Z
     def f(self):
-        x = 1
+        x = 2
         return x
";
    let second = TWINS.replacen("x = 1", "x = 2", 2).replacen("x = 2", "x = 1", 1);
    assert_eq!(changed(TWINS, diff), second, "the stated line is believed where the lines are there");
    let files = run(
        &[("a.py", "x\n")],
        "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1,2 @@\n+a\n+b\n--- a/a.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
    )
    .unwrap();
    assert_eq!(files, BTreeMap::from([("new.py".to_owned(), "a\nb\n".to_owned())]));
    let renamed =
        run(&[("a.py", "x\n")], "rename from a.py\nrename to b.py\n--- a/a.py\n+++ b/b.py\n@@ -1 +1 @@\n-x\n+y\n");
    assert_eq!(renamed.unwrap()["b.py"], "y\n");
}

#[test]
fn a_line_that_lost_its_blank_drops_nothing_behind_it() {
    let file = "one\ntwo\nthree\nfour\nfive\n";
    let head = "--- a/a.py\n+++ b/a.py\n";
    for (patch, line) in [
        (format!("{head}@@ -1,3 +1,3 @@\n-one\n+1\ntwo\n three\n@@ -4,2 +4,2 @@\n four\n-five\n+5\n"), 6),
        (format!("{head}@@ -1,3 +1,3 @@\n-one\n+1\ntwo\n-three\n+3\n"), 6),
    ] {
        let error = run(&[("a.py", file)], &patch).unwrap_err().0;
        assert!(error.contains(&format!("line {line} of the patch: each line of a hunk begins with")), "{error}");
    }
    let fenced = format!("{head}@@ -1,2 +1,2 @@\n-one\n+1\n two\n```\nThat is all.\n");
    assert_eq!(changed(file, &fenced), file.replace("one", "1"));

    let new = "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1,4 @@\n+a\n\n \n+b\n\n";
    assert_eq!(run(&[], &format!("```\n{new}```\n")).unwrap()["new.py"], "a\n\n\nb\n");
    for rest in ["c\n", "c\n+d\n", " c\n", "-c\n"] {
        let error = run(&[], &format!("{new}{rest}")).unwrap_err().0;
        assert!(error.contains("line 9 of the patch: each line of a new file begins with `+`"), "{error}");
    }
}

#[test]
fn a_line_number_beyond_all_numbers_is_just_wrong() {
    let patch = "--- a/a.py\n+++ b/a.py\n@@ -18446744073709551615 +1 @@\n one\n-two\n+2\n";
    assert_eq!(changed("one\ntwo\n", patch), "one\n2\n");
}

#[test]
fn a_new_file_of_blank_lines_is_read_in_one_go() {
    let patch = format!("*** Begin Patch\n*** Add File: b.py\n+a\n{}*** End Patch\n", "\n".repeat(2_000_000));
    assert_eq!(run(&[], &patch).unwrap()["b.py"], "a\n");
}

#[test]
fn a_patch_may_hold_the_text_of_another() {
    let file = "form = [\n*** Begin Patch\n*** End Patch\n]\nx = 1\n";
    let hunk = "@@ -1,5 +1,5 @@\n form = [\n *** Begin Patch\n *** End Patch\n ]\n-x = 1\n+x = 2\n";
    assert_eq!(changed(file, &format!("--- a/a.py\n+++ b/a.py\n{hunk}")), file.replace("x = 1", "x = 2"));
    let patch = update("@@\n *** Begin Patch\n *** End Patch\n ]\n-x = 1\n+--- x\n++++ y\n");
    assert_eq!(changed(file, &patch), file.replace("x = 1", "--- x\n+++ y"));
}

#[test]
fn all_of_it_or_nothing() {
    let mut workspace = workspace(&[("a.py", "x\n"), ("b.py", "y\n")]);
    let patch =
        "*** Begin Patch\n*** Update File: a.py\n@@\n-x\n+z\n*** Update File: b.py\n@@\n-nothing\n+z\n*** End Patch";
    let error = apply(&mut workspace, &Outward::default(), &parse(patch).unwrap()).unwrap_err().0;
    assert!(error.starts_with("`b.py`: hunk 1 (line 7 of the patch): it is not in the file"), "{error}");
    assert!(workspace.overlay().is_empty());
}

#[test]
fn what_is_wrong_is_said_with_what_a_patch_looks_like() {
    for (patch, what) in [
        ("hello", "this is no patch"),
        ("*** Begin Patch\n*** End Patch", "changes nothing"),
        ("*** Begin Patch\n*** Update File: a.py\n@@\n-x\n+y\n", "cut off; send it whole"),
        ("*** Begin Patch\n*** Update File: a.py\n@@\n x\n*** End Patch", "no line that goes or comes"),
        ("*** Begin Patch\n*** Update File: a.py\nx\n*** End Patch", "line 3 of the patch: within a file each line"),
        ("*** Begin Patch\n*** Add File: b.py\nx\n*** End Patch", "each line of a new file begins with `+`"),
        ("*** Begin Patch\nwhat\n*** End Patch", "line 2 of the patch: here"),
        ("*** Begin Patch\n*** Add File: a.py\n+x\n*** End Patch", "exists already"),
        ("*** Begin Patch\n*** Delete File: b.py\n*** End Patch", "there is no file `b.py`"),
        ("*** Begin Patch\n*** Add File: ../b.py\n+x\n*** End Patch", "A path looks like `src/app.py`"),
        ("*** Begin Patch\n*** Add File: .git/hooks/x\n+x\n*** End Patch", "belongs to git"),
        ("*** Begin Patch\n*** Update File: a.py\n@@\n+x\n*** End Patch", "nothing shows where it belongs"),
        ("--- a/a.py\n+++ b/a.py\n-x\n", "before the first `@@`"),
        ("--- a/a.py\n+++ b/a.py\n", "no hunk"),
    ] {
        let error = run(&[("a.py", "x\n")], patch).unwrap_err().0;
        assert!(error.contains(what), "{patch}\n{error}");
    }
}

#[test]
fn lines_around_a_hidden_key_are_found_and_the_key_stays() {
    let key = "KEY = 'sk-canary0123456789abcdef'";
    let file = format!("a = 1\n{key}\nb = 2\n");
    let patch = update(&format!("@@\n KEY = '{MARK}'\n-b = 2\n+b = 3\n"));
    assert_eq!(changed(&file, &patch), format!("a = 1\n{key}\nb = 3\n"));
    let writes = update(&format!("@@\n a = 1\n+KEY2 = '{MARK}'\n"));
    assert!(run(&[("a.py", &file)], &writes).unwrap_err().0.contains("stands for a key"));
}
