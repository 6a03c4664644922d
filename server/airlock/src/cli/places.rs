//! Guest paths in what is told: a user knows neither `/workspace` nor `/env/0`.

use airlock_core::report::{Reason, TestReport};

use crate::failure::Failure;
use crate::files::WORKSPACE;
use crate::workbench::Project;

/// Bytes of a text in which paths are looked for and replaced.
const MAX_TEXT: usize = 64 << 10;

/// The guest's folders and what they are on this machine.
pub struct Places(Vec<(String, String)>);

impl Places {
    /// Those of a project.
    pub fn of(project: &Project) -> Self {
        let mut places = vec![(WORKSPACE.to_owned(), project.found.repository.to_string_lossy().into_owned())];
        if let Some(layout) = &project.environment.layout {
            let dirs = layout.site_packages.iter().chain(&layout.editable);
            places.extend(dirs.map(|dir| (dir.guest.clone(), dir.host.to_string_lossy().into_owned())));
        }
        Self(places)
    }

    /// Rewrites what tests said, and why they could not run: as they would have said it on this machine.
    pub fn tell(&self, tests: &mut [TestReport]) {
        for test in tests {
            for text in [&mut test.message, &mut test.detail].into_iter().flatten().chain(&mut test.notes) {
                *text = self.text(text);
            }
            if let Some(reason) = &mut test.reason {
                self.reason(reason);
            }
        }
    }

    /// A failure in the machine's own paths.
    pub fn failure(&self, mut failure: Failure) -> Failure {
        failure.message = self.text(&failure.message);
        if let Some(reason) = &mut failure.reason {
            self.reason(reason);
        }
        failure
    }

    /// Rewrites one reason.
    pub fn reason(&self, reason: &mut Reason) {
        reason.detail = once_each(&self.text(&reason.detail));
    }

    fn text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        // A text of nothing but guest paths could grow to many times its length: beyond the bound it stays as it is.
        while out.len() < MAX_TEXT
            && let Some(at) = rest.find('/')
        {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            // A longer name that only begins like the folder is another one, and so is one inside a path.
            let ends = |after: &str| !after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-'));
            let inside = out.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'));
            let found = self.0.iter().find_map(|(guest, host)| Some((host, from.strip_prefix(guest.as_str())?)));
            match found.filter(|(_, after)| !inside && ends(after)) {
                Some((host, after)) => {
                    out.push_str(host);
                    // The rest of the path has no place of its own.
                    let ends = |c: char| c.is_whitespace() || ",:;'\"()[]{}<>".contains(c);
                    let end = after.find(ends).unwrap_or(after.len());
                    out.push_str(&after[..end]);
                    rest = &after[end..];
                }
                None => {
                    out.push('/');
                    rest = &from[1..];
                }
            }
        }
        out.push_str(rest);
        out
    }
}

/// A text whose list of places names each once: several folders of the guest can be one here.
fn once_each(text: &str) -> String {
    let Some((before, (list, after))) =
        text.split_once("(looked in ").and_then(|(before, rest)| Some((before, rest.split_once(')')?)))
    else {
        return text.to_owned();
    };
    let mut places: Vec<&str> = Vec::new();
    for place in list.split(", ") {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    format!("{before}(looked in {}){after}", places.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_looked_in_is_named_once() {
        assert_eq!(once_each("no x (looked in /a, /b, /b, /a)."), "no x (looked in /a, /b).");
        assert_eq!(once_each("no x"), "no x");
        assert_eq!(once_each("no x (looked in /a"), "no x (looked in /a");
    }

    #[test]
    fn a_text_of_nothing_but_paths_stays_bounded() {
        let places = Places(vec![("/workspace".to_owned(), format!("/{}", "x".repeat(4000)))]);
        let told = places.text(&"/workspace ".repeat(10_000));
        assert!(told.len() < MAX_TEXT + 5000 + 110_000, "{}", told.len());
        assert!(told.ends_with("/workspace "));
    }

    #[test]
    fn folders_of_the_guest_are_told_as_those_of_the_machine() {
        let pairs = [("/workspace", "/home/u/shop"), ("/env/0", "/home/u/shop/.venv/lib"), ("/env/10", "/x")];
        let places = Places(pairs.map(|(guest, host)| (guest.to_owned(), host.to_owned())).into());
        let cases = [
            ("looked in /workspace, /env/0/pkg", "looked in /home/u/shop, /home/u/shop/.venv/lib/pkg"),
            ("(/workspace)", "(/home/u/shop)"),
            ("from 'calc' (/workspace/calc.py)", "from 'calc' (/home/u/shop/calc.py)"),
            ("['/workspace','/env/0']", "['/home/u/shop','/home/u/shop/.venv/lib']"),
            ("/env/10/a /workspaces /env/01", "/x/a /workspaces /env/01"),
            ("a/workspace/b and /tmp/workspace", "a/workspace/b and /tmp/workspace"),
            ("", ""),
        ];
        for (text, told) in cases {
            assert_eq!(places.text(text), told);
        }
    }
}
