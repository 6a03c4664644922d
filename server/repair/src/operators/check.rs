//! One way of testing operators: a source with a marked statement, and what the statement or the file may become.

use super::{Edit, Operator, Place};
use crate::{material::Material, source::Source};

/// The marker stands right before the statement.
const MARKER: &str = "$0";

/// The edits of the marked statement, each checked: it parses, explains itself, stays in its bounds.
#[track_caller]
fn marked<T>(operator: &dyn Operator, text: &str, use_edit: impl Fn(&Place<'_>, &Edit) -> T) -> Vec<T> {
    let at = text.find(MARKER).expect("the source has a marker");
    let text = text.replacen(MARKER, "", 1);
    let source = Source::parse("pkg/mod.py", text.as_bytes()).expect("the source parses");
    let material = Material::of([&source]);
    let index = source
        .statements()
        .iter()
        .position(|statement| statement.range.start == at)
        .expect("a statement begins at the marker");
    let place = Place::new(&source, index, &material).expect("the statement is a place");
    operator
        .edits(&place)
        .iter()
        .map(|edit| {
            assert_eq!(edit.operator, operator.name());
            assert!(edit.weight > 0 && edit.weight <= 1000, "{edit:?}");
            assert!(edit.why.contains("pkg/mod.py") && !edit.why.ends_with('.'), "{}", edit.why);
            assert!(source.edited(&edit.range, &edit.replacement).is_some(), "{edit:?}");
            use_edit(&place, edit)
        })
        .collect()
}

/// Applies `operator` to the marked statement of `text` and compares the edited statements (of a compound one the
/// header, without its body) with `expected`, in order. Every edit must parse and explain itself.
#[track_caller]
pub(super) fn check(operator: &dyn Operator, text: &str, expected: &[&str]) {
    let found = marked(operator, text, |place, edit| {
        let range = &place.statement().range;
        assert!(range.start <= edit.range.start && edit.range.end <= range.end, "{edit:?} is outside of its place");
        place.edited(edit).unwrap_or_else(|| panic!("{edit:?} does not parse"))
    });
    assert_eq!(found, expected, "{} on {text}", operator.name());
}

/// The same for operators that change whole lines: compares the text of the file, from the marked statement's first
/// line (or the edit's, where that comes first) on.
#[track_caller]
pub(super) fn check_lines(operator: &dyn Operator, text: &str, expected: &[&str]) {
    let found = marked(operator, text, |place, edit| {
        let start = place.statement().range.start.min(edit.range.start);
        let text = place.source().replaced(&edit.range, &edit.replacement);
        let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
        text[line..].to_owned()
    });
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, expected, "{} on {text}", operator.name());
}

/// The edits themselves.
#[track_caller]
pub(super) fn edits_of(operator: &dyn Operator, text: &str) -> Vec<Edit> {
    marked(operator, text, |_, edit| edit.clone())
}
