//! Judging proposals: the tests on the base, the tests with the proposal, one verdict. Nothing here writes to the project.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use airlock_core::hash::ContentHash;
use airlock_core::material::{self, Plan};
use airlock_core::overlay::{Change, Overlay};
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::{FileState, Proposal};
use airlock_core::report::{Outcome, SuiteReport};
use airlock_core::snapshot::{Entry as SnapshotEntry, Snapshot};
use airlock_core::status::ErrorCode;
use airlock_core::verdict::{self, ChangedCode, Evidence, Verdict};
use airlock_repair::source::Source;
use airlock_sandbox::suite::{Brief, Options, Progress, Ready, Suite, SuiteError};
use airlock_sandbox::vfs::Trace;
use airlock_sandbox::worker::protocol::OverlayEntry;
use airlock_sandbox::worker::source::FIRST_REMOTE;

use crate::failure::Failure;
use crate::files::WORKSPACE;
use crate::project::own;
use crate::project::workspace::Entry;
use crate::sessions::runs::Runs;
use crate::workbench::Project;
use crate::{fingerprints, hidden};

/// Which of the runs behind a verdict is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Base,
    Proposal,
    /// The tree as it would land, with the proposal's own tests.
    Landing,
}

/// Told while tests run.
pub type OnProgress<'a> = &'a mut dyn FnMut(Stage, Progress<'_>);

/// A run that can be used again: for an overlay that agrees with its own on everything the run saw.
struct Kept {
    trace: Trace,
    overlay: Overlay,
    report: Arc<SuiteReport>,
    /// Another call made it.
    earlier: bool,
}

/// A project whose base has been run.
pub struct Judge<'a> {
    project: &'a Project,
    suite: &'a Suite<'a>,
    ready: Ready,
    base: Arc<SuiteReport>,
    /// What collecting and running the base looked at.
    seen: Trace,
    snapshot: Snapshot,
    collected: material::Collected,
    testpaths: Vec<WorkspacePath>,
    own_packages: Vec<WorkspacePath>,
    import_roots: Vec<WorkspacePath>,
    root: Option<WorkspacePath>,
    kept: Mutex<Vec<Kept>>,
    /// Runs of earlier calls; none where nothing of them is to be used, and nothing kept.
    runs: Option<Runs>,
}

/// A verdict is looked for among the last this many runs.
const KEPT_RUNS: usize = 64;

impl<'a> Judge<'a> {
    /// Collects and runs the base, with the lines that each test runs. `look_closer`: a repair is to be searched, so what a test
    /// does that does not end matters, too.
    ///
    /// # Errors
    /// [`Failure`] where the base cannot be collected or its files cannot be read.
    pub fn of_base(
        project: &'a Project,
        suite: &'a Suite<'a>,
        runs: Option<Runs>,
        look_closer: bool,
        progress: OnProgress<'_>,
    ) -> Result<Self, Failure> {
        let ready = suite.collect(&[])?;
        let collected = fingerprints::files_of(project, &ready.collected);
        let testpaths: Vec<_> = ready.collected.testpaths.iter().filter_map(|path| project.from_root(path)).collect();
        let mut judge = Self {
            project,
            suite,
            base: Arc::new(SuiteReport::default()),
            seen: Trace::default(),
            snapshot: snapshot(project)?,
            own_packages: own_packages(project, &testpaths, &collected.tests),
            collected,
            testpaths,
            import_roots: import_roots(project),
            root: root(project),
            ready,
            kept: Mutex::default(),
            runs,
        };
        if let Some((trace, report)) = judge.runs.as_ref().and_then(|runs| runs.find(suite, &Overlay::new())) {
            judge.remember(trace.clone(), Overlay::new(), &report, true);
            judge.seen = trace;
            judge.base = report;
            return Ok(judge);
        }
        let options = Options { look_closer, ..judge.options() };
        let ran = suite.run(&judge.ready, &[], &options, &mut |event| progress(Stage::Base, event))?;
        let report = Arc::new(judge.named(ran.report));
        let mut trace = ran.trace;
        trace.merge(judge.ready.trace());
        if !ran.by_wall_time {
            judge.keep(trace.clone(), Overlay::new(), &report);
        }
        judge.seen = trace;
        judge.base = report;
        Ok(judge)
    }

    /// What runs the tests.
    pub fn suite(&self) -> &Suite<'a> {
        self.suite
    }

    /// What the tests said on the base.
    pub fn base(&self) -> &Arc<SuiteReport> {
        &self.base
    }

    /// What collecting and running the base looked at.
    pub fn seen(&self) -> &Trace {
        &self.seen
    }

    /// The workspace's files.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Names all that the results of this judge are about: the files of the workspace, and what the base's run read of the
    /// project's environment.
    pub fn identity(&self) -> ContentHash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"airlock base 1").update(self.snapshot.id().as_bytes());
        // The workspace is in the snapshot; what comes before it is the guest's own.
        for (mount, facts) in self.seen.mounts.iter().filter(|(mount, _)| **mount > FIRST_REMOTE) {
            for (path, digest) in &facts.read {
                hasher.update(&mount.to_le_bytes()).update(&(path.len() as u64).to_le_bytes());
                hasher.update(path.as_bytes()).update(&digest.0);
            }
        }
        ContentHash::from_bytes(hasher.finalize().into())
    }

    /// What the runs that are kept looked at, the base's first.
    pub fn traces(&self) -> Vec<Trace> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::once(&self.seen).chain(kept.iter().map(|kept| &kept.trace)).cloned().collect()
    }

    /// Native modules that had to be stood in for.
    pub fn placeholders(&self) -> BTreeSet<String> {
        self.ready.placeholders.clone()
    }

    /// pytest's arguments that hold a part of the suite to the configuration of the whole: by itself pytest takes the one
    /// nearest to what it is given, and with it another root and other ids.
    pub fn configuration(&self) -> Vec<String> {
        let collected = &self.ready.collected;
        let file = collected.inifile.as_deref().unwrap_or("/dev/null");
        vec![format!("--rootdir={}", collected.rootdir), "-c".to_owned(), file.to_owned()]
    }

    /// Whether a path, relative to pytest's root, is test material.
    pub fn is_material(&self, path: &str) -> bool {
        self.project.from_root(path).is_none_or(|path| self.material().is_material(&path))
    }

    /// Whether a file of the workspace is test material.
    pub fn is_test_material(&self, path: &WorkspacePath) -> bool {
        self.material().is_material(path)
    }

    /// Sorts a proposal's changes into what is judged and what is protected.
    pub fn plan(&self, proposal: &Proposal, allowed: &[WorkspacePath]) -> Plan {
        self.material().plan(proposal, allowed)
    }

    /// Runs the tests on a proposal and compares.
    ///
    /// # Errors
    /// [`Failure`] where the sandbox could not do its work; a proposal that cannot be collected has a verdict.
    pub fn verdict(
        &self,
        proposal: &Proposal,
        targets: &[String],
        allowed: &[WorkspacePath],
        command: &str,
        progress: OnProgress<'_>,
    ) -> Result<Verdict, Failure> {
        let plan = self.plan(proposal, allowed);
        let (after, reused) = self.run(&plan.judged, &mut |event| progress(Stage::Proposal, event))?;
        let landing = match &plan.landing {
            Some(landing) => Some(self.run(landing, &mut |event| progress(Stage::Landing, event))?.0),
            None => None,
        };
        let verdict = verdict::judge(&Evidence {
            proposal,
            targets,
            base: &self.base,
            after: &after,
            landing: landing.as_deref(),
            changed: Some(&changed_code(proposal)),
            root: self.root.as_ref(),
            protected: &plan.protected,
            allowed,
            command,
        })
        .map_err(|error| Failure::error(ErrorCode::GuestFailed, error.to_string()))?;
        Ok(if reused { verdict.into_reused() } else { verdict })
    }

    /// Whether a test of a run with a proposal ran any of the code that it changes. What ran only as a module was imported is
    /// no test's doing.
    pub fn runs_any_of(&self, proposal: &Proposal, after: &SuiteReport) -> bool {
        changed_code(proposal).iter().any(|(path, code)| {
            let relative = self.root.as_ref().and_then(|root| path.strip_prefix(root)).unwrap_or(path.as_str());
            let ran = after.tests.iter().filter_map(|test| test.coverage.as_ref()?.get(relative));
            ran.flatten().any(|line| code.iter().any(|code| code.statement.contains(line)))
        })
    }

    /// Runs the whole suite with an overlay, or finds a run that saw nothing of where the two differ; with whether that is one
    /// of an earlier call.
    ///
    /// # Errors
    /// As for [`Judge::verdict`].
    pub fn run(
        &self,
        overlay: &Overlay,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(Arc<SuiteReport>, bool), Failure> {
        if let Some(found) = self.find_anywhere(self.suite, overlay) {
            return Ok(found);
        }
        let (report, _) = self.run_by(self.suite, overlay, &self.options(), progress)?;
        Ok((report, false))
    }

    /// Runs the whole suite on a candidate, by another suite of the same tests, which may have less time. What it breaks has no
    /// words, and once that is more than `most_broken` tests nobody asks for the rest: then the second of what is given back is
    /// true.
    ///
    /// # Errors
    /// As for [`Judge::verdict`].
    pub fn try_candidate(
        &self,
        suite: &Suite<'_>,
        overlay: &Overlay,
        most_broken: usize,
    ) -> Result<(Arc<SuiteReport>, bool), Failure> {
        if let Some((report, _)) = self.find_anywhere(suite, overlay) {
            return Ok((report, false));
        }
        let others = self.base.tests.iter().filter(|test| test.outcome != Outcome::Passed);
        let in_full: Vec<String> = others.map(|test| test.id.clone()).collect();
        let failing = self.base.tests.iter().filter(|test| test.outcome.is_failure()).count();
        let brief = Some(Brief { in_full, most: failing + most_broken });
        self.run_by(suite, overlay, &Options { brief, ..self.options() }, &mut |_| {})
    }

    fn find_anywhere(&self, suite: &Suite<'_>, overlay: &Overlay) -> Option<(Arc<SuiteReport>, bool)> {
        if let Some(found) = self.find(overlay) {
            return Some(found);
        }
        let (trace, report) = self.runs.as_ref().and_then(|runs| runs.find(suite, overlay))?;
        self.remember(trace, overlay.clone(), &report, true);
        Some((report, true))
    }

    /// Runs the whole suite, and keeps what is a whole report. Whether it was cut short is the second of what is given back.
    fn run_by(
        &self,
        suite: &Suite<'_>,
        overlay: &Overlay,
        options: &Options,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(Arc<SuiteReport>, bool), Failure> {
        let entries = entries(overlay);
        let (ready, baked) = if self.ready.is_touched_by(&entries, &suite.mounts()) {
            match suite.collect(&entries) {
                Ok(ready) => (ready, true),
                Err(SuiteError::Project { message, .. } | SuiteError::NotTestable { message, .. }) => {
                    return Ok((Arc::new(self.nothing_ran(message)), false));
                }
                Err(SuiteError::Limit(limit)) => {
                    let mut report = self.nothing_ran(format!("the tests could not be collected: {limit}"));
                    report.limits.push(limit);
                    return Ok((Arc::new(report), false));
                }
                Err(error) => return Err(error.into()),
            }
        } else {
            (self.ready.clone(), false)
        };
        let laid = if baked { &[][..] } else { &entries[..] };
        let ran = suite.run(&ready, laid, options, progress);
        if baked {
            suite.forget(&ready);
        }
        let ran = match ran {
            Ok(ran) => ran,
            Err(SuiteError::Limit(limit)) => {
                let mut report = self.nothing_ran(format!("no test ran: {limit}"));
                report.limits.push(limit);
                return Ok((Arc::new(report), false));
            }
            Err(error) => return Err(error.into()),
        };
        let report = Arc::new(self.named(ran.report));
        let mut trace = ran.trace;
        trace.merge(ready.trace());
        let has_words = |id: &String| options.brief.as_ref().is_none_or(|brief| brief.in_full.contains(id));
        let in_full = report.tests.iter().filter(|test| test.outcome.is_failure()).all(|test| has_words(&test.id));
        if !ran.by_wall_time && !ran.cut_short && in_full {
            self.keep(trace, overlay.clone(), &report);
        }
        Ok((report, ran.cut_short))
    }

    /// The report of a proposal with which nothing can be collected: every test of the base is gone.
    fn nothing_ran(&self, message: String) -> SuiteReport {
        SuiteReport {
            tests: Vec::new(),
            notes: vec![message],
            limits: Vec::new(),
            unreported: self.base.tests.iter().map(|test| test.id.clone()).collect(),
            imported: BTreeMap::new(),
            python: self.base.python.clone(),
            runner: self.base.runner.clone(),
        }
    }

    fn options(&self) -> Options {
        Options { coverage: Some(vec![self.project.guest_root()]), ..Options::default() }
    }

    fn material(&self) -> material::Project<'_> {
        material::Project {
            base: &self.snapshot,
            root: self.root.as_ref(),
            collected: &self.collected,
            testpaths: &self.testpaths,
            own_packages: &self.own_packages,
            import_roots: &self.import_roots,
            python_files: &self.ready.collected.python_files,
        }
    }

    /// The report with hidden files told from failures, and each failure's fingerprint.
    fn named(&self, mut report: SuiteReport) -> SuiteReport {
        hidden::explain(&mut report, self.project);
        fingerprints::fill(&mut report, self.project, &self.ready.collected);
        report
    }

    fn keep(&self, trace: Trace, overlay: Overlay, report: &Arc<SuiteReport>) {
        if let Some(runs) = &self.runs {
            runs.keep(&trace, &overlay, report);
        }
        self.remember(trace, overlay, report, false);
    }

    fn remember(&self, trace: Trace, overlay: Overlay, report: &Arc<SuiteReport>, earlier: bool) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_RUNS {
            // The base's run, the first, is the one most often used again.
            kept.remove(1);
        }
        kept.push(Kept { trace, overlay, report: Arc::clone(report), earlier });
    }

    fn find(&self, overlay: &Overlay) -> Option<(Arc<SuiteReport>, bool)> {
        let mounts = self.suite.mounts();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .rev()
            .find(|kept| {
                let mut differing = kept.overlay.clone();
                for (path, change) in overlay.iter() {
                    if kept.overlay.get(path) == Some(change) {
                        differing.reset(path);
                    } else {
                        differing.set(path.clone(), change.clone());
                    }
                }
                // What an overlay gave a run leaves no trace, so a path of the kept overlay that differs always counts.
                kept.overlay.iter().all(|(path, change)| overlay.get(path) == Some(change))
                    && !Ready::trace_touches(&kept.trace, &entries(&differing), &mounts)
            })
            .map(|kept| (Arc::clone(&kept.report), kept.earlier))
    }
}

/// Bytes of source that are parsed for one proposal, so that one of thousands of lines is not waited for (the grammar takes
/// long over long runs of comments); of what comes after, each line stands for itself.
const MOST_PARSED: usize = 256 << 10;

/// The code that a proposal changes: docstrings, comments and what the grammar cannot read are none.
fn changed_code(proposal: &Proposal) -> BTreeMap<WorkspacePath, Vec<ChangedCode>> {
    let mut changed = BTreeMap::new();
    let mut left = MOST_PARSED;
    for (path, lines) in proposal.changed_python_lines() {
        let new = proposal.get(&path).and_then(|change| change.new_state());
        let source = new.filter(|new| new.bytes().len() <= left).and_then(|new| {
            left -= new.bytes().len();
            Source::parse(path.as_str(), new.bytes()).ok()
        });
        let code = match source {
            Some(source) => code_at(&source, &lines),
            None => lines.into_iter().map(ChangedCode::line).collect(),
        };
        if !code.is_empty() {
            changed.insert(path, code);
        }
    }
    changed
}

fn code_at(source: &Source, lines: &[u32]) -> Vec<ChangedCode> {
    let mut code: Vec<ChangedCode> = Vec::new();
    for line in lines {
        let Some(statement) = source.statement_at(*line).map(|at| &source.statements()[at]) else { continue };
        let text = source.text()[statement.range.clone()].trim_start_matches(['r', 'R', 'u', 'U']);
        if statement.kind == "expression_statement" && text.starts_with(['"', '\'']) {
            continue;
        }
        match code.last_mut().filter(|last| last.statement == statement.lines) {
            Some(last) => last.lines.push(*line),
            None => code.push(ChangedCode { lines: vec![*line], statement: statement.lines.clone() }),
        }
    }
    code
}

/// An overlay in the guest's paths.
pub fn entries(overlay: &Overlay) -> Vec<OverlayEntry> {
    overlay
        .iter()
        .map(|(path, change)| {
            let path = format!("{WORKSPACE}/{path}");
            match change {
                Change::Write { bytes, executable } => {
                    OverlayEntry { path, content: Some(bytes.to_vec()), executable: executable.unwrap_or_default() }
                }
                Change::Delete => OverlayEntry { path, content: None, executable: false },
            }
        })
        .collect()
}

/// A file of the workspace as a patch finds it.
///
/// # Errors
/// Plain words on why it cannot be changed.
pub fn file_state(project: &Project, path: &WorkspacePath) -> Result<Option<FileState>, String> {
    let entries = project.files.workspace().entries();
    let above = path.as_str().match_indices('/').filter_map(|(at, _)| path.as_str()[..at].parse().ok());
    for parent in above {
        match entries.get::<WorkspacePath>(&parent) {
            Some(Entry::File { .. }) => return Err(format!("{parent} is a file, so nothing can be in it")),
            Some(Entry::Link { .. }) => return Err(format!("{parent} is a link; name the file where it leads to")),
            _ => {}
        }
    }
    match project.files.workspace().entries().get(path) {
        Some(Entry::File { executable, .. }) => project
            .files
            .workspace_file(path)
            .map(|bytes| Some(FileState::new(bytes, *executable)))
            .map_err(|error| error.to_string()),
        Some(Entry::Folder) => Err(format!("{path} is a folder")),
        Some(Entry::Link { .. }) => Err(format!("{path} is a link; change the file it leads to")),
        None => match std::fs::symlink_metadata(project.files.workspace().path().join(path.as_str())) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            // Ignored, a secret, a special file: there, but not Airlock's to change.
            _ => Err(format!("{path} exists but is not part of what Airlock works on (ignored, secret or special)")),
        },
    }
}

fn root(project: &Project) -> Option<WorkspacePath> {
    project.guest_root().strip_prefix(WORKSPACE)?.trim_start_matches('/').parse().ok()
}

fn own_packages(project: &Project, testpaths: &[WorkspacePath], tests: &BTreeSet<WorkspacePath>) -> Vec<WorkspacePath> {
    let entries = project.files.workspace().entries();
    let files = entries.iter().filter(|(_, entry)| matches!(entry, Entry::File { .. })).map(|(path, _)| path).collect();
    let read = |path: &str| own::text(&project.files.workspace_file(&path.parse().ok()?).ok()?);
    let root = root(project);
    let root = root.as_ref().map_or("", WorkspacePath::as_str);
    own::packages(testpaths, &own::Tree { root, files: &files, read: &read, tests })
}

fn import_roots(project: &Project) -> Vec<WorkspacePath> {
    let layout = project.environment.layout.as_ref();
    let paths = layout.map(|layout| layout.sys_path.as_slice()).unwrap_or_default();
    paths.iter().filter_map(|path| path.strip_prefix(WORKSPACE)?.trim_start_matches('/').parse().ok()).collect()
}

/// The workspace's files, each with its hash.
///
/// # Errors
/// [`Failure`] where they cannot be one tree.
pub fn snapshot(project: &Project) -> Result<Snapshot, Failure> {
    let workspace = project.files.workspace();
    let mut entries = BTreeMap::new();
    for (path, entry) in workspace.entries() {
        let Entry::File { stamp, executable } = entry else { continue };
        // Too large or unreadable: neither code nor test, and no patch can be made for it.
        let Ok(content) = workspace.read(path) else { continue };
        entries.insert(path.clone(), SnapshotEntry { hash: content.hash, len: stamp.len, executable: *executable });
    }
    Snapshot::new(entries).map_err(|error| Failure::error(ErrorCode::NotReadable, error.to_string()))
}
