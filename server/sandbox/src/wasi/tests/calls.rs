//! The calls as a C library makes them.

use super::support::{
    APPEND, CREATE, DIRECTORY, EXCLUSIVE, Guest, READ, RESULT, TRUNCATE, WRITE, Wait, guest, guest_with,
};
use crate::vfs::START;
use crate::wasi::{self, Errno, Halt, Limit, Memory, Process, Quotas, TICK};

#[test]
fn files_are_written_and_read() {
    let mut g = guest(&["f=from below"]);
    let fd = g.open("w/new", CREATE | EXCLUSIVE, READ | WRITE).unwrap();
    assert_eq!(fd, 4);
    assert_eq!(g.write(fd, b"hello world"), Ok(11));
    assert_eq!(g.seek(fd, -5, 1), Ok(6));
    assert_eq!(g.read(fd, 100).unwrap(), b"world");
    assert_eq!(g.read(fd, 100).unwrap(), b"");
    assert_eq!(g.pwrite(fd, b"W", 6), Ok(1));
    assert_eq!(g.pread(fd, 4, 5).unwrap(), b" Wor");
    assert_eq!(g.seek(fd, 0, 1), Ok(11));
    assert_eq!(g.seek(fd, 3, 2), Ok(14));
    assert_eq!(g.write(fd, b"!"), Ok(1));
    assert_eq!(g.pread(fd, 100, 9).unwrap(), b"ld\0\0\0!");
    assert_eq!(g.seek(fd, -1, 0), Err(Errno::Invalid));
    assert_eq!(g.seek(fd, i64::MAX, 2), Err(Errno::Invalid));
    assert_eq!(g.seek(fd, 0, 3), Err(Errno::Invalid));
    assert_eq!(g.pread(fd, 1, u64::MAX), Err(Errno::Invalid));
    assert_eq!(g.pread(fd, 1, 1 << 40).unwrap(), b"");

    let fd = g.open_at(3, "w/f", 0, READ | WRITE, APPEND).unwrap();
    assert_eq!(g.write(fd, b", and above"), Ok(11));
    assert_eq!(g.pwrite(fd, b"!", 0), Ok(1));
    assert_eq!(g.pread(fd, 100, 0).unwrap(), b"from below, and above!");
    let fd = g.open("w/f", TRUNCATE, WRITE).unwrap();
    assert_eq!(g.fstat(fd).unwrap().size, 0);
    assert_eq!(g.read(fd, 1), Err(Errno::BadDescriptor));
    let fd = g.open("w/f", 0, READ).unwrap();
    assert_eq!(g.write(fd, b"x"), Err(Errno::BadDescriptor));
}

#[test]
fn sizes_are_set() {
    let mut g = guest(&["f=12345"]);
    let fd = g.open("w/f", 0, READ | WRITE).unwrap();
    g.call(|p, m| wasi::fd_filestat_set_size(p, m, fd, 3)).unwrap();
    g.call(|p, m| wasi::fd_allocate(p, m, fd, 2, 3)).unwrap();
    g.call(|p, m| wasi::fd_allocate(p, m, fd, 0, 1)).unwrap();
    assert_eq!(g.read(fd, 10).unwrap(), b"123\0\0");
    assert_eq!(g.call(|p, m| wasi::fd_allocate(p, m, fd, 0, 0)), Err(Errno::Invalid));
    let read = g.open("w/f", 0, READ).unwrap();
    assert_eq!(g.call(|p, m| wasi::fd_filestat_set_size(p, m, read, 0)), Err(Errno::Invalid));
    assert_eq!(g.call(|p, m| wasi::fd_filestat_set_size(p, m, 1, 0)), Err(Errno::Invalid));
    assert_eq!(g.call(|p, m| wasi::fd_advise(p, m, fd, 0, 0, 5)), Ok(()));
    assert_eq!(g.call(|p, m| wasi::fd_advise(p, m, fd, 0, 0, 6)), Err(Errno::Invalid));
    assert_eq!(g.call(|p, m| wasi::fd_sync(p, m, fd)), Ok(()));
    assert_eq!(g.call(|p, m| wasi::fd_datasync(p, m, 3)), Ok(()));
    assert_eq!(g.call(|p, m| wasi::fd_sync(p, m, 1)), Err(Errno::Invalid));
}

#[test]
fn scattered_buffers() {
    let mut g = guest(&["f=abcdefghij"]);
    let fd = g.open("w/f", 0, READ | WRITE).unwrap();
    let table = |list: &[(u32, u32)]| -> Vec<u8> {
        list.iter().flat_map(|(ptr, len)| [ptr.to_le_bytes(), len.to_le_bytes()].concat()).collect()
    };
    // More than eight, an empty one among them; the first read overwrites the table itself.
    let mut list = vec![(0x100, 2), (0x9000, 0)];
    list.extend((0..10).map(|at| (0x9100 + at * 8, 1)));
    g.put(0x100, &table(&list));
    g.call(|p, m| wasi::fd_read(p, m, fd, 0x100, 12, RESULT)).unwrap();
    assert_eq!(g.word(RESULT), 10);
    assert_eq!(&g.bytes[0x100..0x102], b"ab");
    assert_eq!(g.bytes[0x9100 + 7 * 8], b'j');
    // One buffer outside: nothing is read, nothing written.
    let before = g.seek(fd, 0, 1).unwrap();
    g.put(0x100, &table(&[(0x9000, 4), (0x3_ffff, 2)]));
    assert_eq!(g.call(|p, m| wasi::fd_write(p, m, fd, 0x100, 2, RESULT)), Err(Errno::Fault));
    assert_eq!(g.call(|p, m| wasi::fd_write(p, m, fd, 0x100, 1, u32::MAX)), Err(Errno::Fault));
    assert_eq!(g.seek(fd, 0, 1), Ok(before));
    // Lengths whose sum does not fit 32 bits.
    let mut big = guest(&["f=1"]);
    big.bytes.resize(1 << 20, 0);
    let fd = big.open("w/f", 0, READ).unwrap();
    big.process.set_quotas(Quotas { iovecs: 1 << 16, ..Quotas::default() });
    let table: Vec<u8> = (0..8_192).flat_map(|_| [0u32.to_le_bytes(), (1u32 << 20).to_le_bytes()].concat()).collect();
    big.put(0x10000, &table);
    assert_eq!(big.call(|p, m| wasi::fd_read(p, m, fd, 0x10000, 8_192, RESULT)), Err(Errno::Invalid));
}

#[test]
fn descriptors_get_the_lowest_free_number() {
    let mut g = guest(&["f=1", "g=2"]);
    let (a, b, c) = (g.open("w/f", 0, READ), g.open("w/f", 0, READ), g.open("w/g", 0, READ));
    assert_eq!((a, b, c), (Ok(4), Ok(5), Ok(6)));
    g.close(5).unwrap();
    assert_eq!(g.close(5), Err(Errno::BadDescriptor));
    assert_eq!(g.open("w/g", 0, READ), Ok(5));
    g.call(|p, m| wasi::fd_renumber(p, m, 6, 4)).unwrap();
    assert_eq!(g.read(4, 9).unwrap(), b"2");
    assert_eq!(g.read(6, 9), Err(Errno::BadDescriptor));
    assert_eq!(g.call(|p, m| wasi::fd_renumber(p, m, 4, 6)), Err(Errno::BadDescriptor));
    assert_eq!(g.call(|p, m| wasi::fd_renumber(p, m, 4, 4)), Ok(()));
    assert_eq!(g.process.open_descriptors(), 6);
}

#[test]
fn the_preopen_is_the_root() {
    let mut g = guest(&[]);
    g.call(|p, m| wasi::fd_prestat_get(p, m, 3, RESULT)).unwrap();
    assert_eq!((g.word(RESULT), g.word(RESULT + 4)), (0, 1));
    g.call(|p, m| wasi::fd_prestat_dir_name(p, m, 3, RESULT, 1)).unwrap();
    assert_eq!(g.bytes[RESULT as usize], b'/');
    assert_eq!(g.call(|p, m| wasi::fd_prestat_dir_name(p, m, 3, RESULT, 0)), Err(Errno::NameTooLong));
    let dir = g.open("tmp", DIRECTORY, READ).unwrap();
    for fd in [0, 1, 2, dir, 99] {
        assert_eq!(g.call(|p, m| wasi::fd_prestat_get(p, m, fd, RESULT)), Err(Errno::BadDescriptor));
    }
    // What a C library masks the rights of every open with.
    let (kind, _, _, inheriting) = g.fdstat(3).unwrap();
    assert_eq!((kind, inheriting), (3, (1 << 30) - 1));
}

#[test]
fn standard_streams_are_no_terminal() {
    let mut g = guest(&[]);
    const SEEK_TELL: u64 = 1 << 2 | 1 << 5;
    for fd in 0..3 {
        let (kind, _, rights, _) = g.fdstat(fd).unwrap();
        assert_eq!(kind, 2);
        assert_eq!(rights & SEEK_TELL, SEEK_TELL, "isatty looks at these");
        assert_eq!(g.seek(fd, 0, 1), Err(Errno::IllegalSeek));
        assert_eq!(g.fstat(fd).unwrap().kind, 2);
    }
    assert_eq!(g.read(0, 10).unwrap(), b"");
    assert_eq!(g.write(0, b"x"), Err(Errno::BadDescriptor));
    assert_eq!(g.read(1, 10), Err(Errno::BadDescriptor));
    g.write(1, b"out").unwrap();
    g.write(2, b"err").unwrap();
    let fd = g.open("dev/stdout", 0, WRITE).unwrap();
    g.write(fd, b" too").unwrap();
    assert_eq!((g.process.stdout.bytes(), g.process.stderr.bytes()), (&b"out too"[..], &b"err"[..]));
}

#[test]
fn devices() {
    let mut g = guest(&[]);
    let null = g.open("dev/null", CREATE | TRUNCATE, READ | WRITE).unwrap();
    assert_eq!(g.write(null, b"gone"), Ok(4));
    assert_eq!(g.read(null, 10).unwrap(), b"");
    assert_eq!(g.fstat(null).unwrap().kind, 2);
    let zero = g.open("dev/zero", 0, READ).unwrap();
    assert_eq!(g.read(zero, 4).unwrap(), [0; 4]);
    let random = g.open("dev/urandom", 0, READ).unwrap();
    let (one, two) = (g.read(random, 32).unwrap(), g.read(random, 32).unwrap());
    assert_ne!(one, two);
}

#[test]
fn rights_can_only_be_given_up() {
    let mut g = guest(&["f=1"]);
    let fd = g.open("w/f", 0, READ | WRITE).unwrap();
    assert_eq!(g.call(|p, m| wasi::fd_fdstat_set_rights(p, m, fd, READ, 0)), Ok(()));
    assert_eq!(g.write(fd, b"x"), Err(Errno::BadDescriptor));
    assert_eq!(g.read(fd, 1).unwrap(), b"1");
    assert_eq!(g.call(|p, m| wasi::fd_fdstat_set_rights(p, m, fd, READ | WRITE, 0)), Err(Errno::NotCapable));
    assert_eq!(g.call(|p, m| wasi::fd_fdstat_set_flags(p, m, fd, APPEND)), Ok(()));
    assert_eq!(g.fdstat(fd).unwrap().1, 1);
    assert_eq!(g.call(|p, m| wasi::fd_fdstat_set_flags(p, m, fd, 32)), Err(Errno::Invalid));
    // A folder that may not hand on the right to write opens nothing for writing.
    let dir = g.open("w", DIRECTORY, READ).unwrap();
    g.call(|p, m| wasi::fd_fdstat_set_rights(p, m, dir, 0, READ)).unwrap();
    assert_eq!(g.open_at(dir, "f", 0, WRITE, 0), Err(Errno::NotCapable));
    assert!(g.open_at(dir, "f", 0, READ, 0).is_ok());
}

#[test]
fn listings_are_read_in_pieces_of_any_size() {
    let mut g = guest(&["b=", "a/", "l->a", "a-rather-long-name-that-fills-a-small-buffer="]);
    let all = [".", "..", "a", "a-rather-long-name-that-fills-a-small-buffer", "b", "l"];
    for room in [80, 100, 177, 4096] {
        assert_eq!(g.names("w", room).unwrap(), all, "{room}");
    }
    let fd = g.open("w", DIRECTORY, READ).unwrap();
    let (entries, more) = g.readdir(fd, 4096, 2).unwrap();
    let found: Vec<_> = entries.iter().map(|(next, kind, name)| (*next, *kind, name.as_str())).collect();
    assert_eq!(found, [(3, 3, "a"), (4, 4, all[3]), (5, 4, "b"), (6, 7, "l")]);
    assert!(!more);
    for cookie in [6, 7, u64::MAX] {
        assert_eq!(g.readdir(fd, 4096, cookie).unwrap().0, []);
    }
    let file = g.open("w/b", 0, READ).unwrap();
    assert_eq!(g.readdir(file, 100, 0), Err(Errno::NotDir));
}

#[test]
fn listings_stand_while_names_come_and_go() {
    let mut g = guest(&["a=", "b=", "c=", "d="]);
    let fd = g.open("w", DIRECTORY, READ).unwrap();
    let mut seen = Vec::new();
    let mut cookie = 0;
    // Each name is removed as it comes, another is made before it: none comes twice, none is left out.
    loop {
        let (entries, _) = g.readdir(fd, 30, cookie).unwrap();
        let Some((next, _, name)) = entries.into_iter().next() else { break };
        cookie = next;
        if !name.starts_with('.') {
            g.unlink(&format!("w/{name}")).unwrap();
            g.open(&format!("w/0{name}"), CREATE, WRITE).unwrap();
            seen.push(name);
        }
    }
    assert_eq!(seen, ["a", "b", "c", "d"]);
    let (again, _) = g.readdir(fd, 4096, 0).unwrap();
    assert_eq!(again.into_iter().map(|entry| entry.2).collect::<Vec<_>>(), [".", "..", "0a", "0b", "0c", "0d"]);
}

#[test]
fn links_and_times() {
    let mut g = guest(&["f=123"]);
    g.symlink("/w/f", "tmp/abs").unwrap();
    assert_eq!(g.readlink("tmp/abs", 100).as_deref(), Ok("/w/f"));
    assert_eq!(g.readlink("tmp/abs", 2).as_deref(), Ok("/w"));
    assert_eq!(g.stat("tmp/abs", true).unwrap().size, 3);
    assert_eq!((g.stat("tmp/abs", false).unwrap().kind, g.stat("tmp/abs", false).unwrap().size), (7, 4));
    g.link("w/f", "tmp/hard").unwrap();
    let (a, b) = (g.stat("w/f", true).unwrap(), g.stat("tmp/hard", true).unwrap());
    assert_eq!((a, a.links), (b, 2));
    g.set_times("tmp/abs", 4).unwrap();
    assert_eq!(g.stat("w/f", true).unwrap().mtime, 2);
    g.set_times("w/f", 8).unwrap();
    assert_eq!(g.stat("w/f", true).unwrap().mtime, g.process.clock.now());
    assert_eq!(g.set_times("w/f", 12), Err(Errno::Invalid));
    assert_eq!(g.set_times("w/f", 16), Err(Errno::Invalid));
    let fd = g.open("w/f", 0, READ).unwrap();
    g.call(|p, m| wasi::fd_filestat_set_times(p, m, fd, 9, 9, 1 | 4)).unwrap();
    assert_eq!(g.fstat(fd).unwrap().mtime, 9);
}

#[test]
fn every_change_of_a_folder_is_a_new_time() {
    let mut g = guest(&[]);
    let mut last = g.stat("w", true).unwrap().mtime;
    for name in ["w/a", "w/b", "w/c"] {
        g.open(name, CREATE, WRITE).unwrap();
        let now = g.stat("w", true).unwrap().mtime;
        assert!(now > last);
        last = now;
    }
}

#[test]
fn the_clock_moves_by_what_the_guest_does() {
    let mut g = guest(&[]);
    assert_eq!(g.time(0), Ok(START + TICK));
    assert_eq!(g.time(1), Ok(START + 2 * TICK));
    const HOUR: u64 = 3_600_000_000_000;
    assert_eq!(g.poll(&[Wait::Clock(1, HOUR, false)]), Ok(vec![(0, 0, 0)]));
    assert_eq!(g.process.clock.slept(), HOUR);
    assert_eq!(g.time(0), Ok(START + HOUR + 3 * TICK));
    assert_eq!(g.time(2), Ok(4 * TICK), "processor time does not pass in sleep");
    assert_eq!(g.time(3), Ok(5 * TICK));
    assert_eq!(g.time(4), Err(Errno::Invalid));
    let until = START + 2 * HOUR;
    assert_eq!(g.poll(&[Wait::Clock(0, until, true), Wait::Clock(0, until + 1, true)]), Ok(vec![(0, 0, 0)]));
    assert_eq!(g.process.clock.now(), until);
    assert_eq!(g.poll(&[Wait::Clock(0, START, true)]), Ok(vec![(0, 0, 0)]), "a moment gone by");
    assert_eq!(g.process.clock.now(), until);
    // The longest sleeps end too, and the clock with them.
    for _ in 0..3 {
        assert!(g.poll(&[Wait::Clock(0, u64::MAX, false)]).is_ok());
    }
    assert_eq!(g.time(0), Ok(i64::MAX as u64));
}

#[test]
fn real_time_travels_alone() {
    let mut g = guest(&[]);
    g.process.clock.travel(Some(5), false);
    assert_eq!((g.time(0), g.time(0)), (Ok(5), Ok(5)), "it stands still");
    assert_eq!(g.time(1), Ok(START + 3 * TICK));
    // A moment of real time is waited for by real time, a length by any.
    assert_eq!(g.poll(&[Wait::Clock(0, 5 + 7, true)]), Ok(vec![(0, 0, 0)]));
    assert_eq!(g.process.clock.slept(), 7);
    g.process.clock.travel(Some(1000), true);
    assert_eq!(g.time(0), Ok(1000));
    assert_eq!(g.poll(&[Wait::Clock(1, 50, false)]), Ok(vec![(0, 0, 0)]));
    assert_eq!(g.time(0), Ok(1000 + 50 + TICK));
    g.process.clock.travel(None, true);
    assert_eq!(g.time(0), Ok(START + 57 + 6 * TICK));
    g.process.clock.travel(Some(u64::MAX), true);
    assert_eq!(g.time(0), Ok(i64::MAX as u64));
}

#[test]
fn descriptors_are_always_ready() {
    let mut g = guest(&["f=12345"]);
    let fd = g.open("w/f", 0, READ).unwrap();
    g.read(fd, 2).unwrap();
    let before = g.process.clock;
    let list = [Wait::Clock(1, 10, false), Wait::Read(fd), Wait::Read(0), Wait::Write(1), Wait::Read(77)];
    assert_eq!(g.poll(&list), Ok(vec![(1, 0, 3), (2, 0, 0), (3, 0, 0), (4, 8, 0)]));
    assert_eq!(g.process.clock, before);
    assert_eq!(g.poll(&[Wait::Clock(9, 10, false)]), Ok(vec![(0, 28, 0)]));
    assert_eq!(g.poll(&[]), Err(Errno::Invalid));
}

#[test]
fn randomness_is_the_seed_and_the_place() {
    let draw = |sizes: &[u32]| {
        let mut g = guest(&[]);
        let mut all = Vec::new();
        for size in sizes {
            g.call(|p, m| wasi::random_get(p, m, 0x8000, *size)).unwrap();
            all.extend_from_slice(&g.bytes[0x8000..][..*size as usize]);
        }
        all
    };
    assert_eq!(draw(&[100]), draw(&[1, 63, 0, 36]));
    assert_ne!(draw(&[32]), [0; 32]);
    let mut g = guest(&[]);
    let mut fork = g.process.clone();
    let mut bytes = [0; 16];
    fork.random.fill(&mut bytes);
    g.call(|p, m| wasi::random_get(p, m, 0, 16)).unwrap();
    assert_eq!(g.bytes[..16], bytes);
}

#[test]
fn command_line_and_environment() {
    let mut g = guest(&[]);
    g.process.set_args(["python", "-c", "é"], [("HOME", "/home/airlock"), ("A", "")]);
    g.call(|p, m| wasi::args_sizes_get(p, m, RESULT, RESULT + 4)).unwrap();
    assert_eq!((g.word(RESULT), g.word(RESULT + 4)), (3, 13));
    g.call(|p, m| wasi::args_get(p, m, RESULT, 0x7000)).unwrap();
    assert_eq!(&g.bytes[0x7000..0x700d], "python\0-c\0é\0".as_bytes());
    assert_eq!(g.word(RESULT + 8), 0x700a);
    g.call(|p, m| wasi::environ_sizes_get(p, m, RESULT, RESULT + 4)).unwrap();
    assert_eq!((g.word(RESULT), g.word(RESULT + 4)), (2, 22));
    g.call(|p, m| wasi::environ_get(p, m, RESULT, 0x7000)).unwrap();
    assert_eq!(&g.bytes[0x7000..0x7016], b"HOME=/home/airlock\0A=\0");
    assert_eq!(g.call(|p, m| wasi::environ_get(p, m, u32::MAX - 1, 0)), Err(Errno::Fault));
}

#[test]
fn what_there_is_not() {
    let mut g = guest(&[]);
    assert_eq!(g.call(|p, m| wasi::sock_accept(p, m, 3, 0, 0)), Err(Errno::NotSocket));
    assert_eq!(g.call(|p, m| wasi::sock_shutdown(p, m, 50, 0)), Err(Errno::BadDescriptor));
    assert_eq!(g.call(|p, m| wasi::proc_raise(p, m, 6)), Err(Errno::NotImplemented));
    assert_eq!(g.call(wasi::sched_yield), Ok(()));
    assert_eq!(g.call(|p, _| wasi::proc_exit(p, 3)), Halt::Exit(3));
}

#[test]
fn forks_and_images_go_on_alone() {
    let mut g = guest(&["f=source"]);
    let fd = g.open("w/f", 0, READ).unwrap();
    g.read(fd, 2).unwrap();
    let written = g.open("tmp/t", CREATE, READ | WRITE).unwrap();
    g.write(written, b"kept").unwrap();
    g.unlink("tmp/t").unwrap();
    g.process.freeze();
    let saved = postcard::to_stdvec(&g.process).unwrap();
    let mut fork = Guest { process: g.process.clone(), bytes: g.bytes.clone() };
    let mut back: Process = postcard::from_bytes(&saved).unwrap();
    let bottom = crate::vfs::Bottom::new(std::sync::Arc::new(crate::vfs::tests::support::Fake::new(&["f=source"])));
    back.attach(std::sync::Arc::new(bottom)).unwrap();
    let mut back = Guest { process: back, bytes: g.bytes.clone() };
    for guest in [&mut g, &mut fork, &mut back] {
        assert_eq!(guest.read(fd, 9).unwrap(), b"urce");
        assert_eq!(guest.pread(written, 9, 0).unwrap(), b"kept");
        guest.write(written, b"!").unwrap();
        assert_eq!(guest.pread(written, 9, 0).unwrap(), b"kept!");
        guest.close(written).unwrap();
        assert_eq!(guest.process.vfs.used().bytes, 0);
        assert!(guest.process.vfs.run_trace().is_empty());
    }
}

#[test]
fn work_is_counted_and_ends() {
    let mut g = guest_with(&[], Quotas { work: 10, ..Quotas::default() });
    let calls = (0..20).filter(|_| g.time(0).is_ok()).count();
    assert_eq!(calls, 10);
    assert_eq!(g.time(0), Err(Errno::Canceled));
    assert!(g.process.exhausted());
    assert_eq!(g.process.limits_hit.iter().collect::<Vec<_>>(), [&Limit::Work]);
    let mut g = guest_with(&[], Quotas { work: 100, ..Quotas::default() });
    let random = |p: &mut Process, m: &mut Memory<'_>| wasi::random_get(p, m, 0, 0x40000);
    assert_eq!((0..3).map(|_| g.call(random).is_ok()).collect::<Vec<_>>(), [true, false, false]);
}
