//! Positions, changes and edits of any text against an oracle that knows nothing but a string and the protocol's rules.
//!
//! Source of the rules: LSP 3.17, "Position" and "Text Documents": lines end with `\n`, `\r\n` or `\r`; a column beyond a line
//! is its end.

use std::path::Path;

use airlock_core::proposal::{FileState, Proposal};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tower_lsp::lsp_types as lsp;

use super::documents::{Document, Encoding, MARK, Open, Place};
use super::{edits, from_proto, to_proto};

fn encodings() -> impl Strategy<Value = Encoding> {
    select(vec![Encoding::Utf8, Encoding::Utf16, Encoding::Utf32])
}

/// Letters of one to four bytes, all that ends a line, and what other programs think does.
fn texts() -> impl Strategy<Value = String> {
    const PARTS: [&str; 17] = [
        "a",
        "x = 1",
        "é",
        "e\u{301}",
        "語",
        "😀",
        "\u{10ffff}",
        "👩\u{200d}🚀",
        "\n",
        "\n",
        "\r\n",
        "\r\n",
        "\r",
        "\u{feff}",
        "\u{2028}",
        "\u{85}",
        "\u{b}",
    ];
    vec(select(PARTS.to_vec()), 0..24).prop_map(|parts| parts.concat())
}

/// Positions in small texts, and far beyond them.
fn positions() -> impl Strategy<Value = lsp::Position> {
    let line = prop_oneof![9 => 0..8_u32, 1 => select(vec![1_000, u32::MAX])];
    let column = prop_oneof![9 => 0..16_u32, 1 => select(vec![1_000, u32::MAX])];
    (line, column).prop_map(|(line, character)| lsp::Position { line, character })
}

fn changes() -> impl Strategy<Value = lsp::TextDocumentContentChangeEvent> {
    let range = (positions(), positions()).prop_map(|(start, end)| lsp::Range { start, end });
    (prop_oneof![8 => range.prop_map(Some), 1 => Just(None)], texts())
        .prop_map(|(range, text)| lsp::TextDocumentContentChangeEvent { range, range_length: None, text })
}

fn units(c: char, encoding: Encoding) -> usize {
    match encoding {
        Encoding::Utf8 => c.len_utf8(),
        Encoding::Utf16 => c.len_utf16(),
        Encoding::Utf32 => 1,
    }
}

/// Where each line begins, and where what it says ends.
fn lines(text: &str) -> Vec<(usize, usize)> {
    let (mut found, mut start) = (Vec::new(), 0);
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let length = match (bytes[at], bytes.get(at + 1)) {
            (b'\r', Some(b'\n')) => 2,
            (b'\r' | b'\n', _) => 1,
            _ => 0,
        };
        if length == 0 {
            at += 1;
            continue;
        }
        found.push((start, at));
        at += length;
        start = at;
    }
    found.push((start, bytes.len()));
    found
}

/// The byte that a position means.
fn byte(text: &str, position: lsp::Position, encoding: Encoding) -> usize {
    let Some((start, end)) = lines(text).get(position.line as usize).copied() else { return text.len() };
    let mut left = position.character as usize;
    for (at, c) in text[start..end].char_indices() {
        if units(c, encoding) > left {
            return start + at;
        }
        left -= units(c, encoding);
    }
    end
}

/// The position of a byte.
fn position(text: &str, byte: usize, encoding: Encoding) -> lsp::Position {
    let lines = lines(text);
    let line = lines.iter().rposition(|(start, _)| *start <= byte).expect("the first begins at 0");
    let character: usize = text[lines[line].0..byte].chars().map(|c| units(c, encoding)).sum();
    lsp::Position { line: u32::try_from(line).expect("small"), character: u32::try_from(character).expect("small") }
}

fn changed(text: &str, change: &lsp::TextDocumentContentChangeEvent, encoding: Encoding) -> String {
    let Some(range) = change.range else { return change.text.clone() };
    let start = byte(text, range.start, encoding);
    let end = byte(text, range.end, encoding).max(start);
    [&text[..start], &change.text, &text[end..]].concat()
}

/// A text with the edits of one document made, as the protocol says: all of them are of the text as it was.
fn edited(text: &str, edit: &lsp::WorkspaceEdit, encoding: Encoding) -> String {
    let Some(lsp::DocumentChanges::Edits(documents)) = &edit.document_changes else { panic!("no edits: {edit:?}") };
    let [document] = documents.as_slice() else { panic!("one document: {edit:?}") };
    assert_eq!(document.text_document.version, Some(7));
    let mut places: Vec<(usize, usize, &str)> = document
        .edits
        .iter()
        .map(|edit| {
            let lsp::OneOf::Left(edit) = edit else { panic!("an annotated edit") };
            let place = |position| {
                let found = byte(text, position, encoding);
                // Nothing is left to how a client takes what is nowhere.
                assert_eq!(self::position(text, found, encoding), position, "{edit:?} of {text:?}");
                found
            };
            (place(edit.range.start), place(edit.range.end), edit.new_text.as_str())
        })
        .collect();
    places.sort_unstable();
    let mut out = text.to_owned();
    for (start, end, new) in places.into_iter().rev() {
        out.replace_range(start..end, new);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// What an editor tells it did leads to the text that it has.
    #[test]
    fn changes_agree_with_the_oracle(
        encoding in encodings(), text in texts(), steps in vec(vec(changes(), 1..4), 1..6)
    ) {
        let mut document = Document::new(0, &text);
        let mut plain = text;
        for (version, step) in steps.into_iter().enumerate() {
            for change in &step {
                plain = changed(&plain, change, encoding);
            }
            document.change(i32::try_from(version).expect("small"), &from_proto::changes(step), encoding);
            prop_assert_eq!(document.text(), plain.clone());
            prop_assert_eq!(document.bytes(), plain.as_bytes());
        }
    }

    /// Every byte between two characters has the place that the protocol gives it.
    #[test]
    fn places_agree_with_the_oracle(encoding in encodings(), text in texts()) {
        let document = Document::new(0, &text);
        for (at, _) in text.char_indices().chain([(text.len(), 'x')]) {
            let Place { line, column } = document.place_of_byte(at, encoding);
            prop_assert_eq!(lsp::Position { line, character: column }, position(&text, at, encoding), "byte {}", at);
        }
        for (line, (_, end)) in lines(&text).into_iter().enumerate() {
            let Place { line, column } = document.end_of_line(u32::try_from(line).expect("small"), encoding);
            prop_assert_eq!(lsp::Position { line, character: column }, position(&text, end, encoding));
        }
    }

    /// The edits of a change, as a client that has the text makes them, give the text that was tested; also where the file
    /// begins with a mark that its editor keeps to itself.
    #[test]
    fn edits_agree_with_the_oracle(encoding in encodings(), base in texts(), new in texts(), marked in any::<bool>()) {
        let bytes = |text: &str| if marked { [MARK, text.as_bytes()].concat() } else { text.as_bytes().to_vec() };
        // A text that shows its mark keeps nothing to itself.
        prop_assume!(base != new && !(marked && base.starts_with('\u{feff}')));
        let state = |text: &str| Some(FileState::new(bytes(text), false));
        let path = "a.py".parse().expect("a path");
        let proposal = Proposal::new("", [(path, state(&base), state(&new))]).expect("text");
        let (_, change) = proposal.files().next().expect("they differ");
        let document = Document::of_file(7, &base, Some(&bytes(&base)));
        prop_assert_eq!(document.bytes(), bytes(&base));
        let opened = document.hash();
        let (uri, open) = ("file:///a.py".to_owned(), Open { document, path: None, opened });
        let edit = edits::of_file(change, Path::new("/a.py"), Some((&uri, &open)), encoding).expect("text");
        let edit = to_proto::workspace_edit(&[edit]).expect("a URI");
        prop_assert_eq!(edited(&base, &edit, encoding), new);
    }
}
