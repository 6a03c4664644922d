//! The review document: a real file, with the report on top and below it a diff that `git apply` takes.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use airlock_core::proposal::Proposal;
use airlock_core::verdict::Verdict;

use super::work::Waiting;
use crate::config::Variables;

/// Where a session's review is.
pub fn path(session: &str) -> Option<PathBuf> {
    Some(Variables::process().state_home()?.join("airlock").join("reviews").join(format!("{session}.diff")))
}

/// Writes the document.
///
/// # Errors
/// The folder or file cannot be made.
pub fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text)
}

/// The document of a proposal that waits.
pub fn document(waiting: &Waiting) -> Vec<u8> {
    let mut out = report(&waiting.session, &waiting.test, &waiting.explanation, &waiting.verdict, &waiting.proposal);
    out.extend(waiting.proposal.diff());
    out
}

fn report(session: &str, test: &str, explanation: &str, verdict: &Verdict, proposal: &Proposal) -> Vec<u8> {
    let (before, after) = (verdict.before, verdict.after);
    let counts = |passed: u32, failing: u32, untestable: u32| match untestable {
        0 => format!("{passed} passed, {failing} failed"),
        untestable => format!("{passed} passed, {failing} failed, {untestable} could not run"),
    };
    let mut lines = vec![
        format!("Airlock: a repair of {test}"),
        String::new(),
        explanation.to_owned(),
        String::new(),
        format!("verdict  {}", verdict.decision.status().as_str().replace('_', " ")),
        format!("before   {}", counts(before.passed, before.failing(), before.not_testable)),
        format!("after    {}", counts(after.passed, after.failing(), after.not_testable)),
        format!("run      {} (in the sandbox, on a copy)", verdict.command),
        format!("session  {session}"),
    ];
    let list = |name: &str, ids: &[String]| -> Vec<String> { ids.iter().map(|id| format!("{name}  {id}")).collect() };
    lines.extend(list("fixed  ", &verdict.fixed));
    lines.extend(list("failing", &verdict.still_failing));
    for uncovered in &verdict.uncovered {
        let numbers: Vec<String> = uncovered.lines.iter().map(ToString::to_string).collect();
        lines.push(format!("no test runs {} line {}", uncovered.path, numbers.join(", ")));
    }
    lines.extend(verdict.limits.iter().map(|limit| format!("limit    {limit}")));
    lines.extend(verdict.notes.iter().map(|note| format!("note     {note}")));
    let files = proposal.files().len();
    let what = if files == 1 { "one file".to_owned() } else { format!("{files} files") };
    lines.extend([
        String::new(),
        format!("Code actions here and on the changed lines accept or reject it ({what}):"),
        "Airlock: accept, Airlock: reject.".to_owned(),
        String::new(),
    ]);
    let lines = lines.join("\n");
    format!("{}\n", airlock_core::text::visible(&lines)).into_bytes()
}
