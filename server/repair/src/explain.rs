//! One plain sentence for a repair: what was wrong, where, and why this mends it.

use std::collections::BTreeSet;

use crate::{outcome::AppliedEdit, verifier::Confirmation};

/// Tells a confirmed repair in one sentence, without a period: where, what should be different, and what the tests
/// said to it. `targets` are the tests it was looked for; those of `earlier` were fixed before it.
pub fn explain(
    edits: &[AppliedEdit],
    targets: &[String],
    earlier: &BTreeSet<String>,
    confirmation: &Confirmation,
) -> String {
    let mut sentence = String::new();
    for (index, edit) in edits.iter().enumerate() {
        if index > 0 {
            sentence.push_str(", and ");
        }
        match &edit.function {
            Some(function) => {
                sentence.push_str(if index == 0 { "In `" } else { "in `" });
                sentence.push_str(function);
                sentence.push_str("`, ");
                sentence.push_str(&edit.why);
            }
            None if index == 0 => sentence.push_str(&capitalised(&edit.why)),
            None => sentence.push_str(&edit.why),
        }
    }
    let others = confirmation.fixed.iter().filter(|id| !targets.contains(id) && !earlier.contains(*id)).count();
    let tests = match targets {
        [one] => format!("{one} passes"),
        many => format!("the {} failing tests pass", many.len()),
    };
    sentence.push_str(&format!("; with that, {tests}"));
    match others {
        0 => {}
        1 => sentence.push_str(", one other failing test too"),
        n => sentence.push_str(&format!(", {n} other failing tests too")),
    }
    sentence.push_str(", and no test breaks");
    sentence
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verifier::Ended;

    fn edit(function: Option<&str>, why: &str) -> AppliedEdit {
        AppliedEdit {
            path: "a.py".into(),
            line: 3,
            function: function.map(str::to_owned),
            operator: "comparison".into(),
            before: String::new(),
            after: String::new(),
            why: why.into(),
        }
    }

    #[test]
    fn a_repair_is_one_sentence() {
        let confirmation = Confirmation {
            fixed: vec!["t::a".into(), "t::b".into()],
            broken: vec![],
            gone: vec![],
            skipped: vec![],
            newly_not_testable: vec![],
            ended: Ended::Finished,
        };
        assert_eq!(
            explain(
                &[edit(Some("f"), "`<` on line 3 of a.py should be `>`")],
                &["t::a".into()],
                &BTreeSet::new(),
                &confirmation
            ),
            "In `f`, `<` on line 3 of a.py should be `>`; with that, t::a passes, one other failing test too, and no \
             test breaks"
        );
        assert_eq!(
            explain(
                &[edit(None, "the index is off"), edit(Some("g"), "so is this")],
                &["t::a".into(), "t::b".into()],
                &BTreeSet::new(),
                &confirmation
            ),
            "The index is off, and in `g`, so is this; with that, the 2 failing tests pass, and no test breaks"
        );
        let earlier = BTreeSet::from(["t::b".to_owned()]);
        let told = explain(&[edit(None, "the index is off")], &["t::a".into()], &earlier, &confirmation);
        assert_eq!(told, "The index is off; with that, t::a passes, and no test breaks");
    }
}
