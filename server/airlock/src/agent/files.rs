//! A project's files as a model may see them: those of the snapshot without secrets and what git ignores.

use std::sync::Arc;

use airlock_agent::files::{Files, Hidden};
use airlock_agent::outward::assigned_keys;
use airlock_core::path::WorkspacePath;
use airlock_core::snapshot::Snapshot;

use crate::project::notes;
use crate::workbench::Project;

/// Most bytes of ignored sources that are looked through for keys, and most keys of them.
const MOST_LOOKED_AT: usize = 16 << 20;
const MOST_KEYS: usize = 1000;

/// Keys in sources that git ignores and guests see all the same, since the project imports them: tests and programs may print
/// them, and no model may see them.
pub fn keys_of_ignored(project: &Project) -> Vec<String> {
    let workspace = project.files.workspace();
    let ignored = workspace.entries().keys().filter(|path| workspace.notes().is_ignored(path.as_str()));
    let (mut keys, mut looked_at) = (Vec::new(), 0);
    for path in ignored {
        let Ok(bytes) = project.files.workspace_file(path) else { continue };
        looked_at += bytes.len();
        if looked_at > MOST_LOOKED_AT || keys.len() >= MOST_KEYS {
            break;
        }
        keys.extend(assigned_keys(&String::from_utf8_lossy(&bytes), MOST_KEYS - keys.len()));
    }
    keys
}

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
