//! `symbols`: what is defined in a file, or where a name is defined and used.

use airlock_core::conversation::ToolSpec;
use airlock_core::text::clipped;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, At, Done, Page};
use crate::context::tags::Language;
use crate::files::{Refusal, path_of};

const MAX_LINES: usize = 300;
const MAX_BYTES: usize = 24 << 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(default, alias = "file")]
    path: Option<String>,
    #[serde(default, alias = "symbol")]
    name: Option<String>,
}

pub(super) fn spec() -> ToolSpec {
    super::spec(
        "symbols",
        "With `path`: the classes, functions and constants that a file defines, with their lines. With `name`: where that \
         name is defined in the project, and which files use it and how often.",
        json!({
            "path": {"type": "string", "description": "A file, e.g. `src/app.py`."},
            "name": {"type": "string", "description": "A name, e.g. `Cart` or `total`, without what it belongs to."}
        }),
        &[],
    )
}

pub(super) fn call(at: &mut At<'_>, arguments: &Arguments) -> Answer {
    match (&arguments.path, &arguments.name) {
        (Some(path), None) => of_file(at, path),
        (None, Some(name)) => of_name(at, name.rsplit(['.', ':']).next().unwrap_or(name)),
        _ => Err(Refusal("give either `path` or `name`".to_owned())),
    }
}

fn of_file(at: &At<'_>, path: &str) -> Answer {
    let path = path_of(path)?;
    let bytes = at.workspace.read(&path)?;
    let Some(language) = Language::of(&path) else {
        return Err(Refusal(format!("`{path}` is in no language whose symbols are known; `read` shows it")));
    };
    let tags = at.tools.tags.of_bytes(language, &bytes);
    if tags.definitions.is_empty() {
        return Done::said("nothing is defined in it");
    }
    let mut page = Page::new(MAX_LINES, MAX_BYTES);
    for definition in &tags.definitions {
        let indent = "  ".repeat(usize::from(definition.depth).min(8));
        if !page.push(&format!("{:>6}\t{indent}{}", definition.line, definition.text)) {
            break;
        }
    }
    let whole = tags.definitions.len();
    let note = if page.len() < whole {
        format!("[cut: {} of {whole} shown; `search` finds the others]", page.len())
    } else {
        String::new()
    };
    Done::said(page.finish(&note))
}

fn of_name(at: &At<'_>, name: &str) -> Answer {
    if name.is_empty() || name.len() > 200 {
        return Err(Refusal("`name` is one name, e.g. `Cart`".to_owned()));
    }
    let mut defined = Vec::new();
    let mut used = Vec::new();
    let all = at.tools.tags.of_workspace(at.workspace);
    for (path, tags) in &all {
        let here = tags.definitions.iter().filter(|definition| &*definition.name == name);
        defined.extend(here.map(|found| format!("{path}:{}: {}", found.line, found.text)));
        if let Some(count) = tags.uses(name) {
            used.push((count, path));
        }
    }
    if defined.is_empty() && used.is_empty() {
        return Done::said(format!("no file defines or uses `{}`", clipped(name, 200)));
    }
    used.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(other.1)));
    let whole = defined.len() + used.len();
    let mut page = Page::new(MAX_LINES, MAX_BYTES);
    let defined = defined.into_iter().map(|line| format!("defined {line}"));
    let used = used.into_iter().map(|(count, path)| format!("used {path} ({count} times)"));
    for line in defined.chain(used) {
        if !page.push(&line) {
            break;
        }
    }
    let note = if page.len() < whole {
        format!("[cut: {} of {whole} shown; `search` finds the others]", page.len())
    } else {
        String::new()
    };
    Done::said(page.finish(&note))
}
