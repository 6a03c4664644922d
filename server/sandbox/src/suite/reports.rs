//! What an event says, as a line of the report.

use std::time::Instant;

use airlock_core::report::{Outcome, Reason, TestReport};

use crate::guest::event::{CollectionError, TestResult};
use crate::run::Ending;
use crate::worker::protocol::Done;

pub(super) fn add_limits(limits: &mut Vec<String>, new: &[String], test: Option<&str>) {
    for limit in new {
        let limit = test.map_or_else(|| limit.clone(), |test| format!("{limit} ({test})"));
        if !limits.contains(&limit) {
            limits.push(limit);
        }
    }
}

/// A file that is larger than what a guest may read, as Python says it; natively it can be read.
const TOO_LARGE: &str = "[Errno 22] File too large";

/// A failure by a bound of the sandbox's that has no counterpart natively.
fn bound_met(outcome: Outcome, message: Option<&str>) -> Option<Reason> {
    let met = outcome.is_failure() && message.is_some_and(|message| message.contains(TOO_LARGE));
    met.then(|| Reason {
        kind: "file_too_large".to_owned(),
        detail: "the test reads or writes a file that is larger than the sandbox takes".to_owned(),
    })
}

pub(super) fn test_report(mut result: TestResult, started: Option<Instant>) -> TestReport {
    if let Some(reason) = bound_met(result.outcome, result.message.as_deref()) {
        result.outcome = Outcome::NotTestable;
        result.reason = Some(reason);
    }
    TestReport {
        id: result.id,
        outcome: result.outcome,
        time_ms: started.map_or(0.0, |started| started.elapsed().as_secs_f64() * 1000.0),
        fingerprint: None,
        message: result.message,
        detail: result.detail,
        reason: result.reason,
        location: result.location,
        coverage: result.coverage,
        notes: result.notes,
        exception: result.exception,
        collection: false,
    }
}

pub(super) fn collection_report(error: &CollectionError) -> TestReport {
    let reason = error.reason.clone().or_else(|| bound_met(Outcome::Error, Some(&error.message)));
    TestReport {
        id: error.id.clone(),
        outcome: if reason.is_some() { Outcome::NotTestable } else { Outcome::Error },
        time_ms: 0.0,
        fingerprint: None,
        message: Some(error.message.clone()),
        detail: None,
        reason,
        location: error.location.clone(),
        coverage: None,
        notes: Vec::new(),
        exception: error.exception.clone(),
        collection: true,
    }
}

/// The report of a test whose guest did not come back from it.
pub(super) fn stopped_report(id: &str, started: Instant, done: &Done) -> TestReport {
    let (outcome, message, reason) = match &done.ending {
        Ending::Trapped { what, removed } => {
            let detail = if *removed {
                "a compiled module of the guest's that is left out here".to_owned()
            } else {
                format!("{what}; natively the test may pass or fail")
            };
            let message = format!("the interpreter stopped in this test: {what}");
            let kind = if *removed { "native_module" } else { "trap" };
            (Outcome::NotTestable, message, Some(Reason { kind: kind.to_owned(), detail }))
        }
        _ => (Outcome::Failed, format!("stopped: {}", done.limits.join("; ")), None),
    };
    ended_report(id, started, outcome, message, reason)
}

/// The report of a test that left the test runner unable to go on.
pub(super) fn broken_report(id: &str, started: Instant, what: &str) -> TestReport {
    let detail = format!("{what}; natively the test may pass or fail");
    let reason = Reason { kind: "runner".to_owned(), detail };
    let message = format!("the test runner broke in this test: {what}");
    ended_report(id, started, Outcome::NotTestable, message, Some(reason))
}

/// The report of a test that took the whole process of the sandbox with it.
pub(super) fn lost_report(id: &str, started: Instant, what: &str) -> TestReport {
    let detail = format!("{what}; natively the test may pass or fail");
    let reason = Reason { kind: "limit".to_owned(), detail };
    ended_report(id, started, Outcome::NotTestable, format!("{what} in this test"), Some(reason))
}

fn ended_report(id: &str, started: Instant, outcome: Outcome, message: String, reason: Option<Reason>) -> TestReport {
    TestReport {
        id: id.to_owned(),
        outcome,
        time_ms: started.elapsed().as_secs_f64() * 1000.0,
        fingerprint: None,
        message: Some(message),
        detail: None,
        reason,
        location: None,
        coverage: None,
        notes: Vec::new(),
        exception: None,
        collection: false,
    }
}
