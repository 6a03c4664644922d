//! What an exception says about the kind of fault.
//!
//! A `KeyError` is seldom mended by another arithmetic operator: templates chosen by the exception are what PAR (Kim et
//! al., ICSE 2013) does for Java and PyTER (Oh and Oh, FSE 2022) for Python's type errors. Operators that fit gain half of
//! their weight, and only in functions that the traceback names.

use std::collections::BTreeSet;

/// Exceptions (by their end) and the operators that mend them.
const FITTING: &[(&str, &[&str])] = &[
    (
        "TypeError",
        &[
            "none_check",
            "missing_call",
            "arguments",
            "lookup",
            "initial_value",
            "missing_result",
            "await",
            "missing_guard",
            "generator",
        ],
    ),
    (
        "AttributeError",
        &["none_check", "attribute", "missing_field", "receiver", "missing_result", "missing_guard", "initial_value"],
    ),
    ("IndexError", &["bounds", "constant", "slice", "comparison", "missing_guard", "missing_case", "none_check"]),
    ("KeyError", &["lookup", "near_literal", "missing_guard", "exception", "missing_case", "variable", "missing_call"]),
    ("ZeroDivisionError", &["missing_guard", "missing_case", "comparison", "none_check"]),
    ("UnboundLocalError", &["declaration", "initial_value", "moved_statement", "branch", "target", "copied_statement"]),
    ("NameError", &["variable", "receiver", "declaration", "moved_statement", "callee"]),
    ("RecursionError", &["missing_guard", "comparison", "constant", "arguments", "bounds", "missing_case", "variable"]),
    ("ValueError", &["missing_guard", "missing_call", "near_literal", "exception", "slice", "missing_case", "sort"]),
    ("StopIteration", &["missing_guard", "lookup", "generator"]),
    ("RuntimeError", &["missing_call", "slice", "generator", "missing_guard"]),
    ("DecodeError", &["missing_guard", "exception", "near_literal"]),
    // pytest's own, where an exception was expected and none came.
    ("Failed", &["missing_guard", "exception", "comparison", "missing_case", "copied_statement"]),
];

/// Operators that fit what was raised.
#[derive(Clone, Debug, Default)]
pub(super) struct Hints(BTreeSet<&'static str>);

impl Hints {
    pub(super) fn of<'e>(exceptions: impl Iterator<Item = &'e str>) -> Self {
        let mut fitting = BTreeSet::new();
        for exception in exceptions {
            // The most special first: an UnboundLocalError is a NameError by name only.
            let found = FITTING.iter().find(|(end, _)| exception.ends_with(end));
            fitting.extend(found.into_iter().flat_map(|(_, operators)| operators.iter().copied()));
        }
        Self(fitting)
    }

    /// A weight with what the exception adds to it.
    pub(super) fn weight(&self, operator: &str, weight: u32, in_traceback: bool) -> u32 {
        if in_traceback && self.0.contains(operator) {
            (weight + weight / 2).min(crate::operators::MAX_WEIGHT)
        } else {
            weight
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::OPERATORS;

    #[test]
    fn fitting_operators_gain_where_the_traceback_leads() {
        let hints = Hints::of(["json.decoder.JSONDecodeError", "KeyError"].into_iter());
        assert_eq!(hints.weight("lookup", 300, true), 450);
        assert_eq!(hints.weight("lookup", 900, true), 1_000);
        assert_eq!(hints.weight("lookup", 300, false), 300);
        assert_eq!(hints.weight("arithmetic", 300, true), 300);
    }

    #[test]
    fn every_operator_named_exists() {
        let names: BTreeSet<&str> = OPERATORS.iter().map(|operator| operator.name()).collect();
        for (_, operators) in FITTING {
            assert!(operators.iter().all(|name| names.contains(name)), "{operators:?}");
        }
    }
}
