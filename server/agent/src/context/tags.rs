//! What a file defines and which names it uses, kept by the hash of its content.
//!
//! Python is parsed by tree-sitter. Of other languages the words are looked at: a name behind `fn`, `class` and their like is
//! defined, all others are used.

mod python;
mod words;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use airlock_core::diff::is_binary;
use airlock_core::hash::ContentHash;
use airlock_core::path::WorkspacePath;

use crate::files::Workspace;
use crate::outward::Outward;

/// Longest file that is looked at, in bytes: what is longer is generated.
const MAX_BYTES: usize = 512 << 10;
/// Most definitions and names of one file that are kept.
const MAX_TAGS: usize = 5_000;
/// Most files that are kept; when there are more, those that nobody asked for last are dropped.
const MAX_KEPT: usize = 60_000;
/// Longest text of a definition, in characters.
const MAX_TEXT: usize = 120;

/// A language whose names are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    Python,
    /// Comments of `//` and `/* */`.
    Slashes,
    /// Comments of `#`.
    Hashes,
    /// Comments of `--`.
    Dashes,
}

impl Language {
    /// By the end of the name.
    pub fn of(path: &WorkspacePath) -> Option<Self> {
        Some(match path.extension()? {
            "py" | "pyi" => Self::Python,
            "rs" | "go" | "js" | "mjs" | "cjs" | "jsx" | "ts" | "tsx" | "java" | "kt" | "kts" | "scala" | "swift"
            | "c" | "h" | "cc" | "cpp" | "cxx" | "hpp" | "cs" | "php" | "dart" | "zig" => Self::Slashes,
            "rb" | "sh" | "bash" | "jl" | "ex" | "exs" | "pl" | "nim" => Self::Hashes,
            "lua" | "hs" | "sql" => Self::Dashes,
            _ => return None,
        })
    }
}

/// Something that a file defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    pub name: Box<str>,
    /// From 1.
    pub line: u32,
    /// In how many classes it is.
    pub depth: u8,
    /// Which of the file's definitions it is in.
    pub parent: Option<u32>,
    /// Its first line, or all of its signature, as one line.
    pub text: Box<str>,
}

/// The tags of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTags {
    /// In order of place.
    pub definitions: Vec<Definition>,
    /// Names that are used and how often, in order.
    pub uses: Vec<(Box<str>, u32)>,
}

impl FileTags {
    /// How often a name is used; none where it is not.
    pub fn uses(&self, name: &str) -> Option<u32> {
        let at = self.uses.binary_search_by(|(used, _)| (**used).cmp(name)).ok()?;
        Some(self.uses[at].1)
    }

    fn new(definitions: Vec<Definition>, uses: HashMap<&str, u32>) -> Self {
        let mut uses: Vec<(Box<str>, u32)> = uses.into_iter().map(|(name, count)| (name.into(), count)).collect();
        uses.sort_unstable();
        Self { definitions, uses }
    }
}

/// The tags of some bytes.
pub fn tags_of(language: Language, bytes: &[u8]) -> FileTags {
    if bytes.len() > MAX_BYTES || is_binary(bytes) {
        return FileTags::default();
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return FileTags::default() };
    match language {
        Language::Python => python::tags(text),
        other => words::tags(other, text),
    }
}

/// Tags by content, for as many snapshots as come by: after an edit only the file that changed is parsed.
#[derive(Debug)]
pub struct TagCache {
    kept: Mutex<HashMap<(ContentHash, Language), Arc<FileTags>>>,
    /// Threads that parse where many files are new.
    threads: usize,
}

/// A file whose tags are not known yet.
struct New {
    at: usize,
    key: (ContentHash, Language),
    bytes: Arc<[u8]>,
}

impl TagCache {
    /// An empty one, that uses this many threads.
    pub fn new(threads: usize) -> Self {
        Self { kept: Mutex::default(), threads: threads.clamp(1, 16) }
    }

    /// The tags of these bytes.
    pub fn of_bytes(&self, language: Language, bytes: &[u8]) -> Arc<FileTags> {
        let key = (ContentHash::of(bytes), language);
        if let Some(known) = self.lock().get(&key) {
            return known.clone();
        }
        let tags = Arc::new(tags_of(language, bytes));
        let mut kept = self.lock();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(key, tags.clone());
        tags
    }

    /// The tags of every visible file in a known language, with all changes, in order of path. A file that cannot be read has
    /// none.
    pub fn of_workspace(&self, workspace: &Workspace) -> Vec<(WorkspacePath, Arc<FileTags>)> {
        let mut found: Vec<(WorkspacePath, Arc<FileTags>)> = Vec::new();
        let mut new = Vec::new();
        let none = Arc::new(FileTags::default());
        {
            let kept = self.lock();
            for (path, len) in workspace.files() {
                let Some(language) = Language::of(&path).filter(|_| len <= MAX_BYTES as u64) else { continue };
                let Some(hash) = workspace.hash(&path) else { continue };
                let key = (hash, language);
                match kept.get(&key) {
                    Some(tags) => found.push((path, tags.clone())),
                    None => {
                        new.push((found.len(), key));
                        found.push((path, none.clone()));
                    }
                }
            }
        }
        if new.is_empty() {
            return found;
        }
        let read = |(at, key): (usize, _)| workspace.read(&found[at].0).ok().map(|bytes| New { at, key, bytes });
        let new: Vec<New> = new.into_iter().filter_map(read).collect();
        let parsed = self.parse(&new);
        let mut kept = self.lock();
        if kept.len() + parsed.len() > MAX_KEPT {
            kept.clear();
            let known = found.iter().filter(|(_, tags)| !Arc::ptr_eq(tags, &none));
            let known =
                known.filter_map(|(path, tags)| Some(((workspace.hash(path)?, Language::of(path)?), tags.clone())));
            kept.extend(known);
        }
        for (new, tags) in new.iter().zip(parsed) {
            kept.insert(new.key, tags.clone());
            found[new.at].1 = tags;
        }
        found
    }

    fn parse(&self, new: &[New]) -> Vec<Arc<FileTags>> {
        let one = |new: &New| Arc::new(tags_of(new.key.1, &new.bytes));
        if new.len() < 64 || self.threads == 1 {
            return new.iter().map(one).collect();
        }
        let share = new.len().div_ceil(self.threads);
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                new.chunks(share).map(|part| scope.spawn(move || part.iter().map(one).collect::<Vec<_>>())).collect();
            // A parser that panics loses its share, and nothing else.
            let parts = threads.into_iter().zip(new.chunks(share));
            parts
                .flat_map(|(thread, part)| thread.join().unwrap_or_else(|_| vec![Arc::default(); part.len()]))
                .collect()
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(ContentHash, Language), Arc<FileTags>>> {
        // What is in it is whole at any moment.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What looks like a key is hidden; values that are known are hidden where the text goes out.
static OUTWARD: LazyLock<Outward> = LazyLock::new(Outward::default);

/// A signature in one line.
fn one_line(text: &str) -> Box<str> {
    // Before it is cut, as nobody knows a half of a key.
    let text = &*OUTWARD.redacted(text);
    let mut out = String::with_capacity(text.len().min(MAX_TEXT + 4));
    let mut count = 0;
    for word in text.split_whitespace() {
        if !out.is_empty() && !out.ends_with('(') && !word.starts_with(')') {
            out.push(' ');
        }
        out.push_str(word);
        count += word.chars().count() + 1;
        if count > MAX_TEXT {
            break;
        }
    }
    match out.char_indices().nth(MAX_TEXT) {
        Some((at, _)) => {
            out.truncate(at);
            out.push('…');
        }
        None if out.ends_with(':') => {
            out.pop();
        }
        None => {}
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{path, workspace};

    fn outline(language: Language, text: &str) -> Vec<(u32, u8, String)> {
        let tags = tags_of(language, text.as_bytes());
        tags.definitions.iter().map(|found| (found.line, found.depth, found.text.to_string())).collect()
    }

    fn row(line: u32, depth: u8, text: &str) -> (u32, u8, String) {
        (line, depth, text.to_owned())
    }

    #[test]
    fn python_is_parsed() {
        let text = "\
import os
LIMIT = 3
class Cart(Base):  # see: there
    # and: here
    size: int = 0
    @property
    def total(
        self,
        tax=0,
    ) -> int:
        def inner(): pass
        return compute(self.items, os.path)
async def main(): pass
s = '''
def no(): pass
'''
";
        let expected = [
            row(2, 0, "LIMIT = 3"),
            row(3, 0, "class Cart(Base)"),
            row(7, 1, "def total(self, tax=0,) -> int"),
            row(13, 0, "async def main()"),
            row(14, 0, "s = '''"),
        ];
        assert_eq!(outline(Language::Python, text), expected);
        let tags = tags_of(Language::Python, text.as_bytes());
        assert_eq!((tags.uses("compute"), tags.uses("Base"), tags.uses("items")), (Some(1), Some(1), Some(1)));
        assert_eq!((tags.uses("LIMIT"), tags.uses("no"), tags.uses("total")), (None, None, None));
        assert_eq!(tags.definitions[2].parent, Some(1));
    }

    #[test]
    fn of_other_languages_the_words_are_looked_at() {
        let rust = "\
// fn no
pub struct Cart {
}
impl Cart {
    pub fn total(&self) -> u32 { \"fn neither\"; compute() }
}
/* fn
not() */
";
        assert_eq!(
            outline(Language::Slashes, rust),
            [row(2, 0, "pub struct Cart {"), row(5, 1, "pub fn total(&self) -> u32 { \"fn neither\"; compute() }")]
        );
        let go = "func (c *Cart) Total() int {\n\treturn c.sum\n}\nfunc main() {}\n";
        assert_eq!(
            outline(Language::Slashes, go),
            [row(1, 0, "func (c *Cart) Total() int {"), row(4, 0, "func main() {}")]
        );
        let tags = tags_of(Language::Slashes, rust.as_bytes());
        assert_eq!((tags.uses("compute"), tags.uses("neither"), tags.uses("not")), (Some(1), None, None));
        assert_eq!(outline(Language::Hashes, "# def x\ndef y\nend\n"), [row(2, 0, "def y")]);
        assert_eq!(outline(Language::Dashes, "-- function no()\nfunction yes()\nend"), [row(2, 0, "function yes()")]);
    }

    #[test]
    fn a_key_is_hidden_before_it_is_cut() {
        let text = format!("{} = 'sk-canary0123456789abcdef'\n", "K".repeat(MAX_TEXT - 12));
        let found = outline(Language::Python, &text);
        assert!(!found.is_empty() && found.iter().all(|(_, _, text)| !text.contains("sk-")), "{found:?}");
    }

    #[test]
    fn any_text_has_some_tags() {
        for text in
            ["", "def", "class (", "\u{feff}def a(): pass", "\"", "/*", "func (", "'\\", "fn é() {}", "func (é) ñ()"]
        {
            for language in [Language::Python, Language::Slashes, Language::Hashes, Language::Dashes] {
                let _ = tags_of(language, text.as_bytes());
            }
        }
        assert_eq!(tags_of(Language::Python, b"def a(): \xff"), FileTags::default());
        let deep = "(".repeat(20_000);
        let _ = tags_of(Language::Python, deep.as_bytes());
        let nested: String = (0..300).map(|depth| format!("{}class C{depth}:\n", " ".repeat(depth))).collect();
        assert!(!tags_of(Language::Python, nested.as_bytes()).definitions.is_empty());
    }

    #[test]
    fn after_an_edit_the_tags_are_those_of_the_new_text() {
        let mut workspace = workspace(&[("a.py", "def a(): pass\n"), ("b.txt", "def b"), (".env", "def c")]);
        let cache = TagCache::new(2);
        let names = |workspace: &Workspace| {
            let all = cache.of_workspace(workspace);
            let names = all.iter().flat_map(|(_, tags)| tags.definitions.iter().map(|found| found.name.to_string()));
            names.collect::<Vec<_>>()
        };
        assert_eq!(names(&workspace), ["a"]);
        workspace.write(&path("a.py"), b"def z(): pass\n".to_vec()).unwrap();
        workspace.write(&path("c.py"), b"def y(): pass\n".to_vec()).unwrap();
        assert_eq!(names(&workspace), ["z", "y"]);
        assert_eq!(cache.lock().len(), 3);
    }
}
