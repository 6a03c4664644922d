//! Wrong use of the command line: what the parser says of it, made fit for who types pytest's options.

use std::ffi::OsString;

use clap::CommandFactory;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Commands that take arguments for pytest.
const OF_PYTEST: [&str; 3] = ["check", "fix", "doctor"];

/// The command that a wrong line names, as documents name it: `airlock` where it names none.
pub fn command(arguments: &[OsString]) -> String {
    let mut found = super::args::Cli::command();
    let mut names: Vec<&str> = Vec::new();
    for word in arguments.iter().skip(1).filter_map(|word| word.to_str()).take_while(|word| *word != "--") {
        let inner = found.find_subcommand(word).map(|inner| (inner.clone(), word));
        if let Some((inner, word)) = inner {
            names.push(word);
            found = inner;
        }
    }
    if names.is_empty() || found.has_subcommands() { "airlock".to_owned() } else { names.join(" ") }
}

/// The error with a tip that helps: an option that only pytest has goes to pytest.
pub fn advised(mut error: clap::Error, arguments: &[OsString]) -> clap::Error {
    let words: Vec<&str> = arguments.iter().skip(1).filter_map(|word| word.to_str()).collect();
    let runs_tests = words.iter().find(|word| !word.starts_with('-')).is_some_and(|word| OF_PYTEST.contains(word));
    let unknown = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(unknown)) => unknown.clone(),
        _ => return error,
    };
    // One that is nearly an option of ours is a slip of the pen.
    let slip = error.get(ContextKind::SuggestedArg).is_some();
    if error.kind() != ErrorKind::UnknownArgument || !runs_tests || slip || !unknown.starts_with('-') {
        return error;
    }
    let tip = format!("pytest's own options go as {}", for_pytest(&unknown, &words));
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    error
}

/// The option, and the word after it where that is its value, as arguments for pytest.
fn for_pytest(unknown: &str, words: &[&str]) -> String {
    let at = words.iter().position(|word| word.starts_with(unknown));
    let word = at.map_or(unknown, |at| words[at]);
    let value = at.and_then(|at| words.get(at + 1)).filter(|value| !value.starts_with('-') && !word.contains('='));
    let mut told = format!("--pytest-arg={}", super::again::quoted(word));
    if let Some(value) = value {
        told.push_str(&format!(" --pytest-arg={}", super::again::quoted(value)));
    }
    told
}

/// The first paragraph of what the parser says, in one line: the arguments that are missing stand below it.
pub fn message(text: &str) -> String {
    let lines = text.trim_start_matches("error: ").lines().map(str::trim);
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;
    use clap::Parser;

    fn said(words: &[&str]) -> String {
        let arguments: Vec<OsString> =
            std::iter::once("airlock").chain(words.iter().copied()).map(Into::into).collect();
        let error = Cli::try_parse_from(&arguments).expect_err("it is wrong");
        advised(error, &arguments).render().to_string()
    }

    #[test]
    fn options_of_pytest_are_told_how_they_go() {
        let told = said(&["check", "-k", "large"]);
        assert!(told.contains("--pytest-arg=-k --pytest-arg=large") && !told.contains("-- -k"), "{told}");
        assert!(said(&["check", "--maxfail=1", "tests"]).contains("--pytest-arg=--maxfail=1\n"), "{told}");
        assert!(said(&["fix", "-x"]).contains("--pytest-arg=-x\n"));
        assert!(!said(&["config", "-k"]).contains("--pytest-arg"));
        let slip = said(&["check", "--jsn"]);
        assert!(slip.contains("--json") && !slip.contains("--pytest-arg"), "{slip}");
    }

    #[test]
    fn a_wrong_line_is_told_by_the_command_it_names() {
        let named = |words: &[&str]| {
            let line: Vec<OsString> = std::iter::once("airlock").chain(words.iter().copied()).map(Into::into).collect();
            command(&line)
        };
        assert_eq!(named(&["check", "--no-such-option", "--json"]), "check");
        assert_eq!(named(&["--json", "guest", "install"]), "guest install");
        assert_eq!(named(&["sessions", "--wrong"]), "airlock", "that is no command by itself");
        assert_eq!(named(&["--json", "chekc"]), "airlock");
        assert_eq!(named(&["fix", "--", "check"]), "fix");
    }

    #[test]
    fn the_message_names_what_is_missing_and_no_command_is_inner() {
        let told = said(&["check", "--apply"]);
        assert!(message(&told).contains("were not provided: --patch <FILE>"), "{told}");
        for words in [&["nothing"][..], &["--color", "never"], &["worke"]] {
            assert!(!said(words).contains("worker"), "{words:?}");
        }
    }
}
