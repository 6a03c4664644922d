use std::collections::BTreeSet;

use super::*;
use crate::{material::Material, source::Source};

/// Every text that the operator can make of a file.
fn all(operator: &dyn Operator, text: &str) -> Vec<String> {
    let source = Source::parse("m.py", text.as_bytes()).expect("the example parses");
    let material = Material::of([&source]);
    (0..source.statements().len())
        .filter_map(|index| Place::new(&source, index, &material))
        .flat_map(|place| operator.edits(&place))
        .map(|edit| source.replaced(&edit.range, &edit.replacement))
        .collect()
}

#[test]
fn every_operator_makes_its_example() {
    for operator in OPERATORS {
        let About { name, doc, example: (before, after), source } = operator.about();
        assert!(doc.ends_with('.') && !source.ends_with('.') && !source.is_empty(), "{name}");
        let made = all(*operator, before);
        assert!(made.iter().any(|text| text == after), "{name} makes of\n{before}\n{}", made.join("\n"));
    }
}

#[test]
fn names_are_unique() {
    let names: BTreeSet<&str> = OPERATORS.iter().map(|operator| operator.name()).collect();
    assert_eq!(names.len(), OPERATORS.len());
}

#[test]
fn the_table_is_current() {
    assert!(include_str!("../../OPERATORS.md") == table(), "make OPERATORS.md again, as its first lines say");
}
