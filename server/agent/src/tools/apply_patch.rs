//! `apply_patch`: a patch over any number of files.

use airlock_core::conversation::ToolSpec;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, At, Done};
use crate::patch::{apply, parse};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(alias = "input", alias = "diff")]
    patch: String,
}

pub(super) fn spec() -> ToolSpec {
    super::spec(
        "apply_patch",
        "Changes, adds, moves and deletes files by one patch, all of it or nothing. The patch:\n\
         *** Begin Patch\n\
         *** Update File: path (then, optionally, *** Move to: new path)\n\
         @@ a line further up that says where, e.g. the class or function (may be repeated or empty)\n\
         lines that begin with a blank stay, with - go, with + come; give about 3 lines that stay around each change\n\
         *** Add File: path (each line begins with +)\n\
         *** Delete File: path\n\
         *** End Patch\n\
         A unified diff is taken too.",
        json!({"patch": {"type": "string", "description": "The whole patch."}}),
        &["patch"],
    )
}

pub(super) fn call(at: &mut At<'_>, arguments: &Arguments) -> Answer {
    let ops = parse(&arguments.patch)?;
    let applied = apply(at.workspace, &at.tools.outward, &ops)?;
    Done::changed(applied.notes.join("\n"), applied.changed)
}
