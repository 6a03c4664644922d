//! `rename`: a file under another path.

use airlock_core::conversation::ToolSpec;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, At, Done};
use crate::files::path_of;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(alias = "path", alias = "old_path")]
    from: String,
    #[serde(alias = "new_path")]
    to: String,
}

pub(super) fn spec() -> ToolSpec {
    super::spec(
        "rename",
        "Moves one file to another path. What refers to it (imports, configuration) is not changed along with it.",
        json!({
            "from": {"type": "string", "description": "The file, e.g. `src/old.py`."},
            "to": {"type": "string", "description": "Its new path, where nothing may be."}
        }),
        &["from", "to"],
    )
}

pub(super) fn call(at: &mut At<'_>, arguments: &Arguments) -> Answer {
    let (from, to) = (path_of(&arguments.from)?, path_of(&arguments.to)?);
    at.workspace.rename(&from, &to)?;
    Done::changed(format!("moved `{from}` to `{to}`"), vec![from, to])
}
