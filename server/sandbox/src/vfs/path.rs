//! From a path to a node, as POSIX resolves it, inside the guest's tree and nowhere else.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::Vfs;
use super::error::FsError;
use super::node::{Kind, NodeId, ROOT};

/// Longest path and longest link target, in bytes.
pub const MAX_PATH: usize = 4096;
/// Longest name in a folder, in bytes.
pub const MAX_NAME: usize = 255;
/// Symbolic links followed by one resolution, as on Linux.
const MAX_LINKS: u32 = 40;

/// What to do with a symbolic link at the path's end. Those on the way are always followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Follow it (`stat`).
    Yes,
    /// Stop at it, unless a slash comes after (`lstat`).
    No,
    /// Stop at it in any case: the operation is about the name (`unlink`, `rename`).
    Never,
}

/// The last part of a resolved path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Last<'p> {
    Name(Cow<'p, str>),
    Dot,
    DotDot,
    Root,
}

/// A path resolved as far as its last name, and that name looked up.
#[derive(Clone, Debug)]
pub(crate) struct Walk<'p> {
    pub(crate) parent: NodeId,
    pub(crate) last: Last<'p>,
    pub(crate) node: Option<NodeId>,
    /// The path ends in a slash: it must be, or become, a folder.
    pub(crate) slash: bool,
}

enum Found {
    Name(Range<usize>),
    Dot,
    DotDot,
    Root,
}

enum Step {
    Done { parent: NodeId, last: Found, node: Option<NodeId>, slash: bool },
    Link { dir: NodeId, target: Arc<str>, rest: usize },
}

impl Vfs {
    /// The node at a path, seen from a folder.
    ///
    /// # Errors
    /// `NotFound`, `NotDir`, `Loop`, `NameTooLong`, `Invalid` (a NUL), or what the source said.
    pub fn lookup(&mut self, dir: NodeId, path: &str, follow: Follow) -> Result<NodeId, FsError> {
        self.walk(dir, path, follow)?.node.ok_or(FsError::NotFound)
    }

    pub(crate) fn walk<'p>(&mut self, dir: NodeId, path: &'p str, follow: Follow) -> Result<Walk<'p>, FsError> {
        if path.is_empty() {
            return Err(FsError::NotFound);
        }
        if path.len() > MAX_PATH {
            return Err(FsError::NameTooLong);
        }
        if path.contains('\0') {
            return Err(FsError::Invalid);
        }
        if !self.node(dir).is_dir() {
            return Err(FsError::NotDir);
        }
        let mut text = Cow::Borrowed(path);
        let mut dir = dir;
        let mut links = 0;
        loop {
            match self.walk_text(dir, &text, follow)? {
                Step::Link { dir: from, target, rest } => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(FsError::Loop);
                    }
                    if target.is_empty() {
                        return Err(FsError::NotFound);
                    }
                    // At most 40 targets of 4 KiB: bounded by the number of links.
                    text = Cow::Owned(format!("{target}{}", &text[rest..]));
                    dir = from;
                }
                Step::Done { parent, last, node, slash } => {
                    let last = match last {
                        Found::Name(range) => Last::Name(match text {
                            Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
                            Cow::Owned(text) => Cow::Owned(text[range].to_owned()),
                        }),
                        Found::Dot => Last::Dot,
                        Found::DotDot => Last::DotDot,
                        Found::Root => Last::Root,
                    };
                    if slash && follow != Follow::Never && node.is_some_and(|node| !self.node(node).is_dir()) {
                        return Err(FsError::NotDir);
                    }
                    return Ok(Walk { parent, last, node, slash });
                }
            }
        }
    }

    /// One pass over a text, up to its end or the first link that must be followed.
    fn walk_text(&mut self, dir: NodeId, text: &str, follow: Follow) -> Result<Step, FsError> {
        let mut at = if text.starts_with('/') { ROOT } else { dir };
        let mut pos = 0;
        loop {
            let Some(start) = text[pos..].find(|c| c != '/').map(|skip| pos + skip) else {
                return Ok(Step::Done { parent: at, last: Found::Root, node: Some(at), slash: true });
            };
            let end = text[start..].find('/').map_or(text.len(), |len| start + len);
            let name = &text[start..end];
            let last = text[end..].bytes().all(|byte| byte == b'/');
            let slash = last && end < text.len();
            pos = end;
            if name == "." || name == ".." {
                let Kind::Dir { parent, .. } = self.node(at).kind else { return Err(FsError::NotDir) };
                let found = if name == "." {
                    Found::Dot
                } else {
                    at = parent;
                    Found::DotDot
                };
                if last {
                    return Ok(Step::Done { parent, last: found, node: Some(at), slash });
                }
                continue;
            }
            if name.len() > MAX_NAME {
                return Err(FsError::NameTooLong);
            }
            let child = self.child(at, name)?;
            let link = child.and_then(|child| match &self.node(child).kind {
                Kind::Link(target) => Some(target),
                _ => None,
            });
            if let Some(target) = link
                && (!last || follow == Follow::Yes || (follow == Follow::No && slash))
            {
                return Ok(Step::Link { dir: at, target: target.clone(), rest: end });
            }
            if last {
                return Ok(Step::Done { parent: at, last: Found::Name(start..end), node: child, slash });
            }
            at = child.ok_or(FsError::NotFound)?;
            if !self.node(at).is_dir() {
                return Err(FsError::NotDir);
            }
        }
    }

    /// Whether `above` is `below` or a folder on the way up from it.
    pub(crate) fn is_above(&self, above: NodeId, below: NodeId) -> bool {
        let mut at = below;
        loop {
            if at == above {
                return true;
            }
            match self.node(at).kind {
                // A removed folder is its own parent.
                Kind::Dir { parent, .. } if parent != at => at = parent,
                _ => return false,
            }
        }
    }
}
