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
fn without_a_folder_an_open_file_says_what_is_meant() {
    let project = project("2");
    let mut client = Client::start_able(&[], json!({"checkOnSave": false}));
    let refused = client.command("airlock.checkTests", json!([]));
    assert!(refused["error"]["message"].as_str().is_some_and(|why| why.contains("open a folder")), "{refused}");
    // Texts that are no files of this machine.
    for other in
        ["untitled:Untitled-1", "untitled:/tmp/x.py", "git:/tmp/x.py?HEAD", "file://server/share/x.py", "no uri"]
    {
        let document = json!({"uri": other, "languageId": "python", "version": 1, "text": "x = 1\n"});
        client.notify("textDocument/didOpen", json!({"textDocument": document}));
        client.notify("textDocument/didSave", json!({"textDocument": {"uri": other}}));
    }
    assert!(client.actions("untitled:Untitled-1", 0).is_empty());
    let tests = client.open(&project.join("test_it.py"));
    client.command("airlock.checkTests", json!([]));
    client.wait("they are shown", |client| failing(client, &tests) == 2);
    client.end();
}

#[test]
fn one_test_is_run_and_the_findings_of_the_others_stay() {
    let project = project("2");
    let mut client = Client::start_able(&[project.path()], json!({"checkOnSave": false}));
    let tests = client.open(&project.join("test_it.py"));
    client.wait("the project is known", |client| client.refreshed > 0);
    let run: Vec<(u64, String)> = client.lenses(&tests).into_iter().map(|(line, title, _)| (line, title)).collect();
    assert_eq!(run, [(3, "Run test".to_owned()), (8, "Run test".to_owned())]);
    client.command("airlock.checkTests", json!([]));
    client.wait("both fail", |client| failing(client, &tests) == 2);
    let lenses = client.lenses(&tests);
    assert_eq!(lenses.iter().filter(|(_, title, _)| title == "Make it pass").count(), 2, "{lenses:?}");
    // Mended for the second alone, and only that one is run.
    let module = client.open(&project.join("it.py"));
    client.replace(&module, "def f():\n    return 0\n");
    let actions = client.actions(&tests, 9);
    client.pick(&actions, "Airlock: run this test");
    client.wait("one is left", |client| failing(client, &tests) == 1);
    assert!(client.shown[&tests][0]["message"].as_str().is_some_and(|text| text.contains("test_one")));
    client.end();
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
fn a_failure_in_the_code_is_shown_there_and_in_the_test() {
    let project = Project::new(&[
        ("pyproject.toml", "[tool.pytest.ini_options]\n"),
        ("it.py", "def inner(n):\n    return 1 // n\n\n\ndef f(n):\n    return inner(n)\n"),
        ("test_it.py", "from it import f\n\n\ndef test_it():\n    assert f(0) == 1\n"),
    ]);
    let mut client = Client::start_able(&[project.path()], json!({"checkOnSave": false}));
    client.command("airlock.checkTests", json!([]));
    let (module, tests) = (uri(&project.join("it.py")), uri(&project.join("test_it.py")));
    client.wait("both are shown", |client| failing(client, &module) == 1 && failing(client, &tests) == 1);
    let line = |found: &Value| found["range"]["start"]["line"].as_u64().expect("a line");
    assert_eq!((line(&client.shown[&module][0]), line(&client.shown[&tests][0])), (1, 4));
    let related = client.shown[&module][0]["relatedInformation"].as_array().expect("places").clone();
    let places: Vec<(String, u64)> = related
        .iter()
        .map(|of| (of["location"]["uri"].as_str().expect("a URI").to_owned(), line(&of["location"])))
        .collect();
    assert_eq!(places, [(tests.clone(), 4), (module.clone(), 5)]);
    client.open(&project.join("test_it.py"));
    let actions = client.actions(&tests, 4);
    assert!(client.pick(&actions, "Airlock: make this test pass")["result"].is_string());
    client.wait("it is worked on", |client| client.messages.iter().any(|text| text.contains("test_it.py::test_it")));
    client.end();
}

#[test]
fn files_that_others_write_are_noticed() {
    let project = project("2");
    let mut client = Client::start_able(&[project.path()], json!({}));
    let tests = client.open(&project.join("test_it.py"));
    client.command("airlock.checkTests", json!([]));
    client.wait("both fail", |client| failing(client, &tests) == 2);
    client.wait("files are watched", |client| !client.registered.is_empty());
    assert_eq!(client.registered[0]["method"], "workspace/didChangeWatchedFiles");
    project.write("it.py", "def f():\n    return 1\n");
    let change = json!({"uri": uri(&project.join("it.py")), "type": 2});
    client.notify("workspace/didChangeWatchedFiles", json!({"changes": [change]}));
    client.wait("they pass", |client| client.shown.get(&tests).is_some_and(Vec::is_empty));
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
