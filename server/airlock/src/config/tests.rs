use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::table::SETTINGS;
use super::value::Origin;
use super::*;

struct Case {
    dir: TempDir,
    sources: Sources,
}

/// A user's file, a project's `airlock.toml`, a project's `pyproject.toml`; an empty string means no file.
fn case(user: &str, own: &str, pyproject: &str) -> Case {
    let dir = tempfile::tempdir().unwrap();
    let (config, project) = (dir.path().join("config"), dir.path().join("repo"));
    fs::create_dir_all(&config).unwrap();
    fs::create_dir_all(project.join("sub/inner")).unwrap();
    let files = [
        (config.join("config.toml"), user),
        (project.join("airlock.toml"), own),
        (project.join("pyproject.toml"), pyproject),
    ];
    for (path, text) in files {
        if !text.is_empty() {
            fs::write(path, text).unwrap();
        }
    }
    let sources = Sources {
        user_file: Some(config.join("config.toml")),
        project: Some(project.clone()),
        repository: Some(project),
        home: Some(dir.path().join("home")),
        flags: Flags::default(),
    };
    Case { dir, sources }
}

impl Case {
    fn load(&self) -> Config {
        Config::load(&self.sources).unwrap()
    }
}

fn value(config: &Config, key: Key) -> (String, &'static str) {
    let entry = config.get(key);
    (entry.value.to_string(), entry.origins.last().unwrap().word())
}

#[test]
fn nothing_set_gives_the_defaults() {
    let config = case("", "", "").load();
    let settings = config.settings(Path::new("/p"));
    assert_eq!((settings.test_seconds, settings.memory_mb, settings.threads), (60, 1024, Threads::Inline));
    assert!(settings.jobs >= 1 && settings.environment.is_none() && config.warnings.is_empty());
    assert!(config.entries.iter().all(|e| e.origins == [Origin::Default]));
}

#[test]
fn a_later_layer_wins() {
    let mut case = case("test_seconds = 90\nfiles = 50", "test_seconds = 30\n[search]\nseed = 7", "");
    case.sources.flags.set(Key::SearchSeed, "seed", "9").unwrap();
    let config = case.load();
    assert_eq!(value(&config, Key::TestSeconds), ("30".into(), "project"));
    assert_eq!(value(&config, Key::Files), ("50".into(), "user"));
    assert_eq!(value(&config, Key::SearchSeed), ("9".into(), "command_line"));
    assert_eq!(value(&config, Key::MemoryMb), ("1024".into(), "default"));
    assert_eq!(config.files.len(), 2);
}

#[test]
fn a_repository_only_tightens() {
    // (user, project, key, value in effect, part of the warning)
    let cases = [
        (
            "",
            "test_seconds = 61",
            Key::TestSeconds,
            "60",
            "`test_seconds` is ignored: it would raise the limit from 60 to 61",
        ),
        ("test_seconds = 20", "test_seconds = 30", Key::TestSeconds, "20", "from 20 to 30"),
        ("test_seconds = 200", "test_seconds = 100", Key::TestSeconds, "100", ""),
        (
            "threads = \"refuse\"",
            "threads = \"inline\"",
            Key::Threads,
            "\"refuse\"",
            "\"inline\" is looser than \"refuse\"",
        ),
        ("", "threads = \"refuse\"", Key::Threads, "\"refuse\"", ""),
        ("", "environment = \"/home/user/.ssh\"", Key::Environment, "unset", "only the user may name files"),
        ("", "read = [\"notes.txt\"]", Key::Read, "[]", "only the user may name files"),
        ("ignore = [\"a\"]", "ignore = [\"b\", \"a\"]", Key::Ignore, "[\"a\",\"b\"]", ""),
        ("", "secrets = [\"*.token\"]", Key::Secrets, "[\"*.token\"]", ""),
        ("", "root = \"../..\"", Key::Root, "unset", "does not name a folder beneath"),
        ("", "root = \"/etc\"", Key::Root, "unset", "does not name a folder beneath"),
        ("", "root = \"missing\"", Key::Root, "unset", "does not name a folder beneath"),
        ("", "pytest.args = [\"-x\"]", Key::PytestArgs, "[\"-x\"]", ""),
        ("", "[search]\ntime_limit = 100000", Key::SearchTimeLimit, "60", "raise the limit"),
        ("jobs = 2", "jobs = 3", Key::Jobs, "2", "raise the limit"),
    ];
    for (user, project, key, expected, warning) in cases {
        let case = case(user, project, "");
        let config = case.load();
        assert_eq!(config.get(key).value.to_string(), expected, "{project}");
        match warning {
            "" => assert_eq!(config.warnings, [] as [String; 0], "{project}"),
            part => {
                assert!(config.warnings.len() == 1 && config.warnings[0].contains(part), "{:?}", config.warnings);
                assert!(config.warnings[0].contains("airlock.toml:"), "{:?}", config.warnings);
                assert!(config.warnings[0].contains("config.toml"), "{:?}", config.warnings);
            }
        }
    }
}

#[test]
fn the_command_line_may_loosen_and_lists_gather() {
    let mut case = case("", "ignore = [\"a\"]\npytest.args = [\"-q\"]", "");
    let flags = &mut case.sources.flags;
    flags.set(Key::TestSeconds, "test-seconds", "600").unwrap();
    flags.set(Key::Ignore, "ignore", "b").unwrap();
    flags.set(Key::PytestArgs, "pytest-arg", "-k").unwrap();
    flags.set(Key::PytestArgs, "pytest-arg", "one").unwrap();
    flags.set(Key::Environment, "environment", "~/env").unwrap();
    let config = case.load();
    let settings = config.settings(Path::new("/p"));
    assert_eq!(settings.test_seconds, 600);
    assert_eq!(
        (settings.ignore, settings.pytest_args),
        (vec!["a".into(), "b".into()], vec!["-k".into(), "one".into()])
    );
    assert_eq!(settings.environment, Some(case.dir.path().join("home/env")));
    assert_eq!(config.get(Key::Ignore).origins.len(), 2);
    let wrong = case.sources.flags.set(Key::Jobs, "jobs", "many").unwrap_err();
    assert_eq!(wrong.to_string(), "--jobs: \"many\" does not fit, expected a whole number from 1 to 256");
}

#[test]
fn the_nearest_project_file_decides() {
    let mut case = case("", "test_seconds = 30", "");
    let inner = case.sources.project.clone().unwrap().join("sub");
    case.sources.project = Some(inner.join("inner"));
    assert_eq!(value(&case.load(), Key::TestSeconds), ("30".into(), "project"));
    fs::write(inner.join("pyproject.toml"), "[tool.airlock]\nfiles = 9").unwrap();
    let config = case.load();
    assert_eq!(value(&config, Key::TestSeconds), ("60".into(), "default"));
    assert_eq!(value(&config, Key::Files), ("9".into(), "project"));
}

#[test]
fn two_project_files_in_one_folder_are_told_apart() {
    let config = case("", "files = 8", "[tool.airlock]\nfiles = 9").load();
    assert_eq!(value(&config, Key::Files), ("8".into(), "project"));
    assert!(config.warnings[0].contains("[tool.airlock] is ignored"), "{:?}", config.warnings);
    assert!(case("", "files = 8", "[project]\nname = \"airlock\"").load().warnings.is_empty());
}

#[test]
fn the_root_may_be_named_beneath_the_repository() {
    let case = case("", "root = \"sub\"", "");
    let expected = case.sources.project.clone().unwrap().canonicalize().unwrap().join("sub");
    assert_eq!(case.load().settings(Path::new("/p")).root, Some(expected));
}

#[test]
#[cfg(unix)]
fn a_link_out_of_the_repository_is_not_read() {
    let case = case("", "", "");
    let secret = case.dir.path().join("secret");
    fs::write(&secret, "canary = 1").unwrap();
    let project = case.sources.project.clone().unwrap();
    std::os::unix::fs::symlink(&secret, project.join("airlock.toml")).unwrap();
    let config = case.load();
    assert!(config.warnings[0].contains("leads out of the repository"), "{:?}", config.warnings);
    fs::remove_file(project.join("airlock.toml")).unwrap();
    fs::write(project.join("shared.toml"), "files = 3").unwrap();
    std::os::unix::fs::symlink("shared.toml", project.join("airlock.toml")).unwrap();
    assert_eq!(value(&case.load(), Key::Files), ("3".into(), "project"));
    std::os::unix::fs::symlink(case.dir.path(), project.join("out")).unwrap();
    fs::write(project.join("shared.toml"), "root = \"out\"").unwrap();
    assert!(case.load().warnings[0].contains("`root` is ignored"));
}

#[test]
fn the_json_says_where_each_came_from() {
    let case = case("jobs = 1", "", "");
    let json = case.load().to_json();
    let rows = json.as_array().unwrap();
    assert_eq!(rows.len(), SETTINGS.len());
    let jobs = rows.iter().find(|r| r["name"] == "jobs").unwrap();
    assert_eq!(
        (&jobs["value"], &jobs["origins"][0]["kind"], &jobs["origins"][0]["line"]),
        (&1.into(), &"user".into(), &1.into())
    );
    assert_eq!(jobs["repository_may"], "lower");
}
