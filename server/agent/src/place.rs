//! Where in a file some lines are meant to be: as they stand, else by growing leniency, and never at one of two places.
//!
//! The steps are those that models need: blanks at the ends of lines lost, all of it indented a little more or less, a few
//! letters remembered wrong. Each step looks for all places; more than one is an answer too, and a later step is not asked.

use std::fmt::Write as _;

use airlock_core::text::{clipped, visible};

/// How much may be compared for one patch, in lines; what needs more is made to.
const MAX_EFFORT: usize = 100_000_000;
/// How many bytes that are compared, and blanks that are looked through, cost as much as a line.
const BYTES: usize = 64;
const BLANKS: usize = 16;
/// How many pairs of characters cost as much as a line, and most of one search.
const PAIRS: usize = 32;
const MAX_PAIRS: usize = 40_000_000;
/// Least similarity of each line, and of all of them together.
const LINE: f64 = 0.7;
const ALL: f64 = 0.9;
/// How much worse the next best place has to be.
const MARGIN: f64 = 0.08;
/// Fewest lines that are not blank, for a place to be known by similarity.
const FEWEST: usize = 3;
/// Most lines of the file that an error shows, and most places that are looked for.
const SHOWN: usize = 12;
const MOST_PLACES: usize = 8;

/// A place that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its first line, from 0.
    pub at: usize,
    pub how: How,
    pub shift: Shift,
}

/// How well the lines fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Exact,
    /// But for blanks at the ends of lines, and what is shown as an escape.
    Ends,
    /// But for indentation, the same everywhere.
    Indent,
    /// But for a few characters.
    Similar,
}

/// What has to be done to the indentation of lines that come with those that were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Shift {
    #[default]
    None,
    More(String),
    Less(String),
}

impl Shift {
    /// A line with its indentation shifted.
    pub fn line(&self, line: &str) -> String {
        match self {
            Self::None => line.to_owned(),
            Self::More(_) if line.trim().is_empty() => line.to_owned(),
            Self::More(blanks) => format!("{blanks}{line}"),
            Self::Less(blanks) => line.strip_prefix(blanks.as_str()).unwrap_or(line.trim_start()).to_owned(),
        }
    }
}

/// Why there is no place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// It fits at several, whose first lines these are, from 0.
    Ambiguous(Vec<usize>),
    /// Nothing fits. The place that comes closest, if any comes close.
    Nowhere(Option<usize>),
    /// The search takes too long.
    TooLong,
}

/// What is left of the comparing that one patch may cause.
#[derive(Debug)]
pub struct Effort(usize);

impl Default for Effort {
    fn default() -> Self {
        Self(MAX_EFFORT)
    }
}

impl Effort {
    pub(crate) fn spend(&mut self, lines: usize) -> Result<(), Miss> {
        self.0 = self.0.checked_sub(lines).ok_or(Miss::TooLong)?;
        Ok(())
    }
}

/// Finds the place of `wanted` among `lines`, where `allowed` takes it.
///
/// # Errors
/// There is none, or more than one.
pub fn find(
    lines: &[&str],
    wanted: &[&str],
    effort: &mut Effort,
    allowed: impl Fn(usize) -> bool,
) -> Result<Found, Miss> {
    find_firm(lines, wanted, |_| false, effort, allowed)
}

/// The same, where those of the lines that are `firm`, by their number among them, may differ in blanks and indentation alone:
/// lines that go are not taken for others that are like them.
///
/// # Errors
/// There is none, or more than one.
pub fn find_firm(
    lines: &[&str],
    wanted: &[&str],
    firm: impl Fn(usize) -> bool,
    effort: &mut Effort,
    allowed: impl Fn(usize) -> bool,
) -> Result<Found, Miss> {
    if wanted.is_empty() {
        return Err(Miss::Nowhere(None));
    }
    let last = (lines.len() + 1).saturating_sub(wanted.len());
    // All places where each line is the same in some way, up to the few that an error names.
    let mut places = |same: &dyn Fn(&str, &str) -> (bool, usize)| {
        let mut found = Vec::new();
        for at in 0..last {
            let mut cost = 1;
            let fits = lines[at..].iter().zip(wanted).all(|(there, line)| {
                let (same, more) = same(there, line);
                cost += more + 1;
                same
            });
            effort.spend(cost)?;
            if fits && allowed(at) {
                found.push(at);
                if found.len() == MOST_PLACES {
                    break;
                }
            }
        }
        Ok(found)
    };
    let one = |places: Vec<usize>, how| match places[..] {
        [] => None,
        [at] => Some(Ok(Found { at, how, shift: Shift::None })),
        _ => Some(Err(Miss::Ambiguous(places))),
    };
    if let Some(answer) = one(places(&|there, line| (there == line, compared(there, line)))?, How::Exact) {
        return answer;
    }
    if let Some(answer) = one(places(&same_ends)?, How::Ends) {
        return answer;
    }
    let trimmed = places(&|there, line| {
        let (bare, said) = (there.trim(), line.trim());
        (bare == said, trimmed(there, bare) + trimmed(line, said) + compared(bare, said))
    })?;
    let shifted = |at: &usize| Some((*at, shift(&lines[*at..*at + wanted.len()], wanted, true)?));
    let shifted: Vec<(usize, Shift)> = trimmed.iter().filter_map(shifted).collect();
    match &shifted[..] {
        // Behind so many there may be more, of which one may fit as well.
        [_, ..] if trimmed.len() == MOST_PLACES => return Err(Miss::Ambiguous(trimmed)),
        [] => {}
        [(at, shift)] => return Ok(Found { at: *at, how: How::Indent, shift: shift.clone() }),
        _ => return Err(Miss::Ambiguous(shifted.into_iter().map(|(at, _)| at).collect())),
    }
    similar(lines, wanted, last, effort, &firm, &allowed)
}

/// What it costs to compare two texts, which is nothing where one is longer.
fn compared(one: &str, other: &str) -> usize {
    if one.len() == other.len() { one.len() / BYTES } else { 0 }
}

/// What it cost to take the blanks from a line.
fn trimmed(line: &str, bare: &str) -> usize {
    (line.len() - bare.len()) / BLANKS
}

/// Whether lines are the same but for what is at their ends and what is shown as an escape, and what it cost to see that.
fn same_ends(there: &str, line: &str) -> (bool, usize) {
    let (bare, said) = (there.trim_end(), line.trim_end());
    let cost = trimmed(there, bare) + trimmed(line, said) + compared(bare, said);
    if bare == said {
        return (true, cost);
    }
    if there.is_ascii() {
        return (false, cost + there.len() / (8 * BYTES));
    }
    (visible(there).trim_end() == said, cost + there.len() / BLANKS)
}

/// How much more or less the lines there are indented, where it is the same for all; with `strict` they are the same besides,
/// and it is more or less than nothing.
fn shift(there: &[&str], wanted: &[&str], strict: bool) -> Option<Shift> {
    let mut shift: Option<(bool, &str)> = None;
    for (there, line) in there.iter().zip(wanted) {
        match (there.trim().is_empty(), line.trim().is_empty()) {
            (true, true) => continue,
            (_, true) if !strict => continue,
            (false, false) if !strict || there.trim() == line.trim() => {}
            _ => return None,
        }
        let (has, says) = (blanks(there), blanks(line));
        let found = match has.strip_suffix(says) {
            Some(more) => (true, more),
            None => (false, says.strip_suffix(has)?),
        };
        if *shift.get_or_insert(found) != found {
            return None;
        }
    }
    match shift {
        Some((_, "")) | None if strict => None,
        Some((_, "")) | None => Some(Shift::None),
        Some((true, more)) => Some(Shift::More(more.to_owned())),
        Some((false, less)) => Some(Shift::Less(less.to_owned())),
    }
}

/// What a line is indented by.
fn blanks(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

fn similar(
    lines: &[&str],
    wanted: &[&str],
    last: usize,
    effort: &mut Effort,
    firm: &impl Fn(usize) -> bool,
    allowed: &impl Fn(usize) -> bool,
) -> Result<Found, Miss> {
    // Blank lines say nothing of the place, but one that goes has to be blank.
    let gone: Vec<usize> = (0..wanted.len()).filter(|at| firm(*at) && wanted[*at].trim().is_empty()).collect();
    let said: Vec<(usize, &str)> =
        wanted.iter().map(|line| line.trim()).enumerate().filter(|(_, line)| !line.is_empty()).collect();
    let mut work = 0_usize;
    let mut scores: Vec<(f64, usize)> = Vec::new();
    let mut closest: Option<(f64, usize)> = None;
    for at in 0..last.max(lines.len().min(1)) {
        let mut total = 0.0;
        let mut least: f64 = 1.0;
        let mut cost = said.len() + gone.len();
        if gone.iter().any(|index| lines.get(at + index).is_some_and(|there| !there.trim().is_empty())) {
            least = 0.0;
        }
        for (index, line) in &said {
            let whole = lines.get(at + index).copied().unwrap_or_default();
            let there = whole.trim();
            cost += trimmed(whole, there) + compared(there, line);
            let score = likeness(there, line, &mut work);
            total += score;
            // Names and values that differ in a digit are other names and values, however alike.
            let same = score > 0.0 && same_digits(there, line);
            let same = same && (!firm(*index) || there == *line || visible(there).trim() == *line);
            least = least.min(if same { score } else { 0.0 });
        }
        let mean = if said.is_empty() { 0.0 } else { total / said.len() as f64 };
        if closest.is_none_or(|(best, _)| mean > best) {
            closest = Some((mean, at));
        }
        if at < last && mean >= ALL - MARGIN && allowed(at) {
            scores.push((if least >= LINE { mean } else { 0.0 }, at));
        }
        effort.spend(cost)?;
        if work > MAX_PAIRS {
            break;
        }
    }
    effort.spend(work / PAIRS)?;
    let near = closest.filter(|(mean, _)| *mean > 0.3).map(|(_, at)| at);
    scores.sort_by(|one, other| other.0.total_cmp(&one.0));
    let Some((best, at)) = scores.first().copied().filter(|(best, _)| *best >= ALL) else {
        return Err(Miss::Nowhere(near));
    };
    if work > MAX_PAIRS || said.len() < FEWEST {
        return Err(Miss::Nowhere(near));
    }
    let rivals: Vec<usize> = scores.iter().filter(|(score, _)| *score > best - MARGIN).map(|(_, at)| *at).collect();
    if rivals.len() > 1 {
        return Err(Miss::Ambiguous(rivals));
    }
    // In Python other indentation is another program, and so it is where tabs stand in place of blanks.
    match shift(&lines[at..], wanted, false) {
        Some(shift) => Ok(Found { at, how: How::Similar, shift }),
        None => Err(Miss::Nowhere(near)),
    }
}

fn same_digits(one: &str, other: &str) -> bool {
    let digits = |text: &'_ str| text.bytes().filter(u8::is_ascii_digit).collect::<Vec<_>>();
    one == other || digits(one) == digits(other)
}

/// From 0 to 1.
fn likeness(there: &str, line: &str, work: &mut usize) -> f64 {
    if there == line {
        return 1.0;
    }
    let (short, long) = (there.len().min(line.len()), there.len().max(line.len()));
    // No edit distance is less than the difference in length.
    if long == 0 || short * 2 < long || long > 2_000 {
        return 0.0;
    }
    *work = work.saturating_add(short * long);
    if *work > MAX_PAIRS { 0.0 } else { strsim::normalized_levenshtein(there, line) }
}

/// Says why lines were not found, and shows what is there instead, with the numbers of its lines.
pub fn explain(miss: &Miss, lines: &[&str], wanted: usize) -> String {
    match miss {
        Miss::Ambiguous(places) => {
            let numbers: Vec<String> = places.iter().take(6).map(|at| (at + 1).to_string()).collect();
            let mut text = format!(
                "it fits at several places (lines {}), so it is unclear which is meant; give more lines around it",
                numbers.join(", ")
            );
            for at in places.iter().take(2) {
                text.push_str("\n\n");
                text.push_str(&excerpt(lines, at.saturating_sub(2), wanted.min(4) + 4));
            }
            text
        }
        Miss::Nowhere(Some(at)) => format!(
            "it is not in the file. The closest place, which has to be given as it is:\n{}",
            excerpt(lines, *at, wanted + 1)
        ),
        Miss::TooLong => "the search for its place takes too long; give fewer and shorter hunks".to_owned(),
        Miss::Nowhere(None) => {
            format!("it is not in the file, and nothing in its {} lines comes close; `read` it first", lines.len())
        }
    }
}

/// Lines with their numbers.
pub fn excerpt(lines: &[&str], from: usize, count: usize) -> String {
    let mut out = String::new();
    let upto = (from + count.clamp(1, SHOWN)).min(lines.len());
    for (index, line) in lines.iter().enumerate().take(upto).skip(from) {
        let _ = writeln!(out, "{:>6}\t{}", index + 1, clipped(line, 300));
    }
    out.pop();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
class Cart:
    def total(self):
        amount = 0
        for item in self.items:
            amount += item.price * item.count
        return amount

    def clear(self):
        self.items = []
        return self

    def empty(self):
        self.items = []
        return None
";

    fn look(wanted: &str) -> Result<Found, Miss> {
        let lines: Vec<&str> = FILE.lines().collect();
        find(&lines, &wanted.lines().collect::<Vec<_>>(), &mut Effort::default(), |_| true)
    }

    #[test]
    fn each_step_is_more_lenient_than_the_one_before() {
        let at = |wanted: &str| look(wanted).map(|found| (found.at, found.how));
        assert_eq!(at("        amount = 0\n"), Ok((2, How::Exact)));
        assert_eq!(at("        amount = 0  \n        for item in self.items:\t"), Ok((2, How::Ends)));
        assert_eq!(at("def total(self):\n    amount = 0"), Ok((1, How::Indent)));
        let wrong = "    def total(self):\n        amount = 0\n        for items in self.items:\n\
                     \x20           amount += item.price * item.count";
        assert_eq!(at(wrong), Ok((1, How::Similar)));
        assert_eq!(look("def total(self):\n    amount = 0").unwrap().shift, Shift::More("    ".into()));
        let deeper = "            amount = 0\n            for item in self.items:";
        assert_eq!(look(deeper).unwrap().shift, Shift::Less("    ".into()));
    }

    #[test]
    fn what_differs_in_a_digit_is_something_else() {
        let lines = ["def test_case_1(self):", "    value = compute_it(7)", "    assert value == 3"];
        let find = |wanted: [&str; 3]| find(&lines, &wanted, &mut Effort::default(), |_| true);
        let typo = ["def test_case_1(self):", "    value = compute_is(7)", "    assert value == 3"];
        assert_eq!(find(typo).map(|found| found.how), Ok(How::Similar));
        let other = ["def test_case_2(self):", "    value = compute_it(7)", "    assert value == 3"];
        assert_eq!(find(other), Err(Miss::Nowhere(Some(0))), "and yet it is what comes closest");
    }

    #[test]
    fn two_places_are_none() {
        let Err(Miss::Ambiguous(places)) = look("        self.items = []") else { panic!("unclear") };
        assert_eq!(places, [8, 12]);
        assert_eq!(look("self.items = []\n"), Err(Miss::Ambiguous(vec![8, 12])), "not by indentation either");
        let lines: Vec<&str> = FILE.lines().collect();
        assert_eq!(find(&lines, &["        self.items = []"], &mut Effort::default(), |at| at > 9).unwrap().at, 12);
        let text = explain(&Miss::Ambiguous(places), &lines, 1);
        assert!(text.contains("lines 9, 13") && text.contains("     9\t        self.items = []"), "{text}");
    }

    #[test]
    fn what_is_nowhere_is_shown_with_what_comes_closest() {
        let lines: Vec<&str> = FILE.lines().collect();
        let miss = look("    def total(self, tax):\n        amount = 1.0\n").unwrap_err();
        assert_eq!(miss, Miss::Nowhere(Some(1)));
        assert!(explain(&miss, &lines, 2).contains("     2\t    def total(self):\n     3\t"));
        assert_eq!(look("zzzzzz qqqqqq"), Err(Miss::Nowhere(None)));
        assert_eq!(look(""), Err(Miss::Nowhere(None)));
        assert_eq!(find(&[], &["a"], &mut Effort::default(), |_| true), Err(Miss::Nowhere(None)));
    }

    #[test]
    fn similarity_takes_no_short_text_and_no_other_indentation_in_each_line() {
        assert!(matches!(look("        amounts = 0\n"), Err(Miss::Nowhere(_))));
        let uneven = "def total(self):\n        amount = 0\n        for item in self.items:\n            amount +=";
        assert_eq!(look(uneven), Err(Miss::Nowhere(Some(1))));
    }

    #[test]
    fn tabs_are_no_blanks() {
        let lines = ["\tdef total(self):", "\t\tamount = compute(7)", "\t\treturn amount"];
        let find = |wanted: [&str; 3]| find(&lines, &wanted, &mut Effort::default(), |_| true);
        let tabs = ["\tdef total(self):", "\t\tamount = computes(7)", "\t\treturn amount"];
        assert_eq!(find(tabs).map(|found| (found.how, found.shift)), Ok((How::Similar, Shift::None)));
        let blanks = [" def total(self):", "  amount = computes(7)", "  return amount"];
        assert_eq!(find(blanks), Err(Miss::Nowhere(Some(0))));
        let fewer = ["def total(self):", "\tamount = computes(7)", "\treturn amount"];
        assert_eq!(find(fewer).map(|found| found.shift), Ok(Shift::More("\t".into())));
    }

    #[test]
    fn a_line_that_goes_is_not_taken_for_one_like_it() {
        let lines =
            ["def check(user, owner):", "    if user == owner:", "        return allowed(user)", "    return 1"];
        let wanted = ["def check(user, owner):", "    if user != owner:", "        return allowed(user)"];
        let find = |goes: usize| find_firm(&lines, &wanted, |at| at == goes, &mut Effort::default(), |_| true);
        assert_eq!(find(1), Err(Miss::Nowhere(Some(0))));
        assert_eq!(find(2).map(|found| (found.at, found.how)), Ok((0, How::Similar)));
    }

    #[test]
    fn long_lines_cost_what_they_take() {
        let blanks = " ".repeat(1 << 20);
        let lines: Vec<&str> = vec![&blanks; 20_000];
        let miss = find(&lines, &["a", "b"], &mut Effort::default(), |_| true).unwrap_err();
        assert_eq!(miss, Miss::TooLong);
    }

    #[test]
    fn a_search_that_is_made_to_take_long_ends() {
        let lines = vec!["a"; 200_000];
        let mut wanted = vec!["a"; 20_000];
        wanted.push("b");
        let miss = find(&lines, &wanted, &mut Effort::default(), |_| true).unwrap_err();
        assert_eq!(miss, Miss::TooLong);
        assert!(explain(&miss, &lines, 1).contains("takes too long"));
    }

    #[test]
    fn lines_shift_as_their_place_does() {
        assert_eq!(Shift::More("  ".into()).line("a"), "  a");
        assert_eq!(Shift::More("  ".into()).line(""), "");
        assert_eq!(Shift::Less("  ".into()).line("    a"), "  a");
        assert_eq!(Shift::Less("    ".into()).line("  a"), "a");
    }
}
