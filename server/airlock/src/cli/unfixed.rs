//! What a search tried in vain, in words.

use airlock_repair::outcome::{Group, GroupOutcome, NearMiss, NotFixed, SearchEnd, SearchResult};
use airlock_repair::verifier::{Confirmation, Ended};

/// Tests named that the nearest miss breaks.
const SHOWN: usize = 3;
/// So many of what is against a candidate may be all, or those that were run.
const MANY: usize = 10;

/// What was tried in vain, in one paragraph.
pub fn told(result: &SearchResult) -> String {
    let mut sentences: Vec<String> = result
        .groups
        .iter()
        .filter_map(|group| match &group.outcome {
            GroupOutcome::NotFixed(not) => Some(told_of(group, not)),
            _ => None,
        })
        .collect();
    if sentences.is_empty() {
        sentences.push("no failing test is steady: each passed when it was run again with nothing changed".to_owned());
    }
    sentences.join(". ")
}

fn told_of(group: &Group, not: &NotFixed) -> String {
    let first = group.targets.first().map_or("", String::as_str);
    let others = group.targets.len().saturating_sub(1);
    let tests = if others == 0 { first.to_owned() } else { format!("{first} and {others} more") };
    if not.candidates == 0 && not.end == SearchEnd::TimeUp {
        return format!("{tests}: the time was up before anything was tried; a higher --time-limit could help");
    }
    let pairs = if not.pairs == 0 { String::new() } else { format!(", {} of them of several edits,", not.pairs) };
    let mut sentence = format!(
        "{tests}: {} candidates{pairs} at {} places did not mend it (operators: {})",
        not.candidates,
        not.places,
        if not.operators.is_empty() { "none applies".to_owned() } else { not.operators.join(", ") }
    );
    match &not.nearest {
        Some(near) => sentence.push_str(&nearest(near, group.targets.len())),
        None => sentence.push_str("; none made any of them pass"),
    }
    sentence.push_str(match not.end {
        SearchEnd::TimeUp => "; the time was up, a higher --time-limit could help",
        SearchEnd::CandidateLimit => "; as many were tried as ever are, more time would not help",
        _ if not.more_time_could_help => "; more time could help",
        _ => "; more time would not help",
    });
    sentence
}

/// How near it came, and what kept it from being the repair.
fn nearest(near: &NearMiss, all: usize) -> String {
    let edit = near.edits.last();
    let place = edit.map(|edit| format!(" at {}:{}", edit.path, edit.line)).unwrap_or_default();
    let why = edit.map(|edit| format!(" ({})", edit.why)).unwrap_or_default();
    let passing = near.passing.len();
    let against = near.confirmation.as_ref().and_then(against);
    let passes = match (passing, all) {
        (1, 1) => "makes the test pass".to_owned(),
        (passing, all) if passing == all => format!("makes all {all} tests pass"),
        (passing, all) => format!("makes {passing} of {all} pass"),
    };
    let but = match against {
        Some(against) => format!(", but {against}"),
        None if passing < all => String::new(),
        None if near.confirmation.is_none() => {
            ", but the whole suite has not confirmed that it breaks no other".to_owned()
        }
        None => ", but not together with what mends the others".to_owned(),
    };
    format!("; the nearest{place} {passes}{why}{but}")
}

/// What the whole suite had against it.
fn against(confirmation: &Confirmation) -> Option<String> {
    let kinds = [
        ("breaks", &confirmation.broken),
        ("with it there is no more", &confirmation.gone),
        ("with it there skip themselves", &confirmation.skipped),
        ("with it there cannot run", &confirmation.newly_not_testable),
    ];
    let said = kinds.into_iter().find(|(_, tests)| !tests.is_empty()).map(|(what, tests)| {
        let shown: Vec<&str> = tests.iter().take(SHOWN).map(String::as_str).collect();
        let rest = tests.len() - shown.len();
        // Of what breaks a whole lot not all is run.
        let rest = match rest {
            0 => String::new(),
            _ if tests.len() > MANY => " and many more".to_owned(),
            _ => format!(" and {rest} more"),
        };
        format!("{what} {}{rest}", shown.join(", "))
    });
    said.or(match &confirmation.ended {
        Ended::Limit(limit) => Some(format!("the whole suite met a limit with it ({limit})")),
        Ended::Endless => Some("with it the whole suite does not end".to_owned()),
        Ended::Lost(words) => Some(format!("the sandbox was lost with it ({words})")),
        Ended::Finished | Ended::Cancelled => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn confirmation(broken: &[&str], ended: Ended) -> Confirmation {
        Confirmation {
            fixed: vec!["t.py::a".to_owned()],
            broken: broken.iter().map(|id| (*id).to_owned()).collect(),
            gone: Vec::new(),
            skipped: Vec::new(),
            newly_not_testable: Vec::new(),
            ended,
        }
    }

    fn near(passing: usize, confirmation: Option<Confirmation>) -> NearMiss {
        let passing = (0..passing).map(|at| format!("t.py::{at}")).collect();
        NearMiss { edits: Vec::new(), changes: Vec::new(), passing, confirmation }
    }

    #[test]
    fn a_miss_that_passes_every_target_says_what_keeps_it_out() {
        let told = |passing, all, confirmation| nearest(&near(passing, confirmation), all);
        assert_eq!(told(1, 2, None), "; the nearest makes 1 of 2 pass");
        assert_eq!(
            told(2, 2, None),
            "; the nearest makes all 2 tests pass, but the whole suite has not confirmed that it breaks no other"
        );
        let broken = ["t.py::b", "t.py::c", "t.py::d", "t.py::e"];
        assert_eq!(
            told(1, 1, Some(confirmation(&broken, Ended::Finished))),
            "; the nearest makes the test pass, but breaks t.py::b, t.py::c, t.py::d and 1 more"
        );
        assert_eq!(
            told(1, 1, Some(confirmation(&[], Ended::Limit("memory".to_owned())))),
            "; the nearest makes the test pass, but the whole suite met a limit with it (memory)"
        );
    }

    #[test]
    fn a_group_whose_turn_never_came_is_told_apart() {
        let group = Group {
            fingerprint: None,
            targets: vec!["t.py::a".to_owned(), "t.py::b".to_owned()],
            outcome: GroupOutcome::Unsteady,
        };
        let told = told_of(&group, &NotFixed::untried(SearchEnd::TimeUp));
        assert_eq!(
            told,
            "t.py::a and 1 more: the time was up before anything was tried; a higher --time-limit could help"
        );
    }
}
