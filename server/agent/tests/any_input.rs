//! Whatever a model or a file says, there is an answer: nothing panics, errors change nothing, answers are bounded.

use std::collections::BTreeMap;
use std::sync::Arc;

use airlock_agent::bench::{Bench, Program, ProgramRun, TestsRun};
use airlock_agent::context::tags::TagCache;
use airlock_agent::files::{Files, Hidden, Workspace};
use airlock_agent::outward::Outward;
use airlock_agent::policy::Policy;
use airlock_agent::task::{Failure, Input, Judgement, Limits, Loop, Start};
use airlock_agent::tools::{MAX_ANSWER, Tool, Tools};
use airlock_agent::triggers::triggers;
use airlock_core::conversation::{Part, Reply, Stop, ToolCall, ToolResult, Usage};
use airlock_core::diff::line_changes;
use airlock_core::hash::ContentHash;
use airlock_core::overlay::Overlay;
use airlock_core::path::WorkspacePath;
use airlock_core::protect::{Level, protection};
use airlock_core::snapshot::{Entry, Snapshot};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

struct Held {
    snapshot: Snapshot,
    contents: BTreeMap<WorkspacePath, Arc<[u8]>>,
}

impl Files for Held {
    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn read(&self, path: &WorkspacePath) -> Result<Arc<[u8]>, String> {
        self.contents.get(path).cloned().ok_or_else(|| "gone".to_owned())
    }

    fn hidden(&self, _: &WorkspacePath) -> Option<Hidden> {
        None
    }
}

struct Nothing;

impl Bench for Nothing {
    fn run_tests(&self, _: &Overlay, _: &[String]) -> Result<TestsRun, String> {
        Ok(TestsRun::default())
    }

    fn run_python(&self, _: &Overlay, _: &Program) -> Result<ProgramRun, String> {
        Ok(ProgramRun::default())
    }
}

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::new(text).expect("a path")
}

fn workspace(content: &[u8]) -> Workspace {
    let contents: BTreeMap<WorkspacePath, Arc<[u8]>> = [
        (path("a.py"), content.into()),
        (path("src/b.py"), (*b"class B:\n    def f(self):\n        return 1\n").into()),
        (path(".env"), (*b"KEY=hidden-0451\n").into()),
    ]
    .into();
    let entry = |bytes: &Arc<[u8]>| Entry { hash: ContentHash::of(bytes), len: bytes.len() as u64, executable: false };
    let entries = contents.iter().map(|(path, bytes)| (path.clone(), entry(bytes))).collect();
    let files = Held { snapshot: Snapshot::new(entries).expect("a tree"), contents };
    Workspace::new(Arc::new(files), Arc::new(Policy::default()))
}

fn tools() -> Tools {
    Tools::new(Arc::new(Nothing), Arc::new(Outward::default()), Arc::new(TagCache::new(1)), vec![])
}

/// Calls, and holds what always holds.
fn call(workspace: &mut Workspace, name: &str, arguments: String) -> Result<(), TestCaseError> {
    let before = workspace.overlay().clone();
    let called = tools().call(workspace, &ToolCall { id: "1".into(), name: name.into(), arguments });
    let text = &called.result.text;
    prop_assert!(text.len() <= MAX_ANSWER + 200);
    prop_assert!(!text.contains("hidden-0451"));
    prop_assert!(!text.chars().any(airlock_core::text::is_hidden), "{text:?}");
    if called.result.is_error {
        prop_assert_eq!(&before, workspace.overlay());
        prop_assert!(called.changed.is_empty());
    }
    for (path, _) in workspace.overlay().iter() {
        prop_assert!(protection(path).is_none_or(|found| found.level != Level::Never), "{path}");
    }
    prop_assert!(workspace.overlay().over(workspace.base()).is_ok(), "the tree is whole");
    Ok(())
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let keys =
            select(vec!["path", "old_text", "new_text", "patch", "content", "from", "to", "pattern", "ids", "x"]);
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((keys, inner), 0..5).prop_map(|fields| Value::Object(
                fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

/// Texts that mean something here.
fn texts() -> impl Strategy<Value = String> {
    select(vec![
        "a.py",
        "src/b.py",
        "src",
        ".env",
        "../x",
        "/a",
        ".git/config",
        "new.py",
        "a.py/x",
        "",
        "return 1",
        "*",
        "\u{202e}",
        "a\0",
        "\\",
        "**/*",
        "(",
        "x\r\ny",
    ])
    .prop_map(str::to_owned)
}

/// Arguments that fit a tool's schema, with any values of the right kinds.
fn fitting() -> impl Strategy<Value = (String, Value)> {
    let text = prop_oneof![texts(), "[a-z \n\t\r(){}'\"é#:=]{0,30}"];
    (select(Tool::ALL.to_vec()), vec((text, any::<bool>(), 0_u32..50), 8), any::<u8>()).prop_map(
        |(tool, values, which)| {
            let spec = tool.spec();
            let properties = spec.parameters["properties"].as_object().expect("an object").clone();
            let required: Vec<String> = serde_json::from_value(spec.parameters["required"].clone()).expect("names");
            let mut arguments = serde_json::Map::new();
            for (at, (name, property)) in properties.into_iter().enumerate() {
                let (text, flag, number) = values[at % values.len()].clone();
                if !required.contains(&name) && which >> (at % 8) & 1 == 0 {
                    continue;
                }
                let value = match property["type"].as_str() {
                    Some("boolean") => Value::from(flag),
                    Some("integer") => Value::from(number),
                    Some("array") => Value::from(vec![text]),
                    _ => Value::from(text),
                };
                arguments.insert(name, value);
            }
            (spec.name, Value::Object(arguments))
        },
    )
}

/// Lines as patches have them, in any order.
fn patch() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        select(vec![
            "*** Begin Patch",
            "*** End Patch",
            "*** Update File: a.py",
            "*** Update File: src/b.py",
            "*** Add File: n.py",
            "*** Delete File: a.py",
            "*** Move to: moved.py",
            "*** Move to: .git/x",
            "*** End of File",
            "@@",
            "@@ class B:",
            "@@ -1,2 +1,2 @@",
            "--- a/a.py",
            "+++ b/a.py",
            "--- /dev/null",
            "+++ b/../x",
            "rename from a.py",
            "rename to c.py",
            " one",
            "-one",
            "+one",
            " two",
            "-two",
            "+é",
            "",
            " ",
            "-",
            "+",
            "\\ No newline",
            "-    def f(self):",
        ])
        .prop_map(str::to_owned),
        "[ +-]?.{0,10}",
    ];
    let wrapped = vec(line.clone(), 0..12)
        .prop_map(|lines| format!("*** Begin Patch\n*** Update File: a.py\n{}\n*** End Patch", lines.join("\n")));
    prop_oneof![vec(line, 0..16).prop_map(|lines| lines.join("\n")), wrapped, any::<String>()]
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let line = select(vec!["one", "two", "  one", "é", "", "\tx", "# AI!", "'''", "def f():", "\u{feff}"]);
    let ending = select(vec!["\n", "\r\n", "\n", ""]);
    let lines = vec((line, ending), 0..12)
        .prop_map(|lines| lines.into_iter().flat_map(|(line, ending)| [line, ending]).collect::<String>().into_bytes());
    prop_oneof![4 => lines, 1 => vec(any::<u8>(), 0..40)]
}

fn input() -> impl Strategy<Value = Input> {
    let id = || select(vec!["1", "2", "3"]).prop_map(str::to_owned);
    let part = prop_oneof![
        ".{0,8}".prop_map(|text| Part::Text { text }),
        (id(), select(vec!["read", "edit", "none"]))
            .prop_map(|(id, name)| { Part::Call(ToolCall { id, name: name.into(), arguments: "{".into() }) }),
    ];
    let stop = select(vec![Stop::Done, Stop::Calls, Stop::Calls, Stop::Length, Stop::Refused]);
    let replied = (vec(part, 0..4), stop, any::<u32>()).prop_map(|(parts, stop, tokens)| Input::Replied {
        reply: Reply {
            parts,
            stop,
            usage: Usage { input: u64::from(tokens % 1_000), ..Usage::default() },
            model: String::new(),
        },
        micro_dollars: 1,
    });
    let done = (id(), any::<bool>(), any::<bool>()).prop_map(|(id, is_error, changes)| Input::ToolDone {
        result: ToolResult { id, text: "x".repeat(900), is_error },
        changed: if changes && !is_error { vec![path("a.py")] } else { vec![] },
        overlay: None,
    });
    let judgement = select(vec![
        Judgement::LetThrough,
        Judgement::KeptOut("why".into()),
        Judgement::KeptOut("why".into()),
        Judgement::Nothing,
        Judgement::NotTestable("why".into()),
    ]);
    let failure = select(vec![Failure::TooLong, Failure::Cancelled, Failure::Provider("why".into())]);
    prop_oneof![
        8 => replied,
        8 => done,
        1 => ".{0,4}".prop_map(|text| Input::Steered { text }),
        3 => judgement.prop_map(|judgement| Input::Judged { judgement }),
        1 => failure.prop_map(|failure| Input::Failed { failure }),
        1 => (0_u32..20).prop_map(|turns| Input::Resumed { limits: Limits { turns, ..Limits::default() } }),
    ]
}

/// Lines that differ enough not to be taken for each other.
fn word(number: usize) -> String {
    let names =
        ["alpha", "beta()", "  gamma = 1", "    delta", "return", "", "}", "# zeta", "eta, theta", "iota: kappa"];
    format!("{}{}", names[number % names.len()], if number < names.len() { String::new() } else { number.to_string() })
}

fn edited(base: &[usize], edits: &[(usize, usize, Vec<usize>)]) -> Vec<usize> {
    let mut new = base.to_vec();
    for (at, removed, added) in edits {
        let at = at % (new.len() + 1);
        let end = (at + removed).min(new.len());
        new.splice(at..end, added.iter().copied());
    }
    new
}

/// A patch by the lines that differ, as a model that makes no mistake writes it.
fn diff(base: &[usize], new: &[usize], context: usize, unified: bool) -> String {
    let bytes = |lines: &[usize]| lines.iter().map(|line| word(*line).into_bytes()).collect::<Vec<_>>();
    let (old_lines, new_lines) = (bytes(base), bytes(new));
    let old: Vec<&[u8]> = old_lines.iter().map(Vec::as_slice).collect();
    let now: Vec<&[u8]> = new_lines.iter().map(Vec::as_slice).collect();
    let changes = line_changes(&old, &now);
    let head = if unified { "--- a/a.py\n+++ b/a.py\n" } else { "*** Begin Patch\n*** Update File: a.py\n" };
    let mut out = head.to_owned();
    let mut at = 0;
    while at < changes.len() {
        // Changes whose contexts meet are one hunk.
        let mut last = at;
        while changes.get(last + 1).is_some_and(|next| next.base.start <= changes[last].base.end + 2 * context) {
            last += 1;
        }
        let start = changes[at].base.start.saturating_sub(context);
        let end = (changes[last].base.end + context).min(base.len());
        out.push_str(&if unified { format!("@@ -{} +1 @@\n", start + 1) } else { "@@\n".to_owned() });
        let mut done = start;
        for change in &changes[at..=last] {
            base[done..change.base.start].iter().for_each(|line| out.push_str(&format!(" {}\n", word(*line))));
            base[change.base.clone()].iter().for_each(|line| out.push_str(&format!("-{}\n", word(*line))));
            new[change.new.clone()].iter().for_each(|line| out.push_str(&format!("+{}\n", word(*line))));
            done = change.base.end;
        }
        base[done..end].iter().for_each(|line| out.push_str(&format!(" {}\n", word(*line))));
        at = last + 1;
    }
    if !unified {
        out.push_str("*** End Patch\n");
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        max_global_rejects: 100_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_arguments_are_answered(tool in select(Tool::ALL.to_vec()), value in json(), raw in any::<String>()) {
        let mut workspace = workspace(b"one\ntwo\n");
        call(&mut workspace, tool.name(), value.to_string())?;
        call(&mut workspace, tool.name(), raw.clone())?;
        call(&mut workspace, &raw, "{}".into())?;
    }

    #[test]
    fn calls_in_any_order_leave_a_whole_tree(calls in vec(fitting(), 1..8), content in content()) {
        let mut workspace = workspace(&content);
        for (name, arguments) in calls {
            call(&mut workspace, &name, arguments.to_string())?;
        }
    }

    #[test]
    fn any_patch_is_applied_or_refused(patch in patch(), content in content()) {
        let mut workspace = workspace(&content);
        call(&mut workspace, "apply_patch", serde_json::json!({"patch": patch}).to_string())?;
    }

    #[test]
    fn an_edit_changes_what_it_names_and_nothing_else(
        before in "[a-c \n]{0,20}", old in "[x-z]{1,5}(\n[x-z]{1,5})?", after in "[a-c \n]{0,20}", new in "[d-f\n]{0,8}",
        crlf in any::<bool>(),
    ) {
        let endings = |text: &str| if crlf { text.replace('\n', "\r\n") } else { text.to_owned() };
        let whole = endings(&format!("{before}{old}{after}"));
        let mut workspace = workspace(whole.as_bytes());
        let arguments = serde_json::json!({"path": "a.py", "old_text": old, "new_text": new});
        call(&mut workspace, "edit", arguments.to_string())?;
        let now = workspace.read(&path("a.py")).expect("readable");
        // With no line break in the file, one that comes is plain.
        let new = if whole.contains('\n') { endings(&new) } else { new };
        let expected = format!("{}{new}{}", endings(&before), endings(&after));
        prop_assert_eq!(String::from_utf8_lossy(&now), expected);
    }

    #[test]
    fn a_patch_made_of_a_diff_gives_what_it_was_made_of_or_is_refused(
        base in vec(0_usize..14, 0..30), edits in vec((0_usize..30, 0_usize..3, vec(0_usize..20, 0..3)), 1..4),
        context in 0_usize..4, open in any::<bool>(), crlf in any::<bool>(),
    ) {
        let new = edited(&base, &edits);
        prop_assume!(base != new && !base.is_empty() && !new.is_empty());
        // An empty last line without an ending is no line.
        prop_assume!(!open || [&base, &new].iter().all(|lines| lines.last().is_some_and(|last| !word(*last).is_empty())));
        let ending = if crlf { "\r\n" } else { "\n" };
        let text = |lines: &[usize]| {
            let mut text: String = lines.iter().flat_map(|line| [word(*line), ending.to_owned()]).collect();
            if open {
                text.truncate(text.len() - ending.len());
            }
            text
        };
        for unified in [false, true] {
            let mut workspace = workspace(text(&base).as_bytes());
            let arguments = serde_json::json!({"patch": diff(&base, &new, context, unified)});
            let call = ToolCall { id: "1".into(), name: "apply_patch".into(), arguments: arguments.to_string() };
            let called = tools().call(&mut workspace, &call);
            let now = workspace.read(&path("a.py")).expect("readable");
            let now = String::from_utf8_lossy(&now).into_owned();
            // A lone line without an ending says nothing of endings, and what comes beside it is plain.
            let plain = |text: &str| if base.len() == 1 { text.replace('\r', "") } else { text.to_owned() };
            if called.result.is_error {
                prop_assert_eq!(&now, &text(&base));
                let why = &called.result.text;
                prop_assert!(why.contains("several places") || why.contains("nothing shows where"), "{why}");
                prop_assert!(!unified || context == 0, "{why}");
            } else {
                prop_assert_eq!(plain(&now), plain(&text(&new)), "by {}", arguments);
            }
        }
    }

    #[test]
    fn context_that_is_remembered_wrong_finds_its_own_place_or_none(
        which in 0_usize..9, line in 0_usize..3, at in 0_usize..40, letter in "[a-z0-9 ]", shift in 0_usize..3,
        edit in any::<bool>(),
    ) {
        // Functions that differ in a digit.
        let function = |number: usize, factor: usize| {
            format!("def f{number}(x):\n    y = x + {number}\n    z = y * {factor}\n    return z\n\n")
        };
        let file = |changed: Option<usize>| -> String {
            (0..9).map(|number| function(number, if changed == Some(number) { 3 } else { 2 })).collect()
        };
        let mut lines = [format!("def f{which}(x):"), format!("    y = x + {which}"), "    z = y * 2".to_owned()];
        let place = at % (lines[line].len() + 1);
        let end = (place + 1).min(lines[line].len());
        lines[line].replace_range(place..end, &letter);
        let lines = lines.map(|line| format!("{}{line}", " ".repeat(shift)));
        let [first, second, third] = &lines;
        let new = format!("{}    z = y * 3", " ".repeat(shift));
        let mut workspace = workspace(file(None).as_bytes());
        let (name, arguments) = if edit {
            let (old, new) = (lines.join("\n"), format!("{first}\n{second}\n{new}"));
            ("edit", serde_json::json!({"path": "a.py", "old_text": old, "new_text": new}))
        } else {
            let patch = format!(
                "*** Begin Patch\n*** Update File: a.py\n@@\n {first}\n {second}\n-{third}\n+{new}\n*** End Patch"
            );
            ("apply_patch", serde_json::json!({"patch": patch}))
        };
        call(&mut workspace, name, arguments.to_string())?;
        let now = workspace.read(&path("a.py")).expect("readable");
        let now = String::from_utf8_lossy(&now).into_owned();
        prop_assert!(now == file(None) || now == file(Some(which)), "{arguments}\n{now}");
    }

    #[test]
    fn any_text_may_be_searched_for_triggers(content in content(), text in any::<String>()) {
        for name in ["a.py", "a.rs", "a.sql", "a"] {
            let content = String::from_utf8_lossy(&content);
            for found in triggers(&path(name), &content).into_iter().chain(triggers(&path(name), &format!("# {text} AI!"))) {
                prop_assert!(found.lines.start < found.lines.end);
            }
        }
    }

    #[test]
    fn what_goes_out_has_no_hidden_text_and_goes_out_unchanged_again(text in any::<String>(), key in "sk-[a-z0-9]{20}9") {
        let outward = Outward::default();
        let once = outward.show(&format!("{text} {key} {text}")).text;
        prop_assert!(!once.contains(&key) && !once.chars().any(airlock_core::text::is_hidden));
        prop_assert_eq!(outward.show(&once).text, once);
    }

    #[test]
    fn a_task_is_the_sum_of_its_inputs(inputs in vec(input(), 0..60)) {
        let limits = Limits { turns: 12, tokens: 9_000, context_tokens: 900, rounds: 2, ..Limits::default() };
        let start = Start { system: "s".into(), message: "m".into(), tools: vec![], answer_only: false, limits };
        let mut live = Loop::new(start.clone());
        for input in &inputs {
            live.take(input);
            let _ = live.next();
        }
        let log = serde_json::to_string(&inputs).expect("JSON");
        let read: Vec<Input> = serde_json::from_str(&log).expect("the same");
        let again = Loop::replay(start, &read);
        prop_assert_eq!(again.next(), live.next());
        prop_assert_eq!(again, live);
    }
}
