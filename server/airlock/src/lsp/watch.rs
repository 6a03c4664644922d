//! Looks whether somebody else has left a proposal: an agent by `airlock mcp`, the command line, another editor. What is looked
//! at is when the files of a workspace's sessions changed; they are read where that says so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime};

use airlock_store::{DataFolder, Place, Store};

use super::message::{Inbox, Message};
use super::work::{found_near, repository_of};
use crate::config::Variables;
use crate::sessions;

/// How often files are looked at.
const TICK: Duration = Duration::from_millis(400);
/// How long after its making a folder may be without what describes it.
const SETTLED: Duration = Duration::from_secs(5);
/// Most workspaces that are watched.
const MOST: usize = 64;

/// Where folders are named whose sessions are to be watched.
#[derive(Clone)]
pub struct Watch(Sender<Vec<PathBuf>>);

impl Watch {
    /// Begins to watch; what is found goes to the inbox.
    pub fn begin(inbox: Inbox) -> Self {
        let (sender, named) = channel();
        let work = move || watch(&inbox, &named);
        if let Err(error) = std::thread::Builder::new().name("watch".to_owned()).spawn(work) {
            tracing::warn!("nobody looks for what others propose: {error}");
        }
        Self(sender)
    }

    /// Watches the sessions around these paths, too.
    pub fn near(&self, paths: &[PathBuf]) {
        // Nobody listens where the thread could not be started.
        let _ = self.0.send(paths.to_vec());
    }
}

/// One workspace.
struct Watched {
    /// A path in it.
    near: PathBuf,
    place: Option<Place>,
    store: Option<Store>,
    /// When its files, or the folder that would have them, changed last.
    stamp: Vec<Option<(SystemTime, u64)>>,
    /// Proposals that waited when it was looked at last.
    known: BTreeSet<String>,
}

fn watch(inbox: &Inbox, named: &Receiver<Vec<PathBuf>>) {
    let mut all: BTreeMap<PathBuf, Watched> = BTreeMap::new();
    loop {
        // Where nobody has named a folder there is nothing to look at, and no data folder to make.
        let next = if all.is_empty() {
            named.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            named.recv_timeout(TICK)
        };
        match next {
            Ok(paths) => {
                for near in paths {
                    let Some(repository) = repository_of(&near).filter(|_| all.len() < MOST) else { continue };
                    let new = Watched { near, place: None, store: None, stamp: Vec::new(), known: BTreeSet::new() };
                    all.entry(repository).or_insert(new);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if all.is_empty() {
            continue;
        }
        let Ok(data) = sessions::data_folder(&Variables::process(), None) else { continue };
        for (repository, watched) in &mut all {
            if !watched.has_new(&data, repository) {
                continue;
            }
            let found = found_near(std::slice::from_ref(&watched.near));
            if inbox.send(Message::Discovered { found, then: None }).is_err() {
                return;
            }
        }
    }
}

impl Watched {
    /// Whether a proposal waits that did not wait before.
    fn has_new(&mut self, data: &DataFolder, repository: &Path) -> bool {
        let files = match &self.place {
            Some(place) => vec![place.database(), place.database().with_extension("db-wal")],
            None => vec![data.workspaces()],
        };
        let stamp: Vec<_> = files.iter().map(|file| stamp(file)).collect();
        if stamp == self.stamp {
            return false;
        }
        self.stamp = stamp;
        if self.place.is_none() {
            self.place = data.find(repository).ok().flatten();
            // Its own files next time; and a folder that was just made may not be described yet.
            let is_fresh = |stamp: &(SystemTime, u64)| stamp.0.elapsed().is_ok_and(|age| age < SETTLED);
            if self.place.is_some() || self.stamp.iter().flatten().any(is_fresh) {
                self.stamp.clear();
            }
        }
        let Some(place) = &self.place else { return self.learn(BTreeSet::new()) };
        if self.store.is_none() {
            self.store = match sessions::open(place, None) {
                Ok((store, put_aside)) => {
                    if let Some(why) = put_aside {
                        tracing::warn!("{why}");
                    }
                    Some(store)
                }
                Err(_) => None,
            };
        }
        let Some(Ok(listed)) = self.store.as_ref().map(Store::list) else {
            // Put aside or removed, and perhaps there again later.
            (self.store, self.place) = (None, None);
            return false;
        };
        let waits = listed.into_iter().filter(|of| of.summary.as_ref().is_some_and(|summary| summary.waits));
        self.learn(waits.map(|listed| listed.id).collect())
    }

    /// Takes in what waits now.
    fn learn(&mut self, waiting: BTreeSet<String>) -> bool {
        let is_new = !waiting.is_subset(&self.known);
        self.known = waiting;
        is_new
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}
