//! `run_tests`: what the project's tests say of the changes so far.

use airlock_core::conversation::ToolSpec;
use airlock_core::text::clipped;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::ends;
use super::{Answer, At, Done, OneOrMany};
use crate::bench::TestsRun;
use crate::files::Refusal;
use crate::outward::Outward;

const MAX_IDS: usize = 500;
const MAX_ID: usize = 2_000;
/// Most failures that are told with their messages, and longest message in bytes.
const MAX_FAILING: usize = 20;
const MAX_MESSAGE: usize = 2_000;
/// Most failures that are named.
const MAX_NAMED: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(default, alias = "tests", alias = "test_ids")]
    ids: Option<OneOrMany>,
}

pub(super) fn spec() -> ToolSpec {
    super::spec(
        "run_tests",
        "Runs the project's tests in a sandbox, with the changes made so far. Existing test files are taken as they were \
         before the task. Answers in JSON: counts, and for each failing test its id, message and place.",
        json!({
            "ids": {"type": "array", "items": {"type": "string"}, "description": "Ids as pytest has them, e.g. \
                    `tests/test_app.py::test_total`, or test files. Default: all tests."}
        }),
        &[],
    )
}

pub(super) fn call(at: &mut At<'_>, arguments: &Arguments) -> Answer {
    let ids = arguments.ids.as_ref().map_or(&[][..], OneOrMany::as_slice);
    if ids.len() > MAX_IDS {
        return Err(Refusal(format!("{} ids are more than {MAX_IDS}; run all tests instead", ids.len())));
    }
    if let Some(bad) =
        ids.iter().find(|id| id.is_empty() || id.len() > MAX_ID || id.contains('\0') || id.starts_with('-'))
    {
        return Err(Refusal(format!(
            "`{}` is no test id; one looks like `tests/test_app.py::test_total`",
            clipped(bad, 80)
        )));
    }
    let run = at.tools.bench.run_tests(at.workspace.overlay(), ids);
    let run = run.map_err(|why| Refusal(format!("the tests were not run: {why}")))?;
    Done::said(json_of(&run, &at.tools.outward))
}

/// The result as JSON, of bounded length. Keys are taken out before anything is cut, so that none is shown in part.
pub fn json_of(run: &TestsRun, outward: &Outward) -> String {
    let failing: Vec<Value> = run
        .failing
        .iter()
        .take(MAX_FAILING)
        .map(|failure| {
            let mut value = json!({
                "id": failure.id,
                "outcome": failure.outcome,
                "message": ends(&outward.redacted(&failure.message), MAX_MESSAGE),
            });
            if let Some(location) = &failure.location {
                value["location"] = json!(location);
            }
            value
        })
        .collect();
    let more: Vec<&str> =
        run.failing.iter().skip(MAX_FAILING).take(MAX_NAMED).map(|failure| failure.id.as_str()).collect();
    let mut value = json!({"counts": run.counts, "failing": failing});
    if !more.is_empty() {
        value["failing_too"] = json!(more);
    }
    let unnamed = run.failing.len().saturating_sub(MAX_FAILING + MAX_NAMED);
    if unnamed > 0 {
        value["failing_unnamed"] = json!(unnamed);
    }
    if !run.notes.is_empty() {
        value["notes"] = run.notes.iter().take(20).map(|note| ends(&outward.redacted(note), 500)).collect();
    }
    serde_json::to_string_pretty(&value).unwrap_or_default()
}
