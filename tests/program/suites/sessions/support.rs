//! Projects whose sessions lie in a folder of their own.

use airlock_program_tests::ORBIT;
use airlock_program_tests::calls::{Airlock, Project};
use serde_json::Value;

/// A function with one bug that a search mends.
pub const MODULE: &str = "\
def larger(a, b):
    return a if a < b else b
";

/// Mends it.
pub const PATCH: &str = "--- a/two.py\n+++ b/two.py\n@@ -1,2 +1,2 @@\n def larger(a, b):\n-    return a if a < b else b\n+    return a if a > b else b\n";

pub const LARGER: &str = "from two import larger


def test_larger():
    assert larger(1, 2) == 2


def test_larger_the_other_way():
    assert larger(5, 3) == 5
";

/// Bugs of their own kinds, each in a function of its own with a test of its own: a search mends one after the other.
pub const BUGS: &str = "\
def grade(points):
    if points > 90:
        return 'a'
    if points > 70:
        return 'b'
    return 'c'


def middle(items):
    ordered = sorted(items)
    return ordered[len(ordered) // 2 + 1]
";

pub const BUGS_TEST: &str = "from bugs import grade, middle


def test_grade():
    assert [grade(points) for points in (95, 90, 80, 70, 10)] == ['a', 'a', 'b', 'b', 'c']


def test_middle():
    assert middle([5, 1, 3]) == 3
";

/// The same in two files, so that a landing can be cut in the middle.
pub const GRADE: &str = "\
def grade(points):
    if points > 90:
        return 'a'
    if points > 70:
        return 'b'
    return 'c'
";

pub const MIDDLE: &str = "\
def middle(items):
    ordered = sorted(items)
    return ordered[len(ordered) // 2 + 1]
";

pub const ORBIT_TEST: &str = "from orbit import orbit


def test_orbit():
    assert [orbit(turns) for turns in range(12)] == [turns ** 3 - 7 * turns for turns in range(12)]
";

/// A project and a data folder.
pub struct Setting {
    pub project: Project,
    pub data: Project,
}

impl Setting {
    pub fn new<C: AsRef<[u8]>>(files: &[(&str, C)]) -> Self {
        Self { project: Project::new(files), data: Project::empty() }
    }

    /// A project with the bug of [`MODULE`].
    pub fn with_one_bug() -> Self {
        Self::new(&[("two.py", MODULE), ("test_larger.py", LARGER)])
    }

    /// A project that a search mends.
    pub fn with_bugs() -> Self {
        Self::new(&[("bugs.py", BUGS), ("test_bugs.py", BUGS_TEST)])
    }

    /// The same with each bug in a file of its own.
    pub fn with_two_files() -> Self {
        let test =
            BUGS_TEST.replace("from bugs import grade, middle", "from grade import grade\nfrom middle import middle");
        Self::new(&[("grade.py", GRADE), ("middle.py", MIDDLE), ("test_bugs.py", &test)])
    }

    /// A project that a search goes on with until it is stopped.
    pub fn without_end() -> Self {
        Self::new(&[("orbit.py", ORBIT), ("test_orbit.py", ORBIT_TEST)])
    }

    pub fn airlock(&self, arguments: &[&str]) -> Airlock {
        self.project.airlock(arguments).env("XDG_DATA_HOME", self.data.path())
    }

    /// The sessions, the newest first.
    pub fn sessions(&self) -> Vec<Value> {
        let (document, exit) = self.airlock(&["sessions", "list"]).json();
        assert_eq!(exit, 0, "{document}");
        document["sessions"].as_array().expect("a list").clone()
    }

    pub fn show(&self, id: &str) -> Value {
        let (document, exit) = self.airlock(&["sessions", "show", id]).json();
        assert_eq!(exit, 0, "{document}");
        document
    }

    /// The database of the one workspace there is.
    pub fn database(&self) -> std::path::PathBuf {
        let workspaces = self.data.join("airlock/workspaces");
        let mut found = std::fs::read_dir(workspaces).expect("a folder").map(|entry| entry.expect("an entry").path());
        let place = found.next().expect("a workspace");
        assert_eq!(found.next(), None, "there is one workspace");
        place.join("sessions.db")
    }
}

pub fn word<'a>(document: &'a Value, key: &str) -> &'a str {
    document[key].as_str().unwrap_or_else(|| panic!("no {key} in {document}"))
}

pub fn number(document: &Value, key: &str) -> u64 {
    document[key].as_u64().unwrap_or_else(|| panic!("no {key} in {document}"))
}

/// The document's error code, or nothing.
pub fn code(document: &Value) -> &str {
    document["error"]["code"].as_str().unwrap_or_default()
}

/// Numbers that look random and are the same in every run (Knuth's MMIX generator).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}
