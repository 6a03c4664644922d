//! How far a function is from a failure, in calls.
//!
//! Where every test fails, or none of the passing ones comes near, coverage says the same of every line. What is left is
//! the call graph: a fault is seldom far from where it shows (the chaining of call stacks and static calls of Wong et
//! al., "CrashLocator", ISSTA 2014). Calls are taken by name, as Python gives no better: a function is one step from each
//! function that names it, and no step from a frame of the traceback or from what the failing test itself names.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use airlock_core::report::TestReport;

use super::Files;
use crate::source::{ScopeKind, Source, preorder};

/// Farther than this everything is equally far.
const FARTHEST: u32 = 6;
/// What each step costs where coverage tells nothing, and where it does.
const STEP: (f64, f64) = (0.2, 0.04);
/// Failing tests whose text is read.
const MAX_TESTS: usize = 20;

type Function = (Arc<str>, usize);

/// Steps from the failure, by file and scope.
#[derive(Debug, Default)]
pub(super) struct Distances {
    steps: BTreeMap<Function, u32>,
}

impl Distances {
    /// `named` are the files with the lines that tracebacks name.
    pub(super) fn measure(
        named: &[(Arc<Source>, BTreeSet<u32>)],
        failing: &[&TestReport],
        files: &mut dyn Files,
    ) -> Self {
        let mut by_name: BTreeMap<&str, Vec<Function>> = BTreeMap::new();
        let mut calls: BTreeMap<Function, BTreeSet<&str>> = BTreeMap::new();
        let mut open: VecDeque<(Function, u32)> = VecDeque::new();
        for (source, lines) in named {
            let path = source.path();
            for (index, scope) in source.scopes().iter().enumerate() {
                let last = scope.qualname.rsplit('.').next().unwrap_or_default();
                // A class is called for its `__init__`.
                let class = scope.qualname.strip_suffix(".__init__").and_then(|class| class.rsplit('.').next());
                if scope.kind == ScopeKind::Function {
                    by_name.entry(class.unwrap_or(last)).or_default().push((path.clone(), index));
                }
            }
            let starts: Vec<usize> = source.statements().iter().map(|statement| statement.range.start).collect();
            preorder(source.root(), |node| {
                if node.kind() == "identifier" {
                    let after = starts.partition_point(|start| *start <= node.start_byte());
                    if let Some(index) = after.checked_sub(1) {
                        let scope = source.statements()[index].scope;
                        calls.entry((path.clone(), scope)).or_default().insert(&source.text()[node.byte_range()]);
                    }
                }
                true
            });
            for statement in source.statements() {
                if lines.range(statement.lines.clone()).next().is_some() {
                    open.push_back(((path.clone(), statement.scope), 0));
                }
            }
        }
        for name in names_of_tests(failing, files) {
            for function in by_name.get(name.as_str()).into_iter().flatten() {
                open.push_back((function.clone(), 0));
            }
        }
        let mut steps: BTreeMap<Function, u32> = BTreeMap::new();
        while let Some((function, distance)) = open.pop_front() {
            // Breadth first: whoever comes first is nearest.
            if distance > FARTHEST || steps.contains_key(&function) {
                continue;
            }
            for name in calls.get(&function).into_iter().flatten() {
                for next in by_name.get(*name).into_iter().flatten().filter(|next| !steps.contains_key(*next)) {
                    open.push_back((next.clone(), distance + 1));
                }
            }
            steps.insert(function, distance);
        }
        Self { steps }
    }

    /// What a score is multiplied by; `uncovered`: no passing test runs what the failing ones run.
    pub(super) fn factor(&self, path: &Arc<str>, scope: usize, uncovered: bool) -> f64 {
        // With nothing to measure from, nothing is far.
        if self.steps.is_empty() {
            return 1.0;
        }
        let steps = self.steps.get(&(path.clone(), scope)).copied().unwrap_or(FARTHEST);
        1.0 / (1.0 + f64::from(steps) * if uncovered { STEP.0 } else { STEP.1 })
    }
}

/// Names that the failing tests' own functions mention.
fn names_of_tests(failing: &[&TestReport], files: &mut dyn Files) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for test in failing.iter().take(MAX_TESTS) {
        let mut parts = test.id.split("::");
        let Some(source) = parts.next().and_then(|path| files.test_source(path)) else {
            continue;
        };
        let wanted = parts.last().unwrap_or_default();
        let wanted = wanted.split('[').next().unwrap_or(wanted);
        for scope in source.scopes() {
            let own = scope.qualname.rsplit('.').next() == Some(wanted);
            if !own || scope.kind != ScopeKind::Function || wanted.is_empty() {
                continue;
            }
            let node = source.root().descendant_for_byte_range(scope.range.start, scope.range.end);
            if let Some(node) = node {
                preorder(node, |child| {
                    if child.kind() == "identifier" {
                        names.insert(source.text()[child.byte_range()].to_owned());
                    }
                    true
                });
            }
        }
    }
    names
}
