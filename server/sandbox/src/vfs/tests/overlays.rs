//! Changes laid over a mount.

use std::sync::Arc;

use super::support::{read_only, tree};
use crate::vfs::{Change, Follow, FsError, ROOT, START, Vfs};

fn write(text: &str) -> Change {
    Change::Write { bytes: Arc::new(text.as_bytes().to_vec()), executable: false }
}

#[test]
fn overlays_look_like_the_source() {
    for make in [tree as fn(&[&str]) -> Vfs, read_only] {
        let mut vfs = make(&["pkg/a.py=1", "pkg/b.py=2", "link->pkg"]);
        vfs.apply_overlay("/w/pkg/a.py", write("one")).unwrap();
        vfs.apply_overlay("/w/new/deep/c.py", write("three")).unwrap();
        vfs.apply_overlay("/w/pkg/b.py", Change::Delete).unwrap();
        assert!(vfs.run_trace().is_empty(), "{:?}", vfs.run_trace());
        assert_eq!(vfs.used().nodes, 0);
        let expected =
            ["/w/link->pkg", "/w/new/", "/w/new/deep/", "/w/new/deep/c.py=three", "/w/pkg/", "/w/pkg/a.py=one"];
        assert_eq!(vfs.dump("/w"), expected);
        // What was under the overlay was not seen, what was beside it was.
        assert!(!vfs.run_trace().touches_content(1, "pkg/a.py"));
        assert!(vfs.run_trace().touches(1, "pkg"));
        assert!(vfs.run_trace().touches(1, "link"));
    }
}

#[test]
fn overlays_refuse_what_is_no_file() {
    let mut vfs = tree(&["d/x=1", "f=2", "l->d"]);
    assert_eq!(vfs.apply_overlay("/w/d", write("")), Err(FsError::IsDir));
    assert_eq!(vfs.apply_overlay("/w/f/x", write("")), Err(FsError::NotDir));
    assert_eq!(vfs.apply_overlay("/w/l/x", write("")), Err(FsError::NotDir), "links are not followed");
    assert_eq!(vfs.apply_overlay("/w/none", Change::Delete), Err(FsError::NotFound));
    assert_eq!(vfs.apply_overlay("/w/no/ne", Change::Delete), Err(FsError::NotFound));
    assert_eq!(vfs.apply_overlay("/w/../tmp/x", write("")), Err(FsError::Invalid));
    assert_eq!(vfs.apply_overlay("w/x", write("")), Err(FsError::Invalid));
    assert_eq!(vfs.apply_overlay("/etc/x", write("")), Err(FsError::Access));
    // A link itself is replaced.
    vfs.apply_overlay("/w/l", write("file")).unwrap();
    assert_eq!(vfs.text("w/l").as_deref(), Ok("file"));
}

#[test]
fn overlaid_files_cannot_pass_for_what_a_compiler_kept() {
    let mut vfs = tree(&["m.py=a + b"]);
    let old = vfs.at("w/m.py").unwrap();
    let dir = vfs.at("w").unwrap();
    let (file_before, dir_before) = (vfs.stat(old), vfs.stat(dir));
    vfs.open(old);
    vfs.freeze();
    let stat = |text: &str| {
        let mut fork = vfs.clone();
        fork.apply_overlay("/w/m.py", write(text)).unwrap();
        let node = fork.lookup(ROOT, "w/m.py", Follow::Yes).unwrap();
        assert_eq!(fork.read_all(old).unwrap(), b"a + b", "what is open stays what it was");
        (fork.stat(node), fork.stat(dir))
    };
    let (minus, dir_minus) = stat("a - b");
    let (times, _) = stat("a * b");
    assert_eq!(minus.size, file_before.size);
    let seconds = |time: u64| time / 1_000_000_000;
    assert!(seconds(minus.mtime) < seconds(START) && seconds(minus.mtime) != seconds(times.mtime));
    assert_ne!(minus.ino, file_before.ino);
    assert!(dir_minus.mtime > dir_before.mtime);
    assert_eq!(stat("a - b"), (minus, dir_minus), "the same content, the same times");
}
