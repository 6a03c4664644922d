//! `list`: what files there are.

use airlock_core::conversation::ToolSpec;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, At, Done, Page, folder, glob};
use crate::files::Refusal;

const MAX_LINES: usize = 500;
const MAX_BYTES: usize = 24 << 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(default, alias = "path", alias = "dir")]
    folder: Option<String>,
    #[serde(default, alias = "pattern")]
    glob: Option<String>,
    #[serde(default)]
    depth: Option<u32>,
    #[serde(default)]
    after: Option<String>,
}

pub(super) fn spec() -> ToolSpec {
    super::spec(
        "list",
        "Lists files with their sizes in bytes, and folders with how many files are in them. Without arguments: the two top \
         levels of the project. Files with secrets and files that git ignores are not listed.",
        json!({
            "folder": {"type": "string", "description": "Folder to list, e.g. `src/shop`. Default: the root."},
            "glob": {"type": "string", "description": "Only files whose path matches, e.g. `*.py` or `src/**/test_*.py`. \
                     Looks at all depths unless `depth` is given."},
            "depth": {"type": "integer", "minimum": 1, "description": "Levels of folders to open. Default 2."},
            "after": {"type": "string", "description": "Go on after this path, where an earlier answer was cut."}
        }),
        &[],
    )
}

pub(super) fn call(at: &mut At<'_>, arguments: &Arguments) -> Answer {
    let root = folder(arguments.folder.as_deref())?;
    if let Some(root) = &root
        && !at.workspace.contains_folder(root)
    {
        return Err(match at.workspace.contains(root) {
            true => Refusal(format!("`{root}` is a file; `read` shows it")),
            false => Refusal(format!("there is no folder `{root}`; `list` without arguments shows the project")),
        });
    }
    let matcher = arguments.glob.as_deref().map(glob).transpose()?;
    let default = if matcher.is_some() { u32::MAX } else { 2 };
    let depth = arguments.depth.unwrap_or(default).max(1) as usize;
    let above = root.as_ref().map_or(0, |root| root.components().count());

    // A folder too deep to be opened is one line, with the number of its files.
    let mut rows: Vec<(String, Row)> = Vec::new();
    for (path, len) in at.workspace.files() {
        let beneath = root.as_ref().is_none_or(|root| path.strip_prefix(root).is_some());
        if !beneath || matcher.as_ref().is_some_and(|matcher| !matcher.is_match(path.as_str())) {
            continue;
        }
        let parts: Vec<&str> = path.components().collect();
        if parts.len() - above <= depth {
            rows.push((path.to_string(), Row::File(len)));
            continue;
        }
        let closed = format!("{}/", parts[..above + depth].join("/"));
        match rows.last_mut() {
            Some((name, Row::Folder(count))) if *name == closed => *count += 1,
            _ => rows.push((closed, Row::Folder(1))),
        }
    }
    if rows.is_empty() {
        return Done::said("no file");
    }
    let whole = rows.len();
    let after = arguments.after.as_deref().unwrap_or_default();
    let skipped = if after.is_empty() { 0 } else { rows.iter().take_while(|(name, _)| name.as_str() <= after).count() };
    let mut page = Page::new(MAX_LINES, MAX_BYTES);
    let mut last = String::new();
    for (name, row) in rows.drain(..).skip(skipped) {
        let line = match row {
            Row::File(len) => format!("{name}  {len}"),
            Row::Folder(1) => format!("{name}  1 file"),
            Row::Folder(count) => format!("{name}  {count} files"),
        };
        if !page.push(&line) {
            break;
        }
        last = name;
    }
    let shown = page.len();
    let note = if skipped + shown < whole {
        format!(
            "[cut: {shown} of {whole} lines shown. Narrow it with `folder` or `glob`, or go on with \"after\": {}]",
            json!(last)
        )
    } else {
        String::new()
    };
    Done::said(page.finish(&note))
}

enum Row {
    File(u64),
    Folder(usize),
}
