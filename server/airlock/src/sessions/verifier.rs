//! The search's verifier with a memory: a candidate that was run in this session, by whatever process, is not run again.

use airlock_core::hash::ContentHash;
use airlock_core::session::{Confirmed, Outcome, RunEnd, RunResult, Screened};
use airlock_repair::verifier::{Cancel, Candidate, Confirmation, Ended, TargetResult, Verifier, VerifierError};

use super::log::Log;

/// Answers from the session where it can, and has `inner` run the rest. Results are on the disk before they are given on.
pub struct Remembering<'a> {
    pub inner: &'a dyn Verifier,
    pub log: &'a Log,
}

impl Verifier for Remembering<'_> {
    fn try_targets(
        &self,
        candidates: &[Candidate],
        targets: &[String],
        cancel: Cancel<'_>,
    ) -> Result<Vec<TargetResult>, VerifierError> {
        let keys: Vec<ContentHash> = candidates.iter().map(|candidate| key("screen", candidate, targets)).collect();
        let mut results: Vec<Option<TargetResult>> = keys
            .iter()
            .map(|key| match self.log.known(*key) {
                Some(Outcome::Screened(screened)) => Some(answer(&screened)),
                _ => None,
            })
            .collect();
        let open: Vec<usize> = (0..results.len()).filter(|at| results[*at].is_none()).collect();
        if !open.is_empty() {
            let rest: Vec<Candidate> = open.iter().map(|at| candidates[*at].clone()).collect();
            let fresh = self.inner.try_targets(&rest, targets, cancel)?;
            if fresh.len() != open.len() {
                return Err(format!("{} results came for {} candidates", fresh.len(), open.len()).into());
            }
            let mut kept: Vec<RunResult> = Vec::with_capacity(fresh.len());
            for (at, result) in open.iter().zip(fresh) {
                // The same candidate twice in one batch has one result.
                if let Some(screened) = screened(&result)
                    && kept.iter().all(|other| other.key != keys[*at])
                {
                    kept.push(RunResult { key: keys[*at], outcome: Outcome::Screened(screened) });
                }
                results[*at] = Some(result);
            }
            self.log.made(kept);
        }
        Ok(results.into_iter().flatten().collect())
    }

    fn again(&self, targets: &[String], cancel: Cancel<'_>) -> Result<Option<TargetResult>, VerifierError> {
        let nothing = Candidate { changes: Vec::new(), sites: Vec::new() };
        let key = key("again", &nothing, targets);
        if let Some(Outcome::Screened(known)) = self.log.known(key) {
            return Ok(Some(answer(&known)));
        }
        let result = self.inner.again(targets, cancel)?;
        if let Some(screened) = result.as_ref().and_then(screened) {
            self.log.made(vec![RunResult { key, outcome: Outcome::Screened(screened) }]);
        }
        Ok(result)
    }

    fn confirm(&self, candidate: &Candidate, cancel: Cancel<'_>) -> Result<Confirmation, VerifierError> {
        let key = key("confirm", candidate, &[]);
        if let Some(Outcome::Confirmed(confirmed)) = self.log.known(key) {
            return Ok(Confirmation {
                fixed: confirmed.fixed,
                broken: confirmed.broken,
                gone: confirmed.gone,
                skipped: confirmed.skipped,
                newly_not_testable: confirmed.newly_not_testable,
                ended: ended(&confirmed.ended),
            });
        }
        let confirmation = self.inner.confirm(candidate, cancel)?;
        if let Some(ended) = end(&confirmation.ended) {
            let confirmed = Confirmed {
                fixed: confirmation.fixed.clone(),
                broken: confirmation.broken.clone(),
                gone: confirmation.gone.clone(),
                skipped: confirmation.skipped.clone(),
                newly_not_testable: confirmation.newly_not_testable.clone(),
                ended,
            };
            self.log.made(vec![RunResult { key, outcome: Outcome::Confirmed(confirmed) }]);
        }
        Ok(confirmation)
    }
}

/// Names a run by all it depends on besides the base: what is run, with which contents, for which tests.
fn key(what: &str, candidate: &Candidate, targets: &[String]) -> ContentHash {
    let mut hasher = blake3::Hasher::new();
    let mut field = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    };
    field(what.as_bytes());
    field(&(targets.len() as u64).to_le_bytes());
    targets.iter().for_each(|target| field(target.as_bytes()));
    for change in &candidate.changes {
        field(change.path.as_bytes());
        field(change.text.as_bytes());
    }
    ContentHash::from_bytes(hasher.finalize().into())
}

/// None for a run that was cut short, and for one whose sandbox was lost: whoever takes the session up runs it again.
fn end(ended: &Ended) -> Option<RunEnd> {
    match ended {
        Ended::Finished => Some(RunEnd::Finished),
        Ended::Limit(limit) => Some(RunEnd::Limit(limit.clone())),
        Ended::Endless => Some(RunEnd::Endless),
        Ended::Lost(_) | Ended::Cancelled => None,
    }
}

fn ended(end: &RunEnd) -> Ended {
    match end {
        RunEnd::Finished => Ended::Finished,
        RunEnd::Limit(limit) => Ended::Limit(limit.clone()),
        RunEnd::Endless => Ended::Endless,
    }
}

fn screened(result: &TargetResult) -> Option<Screened> {
    // A search screens with some tens of targets.
    let passed = result.passed.iter().filter_map(|at| u32::try_from(*at).ok()).collect();
    Some(Screened { ran: result.ran, passed, ended: end(&result.ended)? })
}

fn answer(screened: &Screened) -> TargetResult {
    let passed = screened.passed.iter().filter_map(|at| usize::try_from(*at).ok()).collect();
    TargetResult { ran: screened.ran, passed, ended: ended(&screened.ended) }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use airlock_core::report::Counts;
    use airlock_core::session::{BaseJudged, Opened, Resumed, TargetGroup, Task};
    use airlock_repair::verifier::FileChange;
    use airlock_store::{DataFolder, Options, Store, open};

    use super::*;

    /// Counts what it is asked to run. What holds `cut` is cut short, and with `lost` the sandbox goes.
    #[derive(Default)]
    struct Counting {
        screened: Mutex<Vec<String>>,
        confirmed: Mutex<Vec<String>>,
    }

    fn text(candidate: &Candidate) -> String {
        candidate.changes[0].text.to_string()
    }

    impl Verifier for Counting {
        fn try_targets(
            &self,
            candidates: &[Candidate],
            targets: &[String],
            _: Cancel<'_>,
        ) -> Result<Vec<TargetResult>, VerifierError> {
            self.screened.lock().unwrap().extend(candidates.iter().map(text));
            let result = |candidate: &Candidate| match text(candidate).as_str() {
                "cut" => TargetResult::cancelled(),
                "lost" => TargetResult { ran: false, passed: vec![], ended: Ended::Lost("it ended".into()) },
                "limit" => TargetResult { ran: true, passed: vec![], ended: Ended::Limit("memory".into()) },
                _ => TargetResult { ran: true, passed: (0..targets.len()).collect(), ended: Ended::Finished },
            };
            Ok(candidates.iter().map(result).collect())
        }

        fn again(&self, targets: &[String], _: Cancel<'_>) -> Result<Option<TargetResult>, VerifierError> {
            self.screened.lock().unwrap().push(format!("again {}", targets.len()));
            Ok(Some(TargetResult { ran: true, passed: vec![0], ended: Ended::Finished }))
        }

        fn confirm(&self, candidate: &Candidate, _: Cancel<'_>) -> Result<Confirmation, VerifierError> {
            self.confirmed.lock().unwrap().push(text(candidate));
            Ok(Confirmation {
                fixed: vec!["t.py::test".into()],
                broken: vec![],
                gone: vec![],
                skipped: vec![],
                newly_not_testable: vec![],
                ended: match text(candidate).as_str() {
                    "cut" => Ended::Cancelled,
                    "lost" => Ended::Lost("it ended".into()),
                    _ => Ended::Finished,
                },
            })
        }
    }

    fn candidate(text: &str) -> Candidate {
        Candidate { changes: vec![FileChange { path: "a.py".into(), text: text.into() }], sites: vec![] }
    }

    fn base() -> BaseJudged {
        let groups = vec![TargetGroup { fingerprint: None, tests: vec!["t.py::test".into()] }];
        BaseJudged {
            base: ContentHash::of(b"base"),
            counts: Counts::default(),
            groups,
            python: String::new(),
            runner: String::new(),
            files: None,
        }
    }

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let data = DataFolder::at(dir.path().join("data")).unwrap();
        let store = open(&data.place(dir.path()).unwrap(), Options::default()).unwrap().store;
        (dir, store)
    }

    #[test]
    fn what_was_run_is_not_run_again_by_whoever_takes_the_session_up() {
        let (_dir, store) = store();
        let opened = Opened {
            task: Task::Fix,
            arguments: vec![],
            folder: String::new(),
            apply: false,
            partial: false,
            settings: [].into(),
            program: "test".into(),
            guest: "test".into(),
        };
        let log = Log::new(store.begin(opened).unwrap());
        log.write(base(), vec![]).unwrap();
        let targets = ["t.py::test".to_owned()];
        let all = ["a", "b", "limit", "cut", "lost", "a"].map(candidate);
        let inner = Counting::default();
        let first = {
            let verifier = Remembering { inner: &inner, log: &log };
            let first = verifier.try_targets(&all, &targets, &|| false).unwrap();
            verifier.confirm(&candidate("a"), &|| false).unwrap();
            verifier.confirm(&candidate("cut"), &|| false).unwrap();
            verifier.confirm(&candidate("lost"), &|| false).unwrap();
            verifier.again(&targets, &|| false).unwrap().unwrap();
            first
        };
        assert_eq!(
            log.counts(),
            (0, 5),
            "three candidates, a confirmation and the base; what was cut short or lost is none"
        );
        let id = log.id().to_owned();
        drop(log);

        let log = Log::new(store.take_up(&id).unwrap().0);
        log.write(Resumed { program: "test".into() }, vec![]).unwrap();
        log.write(base(), vec![]).unwrap();
        let inner = Counting::default();
        let verifier = Remembering { inner: &inner, log: &log };
        let second = verifier.try_targets(&all, &targets, &|| false).unwrap();
        assert_eq!(second, first, "the answers are the same");
        assert_eq!(*inner.screened.lock().unwrap(), ["cut", "lost"]);
        assert_eq!(verifier.confirm(&candidate("a"), &|| false).unwrap().fixed, ["t.py::test"]);
        assert!(inner.confirmed.lock().unwrap().is_empty());
        verifier.confirm(&candidate("lost"), &|| false).unwrap();
        assert_eq!(*inner.confirmed.lock().unwrap(), ["lost"]);
        assert_eq!(verifier.again(&targets, &|| false).unwrap().unwrap().passed, [0]);
        assert_eq!(*inner.screened.lock().unwrap(), ["cut", "lost"]);
        assert_eq!(log.counts(), (5, 0), "each counts once");
        // Other tests are another run.
        let others = ["t.py::other".to_owned()];
        verifier.try_targets(&all[..1], &others, &|| false).unwrap();
        assert_eq!(*inner.screened.lock().unwrap(), ["cut", "lost", "a"]);
    }

    #[test]
    fn names_of_runs_do_not_run_into_each_other() {
        let both = |first: &str, second: &str| Candidate {
            changes: vec![FileChange { path: first.into(), text: second.into() }],
            sites: vec![],
        };
        let words = |words: &[&str]| -> Vec<String> { words.iter().map(|word| (*word).to_owned()).collect() };
        let keys = [
            key("screen", &both("a", "bc"), &[]),
            key("screen", &both("ab", "c"), &[]),
            key("confirm", &both("a", "bc"), &[]),
            key("screen", &both("a", "bc"), &words(&["x"])),
            key("screen", &both("a", "bc"), &words(&["x", ""])),
        ];
        let different: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(different.len(), keys.len());
    }
}
