//! From the server's words to LSP's. Nothing else makes LSP's types.

use std::path::{Path, PathBuf};

use airlock_core::text::visible;
use serde_json::{Value, json};
use tower_lsp::lsp_types as lsp;

use super::documents::Place;
use super::from_proto::subject;
use super::message::{Action, Lens, Subject};
use crate::cli::context::GUEST;
use crate::cli::terminal::fit;

/// Longest text shown, in bytes.
const MAX_TEXT: usize = 4 << 10;

/// How loud a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Error,
    Warning,
    Info,
}

/// What a finding says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// A test failed here.
    Failed,
    /// A test could not run.
    NotTestable,
    /// A proposal would change this.
    Proposed,
}

/// Something to show on a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub kind: FindingKind,
    pub start: Place,
    pub end: Place,
    pub message: String,
    /// A stable word.
    pub code: String,
    pub of: Subject,
    /// Other places that belong to it, by their lines from 0, and what they are.
    pub related: Vec<(PathBuf, u32, String)>,
}

/// A change of one document, as ranges of its text and what comes in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEdit {
    pub uri: String,
    /// The version it is made for, where the document is open.
    pub version: Option<i32>,
    pub changes: Vec<(Place, Place, String)>,
}

/// A URI as it was told; none where it is none.
pub fn url(uri: &str) -> Option<lsp::Url> {
    lsp::Url::parse(uri).ok()
}

/// The URI of a file.
pub fn uri_of(path: &Path) -> Option<String> {
    lsp::Url::from_file_path(path).ok().map(String::from)
}

/// A text as it may be shown: with nothing hidden in it, and not without end.
pub fn text(text: &str) -> String {
    let mut shown = visible(text).into_owned();
    if shown.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|at| shown.is_char_boundary(*at)).unwrap_or(0);
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

/// Columns of a message on the last line of a terminal of a hundred columns, beside what the editor puts before it.
const LINE: usize = 76;
/// The same of what went wrong: a reader rather presses a key than has half a reason.
const LONG_LINE: usize = 160;

/// A message as it is shown, on one line, and all of it where not all is shown. `short`: the client has one line for it.
pub fn message(tone: Tone, whole: &str, short: bool) -> (String, Option<String>) {
    let whole = text(whole);
    let lines = whole.lines().map(str::trim).filter(|line| !line.is_empty());
    let joined = lines.clone().fold(String::new(), |mut joined, line| {
        if !joined.is_empty() {
            joined.push_str(if joined.ends_with(['.', ':', ';', '!', '?']) { " " } else { "; " });
        }
        joined.push_str(line);
        joined
    });
    if !short {
        return (joined, None);
    }
    let columns = if tone == Tone::Info { LINE } else { LONG_LINE };
    let line = fit(lines.into_iter().next().unwrap_or_default(), columns);
    let rest = (line != joined).then_some(joined);
    (line, rest)
}

pub fn tone(tone: Tone) -> lsp::MessageType {
    match tone {
        Tone::Error => lsp::MessageType::ERROR,
        Tone::Warning => lsp::MessageType::WARNING,
        Tone::Info => lsp::MessageType::INFO,
    }
}

fn position(place: Place) -> lsp::Position {
    lsp::Position { line: place.line, character: place.column }
}

fn range(start: Place, end: Place) -> lsp::Range {
    lsp::Range { start: position(start), end: position(end) }
}

pub fn diagnostic(finding: &Finding) -> lsp::Diagnostic {
    let related = finding.related.iter().filter_map(|(path, line, message)| {
        let place = Place { line: *line, column: 0 };
        let location = lsp::Location { uri: lsp::Url::from_file_path(path).ok()?, range: range(place, place) };
        Some(lsp::DiagnosticRelatedInformation { location, message: text(message) })
    });
    let related: Vec<_> = related.collect();
    lsp::Diagnostic {
        range: range(finding.start, finding.end),
        severity: Some(match finding.kind {
            FindingKind::Failed => lsp::DiagnosticSeverity::ERROR,
            FindingKind::NotTestable | FindingKind::Proposed => lsp::DiagnosticSeverity::HINT,
        }),
        code: Some(lsp::NumberOrString::String(finding.code.clone())),
        source: Some("airlock".to_owned()),
        message: text(&finding.message),
        related_information: (!related.is_empty()).then_some(related),
        data: Some(match &finding.of {
            Subject::Test { id, root } => json!({"test": id, "root": root}),
            Subject::Session(session) => json!({"session": session}),
            Subject::Guest => json!({"guest": GUEST}),
            // Of another server's there is none of ours.
            Subject::Other { .. } => Value::Null,
        }),
        ..lsp::Diagnostic::default()
    }
}

/// An action that is nothing but a command. `diagnostics` are those of the request.
pub fn action(action: Action, diagnostics: &[lsp::Diagnostic]) -> lsp::CodeActionOrCommand {
    let mended: Vec<lsp::Diagnostic> = match &action.mends {
        Some(mends) => diagnostics.iter().filter(|found| subject(found).as_ref() == Some(mends)).cloned().collect(),
        None => Vec::new(),
    };
    let kind =
        if action.mends.is_some() { lsp::CodeActionKind::QUICKFIX } else { lsp::CodeActionKind::REFACTOR_REWRITE };
    let title = text(&action.title);
    let arguments = action.arguments.into_iter().map(Value::String).collect();
    lsp::CodeActionOrCommand::CodeAction(lsp::CodeAction {
        title: title.clone(),
        kind: Some(kind),
        diagnostics: (!mended.is_empty()).then_some(mended),
        command: Some(lsp::Command { title, command: action.command.to_owned(), arguments: Some(arguments) }),
        ..lsp::CodeAction::default()
    })
}

/// A command over a line.
pub fn lens(lens: Lens) -> lsp::CodeLens {
    let place = Place { line: lens.line, column: 0 };
    let arguments = lens.arguments.into_iter().map(Value::String).collect();
    let command = lsp::Command { title: lens.title, command: lens.command.to_owned(), arguments: Some(arguments) };
    lsp::CodeLens { range: range(place, place), command: Some(command), data: None }
}

/// One TextDocumentEdit for each document, versioned where it is open.
pub fn workspace_edit(edits: &[FileEdit]) -> Option<lsp::WorkspaceEdit> {
    let documents = edits
        .iter()
        .map(|edit| {
            let edits = edit.changes.iter().map(|(start, end, text)| {
                lsp::OneOf::Left(lsp::TextEdit { range: range(*start, *end), new_text: text.clone() })
            });
            Some(lsp::TextDocumentEdit {
                text_document: lsp::OptionalVersionedTextDocumentIdentifier {
                    uri: url(&edit.uri)?,
                    version: edit.version,
                },
                edits: edits.collect(),
            })
        })
        .collect::<Option<Vec<_>>>()?;
    Some(lsp::WorkspaceEdit {
        document_changes: Some(lsp::DocumentChanges::Edits(documents)),
        ..lsp::WorkspaceEdit::default()
    })
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn a_message_is_one_line_and_short_where_there_is_room_for_no_more() {
        let said = "Airlock: it failed\n  for this reason: ü\nand that";
        let joined = "Airlock: it failed; for this reason: ü; and that".to_owned();
        assert_eq!(message(Tone::Error, said, false), (joined.clone(), None));
        assert_eq!(message(Tone::Error, said, true), ("Airlock: it failed".to_owned(), Some(joined)));
        assert_eq!(message(Tone::Info, "short", true), ("short".to_owned(), None));
        for (tone, columns) in [(Tone::Info, LINE), (Tone::Warning, LONG_LINE), (Tone::Error, LONG_LINE)] {
            for letter in ["x", "語", "😀", "\u{202e}"] {
                let (line, rest) = message(tone, &letter.repeat(500), true);
                assert!(line.width() <= columns && line.ends_with('…') && rest.is_some(), "{line}");
            }
        }
        let (line, _) = message(Tone::Info, "", true);
        assert_eq!(line, "");
    }
}
