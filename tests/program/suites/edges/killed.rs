//! `--apply` ended in its middle, by a kill and by Ctrl-C: each file is the old one or the new one, whole, and what is left
//! beside them is gone with the next landing.

use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use airlock_program_tests::calls::{Project, Running};
use airlock_program_tests::long;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::process::{Signal, kill_process};

use crate::support::{assert_gone, children, press_twice, process, word};

/// Files that are changed; one more is made and one deleted. Enough that the swaps take a while.
const FILES: usize = 60;
/// A module that nobody imports: long enough that half of it would show.
const FILLER: usize = 20_000;

const TEST: &str = "import m00\n\n\ndef test_value():\n    assert m00.VALUE == 1\n";

fn module(value: u8) -> String {
    format!("VALUE = {value}\n{}", "_ = 'filler'\n".repeat(FILLER / 13))
}

/// Every file that the patch touches, as it is without and with it.
fn files() -> Vec<(String, Option<String>, Option<String>)> {
    let mut all: Vec<_> = (0..FILES).map(|at| (place(at), Some(module(0)), Some(module(1)))).collect();
    all.push(("made/new.py".to_owned(), None, Some("NEW = 1\n".to_owned())));
    all.push(("old.py".to_owned(), Some("OLD = 1\n".to_owned()), None));
    all
}

/// Some of them lie in a folder of their own.
fn place(at: usize) -> String {
    if at.is_multiple_of(3) && at > 0 { format!("pkg/m{at:02}.py") } else { format!("m{at:02}.py") }
}

fn patch() -> String {
    let mut patch = String::new();
    for at in 0..FILES {
        let path = place(at);
        patch
            .push_str(&format!("--- a/{path}\n+++ b/{path}\n@@ -1,2 +1,2 @@\n-VALUE = 0\n+VALUE = 1\n _ = 'filler'\n"));
    }
    patch.push_str("--- /dev/null\n+++ b/made/new.py\n@@ -0,0 +1 @@\n+NEW = 1\n");
    patch.push_str("--- a/old.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-OLD = 1\n");
    patch
}

fn project() -> Project {
    let project = Project::new(&[("test_m.py", TEST)]);
    reset(&project);
    project
}

/// All files as the patch expects them. Temporaries stay.
fn reset(project: &Project) {
    for (path, old, _) in files() {
        match old {
            Some(old) => project.write(&path, old),
            None => drop(fs::remove_file(project.join(&path))),
        }
    }
    drop(fs::remove_dir(project.join("made")));
}

fn start(project: &Project) -> Running {
    project.airlock(&["check", "--patch", "-", "--apply", "--json"]).input(patch()).start()
}

/// How many files are new; each has to be one or the other.
fn landed(project: &Project) -> usize {
    let mut landed = 0;
    for (path, old, new) in files() {
        let now = fs::read_to_string(project.join(&path)).ok();
        assert!(now == old || now == new, "{path} is neither old nor new: {:?}", now.map(|text| text.len()));
        landed += usize::from(now == new);
    }
    landed
}

fn temporaries(project: &Project) -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["", "pkg", "made"] {
        let Ok(entries) = fs::read_dir(project.join(folder)) else { continue };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        found.extend(names.filter(|name| name.starts_with(".airlock-")));
    }
    found
}

/// The next number of a fixed sequence (SplitMix64), below `below`.
fn random(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) % below
}

/// The names that come up in the project's own folder.
struct Watch(OwnedFd);

impl Watch {
    fn new(project: &Project) -> Self {
        let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).expect("the system watches folders");
        let what = WatchFlags::CREATE | WatchFlags::MOVED_TO;
        inotify::add_watch(&watch, project.path(), what).expect("the folder can be watched");
        Self(watch)
    }

    /// Waits for a name that is one of these; false where the program ended first.
    fn sees(&self, running: &Running, wanted: impl Fn(&str) -> bool) -> bool {
        let stat = format!("/proc/{}/stat", running.id());
        let mut buffer = [MaybeUninit::uninit(); 4096];
        loop {
            // Looked at before the names: what came before the end is seen.
            let over = fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z "));
            let mut names = inotify::Reader::new(&self.0, &mut buffer);
            while let Ok(event) = names.next() {
                if event.file_name().is_some_and(|name| name.to_str().is_ok_and(&wanted)) {
                    return true;
                }
            }
            if over {
                return false;
            }
            std::thread::sleep(Duration::from_micros(20));
        }
    }

    /// Waits for the first temporary of a landing.
    fn begins(&self, running: &Running) -> bool {
        self.sees(running, |name| name.starts_with(".airlock-"))
    }

    /// Waits for the first file that is swapped in.
    fn swaps(&self, running: &Running) -> bool {
        self.sees(running, |name| name == "m00.py")
    }
}

fn spin(time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        std::hint::spin_loop();
    }
}

#[test]
fn a_kill_at_any_moment_of_a_landing_leaves_whole_files() {
    let project = project();
    // How long a landing takes here: from its first temporary to its end.
    let watch = Watch::new(&project);
    let running = start(&project);
    assert!(watch.begins(&running), "nothing landed");
    let since = Instant::now();
    assert_eq!(word(&running.wait().document(), "status"), "verified");
    let whole = u64::try_from(since.elapsed().as_micros()).expect("microseconds");
    assert_eq!((landed(&project), temporaries(&project)), (files().len(), vec![]));

    let kills = if long() { 200 } else { 20 };
    let (mut seed, mut littered, mut halves) = (7, 0, 0);
    for number in 0..kills {
        reset(&project);
        let watch = Watch::new(&project);
        let running = start(&project);
        // Half of the kills come at any moment of the landing, half right after the first swap.
        if number % 2 == 0 {
            watch.begins(&running);
            spin(Duration::from_micros(random(&mut seed, whole + 1)));
        } else {
            watch.swaps(&running);
            spin(Duration::from_micros(random(&mut seed, 200)));
        }
        let workers = children(running.id());
        // It may have ended by itself, and is not waited for yet: then there is nothing to kill.
        kill_process(process(running.id()), Signal::KILL).expect("it can be killed");
        running.wait();
        workers.into_iter().for_each(assert_gone);
        let new = landed(&project);
        halves += usize::from(new > 0 && new < files().len());
        littered += usize::from(!temporaries(&project).is_empty());
    }
    eprintln!(
        "a landing takes {whole} µs; {kills} kills: {littered} left temporaries, {halves} came between two swaps"
    );
    assert!(littered > 0, "no kill met a landing");

    reset(&project);
    project.write(".airlock-mine.tmp", "the user's own");
    let running = start(&project);
    let ended = running.wait();
    assert_eq!(word(&ended.document(), "status"), "verified");
    assert_eq!(landed(&project), files().len());
    assert_eq!(temporaries(&project), [".airlock-mine.tmp"]);
}

#[test]
fn what_a_killed_landing_left_is_told_and_removed_by_the_next() {
    let project = project();
    let left = [".airlock-0123456789abcdef.tmp", "pkg/.airlock-fedcba9876543210.tmp"];
    for path in left {
        project.write(path, "half of it");
    }
    let tree = project.tree();
    let (document, _) = project.airlock(&["doctor"]).json();
    assert!(document["notes"].to_string().contains(left[0]), "{document}");
    // Only a landing writes.
    project.airlock(&["check", "--patch", "-"]).input(patch()).json();
    tree.assert_untouched("a check without --apply");
    let ended = project.airlock(&["check", "--patch", "-", "--apply"]).input(patch()).run();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(ended.stderr.contains("2 temporary files that an interrupted --apply had left"), "{}", ended.stderr);
    assert_eq!(temporaries(&project), Vec::<String>::new());
    let (document, _) = project.airlock(&["doctor"]).json();
    assert!(!document["notes"].to_string().contains(".airlock-"), "{document}");
}

#[test]
fn ctrl_c_never_cuts_a_landing_in_two() {
    let project = project();
    let mut seed = 11;
    for _ in 0..4 {
        reset(&project);
        let watch = Watch::new(&project);
        let running = start(&project);
        assert!(watch.begins(&running), "nothing landed");
        spin(Duration::from_micros(random(&mut seed, 3000)));
        press_twice(running.id());
        let ended = running.wait();
        // What is said is what was done.
        let document = ended.document();
        let expected = if document["applied"] == true { (0, files().len()) } else { (130, 0) };
        assert_eq!((ended.code, landed(&project)), expected, "{document}");
        assert_eq!(temporaries(&project), Vec::<String>::new());
    }
}
