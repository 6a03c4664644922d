//! Names, paths, links, renames, forks.

use std::sync::Arc;
use std::time::Instant;

use super::support::{Fake, Item, mount, over, read_only, tree};
use crate::vfs::{Bottom, Follow, FsError, FsLimits, OpenOptions, ROOT, START, SourceError, Times, Vfs};

const PROJECT: &[&str] =
    &["pkg/__init__.py=", "pkg/mod.py=x = 1\n", "README=hello", "link->pkg/mod.py", "dirlink->pkg"];

#[test]
fn sources_are_seen_and_asked_once() {
    let source = Arc::new(Fake::new(PROJECT));
    let mut vfs = over(source.clone(), true);
    assert_eq!(vfs.text("/w/pkg/mod.py").unwrap(), "x = 1\n");
    assert_eq!(vfs.text("w/link").unwrap(), "x = 1\n");
    assert_eq!(vfs.names("/w").unwrap(), ["README", "dirlink", "link", "pkg"]);
    assert_eq!(vfs.names("/").unwrap(), ["dev", "home", "tmp", "w"]);
    let mut fork = vfs.clone();
    assert_eq!(fork.text("/w/pkg/mod.py").unwrap(), "x = 1\n");
    assert_eq!(source.reads.load(std::sync::atomic::Ordering::Relaxed), 1);
    assert_eq!(source.lists.load(std::sync::atomic::Ordering::Relaxed), 2);
}

#[test]
fn dots_and_absolute_paths_stay_in_the_tree() {
    let mut vfs = tree(&["a/b/c=deep", "up->../../../../w/a", "abs->/w/a/b", "out->/etc/passwd"]);
    for path in ["/w/a/b/c", "w/a/../a/b/./c", "/../../w/a/b/c", "../../../../w//a///b/c", "w/up/b/c", "w/abs/c"] {
        assert_eq!(vfs.text(path).as_deref(), Ok("deep"), "{path}");
    }
    let missing = ["/etc/passwd", "../../../etc/passwd", "/proc/self/environ", "w/out", "w/../../proc/self/environ"];
    for path in missing {
        assert_eq!(vfs.text(path), Err(FsError::NotFound), "{path}");
    }
    let b = vfs.at("/w/a/b").unwrap();
    assert_eq!(vfs.lookup(b, "../../../../..", Follow::Yes), Ok(ROOT));
    assert_eq!(vfs.lookup(b, "..", Follow::Yes), vfs.at("/w/a"));
    assert_eq!(vfs.lookup(b, "/", Follow::Yes), Ok(ROOT));
}

#[test]
fn links_that_turn_in_circles_end() {
    let mut vfs = tree(&["a->b", "b->a", "self->self", "x/down->down/down", "grow->grow/grow"]);
    for path in ["w/a", "w/b/c", "w/self", "w/x/down", "w/grow"] {
        assert_eq!(vfs.at(path), Err(FsError::Loop), "{path}");
    }
    assert!(vfs.lookup(ROOT, "w/a", Follow::No).is_ok());
    // 40 links are followed, 41 are not.
    vfs.put("tmp/0", "end").unwrap();
    for at in 1..=41 {
        vfs.symlink(&(at - 1).to_string(), &format!("tmp/{at}")).unwrap();
    }
    assert_eq!(vfs.text("tmp/40").as_deref(), Ok("end"));
    assert_eq!(vfs.text("tmp/41"), Err(FsError::Loop));
}

#[test]
fn lengths_are_bounded() {
    let mut vfs = tree(&[]);
    let name = "n".repeat(255);
    vfs.put(&format!("tmp/{name}"), "").unwrap();
    assert_eq!(vfs.put(&format!("tmp/{name}n"), ""), Err(FsError::NameTooLong));
    assert_eq!(vfs.at(&"./".repeat(2049)), Err(FsError::NameTooLong));
    assert_eq!(vfs.at(&"./".repeat(2048)), Ok(ROOT));
    assert_eq!(vfs.symlink(&"t".repeat(4097), "tmp/l"), Err(FsError::NameTooLong));
    assert_eq!(vfs.at("tmp/a\0b"), Err(FsError::Invalid));
    assert_eq!(vfs.at(""), Err(FsError::NotFound));
}

#[test]
fn slashes_at_the_end_mean_a_folder() {
    let mut vfs = tree(&["f=1", "d/x=2", "lf->f", "ld->d", "lost->nowhere"]);
    let check = |what: &str, got: Result<(), FsError>, expected: Result<(), FsError>| {
        assert_eq!(got, expected, "{what}");
    };
    let look = |vfs: &mut Vfs, path: &str, follow| vfs.lookup(ROOT, path, follow).map(drop);
    check("stat f/", look(&mut vfs, "w/f/", Follow::Yes), Err(FsError::NotDir));
    check("stat f/.", look(&mut vfs, "w/f/.", Follow::Yes), Err(FsError::NotDir));
    check("lstat lf/", look(&mut vfs, "w/lf/", Follow::No), Err(FsError::NotDir));
    check("lstat ld/", look(&mut vfs, "w/ld//", Follow::No), Ok(()));
    assert!(vfs.read_link(ROOT, "w/ld").is_ok());
    assert_eq!(vfs.read_link(ROOT, "w/ld/"), Err(FsError::Invalid));
    check("unlink f/", vfs.rm("w/f/"), Err(FsError::NotDir));
    check("unlink lf/", vfs.rm("w/lf/"), Err(FsError::NotDir));
    check("unlink d", vfs.rm("w/d"), Err(FsError::IsDir));
    check("unlink d/.", vfs.rm("w/d/."), Err(FsError::IsDir));
    check("rmdir ld/", vfs.rmdir("w/ld/"), Err(FsError::NotDir));
    check("rmdir d/.", vfs.rmdir("w/d/."), Err(FsError::Invalid));
    check("rmdir d/..", vfs.rmdir("w/d/.."), Err(FsError::NotEmpty));
    check("rmdir /", vfs.rmdir("/"), Err(FsError::Busy));
    check("mkdir n/", vfs.mkdir("w/n/"), Ok(()));
    check("mkdir n", vfs.mkdir("w/n"), Err(FsError::Exists));
    check("mkdir lost", vfs.mkdir("w/lost/"), Err(FsError::Exists));
    check("rename f/", vfs.mv("w/f/", "w/g"), Err(FsError::NotDir));
    check("rename to g/", vfs.mv("w/f", "w/g/"), Err(FsError::NotDir));
    check("rename ld/", vfs.mv("w/ld/", "w/g"), Err(FsError::NotDir));
    check("rename n to m/", vfs.mv("w/n", "w/m/"), Ok(()));
    check("rename .", vfs.mv("w/m/.", "w/k"), Err(FsError::Busy));
    check("create g/", vfs.put("w/g/", "").map(drop), Err(FsError::IsDir));
    check("symlink g/", vfs.symlink("f", "w/g/"), Err(FsError::NotFound));
    check("link g/", vfs.ln("w/f", "w/g/"), Err(FsError::NotFound));
    assert_eq!(vfs.dump("/w"), ["/w/d/", "/w/d/x=2", "/w/f=1", "/w/ld->d", "/w/lf->f", "/w/lost->nowhere", "/w/m/"]);
}

#[test]
fn opening_follows_the_book() {
    let mut vfs = tree(&["f=1", "d/x=2", "lf->f", "lost->nowhere"]);
    let read = OpenOptions { follow: true, ..OpenOptions::default() };
    let create = OpenOptions { create: true, write: true, ..read };
    let mut check = |path: &str, options, expected: Result<(), FsError>| {
        assert_eq!(vfs.open_path(ROOT, path, options).map(drop), expected, "{path} {options:?}");
    };
    check("w/f", read, Ok(()));
    check("w/lf", OpenOptions { follow: false, ..read }, Err(FsError::Loop));
    check("w/f", OpenOptions { directory: true, ..read }, Err(FsError::NotDir));
    check("w/d", OpenOptions { directory: true, ..read }, Ok(()));
    check("w/d", OpenOptions { write: true, ..read }, Err(FsError::IsDir));
    check("w/d", create, Err(FsError::IsDir));
    check("w/d/..", create, Err(FsError::IsDir));
    check("w/f", OpenOptions { exclusive: true, ..create }, Err(FsError::Exists));
    check("w/lost", OpenOptions { exclusive: true, ..create }, Err(FsError::Exists));
    check("w/lost", OpenOptions { follow: false, ..create }, Err(FsError::Loop));
    check("w/lost", create, Ok(()));
    check("w/nowhere", read, Ok(()));
    check("w/no/file", create, Err(FsError::NotFound));
    check("w/f/file", create, Err(FsError::NotDir));
    check("w/new", OpenOptions { directory: true, ..create }, Err(FsError::Invalid));
}

#[test]
fn removed_files_live_while_open() {
    let mut vfs = tree(&["f=below"]);
    let file = vfs.at("w/f").unwrap();
    vfs.open(file);
    vfs.rm("w/f").unwrap();
    assert_eq!(vfs.at("w/f"), Err(FsError::NotFound));
    assert_eq!(vfs.stat(file).nlink, 0);
    assert_eq!(vfs.read_all(file).unwrap(), b"below");
    vfs.write(file, 5, b" and above").unwrap();
    assert_eq!(vfs.read_all(file).unwrap(), b"below and above");
    let again = vfs.put("w/f", "new").unwrap();
    assert_ne!(vfs.stat(again).ino, vfs.stat(file).ino);
    vfs.close(file);
    assert_eq!((vfs.used().nodes, vfs.used().bytes), (1, 3));
}

#[test]
fn removed_folders_take_nothing_more() {
    let mut vfs = tree(&[]);
    vfs.mkdir("w/d").unwrap();
    let dir = vfs.at("w/d").unwrap();
    vfs.open(dir);
    vfs.rmdir("w/d").unwrap();
    let create = OpenOptions { create: true, ..OpenOptions::default() };
    assert_eq!(vfs.open_path(dir, "x", create), Err(FsError::NotFound));
    assert_eq!(vfs.make_dir(dir, "x"), Err(FsError::NotFound));
    vfs.put("w/f", "").unwrap();
    assert_eq!(vfs.rename(ROOT, "w/f", dir, "x"), Err(FsError::NotFound));
    assert_eq!(vfs.lookup(dir, "..", Follow::Yes), Ok(dir));
    assert_eq!(vfs.read_dir(dir), Ok(Vec::new()));
    // Its number and that of its parent may be used again; nothing leads astray.
    vfs.close(dir);
    vfs.put("w/e", "").unwrap();
    assert_eq!(vfs.dump("/w"), ["/w/e=", "/w/f="]);
}

#[test]
fn renames() {
    let mut vfs = tree(&["a/x=1", "a/sub/y=2", "b/z=3", "f=4", "empty/"]);
    assert_eq!(vfs.mv("w/a", "w/a/sub/in"), Err(FsError::Invalid));
    assert_eq!(vfs.mv("w/a/sub", "w/a"), Err(FsError::NotEmpty));
    assert_eq!(vfs.mv("w/a", "w/b"), Err(FsError::NotEmpty));
    assert_eq!(vfs.mv("w/a", "w/f"), Err(FsError::NotDir));
    assert_eq!(vfs.mv("w/f", "w/b"), Err(FsError::IsDir));
    assert_eq!(vfs.mv("w/none", "w/g"), Err(FsError::NotFound));
    assert_eq!(vfs.mv("w", "v"), Err(FsError::Access));
    assert_eq!(vfs.mv("w/f", "v"), Err(FsError::Access));
    assert_eq!(vfs.mv("tmp", "w/tmp"), Err(FsError::Access));
    vfs.mv("w/a", "w/empty").unwrap();
    vfs.mv("w/f", "w/b/z").unwrap();
    assert_eq!(vfs.dump("/w"), ["/w/b/", "/w/b/z=4", "/w/empty/", "/w/empty/sub/", "/w/empty/sub/y=2", "/w/empty/x=1"]);
    // Out of the mount and back, by another name: what lies below comes along.
    vfs.mv("w/empty", "tmp/moved").unwrap();
    assert_eq!(vfs.text("tmp/moved/sub/y").as_deref(), Ok("2"));
    let sub = vfs.at("tmp/moved/sub").unwrap();
    assert_eq!(vfs.lookup(sub, "../../..", Follow::Yes), Ok(ROOT));
    // The old place is free, and does not show through.
    vfs.mkdir("w/a").unwrap();
    assert_eq!(vfs.names("w/a").unwrap(), [""; 0]);
}

#[test]
fn hard_links_are_one_file() {
    let mut vfs = tree(&["f=below", "d/"]);
    vfs.ln("w/f", "tmp/g").unwrap();
    let node = vfs.at("tmp/g").unwrap();
    assert_eq!(vfs.stat(node).nlink, 2);
    vfs.write(node, 0, b"B").unwrap();
    assert_eq!(vfs.text("w/f").as_deref(), Ok("Below"));
    assert_eq!(vfs.mv("w/f", "tmp/g"), Ok(()), "two names of one file: nothing happens");
    assert!(vfs.at("w/f").is_ok());
    vfs.rm("w/f").unwrap();
    assert_eq!(vfs.stat(node).nlink, 1);
    assert_eq!(vfs.text("tmp/g").as_deref(), Ok("Below"));
    assert_eq!(vfs.ln("w/d", "tmp/d"), Err(FsError::NotPermitted));
    assert_eq!(vfs.ln("tmp/g", "tmp/g"), Err(FsError::Exists));
    vfs.symlink("g", "tmp/s").unwrap();
    vfs.ln("tmp/s", "tmp/s2").unwrap();
    assert_eq!(vfs.read_link(ROOT, "tmp/s2").as_deref(), Ok("g"));
    for name in ["tmp/g", "tmp/s", "tmp/s2"] {
        vfs.rm(name).unwrap();
    }
    assert_eq!(vfs.used(), crate::vfs::FsUsage::default());
}

#[test]
fn read_only_mounts_do_not_change() {
    let lines = ["d/x=1", "f=2", "l->f", "e/"];
    let mut vfs = read_only(&lines);
    let before = vfs.dump("/w");
    let file = vfs.at("w/f").unwrap();
    vfs.put("tmp/t", "t").unwrap();
    let write = OpenOptions { write: true, follow: true, ..OpenOptions::default() };
    let truncate = OpenOptions { truncate: true, follow: true, ..OpenOptions::default() };
    let times = Times { atime: Some(1), mtime: Some(1) };
    let attempts = [
        vfs.write(file, 0, b"x"),
        vfs.set_len(file, 0),
        vfs.set_times(file, times),
        vfs.open_path(ROOT, "w/f", write).map(drop),
        vfs.open_path(ROOT, "w/l", write).map(drop),
        vfs.open_path(ROOT, "w/f", truncate).map(drop),
        vfs.put("w/new", "").map(drop),
        vfs.mkdir("w/new"),
        vfs.symlink("f", "w/new"),
        vfs.rm("w/f"),
        vfs.rm("w/l"),
        vfs.rmdir("w/e"),
        vfs.mv("w/f", "w/g"),
        vfs.mv("w/f", "tmp/f"),
        vfs.mv("tmp/t", "w/f"),
        vfs.ln("tmp/t", "w/t"),
    ];
    for (at, attempt) in attempts.into_iter().enumerate() {
        assert_eq!(attempt, Err(FsError::ReadOnly), "attempt {at}");
    }
    assert_eq!(vfs.ln("w/f", "tmp/f"), Err(FsError::CrossMount));
    assert_eq!(vfs.mkdir("w/d"), Err(FsError::Exists));
    assert_eq!(vfs.dump("/w"), before);
    assert_eq!(vfs.stat(file).mtime, START);
    // The system's own folders are an ordinary user's: denied.
    assert_eq!(vfs.mkdir("/etc"), Err(FsError::Access));
    assert_eq!(vfs.rmdir("/tmp"), Err(FsError::Busy));
    assert_eq!(vfs.rm("/dev/null"), Err(FsError::Access));
}

#[test]
fn quotas_hold() {
    let mut vfs = tree(&["f=12345"]);
    vfs.set_limits(FsLimits { nodes: 3, bytes: 100, file_bytes: 60 });
    let a = vfs.put("tmp/a", "").unwrap();
    assert_eq!(vfs.write(a, 0, &[1; 61]), Err(FsError::FileTooBig));
    assert_eq!(vfs.write(a, 1 << 40, b"x"), Err(FsError::FileTooBig));
    assert_eq!(vfs.write(a, u64::MAX, b"x"), Err(FsError::FileTooBig));
    assert_eq!(vfs.set_len(a, 1 << 40), Err(FsError::FileTooBig));
    vfs.write(a, 0, &[1; 60]).unwrap();
    let b = vfs.put("tmp/b", "").unwrap();
    assert_eq!(vfs.write(b, 0, &[1; 41]), Err(FsError::NoSpace));
    vfs.write(b, 0, &[1; 36]).unwrap();
    // Writing to a file from below takes its whole length.
    let f = vfs.at("w/f").unwrap();
    assert_eq!(vfs.write(f, 0, b"x"), Err(FsError::NoSpace));
    vfs.rm("tmp/a").unwrap();
    vfs.write(f, 0, b"x").unwrap();
    assert_eq!(vfs.used().bytes, 41);
    vfs.ln("tmp/b", "tmp/c").unwrap();
    vfs.symlink("x", "tmp/s").unwrap();
    assert_eq!(vfs.ln("tmp/b", "tmp/d"), Err(FsError::TooManyNodes));
    assert_eq!(vfs.mkdir("tmp/d"), Err(FsError::TooManyNodes));
    vfs.rm("tmp/c").unwrap();
    vfs.mkdir("tmp/d").unwrap();
}

#[test]
fn names_that_come_and_go_leave_nothing() {
    let mut vfs = tree(&["keep=1"]);
    vfs.freeze();
    for at in 0..5_000 {
        vfs.put(&format!("w/{at}"), "x").unwrap();
        vfs.rm(&format!("w/{at}")).unwrap();
    }
    assert_eq!(vfs.used(), crate::vfs::FsUsage::default());
    assert!(vfs.known_nodes() < 40, "{}", vfs.known_nodes());
}

#[test]
fn sources_that_fail_are_told() {
    let mut fake = Fake::new(&["ok=1"]);
    fake.put("secret", Item::Secret);
    fake.put("changed", Item::Changed);
    let mut vfs = over(Arc::new(fake), true);
    assert_eq!(vfs.text("w/secret"), Err(FsError::Access));
    assert!(!vfs.run_trace().incomplete);
    assert_eq!(vfs.text("w/changed"), Err(FsError::Io));
    assert!(vfs.run_trace().incomplete);
    assert_eq!(vfs.faults().len(), 2);
    assert_eq!(vfs.faults()[1].error, SourceError::Changed);
    assert_eq!(vfs.text("w/ok").as_deref(), Ok("1"));
}

#[test]
fn names_a_path_cannot_spell_are_ignored() {
    let mut fake = Fake::default();
    for name in ["..", ".", "", "a\0b", &"n".repeat(256)] {
        fake.items.insert(name.to_owned(), Item::File(Vec::new()));
    }
    let mut vfs = over(Arc::new(fake), true);
    assert_eq!(vfs.names("w").unwrap(), [""; 0]);
}

#[test]
fn times_and_inodes_are_functions_of_path_and_clock() {
    let look = |vfs: &mut Vfs| {
        vfs.set_now(START + 5);
        let below = vfs.at("w/f").unwrap();
        let new = vfs.put("w/new", "x").unwrap();
        let dir = vfs.at("w").unwrap();
        [vfs.stat(below), vfs.stat(new), vfs.stat(dir)]
    };
    let [below, new, dir] = look(&mut tree(&["f=1", "z=2"]));
    assert_eq!((below.mtime, new.mtime, dir.mtime), (START, START + 5, START + 5));
    assert_ne!(below.ino, new.ino);
    assert_eq!(look(&mut tree(&["f=1", "z=2"])), [below, new, dir]);
}

#[test]
fn devices_and_a_mount_at_the_root() {
    let mut vfs = Vfs::builder()
        .mount(mount("/", 1, true))
        .device("/dev/null", crate::vfs::Device::Null)
        .mount(mount("/env/0", 2, false))
        .source(Arc::new(Fake::new(&["a=1", "dev/shadowed=2"])))
        .build()
        .unwrap();
    assert_eq!(vfs.names("/").unwrap(), ["a", "dev", "env"]);
    assert_eq!(vfs.names("/dev").unwrap(), ["null"]);
    assert_eq!(vfs.put("/env/0/x", "").map(drop), Err(FsError::NotFound), "mount 2 is not in this source");
    vfs.put("/b", "").unwrap();
    assert_eq!(vfs.mount_of("/env/0/x").map(|(mount, rest)| (mount.id, rest)), Some((2, "x")));
    assert_eq!(vfs.mount_of("/env/01").map(|(mount, rest)| (mount.id, rest)), Some((1, "env/01")));
}

#[test]
fn builders_refuse_nonsense() {
    let built = |builder: crate::vfs::Builder| builder.build().map(drop);
    assert_eq!(built(Vfs::builder().dir("tmp")), Err(FsError::Invalid));
    assert_eq!(built(Vfs::builder().dir("/a/../b")), Err(FsError::Invalid));
    assert_eq!(built(Vfs::builder().file("/a", vec![]).dir("/a/b")), Err(FsError::NotDir));
    assert_eq!(built(Vfs::builder().file("/a", vec![]).file("/a", vec![])), Err(FsError::Exists));
    assert_eq!(built(Vfs::builder().mount(mount("/a", 1, true)).mount(mount("/b", 1, true))), Err(FsError::Exists));
    assert_eq!(built(Vfs::builder().dir("/a/b").mount(mount("/a", 1, true))), Ok(()));
}

#[test]
fn images_keep_all_but_the_source() {
    let mut vfs = tree(&["f=source text", "g=other"]);
    assert!(vfs.text("w/f").is_ok());
    vfs.put("w/g", "written").unwrap();
    vfs.freeze();
    vfs.put("tmp/t", "later").unwrap();
    let saved = postcard::to_stdvec(&vfs).unwrap();
    let has = |text: &[u8]| saved.windows(text.len()).any(|window| window == text);
    assert!(has(b"written") && has(b"later") && !has(b"source text"));
    let mut back: Vfs = postcard::from_bytes(&saved).unwrap();
    assert_eq!(back.text("w/f"), Err(FsError::Io), "no source yet");
    back.set_bottom(Arc::new(Bottom::new(Arc::new(Fake::new(&["f=source text", "g=other"])))));
    assert_eq!(back.dump("/"), vfs.dump("/"));
    // A table that names what it does not have is refused, cut anywhere or changed.
    for cut in 0..saved.len() {
        assert!(postcard::from_bytes::<Vfs>(&saved[..cut]).is_err());
    }
}

#[test]
fn files_changed_below_since_the_image_read_them_are_not_taken_for_the_same() {
    let mut vfs = tree(&["f=1"]);
    assert_eq!(vfs.text("w/f").as_deref(), Ok("1"));
    vfs.freeze();
    vfs.set_bottom(Arc::new(Bottom::new(Arc::new(Fake::new(&["f=2"])))));
    assert_eq!(vfs.text("w/f"), Err(FsError::Io));
    assert_eq!(vfs.faults()[0].error, SourceError::Changed);
}

#[test]
fn forks_are_cheap_and_apart() {
    let lines: Vec<String> = (0..20_000).map(|at| format!("d{}/f{at}=", at % 100)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut vfs = tree(&lines);
    vfs.dump("/w");
    assert!(vfs.known_nodes() > 20_000);
    vfs.freeze();
    // The best of many: other work on the machine cannot make a copy faster.
    let best = (0..200).map(|_| {
        let start = Instant::now();
        let fork = vfs.clone();
        let took = start.elapsed();
        drop(fork);
        took
    });
    let best = best.min().unwrap();
    assert!(best.as_micros() < 50, "{best:?}");
    let mut fork = vfs.clone();
    fork.put("w/d0/f0", "mine").unwrap();
    fork.rm("w/d1/f1").unwrap();
    assert_eq!(vfs.text("w/d0/f0").as_deref(), Ok(""));
    assert!(vfs.at("w/d1/f1").is_ok());
    let start = Instant::now();
    for _ in 0..100 {
        for at in 0..100 {
            vfs.at(&format!("/w/d{at}/f{at}")).unwrap();
        }
    }
    println!("fork {best:?}; lookup {:?}", start.elapsed() / 10_000);
}
