//! A project's files as a model may see them: those of the snapshot without secrets and what git ignores.

use std::sync::Arc;

use airlock_agent::files::{Files, Hidden};
use airlock_core::path::WorkspacePath;
use airlock_core::snapshot::Snapshot;

use crate::project::notes;
use crate::workbench::Project;

/// The files of one project.
pub struct ProjectFiles {
    snapshot: Snapshot,
    files: Arc<crate::files::Files>,
}

impl ProjectFiles {
    pub fn new(project: &Project, snapshot: Snapshot) -> Self {
        Self { snapshot, files: Arc::clone(&project.files) }
    }
}

impl Files for ProjectFiles {
    fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    fn read(&self, path: &WorkspacePath) -> Result<Arc<[u8]>, String> {
        self.files.workspace_file(path).map_err(|error| error.to_string())
    }

    fn hidden(&self, path: &WorkspacePath) -> Option<Hidden> {
        let workspace = self.files.workspace();
        match workspace.notes().hidden(path.as_str()) {
            Some(notes::Hidden::Secret) => return Some(Hidden::Secret),
            Some(_) => return Some(Hidden::Ignored),
            None => {}
        }
        // What lies there and was left out is nobody's to see or to overwrite.
        let left_out = !workspace.entries().contains_key(path) && workspace.is_on_disk(path.as_str());
        (left_out || workspace.notes().is_ignored(path.as_str())).then_some(Hidden::Ignored)
    }
}
