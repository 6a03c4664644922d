use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::*;

/// A home folder with a repository `work/repo` and variables.
struct World {
    _dir: TempDir,
    home: PathBuf,
    repo: PathBuf,
    variables: HashMap<&'static str, OsString>,
    configured: Option<PathBuf>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap().join("home");
        let repo = home.join("work/repo");
        fs::create_dir_all(&repo).unwrap();
        let variables = HashMap::from([("HOME", home.clone().into_os_string())]);
        Self { _dir: dir, home, repo, variables, configured: None }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// An environment below the home folder; gives its site-packages.
    fn venv(&self, name: &str) -> PathBuf {
        self.write(&format!("{name}/pyvenv.cfg"), "home = /usr/bin\nversion = 3.12.4\n");
        let site = self.home.join(name).join("lib/python3.12/site-packages");
        fs::create_dir_all(&site).unwrap();
        site
    }

    fn search(&self) -> Result<Search, EnvironmentError> {
        let get = |name: &str| self.variables.get(name).cloned();
        find(&Query {
            root: &self.repo,
            repository: &self.repo,
            configured: self.configured.as_deref(),
            variables: &Variables(&get),
        })
    }

    fn layout(&self) -> EnvironmentLayout {
        self.search().unwrap().layout.unwrap()
    }
}

#[test]
fn the_order_of_places_is_kept() {
    let mut world = World::new();
    assert_eq!(world.search().unwrap().layout, None);
    let looked = world.search().unwrap().looked_in;
    assert_eq!(looked, [".venv", "venv"].map(|n| format!("{}: not there", world.repo.join(n).display())));

    world.venv("base");
    fs::create_dir_all(world.home.join("base/conda-meta")).unwrap();
    world.variables.insert("CONDA_PREFIX", world.home.join("base").into());
    world.variables.insert("CONDA_DEFAULT_ENV", "base".into());
    assert_eq!(world.layout().via, Via::CondaVariable);
    world.venv("work/repo/venv");
    assert_eq!(world.layout().path, world.repo.join("venv"));
    world.venv("work/repo/.venv");
    assert_eq!(world.layout().path, world.repo.join(".venv"));
    world.variables.insert("CONDA_DEFAULT_ENV", "mine".into());
    assert_eq!(world.layout().via, Via::CondaVariable);
    world.venv("active");
    world.variables.insert("VIRTUAL_ENV", world.home.join("active").into());
    assert_eq!((world.layout().via, world.layout().path), (Via::VirtualEnvVariable, world.home.join("active")));
    world.venv("chosen");
    world.configured = Some(world.home.join("chosen"));
    assert_eq!((world.layout().via, world.layout().path), (Via::Configured, world.home.join("chosen")));

    world.configured = Some(world.home.join("work"));
    let error = world.search().unwrap_err().to_string();
    assert!(error.contains("neither pyvenv.cfg nor conda-meta in it"), "{error}");
    world.configured = None;
    fs::remove_dir_all(world.home.join("active")).unwrap();
    let search = world.search().unwrap();
    assert!(search.looked_in[0].ends_with("active: not there") && search.layout.is_some(), "{:?}", search.looked_in);
}

#[test]
fn an_environment_is_described() {
    let mut world = World::new();
    world.venv("work/repo/.venv");
    let layout = world.layout();
    assert_eq!((layout.kind, layout.python_version.as_deref()), (Kind::Virtualenv, Some("3.12.4")));
    assert_eq!(
        layout.site_packages,
        [HostDir { host: world.repo.join(".venv/lib/python3.12/site-packages"), guest: "/env/0".into() }]
    );
    assert_eq!((layout.sys_path, layout.notes.len()), (vec!["/env/0".to_owned()], 0));

    // An upgraded environment has two; a lib64 that links to lib adds none.
    fs::create_dir_all(world.repo.join(".venv/lib/python3.9/site-packages")).unwrap();
    fs::create_dir_all(world.repo.join(".venv/lib/python3.13/site-packages")).unwrap();
    symlink("lib", world.repo.join(".venv/lib64")).unwrap();
    assert_eq!(world.layout().site_packages.len(), 1);
    assert!(world.layout().site_packages[0].host.ends_with("python3.12/site-packages"));

    world.write("conda/conda-meta/python-3.11.5-h955ad1f_0.json", "{}");
    world.write("conda/lib/python3.11/site-packages/x.py", "");
    world.variables.insert("CONDA_PREFIX", world.home.join("conda").into());
    let layout = world.layout();
    assert_eq!((layout.kind, layout.python_version.as_deref()), (Kind::Conda, Some("3.11.5")));
}

#[test]
fn poetry_and_pipenv_are_found_by_their_rules() {
    let world = World::new();
    world.write("work/repo/pyproject.toml", "[tool.poetry]\nname = 'My_Proj'\n");
    let hash = |text: &Path| {
        let code = "import base64,hashlib,sys;print(base64.urlsafe_b64encode(hashlib.sha256(sys.argv[1].encode()).digest()).decode()[:8])";
        let done = Command::new("python3").args(["-c", code]).arg(text).output().unwrap();
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    let name = format!("my-proj-{}", hash(&world.repo));
    world.venv(&format!(".cache/pypoetry/virtualenvs/{name}-py3.9"));
    world.venv(&format!(".cache/pypoetry/virtualenvs/{name}-py3.12"));
    assert_eq!(world.layout().via, Via::Poetry);
    assert!(world.layout().path.ends_with(format!("{name}-py3.12")));
    world.write(".cache/pypoetry/virtualenvs/envs.toml", &format!("[{name}]\nminor = \"3.9\"\npatch = \"3.9.1\"\n"));
    assert!(world.layout().path.ends_with(format!("{name}-py3.9")));
    world.venv(&format!("elsewhere/{name}-py3.9"));
    let path = world.home.join("elsewhere");
    world.write("work/repo/poetry.toml", &format!("[virtualenvs]\npath = {:?}\n", path.to_str().unwrap()));
    assert!(world.layout().path.starts_with(path));

    let world = World::new();
    let file = world.write("work/repo/Pipfile", "");
    let name = format!("repo-{}", hash(&file));
    assert!(world.search().unwrap().looked_in.last().unwrap().contains(&format!("virtualenvs/{name}: not there")));
    world.venv(&format!(".local/share/virtualenvs/{name}"));
    assert_eq!(world.layout().via, Via::Pipenv);
    world.venv(".local/share/virtualenvs/other");
    world.write("work/repo/.venv", "other\n");
    assert!(world.layout().path.ends_with("virtualenvs/other"));
}

#[test]
fn pth_lines_are_mapped_and_code_is_not_run() {
    let world = World::new();
    let site = world.venv("work/repo/.venv");
    let outside = world.home.join("lib/src");
    world.write("lib/pyproject.toml", "");
    world.write("lib/src/other/__init__.py", "");
    world.write("work/repo/src/pkg/__init__.py", "");
    fs::create_dir(site.join("extra")).unwrap();
    let canary = world.home.join("canary");
    let lines = format!(
        "# a comment\n\n{}\n{}\nextra\n/not/there\nimport os; open({canary:?}, 'w')\n",
        world.repo.join("src").display(),
        outside.join("..").join("src").display()
    );
    fs::write(site.join("a.pth"), lines).unwrap();
    fs::write(site.join("b-nspkg.pth"), "import sys, types, os\n").unwrap();
    fs::write(site.join("c.pth"), b"\xff\n").unwrap();
    fs::write(site.join("old.egg-link"), format!("{}\n../\n", outside.display())).unwrap();
    let layout = world.layout();
    assert_eq!(layout.sys_path, ["/env/0", "/workspace/src", "/editable/0", "/env/0/extra"]);
    assert_eq!(layout.editable, [HostDir { host: outside, guest: "/editable/0".into() }]);
    assert!(!canary.exists());
    assert_eq!(layout.notes.len(), 2, "{:?}", layout.notes);
    assert!(layout.notes[0].starts_with("a.pth runs code when Python starts"), "{:?}", layout.notes);
    assert!(layout.notes[1].contains("c.pth: not UTF-8"), "{:?}", layout.notes);
}

#[test]
fn setuptools_finders_are_mapped() {
    let world = World::new();
    let site = world.venv("work/repo/.venv");
    world.write("work/repo/src/pkg/__init__.py", "");
    world.write("work/repo/odd/__init__.py", "");
    world.write("work/repo/single.py", "");
    let at = |name: &str| world.repo.join(name).display().to_string();
    let text = format!(
        "from __future__ import annotations\nMAPPING: dict[str, str] = {{'pkg': {:?}, 'renamed': {:?}, 'single': {:?}, 'gone': '/gone'}}\n\
         NAMESPACES: dict[str, list[str]] = {{}}\nPATH_PLACEHOLDER = 'x'\n",
        at("src/pkg"),
        at("odd"),
        at("single")
    );
    fs::write(site.join("__editable___demo_1_0_finder.py"), text).unwrap();
    fs::write(
        site.join("__editable__.demo-1.0.pth"),
        "import __editable___demo_1_0_finder; __editable___demo_1_0_finder.install()",
    )
    .unwrap();
    let layout = world.layout();
    assert_eq!(layout.sys_path, ["/env/0", "/workspace/src", "/workspace"]);
    assert_eq!(layout.modules, [ModuleMapping { module: "renamed".into(), guest: "/workspace/odd".into() }]);
    assert_eq!(layout.notes, ["/gone: the editable install of gone is no longer there"]);
}

#[test]
fn an_environment_does_not_open_the_user_s_files() {
    let world = World::new();
    let site = world.venv("work/repo/.venv");
    world.write(".ssh/setup.py", "");
    world.write("papers/secret.txt", "");
    let lines =
        [world.home.clone(), world.home.join(".ssh"), world.home.join("papers"), world.home.join("work"), "/".into()]
            .map(|p| p.display().to_string());
    fs::write(site.join("x.pth"), lines.join("\n")).unwrap();
    let layout = world.layout();
    assert_eq!((layout.sys_path.len(), layout.editable.len(), layout.notes.len()), (1, 0, 5), "{layout:?}");

    // A link in the place of the packages.
    fs::remove_dir_all(&site).unwrap();
    symlink(world.home.join("papers"), &site).unwrap();
    assert_eq!(world.search().unwrap().layout, None);
}

#[test]
fn an_environment_that_git_tracks_names_nothing_outside() {
    let world = World::new();
    let site = world.venv("work/repo/.venv");
    world.write("lib/pyproject.toml", "");
    fs::write(site.join("x.pth"), world.home.join("lib").display().to_string()).unwrap();
    assert_eq!(world.layout().editable.len(), 1);
    for args in [&["init", "-q"][..], &["add", "-f", "."]] {
        assert!(Command::new("git").args(args).current_dir(&world.repo).status().unwrap().success());
    }
    let layout = world.layout();
    assert_eq!(layout.editable.len(), 0);
    assert!(layout.notes[0].contains("came with the repository"), "{:?}", layout.notes);
}
