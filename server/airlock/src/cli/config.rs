//! `airlock config`: each setting in effect and where it came from.

use airlock_core::status::Status;

use super::args::{COLUMNS, ConfigArgs};
use super::context::Context;
use super::document::{Body, ConfigBody, Report};
use super::render::notes;
use super::terminal::{Style, fit, wrap};
use crate::config::{Config, Sources, Variables, schema};
use crate::failure::Failure;
use crate::project::root::{self, Request};

/// Shows the settings of a project.
///
/// # Errors
/// The path or a configuration file is wrong.
pub fn run(context: &Context, args: &ConfigArgs) -> Result<Report, Failure> {
    if args.schema {
        let text = schema::schema();
        context.terminal.say(text.trim_end());
        return Ok(Report { status: Status::Ok, body: Body::Text { text } });
    }
    let variables = Variables::process();
    let paths: Vec<String> = args.path.iter().cloned().collect();
    let home = variables.home();
    let request = Request { cwd: &context.cwd, args: &paths, root: args.root.as_deref(), home: home.as_deref() };
    let found = root::find(&request)?;
    let sources = Sources {
        project: Some(found.root.clone()),
        repository: Some(found.repository.clone()),
        flags: args.settings.flags()?,
        ..Sources::of_user(&variables)
    };
    let config = Config::load(&sources)?;
    let terminal = &context.terminal;
    let root = found.root.to_string_lossy().into_owned();
    terminal.say(&format!("project: {}", fit(&root, COLUMNS - 9)));
    for entry in &config.entries {
        let value = entry.value.to_string();
        let set = entry.origins.iter().any(|origin| origin.place().is_some() || origin.word() == "command_line");
        let unset = if set { "" } else { "  (default)" };
        let name = format!("{:<20}", entry.setting.name);
        let value = fit(&value, COLUMNS - 1 - name.len() - unset.len());
        let line = format!("{name} {value}{unset}");
        terminal.say(&if set { terminal.out.paint(Style::Bold, &line) } else { line });
        for origin in entry.origins.iter().filter(|_| set) {
            for line in wrap(&origin.to_string(), "                     ", COLUMNS) {
                terminal.say(&terminal.out.paint(Style::Dim, &line));
            }
        }
    }
    for line in notes(&config.warnings, "warning: ") {
        terminal.say(&line);
    }
    let files = config.files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
    let settings = config.to_json();
    Ok(Report {
        status: Status::Ok,
        body: Body::Config(ConfigBody { root, files, settings, warnings: config.warnings }),
    })
}
