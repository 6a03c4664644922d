//! Random operations against a file system that is a plain map from paths.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::support::{Fake, mount};
use crate::vfs::{Bottom, FsError, ROOT, Vfs};

#[derive(Clone, Debug, PartialEq)]
enum Entry {
    Dir,
    /// Index into the contents: two names of one file share it.
    File(usize),
    /// Its target, and a number that two names of one link share.
    Link(String, usize),
}

#[derive(Clone, Debug, Default)]
struct Model {
    entries: BTreeMap<Vec<String>, Entry>,
    contents: Vec<String>,
}

type Path = Vec<String>;

impl Model {
    fn get(&self, path: &[String]) -> Option<&Entry> {
        const ROOT: &Entry = &Entry::Dir;
        if path.is_empty() { Some(ROOT) } else { self.entries.get(path) }
    }

    /// The path without links; its last name need not exist.
    fn resolve(&self, from: Path, text: &str, follow: bool, links: &mut u32) -> Result<Path, FsError> {
        let mut at = if text.starts_with('/') { Path::new() } else { from };
        let names: Vec<&str> = text.split('/').filter(|name| !name.is_empty()).collect();
        for (index, name) in names.iter().enumerate() {
            let last = index + 1 == names.len();
            match *name {
                "." => continue,
                ".." => {
                    at.pop();
                    continue;
                }
                _ => {}
            }
            let mut next = at.clone();
            next.push((*name).to_owned());
            if let Some(Entry::Link(target, _)) = self.get(&next)
                && (!last || follow)
            {
                *links += 1;
                if *links > 40 {
                    return Err(FsError::Loop);
                }
                next = self.resolve(at, target, true, links)?;
            }
            if !last {
                match self.get(&next) {
                    None => return Err(FsError::NotFound),
                    Some(Entry::Dir) => {}
                    Some(_) => return Err(FsError::NotDir),
                }
            }
            at = next;
        }
        Ok(at)
    }

    fn name(&self, text: &str) -> Result<Path, FsError> {
        self.resolve(Path::new(), text, false, &mut 0)
    }

    fn below(&self, path: &Path) -> Vec<Path> {
        self.entries.keys().filter(|key| key.len() > path.len() && key.starts_with(path)).cloned().collect()
    }

    fn write(&mut self, text: &str, content: &str) -> Result<(), FsError> {
        let path = self.resolve(Path::new(), text, true, &mut 0)?;
        match self.get(&path).cloned() {
            Some(Entry::File(index)) => self.contents[index] = content.to_owned(),
            Some(_) => return Err(FsError::IsDir),
            None => {
                self.contents.push(content.to_owned());
                self.entries.insert(path, Entry::File(self.contents.len() - 1));
            }
        }
        Ok(())
    }

    fn add(&mut self, text: &str, entry: Entry) -> Result<(), FsError> {
        let path = self.name(text)?;
        if self.get(&path).is_some() {
            return Err(FsError::Exists);
        }
        self.entries.insert(path, entry);
        Ok(())
    }

    fn unlink(&mut self, text: &str) -> Result<(), FsError> {
        let path = self.name(text)?;
        match self.get(&path) {
            None => Err(FsError::NotFound),
            Some(Entry::Dir) => Err(FsError::IsDir),
            Some(_) => {
                self.entries.remove(&path);
                Ok(())
            }
        }
    }

    fn rmdir(&mut self, text: &str) -> Result<(), FsError> {
        let path = self.name(text)?;
        match self.get(&path) {
            None => Err(FsError::NotFound),
            Some(Entry::Dir) if self.below(&path).is_empty() => {
                self.entries.remove(&path);
                Ok(())
            }
            Some(Entry::Dir) => Err(FsError::NotEmpty),
            Some(_) => Err(FsError::NotDir),
        }
    }

    fn rename(&mut self, old: &str, new: &str) -> Result<(), FsError> {
        let (old, new) = (self.name(old)?, self.name(new)?);
        let entry = self.get(&old).ok_or(FsError::NotFound)?.clone();
        let over = self.get(&new).cloned();
        if old == new || (entry != Entry::Dir && over.as_ref() == Some(&entry)) {
            return Ok(());
        }
        if entry == Entry::Dir && new.starts_with(&old) {
            return Err(FsError::Invalid);
        }
        match (&entry, over) {
            (_, None) => {}
            (Entry::Dir, Some(Entry::Dir)) if self.below(&new).is_empty() => {}
            (Entry::Dir, Some(Entry::Dir)) => return Err(FsError::NotEmpty),
            (Entry::Dir, Some(_)) => return Err(FsError::NotDir),
            (_, Some(Entry::Dir)) => return Err(FsError::IsDir),
            (_, Some(_)) => {}
        }
        for from in self.below(&old).into_iter().chain([old.clone()]) {
            if let Some(entry) = self.entries.remove(&from) {
                let to = new.iter().chain(&from[old.len()..]).cloned().collect();
                self.entries.insert(to, entry);
            }
        }
        Ok(())
    }

    fn link(&mut self, old: &str, new: &str) -> Result<(), FsError> {
        let old = self.name(old)?;
        let entry = self.get(&old).ok_or(FsError::NotFound)?.clone();
        let new = self.name(new)?;
        if entry == Entry::Dir {
            return Err(FsError::NotPermitted);
        }
        if self.get(&new).is_some() {
            return Err(FsError::Exists);
        }
        self.entries.insert(new, entry);
        Ok(())
    }

    fn dump(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.dump_into(&Path::new(), &mut lines);
        lines
    }

    fn dump_into(&self, dir: &Path, lines: &mut Vec<String>) {
        for (path, entry) in &self.entries {
            if path.len() != dir.len() + 1 || !path.starts_with(dir) {
                continue;
            }
            let text = format!("/{}", path.join("/"));
            match entry {
                Entry::Dir => {
                    lines.push(format!("{text}/"));
                    self.dump_into(path, lines);
                }
                Entry::File(index) => lines.push(format!("{text}={}", self.contents[*index])),
                Entry::Link(target, _) => lines.push(format!("{text}->{target}")),
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Write(String, String),
    Mkdir(String),
    Symlink(String, String),
    Unlink(String),
    Rmdir(String),
    Rename(String, String),
    Link(String, String),
    Freeze,
    Fork,
    Image,
}

fn path() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "c"]);
    let on_the_way = prop_oneof![6 => name.clone(), 1 => Just(".."), 1 => Just(".")];
    (vec(on_the_way, 0..3), name).prop_map(|(way, name)| way.into_iter().chain([name]).collect::<Vec<_>>().join("/"))
}

fn op() -> impl Strategy<Value = Op> {
    let target = prop::sample::select(vec!["a", "b/c", "../a", "/c", ".", "/a/b"]);
    prop_oneof![
        4 => (path(), "[pqr]{0,3}").prop_map(|(path, text)| Op::Write(path, text)),
        3 => path().prop_map(Op::Mkdir),
        2 => (target, path()).prop_map(|(target, path)| Op::Symlink(target.to_owned(), path)),
        3 => path().prop_map(Op::Unlink),
        2 => path().prop_map(Op::Rmdir),
        4 => (path(), path()).prop_map(|(old, new)| Op::Rename(old, new)),
        2 => (path(), path()).prop_map(|(old, new)| Op::Link(old, new)),
        1 => Just(Op::Freeze),
        1 => Just(Op::Fork),
        1 => Just(Op::Image),
    ]
}

const BELOW: &[&str] = &["a/a=1", "a/b/c=2", "a/b/a=3", "b=4", "c->a/b"];

fn start() -> (Vfs, Model, Arc<Bottom>) {
    let fake = Fake::new(BELOW);
    let mut model = Model::default();
    for (path, item) in &fake.items {
        let path: Path = path.split('/').map(str::to_owned).collect();
        let entry = match item {
            super::support::Item::File(bytes) => {
                model.contents.push(String::from_utf8_lossy(bytes).into_owned());
                Entry::File(model.contents.len() - 1)
            }
            super::support::Item::Link(target) => Entry::Link(target.clone(), usize::MAX),
            _ => Entry::Dir,
        };
        model.entries.insert(path, entry);
    }
    let bottom = Arc::new(Bottom::new(Arc::new(fake)));
    let mut vfs = Vfs::builder().mount(mount("/", 1, true)).build().unwrap();
    vfs.set_bottom(bottom.clone());
    (vfs, model, bottom)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_tree_does_what_the_model_does(ops in vec(op(), 1..40)) {
        let (mut vfs, mut model, bottom) = start();
        let mut forks = Vec::new();
        for (number, op) in ops.iter().enumerate() {
            let (got, expected) = match op {
                Op::Write(path, text) => (vfs.put(path, text).map(drop), model.write(path, text)),
                Op::Mkdir(path) => (vfs.mkdir(path), model.add(path, Entry::Dir)),
                Op::Symlink(target, path) => {
                    (vfs.symlink(target, path), model.add(path, Entry::Link(target.clone(), number)))
                }
                Op::Unlink(path) => (vfs.rm(path), model.unlink(path)),
                Op::Rmdir(path) => (vfs.rmdir(path), model.rmdir(path)),
                Op::Rename(old, new) => (vfs.mv(old, new), model.rename(old, new)),
                Op::Link(old, new) => (vfs.ln(old, new), model.link(old, new)),
                Op::Freeze => {
                    vfs.freeze();
                    (Ok(()), Ok(()))
                }
                Op::Fork => {
                    let fork = vfs.clone();
                    forks.push((std::mem::replace(&mut vfs, fork), model.dump()));
                    (Ok(()), Ok(()))
                }
                Op::Image => {
                    let saved = postcard::to_stdvec(&vfs).unwrap();
                    vfs = postcard::from_bytes(&saved).unwrap();
                    vfs.set_bottom(bottom.clone());
                    (Ok(()), Ok(()))
                }
            };
            prop_assert_eq!(got, expected, "{:?}", op);
        }
        prop_assert_eq!(vfs.dump("/"), model.dump());
        for (mut fork, expected) in forks {
            prop_assert_eq!(fork.dump("/"), expected);
        }
        // Everything removed: the quota is whole again, whatever the way here.
        let all = model.dump();
        for line in all.iter().rev() {
            match line.split_once('=').or_else(|| line.split_once("->")) {
                Some((path, _)) => vfs.rm(path).unwrap(),
                None => vfs.rmdir(line.trim_end_matches('/')).unwrap(),
            }
        }
        prop_assert_eq!(vfs.used(), crate::vfs::FsUsage::default());
        prop_assert_eq!(vfs.read_dir(ROOT), Ok(Vec::new()));
    }
}
