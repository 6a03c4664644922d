//! The model that the user has configured.

use airlock_agent::outward::Outward;
use airlock_agent::task::Limits;
use airlock_core::conversation::{Reply, Usage};
use airlock_core::status::ErrorCode;
use airlock_models::{Client, MicroUsd, ModelError, Price, Prices, Row, Secret, Settings, cost, preset, presets};

use super::files::keys_of_ignored;
use super::key;
use crate::config::{ModelSettings, Variables};
use crate::failure::Failure;
use crate::workbench::Project;

/// Parts of the names of variables that hold keys.
const SECRET_NAMES: [&str; 6] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"];

/// A model that can be asked.
pub struct Model {
    pub client: Client,
    prices: Prices,
    key: Option<String>,
}

impl Model {
    /// The configured model. Nothing is sent yet.
    ///
    /// # Errors
    /// `no_model`: none is configured, or it cannot be used. `cancelled`.
    pub fn open(settings: &ModelSettings, stopped: &dyn Fn() -> bool) -> Result<Self, Failure> {
        let Some(provider) = &settings.provider else {
            return Err(no_model(
                "no model is configured; set `model.provider` and `model.name` in your configuration",
            ));
        };
        let Some(preset) = preset(provider) else {
            let names: Vec<String> = presets().into_iter().map(|preset| preset.name).collect();
            return Err(no_model(format!("`model.provider` is none of {}", names.join(", "))));
        };
        let Some(name) = &settings.name else {
            return Err(no_model(format!("no model of {provider} is named; set `model.name` in your configuration")));
        };
        if let Some(file) = settings.ca_file.as_ref().filter(|file| !file.is_absolute()) {
            return Err(no_model(format!("`model.ca_file` is {}, which is no whole path", file.display())));
        }
        let variable = settings.key_env.as_ref().or(preset.key_variable.as_ref());
        let found =
            variable.and_then(|name| Variables::process().get(name)).map(|key| key.to_string_lossy().into_owned());
        let key = match found {
            Some(key) => Some(key),
            None if !settings.key_command.is_empty() => Some(key::of_command(&settings.key_command, stopped)?),
            None => match variable {
                // A server at another address may ask for none.
                Some(name) if settings.key_env.is_some() || settings.base_url.is_none() => {
                    let hint =
                        "`model.key_env` names another variable, `model.key_command` a command that prints the key";
                    return Err(no_model(format!("the key of {provider} is not set: {name}")).hint(hint));
                }
                _ => None,
            },
        };
        let key = key.map(|key| key.trim().to_owned());
        let secret = key.as_deref().map(Secret::new).transpose().map_err(failure)?;
        let mut made = Settings::of(&preset, name, secret);
        if let Some(url) = &settings.base_url {
            made.base_url.clone_from(url);
        }
        made.ca_file.clone_from(&settings.ca_file);
        made.allow_insecure_http = settings.allow_insecure_http;
        let prices = Prices::known().with(prices(&settings.prices)?);
        Ok(Self { client: Client::new(made).map_err(failure)?, prices, key })
    }

    /// What a reply cost; none where its price is not known.
    pub fn cost(&self, reply: &Reply) -> Option<u64> {
        let of = |model: &str, usage: Usage| cost(usage, model, &self.prices).map(|MicroUsd(micro)| micro);
        of(self.client.model(), reply.usage).or_else(|| of(&reply.model, reply.usage))
    }

    /// Whether the money that a task may cost can be watched.
    pub fn is_priced(&self) -> bool {
        self.prices.of(self.client.model()).is_some()
    }

    /// The door for text about a project, which knows this program's own keys and those of sources that git ignores, besides what
    /// looks like one.
    pub fn outward(&self, project: &Project) -> Outward {
        Outward::new(self.key.iter().cloned().chain(keys_of_environment()).chain(keys_of_ignored(project)))
    }
}

/// Values that this process was given as keys, by the names of their variables.
pub fn keys_of_environment() -> impl Iterator<Item = String> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.to_string_lossy().to_ascii_uppercase();
        SECRET_NAMES.iter().any(|part| name.contains(part)).then(|| value.to_string_lossy().into_owned())
    })
}

/// The bounds of a task.
///
/// # Errors
/// Never: amounts were checked when they were read.
pub fn limits(settings: &ModelSettings) -> Limits {
    Limits {
        turns: u32::try_from(settings.max_turns).unwrap_or(u32::MAX),
        tokens: settings.max_tokens,
        micro_dollars: MicroUsd::read(&settings.max_cost).map_or(0, |MicroUsd(micro)| micro),
        ..Limits::default()
    }
}

fn prices(rows: &[String]) -> Result<Vec<Price>, Failure> {
    let read = |row: &String| {
        let words: Vec<&str> = row.split_whitespace().collect();
        let [model, input, output, cache @ ..] = words.as_slice() else { return None };
        let word = |at: usize| cache.get(at).map(|word| (*word).to_owned());
        let row = Row {
            model: (*model).to_owned(),
            input: (*input).to_owned(),
            output: (*output).to_owned(),
            cache_read: word(0),
            cache_write: word(1),
            date: String::new(),
            source: "the user".to_owned(),
        };
        (cache.len() <= 2).then(|| Price::try_from(row).ok()).flatten()
    };
    let bad = |row: &String| {
        let row: String = row.chars().take(80).collect();
        no_model(format!(
            "`model.prices` has {row:?}, which is no \"MODEL INPUT OUTPUT\" in dollars for a million tokens"
        ))
    };
    rows.iter().map(|row| read(row).ok_or_else(|| bad(row))).collect()
}

fn no_model(message: impl Into<String>) -> Failure {
    Failure::error(ErrorCode::NoModel, message)
}

/// A model's error as a command tells it.
pub fn failure(error: ModelError) -> Failure {
    let code = match &error {
        ModelError::Cancelled => return Failure::cancelled(),
        ModelError::BadUrl { .. }
        | ModelError::InsecureUrl { .. }
        | ModelError::BadCa { .. }
        | ModelError::BadKey { .. }
        | ModelError::BadSetting { .. } => ErrorCode::NoModel,
        _ => ErrorCode::ModelFailed,
    };
    Failure::error(code, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(settings: &ModelSettings) -> String {
        Model::open(settings, &|| false).map(|_| "it can be asked".to_owned()).unwrap_or_else(|failure| failure.message)
    }

    #[test]
    fn what_cannot_be_asked_is_said_with_its_setting() {
        let text = |text: &str| Some(text.to_owned());
        let none = ModelSettings::default();
        let local = ModelSettings { provider: text("llamacpp"), name: text("m"), ..none.clone() };
        assert_eq!(opened(&local), "it can be asked");
        for (settings, said) in [
            (none.clone(), "set `model.provider`"),
            (ModelSettings { provider: text("nobody"), ..local.clone() }, "none of openai, "),
            (ModelSettings { name: None, ..local.clone() }, "set `model.name`"),
            (ModelSettings { key_env: text("AIRLOCK_NO_SUCH_VARIABLE"), ..local.clone() }, "AIRLOCK_NO_SUCH_VARIABLE"),
            (ModelSettings { base_url: text("http://192.168.1.7/v1"), ..local.clone() }, "plain http"),
            (ModelSettings { ca_file: Some("certs.pem".into()), ..local.clone() }, "no whole path"),
            (ModelSettings { prices: vec!["m 1".into()], ..local.clone() }, "`model.prices` has"),
            (ModelSettings { prices: vec!["m 1 x".into()], ..local.clone() }, "`model.prices` has"),
        ] {
            assert!(opened(&settings).contains(said), "{said}: {}", opened(&settings));
        }
    }

    #[test]
    fn a_price_of_the_user_s_counts() {
        let settings = ModelSettings {
            provider: Some("llamacpp".to_owned()),
            name: Some("m".to_owned()),
            prices: vec!["m 1.00 2.00".to_owned()],
            max_cost: "0.5".to_owned(),
            ..ModelSettings::default()
        };
        let model = Model::open(&settings, &|| false).unwrap_or_else(|failure| panic!("{failure}"));
        assert!(model.is_priced());
        let usage = Usage { input: 100, output: 10, ..Usage::default() };
        let reply = Reply { parts: vec![], stop: airlock_core::conversation::Stop::Done, usage, model: "m".into() };
        assert_eq!(model.cost(&reply), Some(120));
        assert_eq!(limits(&settings).micro_dollars, 500_000);
    }
}
