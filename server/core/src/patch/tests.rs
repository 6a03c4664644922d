use std::collections::BTreeMap;

use super::*;
use crate::proposal::FileState;

/// Contents by path, and the notes.
type Outcome = (BTreeMap<String, Option<String>>, Vec<String>);

/// The files of a small workspace, and the patch's result in the same form; a deleted file is `None`.
fn apply(files: &[(&str, &str)], patch: &str) -> Result<Outcome, PatchError> {
    let applied = parse(patch.as_bytes())?.apply("a patch", |path| {
        let found = files.iter().find(|(name, _)| *name == path.as_str());
        Ok(found.map(|(_, text)| FileState::new(text.as_bytes(), false)))
    })?;
    let result = applied
        .proposal
        .files()
        .map(|(path, change)| {
            let text = change.new_state().map(|state| {
                let mode = if state.executable() { "#x " } else { "" };
                format!("{mode}{}", String::from_utf8_lossy(state.bytes()))
            });
            (path.to_string(), text)
        })
        .collect();
    Ok((result, applied.notes))
}

fn check(files: &[(&str, &str)], patch: &str, expected: &[(&str, Option<&str>)]) {
    let (result, _) = apply(files, patch).unwrap_or_else(|error| panic!("{error}\n{patch}"));
    let expected: BTreeMap<_, _> =
        expected.iter().map(|(path, text)| ((*path).to_owned(), text.map(str::to_owned))).collect();
    assert_eq!(result, expected, "{patch}");
}

fn refused(files: &[(&str, &str)], patch: &str, code: ErrorCode, part: &str) {
    let error = apply(files, patch).expect_err(patch);
    assert_eq!(error.code(), code, "{error}");
    assert!(error.to_string().contains(part), "{error}\nshould say: {part}");
    assert!(!error.to_string().ends_with('.'), "{error}");
}

const FIVE: &str = "a\nb\nc\nd\ne\n";
const HUNK: &str = "@@ -1,4 +1,4 @@\n a\n-b\n+B\n c\n d\n";

#[test]
fn the_headers_people_have() {
    let headers = [
        "diff --git a/x.py b/x.py\nindex 1234567..89abcde 100644\n--- a/x.py\n+++ b/x.py\n",
        "--- a/x.py\n+++ b/x.py\n",
        "--- x.py\n+++ x.py\n",
        "--- x.py.orig\t2024-01-01 00:00:00.000 +0000\n+++ x.py\t2024-01-02 00:00:00.000 +0000\n",
        "diff -ru old/x.py new/x.py\n--- old/x.py\t2024\n+++ new/x.py\t2024\n",
        "diff --git x.py x.py\n--- x.py\n+++ x.py\n",
        "diff --git i/x.py w/x.py\n--- i/x.py\n+++ w/x.py\n",
        "diff --git b/x.py a/x.py\n--- b/x.py\n+++ a/x.py\n",
        "Index: x.py\n=====\n--- x.py\t(revision 1)\n+++ x.py\t(working copy)\n",
        "From 0123 Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\nSubject: [PATCH] x\n\nWhy\n---\n x.py | 2 +-\n\n\
         diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n",
        "\u{feff}--- a/x.py\n+++ b/x.py\n",
        "diff --git \"a/x.py\" \"b/x.py\"\n--- \"a/x.py\"\n+++ \"b/x.py\"\n",
    ];
    for header in headers {
        let patch = format!("{header}{HUNK}-- \n2.47.3\n\n");
        check(&[("x.py", FIVE)], &patch, &[("x.py", Some("a\nB\nc\nd\ne\n"))]);
    }
    // The whole patch with CRLF in its headers only: what a mailer may leave.
    check(&[("x.py", FIVE)], &format!("--- a/x.py\r\n+++ b/x.py\r\n{HUNK}"), &[("x.py", Some("a\nB\nc\nd\ne\n"))]);
    check(
        &[("a/x.py", FIVE)],
        &format!("diff --git a/x.py a/x.py\n--- a/x.py\n+++ a/x.py\n{HUNK}"),
        &[("a/x.py", Some("a\nB\nc\nd\ne\n"))],
    );
}

#[test]
fn names_with_spaces_and_quotes() {
    check(
        &[("my dir/x y.py", FIVE)],
        &format!("diff --git a/my dir/x y.py b/my dir/x y.py\n--- a/my dir/x y.py\t\n+++ b/my dir/x y.py\t\n{HUNK}"),
        &[("my dir/x y.py", Some("a\nB\nc\nd\ne\n"))],
    );
    check(&[("x y", "")], "diff --git a/x y b/x y\nold mode 100644\nnew mode 100755\n", &[("x y", Some("#x "))]);
    check(
        &[("\u{fc}\t\".py", FIVE)],
        &format!(
            "diff --git \"a/\\303\\274\\t\\\".py\" \"b/\\303\\274\\t\\\".py\"\n--- \"a/\\303\\274\\t\\\".py\"\n+++ \"b/\\303\\274\\t\\\".py\"\n{HUNK}"
        ),
        &[("\u{fc}\t\".py", Some("a\nB\nc\nd\ne\n"))],
    );
}

#[test]
fn files_come_and_go() {
    check(
        &[],
        "diff --git a/n b/n\nnew file mode 100755\nindex 000..111\n--- /dev/null\n+++ b/n\n@@ -0,0 +1,2 @@\n+1\n+2\n",
        &[("n", Some("#x 1\n2\n"))],
    );
    check(&[], "--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+1\n\\ No newline at end of file\n", &[("n", Some("1"))]);
    check(&[], "--- n\t1970\n+++ n\t2024\n@@ -0,0 +1 @@\n+1\n", &[("n", Some("1\n"))]);
    check(&[], "diff --git a/e b/e\nnew file mode 100644\nindex 000..e69\n", &[("e", Some(""))]);
    check(
        &[("g", "1\n2\n")],
        "diff --git a/g b/g\ndeleted file mode 100644\n--- a/g\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-1\n-2\n",
        &[("g", None)],
    );
    check(&[("g", "")], "diff --git a/g b/g\ndeleted file mode 100644\nindex e69..000\n", &[("g", None)]);
    let rename = "diff --git a/o b/n\nsimilarity index 80%\nrename from o\nrename to n\n--- a/o\n+++ b/n\n";
    check(&[("o", FIVE)], &format!("{rename}{HUNK}"), &[("o", None), ("n", Some("a\nB\nc\nd\ne\n"))]);
    check(&[("o", "x")], "diff --git a/o b/n\nsimilarity index 100%\ncopy from o\ncopy to n\n", &[("n", Some("x"))]);
}

#[test]
fn hunks_may_have_moved_but_not_changed() {
    let patch = format!("--- a/x\n+++ b/x\n{HUNK}");
    let (result, notes) = apply(&[("x", "0\n0\na\nb\nc\nd\ne\n")], &patch).unwrap();
    assert_eq!(result["x"].as_deref(), Some("0\n0\na\nB\nc\nd\ne\n"));
    assert_eq!(notes, ["`x`: hunk 1 was found at line 3 instead of 1"]);

    // The second hunk is expected where the first one moved.
    let twice = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-s\n+S\n b\n@@ -4,2 +4,2 @@\n-a\n+Z\n b\n";
    let (result, _) = apply(&[("x", "0\ns\nb\nc\na\nb\na\nb\n")], twice).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(result["x"].as_deref(), Some("0\nS\nb\nc\nZ\nb\na\nb\n"));

    refused(
        &[("x", "a\nb\nX\nd\n")],
        &patch,
        ErrorCode::PatchMismatch,
        "hunk 1 (line 3 of the patch) does not fit: line 3 should be `c`, but is `X`",
    );
    refused(
        &[("x", "a\nb\n")],
        &patch,
        ErrorCode::PatchMismatch,
        "line 3 should be `c`, but the file ends after line 2",
    );
    refused(
        &[("x", "a\r\nb\r\nc\r\nd\r\n")],
        &patch,
        ErrorCode::PatchMismatch,
        "line 1 should be `a`, but is `a` with CRLF (they differ in the ending",
    );
    refused(&[("x", "    a\nb\nc\nd\n")], &patch, ErrorCode::PatchMismatch, "`    a` (they differ in indentation)");
    refused(
        &[("x", "0\na\nb\nc\nd\na\nb\nc\nd\n")],
        &patch,
        ErrorCode::PatchMismatch,
        "at lines 2 and 6, so its place is unclear",
    );
    let overlap = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+A\n b\n@@ -2,2 +2,2 @@\n-b\n+B\n c\n";
    refused(&[("x", FIVE)], overlap, ErrorCode::PatchMismatch, "overlaps the hunk before it");
    refused(&[("x", FIVE)], "--- a/x\n+++ b/x\n@@ -2,0 +3 @@\n+new\n", ErrorCode::PatchMismatch, "no lines of context");
}

#[test]
fn endings_are_content() {
    check(
        &[("x", "a\r\nb\r\n")],
        "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\r\n-b\r\n+B\r\n",
        &[("x", Some("a\r\nB\r\n"))],
    );
    check(
        &[("x", "a\nb")],
        "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n",
        &[("x", Some("a\nb\n"))],
    );
    check(
        &[("x", "a\nb\n")],
        "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n+b\n\\ Kein Zeilenumbruch\n",
        &[("x", Some("a\nb"))],
    );
    check(&[("x", "a\n\nb\n")], "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n\n-b\n+B\n", &[("x", Some("a\n\nB\n"))]);
    refused(
        &[("x", "a\nb\nc\n")],
        "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n+B\n\\ No newline\n",
        ErrorCode::PatchMismatch,
        "would not be the last",
    );
    // Pasted without the last line's ending.
    check(&[("x", "a\nb\n")], "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\n-b\n+B", &[("x", Some("a\nB\n"))]);
}

#[test]
fn a_series_sees_its_own_changes() {
    let series =
        "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n-- \n2.4\n\nFrom 1 Mon\n---\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-2\n+3\n";
    check(&[("x", "1\n")], series, &[("x", Some("3\n"))]);
    let back = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-2\n+1\n";
    refused(&[("x", "1\n")], back, ErrorCode::PatchInvalid, "leaves every file as it is");
}

#[test]
fn renames_and_copies_start_from_the_files_before() {
    let swap = "diff --git a/x b/y\nrename from x\nrename to y\ndiff --git a/y b/x\nrename from y\nrename to x\n";
    check(&[("x", "1"), ("y", "2")], swap, &[("x", Some("2")), ("y", Some("1"))]);
    let copy = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+2\ndiff --git a/x b/y\ncopy from x\ncopy to y\n";
    check(&[("x", "1\n")], copy, &[("x", Some("2\n")), ("y", Some("1\n"))]);
    // In the next mail of a series the change is there.
    let mail = format!("From {} Mon Sep 17 00:00:00 2001\n", "0a".repeat(20));
    let series = copy.replace("diff --git", &format!("{mail}diff --git"));
    check(&[("x", "1\n")], &series, &[("x", Some("2\n")), ("y", Some("2\n"))]);
    let replaced = "diff --git a/x b/y\nrename from x\nrename to y\ndiff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+new\n";
    check(&[("x", "1")], replaced, &[("x", Some("new\n")), ("y", Some("1"))]);
    refused(&[], "diff --git a/x b/y\nrename from x\nrename to y\n", ErrorCode::PatchMismatch, "no such file");
}

#[test]
fn what_is_no_diff() {
    let head = "--- a/x\n+++ b/x\n";
    let cases = [
        ("", "no diff was found"),
        ("hello\nworld\n", "no diff was found"),
        ("\u{1b}[1mdiff --git a/x b/x\u{1b}[m\n", "colour codes"),
        ("@@ -1 +1 @@\n-a\n+b\n", "without the name of a file"),
        ("--- a/x\n+++ b/x\n", "no change of it follows"),
        ("diff --git a/x b/x\nindex 1..2 100644\n", "no change of it follows"),
        (&format!("{head}@@ -1,2 +1,2 @@\n a\n"), "the patch ends in hunk 1"),
        (&format!("{head}@@ -1,3 +1,3 @@\n a\nfoo\n"), "line 5 of the patch: hunk 1 should go on here, but `foo`"),
        (&format!("{head}@@ -1 +1 @@\n-a\n+b\n+c\n"), "hunk 1 has more lines"),
        (&format!("{head}@@ -1,2 +1 @@\n-a\n+b\n+c\n"), "hunk 1 has other lines"),
        (&format!("{head}@@ -1 +1 @@\n a\n"), "hunk 1 changes nothing"),
        (&format!("{head}@@ -a +1 @@\n"), "a hunk starts with"),
        (&format!("{head}@@ -99999999999999999999 +1 @@\n"), "a hunk starts with"),
        (&format!("{head}@@ -0 +1 @@\n-a\n+b\n"), "a hunk starts with"),
        (&format!("{head}@@ -1 +1 @@\n\\ No newline\n"), "should go on here"),
        ("diff --cc x\n", "combined diff"),
        ("--- /dev/null\n+++ /dev/null\n@@ -0,0 +1 @@\n+a\n", "both names"),
        ("diff --git a/x b/y\n--- a/x\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n", "no rename is said"),
        ("diff --git a/x b/y\nrename from x\n", "only one of its names"),
        ("diff --git \"a/\\777\" b/y\n", "damaged"),
        ("diff --git a/x b/x\nold mode 1006z4\n", "octal"),
    ];
    for (patch, part) in cases {
        refused(&[("x", "a\n")], patch, ErrorCode::PatchInvalid, part);
    }
    assert!(matches!(parse(b"\xff\xfed\0i\0"), Err(PatchError::Empty(_))));
    assert!(matches!(parse(&vec![b'x'; MAX_PATCH_BYTES + 1]), Err(PatchError::TooLarge(_))));
    let many: String = (0..5001).map(|n| format!("--- /dev/null\n+++ b/{n}\n@@ -0,0 +1 @@\n+a\n")).collect();
    assert!(matches!(parse(many.as_bytes()), Err(PatchError::TooLarge(_))));
}

#[test]
fn what_is_no_plain_text_file() {
    let cases = [
        ("diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc\n", "symbolic link"),
        ("diff --git a/l b/l\nold mode 100644\nnew mode 120000\n", "symbolic link"),
        ("diff --git a/l b/l\nindex 1..2 120000\n--- a/l\n+++ b/l\n@@ -1 +1 @@\n-a\n+b\n", "symbolic link"),
        ("diff --git a/s b/s\nnew file mode 160000\n", "submodule"),
        ("diff --git a/s b/s\nnew file mode 040000\n", "special file"),
        ("diff --git a/i b/i\nindex 1..2 100644\nGIT binary patch\nliteral 1\n", "binary"),
        ("Binary files a/i and b/i differ\n", "binary"),
    ];
    for (patch, part) in cases {
        refused(&[("l", "a\n")], patch, ErrorCode::PatchInvalid, part);
    }
    refused(&[("b", "a\0\n")], "--- a/b\n+++ b/b\n@@ -1 +1 @@\n-a\0\n+b\n", ErrorCode::PatchInvalid, "NUL");
}

#[test]
fn what_leaves_the_tree_or_is_not_to_be_touched() {
    let modify = |path: &str| format!("--- {path}\n+++ {path}\n@@ -1 +1 @@\n-a\n+b\n");
    let create = |path: &str| {
        format!("diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+b\n")
    };
    for path in ["../x", "/etc/passwd", "a/../../x", "C:/x", "a\\b", "./x"] {
        refused(&[], &modify(path), ErrorCode::PatchOutside, "line 1 of the patch");
        refused(&[], &create(path), ErrorCode::PatchOutside, "");
        let rename = format!("diff --git a/o b/n\nrename from o\nrename to {path}\n");
        refused(&[("o", "")], &rename, ErrorCode::PatchOutside, "");
    }
    for path in
        [".git/config", "sub/.git/hooks/post-checkout", ".GIT/config", ".git./x", "git~1/x", ".g\u{200c}it/x", ".git"]
    {
        refused(&[], &create(path), ErrorCode::PatchProtected, "git");
        refused(&[(path, "a\n")], &modify(path), ErrorCode::PatchProtected, "");
    }
    for path in [".env", "id_rsa", "airlock.toml"] {
        refused(&[(path, "a\n")], &modify(path), ErrorCode::PatchProtected, path);
    }
    check(&[("conftest.py", "a\n")], &modify("conftest.py"), &[("conftest.py", Some("b\n"))]);
}

#[test]
fn files_that_are_not_as_expected() {
    let modify = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
    refused(&[], modify, ErrorCode::PatchMismatch, "there is no such file");
    refused(
        &[("n", "")],
        "--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+1\n",
        ErrorCode::PatchMismatch,
        "such a file already",
    );
    refused(
        &[("g", "1\n2\n")],
        "--- a/g\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n",
        ErrorCode::PatchMismatch,
        "not show all",
    );
    refused(
        &[("g", "1\n")],
        "diff --git a/g b/g\ndeleted file mode 100644\n",
        ErrorCode::PatchMismatch,
        "not show all",
    );
    refused(
        &[("o", ""), ("n", "")],
        "diff --git a/o b/n\nrename from o\nrename to n\n",
        ErrorCode::PatchMismatch,
        "such a file already",
    );
    let error = parse(modify.as_bytes()).unwrap().apply("", |_| Err("it is a link".into())).unwrap_err();
    assert_eq!(
        (error.code(), error.to_string()),
        (ErrorCode::NotReadable, "`x` cannot be changed: it is a link".into())
    );
}

#[test]
fn a_search_that_takes_too_long_ends() {
    // Every line fits the first thousand of the hunk, none the last.
    let file = "a\n".repeat(300_000);
    let context = " a\n".repeat(1000);
    let patch = format!("--- a/x\n+++ b/x\n@@ -1,1001 +1,1001 @@\n{context}-b\n+c\n");
    refused(&[("x", &file)], &patch, ErrorCode::PatchMismatch, "takes too long");
}

#[test]
fn a_name_with_a_line_break_is_quoted_or_refused() {
    let cut = |header: &str| format!("diff --git a/new.py b/new.py\n{header}@@ -0,0 +1 @@\n+x = 1\n");
    for header in [
        "new file mode 100644\n--- /dev/null\n+++ b/new.py\nrest.py\n",
        "rest.py\nnew file mode 100644\n--- /dev/null\n+++ b/new.py\n",
        "new file mode 100644\nrest.py\nindex 0000000..1111111\n--- /dev/null\n+++ b/new.py\n",
    ] {
        refused(&[], &cut(header), ErrorCode::PatchInvalid, "has to be quoted");
    }
    let renamed = "diff --git a/x.py b/y\nz.py\nsimilarity index 100%\nrename from x.py\nrename to y\nz.py\n";
    refused(&[("x.py", FIVE)], renamed, ErrorCode::PatchInvalid, "has to be quoted");
    let plain = "--- /dev/null\n+++ new\nrest.py\n@@ -0,0 +1 @@\n+x = 1\n";
    refused(&[], plain, ErrorCode::PatchInvalid, "has to be quoted");
}

#[test]
fn a_patch_is_taken_back_by_its_reverse() {
    let files = [("x.py", FIVE), ("old.py", "o\n"), ("from.py", "f\n"), ("gone.py", "g\nh\n")];
    let patch = "\
--- a/x.py
+++ b/x.py
@@ -1,2 +1,4 @@
+0
+1
 a
-b
+B
@@ -4,2 +5,1 @@
-d
 e
diff --git a/gone.py b/gone.py
deleted file mode 100644
--- a/gone.py
+++ /dev/null
@@ -1,2 +0,0 @@
-g
-h
diff --git a/new.py b/new.py
new file mode 100644
--- /dev/null
+++ b/new.py
@@ -0,0 +1 @@
+n
diff --git a/from.py b/to.py
similarity index 100%
rename from from.py
rename to to.py
";
    let read = |files: BTreeMap<String, String>| {
        move |path: &WorkspacePath| Ok(files.get(path.as_str()).map(|text| FileState::new(text.as_bytes(), false)))
    };
    let mut now: BTreeMap<String, String> =
        files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let before = now.clone();
    let there = parse(patch.as_bytes()).unwrap();
    let back = there.reversed().unwrap();
    assert!(back.apply("back", read(now.clone())).is_err(), "it is not applied yet");
    for step in [&there, &back] {
        let applied = step.apply("a step", read(now.clone())).unwrap();
        assert_eq!(applied.notes, Vec::<String>::new(), "each hunk is where it says");
        for (path, change) in applied.proposal.files() {
            match change.new_state() {
                Some(state) => {
                    now.insert(path.to_string(), String::from_utf8_lossy(state.bytes()).into_owned());
                }
                None => drop(now.remove(path.as_str())),
            }
        }
    }
    assert_eq!(now, before);
    assert!(there.apply("again", read(now)).is_ok());
    let copy = "diff --git a/x.py b/y.py\nsimilarity index 100%\ncopy from x.py\ncopy to y.py\n";
    assert_eq!(parse(copy.as_bytes()).unwrap().reversed(), None);
}
