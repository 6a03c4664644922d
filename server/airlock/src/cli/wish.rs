//! What `airlock run` is asked for: the kind of task, the user's words, the place they are about, what other tools say of it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use airlock_agent::context::brief::Place;
use airlock_agent::prompts::Kind;
use airlock_agent::tools::{Diagnostic, Severity};
use airlock_core::path::WorkspacePath;
use airlock_core::status::ErrorCode;

use super::args::RunArgs;
use super::context::Context;
use crate::failure::Failure;
use crate::workbench::Project;

/// Longest text of a task, in bytes.
const MAX_WORDS: u64 = 64 << 10;
/// Most findings of other tools.
const MAX_DIAGNOSTICS: usize = 50;

/// A task, read and checked.
pub struct Wish {
    pub kind: Kind,
    pub words: String,
    pub place: Option<Place>,
    pub diagnostics: Vec<Diagnostic>,
}

/// The words for kinds, as the command line has them; the first is meant where no test is named and none is given.
pub const KINDS: [(&str, Kind); 6] = [
    ("implement", Kind::Implement),
    ("fix-diagnostic", Kind::FixDiagnostic),
    ("make-pass", Kind::MakePass),
    ("write-tests", Kind::WriteTests),
    ("comment", Kind::Comment),
    ("explain", Kind::Explain),
];

/// The kind that a word means.
pub fn kind(word: &str) -> Option<Kind> {
    KINDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind)
}

impl Wish {
    /// Reads a call's arguments.
    ///
    /// # Errors
    /// A file that is not there or does not lie in the project, a place that is none, a task that is too long or says nothing.
    pub fn read(context: &Context, project: &Project, args: &RunArgs) -> Result<Self, Failure> {
        let usage = |message: String| Failure::error(ErrorCode::Usage, message);
        let words = match args.task.strip_prefix('@') {
            Some(file) => task_file(context, project, file)?,
            None if args.task.len() as u64 > MAX_WORDS => {
                return Err(usage(format!("the task is longer than {} KiB", MAX_WORDS >> 10)));
            }
            None => args.task.clone(),
        };
        let kind = match &args.kind {
            Some(word) => kind(word).ok_or_else(|| usage(format!("--kind {word}: there is no such kind")))?,
            None if args.tests.is_empty() => Kind::Implement,
            None => Kind::MakePass,
        };
        let place = args.at.as_ref().map(|at| place(context, project, at)).transpose()?;
        if args.diagnostics.len() > MAX_DIAGNOSTICS {
            return Err(usage(format!("--diagnostic is given more than {MAX_DIAGNOSTICS} times")));
        }
        let diagnostics: Vec<Diagnostic> =
            args.diagnostics.iter().map(|text| diagnostic(context, project, text)).collect::<Result<_, _>>()?;
        if words.trim().is_empty() && place.is_none() && diagnostics.is_empty() && args.tests.is_empty() {
            return Err(usage("the task says nothing".to_owned()));
        }
        Ok(Self { kind, words, place, diagnostics })
    }
}

/// A file that the user named, as the workspace has it.
///
/// # Errors
/// It is not there, or does not lie in the project.
pub fn file(context: &Context, project: &Project, option: &str, name: &str) -> Result<WorkspacePath, Failure> {
    let real = context.cwd.join(name).canonicalize();
    let real = real.map_err(|error| Failure::error(ErrorCode::PathNotFound, format!("{option} {name}: {error}")))?;
    let inside = real.strip_prefix(&project.found.repository).ok().and_then(Path::to_str);
    let inside = inside.and_then(|inside| inside.replace('\\', "/").parse().ok());
    inside.ok_or_else(|| Failure::error(ErrorCode::Usage, format!("{option} {name}: it does not lie in the project")))
}

/// The text of a task that stands in a file of the project.
fn task_file(context: &Context, project: &Project, name: &str) -> Result<String, Failure> {
    let path = file(context, project, "the task file", name)?;
    let whole = project.files.workspace().path().join(path.as_str());
    let unreadable = |error: std::io::Error| {
        Failure::error(ErrorCode::PathNotFound, format!("the task file {name} cannot be read: {error}"))
    };
    // A pipe would keep whoever opens it waiting.
    if !std::fs::symlink_metadata(&whole).map_err(unreadable)?.is_file() {
        return Err(Failure::error(ErrorCode::Usage, format!("the task file {name} is no plain file")));
    }
    let mut text = Vec::new();
    File::open(&whole).map_err(unreadable)?.take(MAX_WORDS + 1).read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_WORDS {
        let message = format!("the task file {name} is longer than {} KiB", MAX_WORDS >> 10);
        return Err(Failure::error(ErrorCode::Usage, message));
    }
    String::from_utf8(text)
        .map_err(|_| Failure::error(ErrorCode::Usage, format!("the task file {name} is not UTF-8 text")))
}

/// `FILE:LINE` or `FILE:FIRST-LAST`, lines from 1.
fn place(context: &Context, project: &Project, at: &str) -> Result<Place, Failure> {
    let wrong = || Failure::error(ErrorCode::Usage, format!("--at {at}: it has to be FILE:LINE or FILE:FIRST-LAST"));
    let (name, lines) = at.rsplit_once(':').ok_or_else(wrong)?;
    let (first, last) = lines.split_once('-').unwrap_or((lines, lines));
    let (first, last) = first.parse().ok().zip(last.parse().ok()).ok_or_else(wrong)?;
    if first == 0_u32 || last < first {
        return Err(wrong());
    }
    Ok(Place { path: file(context, project, "--at", name)?, lines: first..=last })
}

/// `FILE:LINE: MESSAGE`, as compilers and linters write it; a word such as `warning:` may stand before the message.
fn diagnostic(context: &Context, project: &Project, text: &str) -> Result<Diagnostic, Failure> {
    let wrong = || Failure::error(ErrorCode::Usage, format!("--diagnostic {text}: it has to be FILE:LINE: MESSAGE"));
    // A path of Windows has a colon, too; the line is the first number between two of them.
    let number = |piece: &str| piece.parse::<u32>().ok().filter(|line| *line > 0);
    let (at, line) = text
        .match_indices(':')
        .find_map(|(at, _)| Some((at, number(text[at + 1..].split(':').next()?)?)))
        .ok_or_else(wrong)?;
    let message = text[at + 1..].split_once(':').map(|(_, message)| message.trim()).filter(|words| !words.is_empty());
    let message = message.ok_or_else(wrong)?;
    let severities = [
        ("error:", Severity::Error),
        ("warning:", Severity::Warning),
        ("information:", Severity::Information),
        ("hint:", Severity::Hint),
    ];
    let found = severities.iter().find_map(|(word, of)| Some((message.strip_prefix(word)?.trim(), *of)));
    let (message, severity) = found.unwrap_or((message, Severity::Error));
    let path = file(context, project, "--diagnostic", &text[..at])?;
    Ok(Diagnostic { path, first: line, last: line, severity, source: None, code: None, message: message.to_owned() })
}
