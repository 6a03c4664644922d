//! The places that a failure names.

use airlock_core::report::TestReport;

/// Frames of a traceback that are looked at.
const MAX_FRAMES: usize = 64;

/// Places a failure names, innermost first: its own location, then the traceback's lines `path.py:12: …`.
pub(super) fn of(test: &TestReport) -> Vec<(String, u32)> {
    let mut found: Vec<(String, u32)> = Vec::new();
    let mut push = |path: &str, line: u32| {
        if found.len() < MAX_FRAMES && !found.iter().any(|frame| frame.0 == path && frame.1 == line) {
            found.push((path.to_owned(), line));
        }
    };
    if let Some(location) = &test.location {
        push(&location.path, location.line);
    }
    let detail = test.detail.as_deref().unwrap_or("");
    for text in detail.lines().rev() {
        let Some((path, rest)) = text.trim().split_once(".py:") else {
            continue;
        };
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        if let Ok(line) = digits.parse()
            && !path.contains(char::is_whitespace)
        {
            push(&format!("{path}.py"), line);
        }
    }
    found
}
