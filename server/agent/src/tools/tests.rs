use airlock_core::conversation::ToolCall;
use airlock_core::report::{Location, Outcome};
use serde_json::{Value, json};

use super::*;
use crate::bench::{ProgramRun, TestFailure, TestsRun};
use crate::outward::MARK;
use crate::policy::{Action, Policy, Rule, Ruling};
use crate::testing::{Scripted, path, text_of, tools, with_policy, workspace};

fn call(workspace: &mut Workspace, name: &str, arguments: Value) -> Called {
    raw(workspace, name, &arguments.to_string())
}

fn raw(workspace: &mut Workspace, name: &str, arguments: &str) -> Called {
    let call = ToolCall { id: "c1".into(), name: name.into(), arguments: arguments.into() };
    let called = tools(Scripted::default()).call(workspace, &call);
    assert_eq!(called.result.id, "c1");
    called
}

fn said(workspace: &mut Workspace, name: &str, arguments: Value) -> String {
    let called = call(workspace, name, arguments);
    assert!(!called.result.is_error, "{}", called.result.text);
    called.result.text
}

fn error(workspace: &mut Workspace, name: &str, arguments: Value) -> String {
    let before = workspace.overlay().clone();
    let called = call(workspace, name, arguments);
    assert!(called.result.is_error, "{}", called.result.text);
    assert!(called.changed.is_empty() && *workspace.overlay() == before, "an error changes nothing");
    called.result.text
}

fn project() -> Workspace {
    workspace(&[
        ("README.md", "# Shop\n"),
        ("src/shop/cart.py", "class Cart:\n    def total(self):\n        return 1\n"),
        ("src/shop/deep/er/x.py", "X = 1\n"),
        ("tests/test_cart.py", "from shop.cart import Cart\n"),
        (".env", "KEY=1\n"),
        ("ignored/x.py", "total = 2\n"),
    ])
}

#[test]
fn every_tool_is_described_for_models() {
    let specs = Tools::specs();
    assert_eq!(specs.len(), Tool::ALL.len());
    for (spec, tool) in specs.iter().zip(Tool::ALL) {
        assert_eq!(spec.name, tool.name());
        assert_eq!(Tool::named(&spec.name), Some(*tool));
        assert!(spec.description.len() > 10 && spec.description.ends_with('.'), "{}", spec.name);
        let properties = spec.parameters["properties"].as_object().unwrap();
        assert_eq!(spec.parameters["additionalProperties"], json!(false));
        for required in spec.parameters["required"].as_array().unwrap() {
            assert!(properties.contains_key(required.as_str().unwrap()), "{}", spec.name);
        }
        for (name, property) in properties {
            assert!(property["type"].is_string() && property["description"].is_string(), "{} {name}", spec.name);
        }
    }
    assert_eq!(serde_json::to_string(&specs).unwrap(), serde_json::to_string(&Tools::specs()).unwrap());
    let reading: Vec<String> = Tools::reading_specs().into_iter().map(|spec| spec.name).collect();
    assert_eq!(reading, ["list", "read", "search", "symbols", "diagnostics"]);
    let question = tools(Scripted::default()).reading_only();
    for tool in Tool::ALL {
        let call = ToolCall { id: "1".into(), name: tool.name().into(), arguments: "{}".into() };
        let refused = question.call(&mut project(), &call).result.text.contains("not there for a question");
        assert_eq!(refused, !reading.contains(&tool.name().to_owned()), "{tool:?}");
    }
}

#[test]
fn a_wrong_call_is_answered_with_what_would_be_right() {
    let mut ws = project();
    assert!(error(&mut ws, "raed", json!({})).contains("the nearest is `read`. The tools are `list`, `read`"));
    assert!(error(&mut ws, "str_replace", json!({})).contains("the nearest is `edit`"));
    assert!(!error(&mut ws, "xyzzy\u{202e}", json!({})).contains('\u{202e}'));
    let syntax = raw(&mut ws, "read", "{\"path\": \"a.py\" \"start\": 1}").result;
    assert!(syntax.is_error && syntax.text.contains("line 1 column 17"), "{}", syntax.text);
    assert!(syntax.text.contains("near `"), "{}", syntax.text);
    assert!(error(&mut ws, "read", json!({"path": "a.py", "lines": 3})).contains("unknown field `lines`, expected"));
    assert!(error(&mut ws, "read", json!({})).contains("missing field `path`"));
    assert!(error(&mut ws, "read", json!({"path": 3})).contains("invalid type: integer `3`, expected a string"));
    assert!(error(&mut ws, "read", json!([])).contains("do not fit"));
    assert!(!raw(&mut ws, "list", "").result.is_error, "no arguments are none");
    let long = raw(&mut ws, "create", &"x".repeat(MAX_ARGUMENTS + 1)).result;
    assert!(long.is_error && long.text.contains("make several calls"));
}

#[test]
fn paths_that_leave_the_project_or_are_kept_from_models_are_refused_by_every_tool() {
    let mut ws = project();
    let paths = [
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a\\b",
        "C:\\x",
        "a\0b",
        ".git/config",
        "sub/.GIT/x",
        "git~1/x",
        ".env",
        "ignored/x.py",
        "id_rsa",
        ".git",
        "",
        "a//b",
    ];
    for bad in paths {
        for (name, arguments) in [
            ("read", json!({"path": bad})),
            ("edit", json!({"path": bad, "old_text": "a", "new_text": "b"})),
            ("create", json!({"path": bad, "content": "x"})),
            ("create", json!({"path": bad, "content": "x", "overwrite": true})),
            ("delete", json!({"path": bad})),
            ("rename", json!({"from": bad, "to": "free.py"})),
            ("rename", json!({"from": "README.md", "to": bad})),
            ("apply_patch", json!({"patch": format!("*** Begin Patch\n*** Add File: {bad}\n+x\n*** End Patch")})),
            ("apply_patch", json!({"patch": format!("*** Begin Patch\n*** Delete File: {bad}\n*** End Patch")})),
            ("run_python", json!({"path": bad})),
            ("symbols", json!({"path": bad})),
        ] {
            let text = error(&mut ws, name, arguments);
            let told =
                ["A path looks like `src/app.py`", "secrets", "ignored by git", "there is no file", "This", "NUL"];
            assert!(told.iter().any(|word| text.contains(word)) || text.contains("patch"), "{name} {bad}: {text}");
            assert!(!text.contains("KEY=1"));
        }
    }
    assert_eq!(said(&mut ws, "read", json!({"path": "./README.md"})), "     1\t# Shop");
    assert!(said(&mut ws, "list", json!({})).contains("README.md"));
}

#[test]
fn files_are_listed_by_folder_glob_and_depth() {
    let mut ws = project();
    let all = "README.md  7\nsrc/shop/  2 files\ntests/test_cart.py  27";
    assert_eq!(said(&mut ws, "list", json!({})), all);
    assert_eq!(
        said(&mut ws, "list", json!({"folder": "src/shop/", "depth": 1})),
        "src/shop/cart.py  50\nsrc/shop/deep/  1 file"
    );
    assert_eq!(
        said(&mut ws, "list", json!({"glob": "*.py"})),
        "src/shop/cart.py  50\nsrc/shop/deep/er/x.py  6\ntests/test_cart.py  27"
    );
    assert_eq!(said(&mut ws, "list", json!({"glob": "src/**/x.py"})), "src/shop/deep/er/x.py  6");
    assert_eq!(said(&mut ws, "list", json!({"glob": "*.rs"})), "no file");
    assert!(error(&mut ws, "list", json!({"folder": "src/none"})).contains("no folder `src/none`"));
    assert!(error(&mut ws, "list", json!({"folder": "README.md"})).contains("is a file"));
    assert!(error(&mut ws, "list", json!({"glob": "a["})).contains("no glob"));

    let many: Vec<(String, String)> = (0..600).map(|n| (format!("f{n:03}.py"), String::new())).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let mut ws = workspace(&many);
    let first = said(&mut ws, "list", json!({}));
    assert!(first.ends_with("or go on with \"after\": \"f499.py\"]"), "{first}");
    let rest = said(&mut ws, "list", json!({"after": "f499.py"}));
    assert!(rest.starts_with("f500.py") && rest.ends_with("f599.py  0"), "{rest}");
}

#[test]
fn lines_are_read_with_numbers_and_what_is_cut_says_how_to_go_on() {
    let text: String = (1..=2_500).map(|n| format!("line {n}\n")).collect();
    let mut ws = workspace(&[("a.txt", &text), ("b.txt", "one\r\ntwo"), ("c.txt", ""), ("d.txt", &"x".repeat(3_000))]);
    let first = said(&mut ws, "read", json!({"path": "a.txt"}));
    assert!(
        first.starts_with("     1\tline 1\n")
            && first.ends_with("[cut: lines 1 to 1000 of 2500; go on with \"start\": 1001]")
    );
    assert_eq!(
        said(&mut ws, "read", json!({"path": "a.txt", "start": 7, "end": 8})),
        "     7\tline 7\n     8\tline 8\n[lines 7 to 8 of 2500]"
    );
    assert!(error(&mut ws, "read", json!({"path": "a.txt", "start": 3_000})).contains("has the lines 1 to 2500"));
    let endings = said(&mut ws, "read", json!({"path": "b.txt"}));
    assert_eq!(
        endings,
        "     1\tone\n     2\ttwo\n[its lines end in CRLF, its last line has no ending; edits keep that]"
    );
    assert_eq!(said(&mut ws, "read", json!({"path": "c.txt"})), "`c.txt` is empty");
    assert!(
        said(&mut ws, "read", json!({"path": "d.txt"}))
            .ends_with("[cut: the line has 3000 characters]\n[its last line has no ending; edits keep that]")
    );
    assert!(error(&mut ws, "read", json!({"path": "x/a.txt"})).contains("of that name there is `a.txt`"));
}

#[test]
fn searches_are_regular_or_literal_filtered_and_bounded() {
    let many = "total = 1\n".repeat(250);
    let mut ws = workspace(&[
        ("a.py", "one\ndef total(x):\n    return x\n"),
        ("b.txt", "Total (x)\n"),
        ("many.py", &many),
        (".env", "total=1"),
        ("k.py", "a = 'sk-canary0123456789abcdef'\n"),
    ]);
    assert_eq!(said(&mut ws, "search", json!({"pattern": "def t\\w+\\("})), "a.py:2: def total(x):");
    assert_eq!(
        said(&mut ws, "search", json!({"pattern": "total (", "literal": true, "ignore_case": true, "glob": "*.txt"})),
        "b.txt:1: Total (x)"
    );
    assert_eq!(
        said(&mut ws, "search", json!({"pattern": "def total", "context": 1})),
        "a.py-1- one\na.py:2: def total(x):\na.py-3-     return x"
    );
    let first = said(&mut ws, "search", json!({"pattern": "total = 1"}));
    assert!(first.ends_with("[cut after 100 matches; narrow it with `glob` or `folder`, or go on with \"skip\": 100]"));
    let last = said(&mut ws, "search", json!({"pattern": "total = 1", "skip": 200}));
    assert!(last.starts_with("many.py:201: ") && last.ends_with("many.py:250: total = 1"), "{last}");
    assert_eq!(said(&mut ws, "search", json!({"pattern": "nothing"})), "no match in 4 files");
    assert_eq!(said(&mut ws, "search", json!({"pattern": "canary"})), "no match in 4 files", "no key is searched");
    assert!(error(&mut ws, "search", json!({"pattern": "(a"})).contains("no regular expression"));
    assert!(error(&mut ws, "search", json!({"pattern": "x", "folder": ".env"})).contains("secrets"));
    assert!(said(&mut ws, "search", json!({"pattern": "one", "folder": "a.py"})).starts_with("a.py:1:"));
}

#[test]
fn a_search_that_is_made_to_take_long_says_so_and_one_that_is_stopped_ends() {
    let line = "ab".repeat(1 << 20);
    let mut ws = workspace(&[("a.txt", &line), ("b.txt", "say a\n")]);
    let wide = error(&mut ws, "search", json!({"pattern": "(?:[^a]{0,200}a){40}b"}));
    assert!(wide.contains("size limit"), "{wide}");
    for pattern in ["(?:[^a]{0,40}a){30}b|say a", "(?:(?-u:[^c]){0,90}a){30}d|say a"] {
        let slow = said(&mut ws, "search", json!({"pattern": pattern}));
        let cut = "b.txt:1: say a\n[cut: 1 files were not searched, as the pattern takes too long";
        assert!(slow.starts_with(cut), "{slow}");
    }
    assert!(said(&mut ws, "search", json!({"pattern": "\\w+ \\w{1,20}$"})).starts_with("b.txt:1: say a"));

    struct Stopped;
    impl Bench for Stopped {
        fn run_tests(&self, _: &airlock_core::overlay::Overlay, _: &[String]) -> Result<TestsRun, String> {
            Err("none".to_owned())
        }

        fn run_python(
            &self,
            _: &airlock_core::overlay::Overlay,
            _: &crate::bench::Program,
        ) -> Result<ProgramRun, String> {
            Err("none".to_owned())
        }

        fn stopped(&self) -> bool {
            true
        }
    }
    let tools = Tools::new(Arc::new(Stopped), Arc::default(), Arc::new(TagCache::new(1)), vec![]);
    let call = ToolCall { id: "1".into(), name: "search".into(), arguments: json!({"pattern": "a"}).to_string() };
    let result = tools.call(&mut ws, &call).result;
    assert!(result.is_error && result.text.contains("the search was stopped"), "{}", result.text);
}

#[test]
fn edits_replace_text_that_is_there_once() {
    let mut ws = project();
    let cart = "src/shop/cart.py";
    let done = call(&mut ws, "edit", json!({"path": cart, "old_text": "return 1", "new_text": "return 2"}));
    assert_eq!(done.changed, [path(cart)]);
    assert!(done.result.text.contains("     3\t        return 2"), "{}", done.result.text);
    let new = "def total(self):\n    x = 2\n    return x";
    let lenient = json!({"path": cart, "old_str": "def total(self):\n    return 2", "new_str": new});
    assert!(said(&mut ws, "edit", lenient).contains("with another indentation"));
    assert_eq!(text_of(&ws, cart), "class Cart:\n    def total(self):\n        x = 2\n        return x\n");

    assert!(error(&mut ws, "edit", json!({"path": cart, "old_text": "self", "new_text": "self"})).contains("the same"));
    assert!(error(&mut ws, "edit", json!({"path": cart, "old_text": "", "new_text": "a"})).contains("is empty"));
    let missing = error(&mut ws, "edit", json!({"path": cart, "old_text": "def totals(self, tax):", "new_text": "a"}));
    assert!(
        missing.contains("not in the file. The closest place") && missing.contains("     2\t    def total(self):"),
        "{missing}"
    );
    let numbered = json!({"path": cart, "old_text": "     3\t        x = 2", "new_text": "a"});
    assert!(error(&mut ws, "edit", numbered).contains("has line numbers"));
    let twice = error(&mut ws, "edit", json!({"path": cart, "old_text": "x", "new_text": "y"}));
    assert!(twice.contains("is there 2 times") && twice.contains("lines 3, 4"), "{twice}");
    let all = said(&mut ws, "edit", json!({"path": cart, "old_text": "x", "new_text": "y", "replace_all": true}));
    assert!(all.contains("2 places were changed"));
    assert!(text_of(&ws, cart).ends_with("        y = 2\n        return y\n"));

    let mut ws = workspace(&[("w.py", "\u{feff}a = 1\r\nb = 2")]);
    said(&mut ws, "edit", json!({"path": "w.py", "old_text": "a = 1\nb = 2", "new_text": "a = 1\nc = 3\nb = 2"}));
    assert_eq!(text_of(&ws, "w.py"), "\u{feff}a = 1\r\nc = 3\r\nb = 2");
}

#[test]
fn a_file_that_is_replaced_keeps_its_endings_and_its_mark() {
    let mut ws = workspace(&[("w.py", "\u{feff}a\r\nb\r\n")]);
    said(&mut ws, "create", json!({"path": "w.py", "content": "x\ny\n", "overwrite": true}));
    assert_eq!(text_of(&ws, "w.py"), "\u{feff}x\r\ny\r\n");
}

#[test]
fn an_edit_neither_finds_nor_uncovers_a_hidden_key() {
    let key = "KEY = 'sk-canary0123456789abcdef'\n";
    let pem = "-----BEGIN PRIVATE KEY-----\nMIIEabcd\nAAAA\n-----END PRIVATE KEY-----\n";
    let text = format!("a = 1\n{key}{pem}see = 2\n");
    let mut ws = workspace(&[("k.py", &text)]);
    for (old, new) in [
        ("KEY = 'sk-", "KEY = 'x"),
        ("sk-canary", "x"),
        ("MIIE", "x"),
        ("-----BEGIN PRIVATE KEY-----\n", ""),
        ("-----BEGIN PRIVATE KEY-----", "x"),
        ("KEY = '", "KEY = 'x"),
        (MARK, "x"),
        ("'[key hidden by Airlock]'\n[key hidden by Airlock]\n\n", "''\n"),
    ] {
        for all in [false, true] {
            let asked = json!({"path": "k.py", "old_text": old, "new_text": new, "replace_all": all});
            let refused = error(&mut ws, "edit", asked);
            assert!(!refused.contains("canary") && !refused.contains("MIIE"), "{refused}");
        }
    }
    let absent = error(&mut ws, "edit", json!({"path": "k.py", "old_text": "sk-cb", "new_text": "x"}));
    let present = error(&mut ws, "edit", json!({"path": "k.py", "old_text": "sk-ca", "new_text": "x"}));
    assert_eq!(absent, present, "what is hidden is as if it were not there");
    let cut = format!("*** Begin Patch\n*** Update File: k.py\n@@\n-{MARK}\n*** End Patch");
    assert!(error(&mut ws, "apply_patch", json!({"patch": cut})).contains("leave it whole"));
    let ended =
        format!("*** Begin Patch\n*** Update File: k.py\n@@\n {MARK}\n+-----END PRIVATE KEY-----\n \n*** End Patch");
    assert!(error(&mut ws, "apply_patch", json!({"patch": ended})).contains("leave it whole"));
    said(&mut ws, "edit", json!({"path": "k.py", "old_text": "e", "new_text": "x", "replace_all": true}));
    assert_eq!(text_of(&ws, "k.py"), format!("a = 1\n{key}{pem}sxx = 2\n"));
    let gone = format!("*** Begin Patch\n*** Update File: k.py\n@@\n-KEY = '{MARK}'\n*** End Patch");
    said(&mut ws, "apply_patch", json!({"patch": gone}));
    assert_eq!(text_of(&ws, "k.py"), format!("a = 1\n{pem}sxx = 2\n"));
}

#[test]
fn an_edit_knows_places_that_overlap_and_leaves_the_endings_of_other_lines() {
    let mut ws = workspace(&[("a.c", "{\n}\n}\n}\n"), ("m.py", "a\r\nb\nc\r\nd\n")]);
    let asked = |all: bool| json!({"path": "a.c", "old_text": "}\n}\n", "new_text": "}\n", "replace_all": all});
    let twice = error(&mut ws, "edit", asked(false));
    assert!(twice.contains("is there 2 times") && twice.contains("lines 2, 3"), "{twice}");
    said(&mut ws, "edit", asked(true));
    assert_eq!(text_of(&ws, "a.c"), "{\n}\n}\n");
    said(&mut ws, "edit", json!({"path": "m.py", "old_text": "a\nb\nc\nd\n", "new_text": "a\nx\nc\ny\n"}));
    assert_eq!(text_of(&ws, "m.py"), "a\r\nx\nc\r\ny\n");
}

#[test]
fn files_are_created_renamed_and_deleted_on_the_overlay_alone() {
    let mut ws = project();
    let made = call(&mut ws, "create", json!({"path": "src/new.py", "content": "x = 1\n"}));
    assert_eq!(made.changed, [path("src/new.py")]);
    assert!(error(&mut ws, "create", json!({"path": "src/new.py", "content": ""})).contains("exists already"));
    assert!(
        said(&mut ws, "create", json!({"path": "src/new.py", "content": "y\n", "overwrite": true}))
            .contains("replaced")
    );
    for (bad, why) in [
        ("README.md/x", "is a file, so"),
        ("src/shop", "is a folder"),
        ("SRC/new.py", "in one place on some systems"),
        ("readme.md", "in one place on some systems"),
        ("x.py\0", "NUL"),
        ("src/\u{202e}yp.x", "invisible or control characters"),
    ] {
        assert!(error(&mut ws, "create", json!({"path": bad, "content": ""})).contains(why), "{bad}");
    }
    let moved = call(&mut ws, "rename", json!({"from": "src/shop/cart.py", "to": "src/shop/basket.py"}));
    assert_eq!(moved.changed, [path("src/shop/cart.py"), path("src/shop/basket.py")]);
    assert!(error(&mut ws, "rename", json!({"from": "README.md", "to": "src/new.py"})).contains("exists already"));
    said(&mut ws, "delete", json!({"path": "README.md"}));
    assert!(error(&mut ws, "read", json!({"path": "README.md"})).contains("was deleted in this task"));
    said(&mut ws, "delete", json!({"path": "src/new.py"}));
    let proposal = ws.proposal("why").unwrap();
    let changed: Vec<&str> = proposal.files().map(|(path, _)| path.as_str()).collect();
    assert_eq!(changed, ["README.md", "src/shop/basket.py", "src/shop/cart.py"], "what came and went is nothing");
    said(&mut ws, "rename", json!({"from": "src/shop/basket.py", "to": "src/shop/cart.py"}));
    assert_eq!(ws.overlay().len(), 1, "what is as before is no change");
}

#[test]
fn protected_files_change_on_the_copy_where_the_policy_lets_them() {
    let mut ws = project();
    said(&mut ws, "create", json!({"path": "conftest.py", "content": ""}));
    assert!(error(&mut ws, "create", json!({"path": "airlock.toml", "content": ""})).contains("never changed"));
    let denied = Rule::new(Action::ChangeProtected, None, Ruling::Deny).unwrap();
    let tests = Rule::new(Action::Change, Some("tests/**"), Ruling::Deny).unwrap();
    let mut ws = with_policy(&[("tests/t.py", "x\n")], Policy::new(vec![denied, tests], vec![]));
    assert!(
        error(&mut ws, "create", json!({"path": "conftest.py", "content": ""})).contains("the user's policy denies it")
    );
    assert!(error(&mut ws, "delete", json!({"path": "tests/t.py"})).contains("the user's policy denies it"));
    assert!(error(&mut ws, "edit", json!({"path": "tests/t.py", "old_text": "x", "new_text": "y"})).contains("policy"));
}

#[test]
fn what_is_no_text_is_not_edited() {
    let files = [("a.bin".to_owned(), b"a\0b".to_vec()), ("latin.py".to_owned(), b"# \xe9\nx = 1\n".to_vec())];
    let files = std::sync::Arc::new(crate::testing::InMemory::new(files));
    let mut ws = Workspace::new(files, Default::default());
    assert!(error(&mut ws, "read", json!({"path": "a.bin"})).contains("not a text file"));
    assert!(
        said(&mut ws, "read", json!({"path": "latin.py"}))
            .starts_with("     1\t# \\xe9\n     2\tx = 1\n[it is not UTF-8")
    );
    let edit = error(&mut ws, "edit", json!({"path": "latin.py", "old_text": "x = 1", "new_text": "x = 2"}));
    assert!(edit.contains("`latin.py` is not UTF-8 (byte 3)"), "{edit}");
    assert!(error(&mut ws, "create", json!({"path": "n.py", "content": "a\0"})).contains("NUL"));
}

#[test]
fn tests_answer_in_json_of_bounded_length() {
    let failure = |n: usize| TestFailure {
        id: format!("t.py::test_{n}"),
        outcome: Outcome::Failed,
        message: format!("ghp_0123456789abcdefghijABCDEFGHIJ012345 {}", "m".repeat(9_000)),
        location: Some(Location { path: "t.py".into(), line: 3 }),
    };
    let tests =
        TestsRun { failing: (0..30).map(failure).collect(), notes: vec!["a limit".into()], ..TestsRun::default() };
    let tools = tools(Scripted { tests, ..Scripted::default() });
    let run = |arguments: Value| {
        let call = ToolCall { id: "1".into(), name: "run_tests".into(), arguments: arguments.to_string() };
        tools.call(&mut project(), &call).result
    };
    let text = run(json!({})).text;
    let (json, flag) = text.split_at(text.rfind('}').unwrap() + 1);
    let value: Value = serde_json::from_str(json).unwrap();
    assert_eq!(value["failing"].as_array().unwrap().len(), 20);
    assert_eq!(value["failing"][0]["location"]["line"], 3);
    assert_eq!(value["failing_too"].as_array().unwrap().len(), 10);
    assert!(value["failing"][0]["message"].as_str().unwrap().starts_with(MARK) && flag.is_empty());
    assert!(run(json!({"ids": "t.py::a"})).text.contains("counts"), "one id in place of a list");
    assert!(run(json!({"ids": ["--collect-only"]})).text.contains("no test id"));
    assert_eq!(run(json!({"ids": ["broken"]})).text, "the tests were not run: the sandbox is gone");
}

#[test]
fn a_program_shows_the_beginning_and_end_of_what_it_printed() {
    let program = ProgramRun { output: format!("first\n{}last\n", "x\n".repeat(20_000)), ..ProgramRun::default() };
    let tools = tools(Scripted { program, ..Scripted::default() });
    let run = |arguments: Value| {
        let call = ToolCall { id: "1".into(), name: "run_python".into(), arguments: arguments.to_string() };
        tools.call(&mut project(), &call).result
    };
    let shown = run(json!({"code": "print(1)"})).text;
    assert!(shown.starts_with("Text(\"print(1)\")\noutput:\nfirst\n") && shown.contains("bytes left out"), "{shown}");
    assert!(shown.ends_with("last\n[it did not succeed]"));
    assert!(run(json!({"path": "src/shop/cart.py", "args": ["a"]})).text.starts_with("File("));
    assert!(run(json!({})).text.contains("either `code` or `path`"));
    assert!(run(json!({"code": "x".repeat(300_000)})).is_error);
}

#[test]
fn diagnostics_and_symbols_are_those_of_visible_files() {
    let mut ws = project();
    assert_eq!(
        said(&mut ws, "diagnostics", json!({})),
        "a.py:7: error: it is wrong (pyright reportX)\nb.py:2: error: it is wrong (pyright reportX)"
    );
    assert_eq!(said(&mut ws, "diagnostics", json!({"path": "src"})), "the editor passed on none");
    let outline = said(&mut ws, "symbols", json!({"path": "src/shop/cart.py"}));
    assert_eq!(outline, "     1\tclass Cart\n     2\t  def total(self)");
    let name = said(&mut ws, "symbols", json!({"name": "shop.Cart"}));
    assert_eq!(name, "defined src/shop/cart.py:1: class Cart\nused tests/test_cart.py (1 times)");
    assert_eq!(said(&mut ws, "symbols", json!({"name": "nobody"})), "no file defines or uses `nobody`");
    assert!(error(&mut ws, "symbols", json!({})).contains("either `path` or `name`"));
    assert!(error(&mut ws, "symbols", json!({"path": "README.md"})).contains("no language"));
}

#[test]
fn hidden_text_and_keys_are_shown_as_such() {
    let mut ws = workspace(&[(
        "a.py",
        "x = '\u{202e}\u{1b}[0m'\nk = 'AKIAIOSFODNN7EXAMPLE'\n-----BEGIN PRIVATE KEY-----\nMII\n",
    )]);
    let text = said(&mut ws, "read", json!({"path": "a.py"}));
    assert!(text.contains("x = '\\u{202e}\\x1b[0m'") && text.contains(&format!("k = '{MARK}'")), "{text}");
    assert!(text.contains("[2 invisible or control characters are shown as escapes]"), "{text}");
    let inside = said(&mut ws, "read", json!({"path": "a.py", "start": 4}));
    assert!(!inside.contains("MII"), "the middle of a key is part of it: {inside}");
    let edit =
        said(&mut ws, "edit", json!({"path": "a.py", "old_text": "x = '\\u{202e}\\x1b[0m'", "new_text": "x = ''"}));
    assert!(edit.contains("     1\tx = ''"), "what is shown as an escape is found by it: {edit}");
}

#[test]
fn a_long_answer_is_cut_after_it_was_made_visible() {
    let mut ws = workspace(&[("a.py", &format!("{}\n", "\u{e0041}".repeat(1_900)).repeat(20))]);
    let text = said(&mut ws, "read", json!({"path": "a.py"}));
    assert!(text.len() < MAX_ANSWER + 200, "{}", text.len());
}
