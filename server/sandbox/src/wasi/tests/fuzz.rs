//! Any arguments, any memory: an answer, never a panic.

use proptest::collection::vec;
use proptest::prelude::*;

use super::support::guest_with;
use crate::vfs::FsLimits;
use crate::wasi::{self, Errno, Memory, Process, Quotas, for_each_wasi_function};

type Call = fn(&mut Process, &mut Memory<'_>, &[u64]) -> Result<(), Errno>;

/// Narrows an argument as wasm would have it.
trait Argument {
    fn of(raw: u64) -> Self;
}

impl Argument for u32 {
    fn of(raw: u64) -> Self {
        raw as u32
    }
}

impl Argument for u64 {
    fn of(raw: u64) -> Self {
        raw
    }
}

impl Argument for i64 {
    fn of(raw: u64) -> Self {
        raw.cast_signed()
    }
}

macro_rules! calls {
    ($($name:ident($($argument:ident: $type:ty),* $(,)?);)*) => {
        const CALLS: &[(&str, Call)] = &[$((stringify!($name), |p, m, raw| {
            let mut raw = raw.iter().copied();
            $(let $argument = <$type as Argument>::of(raw.next().unwrap_or(0));)*
            let _ = &mut raw;
            wasi::$name(p, m $(, $argument)*)
        })),*];
    };
}
for_each_wasi_function!(calls);

#[test]
fn the_table_is_whole() {
    // All of preview 1 but `proc_exit`, which has no errno.
    assert_eq!(CALLS.len(), 45);
    assert!(CALLS.is_sorted_by(|a, b| a.0 < b.0));
}

/// Texts that paths may point at.
const TEXTS: &[&str] = &[
    "w",
    "w/f",
    "w/d",
    "w/d/x",
    "w/l",
    "w/new",
    "tmp",
    "tmp/a",
    "tmp/b",
    "ro/f",
    "../..",
    "/",
    ".",
    "..",
    "dev/urandom",
    "w/d/",
    "tmp/a/b",
    "\u{fffd}\u{0}",
    "dev/null",
    "dev/zero",
    "w/loop",
];
/// Where they lie, and how long they are, below.
const TEXT_ROOM: usize = 16;
const MEMORY: usize = 4_096;

fn argument() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => 0..12u64,
        4 => (0..TEXTS.len() as u64).prop_map(|at| at * TEXT_ROOM as u64),
        3 => 0..MEMORY as u64 + 64,
        1 => prop::sample::select(vec![u64::MAX, u64::from(u32::MAX), 1 << 31, 1 << 63, (1 << 63) - 1, 1 << 40, 64, 66]),
        1 => any::<u64>(),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    /// Any arguments.
    Any(usize, Vec<u64>),
    /// A path operation whose path is one.
    Path(usize, usize, Vec<u64>),
    Open(usize, u64, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..CALLS.len(), vec(argument(), 11)).prop_map(|(call, raw)| Step::Any(call, raw)),
        2 => (0..CALLS.len(), 0..TEXTS.len(), vec(argument(), 11)).prop_map(|(call, text, raw)| Step::Path(call, text, raw)),
        2 => (0..TEXTS.len(), 0..16u64, any::<u64>()).prop_map(|(text, open, rights)| Step::Open(text, open, rights)),
    ]
}

fn named(name: &str) -> Call {
    CALLS.iter().find(|(known, _)| *known == name).map(|(_, call)| *call).unwrap()
}

fn fill(noise: &[u8], size: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = noise.iter().copied().cycle().take(size).collect();
    for (at, text) in TEXTS.iter().enumerate() {
        if let Some(slot) = bytes.get_mut(at * TEXT_ROOM..at * TEXT_ROOM + text.len()) {
            slot.copy_from_slice(text.as_bytes());
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(
        steps in vec(step(), 1..60),
        noise in vec(prop_oneof![3 => Just(0u8), 2 => any::<u8>()], 1..200),
        size in prop::sample::select(vec![0, 7, 100, MEMORY, MEMORY, MEMORY]),
    ) {
        let files = FsLimits { nodes: 20, bytes: 10_000, file_bytes: 5_000 };
        let quotas = Quotas { files, descriptors: 12, output_bytes: 500, listing_bytes: 2_000, ..Quotas::default() };
        let mut g = guest_with(&["f=12345", "d/x=1", "l->d", "loop->loop"], quotas);
        g.bytes = fill(&noise, size);
        for step in &steps {
            let (call, raw) = match step {
                Step::Any(call, raw) => (CALLS[*call].1, raw.clone()),
                Step::Path(call, text, raw) => {
                    let mut raw = raw.clone();
                    let path = CALLS[*call].0.starts_with("path_");
                    let first = usize::from(CALLS[*call].0.contains("filestat") || CALLS[*call].0 == "path_open") + 1;
                    if path {
                        raw[0] = 3;
                        raw[first] = (text * TEXT_ROOM) as u64;
                        raw[first + 1] = TEXTS[*text].len() as u64;
                    }
                    (CALLS[*call].1, raw)
                }
                Step::Open(text, open, rights) => {
                    let path = (text * TEXT_ROOM) as u64;
                    let raw = vec![3, 1, path, TEXTS[*text].len() as u64, *open, *rights, *rights, 0, 2_000];
                    (named("path_open"), raw)
                }
            };
            let result = g.call(|p, m| call(p, m, &raw));
            if let Err(errno) = result {
                prop_assert!((1..=76).contains(&errno.code()));
            }
            // The paths may have been written over.
            if size == MEMORY {
                g.bytes = fill(&noise, size);
            }
        }
        let used = g.process.vfs.used();
        prop_assert!(g.process.open_descriptors() <= 12);
        prop_assert!(used.nodes <= 20 && used.bytes <= 10_000);
        prop_assert!(g.process.stdout.bytes().len() <= 500);
        prop_assert!(g.process.clock.now() >= crate::vfs::START);
        // All that is left fits together: saved, read back, walked through.
        let saved = postcard::to_stdvec(&g.process).unwrap();
        let back: Process = postcard::from_bytes(&saved).unwrap();
        prop_assert!(back.descriptors.fit(&back.vfs));
        g.process.vfs.dump("/w");
        g.process.vfs.dump("/tmp");
        for fd in 0..12 {
            let _ = g.close(fd);
        }
        prop_assert_eq!(g.process.open_descriptors(), 0);
    }

    /// Images are checked for their hash before they are read; a damaged one that came so far is refused or is whole.
    #[test]
    fn damaged_images_do_not_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut g = guest_with(&["f=12345"], Quotas::default());
        g.open("w/f", 0, 2).unwrap();
        g.mkdir("tmp/d").unwrap();
        g.process.freeze();
        let mut saved = postcard::to_stdvec(&g.process).unwrap();
        let at = at.index(saved.len());
        saved[at] = byte;
        if let Ok(mut back) = postcard::from_bytes::<Process>(&saved) {
            let bottom = crate::vfs::Bottom::new(std::sync::Arc::new(crate::vfs::tests::support::Fake::new(&["f=12345"])));
            let _ = back.attach(std::sync::Arc::new(bottom));
        }
    }
}
