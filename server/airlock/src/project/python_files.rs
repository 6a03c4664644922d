//! Whether there is anything for Python in a folder.

use std::io;
use std::path::{Path, PathBuf};

/// Folders that are looked into before the search gives up and says yes: in a tree this large the walk decides.
const MAX_FOLDERS: usize = 20_000;

/// Whether a folder holds a `.py` file somewhere; environments and `.git` do not count. Breadth first, since a project has
/// one near its top; links are not followed.
///
/// # Errors
/// The folder itself cannot be listed.
pub fn any(root: &Path) -> io::Result<bool> {
    let mut queue = std::collections::VecDeque::from([root.to_owned()]);
    let mut seen = 0;
    while let Some(folder) = queue.pop_front() {
        seen += 1;
        if seen > MAX_FOLDERS {
            return Ok(true);
        }
        let listed = match std::fs::read_dir(&folder) {
            Ok(listed) => listed,
            Err(e) if seen == 1 => return Err(e),
            Err(_) => continue,
        };
        let mut inner: Vec<PathBuf> = Vec::new();
        let mut environment = false;
        for entry in listed.flatten() {
            let name = entry.file_name();
            let Ok(kind) = entry.file_type() else { continue };
            environment |= name == "pyvenv.cfg" || name == "conda-meta";
            if kind.is_dir() && name != ".git" && name != "node_modules" {
                inner.push(entry.path());
            } else if !kind.is_dir() && Path::new(&name).extension().is_some_and(|e| e == "py") {
                return Ok(true);
            }
        }
        if !environment || seen == 1 {
            queue.extend(inner);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_project_count() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("env/lib/deep")).unwrap();
        std::fs::create_dir_all(at("src/deep")).unwrap();
        std::fs::write(at("README.md"), "").unwrap();
        std::fs::write(at("env/pyvenv.cfg"), "").unwrap();
        std::fs::write(at("env/lib/deep/x.py"), "").unwrap();
        assert!(!any(dir.path()).unwrap());
        std::fs::write(at("src/deep/x.py"), "").unwrap();
        assert!(any(dir.path()).unwrap());
        assert!(any(&at("missing")).is_err());
    }
}
