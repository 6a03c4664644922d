//! Traces tell the truth: what they say cannot matter does not.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::support::{Fake, Item, over, tree};
use crate::vfs::{Digest, Follow, FsError, MAX_FACTS, ROOT, Seen, Trace, Vfs};

#[test]
fn what_is_seen_below_is_traced_and_nothing_else() {
    let mut vfs = tree(&["pkg/a.py=1", "pkg/b.py=2", "l->pkg"]);
    let _ = vfs.at("/w/l/none.py");
    vfs.text("/w/pkg/a.py").unwrap();
    vfs.put("/w/own", "x").unwrap();
    vfs.text("/w/own").unwrap();
    vfs.put("/tmp/t", "x").unwrap();
    let facts = &vfs.run_trace().mounts[&1];
    assert_eq!(facts.read.iter().collect::<Vec<_>>(), [(&"pkg/a.py".into(), &Digest::of(b"1"))]);
    assert_eq!(facts.missed.iter().map(AsRef::as_ref).collect::<Vec<_>>(), ["own", "pkg/none.py"]);
    assert_eq!(facts.seen.keys().map(AsRef::as_ref).collect::<Vec<_>>(), ["l", "pkg", "pkg/a.py"]);
    assert_eq!(facts.seen["l"], Seen::Link { target: "pkg".into() });
    assert!(facts.listed.is_empty());
    assert_eq!(vfs.run_trace().mounts.len(), 1);
    vfs.names("/w/pkg").unwrap();
    assert_eq!(vfs.run_trace().mounts[&1].listed["pkg"].names.len(), 2);

    // What is cut to nothing was not read.
    let mut vfs = tree(&["f=old"]);
    vfs.put("/w/f", "new").unwrap();
    assert!(vfs.run_trace().mounts[&1].read.is_empty());
    // What is written in part was.
    let mut vfs = tree(&["f=old"]);
    let node = vfs.at("/w/f").unwrap();
    vfs.write(node, 1, b"x").unwrap();
    assert_eq!(vfs.run_trace().mounts[&1].read.len(), 1);
}

#[test]
fn touches_knows_folders_above_and_below() {
    let mut vfs = tree(&["a/b/c=1", "a-b=2", "z/y=3"]);
    let _ = vfs.at("/w/none/deep/file");
    vfs.text("/w/a/b/c").unwrap();
    vfs.names("/w/z").unwrap();
    let trace = vfs.trace();
    for path in ["", "a", "a/b", "a/b/c", "a/b/c/d", "none", "none/x", "z", "z/new", "z/new/deep", "z/y"] {
        assert!(trace.touches(1, path), "{path}");
    }
    for path in ["a-b", "a/new", "a/b/new", "new", "new/deep", "nonesuch", "zz"] {
        assert!(!trace.touches(1, path), "{path}");
    }
    assert!(!trace.touches(2, "a"));
    assert!(trace.touches_content(1, "a/b/c") && !trace.touches_content(1, "z/q"));
}

#[test]
fn base_and_run_are_kept_apart() {
    let mut vfs = tree(&["a=1", "b=2"]);
    vfs.text("/w/a").unwrap();
    vfs.freeze();
    assert!(vfs.run_trace().is_empty());
    let mut fork = vfs.clone();
    fork.text("/w/a").unwrap();
    fork.text("/w/b").unwrap();
    let facts = &fork.run_trace().mounts[&1];
    assert_eq!(facts.read.keys().map(AsRef::as_ref).collect::<Vec<_>>(), ["b"]);
    assert_eq!(fork.trace().mounts[&1].read.len(), 2);
    assert_eq!(vfs.trace().mounts[&1].read.len(), 1);
    let json = serde_json::to_string(&fork.trace()).unwrap();
    assert_eq!(serde_json::from_str::<Trace>(&json).unwrap(), fork.trace());
}

#[test]
fn traces_that_contradict_each_other_vouch_for_nothing() {
    let read = |lines: &[&str]| {
        let mut vfs = tree(lines);
        let _ = vfs.text("/w/f");
        vfs.trace()
    };
    let mut trace = read(&["f=1"]);
    trace.merge(&read(&["f=1"]));
    assert!(!trace.incomplete);
    trace.merge(&read(&["f=2"]));
    assert!(trace.incomplete && trace.touches(9, "anything"));
}

#[test]
fn too_many_facts_are_given_up_and_cost_no_more_memory() {
    let mut vfs = tree(&[]);
    for at in 0..MAX_FACTS + 1_000 {
        assert_eq!(vfs.at(&format!("/w/{at}")), Err(FsError::NotFound));
    }
    let trace = vfs.run_trace();
    assert!(trace.incomplete && trace.len() == MAX_FACTS);
    assert!(trace.touches(1, "anything"));
}

#[derive(Clone, Debug)]
enum Look {
    Stat(String),
    Lstat(String),
    Read(String),
    List(String),
    /// The guest's own change, which hides what lies below.
    Remove(String),
    Write(String),
}

#[derive(Clone, Debug)]
enum Edit {
    Put(String, Item),
    Remove(String),
    /// Other bytes, as many or more, in a file that is there.
    Content(String, u8),
}

/// One to three names of a few, so that paths meet.
fn path() -> impl Strategy<Value = String> {
    vec(prop::sample::select(vec!["a", "b", "a-b", "l"]), 1..4).prop_map(|names| names.join("/"))
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        Just(Item::Dir),
        "[xy]{0,2}".prop_map(|text| Item::File(text.into_bytes())),
        prop::sample::select(vec!["a", "b/a", "../b", "/w/a", "l"]).prop_map(|target| Item::Link(target.to_owned())),
    ]
}

fn look() -> impl Strategy<Value = Look> {
    prop_oneof![
        path().prop_map(Look::Stat),
        path().prop_map(Look::Lstat),
        path().prop_map(Look::Read),
        prop_oneof![Just(String::new()), path()].prop_map(Look::List),
        path().prop_map(Look::Remove),
        path().prop_map(Look::Write),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (path(), item()).prop_map(|(path, item)| Edit::Put(path, item)),
        path().prop_map(Edit::Remove),
        (path(), any::<u8>()).prop_map(|(path, byte)| Edit::Content(path, byte)),
    ]
}

/// A source without paths through files or links.
fn source(items: Vec<(String, Item)>) -> Fake {
    let mut fake = Fake::default();
    for (path, item) in items {
        put_if_plain(&mut fake, &path, item);
    }
    fake
}

/// False where a file or link is in the way.
fn put_if_plain(fake: &mut Fake, path: &str, item: Item) -> bool {
    let free = path.match_indices('/').all(|(at, _)| matches!(fake.items.get(&path[..at]), None | Some(Item::Dir)));
    if free {
        if item != Item::Dir || fake.items.get(path) != Some(&Item::Dir) {
            fake.remove(path);
        }
        fake.put(path, item);
    }
    free
}

fn run(source: &Fake, looks: &[Look]) -> (Vec<String>, Trace) {
    let mut vfs: Vfs = over(Arc::new(source.clone()), true);
    let seen = looks.iter().map(|look| {
        let at = |path: &String| format!("/w/{path}");
        match look {
            Look::Stat(path) => format!("{:?}", vfs.at(&at(path)).map(|node| vfs.stat(node))),
            Look::Lstat(path) => {
                format!("{:?}", vfs.lookup(ROOT, &at(path), Follow::No).map(|node| vfs.stat(node)))
            }
            Look::Read(path) => format!("{:?}", vfs.text(&at(path))),
            Look::List(path) => {
                format!("{:?}", vfs.at(&at(path)).and_then(|node| vfs.read_dir(node)))
            }
            Look::Remove(path) => format!("{:?}", vfs.rm(&at(path)).or_else(|_| vfs.rmdir(&at(path)))),
            Look::Write(path) => format!("{:?}", vfs.put(&at(path), "own").map(drop)),
        }
    });
    let seen = seen.collect();
    (seen, vfs.trace())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_that_does_not_touch_changes_nothing(
        items in vec((path(), item()), 0..8),
        looks in vec(look(), 1..8),
        edit in edit(),
    ) {
        let before = source(items);
        let (seen, trace) = run(&before, &looks);
        prop_assert!(trace.holds(&before));
        let mut after = before.clone();
        let touched = match &edit {
            Edit::Put(path, item) => {
                put_if_plain(&mut after, path, item.clone());
                trace.touches(1, path)
            }
            Edit::Remove(path) => {
                after.remove(path);
                trace.touches(1, path)
            }
            Edit::Content(path, byte) => {
                if let Some(Item::File(bytes)) = after.items.get_mut(path) {
                    bytes.push(*byte);
                }
                trace.touches_content(1, path)
            }
        };
        let (seen_after, _) = run(&after, &looks);
        if !touched || trace.holds(&after) {
            prop_assert_eq!(seen_after, seen, "{:?} {:?}", edit, trace);
        }
        if !touched {
            prop_assert!(trace.holds(&after));
        }
    }
}
