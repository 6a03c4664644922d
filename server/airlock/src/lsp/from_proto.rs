//! From LSP's words to the server's. Nothing else takes LSP's types apart.

use std::path::PathBuf;

use serde_json::Value;
use tower_lsp::lsp_types as lsp;

use super::documents::{Encoding, Place, TextChange};
use super::message::{Client, Command};

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

/// The file that a URI names; none for what is no file.
pub fn path(uri: &str) -> Option<PathBuf> {
    lsp::Url::parse(uri).ok()?.to_file_path().ok()
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
        Some(folders) => folders.iter().filter_map(|folder| folder.uri.to_file_path().ok()).collect(),
        None => params.root_uri.iter().filter_map(|uri| uri.to_file_path().ok()).collect(),
    };
    let window = capabilities.window.as_ref();
    let option = |name: &str| params.initialization_options.as_ref().and_then(|options| options.get(name));
    Client {
        encoding: offered.and_then(|offered| offered.iter().find_map(known)).unwrap_or_default(),
        folders,
        progress: window.and_then(|window| window.work_done_progress).unwrap_or_default(),
        show_document: window.and_then(|window| window.show_document.as_ref()).is_some_and(|show| show.support),
        check_on_save: option("checkOnSave").and_then(Value::as_bool).unwrap_or(true),
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
            let word = word(0, "path")?;
            Ok(Command::CheckTests(word.map(|word| path(&word).unwrap_or_else(|| PathBuf::from(word)))))
        }
        Command::MAKE_TEST_PASS => Ok(Command::MakeTestPass(word(0, "test")?)),
        Command::CANCEL => Ok(Command::Cancel),
        Command::OPEN_REVIEW => Ok(Command::OpenReview(word(0, "session")?)),
        Command::ACCEPT => Ok(Command::Accept(word(0, "session")?)),
        Command::REJECT => Ok(Command::Reject { session: word(0, "session")?, reason: word(1, "reason")? }),
        Command::INSTALL_GUEST => Ok(Command::InstallGuest),
        _ => Err(format!("there is no command {name}; there are {}", Command::ALL.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
        assert!(command("airlock.nothing", &[]).is_err_and(|why| why.contains("airlock.checkTests")));
        let uri = [json!("file:///a/b.py")];
        assert_eq!(command("airlock.checkTests", &uri), Ok(Command::CheckTests(Some(PathBuf::from("/a/b.py")))));
        for name in Command::ALL {
            assert!(command(name, &[]).is_ok(), "{name}");
        }
    }
}
