//! Putting the layers together: default, the user's file, the project's file, the command line; a later one wins, but a
//! project only where it tightens.

use std::path::{Component, Path, PathBuf};

use super::file::{self, Given};
use super::folders::Variables;
use super::table::{self, Direction, Key, Kind, SETTINGS, Setting};
use super::value::{ConfigError, Origin, Value};

/// Name of the project's own file.
pub const PROJECT_FILE: &str = "airlock.toml";

/// Values given on the command line; relative paths are taken from the working folder by then.
#[derive(Clone, Debug, Default)]
pub struct Flags(Vec<(&'static Setting, Value)>);

impl Flags {
    /// Sets a value as a command-line word; a list takes one item a call.
    ///
    /// # Errors
    /// The word does not fit the setting. `flag` is how the user wrote it, without the dashes.
    pub fn set(&mut self, key: Key, flag: &str, word: &str) -> Result<(), ConfigError> {
        let setting = table::setting(key);
        let value = Value::from_word(setting, word).ok_or_else(|| ConfigError::BadFlag {
            flag: flag.to_owned(),
            found: word.chars().take(80).collect(),
            expected: setting.expected(),
        })?;
        self.0.push((setting, value));
        Ok(())
    }

    /// These without a setting's.
    pub fn without(mut self, setting: &Setting) -> Self {
        self.0.retain(|(other, _)| other.key != setting.key);
        self
    }

    /// These, and others over them.
    pub fn and(mut self, over: Self) -> Self {
        self.0.extend(over.0);
        self
    }
}

/// Where configuration is looked for.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The user's file; need not exist.
    pub user_file: Option<PathBuf>,
    /// The project's root; its file is looked for here and upwards to `repository`.
    pub project: Option<PathBuf>,
    /// The folder the search upwards ends at.
    pub repository: Option<PathBuf>,
    /// What `~/` stands for.
    pub home: Option<PathBuf>,
    pub flags: Flags,
}

impl Sources {
    /// The user's usual places, nothing of a project yet.
    pub fn of_user(variables: &Variables<'_>) -> Self {
        Self { user_file: variables.user_file(), home: variables.home(), ..Self::default() }
    }
}

/// One setting as it is in effect.
#[derive(Clone, Debug)]
pub struct Entry {
    pub setting: &'static Setting,
    pub value: Value,
    /// Where it came from; more than one only for a list that several added to.
    pub origins: Vec<Origin>,
}

/// All settings in effect.
#[derive(Clone, Debug)]
pub struct Config {
    /// In the table's order.
    pub entries: Vec<Entry>,
    /// What was ignored and why, each in one sentence.
    pub warnings: Vec<String>,
    /// The files that were read.
    pub files: Vec<PathBuf>,
}

impl Config {
    /// Reads every layer.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown key, a value that does not fit. A project's setting that would loosen is a
    /// warning, not an error.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let entries = SETTINGS
            .iter()
            .map(|setting| Entry { setting, value: Value::fallback(setting), origins: vec![Origin::Default] })
            .collect();
        let mut config = Self { entries, warnings: Vec::new(), files: Vec::new() };
        if let Some(path) = &sources.user_file
            && let Some(text) = file::read_text(path)?
        {
            for given in file::parse_own(path, &text)? {
                let origin = Origin::User { file: path.clone(), line: given.line };
                config.set(given.setting, expand_home(given.value, given.setting, sources.home.as_deref()), origin);
            }
            config.files.push(path.clone());
        }
        if let Some(project) = &sources.project {
            config.load_project(project, sources.repository.as_deref().unwrap_or(project), sources)?;
        }
        for (setting, value) in &sources.flags.0 {
            config.set(setting, expand_home(value.clone(), setting, sources.home.as_deref()), Origin::CommandLine);
        }
        Ok(config)
    }

    /// The entry of a key.
    pub fn get(&self, key: Key) -> &Entry {
        &self.entries[key as usize]
    }

    /// The nearest folder with a configuration decides alone: two files that both speak for one project could not be
    /// told apart in an editor.
    fn load_project(&mut self, project: &Path, repository: &Path, sources: &Sources) -> Result<(), ConfigError> {
        for folder in project.ancestors().take_while(|f| f.starts_with(repository)) {
            let own = self.read_inside(&folder.join(PROJECT_FILE), repository)?;
            let pyproject = self.read_inside(&folder.join("pyproject.toml"), repository)?;
            let table = match &pyproject {
                Some((path, text)) => file::parse_pyproject(path, text)?.map(|given| (path.clone(), given)),
                None => None,
            };
            let chosen = match own {
                Some((path, text)) => {
                    if let Some((other, _)) = table {
                        self.warnings.push(format!(
                            "{}: [tool.airlock] is ignored because {} is beside it",
                            other.display(),
                            PROJECT_FILE
                        ));
                    }
                    Some((path.clone(), file::parse_own(&path, &text)?))
                }
                None => table,
            };
            if let Some((path, given)) = chosen {
                for given in given {
                    self.tighten(&path, given, sources);
                }
                self.files.push(path);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads a project's file unless it is a link that leads out of the repository: such a link could have us read, and
    /// speak about, any file of the user's.
    fn read_inside(&mut self, path: &Path, repository: &Path) -> Result<Option<(PathBuf, String)>, ConfigError> {
        let Ok(meta) = std::fs::symlink_metadata(path) else { return Ok(None) };
        if meta.is_symlink() {
            let inside = std::fs::canonicalize(path)
                .and_then(|target| Ok(target.starts_with(std::fs::canonicalize(repository)?)))
                .unwrap_or(false);
            if !inside {
                self.warnings
                    .push(format!("{}: ignored, it is a link that leads out of the repository", path.display()));
                return Ok(None);
            }
        }
        Ok(file::read_text(path)?.map(|text| (path.to_owned(), text)))
    }

    fn tighten(&mut self, path: &Path, given: Given, sources: &Sources) {
        let setting = given.setting;
        let current = &self.get(setting.key).value;
        let value = match (setting.direction, &given.value, current) {
            (Direction::Lower, Value::Integer(new), Value::Integer(old)) if new > old => {
                Err(format!("it would raise the limit from {old} to {new}"))
            }
            (Direction::Tighter, Value::Text(new), Value::Text(old)) if rank(setting, new) < rank(setting, old) => {
                Err(format!("\"{new}\" is looser than \"{old}\""))
            }
            (Direction::UserOnly, _, _) if setting.name.starts_with("model.") => {
                Err("only the user says which model is sent the code, and with whose key".to_owned())
            }
            (Direction::UserOnly, _, _) => Err("only the user may name files outside the snapshot".to_owned()),
            (Direction::Beneath, Value::Text(text), _) => {
                beneath(path, text).ok_or_else(|| "it does not name a folder beneath the file".to_owned())
            }
            _ => Ok(given.value.clone()),
        };
        match value {
            Ok(value) => self.set(setting, value, Origin::Project { file: path.to_owned(), line: given.line }),
            Err(why) => {
                let user_file = match &sources.user_file {
                    Some(file) => format!("set it in {} or on the command line", file.display()),
                    None => "set it on the command line".to_owned(),
                };
                self.warnings.push(format!(
                    "{}:{}: `{}` is ignored: {why}; a repository may only tighten, {user_file}",
                    path.display(),
                    given.line,
                    setting.name
                ));
            }
        }
    }

    fn set(&mut self, setting: &Setting, value: Value, origin: Origin) {
        let entry = &mut self.entries[setting.key as usize];
        match (&mut entry.value, value, setting.direction) {
            (Value::List(all), Value::List(more), Direction::Add) => merge_list(all, more, &mut entry.origins, origin),
            // Repeated flags of one list belong together and replace what files said.
            (Value::List(all), Value::List(more), _)
                if origin == Origin::CommandLine && entry.origins == [Origin::CommandLine] =>
            {
                all.extend(more);
            }
            (slot, value, _) => {
                *slot = value;
                entry.origins = vec![origin];
            }
        }
    }
}

fn merge_list(all: &mut Vec<String>, more: Vec<String>, origins: &mut Vec<Origin>, origin: Origin) {
    for item in more {
        if !all.contains(&item) {
            all.push(item);
        }
    }
    origins.retain(|o| *o != Origin::Default && *o != origin);
    origins.push(origin);
}

/// How tight a word is; later words of a choice are tighter.
fn rank(setting: &Setting, word: &str) -> usize {
    match setting.kind {
        Kind::Choice(words) => words.iter().position(|w| *w == word).unwrap_or(0),
        _ => 0,
    }
}

/// The absolute folder a project's file names beneath its own folder.
fn beneath(file: &Path, text: &str) -> Option<Value> {
    let relative = Path::new(text);
    let plain = relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if !plain {
        return None;
    }
    let base = file.parent()?.canonicalize().ok()?;
    // A link may lead out although the words do not.
    let target = base.join(relative).canonicalize().ok()?;
    if !target.starts_with(&base) || !target.is_dir() {
        return None;
    }
    Some(Value::Text(target.to_str()?.to_owned()))
}

fn expand_home(value: Value, setting: &Setting, home: Option<&Path>) -> Value {
    match (&value, setting.kind, home) {
        (Value::Text(text), Kind::Path, Some(home)) => {
            match text.strip_prefix("~/").and_then(|rest| home.join(rest).to_str().map(str::to_owned)) {
                Some(path) => Value::Text(path),
                None => value,
            }
        }
        _ => value,
    }
}
