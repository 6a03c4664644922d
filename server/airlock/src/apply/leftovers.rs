//! Temporary files of landings that were killed: found by name, and removed by the next landing.
//!
//! A living landing holds a shared lock on each folder it writes in, which the system takes back when the process ends,
//! however it ends. So whoever gets a folder's exclusive lock knows that no temporary in it is in use. A file is removed
//! only if its name is exactly one of ours, it is a plain file, no link, and the user's own. What lies in such a file is
//! either new content that did not land or old content whose successor did: the file of the project is whole either way.

use std::collections::BTreeSet;
use std::path::Path;

use super::stage::is_temporary;
use crate::project::beneath::{EntryType, Folder};

/// What killed landings left in these folders below `root`, by path; nothing is changed.
pub fn find<'p>(root: &Path, folders: impl IntoIterator<Item = &'p str>) -> Vec<String> {
    each(root, folders, |_, _| true)
}

/// Removes what killed landings left in these folders below `root`, and says what it was.
pub fn sweep<'p>(root: &Path, folders: impl IntoIterator<Item = &'p str>) -> Vec<String> {
    // One that cannot be removed stays for the next landing.
    each(root, folders, |folder, name| folder.remove_file(name).is_ok())
}

/// The paths of leftovers that `take` takes.
fn each<'p>(
    root: &Path,
    folders: impl IntoIterator<Item = &'p str>,
    take: impl Fn(&Folder, &str) -> bool,
) -> Vec<String> {
    let mut taken = Vec::new();
    let folders: BTreeSet<&str> = folders.into_iter().collect();
    for path in folders {
        // Opened anew for each, the root too: a lock belongs to what was opened, and is gone with it.
        let Ok(top) = Folder::open_root(root) else { return taken };
        let Ok(folder) = top.folder(path) else { continue };
        let temporary = |folder: &Folder| -> Vec<String> {
            let named = folder.entries().unwrap_or_default().into_iter();
            let files = named.filter(|named| named.kind == EntryType::File);
            files.filter_map(|named| named.name.into_string().ok()).filter(|name| is_temporary(name)).collect()
        };
        // Most folders have none and are left without a lock.
        if temporary(&folder).is_empty() || !folder.try_lock_exclusive() {
            continue;
        }
        for name in temporary(&folder) {
            if folder.is_mine(&name) && take(&folder, &name) {
                taken.push(if path.is_empty() { name } else { format!("{path}/{name}") });
            }
        }
    }
    taken
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_plain_files_of_ours_that_nobody_uses_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let [one, two, three, four] = [1, 2, 3, 4].map(|n| format!(".airlock-{n:016x}.tmp"));
        fs::create_dir_all(dir.path().join("pkg/used")).unwrap();
        fs::create_dir(dir.path().join(&three)).unwrap();
        fs::write(outside.path().join(&one), "not ours").unwrap();
        symlink(outside.path(), dir.path().join("out")).unwrap();
        symlink(outside.path().join(&one), dir.path().join(&four)).unwrap();
        for name in [one.as_str(), "pkg/a.tmp", ".airlock-mine.tmp"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        for folder in ["pkg", "pkg/used"] {
            fs::write(dir.path().join(folder).join(&two), "x").unwrap();
        }
        let root = Folder::open_root(dir.path()).unwrap();
        let used = root.folder("pkg/used").unwrap();
        used.lock_shared();
        let folders = ["", "pkg", "pkg/used", "out", "gone"];
        let expected = [one.clone(), format!("pkg/{two}")];
        assert_eq!(find(dir.path(), folders), expected);
        assert_eq!(sweep(dir.path(), folders), expected);
        let there = |path: &str| dir.path().join(path).symlink_metadata().is_ok();
        assert!(!there(&one) && !there(&format!("pkg/{two}")));
        for path in [three.as_str(), four.as_str(), "pkg/a.tmp", ".airlock-mine.tmp"] {
            assert!(there(path), "{path} was removed");
        }
        assert!(outside.path().join(&one).exists(), "a link was followed");
        drop(used);
        // A process that another test is just starting holds a copy of the lock until it is what it is to be.
        let began = std::time::Instant::now();
        let mut swept = sweep(dir.path(), folders);
        while swept.is_empty() && began.elapsed().as_secs() < 60 {
            std::thread::yield_now();
            swept = sweep(dir.path(), folders);
        }
        assert_eq!(swept, [format!("pkg/used/{two}")]);
        assert_eq!(find(dir.path(), folders), Vec::<String>::new());
    }
}
