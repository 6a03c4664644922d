//! Workspaces of texts, for the tests of this crate.

use std::collections::BTreeMap;
use std::sync::Arc;

use airlock_core::hash::ContentHash;
use airlock_core::overlay::Overlay;
use airlock_core::path::WorkspacePath;
use airlock_core::snapshot::{Entry, Snapshot};

use crate::bench::{Bench, Program, ProgramRun, TestsRun};
use crate::context::tags::TagCache;
use crate::files::{Files, Hidden, Workspace};
use crate::outward::Outward;
use crate::policy::Policy;
use crate::tools::{Diagnostic, Severity, Tools};

/// Files in memory; what begins with `ignored` is hidden.
pub struct InMemory {
    snapshot: Snapshot,
    contents: BTreeMap<WorkspacePath, Arc<[u8]>>,
}

impl InMemory {
    pub fn new(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let contents: BTreeMap<WorkspacePath, Arc<[u8]>> =
            files.into_iter().map(|(name, bytes)| (path(&name), bytes.into())).collect();
        let entry =
            |bytes: &Arc<[u8]>| Entry { hash: ContentHash::of(bytes), len: bytes.len() as u64, executable: false };
        let entries = contents.iter().map(|(path, bytes)| (path.clone(), entry(bytes))).collect();
        Self { snapshot: Snapshot::new(entries).unwrap(), contents }
    }

    pub fn with_executable(name: &str, bytes: &[u8]) -> Self {
        let entry = Entry { hash: ContentHash::of(bytes), len: bytes.len() as u64, executable: true };
        let snapshot = Snapshot::new([(path(name), entry)].into()).unwrap();
        Self { snapshot, contents: [(path(name), bytes.into())].into() }
    }
}

impl Files for InMemory {
    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn read(&self, path: &WorkspacePath) -> Result<Arc<[u8]>, String> {
        self.contents.get(path).cloned().ok_or_else(|| "it is gone".to_owned())
    }

    fn hidden(&self, path: &WorkspacePath) -> Option<Hidden> {
        path.as_str().starts_with("ignored").then_some(Hidden::Ignored)
    }
}

pub fn path(text: &str) -> WorkspacePath {
    WorkspacePath::new(text).unwrap()
}

pub fn workspace(files: &[(&str, &str)]) -> Workspace {
    with_policy(files, Policy::default())
}

pub fn with_policy(files: &[(&str, &str)], policy: Policy) -> Workspace {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    Workspace::new(Arc::new(InMemory::new(files)), Arc::new(policy))
}

pub fn text_of(workspace: &Workspace, name: &str) -> String {
    String::from_utf8(workspace.read(&path(name)).unwrap().to_vec()).unwrap()
}

/// A bench that answers what it was told to, and counts.
#[derive(Default)]
pub struct Scripted {
    pub tests: TestsRun,
    pub program: ProgramRun,
}

impl Bench for Scripted {
    fn run_tests(&self, _: &Overlay, ids: &[String]) -> Result<TestsRun, String> {
        if ids.iter().any(|id| id == "broken") { Err("the sandbox is gone".to_owned()) } else { Ok(self.tests.clone()) }
    }

    fn run_python(&self, _: &Overlay, program: &Program) -> Result<ProgramRun, String> {
        Ok(ProgramRun { ended: format!("{:?}", program.source), ..self.program.clone() })
    }
}

/// Tools over such a bench.
pub fn tools(bench: Scripted) -> Tools {
    let diagnostic = |name: &str, line| Diagnostic {
        path: path(name),
        first: line,
        last: line,
        severity: Severity::Error,
        source: Some("pyright".into()),
        code: Some("reportX".into()),
        message: "it is wrong".into(),
    };
    let diagnostics = vec![diagnostic("b.py", 2), diagnostic("a.py", 7), diagnostic(".env", 1)];
    Tools::new(Arc::new(bench), Arc::new(Outward::default()), Arc::new(TagCache::new(1)), diagnostics)
}
