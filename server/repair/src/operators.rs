//! Small edits of one statement, one file per operator.
//!
//! The selection follows what mutation testing and program repair have found to be frequent one-token faults: the
//! operators of Mothra (King and Offutt, "A Fortran language system for mutation-based software testing", 1991) and of
//! MutPy/mutmut for Python, the templates of PAR (Kim et al., ICSE 2013) and TBar (Liu et al., ISSTA 2019), and the
//! bug kinds of ManySStuBs4J (Karampatsis and Sutton, MSR 2020) and PyBugs.

mod arithmetic;
mod augmented;
mod boolean;
mod bounds;
mod comparison;
mod constant;
mod division;
mod identity;
mod literal;
mod membership;
mod negation;
mod operands;
pub mod place;
mod return_value;
mod unary;
mod variable;

#[cfg(test)]
mod check;

use std::ops::Range;

pub use place::Place;

/// A replacement of bytes of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Bytes of the source the place belongs to.
    pub range: Range<usize>,
    pub replacement: String,
    /// The operator's name.
    pub operator: &'static str,
    /// How likely it is to be what was meant, in thousandths, whatever the place.
    pub weight: u32,
    /// One plain sentence, without a period: what should be different, and where.
    pub why: String,
}

/// A way of editing a statement.
pub trait Operator: Sync {
    /// A stable word.
    fn name(&self) -> &'static str;

    /// Every edit of this kind in the place, in the order of the text. What does not parse or means the same is
    /// dropped by the search.
    fn edits(&self, place: &Place<'_>) -> Vec<Edit>;
}

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
];
