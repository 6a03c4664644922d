//! Laws of edits, against a plain-text oracle, over texts with the endings and characters that break editors: CRLF, mixed
//! endings, a byte order mark, no final newline, characters outside the basic plane, bytes that are not UTF-8.

use airlock_core::diff::split_lines;
use airlock_core::hunk::HunkId;
use airlock_core::merge::{Merged, merge3, undo};
use airlock_core::patch;
use airlock_core::path::WorkspacePath;
use airlock_core::proposal::{FileState, Proposal};
use proptest::prelude::*;

/// One line's text; few different ones, so that lines repeat and a diff has choices.
fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "c", "", "    x", "}"]).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::sample::select(vec!["\u{feff}bom", "𝒳 👍", "e\u{301}", "- minus", "+ plus", "\\ No newline", "@@ -1 +1 @@", "--- a/x", "tab\t", "cr\rcr"])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => Just(vec![0xff, 0xfe, 0x80]),
    ]
}

fn ending() -> impl Strategy<Value = &'static [u8]> {
    prop_oneof![5 => Just(&b"\n"[..]), 2 => Just(&b"\r\n"[..])]
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    (word(), ending()).prop_map(|(mut word, ending)| {
        word.extend_from_slice(ending);
        word
    })
}

/// Lines and perhaps a last one without an ending.
fn text() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(line(), 0..14), prop::option::of(word())).prop_map(|(lines, last)| {
        let mut bytes = lines.concat();
        bytes.extend(last.unwrap_or_default());
        bytes
    })
}

/// A base and an edit of it: whole lines replaced, inserted and removed.
fn edited() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    (prop::collection::vec((line(), 0..8_u8, line()), 0..24), prop::option::of((word(), any::<bool>()))).prop_map(
        |(lines, last)| {
            let (mut base, mut new) = (Vec::new(), Vec::new());
            for (line, action, other) in lines {
                base.extend_from_slice(&line);
                match action {
                    0 => new.extend_from_slice(&other),
                    1 => {}
                    2 => {
                        new.extend_from_slice(&other);
                        new.extend_from_slice(&line);
                    }
                    _ => new.extend_from_slice(&line),
                }
            }
            if let Some((word, kept)) = last {
                base.extend_from_slice(&word);
                if kept {
                    new.extend_from_slice(&word);
                }
            }
            (base, new)
        },
    )
}

fn path() -> WorkspacePath {
    WorkspacePath::new("a.py").unwrap()
}

fn proposal(base: &[u8], new: &[u8]) -> Proposal {
    Proposal::new("test", [(path(), Some(FileState::new(base, false)), Some(FileState::new(new, false)))]).unwrap()
}

fn result(proposal: &Proposal, base: &[u8]) -> Vec<u8> {
    proposal.get(&path()).map_or(base.to_vec(), |change| change.new_state().unwrap().bytes().to_vec())
}

/// The oracle: lays the chosen line changes over the base, one after the other from the end, on a plain list of lines.
fn oracle(base: &[u8], whole: &Proposal, chosen: &[HunkId]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = split_lines(base).into_iter().map(<[u8]>::to_vec).collect();
    let Some(change) = whole.get(&path()) else { return base.to_vec() };
    let new = split_lines(change.new_state().unwrap().bytes());
    for (hunk, place) in change.hunks().iter().zip(change.line_changes()).rev() {
        if chosen.contains(&hunk.id) {
            let text = new[place.new].iter().map(|line| line.to_vec());
            lines.splice(place.base, text);
        }
    }
    lines.concat()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hunks_in_any_order_equal_the_whole((base, new) in edited(), seed in any::<u64>()) {
        let whole = proposal(&base, &new);
        prop_assert_eq!(result(&whole, &base), new);
        let mut ids: Vec<_> = whole.hunks().map(|(_, hunk)| hunk.id).collect();
        let mut sorted = ids.clone();
        sorted.sort();
        sorted.dedup();
        prop_assert_eq!(sorted.len(), ids.len(), "ids are unique");
        // A shuffle by the seed.
        let mut state = seed;
        for index in (1..ids.len()).rev() {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ids.swap(index, (state >> 33) as usize % (index + 1));
        }
        // Taken one after the other: each prefix is what the oracle says, and the last is the whole.
        for count in 0..=ids.len() {
            let part = whole.take(&ids[..count]).unwrap();
            prop_assert_eq!(result(&part, &base), oracle(&base, &whole, &ids[..count]));
            // Parts keep their ids, and a part of a part is a part.
            let again: Vec<_> = part.hunks().map(|(_, hunk)| hunk.id).collect();
            prop_assert!(again.iter().all(|id| ids[..count].contains(id)));
            prop_assert_eq!(&part.take(&again).unwrap(), &part);
        }
        prop_assert_eq!(&whole.take(&ids).unwrap(), &whole);
    }

    #[test]
    fn merge_laws(base in text(), x in text(), y in text()) {
        prop_assert_eq!(merge3(&base, &x, &base).clean(), Some(x.clone()));
        prop_assert_eq!(merge3(&base, &base, &y).clean(), Some(y.clone()));
        prop_assert_eq!(merge3(&base, &x, &x).clean(), Some(x.clone()));
        match (merge3(&base, &x, &y), merge3(&base, &y, &x)) {
            (Merged::Clean(one), Merged::Clean(other)) => prop_assert_eq!(one, other),
            (Merged::Conflict(one), Merged::Conflict(other)) => {
                prop_assert_eq!(one.regions.len(), other.regions.len());
                for (one, other) in one.regions.iter().zip(&other.regions) {
                    prop_assert_eq!((&one.lines, &one.base, &one.ours, &one.theirs), (&other.lines, &other.base, &other.theirs, &other.ours));
                }
            }
            (one, other) => prop_assert!(false, "{one:?} but {other:?}"),
        }
    }

    #[test]
    fn edits_apart_commute((head, new_head) in edited(), (tail, new_tail) in edited()) {
        // A wall of lines that occur once keeps both edits apart, whatever alignment the diffs choose.
        let wall: Vec<u8> = (0..4).flat_map(|n| format!("wall {n}\n").into_bytes()).collect();
        let lined = |mut text: Vec<u8>| { if !text.is_empty() && text.last() != Some(&b'\n') { text.push(b'\n'); } text };
        let (head, new_head) = (lined(head), lined(new_head));
        let join = |head: &[u8], tail: &[u8]| [head, &wall, tail].concat();
        let base = join(&head, &tail);
        let merged = merge3(&base, &join(&new_head, &tail), &join(&head, &new_tail));
        prop_assert_eq!(merged.clean(), Some(join(&new_head, &new_tail)));
    }

    #[test]
    fn undo_is_the_way_back((base, new) in edited()) {
        prop_assert_eq!(undo(&base, &new, &new).clean(), Some(base.clone()));
        let whole = proposal(&base, &new);
        let back = whole.undo(|_| Some(FileState::new(&new[..], false))).unwrap();
        prop_assert_eq!(result(&back, &new), base.clone());
        let same = whole.rebase(|_| Some(FileState::new(&base[..], false))).unwrap();
        prop_assert_eq!(same.hash(), whole.hash());
    }

    #[test]
    fn a_diff_read_back_is_the_proposal((base, new) in edited(), executable in any::<bool>()) {
        let states = (Some(FileState::new(&base[..], false)), Some(FileState::new(&new[..], executable)));
        let whole = Proposal::new("test", [(path(), states.0.clone(), states.1)]).unwrap();
        if !whole.is_empty() {
            let applied = patch::parse(&whole.diff()).unwrap().apply("test", |_| Ok(states.0.clone())).unwrap();
            prop_assert_eq!(applied.proposal.hash(), whole.hash());
            prop_assert!(applied.notes.is_empty());
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = patch::parse(&bytes);
    }

    #[test]
    fn no_damage_makes_it_panic((base, new) in edited(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut diff = proposal(&base, &new).diff();
        if !diff.is_empty() {
            let at = at.index(diff.len());
            if cut { diff.truncate(at); } else { diff[at] = byte; }
            if let Ok(patch) = patch::parse(&diff) {
                let _ = patch.apply("test", |_| Ok(Some(FileState::new(&base[..], false))));
            }
        }
    }
}
