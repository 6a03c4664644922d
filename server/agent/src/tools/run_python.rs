//! `run_python`: a program, to see what the code does.

use airlock_core::conversation::ToolSpec;
use serde::Deserialize;
use serde_json::json;

use super::page::ends;
use super::{Answer, At, Done};
use crate::bench::{Program, Source};
use crate::files::{Refusal, path_of};

const MAX_CODE: usize = 256 << 10;
const MAX_OUTPUT: usize = 12 << 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(default, alias = "source", alias = "script")]
    code: Option<String>,
    #[serde(default, alias = "file")]
    path: Option<String>,
    #[serde(default, alias = "args")]
    arguments: Vec<String>,
    #[serde(default, alias = "stdin")]
    input: String,
}

pub(super) fn spec() -> ToolSpec {
    super::spec(
        "run_python",
        "Runs Python in a sandbox, from the root of the project with the changes made so far: `code`, or a file. There is no \
         network and no other program, and what it writes is thrown away. Shows what it printed and how it ended.",
        json!({
            "code": {"type": "string", "description": "A program. It prints what is to be seen."},
            "path": {"type": "string", "description": "A file of the project, in place of `code`."},
            "arguments": {"type": "array", "items": {"type": "string"}, "description": "Its `sys.argv[1:]`."},
            "input": {"type": "string", "description": "Its standard input."}
        }),
        &[],
    )
}

pub(super) fn call(at: &mut At<'_>, arguments: &Arguments) -> Answer {
    let source = match (&arguments.code, &arguments.path) {
        (Some(code), None) => Source::Text(code.clone()),
        (None, Some(path)) => {
            let path = path_of(path)?;
            at.workspace.read(&path)?;
            Source::File(path)
        }
        _ => return Err(Refusal("give either `code` or `path`".to_owned())),
    };
    let whole = arguments.arguments.iter().map(String::len).sum::<usize>()
        + arguments.input.len()
        + arguments.code.as_ref().map_or(0, String::len);
    if whole > MAX_CODE || arguments.arguments.len() > 200 {
        return Err(Refusal(format!("the program and its input are longer than {MAX_CODE} bytes")));
    }
    if arguments.arguments.iter().any(|argument| argument.contains('\0')) {
        return Err(Refusal("an argument has a NUL character".to_owned()));
    }
    let program = Program { source, arguments: arguments.arguments.clone(), input: arguments.input.clone() };
    let run = at.tools.bench.run_python(at.workspace.overlay(), &program);
    let run = run.map_err(|why| Refusal(format!("the program was not run: {why}")))?;
    let mut text = run.ended;
    for (name, output) in [("output", &run.output), ("errors", &run.errors)] {
        if !output.is_empty() {
            // Before it is cut, so that no key is shown in part.
            let clean = at.tools.outward.redacted(output);
            text.push_str(&format!("\n{name}:\n{}", ends(clean.trim_end_matches('\n'), MAX_OUTPUT)));
        }
    }
    if run.output.is_empty() && run.errors.is_empty() {
        text.push_str("; it printed nothing");
    }
    if run.succeeded { Done::said(text) } else { Done::said(format!("{text}\n[it did not succeed]")) }
}
