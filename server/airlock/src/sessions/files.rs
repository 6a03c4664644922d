//! The files that a session is about, as a list of names and hashes: so that what has changed since can be named.

use std::collections::BTreeMap;

use airlock_core::path::WorkspacePath;
use airlock_core::snapshot::Snapshot;
use serde::{Deserialize, Serialize};

/// Most files that are listed. Of a larger tree only its hash is kept, and what changed in it is not named.
const MAX_FILES: usize = 20_000;

/// Names told; the rest is counted.
const NAMED: usize = 5;

/// Raised when what follows changes: older ones are passed over.
const FORMAT: u8 = 1;

#[derive(Serialize, Deserialize)]
struct List {
    format: u8,
    files: BTreeMap<WorkspacePath, ([u8; 32], bool)>,
}

/// A tree's list; none where it is too long.
pub fn list(snapshot: &Snapshot) -> Option<Vec<u8>> {
    if snapshot.len() > MAX_FILES {
        return None;
    }
    postcard::to_stdvec(&List { format: FORMAT, files: files(snapshot) }).ok()
}

fn files(snapshot: &Snapshot) -> BTreeMap<WorkspacePath, ([u8; 32], bool)> {
    snapshot.iter().map(|(path, entry)| (path.clone(), (*entry.hash.as_bytes(), entry.executable))).collect()
}

/// What differs between a list and a tree, in words; none where nothing does, or the list says nothing.
pub fn differences(list: &[u8], now: &Snapshot) -> Option<String> {
    let was = postcard::from_bytes::<List>(list).ok().filter(|list| list.format == FORMAT)?.files;
    let now = files(now);
    let changed = was.iter().filter(|(path, file)| now.get(*path).is_some_and(|other| other != *file));
    let gone = was.keys().filter(|path| !now.contains_key(*path));
    let new = now.keys().filter(|path| !was.contains_key(*path));
    let all: Vec<String> = changed
        .map(|(path, _)| format!("{path} is different"))
        .chain(gone.map(|path| format!("{path} is gone")))
        .chain(new.map(|path| format!("{path} is new")))
        .collect();
    let rest = all.len().saturating_sub(NAMED);
    let named = all.get(..NAMED.min(all.len()))?.join(", ");
    match rest {
        _ if named.is_empty() => None,
        0 => Some(named),
        rest => Some(format!("{named} and {rest} more")),
    }
}

#[cfg(test)]
mod tests {
    use airlock_core::hash::ContentHash;
    use airlock_core::snapshot::Entry;

    use super::*;

    fn tree(files: &[(&str, &str, bool)]) -> Snapshot {
        let entry = |text: &str, executable| Entry { hash: ContentHash::of(text.as_bytes()), len: 1, executable };
        let entries =
            files.iter().map(|(path, text, executable)| (path.parse().unwrap(), entry(text, *executable))).collect();
        Snapshot::new(entries).unwrap()
    }

    #[test]
    fn what_differs_is_named() {
        let was = tree(&[("a.py", "1", false), ("b.py", "1", false), ("c.sh", "1", false), ("d.py", "1", false)]);
        let list = list(&was).unwrap();
        assert_eq!(differences(&list, &was), None);
        let now = tree(&[("a.py", "2", false), ("b.py", "1", false), ("c.sh", "1", true), ("e.py", "1", false)]);
        let said = differences(&list, &now).unwrap();
        assert_eq!(said, "a.py is different, c.sh is different, d.py is gone, e.py is new");
        let many: Vec<String> = (0..9).map(|number| format!("x{number}.py")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), "1", false)).collect();
        let said = differences(&list, &tree(&many)).unwrap();
        assert_eq!(said, "a.py is gone, b.py is gone, c.sh is gone, d.py is gone, x0.py is new and 8 more");
        assert_eq!(differences(b"", &now), None, "what cannot be read says nothing");
    }
}
