//! Commands to type next: the program as it was called, with all options of this call that decide its result.

use super::args::{FixArgs, ProjectArgs};

/// The program as the user called it: by its path where it was not found by its name.
pub fn program() -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    named(&called.to_string_lossy())
}

fn named(called: &str) -> String {
    if called.contains(std::path::MAIN_SEPARATOR) { quoted(called) } else { "airlock".to_owned() }
}

/// A command with these options, on the project, the tests and the paths of a call.
pub fn command(name: &str, options: &[String], tests: &[String], paths: &[String], project: &ProjectArgs) -> String {
    let mut words = vec![program(), name.to_owned()];
    words.extend(options.iter().cloned());
    words.extend(flags(project));
    words.extend(tests.iter().map(|id| format!("--test {}", quoted(id))));
    words.extend(paths.iter().map(|path| quoted(path)));
    words.join(" ")
}

/// A call of `fix` with these options besides its own.
pub fn fix(options: &[&str], args: &FixArgs) -> String {
    let mut all: Vec<String> = options.iter().map(|word| (*word).to_owned()).collect();
    let own = [("seed", &args.seed), ("time-limit", &args.time_limit)];
    all.extend(own.into_iter().filter_map(|(name, value)| Some(format!("--{name} {}", quoted(value.as_ref()?)))));
    command("fix", &all, &args.tests, &args.paths, &args.project)
}

fn flags(project: &ProjectArgs) -> Vec<String> {
    let settings = &project.settings;
    let root = project.root.as_ref().map(|root| root.to_string_lossy().into_owned());
    let single = [
        ("root", &root),
        ("environment", &settings.environment),
        ("threads", &settings.threads),
        ("test-seconds", &settings.test_seconds),
        ("run-seconds", &settings.run_seconds),
        ("memory-mb", &settings.memory_mb),
        ("jobs", &settings.jobs),
    ];
    let mut all: Vec<String> =
        single.into_iter().filter_map(|(name, value)| Some(format!("--{name} {}", quoted(value.as_ref()?)))).collect();
    let lists = [("read", &settings.read), ("ignore", &settings.ignore), ("pytest-arg", &settings.pytest_arg)];
    // An argument for pytest begins with a dash, so it is bound to its option.
    let each = |(name, values): (&str, &Vec<String>)| {
        values.iter().map(|value| format!("--{name}={}", quoted(value))).collect::<Vec<_>>()
    };
    all.extend(lists.into_iter().flat_map(each));
    all
}

/// A word as it is, or in single quotes where a shell would read it differently.
pub fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-:+=@%,".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use clap::Parser;

    #[test]
    fn words_are_quoted_as_a_shell_takes_them() {
        assert_eq!(quoted("fixtures/shop"), "fixtures/shop");
        assert_eq!(quoted("t.py::test_a[x y]"), "'t.py::test_a[x y]'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(
            (named("airlock").as_str(), named("target/debug/airlock").as_str()),
            ("airlock", "target/debug/airlock")
        );
    }

    #[test]
    fn all_that_decides_a_result_is_said_again() {
        let words = [
            "airlock",
            "fix",
            "--root",
            "a b",
            "--seed",
            "7",
            "--time-limit",
            "9",
            "--environment",
            ".venv",
            "--jobs",
            "1",
            "--read",
            "*.bin",
            "--pytest-arg=-k",
            "--pytest-arg=large",
            "--test",
            "t.py::test_x[1 2]",
            "sub",
        ];
        let Command::Fix(args) = Cli::try_parse_from(words).expect("it is a call").command else { panic!("of fix") };
        let said = fix(&["--apply"], &args);
        let said = said.strip_prefix(&program()).expect("the program comes first");
        assert_eq!(
            said,
            " fix --apply --seed 7 --time-limit 9 --root 'a b' --environment .venv --jobs 1 --read='*.bin' \
             --pytest-arg=-k --pytest-arg=large --test 't.py::test_x[1 2]' sub"
        );
    }
}
