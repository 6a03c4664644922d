//! Rules of the repository itself: who may depend on whom, what core may do, how long files are, what documents say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use airlock_program_tests::{airlock, repository, text};
use serde_json::Value;

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn tracked() -> Vec<PathBuf> {
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(repository()).output().expect("git runs");
    text(&output.stdout).split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect()
}

/// Direct dependencies of the workspace's crates, without those of tests.
fn dependencies(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let members: BTreeSet<&str> =
        metadata["workspace_members"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    metadata["packages"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|package| package["id"].as_str().is_some_and(|id| members.contains(id)))
        .map(|package| {
            let direct = package["dependencies"].as_array().expect("a list").iter();
            let names = direct.filter(|of| of["kind"].is_null()).filter_map(|of| of["name"].as_str());
            (package["name"].as_str().expect("a name").to_owned(), names.map(str::to_owned).collect())
        })
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let found = dependencies(&metadata());
    let ours = |name: &str| -> BTreeSet<&str> {
        found[name].iter().map(String::as_str).filter(|of| of.starts_with("airlock")).collect()
    };
    assert_eq!(ours("airlock-core"), BTreeSet::new());
    assert_eq!(ours("airlock-sandbox"), BTreeSet::from(["airlock-core"]));
    assert_eq!(ours("airlock-repair"), BTreeSet::from(["airlock-core"]));
    assert_eq!(ours("airlock-agent"), BTreeSet::from(["airlock-core"]));
    assert_eq!(ours("airlock-store"), BTreeSet::from(["airlock-core"]));
    assert_eq!(ours("airlock-models"), BTreeSet::from(["airlock-core"]));
    for (name, of) in &found {
        let engine = of.iter().any(|of| of.starts_with("wasmtime"));
        assert_eq!(engine, name == "airlock-sandbox", "{name} and wasmtime");
        assert_eq!(of.contains("rusqlite"), name == "airlock-store", "{name} and SQLite");
        assert_eq!(of.contains("reqwest"), name == "airlock-models", "{name} and HTTP");
    }
    for forbidden in ["tokio", "rusqlite", "reqwest", "tower-lsp", "rustix", "libc"] {
        assert!(!found["airlock-core"].contains(forbidden), "core depends on {forbidden}");
        assert!(!found["airlock-repair"].contains(forbidden), "repair depends on {forbidden}");
        assert!(!found["airlock-agent"].contains(forbidden), "agent depends on {forbidden}");
    }
}

#[test]
fn every_dependency_comes_from_the_registry_under_a_known_licence() {
    const KNOWN: [&str; 12] = [
        "MIT",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSD-1-Clause",
        "ISC",
        "Zlib",
        "Unicode-3.0",
        "CC0-1.0",
        "Unlicense",
        // Of data alone: Mozilla's certificates, which only a build for Android holds.
        "CDLA-Permissive-2.0",
    ];
    for package in metadata()["packages"].as_array().expect("a list") {
        let name = &package["name"];
        if let Some(source) = package["source"].as_str() {
            assert_eq!(source, "registry+https://github.com/rust-lang/crates.io-index", "{name}");
        }
        let licence = package["license"].as_str().unwrap_or_default();
        // Of an OR one side is enough; of an AND all are needed.
        let allowed = licence.split(['/']).flat_map(|part| part.split(" OR ")).any(|choice| {
            let bare = choice.trim().trim_matches(['(', ')']);
            bare.split(" AND ").all(|one| KNOWN.contains(&one.trim().trim_matches(['(', ')'])))
        });
        assert!(allowed, "{name} is under {licence:?}");
    }
}

#[test]
fn the_pure_crates_do_no_io() {
    const IO: [&str; 6] = ["std::fs", "std::net", "std::process", "std::env", "SystemTime", "Instant::now"];
    for path in tracked() {
        let name = path.to_string_lossy();
        let folders = ["server/core/src/", "server/repair/src/", "server/agent/src/", "server/models/src/protocol/"];
        let pure = folders.iter().any(|of| name.starts_with(of));
        if !pure || !name.ends_with(".rs") || name.contains("tests") {
            continue;
        }
        let source = fs::read_to_string(repository().join(&path)).expect("text");
        let code = source.split("#[cfg(test)]").next().expect("a part");
        for word in IO {
            let used = code.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word));
            assert!(!used, "{name} uses {word}");
        }
    }
}

#[test]
fn files_stay_short_and_speak_of_the_project_alone() {
    // Put together here, so that this file does not hold what it looks for.
    let words = [["/wo", "rk/"].concat(), ["/far", "m/"].concat(), ["artif", "actory"].concat()];
    for path in tracked() {
        let Ok(source) = fs::read_to_string(repository().join(&path)) else { continue };
        let code = path.extension().is_some_and(|end| ["rs", "py", "ts", "lua"].iter().any(|known| end == *known));
        assert!(!code || source.lines().count() <= 800, "{} is too long", path.display());
        for word in &words {
            assert!(!source.contains(word.as_str()), "{} holds {word}", path.display());
        }
    }
}

#[test]
fn the_readme_names_commands_that_exist_and_every_error_code_is_documented() {
    let readme = fs::read_to_string(repository().join("README.md")).expect("there");
    let help = text(&airlock(repository()).arg("--help").output().expect("runs").stdout);
    for command in ["check", "fix", "guest", "sessions", "doctor", "config"] {
        assert!(help.contains(command), "--help does not name {command}");
        assert!(readme.contains(&format!("airlock {command}")), "the README does not name {command}");
    }
    for file in ["SECURITY.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "server/ARCHITECTURE.md"] {
        assert!(repository().join(file).is_file(), "{file} is missing");
    }
    let lines = fs::read_to_string(repository().join("server/ARCHITECTURE.md")).expect("there").lines().count();
    assert!(lines <= 300, "ARCHITECTURE.md has {lines} lines");
}

/// Sources without their tests.
fn code() -> Vec<(String, String)> {
    let sources = tracked().into_iter().filter_map(|path| {
        let name = path.to_string_lossy().into_owned();
        let ours =
            name.starts_with("server/") && name.ends_with(".rs") && name.contains("/src/") && !name.contains("test");
        let source = ours.then(|| fs::read_to_string(repository().join(&path)).expect("text"))?;
        Some((name, source.split("#[cfg(test)]").next().expect("a part").to_owned()))
    });
    sources.collect()
}

#[test]
fn every_documented_error_code_is_produced_somewhere() {
    let document = fs::read_to_string(repository().join("server/airlock/JSON.md")).expect("there");
    let table = document.split_once("## Error codes").expect("a section").1;
    let documented: BTreeSet<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let status = fs::read_to_string(repository().join("server/core/src/status.rs")).expect("there");
    // `Variant = "word": "what it says.",`
    let declared: BTreeMap<&str, &str> = status
        .lines()
        .filter_map(|line| line.trim().split_once(" = \""))
        .filter_map(|(variant, rest)| Some((rest.split_once("\": \"")?.0, variant)))
        .collect();
    assert!(documented.len() > 30, "{documented:?}");
    assert_eq!(documented, declared.keys().copied().filter(|word| documented.contains(word)).collect(), "declared");
    let code = code();
    for word in documented {
        let used = format!("ErrorCode::{}", declared[word]);
        // A name may begin like another.
        let is_used = |source: &str| {
            source.match_indices(&used).any(|(at, _)| !source[at + used.len()..].starts_with(char::is_alphanumeric))
        };
        assert!(
            code.iter().any(|(name, source)| !name.ends_with("core/src/status.rs") && is_used(source)),
            "nothing produces {word}"
        );
    }
}

/// What stands in quotes behind a mark, where it is a word.
fn quoted<'s>(source: &'s str, mark: &str) -> Vec<&'s str> {
    let behind = source.match_indices(mark).filter_map(|(at, _)| {
        // The word may stand in the next line.
        source[at + mark.len()..].trim_start().strip_prefix('"')?.split('"').next()
    });
    behind.filter(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')).collect()
}

#[test]
fn every_reason_why_a_test_is_not_testable_is_documented_and_each_that_is_documented_exists() {
    let readme = fs::read_to_string(repository().join("README.md")).expect("there");
    let table = readme.split_once("| reason | |").expect("a table").1.split("\n\n").next().expect("a part");
    let documented: BTreeSet<&str> = table
        .lines()
        .filter_map(|row| row.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|names| names.split('`').skip(1).step_by(2))
        .collect();
    let mut found = BTreeSet::new();
    for path in tracked() {
        let name = path.to_string_lossy();
        let harness = name.contains("/airlock_harness/") && name.ends_with(".py");
        let report = name.starts_with("server/sandbox/src/suite/") || name == "server/airlock/src/hidden.rs";
        if harness || report {
            let source = fs::read_to_string(repository().join(&path)).expect("text");
            for mark in ["refuse(", "hint(", r#""kind":"#, "kind:"] {
                found.extend(quoted(&source, mark).into_iter().map(str::to_owned));
            }
        }
    }
    assert_eq!(documented, found.iter().map(String::as_str).collect());
}

#[test]
fn every_test_that_the_table_of_faults_names_exists() {
    let readme = fs::read_to_string(repository().join("tests/README.md")).expect("there");
    let mut rows = 0;
    for row in readme.lines().filter(|line| line.starts_with("| ") && line.contains(".rs`: ")) {
        rows += 1;
        for part in row.rsplit(" | ").next().expect("a cell").split("; ") {
            let mut words = part.split('`').skip(1).step_by(2);
            let file = words.next().expect("a file");
            let source = fs::read_to_string(repository().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            let names: Vec<&str> = words.collect();
            assert!(!names.is_empty(), "{file} is named without a test: {row}");
            for name in names {
                assert!(source.contains(&format!("fn {name}(")), "{file} has no test {name}");
            }
        }
    }
    assert!(rows >= 12, "the table has {rows} rows");
}

/// Crates that are there in more than one version, each with who asks for which. A new one is a choice to make, not an
/// accident: every version is built and has to be looked after.
const TWICE: [(&str, &str); 15] = [
    ("bitflags", "tower-lsp's types have an older one"),
    ("block-buffer", "digest 0.10 beside 0.11"),
    ("constant_time_eq", "blake3's beside zip's"),
    ("core-foundation", "macOS: its settings of proxies have an older one"),
    ("cpufeatures", "sha2 0.10 beside 0.11"),
    ("crypto-common", "digest 0.10 beside 0.11"),
    ("digest", "sha2 0.10 beside 0.11"),
    ("embedded-io", "postcard names two, and neither is built"),
    ("foldhash", "hashbrown 0.15 beside the newer ones"),
    ("getrandom", "ring has an older one"),
    ("hashbrown", "imara-diff's, gimli's (under wasmtime) and wasmtime's own"),
    ("sha2", "wasmtime's and Cranelift's beside ours"),
    ("syn", "wasmtime's and landlock's derive macros beside the newer ones"),
    ("tower", "tower-lsp has an older one than reqwest"),
    ("windows-sys", "ring has an older one"),
];

#[test]
fn no_dependency_is_there_twice_by_accident() {
    let metadata = metadata();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in metadata["packages"].as_array().expect("a list") {
        let (name, version) =
            (package["name"].as_str().expect("a name"), package["version"].as_str().expect("a version"));
        versions.entry(name).or_default().insert(version);
    }
    let found: Vec<&str> = versions.iter().filter(|(_, all)| all.len() > 1).map(|(name, _)| *name).collect();
    assert_eq!(found, TWICE.map(|(name, _)| name));
}

#[test]
fn every_setting_is_documented() {
    let readme = fs::read_to_string(repository().join("README.md")).expect("there");
    let output = airlock(repository()).args(["config", "--json"]).output().expect("runs");
    let config: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let settings = config["settings"].as_array().expect("a list");
    assert!(!settings.is_empty());
    for setting in settings {
        let name = setting["name"].as_str().expect("a name");
        assert!(readme.contains(&format!("`{name}`")), "the README does not explain the setting {name}");
    }
}

#[test]
fn every_crate_is_held_to_the_workspace_s_rules() {
    for path in tracked() {
        let name = path.to_string_lossy();
        if !name.ends_with("Cargo.toml") || name == "Cargo.toml" {
            continue;
        }
        let text = fs::read_to_string(repository().join(&path)).expect("text");
        for line in ["[lints]\nworkspace = true", "license.workspace = true", "publish.workspace = true"] {
            assert!(text.contains(line), "{name} lacks {line:?}");
        }
        assert!(text.contains("rust-version.workspace = true"), "{name} names no Rust version");
        assert!(text.contains("description = "), "{name} has no description");
    }
}
