//! `airlock models`: which models the configured provider has, and whether the configured one answers.

use airlock_core::status::Status;

use super::args::{COLUMNS, ModelArgs};
use super::context::Context;
use super::document::{Body, ModelEntry, ModelsBody, ProbeBody, Report, millis};
use super::terminal::fit;
use crate::agent::Model;
use crate::agent::model::failure;
use crate::config::{Config, Sources, Variables};
use crate::failure::Failure;

fn model(context: &Context, args: &ModelArgs) -> Result<Model, Failure> {
    // A project says nothing about models, so none is looked at.
    let config = Config::load(&Sources { flags: args.flags()?, ..Sources::of_user(&Variables::process()) })?;
    let mut settings = config.model();
    // A list can be had before a model is chosen.
    settings.name.get_or_insert_with(|| "none".to_owned());
    Model::open(&settings, &|| context.is_cancelled())
}

/// `airlock models list`.
///
/// # Errors
/// No model is configured, or its provider cannot be asked.
pub fn list(context: &Context, args: &ModelArgs) -> Result<Report, Failure> {
    let model = model(context, args)?;
    context.terminal.progress("asking for the list of models", true);
    let models = model.client.models_blocking(&|| context.is_cancelled()).map_err(failure)?;
    context.terminal.clear();
    for one in &models {
        let tokens = one.context.map(|tokens| format!("  {tokens} tokens")).unwrap_or_default();
        context.terminal.say(&format!("{}{tokens}", fit(&one.id, COLUMNS - tokens.len())));
    }
    if models.is_empty() {
        context.terminal.say(&format!("{} has no models", model.client.host()));
    }
    let host = model.client.host().to_owned();
    let models = models.into_iter().map(|one| ModelEntry { id: one.id, context: one.context }).collect();
    Ok(Report { status: Status::Ok, body: Body::Models(ModelsBody { host, models }) })
}

/// `airlock models test`.
///
/// # Errors
/// As for [`list`].
pub fn test(context: &Context, args: &ModelArgs) -> Result<Report, Failure> {
    let model = model(context, args)?;
    context.terminal.progress("asking the model for a word", true);
    let probe = model.client.test_blocking(&|| context.is_cancelled()).map_err(failure)?;
    context.terminal.clear();
    let host = model.client.host().to_owned();
    let (answered, configured) = (probe.model, model.client.model().to_owned());
    let name = if answered.is_empty() { configured } else { answered };
    let word = |is: bool| if is { "yes" } else { "no" };
    context.terminal.say(&fit(&format!("model      {name} at {host}"), COLUMNS));
    let (first, whole) = (probe.first_byte.as_secs_f64(), probe.whole.as_secs_f64());
    context.terminal.say(&format!("latency    {first:.2} s to the first byte, {whole:.2} s in all"));
    context.terminal.say(&format!("streaming  {}", word(probe.streaming)));
    context.terminal.say(&format!("tools      {}", word(probe.tools)));
    if !probe.tools {
        context.terminal.say("without tools it cannot do tasks");
    }
    let body = ProbeBody {
        host,
        model: name,
        first_byte_ms: millis(probe.first_byte),
        whole_ms: millis(probe.whole),
        streaming: probe.streaming,
        tools: probe.tools,
    };
    Ok(Report { status: Status::Ok, body: Body::Probe(body) })
}
