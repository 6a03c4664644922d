//! Lines with letters of every width, in each way that columns are counted.

use airlock_program_tests::calls::Project;
use airlock_program_tests::editor::{Client, Setup, UTF_8, UTF_16, UTF_32, columns};
use serde_json::json;

/// The last line has no end: what changes it has to name its last column.
const MODULE: &str = "FACES = '😀'\n\n\ndef f(n):\n    return (n > 3, '😀é語')";
const TESTS: &str =
    "from it import f\n\n\ndef test_f():\n    assert f(3) == (True, '😀é語'), '😀'\n    assert not f(2)[0]\n";

#[test]
fn findings_typing_and_edits_are_where_each_encoding_says() {
    for encodings in [&[UTF_8, UTF_16][..], &[UTF_16], &[UTF_32, UTF_8], &[]] {
        let project = Project::new(&[("pyproject.toml", "[tool.pytest.ini_options]\n"), ("test_it.py", TESTS)]);
        project.write("it.py", MODULE);
        let encoding = encodings.first().copied().unwrap_or(UTF_16);
        let options = json!({"checkOnSave": false});
        let mut client = Client::begin(&Setup { folders: &[project.path()], options, encodings, ..Setup::default() });
        // What is tested is what is typed, between letters of four bytes and of two.
        let typed = MODULE.replace("😀é語", "😀語");
        let module = client.open_as(&project.join("it.py"), &typed);
        let at = typed.find("語").expect("there");
        client.type_over(&module, at..at, "é☃");
        client.type_over(&module, at + "é".len()..at + "é☃".len(), "");
        assert_eq!(client.documents[&module].1, MODULE);

        let tests = client.open(&project.join("test_it.py"));
        client.command("airlock.checkTests", json!([]));
        client.wait("it fails", |client| client.shown.get(&tests).is_some_and(|found| !found.is_empty()));
        let line = TESTS.lines().nth(4).expect("a line");
        let range =
            json!({"start": {"line": 4, "character": 0}, "end": {"line": 4, "character": columns(line, encoding)}});
        assert_eq!(client.shown[&tests][0]["range"], range, "{encoding}");

        let actions = client.actions(&tests, 4);
        client.pick(&actions, "Airlock: make this test pass");
        client.wait("the change is shown", |client| client.shown.get(&module).is_some_and(|found| !found.is_empty()));
        let last = MODULE.lines().last().expect("a line");
        let range =
            json!({"start": {"line": 4, "character": 0}, "end": {"line": 4, "character": columns(last, encoding)}});
        assert_eq!(client.shown[&module][0]["range"], range, "{encoding}");
        assert!(client.command("airlock.accept", json!([]))["result"].is_string());
        client.wait("it lands", |client| client.documents[&module].1 != MODULE);
        assert_eq!(client.documents[&module].1, MODULE.replace("n > 3", "n >= 3"), "{encoding}");
        client.wait("the finding is gone", |client| client.shown[&tests].is_empty());
        assert_eq!(client.end(), 0);
    }
}
