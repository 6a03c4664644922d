//! From LSP's words to the server's. Nothing else takes LSP's types apart.

use std::path::PathBuf;

use serde_json::Value;
use tower_lsp::lsp_types as lsp;

use super::documents::{Encoding, Place, TextChange, real};
use super::message::{Client, Command, Subject, Wish};
use super::settings::SECTION;

/// Longest word taken as an argument: an id, a path, a reason.
const MAX_WORD: usize = 8 << 10;

pub fn place(position: lsp::Position) -> Place {
    Place { line: position.line, column: position.character }
}

pub fn changes(changes: Vec<lsp::TextDocumentContentChangeEvent>) -> Vec<TextChange> {
    changes
        .into_iter()
        .map(|change| TextChange {
            range: change.range.map(|range| (place(range.start), place(range.end))),
            text: change.text,
        })
        .collect()
}

/// The file that a URI names; none for what is no file of this machine.
pub fn path(uri: &str) -> Option<PathBuf> {
    path_of(&lsp::Url::parse(uri).ok()?)
}

fn path_of(uri: &lsp::Url) -> Option<PathBuf> {
    // Other schemes have paths, too, which name nothing here.
    (uri.scheme() == "file").then(|| uri.to_file_path().ok()).flatten()
}

/// The folders of the workspace, under their real names.
pub fn folders(folders: &[lsp::WorkspaceFolder]) -> Vec<PathBuf> {
    folders.iter().filter_map(|folder| path_of(&folder.uri)).map(real).collect()
}

/// Files that changed on the disk.
pub fn watched(events: &[lsp::FileEvent]) -> Vec<PathBuf> {
    events.iter().filter_map(|event| path_of(&event.uri)).collect()
}

/// What a diagnostic is of; none where it is one of ours that says nothing more.
pub fn subject(diagnostic: &lsp::Diagnostic) -> Option<Subject> {
    if diagnostic.source.as_deref() != Some("airlock") {
        return Some(other(diagnostic));
    }
    let data = diagnostic.data.as_ref()?;
    let word = |name: &str| data.get(name)?.as_str().map(str::to_owned);
    if data.get("guest").is_some() {
        return Some(Subject::Guest);
    }
    match (word("test"), word("root"), word("session")) {
        (Some(id), Some(root), _) => Some(Subject::Test { id, root: PathBuf::from(root) }),
        (_, _, Some(session)) => Some(Subject::Session(session)),
        _ => None,
    }
}

/// What another server says, on one line.
fn other(diagnostic: &lsp::Diagnostic) -> Subject {
    /// Longest text of it that is passed on, in bytes.
    const MOST: usize = 2_000;
    let code = diagnostic.code.as_ref().map(|code| match code {
        lsp::NumberOrString::Number(number) => number.to_string(),
        lsp::NumberOrString::String(word) => word.clone(),
    });
    let from: Vec<String> = diagnostic.source.iter().cloned().chain(code).collect();
    let from = if from.is_empty() { String::new() } else { format!(" ({})", from.join(" ")) };
    let severity = match diagnostic.severity {
        Some(lsp::DiagnosticSeverity::WARNING) => "warning",
        Some(lsp::DiagnosticSeverity::INFORMATION) => "information",
        Some(lsp::DiagnosticSeverity::HINT) => "hint",
        _ => "error",
    };
    let text = airlock_core::text::one_line(&format!("{severity}: {}{from}", diagnostic.message), MOST);
    Subject::Other { line: diagnostic.range.start.line, text }
}

/// Our settings among those that a client tells when they changed; it may tell those of all servers.
pub fn settings(value: &Value) -> Option<Value> {
    value.get(SECTION).filter(|section| section.is_object()).cloned()
}

/// What the client is and can do. The encoding is the first of its choice that there is.
pub fn client(params: &lsp::InitializeParams) -> Client {
    let capabilities = &params.capabilities;
    let offered = capabilities.general.as_ref().and_then(|general| general.position_encodings.as_ref());
    let known = |encoding: &lsp::PositionEncodingKind| match encoding.as_str() {
        "utf-8" => Some(Encoding::Utf8),
        "utf-16" => Some(Encoding::Utf16),
        "utf-32" => Some(Encoding::Utf32),
        _ => None,
    };
    let folders = match &params.workspace_folders {
        Some(given) => folders(given),
        None => params.root_uri.iter().filter_map(path_of).map(real).collect(),
    };
    let window = capabilities.window.as_ref();
    let workspace = capabilities.workspace.as_ref();
    let watched = workspace.and_then(|workspace| workspace.did_change_watched_files.as_ref());
    let lenses = workspace.and_then(|workspace| workspace.code_lens.as_ref());
    let name = params.client_info.as_ref().map(|info| info.name.as_str());
    Client {
        encoding: offered.and_then(|offered| offered.iter().find_map(known)).unwrap_or_default(),
        folders,
        progress: window.and_then(|window| window.work_done_progress).unwrap_or_default(),
        show_document: window.and_then(|window| window.show_document.as_ref()).is_some_and(|show| show.support),
        refresh_lenses: lenses.and_then(|lenses| lenses.refresh_support).unwrap_or_default(),
        settings: workspace.and_then(|workspace| workspace.configuration).unwrap_or_default(),
        one_by_one: name == Some("Neovim"),
        one_line: matches!(name, Some("Neovim" | "helix")),
        watches: watched.and_then(|watched| watched.dynamic_registration).unwrap_or_default(),
        asks: window
            .and_then(|window| window.show_message.as_ref())
            .is_some_and(|show| show.message_action_item.is_some()),
    }
}

pub fn encoding(encoding: Encoding) -> lsp::PositionEncodingKind {
    match encoding {
        Encoding::Utf8 => lsp::PositionEncodingKind::UTF8,
        Encoding::Utf16 => lsp::PositionEncodingKind::UTF16,
        Encoding::Utf32 => lsp::PositionEncodingKind::UTF32,
    }
}

/// A command with its arguments: strings in their order, or one object with named fields.
///
/// # Errors
/// What is wrong with them, in words.
pub fn command(name: &str, arguments: &[Value]) -> Result<Command, String> {
    let word = |at: usize, field: &str| -> Result<Option<String>, String> {
        let value = match arguments.first() {
            Some(Value::Object(fields)) => fields.get(field),
            _ => arguments.get(at),
        };
        match value {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(word)) if word.is_empty() => Ok(None),
            Some(Value::String(word)) if word.len() <= MAX_WORD => Ok(Some(word.clone())),
            Some(Value::String(_)) => Err(format!("{name}: {field} is longer than {MAX_WORD} bytes")),
            Some(_) => Err(format!("{name}: {field} has to be a string")),
        }
    };
    match name {
        Command::CHECK_TESTS => {
            // A test's id and a path are told apart by their form, in whatever order.
            let named = matches!(arguments.first(), Some(Value::Object(_)));
            let (mut test, mut place) = (None, None);
            if named {
                (test, place) = (word(0, "test")?, word(0, "path")?);
            } else {
                for given in [word(0, "path")?, word(1, "path")?].into_iter().flatten() {
                    if given.contains("::") && path(&given).is_none() {
                        test = Some(given);
                    } else {
                        place = Some(given);
                    }
                }
            }
            Ok(Command::CheckTests { path: place.map(file), test })
        }
        Command::MAKE_TEST_PASS => {
            Ok(Command::MakeTestPass { test: word(0, "test")?, root: word(1, "root")?.map(file) })
        }
        Command::CANCEL => Ok(Command::Cancel),
        Command::OPEN_REVIEW => Ok(Command::OpenReview(word(0, "session")?)),
        Command::ACCEPT => Ok(Command::Accept(word(0, "session")?)),
        Command::REJECT => Ok(Command::Reject { session: word(0, "session")?, reason: word(1, "reason")? }),
        Command::UNDO => Ok(Command::Undo(word(0, "session")?)),
        Command::LIST_SESSIONS => Ok(Command::ListSessions),
        Command::RESUME => Ok(Command::Resume(word(0, "session")?)),
        Command::TASK => Ok(Command::Task(Box::new(Wish {
            words: word(0, "words")?.or(word(5, "file")?.map(|file| format!("@{file}"))),
            kind: word(1, "kind")?,
            at: word(2, "at")?.map(plain_place),
            diagnostic: word(3, "diagnostic")?.map(plain_place),
            test: word(4, "test")?,
        }))),
        Command::STEER => Ok(Command::Steer { words: word(0, "words")?, session: word(1, "session")? }),
        Command::APPROVE => Ok(Command::Approve(word(0, "session")?)),
        Command::INSTALL_GUEST => Ok(Command::InstallGuest),
        Command::DOCTOR => Ok(Command::Doctor(word(0, "path")?.map(file))),
        _ => Err(format!("there is no command {name}; there are {}", Command::ALL.join(", "))),
    }
}

/// `PLACE:LINE…` with a path in the place of a URI.
fn plain_place(text: String) -> String {
    let named = text.strip_prefix("file://").and_then(|rest| {
        let (uri, line) = rest.split_once(':').map(|(uri, line)| (format!("file://{uri}"), line))?;
        Some(format!("{}:{line}", path(&uri)?.display()))
    });
    named.unwrap_or(text)
}

/// A file by its URI or its path, under its real name.
fn file(word: String) -> PathBuf {
    real(path(&word).unwrap_or_else(|| PathBuf::from(word)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_files_of_this_machine_have_paths() {
        assert_eq!(path("file:///a/b%20c.py"), Some(PathBuf::from("/a/b c.py")));
        assert_eq!(path("file://localhost/a.py"), Some(PathBuf::from("/a.py")));
        // The parser of URLs takes dots away, however they are written.
        assert_eq!(path("file:///a/%2e%2e/b.py"), Some(PathBuf::from("/b.py")));
        for other in [
            "untitled:/a/b.py",
            "untitled:Untitled-1",
            "vscode-vfs://github/a/b.py",
            "http://127.0.0.1/a.py",
            "git:/a/b.py",
            "file://server/share/a.py",
            "a.py",
            "",
            "file:",
            "C:\\a.py",
        ] {
            assert!(
                path(other).is_none_or(|path| other == "file:" && path.as_os_str() == "/"),
                "{other}: {:?}",
                path(other)
            );
        }
    }

    #[test]
    fn commands_take_words_or_named_fields() {
        let session = Some("bado".to_owned());
        let same = [vec![json!("bado"), json!("no")], vec![json!({"session": "bado", "reason": "no"})]];
        for arguments in same {
            let found = command("airlock.reject", &arguments);
            let expected = Command::Reject { session: session.clone(), reason: Some("no".to_owned()) };
            assert_eq!(found, Ok(expected));
        }
        assert_eq!(command("airlock.accept", &[]), Ok(Command::Accept(None)));
        assert_eq!(command("airlock.accept", &[json!(null)]), Ok(Command::Accept(None)));
        assert!(command("airlock.accept", &[json!(3)]).is_err());
        assert!(command("airlock.accept", &[json!("x".repeat(9000))]).is_err());
        let wish = Wish {
            words: Some("do it".to_owned()),
            kind: Some("comment".to_owned()),
            at: Some("/a/b c.py:3-4".to_owned()),
            ..Wish::default()
        };
        let named = json!({"words": "do it", "kind": "comment", "at": "file:///a/b%20c.py:3-4"});
        assert_eq!(command("airlock.task", &[named]), Ok(Command::Task(Box::new(wish.clone()))));
        let in_order = [json!("do it"), json!("comment"), json!("/a/b c.py:3-4")];
        assert_eq!(command("airlock.task", &in_order), Ok(Command::Task(Box::new(wish))));
        let steer = Command::Steer { words: Some("faster".to_owned()), session: session.clone() };
        assert_eq!(command("airlock.steer", &[json!("faster"), json!("bado")]), Ok(steer.clone()));
        assert_eq!(command("airlock.steer", &[json!({"session": "bado", "words": "faster"})]), Ok(steer));
        let file = Wish { words: Some("@todo.md".to_owned()), ..Wish::default() };
        assert_eq!(command("airlock.task", &[json!({"file": "todo.md"})]), Ok(Command::Task(Box::new(file))));
        assert!(command("airlock.nothing", &[]).is_err_and(|why| why.contains("airlock.checkTests")));
        let uri = [json!("file:///a/b.py")];
        let check = |path: Option<&str>, test: Option<&str>| {
            Ok(Command::CheckTests { path: path.map(PathBuf::from), test: test.map(str::to_owned) })
        };
        assert_eq!(command("airlock.checkTests", &uri), check(Some("/a/b.py"), None));
        let test = Some("b.py::test_c");
        assert_eq!(command("airlock.checkTests", &[json!("b.py::test_c")]), check(None, test));
        assert_eq!(
            command("airlock.checkTests", &[json!("b.py::test_c"), json!("/a/b.py")]),
            check(Some("/a/b.py"), test)
        );
        let named = json!({"test": "b.py::test_c", "path": "/a/b.py"});
        assert_eq!(command("airlock.checkTests", &[named]), check(Some("/a/b.py"), test));
        for name in Command::ALL {
            assert!(command(name, &[]).is_ok(), "{name}");
        }
    }
}
