//! The review document: a real file, with the report on top and below it a diff that `git apply` takes.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use airlock_core::proposal::Proposal;
use airlock_core::verdict::Findings;

use super::work::Waiting;
use crate::cli::terminal;
use crate::config::Variables;

/// Where a document for the user is.
pub fn path(name: &str) -> Option<PathBuf> {
    Some(Variables::process().state_home()?.join("airlock").join("reviews").join(name))
}

/// Columns of a review's sentences: some editors cut what is longer than their window.
const WIDE: usize = 96;

/// Reviews kept, the newest; a session has its proposal all the same.
const KEPT: usize = 200;

/// Writes the document, and removes the oldest of many.
///
/// # Errors
/// The folder or file cannot be made.
pub fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    private_folder(folder)?;
    remove_old(folder);
    if std::fs::read(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    // An editor may have it open: it sees the old one or the new one, whole.
    // Two jobs may write the same document.
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let new = path.with_extension(format!("{}-{number}.new", std::process::id()));
    let written = private_file().write(true).create_new(true).open(&new).and_then(|mut file| file.write_all(text));
    let written = written.and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        // Half a document on a full disk is of no use; the first error is what is told.
        let _ = std::fs::remove_file(&new);
    }
    written
}

/// Makes a folder of the user's own, and those above it.
///
/// # Errors
/// It cannot be made.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// How a file of the user's own is opened.
pub fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn remove_old(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let written = std::fs::symlink_metadata(&path).ok().filter(std::fs::Metadata::is_file)?.modified().ok()?;
            path.extension().is_some_and(|end| end == "diff" || end == "md").then_some((written, path))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    for (_, path) in found.iter().skip(KEPT - 1) {
        // One that cannot go now goes another time.
        let _ = std::fs::remove_file(path);
    }
}

/// The document of a proposal that waits.
pub fn document(waiting: &Waiting) -> Vec<u8> {
    let mut out = report(&waiting.session, &waiting.test, &waiting.explanation, &waiting.findings, &waiting.proposal);
    if let Some(why) = &waiting.unchecked {
        let text = format!(
            "unchecked: {why}\n\
             Its verdict says nothing of it, so it lands only where you say that it may:\n\
             Airlock: accept though no test covers it (airlock.approve).\n\n"
        );
        out.extend(text.into_bytes());
    }
    out.extend(waiting.proposal.diff());
    out
}

/// What stands above the diff.
pub fn report(session: &str, test: &str, explanation: &str, verdict: &Findings, proposal: &Proposal) -> Vec<u8> {
    let (before, after) = (verdict.before, verdict.after);
    let counts = |passed: u32, failing: u32, untestable: u32| match untestable {
        0 => format!("{passed} passed, {failing} failed"),
        untestable => format!("{passed} passed, {failing} failed, {untestable} could not run"),
    };
    let has_target = !(verdict.fixed.is_empty() && verdict.still_failing.is_empty());
    let mut lines = vec![
        if has_target { format!("Airlock: a repair of {test}") } else { "Airlock: a proposed change".to_owned() },
        String::new(),
        terminal::wrap(explanation, "", WIDE).join("\n"),
        String::new(),
        format!("verdict  {}", verdict.decision.status().as_str().replace('_', " ")),
        format!("before   {}", counts(before.passed, before.failing(), before.not_testable)),
        format!("after    {}", counts(after.passed, after.failing(), after.not_testable)),
        format!("run      {} (in the sandbox, on a copy)", verdict.command),
        format!("session  {session}"),
    ];
    let list = |name: &str, ids: &[String]| -> Vec<String> { ids.iter().map(|id| format!("{name}  {id}")).collect() };
    lines.extend(list("fixed  ", &verdict.fixed));
    lines.extend(list("failing", &verdict.still_failing));
    for uncovered in &verdict.uncovered {
        let numbers: Vec<String> = uncovered.lines.iter().map(ToString::to_string).collect();
        lines.push(format!("no test runs {} line {}", uncovered.path, numbers.join(", ")));
    }
    lines.extend(verdict.limits.iter().map(|limit| format!("limit    {limit}")));
    lines.extend(verdict.notes.iter().map(|note| format!("note     {note}")));
    let files = proposal.files().len();
    let what = if files == 1 { "one file".to_owned() } else { format!("{files} files") };
    lines.extend([
        String::new(),
        format!("Code actions here and on the changed lines accept or reject it ({what}):"),
        "Airlock: accept, Airlock: reject.".to_owned(),
        String::new(),
    ]);
    let lines = lines.join("\n");
    format!("{}\n", airlock_core::text::visible(&lines)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reviews_are_the_users_own_and_the_oldest_go() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let reviews = folder.path().join("airlock/reviews");
        let at = |number: usize| reviews.join(format!("s{number:03}.diff"));
        for number in 0..KEPT + 5 {
            write(&at(number), b"text").expect("written");
            let when = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 + number as u64);
            std::fs::File::open(at(number)).and_then(|file| file.set_modified(when)).expect("dated");
        }
        std::fs::write(reviews.join("notes.txt"), "mine").expect("written");
        assert!(!at(4).exists() && at(5).exists() && at(KEPT + 4).exists());
        write(&at(KEPT + 4), b"again").expect("written");
        assert_eq!(std::fs::read(at(KEPT + 4)).expect("read"), b"again");
        assert!(reviews.join("notes.txt").exists());
        // One that cannot be put in its place leaves nothing beside it.
        std::fs::create_dir_all(reviews.join("taken.diff/full")).expect("made");
        assert!(write(&reviews.join("taken.diff"), b"text").is_err());
        let names = std::fs::read_dir(&reviews).expect("read").map(|entry| entry.expect("an entry").path());
        assert!(names.into_iter().all(|path| path.extension().is_none_or(|end| end != "new")));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
            assert_eq!((mode(&reviews), mode(&at(10))), (0o700, 0o600));
        }
    }
}
