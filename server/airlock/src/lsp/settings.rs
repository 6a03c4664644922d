//! The client's settings: those of the server itself, and those of `airlock.toml`, over whose values they stand.

use serde_json::{Map, Value};

use crate::config::Flags;
use crate::config::table::{self, Kind, Setting};

/// The section of a client's settings that is ours.
pub const SECTION: &str = "airlock";

/// Longest list and longest word taken.
const MAX_ITEMS: usize = 1_000;
const MAX_WORD: usize = 8 << 10;

/// What the client wants.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Run the tests when a file is saved.
    pub check_on_save: bool,
    /// Show commands over tests, where the client can.
    pub lenses: bool,
    /// Do what comments that end in `AI!` or `AI?` ask for when a file is saved, where a model is configured.
    pub ai_comments: bool,
    /// Settings of `airlock.toml`.
    pub flags: Flags,
    /// What is wrong with them, each in one sentence. A wrong one is as if it were not there.
    pub wrong: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { check_on_save: true, lenses: true, ai_comments: true, flags: Flags::default(), wrong: Vec::new() }
    }
}

impl Settings {
    /// Reads settings; where clients wrap them in a section of our name, that section.
    pub fn read(value: &Value) -> Self {
        Self::default().over(value)
    }

    /// The same over others.
    pub fn over(self, value: &Value) -> Self {
        let mut settings = Self { wrong: Vec::new(), ..self };
        match value {
            Value::Null => {}
            Value::Object(members) => match members.get(SECTION) {
                Some(Value::Object(inner)) => settings.table("", inner),
                _ => settings.table("", members),
            },
            _ => settings.wrong.push("the settings have to be an object".to_owned()),
        }
        settings
    }

    fn table(&mut self, prefix: &str, members: &Map<String, Value>) {
        for (written, value) in members {
            let name = format!("{prefix}{}", snake(written));
            // Of the client's own side of things.
            if matches!(name.as_str(), "server" | "trace") || name.starts_with("server.") || name.starts_with("trace.")
            {
                continue;
            }
            match (name.as_str(), value) {
                // A client may send what nobody set.
                (_, Value::Null) => {}
                ("check_on_save", Value::Bool(on)) => self.check_on_save = *on,
                ("code_lens", Value::Bool(on)) => self.lenses = *on,
                ("ai_comments", Value::Bool(on)) => self.ai_comments = *on,
                ("check_on_save" | "code_lens" | "ai_comments", _) => {
                    self.wrong.push(format!("the setting {SECTION}.{prefix}{written} has to be true or false"));
                }
                (_, Value::Object(inner)) if table::is_table(&name) => self.table(&format!("{name}."), inner),
                // Who is sent the project's code, and by which command the key comes, is no project's to say.
                _ if name.starts_with("model.") => self.wrong.push(format!(
                    "the setting {SECTION}.{prefix}{written} is taken from your own airlock.toml alone, as an editor may have \
                     it from the project"
                )),
                _ => match table::by_name(&name) {
                    Some(setting) => self.set(setting, &format!("{SECTION}.{prefix}{written}"), value),
                    None => {
                        let near =
                            table::nearest(&name).map(|near| format!("; the nearest is {near}")).unwrap_or_default();
                        self.wrong.push(format!("there is no setting {SECTION}.{prefix}{written}{near}"));
                    }
                },
            }
        }
    }

    fn set(&mut self, setting: &Setting, written: &str, value: &Value) {
        let words: Option<Vec<String>> = match value {
            Value::String(word) if word.is_empty() && setting.kind == Kind::Path => return,
            Value::String(word) => Some(vec![word.clone()]),
            Value::Number(number) => Some(vec![number.to_string()]),
            Value::Array(items) if setting.kind == Kind::List && items.len() <= MAX_ITEMS => {
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
            }
            _ => None,
        };
        let fits = words.filter(|words| words.iter().all(|word| word.len() <= MAX_WORD));
        let set = fits.is_some_and(|words| {
            let mut flags = self.flags.clone().without(setting);
            let set = words.iter().all(|word| flags.set(setting.key, setting.name, word).is_ok());
            if set {
                self.flags = flags;
            }
            set
        });
        if !set {
            self.wrong.push(format!("the setting {written} has to be {}; it is not used", setting.expected()));
        }
    }
}

/// `timeLimit` as `time_limit`.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars().take(200) {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::{Config, Key, Sources};

    fn of(value: Value) -> (Settings, Config) {
        let settings = Settings::read(&value);
        let sources = Sources { flags: settings.flags.clone(), ..Sources::default() };
        (settings, Config::load(&sources).expect("loads"))
    }

    #[test]
    fn settings_are_read_in_both_ways_of_writing_and_with_or_without_their_section() {
        for value in [
            json!({"checkOnSave": false, "search": {"timeLimit": 7}, "jobs": 1, "ignore": ["a", "b"]}),
            json!({"airlock": {"check_on_save": false, "search": {"time_limit": "7"}, "jobs": 1, "ignore": ["a", "b"]}}),
        ] {
            let (settings, config) = of(value);
            assert!(!settings.check_on_save && settings.lenses && settings.wrong.is_empty(), "{:?}", settings.wrong);
            let found = config.settings(std::path::Path::new("/"));
            assert_eq!((found.search_seconds, found.jobs, found.ignore), (7, 1, vec!["a".to_owned(), "b".to_owned()]));
        }
    }

    #[test]
    fn what_a_model_is_asked_with_comes_from_no_editor() {
        let (settings, config) = of(json!({"model": {"keyCommand": "steal", "provider": "openai"}, "jobs": 2}));
        assert_eq!(settings.wrong.len(), 2, "{:?}", settings.wrong);
        assert!(settings.wrong[0].contains("airlock.model.keyCommand is taken from your own"), "{:?}", settings.wrong);
        assert_eq!(config.get(Key::ModelKeyCommand).value.to_json(), json!([]));
        assert_eq!(config.settings(std::path::Path::new("/")).jobs, 2);
    }

    #[test]
    fn a_wrong_setting_is_named_and_the_others_hold() {
        // What is said later stands in the place of what was said before.
        let later = Settings::read(&json!({"ignore": ["a", "b"], "jobs": 3})).over(&json!({"ignore": ["c"]}));
        let config = Config::load(&Sources { flags: later.flags, ..Sources::default() }).expect("loads");
        let found = config.settings(std::path::Path::new("/"));
        assert_eq!((found.ignore, found.jobs), (vec!["c".to_owned()], 3));
        let (settings, config) = of(json!({
            "checkOnSave": "yes", "jobs": "many", "timeLimit": 3, "ignore": [3], "search": {"seed": 4},
            "server": {"path": "/x"}, "trace": {"server": "off"}, "environment": "", "root": null,
        }));
        let wrong = settings.wrong.join("\n");
        for word in [
            "airlock.checkOnSave has to be true or false",
            "airlock.jobs has to be",
            "airlock.timeLimit; the nearest is search.time_limit",
            "airlock.ignore",
        ] {
            assert!(wrong.contains(word), "{word}: {wrong}");
        }
        assert_eq!(settings.wrong.len(), 4, "{wrong}");
        assert!(settings.check_on_save);
        assert_eq!(config.get(Key::SearchSeed).value.to_json(), json!(4));
        assert_eq!(of(json!(3)).0.wrong.len(), 1);
        assert!(of(Value::Null).0.wrong.is_empty());
    }
}
