//! Windows as people have them: several projects or none, files without a project, settings that change, files that others
//! write, lenses.

use airlock_program_tests::calls::Project;
use serde_json::{Value, json};

use airlock_program_tests::editor::{Client, uri};

const TESTS: &str = "\
from it import f


def test_one():
    assert f() == 1


class TestMore:
    def test_two(self):
        assert f() < 2
";

fn project(returned: &str) -> Project {
    let module = format!("def f():\n    return {returned}\n");
    Project::new(&[("pyproject.toml", "[tool.pytest.ini_options]\n"), ("it.py", &module), ("test_it.py", TESTS)])
}

fn failing(client: &Client, document: &str) -> usize {
    client.shown.get(document).into_iter().flatten().filter(|found| found["code"] == "test_failed").count()
}

#[test]
fn two_projects_with_tests_of_one_name_are_kept_apart() {
    let (one, other) = (project("2"), project("2"));
    let mut client = Client::start_able(&[one.path(), other.path()], json!({"checkOnSave": false}));
    let documents = [&one, &other].map(|project| uri(&project.join("test_it.py")));
    client.command("airlock.checkTests", json!([]));
    client.wait("both are shown", |client| documents.iter().all(|document| failing(client, document) == 2));
    let refused = client.command("airlock.makeTestPass", json!(["test_it.py::test_one"]));
    let why = refused["error"]["message"].as_str().expect("refused").to_owned();
    assert!(why.contains(one.path().to_str().expect("text")) && why.contains("name the folder"), "{why}");
    // An action knows its project.
    client.open(&other.join("test_it.py"));
    let actions = client.actions(&documents[1], 4);
    client.pick(&actions, "Airlock: make this test pass");
    let module = uri(&other.join("it.py"));
    client.wait("the repair is of that project", |client| {
        client.shown.get(&module).is_some_and(|found| !found.is_empty())
    });
    assert!(!client.shown.contains_key(&uri(&one.join("it.py"))));
    // A folder that leaves the window takes its findings along.
    let gone = json!({"event": {"added": [], "removed": [{"uri": uri(one.path()), "name": "one"}]}});
    client.notify("workspace/didChangeWorkspaceFolders", gone);
    client.wait("its findings are gone", |client| failing(client, &documents[0]) == 0);
    assert_eq!(failing(&client, &documents[1]), 2);
    assert_eq!(client.end(), 0);
}

#[test]
fn settings_come_from_the_client_and_a_wrong_one_is_named_once() {
    let project = project("2");
    let wrong = json!({"checkOnSave": false, "jobs": "many", "timeLimit": 3});
    let mut client = Client::start_able(&[project.path()], wrong);
    let named = |client: &Client, word: &str| client.messages.iter().filter(|text| text.contains(word)).count();
    client
        .wait("they are named", |client| named(client, "airlock.jobs") == 1 && named(client, "airlock.timeLimit") == 1);
    let tests = client.open(&project.join("test_it.py"));
    client.save(&tests);
    assert!(client.lenses(&tests).len() <= 2);
    assert!(!client.progress.values().any(|seen| !seen.is_empty()), "nothing runs at a save");
    // They change; a client that can be asked is asked.
    client.settings = json!({"checkOnSave": true, "jobs": "many", "codeLens": false, "memory_mb": 64});
    client.notify("workspace/didChangeConfiguration", json!({"settings": null}));
    client.wait("they are asked for", |client| named(client, "airlock.memory_mb") == 1 || client.refreshed > 1);
    assert!(client.lenses(&tests).is_empty());
    client.save(&tests);
    client.wait("a save runs the tests", |client| failing(client, &tests) == 2);
    assert_eq!(named(&client, "airlock.jobs"), 1);
    client.end();
}

#[test]
fn a_file_under_another_name_is_the_same_file() {
    let project = project("2");
    let elsewhere = Project::empty();
    let link = elsewhere.join("link");
    std::os::unix::fs::symlink(project.path(), &link).expect("a link");
    let mut client = Client::start_able(&[project.path()], json!({"checkOnSave": false}));
    client.command("airlock.checkTests", json!([]));
    let real = uri(&project.join("test_it.py"));
    client.wait("both fail", |client| failing(client, &real) == 2);
    // What is shown goes to the name that the editor has.
    let other = client.open(&link.join("test_it.py"));
    client.wait("they moved", |client| failing(client, &real) == 0 && failing(client, &other) == 2);
    assert!(!client.actions(&other, 4).is_empty());
    client.end();
}

#[test]
fn findings_of_a_text_that_changed_are_not_shown_again() {
    let project = project("2");
    let mut client = Client::start_able(&[project.path()], json!({"checkOnSave": false}));
    let tests = client.open(&project.join("test_it.py"));
    client.command("airlock.checkTests", json!([]));
    client.wait("both fail", |client| failing(client, &tests) == 2);
    let typed = format!("# a line of mine\n{TESTS}");
    client.replace(&tests, &typed);
    // The line is another one now: no action by the place of the finding, but by what the editor has moved along.
    let at =
        |client: &mut Client, line: u64| client.actions(&tests, line).iter().any(|action| action["kind"] == "quickfix");
    let found = client.shown.remove(&tests).expect("shown");
    assert!(!at(&mut client, 4));
    let moved = found.into_iter().map(|mut found| {
        for end in ["start", "end"] {
            let line = found["range"][end]["line"].as_u64().expect("a line");
            found["range"][end]["line"] = Value::from(line + 1);
        }
        found
    });
    client.shown.insert(tests.clone(), moved.collect());
    assert!(at(&mut client, 5));
    client.end();
}
