//! What a run depended on, path by path.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::source::{EntryKind, Source, SourceEntry, SourceError};

/// Facts one trace keeps. A run that looks at more is marked [`Trace::incomplete`] and can never be reused.
pub const MAX_FACTS: usize = 200_000;

/// A BLAKE3 hash, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        blake3::Hash::from_hex(text.as_bytes()).map(|hash| Self(*hash.as_bytes())).map_err(serde::de::Error::custom)
    }
}

/// What a lookup that succeeded told the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen {
    File { len: u64, executable: bool },
    Dir,
    Link { target: Arc<str> },
}

/// What a folder's listing told the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Hash of the names and kinds.
    pub hash: Digest,
    /// The names, sorted; shared with the source's cache, so that a trace costs little.
    pub names: Arc<[Box<str>]>,
}

impl Listed {
    /// `entries` sorted by name.
    pub(crate) fn of(entries: &[SourceEntry]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for entry in entries {
            // No name holds a NUL, so the encoding is unambiguous.
            let kind: &[u8] = match entry.kind {
                EntryKind::File { .. } => b"\0f",
                EntryKind::Dir => b"\0d",
                EntryKind::Link { .. } => b"\0l",
            };
            hasher.update(entry.name.as_bytes()).update(kind);
        }
        let names = entries.iter().map(|entry| entry.name.as_str().into()).collect();
        Self { hash: Digest(*hasher.finalize().as_bytes()), names }
    }

    /// A name that is not as it was, where there is one; of one that changed its kind, any.
    fn changed<'n>(&'n self, entries: &'n [SourceEntry]) -> Option<&'n str> {
        let now = Self::of(entries);
        if now.hash == self.hash {
            return None;
        }
        let new = entries.iter().map(|entry| entry.name.as_str()).find(|name| !self.has(name));
        new.or_else(|| self.names.iter().map(AsRef::as_ref).find(|name| !now.has(name))).or(Some(""))
    }

    fn has(&self, name: &str) -> bool {
        self.names.binary_search_by(|known| known.as_ref().cmp(name)).is_ok()
    }
}

/// The facts about one mount. Paths are relative to the mount's root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountTrace {
    /// Files whose bytes were read, with their hash.
    pub read: BTreeMap<Box<str>, Digest>,
    /// Paths that were looked up and not there.
    pub missed: BTreeSet<Box<str>>,
    /// Folders that were listed.
    pub listed: BTreeMap<Box<str>, Listed>,
    /// Paths that were looked up and there.
    pub seen: BTreeMap<Box<str>, Seen>,
}

/// What a run saw of the sources below its file system. What it wrote itself, or what an overlay gave it, is not here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub mounts: BTreeMap<u32, MountTrace>,
    /// Set when facts are missing (too many, or a source that failed or contradicted itself): anything may matter.
    pub incomplete: bool,
}

fn at_or_below<V>(map: &BTreeMap<Box<str>, V>, path: &str, below: &str) -> bool {
    // Two probes: names such as `a-b` sort between `a` and `a/b`.
    map.contains_key(path)
        || map
            .range::<str, _>((std::ops::Bound::Included(below), std::ops::Bound::Unbounded))
            .next()
            .is_some_and(|(key, _)| key.starts_with(below))
}

impl MountTrace {
    fn is_empty(&self) -> bool {
        self.facts() == 0
    }

    fn facts(&self) -> usize {
        self.read.len() + self.missed.len() + self.listed.len() + self.seen.len()
    }

    fn touches(&self, path: &str) -> bool {
        if path.is_empty() {
            return !self.is_empty();
        }
        let below = format!("{path}/");
        let missed = self.missed.contains(path)
            || self
                .missed
                .range::<str, _>((std::ops::Bound::Included(below.as_str()), std::ops::Bound::Unbounded))
                .next()
                .is_some_and(|key| key.starts_with(&below));
        missed
            || at_or_below(&self.read, path, &below)
            || at_or_below(&self.listed, path, &below)
            || at_or_below(&self.seen, path, &below)
            || self.touches_above(path)
    }

    /// Whether the existence of `path` contradicts something known of the folders above it.
    fn touches_above(&self, path: &str) -> bool {
        let mut start = 0;
        loop {
            let above = path[..start].trim_end_matches('/');
            let rest = &path[start..];
            let (next, last) = match rest.split_once('/') {
                Some((next, _)) => (next, false),
                None => (rest, true),
            };
            if let Some(listed) = self.listed.get(above)
                && (last || !listed.has(next))
            {
                return true;
            }
            if !above.is_empty()
                && (self.missed.contains(above)
                    || self.read.contains_key(above)
                    || self.seen.get(above).is_some_and(|seen| *seen != Seen::Dir))
            {
                return true;
            }
            if last {
                return false;
            }
            start += next.len() + 1;
        }
    }
}

impl Trace {
    /// Whether adding, changing or removing `path` (and with it whatever lies below) could change what the run saw:
    /// its bytes, its kind or length, its absence or that of a folder above, a listing it appears in. Never a false
    /// "no", if asked about every path that changes (a file that gives way to a folder is one); a change of bytes alone is answered more exactly by [`touches_content`](Self::touches_content).
    pub fn touches(&self, mount: u32, path: &str) -> bool {
        self.incomplete || self.mounts.get(&mount).is_some_and(|facts| facts.touches(path))
    }

    /// Whether other bytes in a file that exists before and after could change what the run saw: they were read, or
    /// their number was.
    pub fn touches_content(&self, mount: u32, path: &str) -> bool {
        self.incomplete
            || self.mounts.get(&mount).is_some_and(|facts| {
                facts.read.contains_key(path) || facts.seen.contains_key(path) || facts.missed.contains(path)
            })
    }

    /// Adds another trace's facts. Two that contradict each other make the result incomplete.
    pub fn merge(&mut self, other: &Self) {
        fn join<V: Clone + PartialEq>(into: &mut BTreeMap<Box<str>, V>, from: &BTreeMap<Box<str>, V>) -> bool {
            let mut agree = true;
            for (path, value) in from {
                agree &= into.entry(path.clone()).or_insert_with(|| value.clone()) == value;
            }
            agree
        }
        self.incomplete |= other.incomplete;
        for (mount, facts) in &other.mounts {
            let own = self.mounts.entry(*mount).or_default();
            own.missed.extend(facts.missed.iter().cloned());
            let agree = join(&mut own.read, &facts.read)
                & join(&mut own.listed, &facts.listed)
                & join(&mut own.seen, &facts.seen);
            self.incomplete |= !agree;
        }
    }

    /// The number of facts.
    pub fn len(&self) -> usize {
        self.mounts.values().map(MountTrace::facts).sum()
    }

    pub fn is_empty(&self) -> bool {
        !self.incomplete && self.mounts.values().all(MountTrace::is_empty)
    }

    /// The first path, with its mount, of which a source would tell something else than the run saw; of mounts that `asked`
    /// picks. Facts that the trace lacks are not compared.
    pub fn changed(&self, source: &dyn Source, asked: impl Fn(u32) -> bool) -> Option<(u32, String)> {
        let mounts = self.mounts.iter().filter(|(mount, _)| asked(**mount));
        mounts.filter_map(|(mount, facts)| Some((*mount, facts.changed(*mount, source)?))).next()
    }

    /// Whether a source would still tell the run all it saw. Asks for every traced folder and reads every traced file.
    pub fn holds(&self, source: &dyn Source) -> bool {
        !self.incomplete && self.changed(source, |_| true).is_none()
    }
}

impl MountTrace {
    fn changed(&self, mount: u32, source: &dyn Source) -> Option<String> {
        let mut folders: BTreeMap<&str, Option<Vec<SourceEntry>>> = BTreeMap::new();
        let list = |dir: &str| match source.list(mount, dir) {
            Ok(mut entries) => {
                entries.sort_by(|a, b| a.name.cmp(&b.name));
                Ok(Some(entries))
            }
            // A folder above a path that was missed may have gone since: still missed.
            Err(SourceError::NotFound) => Ok(None),
            Err(error) => Err(error),
        };
        let paths = self.seen.keys().chain(&self.missed).map(|path| parent_and_name(path).0);
        for dir in paths.chain(self.listed.keys().map(AsRef::as_ref)) {
            if !folders.contains_key(dir) {
                let Ok(listing) = list(dir) else { return Some(dir.to_owned()) };
                folders.insert(dir, listing);
            }
        }
        let find = |path: &str| {
            let (dir, name) = parent_and_name(path);
            let entries = folders.get(dir)?.as_ref()?;
            entries.iter().find(|entry| entry.name == name)
        };
        let missed = self.missed.iter().find(|path| find(path).is_some());
        let seen = || {
            let other = |path: &str, seen: &Seen| find(path).is_none_or(|entry| entry.seen() != *seen);
            self.seen.iter().find(|(path, seen)| other(path, seen)).map(|(path, _)| path)
        };
        let listed = || {
            let change = |dir: &str, listed: &Listed| match folders.get(dir).and_then(Option::as_ref) {
                Some(entries) => listed.changed(entries).map(|name| joined(dir, name)),
                None => Some(dir.to_owned()),
            };
            self.listed.iter().find_map(|(dir, listed)| change(dir, listed))
        };
        let read = || {
            let same =
                |path: &str, digest: &Digest| source.read(mount, path).is_ok_and(|bytes| Digest::of(&bytes) == *digest);
            self.read.iter().find(|(path, digest)| !same(path, digest)).map(|(path, _)| path)
        };
        missed.or_else(seen).map(ToString::to_string).or_else(listed).or_else(|| read().map(ToString::to_string))
    }
}

fn joined(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

fn parent_and_name(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// The trace of a process: what its image saw, shared, and what it saw itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Recorder {
    pub(crate) base: Arc<Trace>,
    pub(crate) run: Trace,
    facts: usize,
}

impl Recorder {
    pub(crate) fn whole(&self) -> Trace {
        let mut whole = Trace::clone(&self.base);
        whole.merge(&self.run);
        whole
    }

    pub(crate) fn freeze(&mut self) {
        Arc::make_mut(&mut self.base).merge(&self.run);
        self.run = Trace::default();
    }

    /// Room for one more fact, or the trace is given up.
    fn room(&mut self) -> bool {
        self.facts += 1;
        if self.facts > MAX_FACTS {
            self.run.incomplete = true;
        }
        self.facts <= MAX_FACTS
    }

    fn facts(&mut self, mount: u32) -> &mut MountTrace {
        self.run.mounts.entry(mount).or_default()
    }

    pub(crate) fn give_up(&mut self) {
        self.run.incomplete = true;
    }

    /// False when there was no room: the caller must not remember the miss, or memory would grow without bound.
    pub(crate) fn missed(&mut self, mount: u32, path: &str) -> bool {
        let known = |trace: &Trace| trace.mounts.get(&mount).is_some_and(|facts| facts.missed.contains(path));
        let known = known(&self.run) || known(&self.base);
        let room = known || self.room();
        if room && !known {
            self.facts(mount).missed.insert(path.into());
        }
        room
    }

    pub(crate) fn seen(&mut self, mount: u32, path: &str, seen: Seen) {
        let known = |trace: &Trace| trace.mounts.get(&mount).is_some_and(|facts| facts.seen.contains_key(path));
        if !known(&self.run) && !known(&self.base) && self.room() {
            self.facts(mount).seen.insert(path.into(), seen);
        }
    }

    pub(crate) fn listed(&mut self, mount: u32, path: &str, listed: &Listed) {
        let known = |trace: &Trace| trace.mounts.get(&mount).is_some_and(|facts| facts.listed.contains_key(path));
        if !known(&self.base) && !known(&self.run) && self.room() {
            self.facts(mount).listed.insert(path.into(), listed.clone());
        }
    }

    /// Whether the bytes are those the run (or its image) read before, if it did.
    pub(crate) fn read(&mut self, mount: u32, path: &str, digest: Digest) -> bool {
        let known = |trace: &Trace| trace.mounts.get(&mount).and_then(|facts| facts.read.get(path)).copied();
        match known(&self.run).or_else(|| known(&self.base)) {
            Some(before) => before == digest,
            None => {
                if self.room() {
                    self.facts(mount).read.insert(path.into(), digest);
                }
                true
            }
        }
    }
}
