//! `create`: a new file.

use airlock_core::conversation::ToolSpec;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, At, Done};
use crate::document::{Document, with_plain_endings};
use crate::files::{Refusal, path_of};
use crate::patch::no_mark;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(alias = "file", alias = "file_path")]
    path: String,
    #[serde(alias = "text", alias = "file_text")]
    content: String,
    #[serde(default)]
    overwrite: bool,
}

pub(super) fn spec() -> ToolSpec {
    super::spec(
        "create",
        "Creates a file with this content. Folders come into being with it.",
        json!({
            "path": {"type": "string", "description": "The file, e.g. `src/new.py`."},
            "content": {"type": "string", "description": "Its whole content."},
            "overwrite": {"type": "boolean", "description": "Replace a file that is there. Default false; prefer `edit`."}
        }),
        &["path", "content"],
    )
}

pub(super) fn call(at: &mut At<'_>, arguments: &Arguments) -> Answer {
    let path = path_of(&arguments.path)?;
    at.workspace.may_change(&path)?;
    let exists = at.workspace.contains(&path);
    if exists && !arguments.overwrite {
        return Err(Refusal(format!("`{path}` exists already; change it with `edit`, or set \"overwrite\"")));
    }
    no_mark(&arguments.content)?;
    let bytes = match exists {
        // A file keeps its kind of endings and its mark.
        true => {
            let document = Document::new(&path, &at.workspace.read(&path)?)?;
            let content = with_plain_endings(&arguments.content);
            let content = content.strip_prefix('\u{feff}').unwrap_or(&content);
            document.replaced(&[(0..document.text().len(), content.to_owned())])
        }
        false => arguments.content.clone().into_bytes(),
    };
    at.workspace.write(&path, bytes)?;
    let (verb, lines) = (if exists { "replaced" } else { "created" }, arguments.content.lines().count());
    Done::changed(format!("{verb} `{path}` ({lines} lines)"), vec![path])
}
