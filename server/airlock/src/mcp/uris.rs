//! The stable names of what sessions have.

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// What was done, step by step.
    Story,
    /// All that the tests said of the proposal.
    Verdict,
    /// The report with the diff below it, as the editor shows it.
    Review,
}

const SCHEME: &str = "airlock://sessions/";

/// Of a session's story.
pub fn story(id: &str) -> String {
    format!("{SCHEME}{id}")
}

/// Of its verdict.
pub fn verdict(id: &str) -> String {
    format!("{SCHEME}{id}/verdict")
}

/// Of its review.
pub fn review(id: &str) -> String {
    format!("{SCHEME}{id}/review")
}

/// Of all that a session has.
pub fn of(id: &str, has_verdict: bool) -> Vec<String> {
    let mut all = vec![story(id)];
    if has_verdict {
        all.extend([verdict(id), review(id)]);
    }
    all
}

/// Takes a name apart: a whole session's id, and what of it is meant.
pub fn parse(uri: &str) -> Option<(&str, What)> {
    let rest = uri.strip_prefix(SCHEME)?;
    let (id, what) = match rest.split_once('/') {
        None => (rest, What::Story),
        Some((id, "verdict")) => (id, What::Verdict),
        Some((id, "review")) => (id, What::Review),
        Some(_) => return None,
    };
    let is_id =
        !id.is_empty() && id.len() <= 64 && id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    is_id.then_some((id, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_nothing_else_is() {
        assert_eq!(parse(&story("bado-kemi")), Some(("bado-kemi", What::Story)));
        assert_eq!(parse(&verdict("a")), Some(("a", What::Verdict)));
        assert_eq!(parse(&review("a")), Some(("a", What::Review)));
        for odd in
            ["", "airlock://sessions/", "airlock://sessions/a/", "airlock://sessions/../x", "airlock://sessions/a/x"]
        {
            assert_eq!(parse(odd), None, "{odd}");
        }
        for odd in
            ["file:///etc/passwd", "airlock://sessions/a%2e", "AIRLOCK://sessions/a", "airlock://sessions//verdict"]
        {
            assert_eq!(parse(odd), None, "{odd}");
        }
        assert_eq!(parse(&story(&"a".repeat(65))), None);
    }
}
