//! `delete`: a file that goes.

use airlock_core::conversation::ToolSpec;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, At, Done};
use crate::files::path_of;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(alias = "file", alias = "file_path")]
    path: String,
}

pub(super) fn spec() -> ToolSpec {
    super::spec(
        "delete",
        "Deletes one file.",
        json!({"path": {"type": "string", "description": "The file, e.g. `src/old.py`."}}),
        &["path"],
    )
}

pub(super) fn call(at: &mut At<'_>, arguments: &Arguments) -> Answer {
    let path = path_of(&arguments.path)?;
    at.workspace.delete(&path)?;
    Done::changed(format!("deleted `{path}`"), vec![path])
}
