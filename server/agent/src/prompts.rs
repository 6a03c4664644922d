//! What models are told in the program's own words: text files beside this one.

use serde::{Deserialize, Serialize};

/// How to work, said before all else.
pub const SYSTEM: &str = include_str!("prompts/system.md");
/// The same for a question.
pub const SYSTEM_ANSWER: &str = include_str!("prompts/system_answer.md");
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

    /// How to work on it.
    pub const fn system(self) -> &'static str {
        if self.answers_only() { SYSTEM_ANSWER } else { SYSTEM }
    }
}

/// What a model is told of a proposal that was kept out. The reasons have passed [`crate::outward::Outward`] before.
pub fn kept_out(why: &str) -> String {
    KEPT_OUT.trim().replace("{why}", why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::tokens;

    #[test]
    fn prompts_are_short_and_say_what_counts() {
        for kind in Kind::ALL {
            assert!(kind.words().len() > 40 && tokens(kind.words()) < 300, "{kind:?}");
            assert!(tokens(kind.system()) < 900, "{}", tokens(kind.system()));
        }
        for word in ["copy", "tests", "run_tests", "stop"] {
            assert!(SYSTEM.contains(word), "{word}");
        }
        for name in SYSTEM.split('`').skip(1).step_by(2) {
            assert!(crate::tools::Tool::named(name).is_some(), "the prompt names `{name}`, which is no tool");
        }
        assert!(kept_out("it broke {why}").contains("it broke {why}"));
    }
}
