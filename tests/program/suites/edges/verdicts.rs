//! Patches of real projects: the one that repairs is verified, all that only look like it are refused.

use std::path::{Path, PathBuf};

use airlock_program_tests::calls::{Project, Tree, airlock};
use airlock_program_tests::{corpus_script, long, repository};
use serde_json::Value;

use crate::support::{word, words};

/// `(patch, what keeps it out)`; the list of the verdict that names it, or nothing where it is the tests alone.
const REFUSED: [(&str, Option<&str>); 6] = [
    ("wrong", Some("still_failing")),
    ("deletes_test", Some("protected")),
    ("skips_test", Some("protected")),
    ("edits_conftest", Some("protected")),
    ("shadows_runner", Some("protected")),
    ("exits_early", Some("gone")),
];

fn patches() -> PathBuf {
    repository().join("tests/corpus/patches")
}

fn stage(project: &str, to: PathBuf, patches: &[&str]) -> PathBuf {
    let mut arguments = vec![project, to.to_str().expect("UTF-8")];
    for patch in patches {
        arguments.extend(["--patch", patch]);
    }
    corpus_script("stage.py", &arguments);
    to
}

fn judge(project: &str, root: &Path, patch: &str) -> (Value, i32) {
    let file = patches().join(project).join(format!("{patch}.patch"));
    airlock(["check", "--apply", "--patch", &file.display().to_string()]).within(root).json()
}

fn targets(project: &str) -> Vec<String> {
    let file = patches().join(project).join("targets.json");
    let text = std::fs::read_to_string(file).expect("each project with patches has targets");
    serde_json::from_str(&text).expect("a list of ids")
}

fn check(project: &str) {
    let folder = Project::empty();
    let root = stage(project, folder.join("copy"), &["bug"]);
    let buggy = Tree::of(&root);
    for (patch, list) in REFUSED {
        let (document, exit) = judge(project, &root, patch);
        assert_eq!((word(&document, "status"), exit), ("refused", 1), "{project} {patch}: {document}");
        assert_eq!(document["applied"], false, "{project} {patch}");
        assert!(words(&document["verdict"]["fixed"]).len() < targets(project).len(), "{project} {patch}");
        if let Some(list) = list {
            // An exit that comes before the targets run leaves their loss to `still_failing` alone.
            let named = words(&document["verdict"][list]).len() + usize::from(patch == "exits_early");
            assert!(named > 0, "{project} {patch}: nothing is {list}: {}", document["verdict"]);
        }
        buggy.assert_untouched(&format!("{project}: the refused patch {patch}"));
    }
    let (document, exit) = judge(project, &root, "good");
    assert_eq!((word(&document, "status"), exit), ("verified", 0), "{project} good: {document}");
    // All that failed is fixed, and nothing failed but what fails natively. (Some of that cannot run here.)
    let fixed = words(&document["verdict"]["fixed"]);
    assert_eq!(fixed, words(&document["verdict"]["failing_before"]), "{project}");
    let targets = targets(project);
    let foreign: Vec<_> = fixed.iter().filter(|id| !targets.iter().any(|target| target == *id)).collect();
    assert!(!fixed.is_empty() && foreign.is_empty(), "{project}: {foreign:?}");

    // What landed is what git makes of the patch, and nothing else changed.
    let by_git = stage(project, folder.join("by-git"), &["bug", "good"]);
    let changed = buggy.changed();
    assert_eq!(changed, words(&document["proposal"]["files"]), "{project}");
    for file in &changed {
        let bytes = |root: &Path| std::fs::read(root.join(file)).expect("it can be read");
        assert_eq!(bytes(&root), bytes(&by_git), "{project}: {file}");
    }
}

#[test]
fn patches_of_a_flat_project() {
    check("inflection");
}

#[test]
fn patches_of_an_asynchronous_project() {
    check("blinker");
}

#[test]
fn patches_of_all_other_projects() {
    if !long() {
        // The long form's; the short form's projects are above.
        return;
    }
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(patches()).expect("patches") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        // All of them are tried, whatever the first says; each has told what was wrong by then.
        let short = matches!(name.as_str(), "inflection" | "blinker");
        if !short && std::panic::catch_unwind(|| check(&name)).is_err() {
            wrong.push(name);
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn each_tested_package_is_the_project_s() {
    let which: &[&str] = if long() { &[] } else { &["--short"] };
    for project in corpus_script("fetch.py", which)["projects"].as_array().expect("a list") {
        let (name, package) = (word(project, "name"), word(project, "package"));
        let folder = Project::empty();
        let root = stage(name, folder.join("copy"), &[]);
        // A package of the same name is in the guest or in nobody's environment but the project's own.
        let place = format!("/workspace/{}", word(project, "source").trim_start_matches("./")).replace("/.", "");
        let test = format!(
            "import {package}\n\n\ndef test_place():\n    assert {package}.__file__.startswith({:?})\n",
            format!("{}/{package}", place.trim_end_matches('/'))
        );
        std::fs::write(root.join("test_place_of_package.py"), test).expect("written");
        let (document, exit) = airlock(["check", "test_place_of_package.py"]).within(&root).json();
        assert_eq!((word(&document, "status"), exit), ("passed", 0), "{name}: {document}");
    }
}
