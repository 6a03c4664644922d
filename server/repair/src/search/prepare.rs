//! From an edit to a candidate: its text made, parsed, and compared with what was made before.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use crate::{
    localise::Suspect,
    operators::Edit,
    outcome::{AppliedEdit, Mark},
    source::{Fragment, ScopeKind, Source, tokens_changed, unit_hash},
    verifier::Site,
};

/// One or two edits, made and found valid.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) path: Arc<str>,
    pub(super) text: Arc<str>,
    pub(super) edits: Vec<AppliedEdit>,
    pub(super) sites: Vec<Site>,
    pub(super) size: u32,
    pub(super) marks: Vec<Mark>,
    pub(super) source: Arc<Source>,
    /// Bytes of the source that were replaced, and what makes two edits of one kind.
    pub(super) range: Range<usize>,
    /// They lie within one statement, or the header of one.
    pub(super) header: bool,
    pub(super) kind: u64,
    /// The scope of the function around it.
    pub(super) function: Option<usize>,
}

/// Why an edit is no candidate.
pub(super) enum Refused {
    Invalid,
    Duplicate,
}

type Seen = HashSet<(u64, [u8; 16])>;

/// Makes edits.
#[derive(Default)]
pub(super) struct Workshop {
    /// Statements and functions that were begun, and whether they can be parsed by themselves.
    opened: HashMap<u64, bool>,
}

impl Workshop {
    pub(super) fn make(&mut self, suspect: &Suspect, edit: &Edit, seen: &mut Seen) -> Result<Prepared, Refused> {
        let source = &suspect.source;
        let statement = &source.statements()[suspect.statement];
        let edit = &with_line_ends(source, edit);
        let header = statement.range.start <= edit.range.start && edit.range.end <= statement.range.end;
        let function = function_around(source, statement.scope);
        // A statement is judged by itself; where lines come, go or move, the function around them is.
        let range = if header {
            statement.range.clone()
        } else {
            let around = scope_around(source, &edit.range).ok_or(Refused::Invalid)?;
            around.start.min(edit.range.start)..around.end.max(edit.range.end)
        };
        let (key, after) = (key_of(source, &range, header), within(source, &range, edit));
        let hash =
            |text: &str| if header { Fragment::parse(statement, text).map(|f| f.hash()) } else { unit_hash(text) };
        let opened = *self.opened.entry(key).or_insert_with(|| {
            let original = hash(&source.text()[range.clone()]);
            seen.extend(original.map(|hash| (key, hash)));
            original.is_some()
        });
        let name = if opened {
            hash(&after).ok_or(Refused::Invalid)?
        } else {
            // The grammar knows this piece only within its file; its text must do for a name.
            source.edited(&edit.range, &edit.replacement).ok_or(Refused::Invalid)?;
            text_hash(&after)
        };
        if !seen.insert((key, name)) {
            return Err(Refused::Duplicate);
        }
        // Told by whole statements: what a reader compares.
        let told = if header { range } else { whole_lines(source, &edit.range, &statement.whole) };
        let (before, after) = (source.text()[told.clone()].to_owned(), within(source, &told, edit));
        let at_import =
            statement.at_import || statement.kind == "function_definition" || touches_header(source, edit.range.start);
        let named = function.map(|index| source.scopes()[index].qualname.clone());
        Ok(Prepared {
            path: source.path().clone(),
            text: source.replaced(&edit.range, &edit.replacement).into(),
            size: tokens_changed(&before, &after),
            sites: vec![Site {
                path: source.path().clone(),
                first_line: *statement.lines.start(),
                last_line: *statement.lines.end(),
                function: named.clone(),
                at_import,
            }],
            edits: vec![AppliedEdit {
                path: source.path().clone(),
                line: line_of(source, told.start),
                function: named,
                operator: edit.operator.to_owned(),
                before,
                after,
                why: edit.why.clone(),
            }],
            marks: Vec::new(),
            source: source.clone(),
            header,
            kind: kind_of(source, edit),
            range: edit.range.clone(),
            function,
        })
    }
}

/// Edits are written with plain breaks; a file with others keeps its own.
fn with_line_ends(source: &Source, edit: &Edit) -> Edit {
    let mut edit = edit.clone();
    if edit.replacement.contains('\n') && source.text().contains("\r\n") {
        edit.replacement = edit.replacement.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    edit
}

/// The text of `range` with the edit made.
fn within(source: &Source, range: &Range<usize>, edit: &Edit) -> String {
    let text = source.text();
    [&text[range.start..edit.range.start], &edit.replacement, &text[edit.range.end..range.end]].concat()
}

fn key_of(source: &Source, range: &Range<usize>, header: bool) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(source.path().as_bytes());
    hasher.update(&(range.start as u64).to_le_bytes());
    hasher.update(&[u8::from(header)]);
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}

pub(super) fn text_hash(text: &str) -> [u8; 16] {
    let mut name = [0; 16];
    name.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
    name
}

fn kind_of(source: &Source, edit: &Edit) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in [edit.operator, &source.text()[edit.range.clone()], edit.replacement.as_str()] {
        hasher.update(part.as_bytes());
        hasher.update(&[0]);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// The function that holds all of a range, or ends right before it.
fn scope_around(source: &Source, range: &Range<usize>) -> Option<Range<usize>> {
    let functions = source.scopes().iter().filter(|scope| scope.kind == ScopeKind::Function);
    functions
        .filter(|scope| {
            let end =
                source.text()[scope.range.end..].find('\n').map_or(source.text().len(), |at| scope.range.end + at + 1);
            scope.range.start <= range.start && range.end <= end
        })
        .min_by_key(|scope| scope.range.len())
        .map(|scope| scope.range.clone())
}

/// Both ranges, from the beginning of the first line's code to the end of the last line's.
fn whole_lines(source: &Source, range: &Range<usize>, statement: &Range<usize>) -> Range<usize> {
    let text = source.text();
    let near = statement.len() < 400 && (range.start <= statement.end && statement.start <= range.end);
    let (start, end) =
        if near { (range.start.min(statement.start), range.end.max(statement.end)) } else { (range.start, range.end) };
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let code = line + text[line..start].len() - text[line..start].trim_start().len();
    let start = code.min(start);
    let end = if end > start && text[..end].ends_with('\n') {
        end
    } else {
        text[end..].find('\n').map_or(text.len(), |at| end + at)
    };
    start..end.max(range.end)
}

/// Whether a byte lies in the header of a function: its defaults are evaluated where it is defined.
fn touches_header(source: &Source, byte: usize) -> bool {
    let after = source.statements().partition_point(|statement| statement.range.start <= byte);
    after
        .checked_sub(1)
        .map(|index| &source.statements()[index])
        .is_some_and(|statement| statement.kind == "function_definition" && byte < statement.range.end)
}

fn line_of(source: &Source, byte: usize) -> u32 {
    let after = source.statements().partition_point(|statement| statement.range.start <= byte);
    // From the nearest statement, so that a long file is not counted through.
    let (from, line) = after.checked_sub(1).map_or((0, 1), |index| {
        let statement = &source.statements()[index];
        (statement.range.start, *statement.lines.start())
    });
    line + u32::try_from(source.text()[from..byte].matches('\n').count()).unwrap_or(0)
}

fn function_around(source: &Source, scope: usize) -> Option<usize> {
    let mut scope = Some(scope);
    while let Some(index) = scope {
        let current = &source.scopes()[index];
        if current.kind == ScopeKind::Function {
            return Some(index);
        }
        scope = current.parent;
    }
    None
}
