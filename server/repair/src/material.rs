//! What the project's own code offers to repairs of it: names that are called, literals, conditions and statements.
//!
//! The "plastic surgery hypothesis" (Barr et al., FSE 2014): what a repair needs is usually in the same program already,
//! most often in the same file. Everything here is collected once per file, in one walk of its tree, so that looking
//! for something near a place costs a binary search and not another walk.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::source::Source;

mod collect;

/// A piece of a file that may be used elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The grammar's name for it.
    pub kind: String,
    pub text: Arc<str>,
    /// From 1, as the file was when it was collected.
    pub line: u32,
}

/// What one file offers, each list in the order of the text.
#[derive(Clone, Debug, Default)]
pub struct FileFacts {
    /// Texts and numbers.
    pub literals: Vec<Piece>,
    /// Comparisons, calls and names that decide something.
    pub conditions: Vec<Piece>,
    /// Simple statements on one line.
    pub statements: Vec<Piece>,
    /// What it indents by.
    pub step: Option<String>,
}

/// A parameter of a function of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub has_default: bool,
}

/// What all files together offer.
#[derive(Clone, Debug, Default)]
pub struct Material {
    files: BTreeMap<Arc<str>, FileFacts>,
    /// Functions and methods of the project by name, `self` and `cls` left out; none where two differ.
    signatures: BTreeMap<String, Option<Vec<Parameter>>>,
    /// Attributes read of something, by that thing's text: name → whether it is called.
    members: BTreeMap<String, BTreeMap<String, bool>>,
    /// Attributes that classes of the project set or define on `self`, by name → whether it is a method.
    own: BTreeMap<String, bool>,
    /// `f` of calls `f(x)` with one argument, by how often.
    wrappers: BTreeMap<String, u32>,
    /// `m` of calls `x.m()` without arguments, by how often.
    methods: BTreeMap<String, u32>,
    /// `key=value` of calls, by the called name.
    keywords: BTreeMap<String, BTreeMap<String, u32>>,
    /// Names after `raise` and `except`.
    exceptions: BTreeMap<String, u32>,
}

impl Material {
    /// Collects from `sources`; their order does not matter.
    pub fn of<'s>(sources: impl IntoIterator<Item = &'s Source>) -> Self {
        let mut material = Self::default();
        for source in sources {
            let facts = material.collect(source);
            material.files.insert(source.path().clone(), facts);
        }
        material
    }

    /// What a file offers; nothing for one that was not collected.
    pub fn file(&self, path: &str) -> Option<&FileFacts> {
        self.files.get(path)
    }

    /// Files with what they offer, in the order of their paths.
    pub fn files(&self) -> impl Iterator<Item = (&Arc<str>, &FileFacts)> {
        self.files.iter()
    }

    /// The parameters of the project's only function or method of this name.
    pub fn signature(&self, name: &str) -> Option<&[Parameter]> {
        self.signatures.get(name)?.as_deref()
    }

    /// Functions of the project that take exactly as many arguments as this one.
    pub fn same_shape<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m str> {
        let wanted = self.signature(name);
        self.signatures
            .iter()
            .filter(move |(other, signature)| {
                let same = |a: &[Parameter], b: &[Parameter]| a.len() == b.len();
                *other != name && wanted.zip(signature.as_deref()).is_some_and(|(a, b)| same(a, b))
            })
            .map(|(other, _)| other.as_str())
    }

    /// Other attributes read of the same thing, with whether they are called.
    pub fn members(&self, receiver: &str) -> impl Iterator<Item = (&str, bool)> {
        self.members.get(receiver).into_iter().flatten().map(|(name, called)| (name.as_str(), *called))
    }

    /// What classes of the project have on `self`, with whether it is a method.
    pub fn own(&self, name: &str) -> Option<bool> {
        self.own.get(name).copied()
    }

    /// Names called with one argument, the most frequent first.
    pub fn wrappers(&self) -> Vec<(&str, u32)> {
        most(&self.wrappers)
    }

    /// Methods called without arguments, the most frequent first.
    pub fn methods(&self) -> Vec<(&str, u32)> {
        most(&self.methods)
    }

    /// Keyword arguments given elsewhere to what has this name, the most frequent first.
    pub fn keywords(&self, called: &str) -> Vec<(&str, u32)> {
        self.keywords.get(called).map(most).unwrap_or_default()
    }

    /// Exceptions named in the project, the most frequent first.
    pub fn exceptions(&self) -> Vec<(&str, u32)> {
        most(&self.exceptions)
    }
}

fn most(counts: &BTreeMap<String, u32>) -> Vec<(&str, u32)> {
    let mut list: Vec<(&str, u32)> = counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    // Stable: equals stay in the order of their names.
    list.sort_by_key(|entry| std::cmp::Reverse(entry.1));
    list
}

impl FileFacts {
    /// Pieces by how near they are to `line`, those of the lines `around` it first; each text once.
    pub fn nearest<'f>(
        pieces: &'f [Piece],
        line: u32,
        around: &std::ops::RangeInclusive<u32>,
        most: usize,
        mut wanted: impl FnMut(&Piece) -> bool,
    ) -> Vec<&'f Piece> {
        // Two fingers walk away from the line: nothing far away is looked at unless it is needed.
        let middle = pieces.partition_point(|piece| piece.line < line);
        let (mut below, mut above) = (middle, middle);
        let (mut inside, mut outside): (Vec<&Piece>, Vec<&Piece>) = (Vec::new(), Vec::new());
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        // Enough steps to leave any function of a human size, and a bound for the rest.
        for _ in 0..400 {
            let down = below.checked_sub(1).map(|at| line - pieces[at].line);
            let up = pieces.get(above).map(|piece| piece.line - line);
            let at = match (down, up) {
                (None, None) => break,
                (Some(down), Some(up)) if down < up => {
                    below -= 1;
                    below
                }
                (Some(_), None) => {
                    below -= 1;
                    below
                }
                _ => {
                    above += 1;
                    above - 1
                }
            };
            let piece = &pieces[at];
            if seen.contains(&*piece.text) || !wanted(piece) {
                continue;
            }
            seen.insert(&piece.text);
            if around.contains(&piece.line) {
                inside.push(piece)
            } else {
                outside.push(piece)
            }
            if inside.len() >= most {
                break;
            }
        }
        inside.extend(outside);
        inside.truncate(most);
        inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = concat!(
        "class Box:\n",
        "    def __init__(self, size, name=None):\n",
        "        self.size = size\n",
        "    def fits(self, other):\n",
        "        if other.size <= self.size and other.open:\n",
        "            return other.label.strip()\n",
        "        raise ValueError('too large')\n",
        "def pack(boxes, limit, *, strict=False):\n",
        "    boxes = sorted(boxes, key=len)\n",
        "    total = len(boxes)\n",
        "    return boxes[:limit]\n",
        "def any_number(*rest): pass\n",
    );

    #[test]
    fn what_a_file_offers_is_collected() {
        let source = Source::parse("m.py", TEXT.as_bytes()).unwrap();
        let material = Material::of([&source]);
        let names = |signature: &[Parameter]| signature.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(material.signature("__init__").unwrap()), ["size", "name"]);
        assert_eq!(names(material.signature("pack").unwrap()), ["boxes", "limit", "strict"]);
        assert_eq!(material.signature("any_number"), None);
        assert_eq!(material.members("other").collect::<Vec<_>>(), [("label", false), ("open", false), ("size", false)]);
        assert_eq!((material.own("size"), material.own("fits"), material.own("x")), (Some(false), Some(true), None));
        assert_eq!(material.methods(), [("strip", 1)]);
        assert_eq!(material.wrappers(), [("ValueError", 1), ("len", 1)]);
        assert_eq!(material.keywords("sorted"), [("key=len", 1)]);
        assert_eq!(material.exceptions(), [("ValueError", 1)]);
        let facts = material.file("m.py").unwrap();
        let texts = |pieces: &[Piece]| pieces.iter().map(|piece| piece.text.to_string()).collect::<Vec<_>>();
        assert_eq!(texts(&facts.conditions), ["other.size <= self.size", "other.open"]);
        assert_eq!(texts(&facts.literals), ["'too large'"]);
        assert_eq!(facts.step.as_deref(), Some("    "));
        assert_eq!(facts.statements.len(), 6);
    }

    #[test]
    fn the_nearest_come_first_and_those_of_the_function_before_them() {
        let piece = |text: &str, line| Piece { kind: "integer".to_owned(), text: text.into(), line };
        let pieces = [piece("1", 1), piece("2", 8), piece("3", 10), piece("2", 12), piece("4", 19), piece("5", 20)];
        let near = FileFacts::nearest(&pieces, 18, &(8..=18), 4, |piece| &*piece.text != "5");
        assert_eq!(near.iter().map(|piece| &*piece.text).collect::<Vec<_>>(), ["2", "3", "4", "1"]);
    }
}
