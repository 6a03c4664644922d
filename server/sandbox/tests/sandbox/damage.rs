//! Files of ours that are cut short, changed, foreign or gone: made again, or refused in words.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use airlock_sandbox::suite::{Options, Suite};
use airlock_sandbox::worker::client::{Worker, WorkerError};
use airlock_sandbox::worker::protocol::{Failure, Installed};

use crate::support::{Files, assert_all_pass, guest_folder, launch, limits, scratch, spec, worker};

/// The installed guest again, in a folder where files can be replaced one by one.
fn copy_of_guest(name: &str) -> PathBuf {
    drop(worker(Files::new(&[])));
    let folder = scratch(name);
    for entry in fs::read_dir(guest_folder()).expect("listed") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_file() && !entry.file_name().to_string_lossy().contains("whole") {
            fs::hard_link(entry.path(), folder.join(entry.file_name())).expect("linked");
        }
    }
    folder
}

/// Replaces a file by changed content; the one it is linked with stays.
fn replace(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("read");
    change(&mut bytes);
    fs::remove_file(path).expect("removed");
    fs::write(path, bytes).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("set");
}

fn open(folder: &Path) -> Result<(), WorkerError> {
    let worker = Worker::start(&launch(), Files::new(&[]))?;
    worker.open(&Installed::python(folder, None), 1).map(drop)
}

#[test]
fn a_damaged_or_foreign_guest_is_never_loaded_and_says_which_file() {
    let folder = copy_of_guest("damaged-guest");
    open(&folder).expect("whole as it is");
    type Change = (&'static str, fn(&mut Vec<u8>));
    let changes: [Change; 6] = [
        ("guest.cwasm", |bytes| bytes.truncate(bytes.len() / 2)),
        ("guest.cwasm", |bytes| {
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
        }),
        ("initial.mem", |bytes| bytes[0] ^= 1),
        ("initial.mem", Vec::clear),
        ("guest.bin", |bytes| bytes.truncate(10)),
        ("guest.bin", |bytes| bytes.fill(0xff)),
    ];
    for (name, change) in changes {
        let good = fs::read(folder.join(name)).expect("read");
        replace(&folder.join(name), change);
        let error = open(&folder).expect_err(name);
        assert!(matches!(&error, WorkerError::Failed(Failure::GuestDamaged { .. })), "{name}: {error}");
        replace(&folder.join(name), |bytes| *bytes = good);
    }
    open(&folder).expect("whole again");

    // Writable by others: whoever wrote it need not be us.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("set");
    let error = open(&folder).expect_err("a folder anyone can write").to_string();
    assert!(error.contains("belongs to another user or can be written by one"), "{error}");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("set");

    // A pipe in a file's place must not make anyone wait.
    fs::remove_file(folder.join("guest.bin")).expect("removed");
    let made = std::process::Command::new("mkfifo").arg(folder.join("guest.bin")).status().expect("mkfifo");
    assert!(made.success());
    assert!(open(&folder).is_err());

    // Not the module that was installed: refused before it is compiled.
    replace(&folder.join("python.wasm"), |bytes| bytes.truncate(1000));
    let worker = Worker::start(&launch(), Files::new(&[])).expect("a worker");
    let error = worker.compile(&Installed::python(&folder, None)).expect_err("damaged").to_string();
    assert!(error.contains("python.wasm is not the file that was installed"), "{error}");
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn another_users_file_is_refused() {
    // Only root can give files away; elsewhere the modes above stand for it.
    let folder = copy_of_guest("forged-owner");
    replace(&folder.join("guest.cwasm"), |_| {});
    if std::os::unix::fs::chown(folder.join("guest.cwasm"), Some(12345), None).is_ok() {
        let error = open(&folder).expect_err("another user's").to_string();
        assert!(error.contains("belongs to another user"), "{error}");
    }
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn damaged_images_are_made_again() {
    let files = Files::new(&[("test_it.py", "def test_it(): pass\n")]);
    let images = scratch("damaged-images");
    let run = |what: &str| {
        // A new worker: one that has an image mapped does not look at the files again.
        drop(worker(Files::new(&[])));
        let worker = Worker::start(&launch(), Arc::clone(&files) as _).expect("a worker");
        worker.open(&Installed::python(guest_folder(), Some(images.clone())), 1).expect("opened");
        let mut spec = spec(limits());
        spec.images = Some(images.clone());
        let suite =
            Suite::new(&worker, Arc::clone(&files) as _, spec, Arc::new(AtomicBool::new(false))).expect("a suite");
        let ready = suite.collect(&[]).unwrap_or_else(|error| panic!("{what}: {error}"));
        let cached = ready.from_cache;
        assert_all_pass(
            &suite.run(&ready, &[], &Options::default(), &mut |_| {}).unwrap_or_else(|error| panic!("{what}: {error}")),
        );
        cached
    };
    assert!(!run("nothing there"));
    assert!(run("all there"));
    for (name, damage) in [
        ("image.mem", 0_usize),
        ("image.mem", 1),
        ("image.bin", 0),
        ("image.bin", 1),
        ("meta.bin", 0),
        ("meta.bin", 1),
        ("image.mem", 2),
        ("image.bin", 2),
    ] {
        let mut damaged = 0;
        for key in fs::read_dir(&images).expect("listed") {
            let Ok(variants) = fs::read_dir(key.expect("a key").path()) else { continue };
            for variant in variants {
                let path = variant.expect("a variant").path().join(name);
                if !path.is_file() {
                    continue;
                }
                damaged += 1;
                match damage {
                    0 => replace(&path, |bytes| bytes.truncate(bytes.len() / 3)),
                    1 => replace(&path, |bytes| {
                        let at = bytes.len() - 20;
                        bytes[at] ^= 1;
                    }),
                    _ => fs::remove_file(&path).expect("removed"),
                }
            }
        }
        assert!(damaged > 0);
        run(&format!("{name}, damage {damage}"));
        assert!(run("after it"));
    }
    fs::remove_dir_all(images).expect("removed");
}

#[test]
fn an_image_that_vanishes_between_collection_and_run_is_made_again() {
    let files = Files::new(&[("test_it.py", "def test_it(): pass\n")]);
    let images = scratch("vanishing-images");
    let installed = Installed::python(guest_folder(), Some(images.clone()));
    drop(worker(Files::new(&[])));
    let mut spec = spec(limits());
    spec.images = Some(images.clone());
    let collect = |worker: &Worker| {
        let suite = Suite::new(worker, Arc::clone(&files) as _, spec.clone(), Arc::new(AtomicBool::new(false)))
            .expect("a suite");
        suite.collect(&[]).expect("collected")
    };
    let start = || {
        let worker = Worker::start(&launch(), Arc::clone(&files) as _).expect("a worker");
        worker.open(&installed, 1).expect("opened");
        worker
    };
    drop(collect(&start()));
    let worker = start();
    let ready = collect(&worker);
    assert!(ready.from_cache);
    for entry in fs::read_dir(&images).expect("listed") {
        fs::remove_dir_all(entry.expect("an entry").path()).expect("removed");
    }
    let suite =
        Suite::new(&worker, Arc::clone(&files) as _, spec.clone(), Arc::new(AtomicBool::new(false))).expect("a suite");
    assert_all_pass(&suite.run(&ready, &[], &Options::default(), &mut |_| {}).expect("run"));
    fs::remove_dir_all(images).expect("removed");
}

#[test]
fn a_process_that_has_compiled_opens_no_guest() {
    // Its compiler's threads would stay outside the second wall.
    drop(worker(Files::new(&[])));
    let nothing = scratch("nothing-to-compile");
    let worker = Worker::start(&launch(), Files::new(&[])).expect("a worker");
    worker.compile(&Installed::python(&nothing, None)).expect_err("there is nothing");
    let error = worker.open(&Installed::python(guest_folder(), None), 1).expect_err("refused").to_string();
    assert!(error.contains("has compiled"), "{error}");
    fs::remove_dir_all(nothing).expect("removed");
}
