//! One way of testing operators: a source with a marked statement, and what the statement may become.

use super::{Operator, Place};
use crate::source::Source;

/// The marker stands right before the statement.
const MARKER: &str = "$0";

/// Applies `operator` to the marked statement of `text` and compares the edited statements (of a compound one the
/// header, without its body) with `expected`, in order. Every edit must parse and explain itself.
#[track_caller]
pub(super) fn check(operator: &dyn Operator, text: &str, expected: &[&str]) {
    let at = text.find(MARKER).expect("the source has a marker");
    let text = text.replacen(MARKER, "", 1);
    let source = Source::parse("pkg/mod.py", text.as_bytes()).expect("the source parses");
    let index = source
        .statements()
        .iter()
        .position(|statement| statement.range.start == at)
        .expect("a statement begins at the marker");
    let place = Place::new(&source, index).expect("the statement is a place");
    let range = place.statement().range.clone();
    let mut found = Vec::new();
    for edit in operator.edits(&place) {
        assert_eq!(edit.operator, operator.name());
        assert!(edit.weight > 0 && edit.weight <= 1000, "{edit:?}");
        assert!(edit.why.contains("pkg/mod.py") && !edit.why.ends_with('.'), "{}", edit.why);
        assert!(range.start <= edit.range.start && edit.range.end <= range.end, "{edit:?} is outside of its place");
        assert!(source.edited(&edit.range, &edit.replacement).is_some(), "{edit:?}");
        let edited = place.edited(&edit);
        found.push(edited.unwrap_or_else(|| panic!("{edit:?} does not parse")));
    }
    assert_eq!(found, expected, "{} on {text}", operator.name());
}
