//! What a task may do without asking, what it has to ask for, and what an answer covers. Pure.
//!
//! Inside the sandbox and on the overlay nothing is asked, as nothing there can do harm: a question is about what lands.
//! What no rule can let through (git's own files, secrets, Airlock's configuration) is not for a policy to say; see
//! [`airlock_core::protect`].

use std::collections::{BTreeMap, BTreeSet};

use airlock_core::hash::ContentHash;
use airlock_core::path::WorkspacePath;
use airlock_core::protect::{Level, protection};
use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

/// What is done to the project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Change a file.
    Change,
    /// Change a file that is protected by its name.
    ChangeProtected,
    /// Land what no test speaks for.
    LandUnchecked,
}

/// What a rule says; the later ones are stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    Allow,
    /// The user is asked before it lands.
    Ask,
    Deny,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    action: Action,
    glob: Option<GlobMatcher>,
    /// The same, whatever the case: what tightens holds for each name that some system takes for the same.
    folded: Option<GlobMatcher>,
    ruling: Ruling,
}

impl Rule {
    /// A rule for an action, on the paths that a glob matches (`*` stops at `/`, `**` does not) or on all.
    ///
    /// # Errors
    /// The glob is none.
    pub fn new(action: Action, glob: Option<&str>, ruling: Ruling) -> Result<Self, String> {
        let matcher = |glob: &str, any_case: bool| {
            if glob.len() > 500 {
                return Err("a pattern for paths has at most 500 bytes".to_owned());
            }
            let built = GlobBuilder::new(glob).literal_separator(true).case_insensitive(any_case).build();
            built
                .map(|glob| glob.compile_matcher())
                .map_err(|error| format!("`{glob}` is no pattern for paths: {error}"))
        };
        let exact = glob.map(|glob| matcher(glob, false)).transpose()?;
        let tightens = glob.filter(|_| ruling != Ruling::Allow);
        let folded = tightens.map(|glob| matcher(glob, true)).transpose()?;
        Ok(Self { action, glob: exact, folded, ruling })
    }

    fn covers(&self, action: Action, path: Option<&WorkspacePath>) -> bool {
        self.action == action
            && match (&self.glob, path) {
                (None, _) => true,
                (Some(glob), Some(path)) => {
                    let folded = |glob: &GlobMatcher| {
                        glob.is_match(path.as_str()) || glob.is_match(path.folded_components().join("/"))
                    };
                    glob.is_match(path.as_str()) || self.folded.as_ref().is_some_and(folded)
                }
                (Some(_), None) => false,
            }
    }
}

/// The rules of a task.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The user's, in order; the last that covers a thing decides it.
    user: Vec<Rule>,
    /// The project's, which only tighten.
    project: Vec<Rule>,
}

impl Policy {
    /// What the user's rules and the project's say together. Where none speaks, files may be changed, and protected files and
    /// what is unchecked have to be asked for. A project's rule never loosens what the user's say.
    pub fn new(user: Vec<Rule>, project: Vec<Rule>) -> Self {
        Self { user, project }
    }

    /// Whether something may be done.
    pub fn decide(&self, action: Action, path: Option<&WorkspacePath>) -> Ruling {
        if let (Action::Change | Action::ChangeProtected, Some(path)) = (action, path)
            && protection(path).is_some_and(|found| found.level == Level::Never)
        {
            return Ruling::Deny;
        }
        let covering =
            |rules: &[Rule]| rules.iter().rev().find(|rule| rule.covers(action, path)).map(|rule| rule.ruling);
        let by_user = covering(&self.user).unwrap_or(match action {
            Action::Change => Ruling::Allow,
            Action::ChangeProtected | Action::LandUnchecked => Ruling::Ask,
        });
        let by_both = by_user.max(covering(&self.project).unwrap_or(Ruling::Allow));
        // A protected file is a file too: what says no to all files of a folder says no to it.
        match action {
            Action::ChangeProtected => by_both.max(self.decide(Action::Change, path)),
            _ => by_both,
        }
    }
}

/// What a question is about: the diff, what it starts from and what the tests said of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub diff: ContentHash,
    pub base: ContentHash,
    /// None where nothing was run.
    pub verdict: Option<ContentHash>,
}

/// A question for the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub action: Action,
    /// The files that it is about, each by its name.
    pub paths: BTreeSet<WorkspacePath>,
    pub about: About,
}

impl Question {
    /// Names the question by everything in it: an answer to one is none to another.
    pub fn hash(&self) -> ContentHash {
        let mut bytes = b"airlock question 1".to_vec();
        let mut field = |text: &[u8]| {
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text);
        };
        field(match self.action {
            Action::Change => b"change",
            Action::ChangeProtected => b"change_protected",
            Action::LandUnchecked => b"land_unchecked",
        });
        field(self.about.diff.as_bytes());
        field(self.about.base.as_bytes());
        field(self.about.verdict.as_ref().map_or(&[][..], |verdict| verdict.as_bytes()));
        for path in &self.paths {
            field(path.as_str().as_bytes());
        }
        ContentHash::of(&bytes)
    }
}

/// What has to be asked before these files land, at most one question for each action; `unchecked` where no test speaks for
/// them. What the answers so far cover is not asked.
///
/// # Errors
/// The files that may not be changed at all; none where it is the landing itself that is denied.
pub fn questions<'p>(
    policy: &Policy,
    answers: &Answers,
    files: impl IntoIterator<Item = &'p WorkspacePath>,
    unchecked: bool,
    about: About,
) -> Result<Vec<Question>, Vec<WorkspacePath>> {
    let mut asked: BTreeMap<Action, BTreeSet<WorkspacePath>> = BTreeMap::new();
    let mut denied = Vec::new();
    for path in files {
        let action = if protection(path).is_some() { Action::ChangeProtected } else { Action::Change };
        match policy.decide(action, Some(path)) {
            Ruling::Deny => denied.push(path.clone()),
            Ruling::Ask => {
                asked.entry(action).or_default().insert(path.clone());
            }
            Ruling::Allow => {}
        }
        if unchecked {
            asked.entry(Action::LandUnchecked).or_default().insert(path.clone());
        }
    }
    if !denied.is_empty() {
        return Err(denied);
    }
    let mut open = Vec::new();
    for (action, paths) in asked {
        let question = Question { action, paths, about };
        match answers.decide(policy, &question) {
            Ruling::Allow => {}
            Ruling::Ask => open.push(question),
            Ruling::Deny => return Err(Vec::new()),
        }
    }
    Ok(open)
}

/// How far an answer reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// This one thing.
    Once,
    /// The same action on the same files, until the session ends.
    Session,
    /// The same action on the same files, in this workspace.
    Always,
}

/// What the user said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// [`Question::hash`] of what was shown.
    pub question: ContentHash,
    pub allow: bool,
    pub scope: Scope,
}

/// What was answered so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    once: BTreeSet<ContentHash>,
    denied: BTreeSet<ContentHash>,
    files: BTreeSet<(Action, WorkspacePath)>,
    kept: BTreeSet<(Action, WorkspacePath)>,
}

/// An answer that belongs to no question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherQuestion;

impl std::fmt::Display for OtherQuestion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer was given to another question; look at this one and answer it")
    }
}

impl std::error::Error for OtherQuestion {}

impl Answers {
    /// Those of earlier sessions: actions on files that were answered with [`Scope::Always`].
    pub fn kept_from(kept: impl IntoIterator<Item = (Action, WorkspacePath)>) -> Self {
        let kept = kept.into_iter().filter(|(action, path)| may_be_kept(*action, path)).collect();
        Self { kept, ..Self::default() }
    }

    /// What later sessions are to know.
    pub fn kept(&self) -> impl Iterator<Item = &(Action, WorkspacePath)> {
        self.kept.iter()
    }

    /// Takes an answer. What lands unchecked is answered each time, however far the answer was meant to reach.
    ///
    /// # Errors
    /// It was given to another question.
    pub fn take(&mut self, question: &Question, answer: &Answer) -> Result<(), OtherQuestion> {
        let hash = question.hash();
        if answer.question != hash {
            return Err(OtherQuestion);
        }
        if !answer.allow {
            self.once.remove(&hash);
            self.denied.insert(hash);
            return Ok(());
        }
        self.denied.remove(&hash);
        self.once.insert(hash);
        let covered = question.paths.iter().filter(|path| may_be_kept(question.action, path));
        let covered = covered.map(|path| (question.action, path.clone()));
        match answer.scope {
            Scope::Once => {}
            Scope::Session => self.files.extend(covered),
            Scope::Always => self.kept.extend(covered),
        }
        Ok(())
    }

    /// What the policy and the answers say to a question: whether it may be done, has to be asked, or was denied.
    pub fn decide(&self, policy: &Policy, question: &Question) -> Ruling {
        let mut by_policy = question.paths.iter().map(|path| policy.decide(question.action, Some(path))).max();
        if question.action == Action::LandUnchecked || question.paths.is_empty() {
            by_policy = by_policy.max(Some(policy.decide(question.action, None)));
        }
        let hash = question.hash();
        match by_policy.unwrap_or(Ruling::Ask) {
            // No answer opens what the policy denies.
            Ruling::Deny => Ruling::Deny,
            _ if self.denied.contains(&hash) => Ruling::Deny,
            Ruling::Allow => Ruling::Allow,
            Ruling::Ask if self.once.contains(&hash) => Ruling::Allow,
            Ruling::Ask => {
                let known = |path: &WorkspacePath| {
                    let key = (question.action, path.clone());
                    policy.decide(question.action, Some(path)) == Ruling::Allow
                        || self.files.contains(&key)
                        || self.kept.contains(&key)
                };
                let all = question.action != Action::LandUnchecked
                    && !question.paths.is_empty()
                    && question.paths.iter().all(known);
                if all { Ruling::Allow } else { Ruling::Ask }
            }
        }
    }
}

/// Whether an answer may reach further than its question.
fn may_be_kept(action: Action, path: &WorkspacePath) -> bool {
    action != Action::LandUnchecked && protection(path).is_none_or(|found| found.level != Level::Never)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> WorkspacePath {
        WorkspacePath::new(text).unwrap()
    }

    fn rule(action: Action, glob: &str, ruling: Ruling) -> Rule {
        Rule::new(action, (glob != "*").then_some(glob), ruling).unwrap()
    }

    fn question(action: Action, paths: &[&str], diff: &str) -> Question {
        let hash = |word: &str| ContentHash::of(word.as_bytes());
        let about = About { diff: hash(diff), base: hash("base"), verdict: Some(hash("verdict")) };
        Question { action, paths: paths.iter().map(|text| path(text)).collect(), about }
    }

    fn answer(question: &Question, allow: bool, scope: Scope) -> Answer {
        Answer { question: question.hash(), allow, scope }
    }

    #[test]
    fn the_last_rule_that_covers_a_thing_decides_it() {
        let policy = Policy::new(
            vec![
                rule(Action::Change, "*", Ruling::Deny),
                rule(Action::Change, "src/**", Ruling::Allow),
                rule(Action::Change, "src/*.py", Ruling::Ask),
            ],
            vec![],
        );
        let decide = |text| policy.decide(Action::Change, Some(&path(text)));
        assert_eq!(decide("src/a/b.py"), Ruling::Allow);
        assert_eq!(decide("src/b.py"), Ruling::Ask);
        assert_eq!(decide("other/b.py"), Ruling::Deny);
        assert!(Rule::new(Action::Change, Some("a["), Ruling::Allow).unwrap_err().contains("no pattern"));
    }

    #[test]
    fn nothing_loosens_what_must_never_change_and_a_project_only_tightens() {
        let all = |ruling| vec![rule(Action::Change, "**", ruling), rule(Action::ChangeProtected, "**", ruling)];
        let loose = Policy::new(all(Ruling::Allow), vec![]);
        for name in [".git/config", ".env", "airlock.toml", "a/.GIT/hooks/x", "id_rsa"] {
            assert_eq!(loose.decide(Action::Change, Some(&path(name))), Ruling::Deny, "{name}");
            assert_eq!(loose.decide(Action::ChangeProtected, Some(&path(name))), Ruling::Deny, "{name}");
        }
        assert_eq!(loose.decide(Action::ChangeProtected, Some(&path("conftest.py"))), Ruling::Allow);
        let loosening = Policy::new(all(Ruling::Ask), all(Ruling::Allow));
        assert_eq!(loosening.decide(Action::Change, Some(&path("a.py"))), Ruling::Ask);
        let tightening = Policy::new(all(Ruling::Allow), all(Ruling::Deny));
        assert_eq!(tightening.decide(Action::Change, Some(&path("a.py"))), Ruling::Deny);
    }

    #[test]
    fn what_tightens_holds_for_each_way_to_write_a_name() {
        let deny = Policy::new(vec![rule(Action::Change, "secure/**", Ruling::Deny)], vec![]);
        assert_eq!(deny.decide(Action::Change, Some(&path("Secure/b.py"))), Ruling::Deny);
        let rules = vec![rule(Action::Change, "*", Ruling::Deny), rule(Action::Change, "src/**", Ruling::Allow)];
        let allow = Policy::new(rules, vec![]);
        assert_eq!(allow.decide(Action::Change, Some(&path("SRC/b.py"))), Ruling::Deny);
        assert_eq!(allow.decide(Action::Change, Some(&path("src/b.py"))), Ruling::Allow);
    }

    #[test]
    fn a_protected_file_is_a_file_too() {
        let policy = Policy::new(vec![rule(Action::Change, "tests/**", Ruling::Deny)], vec![]);
        assert_eq!(policy.decide(Action::ChangeProtected, Some(&path("tests/conftest.py"))), Ruling::Deny);
        assert_eq!(policy.decide(Action::ChangeProtected, Some(&path("conftest.py"))), Ruling::Ask);
    }

    #[test]
    fn without_rules_files_change_and_the_rest_is_asked() {
        let policy = Policy::default();
        assert_eq!(policy.decide(Action::Change, Some(&path("a.py"))), Ruling::Allow);
        assert_eq!(policy.decide(Action::ChangeProtected, Some(&path("conftest.py"))), Ruling::Ask);
        assert_eq!(policy.decide(Action::LandUnchecked, None), Ruling::Ask);
    }

    #[test]
    fn an_approval_for_one_thing_is_none_for_another() {
        let policy = Policy::default();
        let asked = question(Action::ChangeProtected, &["conftest.py"], "one");
        let mut answers = Answers::default();
        assert_eq!(answers.decide(&policy, &asked), Ruling::Ask);
        answers.take(&asked, &answer(&asked, true, Scope::Once)).unwrap();
        assert_eq!(answers.decide(&policy, &asked), Ruling::Allow);

        let mut others = vec![
            question(Action::ChangeProtected, &["conftest.py"], "two"),
            question(Action::ChangeProtected, &["conftest.py", "setup.py"], "one"),
            question(Action::LandUnchecked, &["conftest.py"], "one"),
            asked.clone(),
            asked.clone(),
        ];
        others[3].about.verdict = None;
        others[4].about.base = ContentHash::of(b"moved");
        for other in others {
            assert_eq!(answers.decide(&policy, &other), Ruling::Ask, "{other:?}");
            assert_eq!(answers.take(&other, &answer(&asked, true, Scope::Always)), Err(OtherQuestion));
        }
    }

    #[test]
    fn how_far_an_answer_reaches() {
        let policy = Policy::default();
        let asked = question(Action::ChangeProtected, &["conftest.py"], "one");
        let later = question(Action::ChangeProtected, &["conftest.py"], "two");
        let more = question(Action::ChangeProtected, &["conftest.py", "setup.py"], "two");
        let mut answers = Answers::default();
        answers.take(&asked, &answer(&asked, true, Scope::Session)).unwrap();
        assert_eq!(answers.decide(&policy, &later), Ruling::Allow);
        assert_eq!(answers.decide(&policy, &more), Ruling::Ask, "one of its files was never asked for");
        assert_eq!(answers.kept().count(), 0);

        answers.take(&asked, &answer(&asked, true, Scope::Always)).unwrap();
        let next = Answers::kept_from(answers.kept().cloned());
        assert_eq!(next.decide(&policy, &later), Ruling::Allow);
        let secret = Answers::kept_from([(Action::ChangeProtected, path(".env"))]);
        assert_eq!(secret.kept().count(), 0);

        let unchecked = question(Action::LandUnchecked, &["a.py"], "one");
        answers.take(&unchecked, &answer(&unchecked, true, Scope::Always)).unwrap();
        assert_eq!(answers.decide(&policy, &unchecked), Ruling::Allow);
        let again = question(Action::LandUnchecked, &["a.py"], "two");
        assert_eq!(answers.decide(&policy, &again), Ruling::Ask, "asked each time");
    }

    #[test]
    fn a_landing_asks_once_for_each_action_and_never_twice() {
        let policy = Policy::new(vec![rule(Action::Change, "vendor/**", Ruling::Ask)], vec![]);
        let files = [path("a.py"), path("conftest.py"), path("setup.py"), path("vendor/x.py")];
        let about = question(Action::Change, &[], "one").about;
        let mut answers = Answers::default();
        let open = questions(&policy, &answers, &files, false, about).unwrap();
        let named: Vec<(Action, usize)> = open.iter().map(|question| (question.action, question.paths.len())).collect();
        assert_eq!(named, [(Action::Change, 1), (Action::ChangeProtected, 2)]);
        for question in &open {
            answers.take(question, &answer(question, true, Scope::Once)).unwrap();
        }
        assert_eq!(questions(&policy, &answers, &files, false, about), Ok(vec![]));
        let open = questions(&policy, &answers, &files[..1], true, about).unwrap();
        assert_eq!(open[0].action, Action::LandUnchecked);
        answers.take(&open[0], &answer(&open[0], false, Scope::Once)).unwrap();
        assert_eq!(questions(&policy, &answers, &files[..1], true, about), Err(vec![]));
        let secret = [path(".env")];
        assert_eq!(questions(&policy, &answers, &secret, false, about), Err(secret.to_vec()));
    }

    #[test]
    fn a_denial_holds_and_no_answer_opens_what_the_policy_denies() {
        let asked = question(Action::ChangeProtected, &["conftest.py"], "one");
        let mut answers = Answers::default();
        answers.take(&asked, &answer(&asked, false, Scope::Once)).unwrap();
        assert_eq!(answers.decide(&Policy::default(), &asked), Ruling::Deny);
        answers.take(&asked, &answer(&asked, true, Scope::Always)).unwrap();
        assert_eq!(answers.decide(&Policy::default(), &asked), Ruling::Allow);
        let closed = Policy::new(vec![rule(Action::ChangeProtected, "*", Ruling::Deny)], vec![]);
        assert_eq!(answers.decide(&closed, &asked), Ruling::Deny);
    }
}
