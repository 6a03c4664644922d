//! What models are told in the program's own words: text files beside this one.

use airlock_core::conversation::ToolSpec;
use serde::{Deserialize, Serialize};

/// How to work, said before all else; what tools are for comes behind its heading.
const SYSTEM: [&str; 2] = [include_str!("prompts/system.md"), include_str!("prompts/system_end.md")];
/// The same for a question.
const SYSTEM_ANSWER: &str = include_str!("prompts/system_answer.md");
/// What tools are for, one sentence or a few a line. A line is said where all the tools that it names are there.
const USES: &str = include_str!("prompts/uses.md");
/// After a reply that reached the most tokens it may have.
pub const CUT_OFF: &str = include_str!("prompts/cut_off.md");
/// After a reply without a word or call, which some models give by accident.
pub const EMPTY: &str = include_str!("prompts/empty.md");
/// In place of the result of a call in a reply that was cut off.
pub const CALL_CUT_OFF: &str = include_str!("prompts/call_cut_off.md");
const KEPT_OUT: &str = include_str!("prompts/kept_out.md");

/// What somebody wants of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Do what the user says, or write what is missing.
    Implement,
    /// Mend what a diagnostic is about.
    FixDiagnostic,
    /// Make failing tests pass.
    MakePass,
    /// Write tests.
    WriteTests,
    /// Do what a comment says.
    Comment,
    /// Answer, and change nothing.
    Explain,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Implement, Self::FixDiagnostic, Self::MakePass, Self::WriteTests, Self::Comment, Self::Explain];

    /// What the task is, in the words for the model.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Implement => include_str!("prompts/implement.md"),
            Self::FixDiagnostic => include_str!("prompts/fix_diagnostic.md"),
            Self::MakePass => include_str!("prompts/make_pass.md"),
            Self::WriteTests => include_str!("prompts/write_tests.md"),
            Self::Comment => include_str!("prompts/comment.md"),
            Self::Explain => include_str!("prompts/explain.md"),
        }
    }

    /// Whether nothing is to be changed.
    pub const fn answers_only(self) -> bool {
        matches!(self, Self::Explain)
    }

    /// How to work on it with these tools.
    pub fn system(self, tools: &[ToolSpec]) -> String {
        let uses = USES.lines().filter(|line| named(line).all(|name| tools.iter().any(|tool| tool.name == name)));
        let uses: String = uses.map(|line| format!("- {line}\n")).collect();
        match self.answers_only() {
            true => SYSTEM_ANSWER.to_owned(),
            false => format!("{}{uses}{}", SYSTEM[0], SYSTEM[1]),
        }
    }
}

/// The tools that a text names.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// What a model is told of a proposal that was kept out. The reasons have passed [`crate::outward::Outward`] before.
pub fn kept_out(why: &str) -> String {
    KEPT_OUT.trim().replace("{why}", why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::tokens;
    use crate::tools::{Tool, Tools};

    #[test]
    fn prompts_are_short_and_say_what_counts() {
        let all = Tools::specs();
        for kind in Kind::ALL {
            assert!(kind.words().len() > 40 && tokens(kind.words()) < 300, "{kind:?}");
            assert!(tokens(&kind.system(&all)) < 900, "{}", tokens(&kind.system(&all)));
        }
        for word in ["copy", "tests", "run_tests", "run_python", "stop"] {
            assert!(Kind::Implement.system(&all).contains(word), "{word}");
        }
        assert!(kept_out("it broke {why}").contains("it broke {why}"));
    }

    #[test]
    fn a_prompt_names_the_tools_that_are_there_and_no_other() {
        for name in USES.lines().flat_map(named) {
            assert!(Tool::named(name).is_some(), "`{name}` is no tool");
        }
        for left_out in Tool::ALL {
            let tools: Vec<_> = Tools::specs().into_iter().filter(|spec| spec.name != left_out.name()).collect();
            let said = Kind::MakePass.system(&tools);
            assert!(named(&said).all(|name| name != left_out.name()), "{said}");
            assert!(tools.iter().filter(|spec| named(&said).any(|name| name == spec.name)).count() >= 4, "{said}");
        }
        let answer = Kind::Explain.system(&Tools::reading_specs());
        for name in named(&answer).filter(|name| !name.contains(':')) {
            assert!(Tool::named(name).is_some_and(Tool::only_looks), "`{name}` is not there for a question");
        }
    }
}
