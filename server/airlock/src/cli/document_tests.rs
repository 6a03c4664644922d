//! Every document is as its schema says, and the schema, the documentation and the code name the same words.

use std::collections::BTreeMap;
use std::time::Duration;

use airlock_core::proposal::{FileState, Proposal};
use airlock_core::protect::{Level, Protected};
use airlock_core::report::{Counts, Location, Outcome, Reason, SuiteReport, TestReport};
use airlock_core::status::{ErrorCode, Status};
use airlock_core::verdict::{Evidence, Verdict, judge};
use serde_json::{Value, json};

use super::document::*;
use crate::config::{Config, Sources};
use crate::failure::Failure;

const SCHEMA: &str = include_str!("../../schema/documents.schema.json");
const PAGE: &str = include_str!("../../JSON.md");

/// Checks a value against the few keywords that the schema uses; any other keyword is an error of the schema's.
fn validate(schema: &Value, root: &Value, value: &Value, at: &str) -> Result<(), String> {
    let wrong = |what: String| Err(format!("{at}: {what}"));
    let Some(keywords) = schema.as_object() else { return wrong("its schema is no object".into()) };
    let number_least = |least: &Value| value.as_f64().is_none_or(|n| n >= least.as_f64().unwrap_or_default());
    for (keyword, rule) in keywords {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => {}
            "$ref" => {
                let pointer = rule.as_str().and_then(|rule| rule.strip_prefix('#')).unwrap_or("?");
                let target = root.pointer(pointer).ok_or_else(|| format!("{at}: no {pointer}"))?;
                validate(target, root, value, at)?;
            }
            "const" if rule == value => {}
            "enum" if rule.as_array().is_some_and(|all| all.contains(value)) => {}
            "minimum" if number_least(rule) => {}
            "type" => {
                let name = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(n) if n.is_u64() || n.is_i64() => "integer",
                    Value::Number(_) => "number",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                let fits = |rule: &Value| rule == name || (rule == "number" && name == "integer");
                if !(fits(rule) || rule.as_array().is_some_and(|all| all.iter().any(fits))) {
                    return wrong(format!("is of type {name}"));
                }
            }
            "required" => {
                for name in rule.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    if value.is_object() && value.get(name).is_none() {
                        return wrong(format!("{name} is missing"));
                    }
                }
            }
            "properties" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    match rule.get(name) {
                        Some(rule) => validate(rule, root, value, &format!("{at}/{name}"))?,
                        None => return wrong(format!("{name} is not in the schema")),
                    }
                }
            }
            // Members that are not in `properties` are refused above.
            "additionalProperties" if rule == &json!(false) => {}
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    validate(rule, root, value, &format!("{at}/{index}"))?;
                }
            }
            "anyOf" => {
                let tried: Vec<_> =
                    rule.as_array().into_iter().flatten().map(|one| validate(one, root, value, at)).collect();
                if tried.iter().all(Result::is_err) {
                    let all: Vec<String> = tried.into_iter().filter_map(Result::err).collect();
                    return wrong(format!("fits none: {}", all.join(" | ")));
                }
            }
            other => return wrong(format!("{value} does not fit {other} {rule}")),
        }
    }
    Ok(())
}

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn test(outcome: Outcome) -> TestReport {
    TestReport {
        id: "tests/test_a.py::test_b[1]".into(),
        outcome,
        time_ms: 1.25,
        message: Some("assert 1 == 2".into()),
        exception: Some("AssertionError".into()),
        detail: Some("long".into()),
        reason: Some(Reason { kind: "socket".into(), detail: "connect".into() }),
        fingerprint: Some("0123456789abcdef".into()),
        location: Some(Location { path: "tests/test_a.py".into(), line: 3 }),
        coverage: Some(BTreeMap::new()),
        notes: vec!["socket: connect".into()],
        collection: false,
    }
}

fn proposal() -> Proposal {
    let state = |text: &str| Some(FileState::new(text.as_bytes(), false));
    Proposal::new("because", vec![("a.py".parse().unwrap(), state("x = 1\n"), state("x = 2\n"))]).unwrap()
}

fn verdict() -> Verdict {
    let report = |outcome| SuiteReport { tests: vec![test(outcome)], ..SuiteReport::default() };
    let proposal = proposal();
    let protected = [Protected { path: "a.py".parse().unwrap(), level: Level::Named, why: "for the test" }];
    let (base, after) = (report(Outcome::Failed), report(Outcome::Passed));
    judge(&Evidence {
        proposal: &proposal,
        targets: &["tests/test_a.py::test_b[1]".to_owned()],
        base: &base,
        after: &after,
        landing: None,
        changed: None,
        root: None,
        protected: &protected,
        allowed: &[],
        command: "python -m pytest",
    })
    .unwrap()
}

fn proposal_body() -> ProposalBody {
    ProposalBody { diff: "diff".into(), files: vec!["a.py".into()], explanation: Some("because".into()) }
}

fn patch_body() -> PatchBody {
    PatchBody {
        applied: true,
        proposal: Some(proposal_body()),
        verdict: Some(verdict().into()),
        notes: vec!["n".into()],
        reason: Some(Reason { kind: "no_tests".into(), detail: "none".into() }),
        session: Some("bado-kemi".into()),
    }
}

fn guest() -> GuestEntry {
    GuestEntry {
        name: "python",
        version: "3.15.0",
        state: "damaged",
        path: Some("/c".into()),
        bytes: Some(1),
        download_bytes: 2,
        source: "an index",
        why: Some("python.wasm is missing".into()),
    }
}

fn bodies() -> Vec<(&'static str, Status, Body)> {
    let counts = Counts { passed: 1, ..Counts::default() };
    let check = CheckBody {
        tests: [Outcome::Passed, Outcome::NotTestable].map(test).into(),
        counts,
        unreported: vec!["u".into()],
        reason: Some(Reason { kind: "no_tests".into(), detail: "none".into() }),
        ..CheckBody::default()
    };
    let doctor = DoctorBody {
        environment: Some(EnvironmentBody { path: "/v".into(), found_by: "f".into(), python: Some("3.11".into()) }),
        guest: Some(guest()),
        not_testable: vec![Cause {
            kind: "module".into(),
            detail: "numpy".into(),
            tests: 1,
            example: "e".into(),
            cure: "c".into(),
        }],
        ..DoctorBody::default()
    };
    let settings = Config::load(&Sources::default()).unwrap().to_json();
    let config = ConfigBody { root: "/r".into(), files: vec!["f".into()], settings, warnings: vec!["w".into()] };
    let fix = FixBody { patch: patch_body(), candidates: 3, remembered: 2, alternatives: vec![proposal_body()] };
    let run = RunBody {
        patch: patch_body(),
        model: "m".into(),
        ended: "let_through",
        by: Some("model"),
        candidates: 5,
        answer: "Done.".into(),
        unchecked: false,
        usage: UsageBody { replies: 2, input: 9, output: 1, ..UsageBody::default() },
    };
    let entry = |context| ModelEntry { id: "m".into(), context };
    let models = ModelsBody { host: "h".into(), models: vec![entry(Some(8)), entry(None)] };
    let probe = ProbeBody {
        host: "h".into(),
        model: "m".into(),
        first_byte_ms: 1.5,
        whole_ms: 2.0,
        streaming: true,
        tools: true,
    };
    let session = SessionEntry {
        id: "bado-kemi".into(),
        workspace: "/r".into(),
        task: Some("fix"),
        call: "airlock fix".into(),
        state: "ended",
        status: Some(Status::Verified),
        opened_at: "2026-11-25T03:10:50Z".into(),
        touched_at: "2026-11-25T03:10:51Z".into(),
        targets: 1,
        runs: 2,
        resumed: 0,
        applied: true,
        events: 9,
        bytes: 1000,
    };
    let unreadable = SessionEntry { task: None, status: None, state: "unreadable", ..session.clone() };
    let told = SessionBody {
        session: session.clone(),
        story: vec![StoryStep { at: "2026-11-25T03:10:50Z".into(), text: "asked".into(), details: vec!["d".into()] }],
        base: Some(BaseBody { counts, targets: vec!["t".into()], python: "3".into(), pytest: "9".into() }),
        proposal: Some(proposal_body()),
        verdict: Some(serde_json::to_value(verdict()).unwrap()),
        usage: Some(UsageBody { replies: 1, micro_dollars: Some(2), ..UsageBody::default() }),
    };
    let bare =
        SessionBody { session: session.clone(), story: vec![], base: None, proposal: None, verdict: None, usage: None };
    let sessions = SessionsBody { sessions: vec![session, unreadable], notes: vec!["n".into()] };
    let change = || Body::Guest(GuestBody { guest: guest(), changed: true });
    vec![
        ("check", Status::Failed, Body::Check(Box::new(check))),
        ("check", Status::NotTestable, Body::Check(Box::default())),
        ("check", Status::Verified, Body::Patch(Box::new(patch_body()))),
        ("check", Status::NotTestable, Body::Patch(Box::default())),
        ("fix", Status::PartlyFixed, Body::Fix(Box::new(fix))),
        ("fix", Status::NothingToFix, Body::Fix(Box::default())),
        ("run", Status::Verified, Body::Run(Box::new(run))),
        ("run", Status::NotTestable, Body::Run(Box::default())),
        ("models list", Status::Ok, Body::Models(models)),
        ("models test", Status::Ok, Body::Probe(probe)),
        ("guest list", Status::Ok, Body::Guests(GuestsBody { guests: vec![guest()], images_bytes: 3 })),
        ("guest install", Status::Ok, change()),
        ("guest remove", Status::Ok, change()),
        ("guest clean", Status::Ok, Body::Cleaned { removed_bytes: 4 }),
        ("doctor", Status::Ok, Body::Doctor(Box::new(doctor))),
        ("doctor", Status::Ok, Body::Doctor(Box::default())),
        ("config", Status::Ok, Body::Config(config)),
        ("sessions list", Status::Ok, Body::Sessions(sessions)),
        ("sessions show", Status::Ok, Body::Session(Box::new(told))),
        ("sessions show", Status::Ok, Body::Session(Box::new(bare))),
        ("sessions resume", Status::Verified, Body::Patch(Box::new(patch_body()))),
        ("airlock", Status::Ok, Body::Text { text: "airlock 0.1.0".into() }),
    ]
}

fn parse(document: &Document<'_>) -> Value {
    let line = document.to_line();
    assert!(!line.contains('\n'));
    serde_json::from_str(&line).unwrap()
}

#[test]
fn every_document_is_as_the_schema_says() {
    let schema = schema();
    for (command, status, body) in bodies() {
        let report = Report { status, body };
        let document = parse(&Document::of_report(command, &report, Duration::from_millis(5)));
        assert_eq!((&document["version"], &document["wall_ms"]), (&json!(1), &json!(5.0)));
        validate(&schema, &schema, &document, "").unwrap();
        assert!(document.get("error").is_none());
    }
}

#[test]
fn every_failure_is_as_the_schema_says() {
    let schema = schema();
    let reason = Reason { kind: "trap".into(), detail: "unreachable".into() };
    let failures = [
        Failure::error(ErrorCode::DiskFull, "full").hint("make room"),
        Failure::error(ErrorCode::Usage, "wrong"),
        Failure::cancelled(),
        Failure::not_testable("the interpreter stopped", reason),
    ];
    for failure in failures {
        let body = super::body_of(&failure);
        let document = parse(&Document::of_failure("guest list", &failure, &body, Duration::ZERO));
        validate(&schema, &schema, &document, "").unwrap();
        assert_eq!(document.get("error").is_some(), failure.status == Status::Error, "{document}");
        assert_eq!(document["status"], failure.status.as_str());
    }
}

#[test]
fn a_member_that_is_not_in_the_schema_is_seen() {
    let schema = schema();
    let report =
        Report { status: Status::Ok, body: Body::Guests(GuestsBody { guests: vec![guest()], images_bytes: 3 }) };
    let mut document = parse(&Document::of_report("guest list", &report, Duration::ZERO));
    document["guests"][0]["extra"] = json!(1);
    assert!(validate(&schema, &schema, &document, "").unwrap_err().contains("extra is not in the schema"));
    document["guests"][0].as_object_mut().unwrap().remove("extra");
    document["guests"][0].as_object_mut().unwrap().remove("state");
    assert!(validate(&schema, &schema, &document, "").unwrap_err().contains("state is missing"));
}

#[test]
fn schema_documentation_and_code_have_the_same_words() {
    let schema = schema();
    let words = |pointer: &str| -> Vec<String> {
        let all = schema.pointer(pointer).and_then(Value::as_array).unwrap();
        all.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let statuses: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
    assert_eq!(words("/$defs/status/enum"), statuses);
    let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(words("/$defs/error/properties/code/enum"), codes);
    for code in ErrorCode::ALL {
        assert!(PAGE.contains(&format!("| `{code}` | {} |", code.describe())), "{code}");
    }
    for status in Status::ALL {
        let row = PAGE.lines().find(|line| line.starts_with(&format!("| {} |", status.exit_code()))).unwrap();
        assert!(row.contains(&format!("`{status}`")), "{status}");
    }
    // Every member that a document can have is explained.
    for definition in schema["$defs"].as_object().unwrap().values() {
        for name in definition["properties"].as_object().into_iter().flatten().map(|(name, _)| name) {
            assert!(PAGE.contains(&format!("`{name}`")), "{name}");
        }
    }
}
