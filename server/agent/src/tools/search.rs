//! `search`: lines that match, by ripgrep's library.

use airlock_core::conversation::ToolSpec;
use airlock_core::diff::is_binary;
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{Searcher, SearcherBuilder, Sink, SinkContext, SinkMatch};
use regex_syntax::hir::{Hir, HirKind};
use serde::Deserialize;
use serde_json::json;

use airlock_core::text::visible_bytes;

use super::{Answer, At, Done, Page, folder, glob};
use crate::files::Refusal;

const MAX_LINES: usize = 400;
const MAX_BYTES: usize = 32 << 10;
/// Most matches of one answer, unless asked for fewer.
const MAX_MATCHES: usize = 100;
/// Longest file that is looked at, and most bytes of all of them.
const MAX_FILE: u64 = 4 << 20;
const MAX_ALL: u64 = 512 << 20;
/// Longest line shown, in characters.
const MAX_LINE: usize = 300;
/// Most bytes of the program that a pattern becomes, and of what is kept of it while it runs.
const MAX_PROGRAM: usize = 4 << 20;
const MAX_CACHE: usize = 8 << 20;
/// Most work of one search: bytes that are looked at, times the states that a pattern may be in at once. A pattern that is made
/// to take long takes that many steps.
const MAX_WORK: u64 = 1 << 30;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(alias = "query", alias = "regex")]
    pattern: String,
    #[serde(default)]
    literal: bool,
    #[serde(default)]
    ignore_case: bool,
    #[serde(default, alias = "include")]
    glob: Option<String>,
    #[serde(default, alias = "path")]
    folder: Option<String>,
    #[serde(default)]
    context: Option<u32>,
    #[serde(default)]
    skip: Option<u64>,
    #[serde(default)]
    max: Option<u64>,
}

pub(super) fn spec() -> ToolSpec {
    super::spec(
        "search",
        "Finds lines that match in the project's files, with all changes made in this task. Shows `path:line: text`, and \
         context lines as `path-line- text`. A pattern never spans lines.",
        json!({
            "pattern": {"type": "string", "description": "A regular expression in Rust's syntax (as ripgrep), or plain text \
                        with `literal`."},
            "literal": {"type": "boolean", "description": "The pattern is plain text. Default false."},
            "ignore_case": {"type": "boolean", "description": "Default false."},
            "glob": {"type": "string", "description": "Only files whose path matches, e.g. `*.py`."},
            "folder": {"type": "string", "description": "Only files beneath this folder, or this one file."},
            "context": {"type": "integer", "minimum": 0, "maximum": 10, "description": "Lines around each match. Default 0."},
            "skip": {"type": "integer", "minimum": 0, "description": "Matches to leave out, where an earlier answer was cut."},
            "max": {"type": "integer", "minimum": 1, "maximum": 100, "description": "Most matches. Default 100."}
        }),
        &["pattern"],
    )
}

pub(super) fn call(at: &mut At<'_>, arguments: &Arguments) -> Answer {
    let matcher = matcher(arguments)?;
    let filter = arguments.glob.as_deref().map(glob).transpose()?;
    let root = folder(arguments.folder.as_deref())?;
    if let Some(root) = &root
        && !at.workspace.contains_folder(root)
    {
        // One file; a hidden or missing one says so.
        at.workspace.read(root)?;
    }
    let context = arguments.context.unwrap_or(0).min(10) as usize;
    let most = usize::try_from(arguments.max.unwrap_or(u64::MAX)).unwrap_or(usize::MAX).clamp(1, MAX_MATCHES);
    let skip = usize::try_from(arguments.skip.unwrap_or(0)).unwrap_or(usize::MAX);
    let mut searcher = SearcherBuilder::new().line_number(true).before_context(context).after_context(context).build();
    let mut found = Found { page: Page::new(MAX_LINES, MAX_BYTES), skip, most, seen: 0, shown: 0, full: false };
    let (mut looked, mut left_out, mut bytes_read) = (0_usize, 0_usize, 0_u64);
    let (states, mut work, mut too_costly) = (states(arguments), MAX_WORK, 0_usize);
    let bench = &at.tools.bench;
    for (path, len) in at.workspace.files() {
        if bench.stopped() {
            return Err(Refusal("the search was stopped".to_owned()));
        }
        let beneath = root.as_ref().is_none_or(|root| path.is_beneath(root));
        if !beneath || filter.as_ref().is_some_and(|filter| !filter.is_match(path.as_str())) {
            continue;
        }
        if len > MAX_FILE || bytes_read + len > MAX_ALL {
            left_out += 1;
            continue;
        }
        let Some(left) = work.checked_sub(len.saturating_mul(states)) else {
            too_costly += 1;
            continue;
        };
        let Ok(bytes) = at.workspace.read(&path) else {
            left_out += 1;
            continue;
        };
        if is_binary(&bytes) {
            continue;
        }
        looked += 1;
        bytes_read += len;
        work = left;
        // What is hidden is not searched either: whether a pattern matches a key would tell the key.
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => at.tools.outward.redacted(text).into_owned(),
            Err(_) => at.tools.outward.redacted(&visible_bytes(&bytes)).into_owned(),
        };
        let stopped = || bench.stopped();
        let mut in_file = InFile { path: path.as_str(), found: &mut found, gap: true, stopped: &stopped };
        searcher
            .search_slice(&matcher, text.as_bytes(), &mut in_file)
            .map_err(|error| Refusal(format!("the search failed: {error}")))?;
        if found.full {
            break;
        }
    }
    let mut notes = Vec::new();
    if found.full {
        let next = skip.saturating_add(found.shown);
        notes.push(format!(
            "[cut after {} matches; narrow it with `glob` or `folder`, or go on with \"skip\": {next}]",
            found.shown
        ));
    } else if found.shown == 0 {
        let before =
            if found.seen > 0 { format!(" besides the {} that were skipped", found.seen) } else { String::new() };
        notes.push(format!("no match in {looked} files{before}"));
    }
    if too_costly > 0 {
        notes.push(format!(
            "[cut: {too_costly} files were not searched, as the pattern takes too long; make it simpler, or narrow it with \
             `glob` or `folder`]"
        ));
    }
    if left_out > 0 {
        notes.push(format!("[{left_out} files are too large or unreadable and were not searched]"));
    }
    Done::said(found.page.finish(&notes.join("\n")))
}

fn matcher(arguments: &Arguments) -> Result<RegexMatcher, Refusal> {
    let pattern = &arguments.pattern;
    if pattern.is_empty() || pattern.len() > 4_000 {
        return Err(Refusal("the pattern is empty or longer than 4000 bytes".to_owned()));
    }
    if pattern.contains('\n') {
        return Err(Refusal(
            "the pattern has a line break, and no match spans lines; search for one of the lines".to_owned(),
        ));
    }
    RegexMatcherBuilder::new()
        .case_insensitive(arguments.ignore_case)
        .fixed_strings(arguments.literal)
        .line_terminator(Some(b'\n'))
        .size_limit(MAX_PROGRAM)
        .dfa_size_limit(MAX_CACHE)
        .build(pattern)
        .map_err(|error| {
            Refusal(format!("the pattern is no regular expression: {error}. With \"literal\": true it is plain text"))
        })
}

/// About how many states a pattern may be in at once: one for each thing it asks for, as often as it may.
fn states(arguments: &Arguments) -> u64 {
    if arguments.literal {
        return 1;
    }
    let mut parser = regex_syntax::ParserBuilder::new().utf8(false).case_insensitive(arguments.ignore_case).build();
    // Who cannot be read here cannot be run either.
    parser.parse(&arguments.pattern).map_or(u64::MAX, |pattern| states_of(&pattern, false).max(1))
}

fn states_of(pattern: &Hir, counted: bool) -> u64 {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        // By itself it is found as fast as any.
        HirKind::Literal(literal) => {
            if counted {
                literal.0.len() as u64
            } else {
                1
            }
        }
        HirKind::Class(_) => 1,
        HirKind::Repetition(again) => {
            let times = u64::from(again.max.unwrap_or(again.min)).max(1);
            states_of(&again.sub, true).saturating_mul(times)
        }
        HirKind::Capture(group) => states_of(&group.sub, counted),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(|part| states_of(part, counted)).fold(0, u64::saturating_add)
        }
    }
}

/// What was found in all files.
struct Found {
    page: Page,
    skip: usize,
    most: usize,
    /// Matches met, and those shown.
    seen: usize,
    shown: usize,
    full: bool,
}

/// The search of one file.
struct InFile<'a> {
    path: &'a str,
    found: &'a mut Found,
    /// Something was left out since the last line shown.
    gap: bool,
    stopped: &'a dyn Fn() -> bool,
}

impl InFile<'_> {
    fn push(&mut self, number: Option<u64>, bytes: &[u8], mark: char) -> bool {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches(['\n', '\r']);
        let cut = match text.char_indices().nth(MAX_LINE) {
            Some((at, _)) => format!("{} [cut]", &text[..at]),
            None => text.to_owned(),
        };
        let number = number.unwrap_or(0);
        self.found.page.push(&format!("{}{mark}{number}{mark} {cut}", self.path))
    }
}

impl Sink for InFile<'_> {
    type Error = std::io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> Result<bool, Self::Error> {
        self.found.seen += 1;
        if (self.stopped)() {
            return Err(std::io::Error::other("it was stopped"));
        }
        if self.found.seen <= self.found.skip {
            return Ok(true);
        }
        if self.found.shown == self.found.most || !self.push(found.line_number(), found.bytes(), ':') {
            self.found.full = true;
            return Ok(false);
        }
        self.found.shown += 1;
        self.gap = false;
        Ok(true)
    }

    fn context(&mut self, _: &Searcher, context: &SinkContext<'_>) -> Result<bool, Self::Error> {
        // Context before a match that is skipped, or after the last that has room, is not shown.
        if self.found.seen >= self.found.skip && self.found.shown < self.found.most {
            self.push(context.line_number(), context.bytes(), '-');
        }
        Ok(true)
    }

    fn context_break(&mut self, _: &Searcher) -> Result<bool, Self::Error> {
        if !self.gap {
            self.found.page.push("--");
            self.gap = true;
        }
        Ok(true)
    }
}
