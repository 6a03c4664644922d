//! The project's own words to whoever works on it: `AGENTS.md` and its like.
//!
//! They are wishes of the project, shown to the model as such: they can narrow what it does, and never the rules it works by.
//! Those of a folder hold beneath it, so a task reads the ones from the root down to its files, and the nearer come later.

use std::collections::BTreeSet;

use airlock_core::path::WorkspacePath;
use airlock_core::text::visible_bytes;

use super::{BYTES_PER_TOKEN, cut};
use crate::files::Workspace;
use crate::outward::Outward;

/// The names of such files, in the order in which those of one folder are shown.
const NAMES: [&str; 5] = ["AGENTS.md", "CLAUDE.md", "GEMINI.md", ".cursorrules", ".github/copilot-instructions.md"];
/// Most files that are shown.
const MAX_FILES: usize = 12;

/// The rules that hold for some files, in at most so many tokens; empty where there are none.
pub fn rules(workspace: &Workspace, outward: &Outward, files: &BTreeSet<WorkspacePath>, tokens: usize) -> String {
    let found = paths(workspace, files);
    let mut room = tokens.saturating_mul(BYTES_PER_TOKEN);
    let mut texts: Vec<String> = Vec::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    // The nearest first, so that what is left out for want of room is what is furthest.
    for path in found.iter().rev().take(MAX_FILES) {
        let Ok(bytes) = workspace.read(path) else { continue };
        let shown = outward.show(&visible_bytes(&bytes).replace("\\r\n", "\n")).text;
        // One file is often a copy of another, or points to it.
        if shown.trim().is_empty() || !seen.insert(shown.trim().to_owned()) {
            continue;
        }
        let head = format!("From `{path}`:\n");
        if room <= head.len() + 80 {
            texts.push(format!("[`{path}` is left out for want of room; `read` shows it]"));
            break;
        }
        let text = cut(shown.trim_end(), room - head.len(), &format!("`read` shows all of `{path}`"));
        room = room.saturating_sub(head.len() + text.len() + 2);
        texts.push(format!("{head}{text}"));
    }
    texts.reverse();
    texts.join("\n\n")
}

/// Where they are, the nearest last.
fn paths(workspace: &Workspace, files: &BTreeSet<WorkspacePath>) -> Vec<WorkspacePath> {
    let mut folders: BTreeSet<Option<WorkspacePath>> = BTreeSet::from([None]);
    for file in files {
        let mut folder = file.parent();
        while let Some(path) = folder {
            folder = path.parent();
            folders.insert(Some(path));
        }
    }
    let mut folders: Vec<Option<WorkspacePath>> = folders.into_iter().collect();
    folders.sort_by_key(|folder| folder.as_ref().map_or(0, |folder| folder.components().count()));
    let in_folder = |folder: &Option<WorkspacePath>| {
        let named = |name: &str| match folder {
            Some(folder) => folder.join(name).ok(),
            None => WorkspacePath::new(name).ok(),
        };
        NAMES.iter().filter_map(|name| named(name)).collect::<Vec<_>>()
    };
    folders.iter().flat_map(in_folder).filter(|path| workspace.contains(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::tokens;
    use crate::testing::{path, workspace};

    #[test]
    fn rules_lead_from_the_root_to_the_files_and_no_further() {
        let workspace = workspace(&[
            ("AGENTS.md", "root rule\r\nmore\n"),
            ("CLAUDE.md", "root rule\nmore\n"),
            (".github/copilot-instructions.md", "pilot"),
            ("src/AGENTS.md", "src rule"),
            ("src/a/CLAUDE.md", "a rule with sk-canary0123456789abcdef and \u{202e}"),
            ("src/b/AGENTS.md", "b rule"),
            ("src/a/x.py", ""),
            ("ignored/AGENTS.md", "hidden"),
        ]);
        let of = |files: &[&str], most| {
            rules(&workspace, &Outward::default(), &files.iter().map(|name| path(name)).collect(), most)
        };
        let text = of(&["src/a/x.py"], 1_000);
        assert_eq!(
            text,
            "From `CLAUDE.md`:\nroot rule\nmore\n\nFrom `.github/copilot-instructions.md`:\npilot\n\nFrom `src/AGENTS.md`:\nsrc \
             rule\n\nFrom `src/a/CLAUDE.md`:\na rule with [key hidden by Airlock] and \\u{202e}"
        );
        assert_eq!(of(&[], 1_000).matches("From `").count(), 2);
        assert!(!of(&["ignored/x.py"], 1_000).contains("hidden"));
        for most in [0, 10, 30, 60, 100] {
            assert!(tokens(&of(&["src/a/x.py"], most)) <= most + 25, "{most}");
        }
        assert!(of(&["src/a/x.py"], 60).contains("a rule"), "the nearest is kept");
    }
}
