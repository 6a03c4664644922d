//! Which folders may be worked in, and what no client can reach.

use airlock_program_tests::agent::Agent;
use airlock_program_tests::editor::uri;
use airlock_program_tests::{airlock, calls::Project, fixture, tree};
use serde_json::json;

use super::{FAILING, GOOD};

#[test]
fn a_folder_outside_is_neither_tested_nor_changed() {
    let (_folder, project) = fixture("shop");
    let other = Project::new(&[("test_a.py", "def test_a(): pass\n")]);
    let mut agent = Agent::start(&project);
    for path in [other.path().to_str().expect("text"), "..", "/", "/etc", "src/../../x"] {
        for (tool, arguments) in [
            ("check_tree", json!({"path": path})),
            ("check_patch", json!({"path": path, "patch": GOOD})),
            ("propose_patch", json!({"path": path, "patch": GOOD, "reason": "r"})),
            ("make_test_pass", json!({"path": path, "test": FAILING})),
            ("explain_failure", json!({"path": path, "test": FAILING})),
        ] {
            let said = agent.fails(tool, arguments);
            assert!(said.contains("outside the folders") || said.contains("is not there"), "{tool} {path}: {said}");
        }
    }
    assert!(agent.call("check_tree", json!({"path": "src"})).0["tests"].is_object());
    agent.end();
}

#[test]
fn a_patch_stays_in_the_folders_that_are_open_and_out_of_what_is_protected() {
    // Two projects in one repository, of which one is open.
    let both = Project::empty();
    both.git(&["init", "-q"]);
    for name in ["one", "two"] {
        both.write(&format!("{name}/pytest.ini"), "[pytest]\n");
        both.write(&format!("{name}/prices.py"), "VALUE = 1\n");
        both.write(&format!("{name}/test_prices.py"), "from prices import VALUE\n\ndef test_it():\n    assert VALUE\n");
    }
    let before = tree(both.path());
    let mut agent = Agent::start(&both.join("one"));
    let patch = |path: &str, old: &str, new: &str| format!("--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-{old}\n+{new}\n");
    let outside = json!({"patch": patch("two/prices.py", "VALUE = 1", "VALUE = 2"), "reason": "r"});
    let said = agent.fails("propose_patch", outside);
    assert!(said.contains("lies outside the folders"), "{said}");
    for path in ["../x.py", "/etc/passwd", "one/../../x.py", ".git/config", "one/.git/hooks/pre-commit"] {
        let new = format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n");
        let answer = agent.request("tools/call", super::call("propose_patch", json!({"patch": new, "reason": "r"})));
        let is_refused =
            answer["result"]["isError"] == true || answer["result"]["structuredContent"]["waiting"] == false;
        assert!(is_refused, "{path}: {answer}");
    }
    // The tests, their settings and Airlock's own change for the user alone.
    for (path, old, new) in
        [("one/test_prices.py", "from prices import VALUE", "VALUE = 1"), ("one/pytest.ini", "[pytest]", "[pytest] ")]
    {
        let (refused, _) = agent.call("propose_patch", json!({"patch": patch(path, old, new), "reason": "r"}));
        assert_eq!(refused["waiting"], false, "{path}: {refused}");
        assert_eq!(refused["verdict"]["protected"], json!([path]), "{refused}");
    }
    let inside = json!({"patch": patch("one/prices.py", "VALUE = 1", "VALUE = 2"), "reason": "r"});
    assert_eq!(agent.call("propose_patch", inside).0["waiting"], true);
    assert_eq!(tree(both.path()), before, "something was written");
    agent.end();
}

#[test]
fn a_client_s_roots_say_where_and_cannot_widen_what_the_user_named() {
    let (_one, shop) = fixture("shop");
    let (_two, other) = fixture("kinds");
    let elsewhere = Project::empty();
    let named = |path: &std::path::Path| Some(vec![uri(path)]);
    // The client's root is the workspace, wherever the server was started.
    let mut agent = Agent::with(airlock(elsewhere.path()), &[], named(&shop));
    assert_eq!(agent.call("check_tree", json!({"tests": ["tests/test_money.py"]})).0["status"], "passed");
    assert_eq!(agent.asked, 1, "roots are asked for once");
    let said = agent.fails("check_tree", json!({"path": other.to_str()}));
    assert!(said.contains("outside the folders"), "{said}");
    // They change.
    agent.roots = named(&other);
    agent.notify("notifications/roots/list_changed", json!({}));
    agent.until(|message| message["method"] == "roots/list");
    let said = agent.fails("check_tree", json!({"path": shop.to_str()}));
    assert!(said.contains("outside the folders"), "{said}");
    agent.end();
    // What the user named stays the limit.
    let mut agent = Agent::with(airlock(elsewhere.path()), &[shop.to_str().expect("text")], named(&other));
    let said = agent.fails("check_tree", json!({}));
    assert!(said.contains("none of the client's roots"), "{said}");
    agent.end();
    let parent = shop.parent().expect("a parent");
    let mut agent = Agent::with(airlock(elsewhere.path()), &[shop.to_str().expect("text")], named(parent));
    let root = agent.call("check_tree", json!({"tests": ["tests/test_money.py"]})).0["root"].clone();
    assert_eq!(root, shop.canonicalize().expect("real").to_str().expect("text"));
    agent.end();
}

#[test]
fn what_is_secret_or_says_what_it_should_not_comes_out_of_no_answer() {
    let key = format!("sk-{}", "live7A6b5C4d3E2f1G0h9I8j");
    let test = format!(
        "import pathlib\n\ndef test_key():\n    assert '{key}' == 'x\\u202e'\n\ndef test_env():\n    assert pathlib.Path('.env').exists(), \
         'no secret here'\n"
    );
    let project = Project::new(&[
        ("test_key.py", test.as_str()),
        (".env", "TOKEN=canary-in-a-dotenv-file\n"),
        ("pytest.ini", "[pytest]\n"),
    ]);
    let mut agent = Agent::start(project.path());
    let (found, words) = agent.call("check_tree", json!({}));
    let (explained, more) = agent.call("explain_failure", json!({"test": "test_key.py::test_key"}));
    let all = format!("{found}{words}{explained}{more}");
    assert!(!all.contains(&key) && !all.contains("canary") && !all.contains('\u{202e}'), "{all}");
    assert!(all.contains("hidden by Airlock") && all.contains("no secret here"), "{all}");
    let (_, errors) = agent.end();
    assert!(!errors.contains(&key), "{errors}");
}
