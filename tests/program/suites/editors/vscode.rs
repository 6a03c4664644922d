//! The extension for VS Code: that it is sound, that it is packaged by one command, and the main job in VS Code itself, which runs
//! in a browser here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use airlock_program_tests::fetched::ran;
use airlock_program_tests::{copy, program, repository};

use crate::Desk;
use airlock_program_tests::packages::{node_call, npm, npm_ci};

/// The extension's folder, copied to where its packages are: nothing is built in the repository.
struct Extension {
    folder: PathBuf,
    _own: tempfile::TempDir,
}

impl Extension {
    fn copied() -> Option<Self> {
        let source = repository().join("editors/vscode");
        let packages = npm("vscode-extension", &source, |_| Ok(()))?;
        let own = tempfile::TempDir::new().expect("a temporary folder");
        let folder = own.path().join("vscode");
        fs::create_dir(&folder).expect("made");
        for entry in fs::read_dir(&source).expect("a folder").map(|entry| entry.expect("an entry")) {
            let name = entry.file_name();
            // What somebody built there is not what is tested.
            if !["node_modules", "dist", "server"].iter().any(|built| name == *built) {
                copy(&entry.path(), &folder.join(name));
            }
        }
        std::os::unix::fs::symlink(packages.join("node_modules"), folder.join("node_modules")).expect("linked");
        Some(Self { folder, _own: own })
    }

    fn npm_run(&self, script: &str) -> String {
        let mut npm = node_call(Some("npm/bin/npm-cli.js")).expect("fetched with the packages");
        let (good, said) = ran(npm.args(["run", script]).current_dir(&self.folder));
        assert!(good, "npm run {script}: {said}");
        said
    }
}

/// The package, built once.
fn vsix() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<(Extension, PathBuf)>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let extension = Extension::copied()?;
        extension.npm_run("package");
        let package = extension.folder.join("airlock.vsix");
        Some((extension, package))
    });
    built.as_ref().map(|(_, package)| package.as_path())
}

#[test]
fn the_extension_is_sound_and_packaged_by_one_command() {
    let Some(extension) = Extension::copied() else { return };
    extension.npm_run("check");
    let said = extension.npm_run("test");
    assert!(said.contains("fail 0") && !said.contains("pass 0"), "{said}");
    let package = vsix().expect("its packages are there");
    let (good, listed) = ran(Command::new("python3").args(["-m", "zipfile", "-l"]).arg(package));
    assert!(good, "{listed}");
    for file in ["dist/extension.js", "dist/third-party.txt", "package.json", "readme.md", "LICENSE.txt"] {
        assert!(listed.contains(&format!("extension/{file}")), "{file} is not in it: {listed}");
    }
    for foreign in ["node_modules", "src/", ".npmrc", "package-lock"] {
        assert!(!listed.contains(foreign), "{foreign} is in it: {listed}");
    }
}

/// Every command of the palette that hands on to the server is one that the manifest has, and the other way round.
#[test]
fn the_manifest_and_the_code_name_the_same_commands() {
    let folder = repository().join("editors/vscode");
    let manifest = fs::read_to_string(folder.join("package.json")).expect("read");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    let code: String = ["extension", "server"]
        .map(|name| fs::read_to_string(folder.join(format!("src/{name}.ts"))).expect("read"))
        .concat();
    for command in manifest["contributes"]["commands"].as_array().expect("a list") {
        let (id, title) = (command["command"].as_str().expect("an id"), command["title"].as_str().expect("a title"));
        let name = id.strip_prefix("airlock.ui.").unwrap_or_else(|| panic!("{id} is a name of the server's"));
        assert!(title.starts_with("Airlock: "), "{title}");
        assert!(code.contains(&format!("'{name}'")), "nothing runs {id}");
    }
    let settings = manifest["contributes"]["configuration"]["properties"].as_object().expect("settings");
    for (name, setting) in settings {
        let has = |key: &str| setting[key].as_str().is_some_and(|text| !text.is_empty());
        assert!(has("description") || has("markdownDescription"), "{name} is not described");
        // A repository must not name the program that is started, nor loosen the sandbox.
        let is_anybodys = ["airlock.checkOnSave", "airlock.codeLens", "airlock.trace.server"].contains(&name.as_str());
        assert!(is_anybodys || setting["scope"] == "machine", "{name}");
    }
}

/// Runs a scenario in VS Code.
fn scenario(name: &str) {
    let scripts = repository().join("tests/program/suites/editors/vscode");
    let packages = npm("vscode-in-a-browser", &scripts, |folder| {
        // Those that VS Code has of its own, by lock files that come with it and that name no peers of packages.
        let code = folder.join("node_modules/code-server/lib/vscode");
        for part in [code.join("extensions"), code] {
            npm_ci(&part, &["--omit=dev", "--legacy-peer-deps"])?;
        }
        let browser = folder.join("browser");
        fs::create_dir(&browser).expect("made");
        let mut unpack = node_call(None).ok_or("ENOTFOUND: Node")?;
        unpack.arg("--input-type=module").arg("--eval");
        unpack.arg(fs::read_to_string(scripts.join("unpack.mjs")).expect("read"));
        match ran(unpack.current_dir(folder).env("TMPDIR", &browser)) {
            (true, _) => Ok(()),
            (false, said) => Err(said),
        }
    });
    let (Some(packages), Some(package)) = (packages, vsix()) else { return };
    let desk = Desk::of_the_shop();
    let run = tempfile::TempDir::new().expect("a temporary folder");
    let pairs = desk.environment();
    let environment: serde_json::Map<_, _> = pairs.into_iter().map(|(name, value)| (name, value.into())).collect();
    let mut command = node_call(None).expect("fetched with the packages");
    command.arg(scripts.join(name)).current_dir(&desk.project);
    command
        .env("AIRLOCK_PACKAGES", packages)
        .env("AIRLOCK_RUN", run.path())
        .env("AIRLOCK_PROJECT", &desk.project)
        .env("AIRLOCK_VSIX", package)
        .env("AIRLOCK_PROGRAM", program())
        .env("AIRLOCK_ENVIRONMENT", serde_json::Value::Object(environment).to_string());
    let (good, said) = ran(&mut command);
    assert!(good && said.contains("all of it"), "{name}: {said}");
}

#[test]
fn the_main_job_from_vs_code() {
    scenario("main_job.mjs");
}

#[test]
fn what_a_newcomer_to_vs_code_meets() {
    scenario("trust.mjs");
}
