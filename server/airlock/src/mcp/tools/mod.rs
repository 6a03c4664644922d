//! The tools, one file for each. A tool is a type of input, a type of answer, and what a command does; schemas, listing and
//! dispatch follow from that.

mod check_patch;
mod check_tree;
mod explain_failure;
mod make_test_pass;
mod propose_patch;
mod sessions;

use std::path::PathBuf;
use std::sync::Arc;

use airlock_agent::outward::Outward;
use airlock_core::status::{ErrorCode, Status};
use rmcp::ErrorData;
use rmcp::model::{CallToolRequestParams, CallToolResult, ContentBlock, JsonObject, ToolAnnotations};
use rmcp::schemars::JsonSchema;
use rmcp::service::{RequestContext, RoleServer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer;
use super::call::{Call, Calls};
use super::roots::Folders;
use crate::cli::args::{CheckArgs, ProjectArgs};
use crate::config::Variables;
use crate::failure::Failure;
use crate::project::root::{self, Request};

/// Most tests that a call may name, and bytes of one name, path or reason.
const MOST_TESTS: usize = 100;
const MAX_WORD: usize = 4 << 10;

/// What a tool does to what the user has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// It changes nothing but Airlock's own records.
    Reads,
    /// It leaves something for the user to look at.
    Proposes,
}

/// A tool.
trait Tool {
    type Input: DeserializeOwned + JsonSchema + Send + 'static;
    type Answer: Serialize + JsonSchema + Send + 'static;
    const NAME: &'static str;
    const TITLE: &'static str;
    const DESCRIPTION: &'static str;
    const EFFECT: Effect;

    /// What is wrong with an input that is of the right form.
    fn check(input: &Self::Input) -> Result<(), String>;

    /// Does the work, on a thread of its own.
    fn run(call: &Call, input: Self::Input) -> Result<Self::Answer, Failure>;

    /// The answer in a few words, for who reads no structures.
    fn words(answer: &Self::Answer) -> String;
}

/// The tools there are, each once.
macro_rules! tools {
    ($($tool:ty),* $(,)?) => {
        /// Everything there is, as clients list it.
        pub fn all() -> Vec<rmcp::model::Tool> {
            vec![$(describe::<$tool>()),*]
        }

        /// Calls a tool.
        ///
        /// # Errors
        /// There is none of that name.
        pub async fn call(
            calls: &Calls,
            folders: Folders,
            outward: &Outward,
            request: &RequestContext<RoleServer>,
            params: CallToolRequestParams,
        ) -> Result<CallToolResult, ErrorData> {
            let CallToolRequestParams { name, arguments, .. } = params;
            let given = Given { calls, folders, outward, request, arguments: arguments.unwrap_or_default() };
            match &*name {
                $(<$tool>::NAME => Ok(given.serve::<$tool>().await),)*
                other => {
                    let message = format!("there is no tool {}", airlock_core::text::one_line(other, 100));
                    Err(ErrorData::invalid_params(message, None))
                }
            }
        }
    };
}

tools! {
    check_tree::CheckTree,
    check_patch::CheckPatch,
    make_test_pass::MakeTestPass,
    propose_patch::ProposePatch,
    explain_failure::ExplainFailure,
    sessions::Sessions,
}

fn describe<T: Tool>() -> rmcp::model::Tool {
    let reads = T::EFFECT == Effect::Reads;
    let annotations =
        ToolAnnotations::with_title(T::TITLE).read_only(reads).destructive(false).idempotent(reads).open_world(false);
    let mut tool = rmcp::model::Tool::new(T::NAME, T::DESCRIPTION, JsonObject::new())
        .with_input_schema::<T::Input>()
        .with_output_schema::<T::Answer>()
        .with_title(T::TITLE)
        .with_annotations(annotations);
    tool.input_schema = Arc::new(plain(&tool.input_schema));
    tool.output_schema = tool.output_schema.map(|schema| Arc::new(plain(&schema)));
    tool
}

/// A schema that every client can read: without formats of numbers (`uint32`), which JSON Schema does not have, and with one type
/// for what may be left out, as models' own dialects of it want. Nothing here is ever written as null. Schemas are small, and as
/// deep as the types they are made of.
fn plain(schema: &JsonObject) -> JsonObject {
    fn value(of: &Value) -> Value {
        match of {
            Value::Object(members) => Value::Object(plain(members)),
            Value::Array(items) => Value::Array(items.iter().map(value).collect()),
            other => other.clone(),
        }
    }
    let mut plain = JsonObject::new();
    for (name, of) in schema {
        let new = match (name.as_str(), of) {
            ("format", Value::String(format)) if format.contains("int") => continue,
            ("default", Value::Null) => continue,
            ("type", Value::Array(types)) => match types.as_slice() {
                [one, null] if null == "null" => one.clone(),
                _ => of.clone(),
            },
            ("anyOf", Value::Array(any)) => match any.as_slice() {
                [Value::Object(one), null] if null["type"] == "null" => {
                    plain.extend(self::plain(one));
                    continue;
                }
                _ => value(of),
            },
            _ => value(of),
        };
        plain.insert(name.clone(), new);
    }
    plain
}

/// What a call comes with.
struct Given<'a> {
    calls: &'a Calls,
    folders: Folders,
    outward: &'a Outward,
    request: &'a RequestContext<RoleServer>,
    arguments: JsonObject,
}

impl Given<'_> {
    async fn serve<T: Tool>(self) -> CallToolResult {
        let input = match serde_json::from_value::<T::Input>(Value::Object(self.arguments)) {
            Ok(input) => input,
            Err(error) => return failed(&misused::<T>(&error.to_string()), self.outward),
        };
        if let Err(why) = T::check(&input) {
            return failed(&misused::<T>(&why), self.outward);
        }
        match self.calls.run(self.request, self.folders, move |call| T::run(call, input)).await {
            Ok(answer) => {
                let words = self.outward.show(&T::words(&answer)).text;
                match serde_json::to_value(&answer) {
                    Ok(value) => {
                        let mut result = CallToolResult::success(vec![ContentBlock::text(words)]);
                        result.structured_content = Some(answer::shown(value, self.outward));
                        result
                    }
                    Err(error) => {
                        failed(&Failure::error(ErrorCode::Internal, format!("no answer: {error}")), self.outward)
                    }
                }
            }
            Err(failure) => failed(&failure, self.outward),
        }
    }
}

fn misused<T: Tool>(why: &str) -> Failure {
    let message = format!("{} was called with wrong arguments: {}", T::NAME, airlock_core::text::one_line(why, 300));
    Failure::error(ErrorCode::Usage, message)
}

/// A failure as a result that the caller's model reads: what happened, and what to do.
pub fn failed(failure: &Failure, outward: &Outward) -> CallToolResult {
    let word = match failure.status {
        Status::Cancelled => "cancelled".to_owned(),
        Status::NotTestable => "not testable".to_owned(),
        _ => format!("error ({})", failure.code.as_str()),
    };
    let mut text = format!("{word}: {}", failure.message);
    if let Some(reason) = &failure.reason {
        text.push_str(&format!("\n{}: {}", reason.kind, reason.detail));
    }
    if let Some(hint) = &failure.hint {
        text.push_str(&format!("\n{hint}"));
    }
    let text: Vec<String> = text.lines().take(20).map(|line| airlock_core::text::clipped(line, 500)).collect();
    CallToolResult::error(vec![ContentBlock::text(outward.show(&text.join("\n")).text)])
}

/// The project around what a caller names: pytest's root.
fn project_root(call: &Call, path: Option<&str>) -> Result<PathBuf, Failure> {
    let named = call.folders.find(path)?;
    let folder = if named.is_dir() { named.as_path() } else { named.parent().unwrap_or(&named) };
    let home = Variables::process().home();
    let found = root::find(&Request { cwd: folder, args: &[], root: None, home: home.as_deref() })?;
    Ok(found.root)
}

/// A check of everything.
fn check_arguments(tests: Vec<String>) -> CheckArgs {
    CheckArgs {
        paths: Vec::new(),
        tests,
        patch: None,
        apply: false,
        allow: Vec::new(),
        without_targets: false,
        project: ProjectArgs::default(),
    }
}

/// Bounds of what names things.
fn check_words(path: Option<&String>, tests: &[String]) -> Result<(), String> {
    if tests.len() > MOST_TESTS {
        return Err(format!("{} tests are named, more than the {MOST_TESTS} taken", tests.len()));
    }
    let long = path.into_iter().chain(tests).find(|word| word.len() > MAX_WORD);
    match long {
        Some(word) => Err(format!("a name has {} bytes, more than the {MAX_WORD} taken", word.len())),
        None if tests.iter().any(String::is_empty) => Err("a test's id is empty".to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_tells_the_truth_and_every_schema_is_closed() {
        let all = all();
        for tool in &all {
            let name = &tool.name;
            let input = &tool.input_schema;
            assert_eq!(input["type"], "object", "{name}");
            assert_eq!(input["additionalProperties"], false, "{name} takes what it does not know");
            assert_eq!(tool.output_schema.as_ref().expect("a schema")["type"], "object", "{name}");
            let both = format!("{input:?}{:?}", tool.output_schema);
            assert!(!both.contains("uint32") && !both.to_lowercase().contains("null"), "{name}: {both}");
            let hints = tool.annotations.as_ref().expect("annotations");
            let proposes = ["make_test_pass", "propose_patch"].contains(&&**name);
            assert_eq!(hints.read_only_hint, Some(!proposes), "{name}");
            assert_eq!((hints.destructive_hint, hints.open_world_hint), (Some(false), Some(false)), "{name}");
            assert!(tool.description.as_ref().is_some_and(|text| text.len() < 700), "{name} is told at length");
            let named = input["properties"].as_object().expect("properties");
            for (property, schema) in named {
                assert!(schema.get("description").is_some(), "{name}: {property} is not described");
                // There is no way to land anything, or to let a protected file through.
                assert!(!["apply", "allow", "accept", "approve"].contains(&property.as_str()), "{name}: {property}");
            }
        }
    }

    #[test]
    fn names_are_bounded() {
        assert!(check_words(None, &[]).is_ok());
        assert!(check_words(Some(&"x".repeat(MAX_WORD)), &["a".to_owned()]).is_ok());
        assert!(check_words(Some(&"x".repeat(MAX_WORD + 1)), &[]).is_err());
        assert!(check_words(None, &vec!["a".to_owned(); MOST_TESTS + 1]).is_err());
        assert!(check_words(None, &[String::new()]).is_err());
    }
}
