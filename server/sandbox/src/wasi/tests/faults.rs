//! Attacks: each ends in an errno and a record, and leaves what it must not change.

use super::support::{CREATE, DIRECTORY, READ, TRUNCATE, WRITE, Wait, guest, guest_with};
use crate::vfs::FsLimits;
use crate::wasi::{self, Errno, Limit, Memory, Quotas};

const PROJECT: &[&str] = &["pkg/mod.py=x", "f=1", "out->../../../../etc/passwd", "abs->/etc/passwd", "loop->loop"];

#[test]
fn no_path_leads_out_through_any_call() {
    let mut g = guest(PROJECT);
    let dir = g.open("w/pkg", DIRECTORY, READ).unwrap();
    let ways_out =
        ["../../etc/passwd", "/etc/passwd", "/proc/self/environ", "w/../../proc/self/environ", "w/out", "w/abs"];
    for path in ways_out {
        assert_eq!(g.open(path, 0, READ), Err(Errno::NotFound), "{path}");
        assert_eq!(g.open_at(dir, path, 0, READ, 0).err(), Some(Errno::NotFound), "{path}");
        assert_eq!(g.stat(path, true).err(), Some(Errno::NotFound), "{path}");
        assert_eq!(g.set_times(path, 4), Err(Errno::NotFound), "{path}");
        let link = path.starts_with("w/o") || path.starts_with("w/a");
        if !link {
            assert_eq!(g.unlink(path), Err(Errno::NotFound), "{path}");
            assert_eq!(g.rmdir(path), Err(Errno::NotFound), "{path}");
            assert_eq!(g.rename(path, "tmp/x"), Err(Errno::NotFound), "{path}");
            assert_eq!(g.link(path, "tmp/x"), Err(Errno::NotFound), "{path}");
            assert_eq!(g.readlink(path, 9), Err(Errno::NotFound), "{path}");
            assert_eq!(g.mkdir(path), Err(Errno::NotFound), "{path}");
            assert_eq!(g.symlink("x", path), Err(Errno::NotFound), "{path}");
            assert_eq!(g.rename("w/f", path), Err(Errno::NotFound), "{path}");
            assert_eq!(g.link("w/f", path), Err(Errno::NotFound), "{path}");
            assert_eq!(g.open(path, CREATE, WRITE), Err(Errno::NotFound), "{path}");
        }
    }
    // At the top, `..` leads nowhere: these are folders of the guest's own root.
    assert_eq!(g.mkdir("../../../etc"), Err(Errno::Access));
    assert_eq!(g.stat("../../..", true).unwrap().ino, g.fstat(3).unwrap().ino);
    assert_eq!(g.stat("w/loop", true).err(), Some(Errno::Loop));
    // A descriptor of something else than a folder starts no path.
    let file = g.open("w/f", 0, READ).unwrap();
    assert_eq!(g.open_at(file, "x", 0, READ, 0), Err(Errno::NotDir));
    assert_eq!(g.open_at(1, "x", 0, READ, 0), Err(Errno::NotDir));
    assert_eq!(g.open_at(44, "x", 0, READ, 0), Err(Errno::BadDescriptor));
}

#[test]
fn paths_that_are_no_text() {
    let mut g = guest(PROJECT);
    g.put(0x1000, b"w/\xff");
    let stat = |path, len| {
        move |p: &mut wasi::Process, m: &mut Memory<'_>| wasi::path_filestat_get(p, m, 3, 0, path, len, 0x6000)
    };
    assert_eq!(g.call(stat(0x1000, 3)), Err(Errno::IllegalSequence));
    assert_eq!(g.call(stat(0x1000, 0)), Err(Errno::NotFound));
    assert_eq!(g.call(stat(0x1000, 4097)), Err(Errno::NameTooLong));
    assert_eq!(g.call(stat(0x3_ffff, 4)), Err(Errno::Fault));
    assert_eq!(g.call(stat(u32::MAX, 4)), Err(Errno::Fault));
    assert_eq!(g.stat("w/f\0", true).err(), Some(Errno::Invalid));
}

#[test]
fn read_only_mounts_through_every_call() {
    let mut g = guest(PROJECT);
    let before = g.stat("ro/f", true).unwrap();
    assert_eq!(g.open("ro/f", 0, WRITE), Err(Errno::ReadOnly));
    assert_eq!(g.open("ro/f", 0, READ | WRITE), Err(Errno::ReadOnly));
    assert_eq!(g.open("ro/f", TRUNCATE, READ), Err(Errno::ReadOnly));
    assert_eq!(g.open("ro/new", CREATE, WRITE), Err(Errno::ReadOnly));
    assert_eq!(g.mkdir("ro/new"), Err(Errno::ReadOnly));
    assert_eq!(g.symlink("f", "ro/new"), Err(Errno::ReadOnly));
    assert_eq!(g.unlink("ro/f"), Err(Errno::ReadOnly));
    assert_eq!(g.unlink("ro/abs"), Err(Errno::ReadOnly));
    assert_eq!(g.rmdir("ro"), Err(Errno::Busy));
    assert_eq!(g.rename("ro/f", "ro/g"), Err(Errno::ReadOnly));
    assert_eq!(g.rename("ro/f", "tmp/f"), Err(Errno::ReadOnly));
    assert_eq!(g.rename("w/f", "ro/f"), Err(Errno::ReadOnly));
    assert_eq!(g.link("w/f", "ro/new"), Err(Errno::ReadOnly));
    assert_eq!(g.link("ro/f", "tmp/f"), Err(Errno::CrossDevice));
    assert_eq!(g.set_times("ro/f", 4), Err(Errno::ReadOnly));
    // Through a descriptor, and through a link from a writable place.
    let fd = g.open("ro/f", 0, READ).unwrap();
    assert_eq!(g.write(fd, b"x"), Err(Errno::BadDescriptor));
    assert_eq!(g.pwrite(fd, b"x", 0), Err(Errno::BadDescriptor));
    assert_eq!(g.call(|p, m| wasi::fd_filestat_set_size(p, m, fd, 0)), Err(Errno::Invalid));
    assert_eq!(g.call(|p, m| wasi::fd_allocate(p, m, fd, 0, 100)), Err(Errno::Invalid));
    assert_eq!(g.call(|p, m| wasi::fd_filestat_set_times(p, m, fd, 1, 1, 5)), Err(Errno::ReadOnly));
    g.symlink("/ro/f", "tmp/l").unwrap();
    assert_eq!(g.open("tmp/l", TRUNCATE, WRITE), Err(Errno::ReadOnly));
    assert_eq!(g.read(fd, 9).unwrap(), b"1");
    assert_eq!(g.stat("ro/f", true), Ok(before));
    assert!(g.process.limits_hit.is_empty());
}

#[test]
fn a_flood_of_descriptors() {
    let mut g = guest(PROJECT);
    let opened = (0..100_000).filter(|_| g.open("w/f", 0, READ).is_ok()).count();
    assert_eq!(opened, 1024 - 4);
    assert_eq!(g.open("w/f", 0, READ), Err(Errno::TooManyOpen));
    assert_eq!(g.process.limits_hit.iter().collect::<Vec<_>>(), [&Limit::Descriptors]);
    g.close(100).unwrap();
    assert_eq!(g.open("w/f", 0, READ), Ok(100));
}

#[test]
fn a_file_of_a_tebibyte() {
    let mut g = guest(PROJECT);
    let fd = g.open("tmp/big", CREATE, READ | WRITE).unwrap();
    const TIB: u64 = 1 << 40;
    assert_eq!(g.call(|p, m| wasi::fd_filestat_set_size(p, m, fd, TIB)), Err(Errno::FileTooBig));
    assert_eq!(g.call(|p, m| wasi::fd_allocate(p, m, fd, 0, TIB)), Err(Errno::FileTooBig));
    assert_eq!(g.call(|p, m| wasi::fd_allocate(p, m, fd, 1, u64::MAX)), Err(Errno::FileTooBig));
    assert_eq!(g.pwrite(fd, b"x", TIB), Err(Errno::FileTooBig));
    g.seek(fd, TIB as i64, 0).unwrap();
    assert_eq!(g.write(fd, b"x"), Err(Errno::FileTooBig));
    assert_eq!(g.fstat(fd).unwrap().size, 0);
    assert_eq!(g.process.limits_hit.iter().collect::<Vec<_>>(), [&Limit::FileBytes]);
}

#[test]
fn a_million_files() {
    let mut g = guest(PROJECT);
    g.process.set_quotas(Quotas { files: FsLimits { nodes: 10_000, ..FsLimits::default() }, ..Quotas::default() });
    let mut made = 0;
    for at in 0..1_000_000 {
        match g.open(&format!("w/{at}"), CREATE, WRITE) {
            Ok(fd) => {
                made += 1;
                g.close(fd).unwrap();
            }
            Err(errno) => {
                assert_eq!(errno, Errno::NoSpace);
                break;
            }
        }
    }
    assert_eq!(made, 10_000);
    assert_eq!(g.mkdir("w/dir"), Err(Errno::NoSpace));
    assert_eq!(g.symlink("x", "w/link"), Err(Errno::NoSpace));
    assert_eq!(g.process.limits_hit.iter().collect::<Vec<_>>(), [&Limit::Files]);
    assert_eq!(g.names("w", 0x8000).unwrap().len(), 10_000 + 7);
}

#[test]
fn all_bytes_together() {
    let files = FsLimits { bytes: 100_000, ..FsLimits::default() };
    let mut g = guest_with(PROJECT, Quotas { files, ..Quotas::default() });
    let fds: Vec<u32> = (0..10).map(|at| g.open(&format!("tmp/{at}"), CREATE, WRITE).unwrap()).collect();
    let data = [1; 4_096];
    let written: u32 = (0..100).filter_map(|at| g.write(fds[at % 10], &data).ok()).sum();
    assert!((95_000..=100_000).contains(&written), "{written}");
    assert_eq!(g.write(fds[0], &data), Err(Errno::NoSpace));
    assert!(g.process.limits_hit.contains(&Limit::TotalBytes));
    // Links take bytes too.
    assert_eq!(g.symlink(&"t".repeat(4_096), "tmp/l"), Err(Errno::NoSpace));
}

#[test]
fn a_flood_of_output() {
    let mut g = guest_with(&[], Quotas { output_bytes: 10_000, ..Quotas::default() });
    let line = [b'x'; 999];
    let written: u32 = (0..1_000).filter_map(|_| g.write(1, &line).ok()).sum();
    assert_eq!(written, 10_000);
    assert_eq!(g.write(1, &line), Err(Errno::NoSpace));
    assert_eq!(g.process.stdout.bytes().len(), 10_000);
    assert!(g.process.stdout.truncated() && !g.process.stderr.truncated());
    assert_eq!(g.write(2, b"still"), Ok(5));
    assert_eq!(g.process.limits_hit.iter().collect::<Vec<_>>(), [&Limit::Output]);
}

#[test]
fn a_flood_of_listings() {
    let mut g = guest(PROJECT);
    for at in 0..1_000 {
        let fd = g.open(&format!("tmp/{at}"), CREATE, WRITE).unwrap();
        g.close(fd).unwrap();
    }
    g.process.set_quotas(Quotas { listing_bytes: 200_000, ..Quotas::default() });
    let open = |g: &mut super::support::Guest| {
        let fd = g.open("tmp", DIRECTORY, READ)?;
        g.readdir(fd, 100, 0).map(|_| fd)
    };
    let fds: Vec<u32> = (0..100).map_while(|_| open(&mut g).ok()).collect();
    assert_eq!(fds.len(), 3);
    assert_eq!(open(&mut g), Err(Errno::NoMemory));
    assert!(g.process.limits_hit.contains(&Limit::ListingBytes));
    // Listed again and again, and closed: no more than it was.
    for _ in 0..100 {
        g.readdir(fds[0], 100, 0).unwrap();
    }
    g.close(fds[1]).unwrap();
    assert!(open(&mut g).is_ok());
}

#[test]
fn tables_without_end() {
    let mut g = guest(PROJECT);
    let fd = g.open("w/f", 0, READ).unwrap();
    assert_eq!(g.call(|p, m| wasi::fd_read(p, m, fd, 0, 1025, 0x6000)), Err(Errno::Invalid));
    assert_eq!(g.call(|p, m| wasi::fd_read(p, m, fd, 0, u32::MAX, 0x6000)), Err(Errno::Invalid));
    assert_eq!(g.call(|p, m| wasi::poll_oneoff(p, m, 0, 0, u32::MAX, 0x6000)), Err(Errno::Invalid));
    g.bytes.resize(32 << 20, 0);
    assert_eq!(g.call(|p, m| wasi::random_get(p, m, 0, 17 << 20)), Err(Errno::Invalid));
    let hit: Vec<Limit> = g.process.limits_hit.iter().copied().collect();
    assert_eq!(hit, [Limit::RandomBytes, Limit::Iovecs, Limit::Subscriptions]);
    // An endless device ends each read.
    let zero = g.open("dev/zero", 0, READ).unwrap();
    assert_eq!(g.read(zero, 20 << 20).unwrap().len(), 1 << 20);
}

#[test]
fn a_sleep_of_centuries_costs_no_time() {
    let mut g = guest(&[]);
    let start = std::time::Instant::now();
    for _ in 0..1_000 {
        g.poll(&[Wait::Clock(0, 86_400_000_000_000, false)]).unwrap();
    }
    assert!(start.elapsed().as_secs() < 5);
    assert_eq!(g.process.clock.slept(), 86_400_000_000_000 * 1_000);
}

#[test]
fn deep_folders_are_no_deep_stack() {
    let mut g = guest(&[]);
    let mut fd = g.open("tmp", DIRECTORY, READ).unwrap();
    for _ in 0..20_000 {
        g.put(0x1000, b"d");
        g.call(|p, m| wasi::path_create_directory(p, m, fd, 0x1000, 1)).unwrap();
        let next = g.open_at(fd, "d", DIRECTORY, READ, 0).unwrap();
        g.close(fd).unwrap();
        fd = next;
    }
    // Into its own depth: found by the way up.
    let top = g.open("tmp", DIRECTORY, READ).unwrap();
    g.put(0x1000, b"d");
    g.put(0x3000, b"x");
    let result = g.call(|p, m| wasi::path_rename(p, m, top, 0x1000, 1, fd, 0x3000, 1));
    assert_eq!(result, Err(Errno::Invalid));
    postcard::to_stdvec(&g.process).unwrap();
}
