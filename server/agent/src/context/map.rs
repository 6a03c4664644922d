//! A map of the project: the definitions that matter for a task, in as many lines as there is room for.
//!
//! The idea is aider's (repomap.py): files are joined by the names that one uses and another defines, a random walk from the
//! task's files over these joints says how much each definition matters (personalised PageRank: Page, Brin, Motwani, Winograd,
//! 1999), and the best are shown as lines of an outline.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use airlock_core::path::WorkspacePath;

use super::BYTES_PER_TOKEN;
use super::tags::{FileTags, TagCache};
use crate::files::Workspace;

/// Rounds of the walk; the order of the best has settled long before.
const ROUNDS: usize = 10;
/// How much of the walk goes on from where it is, in place of beginning anew.
const DAMPING: f32 = 0.85;
/// How much of what begins anew begins in the task's files, where there are any.
const FOCUS: f32 = 0.8;
/// Definitions that did not fit, before it is given up.
const MISSES: usize = 200;

/// What the task is about.
#[derive(Clone, Debug, Default)]
pub struct Focus {
    /// Files where it begins.
    pub files: BTreeSet<WorkspacePath>,
    /// Names and words in it.
    pub words: BTreeSet<String>,
    /// Files that are shown otherwise, so that the map leaves them out.
    pub shown: BTreeSet<WorkspacePath>,
}

impl Focus {
    /// Takes the names out of what the user said.
    pub fn with_words_of(mut self, text: &str) -> Self {
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| word.len() > 2);
        self.words.extend(words.take(2_000).map(str::to_owned));
        self
    }
}

/// The files with their names as numbers, kept from one map to the next.
#[derive(Debug)]
pub struct Map {
    cache: Arc<TagCache>,
    names: HashMap<Box<str>, u32>,
    files: BTreeMap<WorkspacePath, Node>,
}

#[derive(Debug)]
struct Node {
    tags: Arc<FileTags>,
    defines: Vec<u32>,
    uses: Vec<(u32, u32)>,
}

/// Names that are kept before all are numbered anew: those of files that are gone stay otherwise.
const MAX_NAMES: usize = 4_000_000;

impl Map {
    /// A map of nothing yet.
    pub fn new(cache: Arc<TagCache>) -> Self {
        Self { cache, names: HashMap::new(), files: BTreeMap::new() }
    }

    /// Takes the files as they are now. Only what changed is looked at.
    pub fn update(&mut self, workspace: &Workspace) {
        if self.names.len() > MAX_NAMES {
            self.names.clear();
            self.files.clear();
        }
        let mut before = std::mem::take(&mut self.files);
        for (path, tags) in self.cache.of_workspace(workspace) {
            let node = match before.remove(&path) {
                Some(node) if Arc::ptr_eq(&node.tags, &tags) => node,
                _ => self.node(tags),
            };
            self.files.insert(path, node);
        }
    }

    fn node(&mut self, tags: Arc<FileTags>) -> Node {
        let names = &mut self.names;
        let mut number = |name: &str| match names.get(name) {
            Some(number) => *number,
            None => {
                let new = u32::try_from(names.len()).unwrap_or(u32::MAX);
                names.insert(name.into(), new);
                new
            }
        };
        let defines = tags.definitions.iter().map(|found| number(&found.name)).collect();
        let uses = tags.uses.iter().map(|(name, count)| (number(name), *count)).collect();
        Node { tags, defines, uses }
    }

    /// The map in at most so many tokens; empty where nothing is defined.
    pub fn render(&self, focus: &Focus, tokens: usize) -> String {
        let ranked = self.ranked(focus);
        let files: Vec<(&WorkspacePath, &Node)> = self.files.iter().collect();
        let most = tokens.saturating_mul(BYTES_PER_TOKEN);
        let mut chosen: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
        let (mut length, mut misses) = (0, 0);
        for (file, at) in ranked {
            let (path, node) = files[file];
            let taken = chosen.get(&file);
            let mut cost = if taken.is_some() { 0 } else { path.as_str().len() + 2 };
            // With a method goes the class that it is in.
            let mut wanted = Vec::new();
            let mut next = Some(at);
            while let Some(definition) = next.and_then(|at| node.tags.definitions.get(at as usize)) {
                let Some(at) = next.filter(|at| taken.is_none_or(|taken| !taken.contains(at))) else { break };
                cost += line(definition).len() + 1;
                wanted.push(at);
                next = definition.parent.filter(|_| wanted.len() < 8);
            }
            if length + cost > most {
                misses += 1;
                if misses > MISSES {
                    break;
                }
                continue;
            }
            if !wanted.is_empty() {
                length += cost;
                chosen.entry(file).or_default().extend(wanted);
            }
        }
        let mut out = String::with_capacity(length);
        for (file, definitions) in chosen {
            let (path, node) = files[file];
            out.push_str(path.as_str());
            out.push_str(":\n");
            for at in definitions {
                out.push_str(&line(&node.tags.definitions[at as usize]));
                out.push('\n');
            }
        }
        out
    }

    /// Definitions by file and place in it, the best first; those that nobody uses come last, in order of path.
    fn ranked(&self, focus: &Focus) -> Vec<(usize, u32)> {
        let nodes: Vec<&Node> = self.files.values().collect();
        let count = nodes.len();
        let mut defined_in = vec![0_u32; self.names.len()];
        for node in &nodes {
            node.defines.iter().for_each(|name| defined_in[*name as usize] += 1);
        }
        let weight = self.weights(&defined_in, focus);
        // A file's joints: names that it uses and others define. What it defines itself leads nowhere.
        let mut starts = Vec::with_capacity(count + 1);
        let mut joints: Vec<(u32, f32)> = Vec::new();
        starts.push(0);
        for node in &nodes {
            let from = joints.len();
            for (name, uses) in &node.uses {
                let own = weight[*name as usize];
                if own > 0.0 && !node.defines.contains(name) {
                    joints.push((*name, (*uses as f32).sqrt() * own));
                }
            }
            let sum: f32 = joints[from..].iter().map(|(_, weight)| weight).sum();
            if sum > 0.0 {
                joints[from..].iter_mut().for_each(|(_, weight)| *weight /= sum);
            }
            starts.push(joints.len());
        }
        let begin = self.begin(focus);
        let mut rank = begin.clone();
        let mut through = vec![0_f32; self.names.len()];
        for round in 0..=ROUNDS {
            through.fill(0.0);
            for (file, rank) in rank.iter().enumerate() {
                // At last, what the task's own files use counts for more than what is only reached through others.
                let rank = if round == ROUNDS { rank + begin[file] } else { *rank };
                for (name, weight) in &joints[starts[file]..starts[file + 1]] {
                    through[*name as usize] += rank * weight;
                }
            }
            if round == ROUNDS {
                break;
            }
            for (file, node) in nodes.iter().enumerate() {
                let into: f32 =
                    node.defines.iter().map(|name| through[*name as usize] / defined_in[*name as usize] as f32).sum();
                rank[file] = (1.0 - DAMPING) * begin[file] + DAMPING * into;
            }
        }
        let mut scored: Vec<(f32, usize, u32)> = Vec::new();
        for (file, (path, node)) in self.files.iter().enumerate() {
            if focus.shown.contains(path) {
                continue;
            }
            for (at, name) in node.defines.iter().enumerate() {
                let through = through[*name as usize] / defined_in[*name as usize] as f32;
                // What a file of the task defines matters too, used or not, and that of a file near it a little.
                let score = through + begin[file] * 0.3 + rank[file] * 0.01;
                scored.push((score, file, u32::try_from(at).unwrap_or(u32::MAX)));
            }
        }
        scored.sort_unstable_by(|one, other| other.0.total_cmp(&one.0).then((one.1, one.2).cmp(&(other.1, other.2))));
        scored.into_iter().map(|(_, file, at)| (file, at)).collect()
    }

    /// How much a name says: none where nobody defines it, less where many do, more where the task has it.
    fn weights(&self, defined_in: &[u32], focus: &Focus) -> Vec<f32> {
        let mut weights = vec![0.0; self.names.len()];
        for (name, number) in &self.names {
            let definers = defined_in[*number as usize];
            if definers == 0 {
                continue;
            }
            let mut weight = 1.0;
            if focus.words.contains(&**name) {
                weight *= 10.0;
            }
            let compound =
                name.contains('_') || (name.contains(char::is_lowercase) && name.contains(char::is_uppercase));
            if name.len() >= 8 && compound {
                weight *= 5.0;
            }
            if name.starts_with('_') {
                weight *= 0.1;
            }
            if definers > 5 {
                weight *= 0.1;
            }
            weights[*number as usize] = weight;
        }
        weights
    }

    /// Where the walk begins: mostly in the task's files and in those whose names the task has.
    fn begin(&self, focus: &Focus) -> Vec<f32> {
        let stem = |path: &WorkspacePath| path.file_name().split('.').next().unwrap_or_default().to_owned();
        let is_one: Vec<bool> = self
            .files
            .keys()
            .map(|path| focus.files.contains(path) || (!focus.words.is_empty() && focus.words.contains(&stem(path))))
            .collect();
        let ones = is_one.iter().filter(|is| **is).count();
        let even = if ones == 0 { 1.0 } else { 1.0 - FOCUS } / (is_one.len().max(1) as f32);
        let more = FOCUS / (ones.max(1) as f32);
        is_one.into_iter().map(|is| if is { even + more } else { even }).collect()
    }
}

fn line(definition: &super::tags::Definition) -> String {
    format!("{}{}", "  ".repeat(usize::from(definition.depth).min(6) + 1), definition.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::tokens;
    use crate::testing::{path, workspace};

    const CART: &str = "\
from tax import tax_rate_of
class ShoppingCart:
    def total_price(self):
        return tax_rate_of(self)
    def clear_all(self): pass
";

    fn shop() -> Workspace {
        workspace(&[
            (
                "app.py",
                "from cart import ShoppingCart\ndef main():\n    cart = ShoppingCart()\n    cart.total_price()\n",
            ),
            ("cart.py", CART),
            ("tax.py", "def tax_rate_of(cart):\n    return 0.2\n"),
            ("zoo.py", "def feed_the_lions(): pass\n"),
            ("secrets.yaml", "def: no\n"),
        ])
    }

    fn map(workspace: &Workspace) -> Map {
        let mut map = Map::new(Arc::new(TagCache::new(1)));
        map.update(workspace);
        map
    }

    #[test]
    fn a_map_is_an_outline_of_what_fits() {
        let map = map(&shop());
        let whole = map.render(&Focus::default(), 1_000);
        let expected = "\
app.py:
  def main()
cart.py:
  class ShoppingCart
    def total_price(self)
    def clear_all(self)
tax.py:
  def tax_rate_of(cart)
zoo.py:
  def feed_the_lions()
";
        assert_eq!(whole, expected);
        for most in [0, 5, 10, 20, 40] {
            let text = map.render(&Focus::default(), most);
            assert!(tokens(&text) <= most, "{most}: {text}");
        }
        assert_eq!(map.render(&Focus::default(), 1_000), whole, "always the same");
    }

    #[test]
    fn what_the_task_reaches_comes_first() {
        let map = map(&shop());
        let focus = Focus { files: [path("cart.py")].into(), shown: [path("cart.py")].into(), ..Focus::default() };
        assert_eq!(map.render(&focus, 8), "tax.py:\n  def tax_rate_of(cart)\n");
        let focus = Focus { files: [path("app.py")].into(), ..Focus::default() };
        assert!(map.render(&focus, 9).starts_with("cart.py:\n  class ShoppingCart"), "{}", map.render(&focus, 9));
        let zoo = Focus::default().with_words_of("The zoo is closed");
        assert!(map.render(&zoo, 9).starts_with("zoo.py:"), "{}", map.render(&zoo, 9));
        assert!(!map.render(&Focus::default(), 9).contains("zoo"));
    }

    #[test]
    fn an_edit_shows_in_the_next_map() {
        let mut workspace = shop();
        let mut map = map(&workspace);
        workspace.write(&path("zoo.py"), b"def feed_the_bears(): pass\n".to_vec()).unwrap();
        workspace.delete(&path("tax.py")).unwrap();
        map.update(&workspace);
        let text = map.render(&Focus::default(), 1_000);
        assert!(text.contains("feed_the_bears") && !text.contains("lions") && !text.contains("tax.py"), "{text}");
        assert_eq!(Map::new(Arc::new(TagCache::new(1))).render(&Focus::default(), 100), "");
    }
}
