//! What one test's pair of outcomes, on the base and with the proposal, means for the verdict.
//!
//! | base ↓ / proposal → | passed | failed, error | skipped | xfailed | xpassed | not_testable | absent |
//! |---|---|---|---|---|---|---|---|
//! | passed        | –     | broken        | skipped | skipped | skipped | newly_not_testable | gone |
//! | failed, error | fixed | still failing | skipped | skipped | skipped | newly_not_testable | gone |
//! | skipped       | –     | broken        | –       | –       | –       | newly_not_testable | gone |
//! | xfailed       | –     | broken        | skipped | –       | –       | newly_not_testable | gone |
//! | xpassed       | –     | broken        | skipped | skipped | –       | newly_not_testable | gone |
//! | not_testable  | –     | broken        | –       | –       | –       | –                  | gone |
//! | uncollected   | fixed | still failing | –       | –       | –       | –                  | –    |
//! | unreported    | –     | broken        | –       | –       | –       | –                  | –    |
//! | absent        | added | broken        | added   | added   | added   | newly_not_testable |      |
//!
//! The reasons, where they are not plain:
//! - *An expected failure hides a failure.* A test that could fail and now is `xfailed` or `xpassed` has got a mark it did
//!   not have on the base (the test files are the base's), so it cannot fail any more: `skipped`. A test that was
//!   `xpassed` and is `xfailed` passed before and fails now, behind its mark.
//! - *A strict expected failure that passes* is reported as failed by pytest, and is `broken`: the suite is red.
//! - *What was not known to fail and fails now is `broken`*, also where it was skipped or could not run: nothing shows that
//!   the proposal is innocent.
//! - *uncollected*: the test's file or class failed to be collected on the base, so the test stands for that failure.
//! - *unreported*: collected on the base, but that run ended before it; unknown, like `not_testable`, and a second run that
//!   ends at the same place shows nothing new.
//! - *absent on the base*: the judged run has the base's test files, so such a test comes from the code (parameters taken
//!   from a registry) or is an error in collection, which is `broken`.

use crate::report::Outcome;

/// What is known of a test on the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    Was(Outcome),
    Uncollected,
    Unreported,
    Absent,
}

/// What the pair means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Nothing,
    Fixed,
    StillFailing,
    Broken,
    Skipped,
    NewlyNotTestable,
    Gone,
    Added,
}

/// The table above; `after` is `None` for a test that is absent with the proposal.
pub(super) fn effect(before: Before, after: Option<Outcome>) -> Effect {
    use Outcome::{Error, Failed, NotTestable, Passed, Skipped, Xfailed, Xpassed};
    match (before, after) {
        (Before::Absent, None) => Effect::Nothing,
        (Before::Uncollected | Before::Unreported, None) => Effect::Nothing,
        (Before::Was(_), None) => Effect::Gone,

        (Before::Was(Failed | Error) | Before::Uncollected, Some(Passed)) => Effect::Fixed,
        (Before::Absent, Some(Passed)) => Effect::Added,
        (_, Some(Passed)) => Effect::Nothing,

        (Before::Was(Failed | Error) | Before::Uncollected, Some(Failed | Error)) => Effect::StillFailing,
        (_, Some(Failed | Error)) => Effect::Broken,

        (Before::Was(NotTestable) | Before::Uncollected | Before::Unreported, Some(NotTestable)) => Effect::Nothing,
        (_, Some(NotTestable)) => Effect::NewlyNotTestable,

        (Before::Absent, Some(Skipped | Xfailed | Xpassed)) => Effect::Added,
        (Before::Uncollected | Before::Unreported, Some(Skipped | Xfailed | Xpassed)) => Effect::Nothing,
        (Before::Was(Skipped | NotTestable), Some(Skipped | Xfailed | Xpassed)) => Effect::Nothing,
        (Before::Was(Xfailed), Some(Xfailed | Xpassed)) => Effect::Nothing,
        (Before::Was(Xpassed), Some(Xpassed)) => Effect::Nothing,
        (Before::Was(Passed | Failed | Error), Some(Skipped | Xfailed | Xpassed)) => Effect::Skipped,
        (Before::Was(Xfailed), Some(Skipped)) => Effect::Skipped,
        (Before::Was(Xpassed), Some(Skipped | Xfailed)) => Effect::Skipped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair, written out once more as a grid; columns: passed failed error skipped xfailed xpassed not_testable absent.
    #[test]
    fn the_whole_table() {
        use Outcome::{Error, Failed, NotTestable, Passed, Skipped, Xfailed, Xpassed};
        let columns = [
            Some(Passed),
            Some(Failed),
            Some(Error),
            Some(Skipped),
            Some(Xfailed),
            Some(Xpassed),
            Some(NotTestable),
            None,
        ];
        let rows = [
            (Before::Was(Passed), "- B B S S S N G"),
            (Before::Was(Failed), "F = = S S S N G"),
            (Before::Was(Error), "F = = S S S N G"),
            (Before::Was(Skipped), "- B B - - - N G"),
            (Before::Was(Xfailed), "- B B S - - N G"),
            (Before::Was(Xpassed), "- B B S S - N G"),
            (Before::Was(NotTestable), "- B B - - - - G"),
            (Before::Uncollected, "F = = - - - - -"),
            (Before::Unreported, "- B B - - - - -"),
            (Before::Absent, "A B B A A A N -"),
        ];
        for (before, row) in rows {
            let cells: Vec<_> = row.split(' ').collect();
            assert_eq!(cells.len(), columns.len());
            for (after, cell) in columns.into_iter().zip(cells) {
                let expected = match cell {
                    "-" => Effect::Nothing,
                    "F" => Effect::Fixed,
                    "=" => Effect::StillFailing,
                    "B" => Effect::Broken,
                    "S" => Effect::Skipped,
                    "N" => Effect::NewlyNotTestable,
                    "G" => Effect::Gone,
                    "A" => Effect::Added,
                    other => panic!("{other}"),
                };
                assert_eq!(effect(before, after), expected, "{before:?} → {after:?}");
            }
        }
    }
}
