//! The table of nodes in two layers: what was frozen, shared by all forks, and what changed since.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::node::{IdMap, Kind, Node, NodeId, ROOT};

/// What is known of a name in a folder. Unknown names are asked of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Child {
    Node(NodeId),
    /// From the source, put here by an overlay on its way: the guest has not looked yet, so no trace has it.
    Unseen(NodeId),
    /// Nothing there: removed by the guest or an overlay, or looked up before (and traced).
    Gone,
}

pub(crate) type Entries = BTreeMap<Box<str>, Child>;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Frozen {
    nodes: Vec<Node>,
    entries: IdMap<NodeId, Entries>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "RawStore")]
pub(crate) struct Store {
    frozen: Arc<Frozen>,
    /// Frozen nodes that changed.
    changed: IdMap<NodeId, Node>,
    /// New nodes, numbered from the end of the frozen ones.
    added: Vec<Node>,
    entries: IdMap<NodeId, Entries>,
    births: u32,
    free: Vec<NodeId>,
}

/// What comes from outside, not yet known to hang together.
#[derive(Deserialize)]
struct RawStore {
    frozen: Arc<Frozen>,
    changed: IdMap<NodeId, Node>,
    added: Vec<Node>,
    entries: IdMap<NodeId, Entries>,
    births: u32,
    free: Vec<NodeId>,
}

impl TryFrom<RawStore> for Store {
    type Error = &'static str;

    fn try_from(raw: RawStore) -> Result<Self, Self::Error> {
        let RawStore { frozen, changed, added, entries, births, free } = raw;
        let store = Self { frozen, changed, added, entries, births, free };
        store.check().then_some(store).ok_or("the file system's table names nodes that it does not have")
    }
}

impl Store {
    pub(crate) fn new(root: Node) -> Self {
        Self {
            frozen: Arc::default(),
            changed: IdMap::default(),
            added: vec![root],
            entries: IdMap::default(),
            births: 0,
            free: Vec::new(),
        }
    }

    fn base(&self) -> usize {
        self.frozen.nodes.len()
    }

    pub(crate) fn has(&self, id: NodeId) -> bool {
        (id.0 as usize) < self.base() + self.added.len()
    }

    /// Every number in the table is a node of it, and the root is a folder.
    fn check(&self) -> bool {
        let named = self.frozen.entries.iter().chain(&self.entries).all(|(dir, entries)| {
            self.has(*dir)
                && entries.values().all(|child| match child {
                    Child::Node(id) | Child::Unseen(id) => self.has(*id),
                    Child::Gone => true,
                })
        });
        let parents =
            self.frozen.nodes.iter().chain(self.changed.values()).chain(&self.added).all(|node| match node.kind {
                Kind::Dir { parent, .. } => self.has(parent),
                _ => true,
            });
        named
            && parents
            && self.changed.keys().all(|id| (id.0 as usize) < self.base())
            && self.free.iter().all(|id| self.has(*id))
            && self.has(ROOT)
            && self.get(ROOT).is_dir()
    }

    pub(crate) fn get(&self, id: NodeId) -> &Node {
        let at = id.0 as usize;
        match at.checked_sub(self.base()) {
            Some(at) => &self.added[at],
            None if self.changed.is_empty() => &self.frozen.nodes[at],
            None => self.changed.get(&id).unwrap_or_else(|| &self.frozen.nodes[at]),
        }
    }

    pub(crate) fn get_mut(&mut self, id: NodeId) -> &mut Node {
        let at = id.0 as usize;
        match at.checked_sub(self.base()) {
            Some(at) => &mut self.added[at],
            None => {
                let frozen = &self.frozen;
                self.changed.entry(id).or_insert_with(|| frozen.nodes[at].clone())
            }
        }
    }

    /// None when the numbers are used up.
    pub(crate) fn insert(&mut self, node: Node) -> Option<NodeId> {
        if let Some(id) = self.free.pop() {
            *self.get_mut(id) = node;
            return Some(id);
        }
        let id = NodeId(u32::try_from(self.base() + self.added.len()).ok()?);
        self.added.push(node);
        Some(id)
    }

    /// Gives up a removed node's memory, and its number where no frozen layer knows it.
    pub(crate) fn release(&mut self, id: NodeId) {
        let node = self.get_mut(id);
        node.kind = Kind::File(super::node::Content::empty());
        node.counted = false;
        if id.0 as usize >= self.base() {
            self.entries.remove(&id);
            self.free.push(id);
        }
    }

    pub(crate) fn child(&self, dir: NodeId, name: &str) -> Option<Child> {
        if let Some(child) = self.entries.get(&dir).and_then(|entries| entries.get(name)) {
            return Some(*child);
        }
        self.frozen.entries.get(&dir).and_then(|entries| entries.get(name)).copied()
    }

    pub(crate) fn set_child(&mut self, dir: NodeId, name: &str, child: Child) {
        let entries = self.entries.entry(dir).or_default();
        match entries.get_mut(name) {
            Some(slot) => *slot = child,
            None => {
                entries.insert(name.into(), child);
            }
        }
    }

    /// Takes a name away. `hides`: there is or may be something of that name below.
    pub(crate) fn remove_child(&mut self, dir: NodeId, name: &str, hides: bool) {
        let frozen = self.frozen.entries.get(&dir).is_some_and(|entries| entries.contains_key(name));
        if hides || frozen {
            self.set_child(dir, name, Child::Gone);
        } else if let Some(entries) = self.entries.get_mut(&dir) {
            entries.remove(name);
        }
    }

    /// The known names of a folder, sorted, those that are gone included.
    pub(crate) fn children(&self, dir: NodeId) -> BTreeMap<&str, Child> {
        let frozen = self.frozen.entries.get(&dir).into_iter().flatten();
        let own = self.entries.get(&dir).into_iter().flatten();
        frozen.chain(own).map(|(name, child)| (name.as_ref(), *child)).collect()
    }

    /// Numbers the nodes the guest makes, from 1; in a run of four thousand million, numbers come again.
    pub(crate) fn birth(&mut self) -> u32 {
        self.births = self.births.wrapping_add(1).max(1);
        self.births
    }

    /// Folds what changed into the frozen layer, copying it only where another fork still holds it.
    pub(crate) fn freeze(&mut self) {
        let frozen = Arc::make_mut(&mut self.frozen);
        for (id, node) in self.changed.drain() {
            frozen.nodes[id.0 as usize] = node;
        }
        frozen.nodes.append(&mut self.added);
        for (dir, entries) in self.entries.drain() {
            frozen.entries.entry(dir).or_default().extend(entries);
        }
    }

    /// Nodes in the table, removed ones included.
    pub(crate) fn len(&self) -> usize {
        self.base() + self.added.len()
    }
}
