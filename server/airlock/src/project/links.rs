//! Links of a tree: which of them stay inside it.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// The target of the link at `path` (relative to `top`, which is canonical) as a relative target with `/`, if every step
/// of following it stays in the tree; `None` if it leads out.
///
/// The guest resolves links over the snapshot alone, so a link can never show it anything outside; leaving those out
/// keeps it from seeing *where* on the user's machine things are, and from finding a link that dangles without a word.
pub fn inside(top: &Path, path: &str, target: &OsStr) -> Option<String> {
    let target = Path::new(target);
    let folder = top.join(path).parent()?.to_owned();
    let lexical = normal(&folder.join(target));
    if !lexical.starts_with(top) {
        return None;
    }
    // Where the target exists, other links on the way count too; where it does not, or runs in a circle, words are all
    // there is, and the guest finds the same dangling or circular link.
    if let Ok(real) = top.join(path).canonicalize()
        && !real.starts_with(top)
    {
        return None;
    }
    if target.is_absolute() {
        let within = lexical.strip_prefix(top).ok()?;
        let ups = path.matches('/').count();
        return to_slashes(&std::iter::repeat_n(Path::new(".."), ups).collect::<PathBuf>().join(within));
    }
    to_slashes(target)
}

/// Takes `.` and `..` out by words alone.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

fn to_slashes(path: &Path) -> Option<String> {
    let text = path.to_str()?;
    let text = if cfg!(windows) { text.replace('\\', "/") } else { text.to_owned() };
    (!text.contains('\0')).then_some(if text.is_empty() { ".".to_owned() } else { text })
}
