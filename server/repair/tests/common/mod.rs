//! A verifier for tests: runs small projects with the machine's own Python, or asks a closure.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use airlock_core::report::{Outcome, SuiteReport, TestReport};
use airlock_repair::{
    Budget, Candidate, Confirmation, Ended, Options, Progress, SearchResult, Stop, TargetResult, Task, Verifier,
    VerifierError, repair, verifier::Cancel,
};

/// A project: files by path, `test_…` functions in the files of `tests`.
pub struct Project {
    pub files: BTreeMap<String, String>,
    pub test_files: BTreeSet<String>,
}

impl Project {
    /// From `(path, text)`; a path whose name begins with `test_` is a test file.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let is_test = |path: &str| path.rsplit('/').next().is_some_and(|name| name.starts_with("test_"));
        Self {
            files: files.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect(),
            test_files: files.iter().map(|f| f.0.to_owned()).filter(|p| is_test(p)).collect(),
        }
    }

    pub fn read(&self, path: &str) -> Option<Arc<[u8]>> {
        self.files.get(path).map(|text| text.as_bytes().into())
    }

    /// Searches with the given verifier, collecting progress.
    pub fn repair(
        &self,
        report: &SuiteReport,
        options: &Options,
        verifier: &dyn Verifier,
    ) -> (SearchResult, Vec<Progress>) {
        self.repair_until(report, options, verifier, &|| Stop::Continue)
    }

    pub fn repair_until(
        &self,
        report: &SuiteReport,
        options: &Options,
        verifier: &dyn Verifier,
        poll: &(dyn Fn() -> Stop + Sync),
    ) -> (SearchResult, Vec<Progress>) {
        let targets: Vec<String> =
            report.tests.iter().filter(|test| test.outcome.is_failure()).map(|test| test.id.clone()).collect();
        let read = |path: &str| self.read(path);
        let task = Task { report, targets: &targets, test_files: &self.test_files, read: &read };
        let mut events = Vec::new();
        let result = repair(&task, options, &Budget { poll }, verifier, &mut |event| {
            events.push(event.clone());
        })
        .expect("the search runs");
        (result, events)
    }
}

/// Runs every candidate with `python3`, several in one process, each in namespaces of its own.
pub struct Native<'a> {
    project: &'a Project,
    base: SuiteReport,
    pub calls: AtomicUsize,
}

/// Reads a JSON list of jobs (`files`, `tests`) and prints, per job, `{id: {outcome, message, lines}}`. An endless
/// candidate meets a limit on traced lines, so that no clock is needed.
const RUNNER: &str = r#"
import importlib.abc, importlib.util, json, resource, sys

# A candidate may double a list until nothing is left.
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

class Endless(BaseException): pass

class Memory(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, files): self.files = files
    def find_spec(self, name, path=None, target=None):
        for file, package in ((name.replace('.', '/') + '.py', False), (name.replace('.', '/') + '/__init__.py', True)):
            if file in self.files:
                return importlib.util.spec_from_loader(name, self, origin=file, is_package=package)
    def exec_module(self, module):
        file = module.__spec__.origin
        exec(compile(self.files[file], '/memory/' + file, 'exec'), module.__dict__)

def run(job):
    finder = Memory(job['files'])
    sys.meta_path.insert(0, finder)
    before = set(sys.modules)
    lines, budget = {}, [0]
    def trace(frame, event, arg):
        name = frame.f_code.co_filename
        if not name.startswith('/memory/'): return None
        if event == 'line':
            budget[0] += 1
            if budget[0] > 20000: raise Endless
            lines.setdefault(name[8:], set()).add(frame.f_lineno)
        return trace
    out = {}
    try:
        for file in job['tests']:
            try:
                budget[0] = 0
                sys.settrace(trace)
                module = importlib.import_module(file[:-3].replace('/', '.'))
                sys.settrace(None)
            except BaseException as error:
                sys.settrace(None)
                out[file] = {'outcome': 'error', 'message': type(error).__name__, 'lines': {}}
                continue
            for name, test in list(vars(module).items()):
                if not name.startswith('test_'): continue
                lines.clear(); budget[0] = 0
                message = None
                sys.settrace(trace)
                try: test(); outcome = 'passed'
                except BaseException as error: outcome, message = 'failed', type(error).__name__
                sys.settrace(None)
                out[file + '::' + name] = {'outcome': outcome, 'message': message,
                                           'lines': {k: sorted(v) for k, v in lines.items()}}
    finally:
        sys.meta_path.remove(finder)
        for name in set(sys.modules) - before: del sys.modules[name]
    return out

print(json.dumps([run(job) for job in json.load(sys.stdin)]))
"#;

impl<'a> Native<'a> {
    /// Runs the base once.
    pub fn new(project: &'a Project) -> Self {
        let mut native = Self { project, base: SuiteReport::default(), calls: AtomicUsize::new(0) };
        native.base = native.run(&[None]).remove(0);
        native
    }

    pub fn report(&self) -> &SuiteReport {
        &self.base
    }

    fn run(&self, candidates: &[Option<&Candidate>]) -> Vec<SuiteReport> {
        let jobs: Vec<serde_json::Value> = candidates
            .iter()
            .map(|candidate| {
                let mut files = self.project.files.clone();
                for change in candidate.iter().flat_map(|candidate| &candidate.changes) {
                    files.insert(change.path.to_string(), change.text.to_string());
                }
                serde_json::json!({"files": files, "tests": self.project.test_files})
            })
            .collect();
        let mut child = Command::new("python3")
            .args(["-I", "-S", "-B", "-W", "ignore", "-c", RUNNER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let input = serde_json::to_vec(&jobs).expect("jobs are JSON");
        child.stdin.take().expect("stdin is piped").write_all(&input).expect("python3 reads");
        let output = child.wait_with_output().expect("python3 ends");
        assert!(output.status.success());
        let results: Vec<BTreeMap<String, serde_json::Value>> =
            serde_json::from_slice(&output.stdout).expect("python3 answers with JSON");
        results.into_iter().map(report).collect()
    }
}

fn report(result: BTreeMap<String, serde_json::Value>) -> SuiteReport {
    let tests = result
        .into_iter()
        .map(|(id, test)| TestReport {
            fingerprint: test["message"].as_str().map(str::to_owned),
            ..test_report(
                &id,
                serde_json::from_value(test["outcome"].clone()).expect("an outcome"),
                serde_json::from_value(test["lines"].clone()).expect("lines"),
            )
        })
        .collect();
    SuiteReport { tests, ..SuiteReport::default() }
}

/// A report with outcome and coverage only.
pub fn test_report(id: &str, outcome: Outcome, coverage: BTreeMap<String, Vec<u32>>) -> TestReport {
    serde_json::from_value(serde_json::json!({
        "id": id, "outcome": outcome, "time_ms": 0.0, "message": null, "detail": null, "reason": null,
        "fingerprint": null, "location": null, "coverage": coverage, "notes": [], "collection": false,
    }))
    .expect("a test report")
}

/// What a suite says now, compared with the base.
pub fn compare(base: &SuiteReport, now: &SuiteReport) -> Confirmation {
    let outcome = |id: &str| now.tests.iter().find(|test| test.id == id).map(|test| test.outcome);
    let ids = |wanted: &dyn Fn(&TestReport) -> bool| -> Vec<String> {
        base.tests.iter().filter(|test| wanted(test)).map(|test| test.id.clone()).collect()
    };
    Confirmation {
        fixed: ids(&|test| test.outcome.is_failure() && outcome(&test.id) == Some(Outcome::Passed)),
        broken: ids(&|test| !test.outcome.is_failure() && outcome(&test.id).is_some_and(Outcome::is_failure)),
        gone: ids(&|test| outcome(&test.id).is_none()),
        skipped: vec![],
        newly_not_testable: vec![],
        ended: Ended::Finished,
    }
}

impl Verifier for Native<'_> {
    fn try_targets(
        &self,
        candidates: &[Candidate],
        targets: &[String],
        cancel: Cancel<'_>,
    ) -> Result<Vec<TargetResult>, VerifierError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if cancel() {
            return Ok(candidates.iter().map(|_| TargetResult::cancelled()).collect());
        }
        let reports = self.run(&candidates.iter().map(Some).collect::<Vec<_>>());
        Ok(reports
            .iter()
            .map(|now| TargetResult {
                ran: !now.tests.is_empty(),
                passed: (0..targets.len())
                    .filter(|i| now.tests.iter().any(|t| t.id == targets[*i] && t.outcome == Outcome::Passed))
                    .collect(),
                ended: Ended::Finished,
            })
            .collect())
    }

    fn confirm(&self, candidate: &Candidate, _cancel: Cancel<'_>) -> Result<Confirmation, VerifierError> {
        Ok(compare(&self.base, &self.run(&[Some(candidate)])[0]))
    }
}
