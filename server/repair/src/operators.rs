//! Small edits of one statement, one file per operator.
//!
//! The selection follows what mutation testing and program repair have found to be frequent one-token faults: the
//! operators of Mothra (King and Offutt, "A Fortran language system for mutation-based software testing", 1991) and of
//! MutPy/mutmut for Python, the templates of PAR (Kim et al., ICSE 2013) and TBar (Liu et al., ISSTA 2019), and the
//! bug kinds of ManySStuBs4J (Karampatsis and Sutton, MSR 2020) and PySStuBs.

mod arguments;
mod arithmetic;
mod attribute;
mod augmented;
mod awaiting;
mod boolean;
mod bounds;
mod branch;
mod callee;
mod case;
mod comparison;
mod constant;
mod declaration;
mod division;
mod donor;
mod elements;
mod exception;
mod field;
mod generator;
mod grouping;
mod guard;
mod identity;
mod initial;
mod jump;
mod layout;
mod literal;
mod lookup;
mod loop_kind;
mod membership;
mod missing_return;
mod movement;
mod mutable_default;
mod near_literal;
mod negation;
mod none_check;
mod operands;
mod opposites;
pub mod place;
mod receiver;
mod removal;
mod return_value;
mod slice;
mod sort;
mod target;
mod term;
mod unary;
mod unwrap;
mod update;
mod variable;
mod wrap;

#[cfg(test)]
mod check;

use std::ops::Range;

pub use place::Place;

/// A replacement of bytes of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Bytes of the source the place belongs to: within the statement, or within the function around it where lines come,
    /// go or move.
    pub range: Range<usize>,
    pub replacement: String,
    /// The operator's name.
    pub operator: &'static str,
    /// How likely it is to be what was meant, in thousandths, whatever the place.
    pub weight: u32,
    /// One plain sentence, without a period: what should be different, and where.
    pub why: String,
}

/// What an operator is, for those who read about it; `OPERATORS.md` is made of these.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// A stable word.
    pub name: &'static str,
    /// What it changes.
    pub doc: &'static str,
    /// A file before and after one of its edits.
    pub example: (&'static str, &'static str),
    /// The study or tool that it is taken from.
    pub source: &'static str,
}

/// A way of editing a statement.
pub trait Operator: Sync {
    fn about(&self) -> &'static About;

    /// See [`About::name`].
    fn name(&self) -> &'static str {
        self.about().name
    }

    /// Every edit of this kind in the place, in the order of the text. What does not parse or means the same is
    /// dropped by the search.
    fn edits(&self, place: &Place<'_>) -> Vec<Edit>;
}

/// Collects the edits of one operator.
pub(crate) struct Edits {
    operator: &'static str,
    list: Vec<Edit>,
}

impl Edits {
    pub(crate) fn of(operator: &dyn Operator) -> Self {
        Self { operator: operator.name(), list: Vec::new() }
    }

    pub(crate) fn push(&mut self, weight: u32, range: Range<usize>, replacement: impl Into<String>, why: String) {
        let replacement = replacement.into();
        self.list.push(Edit { range, replacement, operator: self.operator, weight: weight.clamp(1, MAX_WEIGHT), why });
    }

    pub(crate) fn done(self) -> Vec<Edit> {
        self.list
    }
}

/// The weight of what is most often meant.
pub const MAX_WEIGHT: u32 = 1_000;

/// Every operator, in the order that breaks ties.
pub static OPERATORS: &[&dyn Operator] = &[
    &comparison::Comparison,
    &boolean::Boolean,
    &negation::Negation,
    &membership::Membership,
    &identity::Identity,
    &arithmetic::Arithmetic,
    &division::Division,
    &augmented::Augmented,
    &constant::Constant,
    &bounds::Bounds,
    &literal::Literal,
    &unary::Unary,
    &operands::Operands,
    &variable::Variable,
    &return_value::ReturnValue,
    &mutable_default::MutableDefault,
    &arguments::Arguments,
    &attribute::Attribute,
    &callee::Callee,
    &receiver::Receiver,
    &target::Target,
    &slice::Slice,
    &sort::Sort,
    &generator::Generator,
    &awaiting::Awaiting,
    &exception::ExceptionType,
    &grouping::Grouping,
    &elements::Elements,
    &none_check::NoneCheck,
    &case::Case,
    &branch::Branch,
    &loop_kind::LoopKind,
    &jump::Jump,
    &movement::Movement,
    &initial::Initial,
    &near_literal::NearLiteral,
    &lookup::Lookup,
    &wrap::Wrap,
    &unwrap::Unwrap,
    &term::Term,
    &field::Field,
    &declaration::Declaration,
    &missing_return::MissingReturn,
    &removal::Removal,
    &update::Update,
    &guard::Guard,
    &donor::Donor,
];

/// All operators as a table, for people: `OPERATORS.md` is this text.
pub fn table() -> String {
    let mut text = String::from(
        "# Operators\n\nWhat `airlock fix` tries on each suspicious statement. Made from the source by \
         `cargo run -p airlock-repair --example operators`; a test compares the two, and another makes every example's \
         edit.\n",
    );
    for operator in OPERATORS {
        let About { name, doc, example: (before, after), source } = operator.about();
        let shown = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
        text.push_str(&format!(
            "\n## {name}\n\n{doc}\n\nBefore:\n\n{}\nAfter:\n\n{}\nSource: {source}.\n",
            shown(before),
            shown(after)
        ));
    }
    text
}

#[cfg(test)]
mod tests;
