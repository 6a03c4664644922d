//! Names that must not meet: twice the same file, names that are one on some file system, git's own.

use std::collections::HashMap;

use airlock_core::path::{WorkspacePath, fold_name};

use super::{Change, Refusal};
use crate::project::beneath::Folder;

/// Checks the changes against each other.
pub(super) fn among_themselves(changes: &[Change]) -> Result<(), (WorkspacePath, Refusal)> {
    let mut files: HashMap<String, &WorkspacePath> = HashMap::new();
    // Folders by folded name, so that `a/x` and `A/y` are seen to be in one folder.
    let mut folders: HashMap<String, &str> = HashMap::new();
    for change in changes {
        let path = &change.path;
        let folded = path.folded_components();
        if folded.iter().any(|part| part == ".git") {
            return Err((path.clone(), Refusal::Git));
        }
        if let Some(other) = files.insert(folded.join("/"), path) {
            let why = if other == path { Refusal::Twice } else { Refusal::Collision(other.to_string()) };
            return Err((path.clone(), why));
        }
        let ends: Vec<usize> = path.as_str().match_indices('/').map(|(at, _)| at).collect();
        for (depth, end) in ends.into_iter().enumerate() {
            let folder = &path.as_str()[..end];
            let other = *folders.entry(folded[..=depth].join("/")).or_insert(folder);
            if other != folder {
                return Err((path.clone(), Refusal::Collision(other.to_owned())));
            }
        }
    }
    match files.iter().find(|(folded, _)| folders.contains_key(*folded)) {
        Some((folded, path)) => Err(((*path).clone(), Refusal::Collision(folders[folded].to_owned()))),
        None => Ok(()),
    }
}

/// Checks that a name in a folder is either there, letter for letter, or has no twin there.
pub(super) fn no_twin(folder: &Folder, name: &str) -> std::io::Result<Result<(), Refusal>> {
    let folded = fold_name(name);
    let mut twin = None;
    for named in folder.entries()? {
        if named.name == name {
            return Ok(Ok(()));
        }
        if let Some(other) = named.name.to_str()
            && fold_name(other) == folded
        {
            twin = Some(other.to_owned());
        }
    }
    Ok(match twin {
        Some(other) => Err(Refusal::Collision(other)),
        None => Ok(()),
    })
}
