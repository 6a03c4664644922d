//! Reading one configuration file into checked values, each with its line.

use std::io::Read;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::table::{self, Kind, Setting};
use super::value::{ConfigError, Value};

/// Largest configuration file read.
pub const MAX_BYTES: u64 = 1 << 20;

/// A value as one file gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    pub setting: &'static Setting,
    pub value: Value,
    /// From 1.
    pub line: u32,
}

impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Setting {}

/// Reads a whole file, or `None` where there is none. Only a regular file is opened: a FIFO would block for ever.
///
/// # Errors
/// The file is too large, not UTF-8, or there and unreadable.
pub fn read_text(file: &Path) -> Result<Option<String>, ConfigError> {
    let unreadable = |message: String| ConfigError::Unreadable { file: file.to_owned(), message };
    let meta = match std::fs::metadata(file) {
        Ok(meta) => meta,
        // A file where a folder was expected above it is also "no such file".
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(e) => return Err(unreadable(e.to_string())),
    };
    if !meta.is_file() {
        return Err(unreadable("it is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(|e| unreadable(e.to_string()))?;
    // One byte more than allowed, so that a file that grows meanwhile is noticed too.
    opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| unreadable(e.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ConfigError::TooLarge { file: file.to_owned() });
    }
    let text = String::from_utf8(bytes).map_err(|_| ConfigError::NotUtf8 { file: file.to_owned() })?;
    // Editors on Windows put a byte-order mark first; TOML has none.
    Ok(Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))
}

/// What `[tool.airlock]` of a `pyproject.toml` says; `None` where it has no such table.
///
/// # Errors
/// A bad value in the table; bad TOML only if the file speaks of Airlock at all, since other people's mistakes are not
/// ours to report.
pub fn parse_pyproject(file: &Path, text: &str) -> Result<Option<Vec<Given>>, ConfigError> {
    if !text.contains("airlock") {
        return Ok(None);
    }
    let document = parse_document(file, text)?;
    let reader = Reader { file, text };
    let Some(tool) = document.get_ref().get("tool").and_then(|t| t.get_ref().as_table()) else { return Ok(None) };
    let Some(own) = tool.get("airlock") else { return Ok(None) };
    let Some(own_table) = own.get_ref().as_table() else {
        return Err(reader.bad("tool.airlock", own, "a table", false));
    };
    reader.table("", own_table).map(Some)
}

/// What an `airlock.toml` or the user's `config.toml` says.
///
/// # Errors
/// Bad TOML, an unknown key, or a value that does not fit.
pub fn parse_own(file: &Path, text: &str) -> Result<Vec<Given>, ConfigError> {
    let document = parse_document(file, text)?;
    Reader { file, text }.table("", document.get_ref())
}

fn parse_document<'t>(file: &Path, text: &'t str) -> Result<Spanned<DeTable<'t>>, ConfigError> {
    DeTable::parse(text).map_err(|e| ConfigError::Syntax {
        file: file.to_owned(),
        line: e.span().map_or(1, |span| line_of(text, span.start)),
        message: e.message().to_owned(),
    })
}

/// The line (from 1) an offset in bytes lies on.
fn line_of(text: &str, offset: usize) -> u32 {
    let before = &text.as_bytes()[..offset.min(text.len())];
    1 + u32::try_from(before.iter().filter(|b| **b == b'\n').count()).unwrap_or(u32::MAX - 1)
}

struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn table(&self, prefix: &str, table: &DeTable<'_>) -> Result<Vec<Given>, ConfigError> {
        let mut given = Vec::new();
        for (key, value) in table {
            let name = format!("{prefix}{}", key.get_ref());
            // The schema's address, which editors understand in any TOML file.
            if name == "$schema" {
                continue;
            }
            if let Some(setting) = table::by_name(&name) {
                let line = line_of(self.text, value.span().start);
                given.push(Given { setting, value: self.value(setting, value)?, line });
            } else if prefix.is_empty() && table::is_table(&name) {
                let inner = value.get_ref().as_table().ok_or_else(|| self.bad(&name, value, "a table", false))?;
                given.extend(self.table(&format!("{name}."), inner)?);
            } else {
                return Err(ConfigError::UnknownKey {
                    file: self.file.to_owned(),
                    line: line_of(self.text, key.span().start),
                    nearest: table::nearest(&name),
                    key: shorten(&name),
                });
            }
        }
        // The parser's tables are sorted by name; a reader of warnings expects the file's order.
        given.sort_by_key(|g| g.line);
        Ok(given)
    }

    fn value(&self, setting: &Setting, value: &Spanned<DeValue<'_>>) -> Result<Value, ConfigError> {
        let checked = match value.get_ref() {
            DeValue::Integer(n) => {
                i128::from_str_radix(n.as_str(), n.radix()).ok().and_then(|n| Value::integer(setting, n))
            }
            DeValue::String(text) => Value::text(setting, text),
            DeValue::Array(items) => items
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .and_then(|items| Value::list(setting, items)),
            _ => None,
        };
        let of_its_type = matches!(
            (value.get_ref(), setting.kind),
            (DeValue::String(_), Kind::Choice(_) | Kind::Path | Kind::Text | Kind::Dollars)
                | (DeValue::Array(_), Kind::List)
        );
        checked.ok_or_else(|| self.bad(setting.name, value, &setting.expected(), of_its_type))
    }

    /// `of_its_type`: a string or a list was right, and what is in it is not.
    fn bad(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str, of_its_type: bool) -> ConfigError {
        let found = match value.get_ref() {
            // Numbers are shown, since the range is the usual mistake; strings may be anything and are not.
            DeValue::Integer(n) => format!("{n}"),
            DeValue::Float(n) => format!("{n}"),
            DeValue::Boolean(b) => b.to_string(),
            DeValue::String(_) if !of_its_type => "a string".to_owned(),
            DeValue::Array(_) if !of_its_type => "a list".to_owned(),
            DeValue::String(_) => "a string that does not fit".to_owned(),
            DeValue::Array(_) => "a list that does not fit".to_owned(),
            other => format!("a {}", other.type_str()),
        };
        ConfigError::BadValue {
            file: PathBuf::from(self.file),
            line: line_of(self.text, value.span().start),
            key: key.to_owned(),
            found: shorten(&found),
            expected: expected.to_owned(),
        }
    }
}

/// Keeps a message to one line of bounded length, whatever the file holds.
fn shorten(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(80).collect();
    if clean.chars().count() < text.chars().count() { clean + "…" } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> Result<Vec<(&'static str, Value, u32)>, String> {
        parse_own(Path::new("airlock.toml"), text)
            .map(|given| given.into_iter().map(|g| (g.setting.name, g.value, g.line)).collect())
            .map_err(|e| e.to_string())
    }

    #[test]
    fn values_are_read_with_their_lines() {
        let text = "threads = \"refuse\"\n\n[search]\nseed = 0x10\ntime_limit = 5\n\n[python]\nguest = \"3.15\"\n";
        assert_eq!(
            own(text).unwrap(),
            [
                ("threads", Value::Text("refuse".into()), 1),
                ("search.seed", Value::Integer(16), 4),
                ("search.time_limit", Value::Integer(5), 5),
                ("python.guest", Value::Text("3.15".into()), 8),
            ]
        );
        assert_eq!(own("search.seed = 1").unwrap().len(), 1);
        assert_eq!(own("").unwrap(), []);
    }

    #[test]
    fn each_mistake_names_file_line_key_and_what_is_expected() {
        let cases = [
            ("\ntest_second = 1", "airlock.toml:2: unknown setting `test_second`; did you mean `test_seconds`?"),
            ("zzzz = 1", "airlock.toml:1: unknown setting `zzzz`; `airlock config` lists them all"),
            ("[search]\nsed = 1", "airlock.toml:2: unknown setting `search.sed`; did you mean `search.seed`?"),
            ("jobs = 0", "airlock.toml:1: `jobs` is 0, expected a whole number from 1 to 256"),
            ("jobs = -3", "airlock.toml:1: `jobs` is -3, expected a whole number from 1 to 256"),
            ("jobs = 1.5", "airlock.toml:1: `jobs` is 1.5, expected a whole number from 1 to 256"),
            (
                "jobs = 99999999999999999999",
                "airlock.toml:1: `jobs` is 99999999999999999999, expected a whole number from 1 to 256",
            ),
            ("jobs = true", "airlock.toml:1: `jobs` is true, expected a whole number from 1 to 256"),
            (
                "threads = \"maybe\"",
                "airlock.toml:1: `threads` is a string that does not fit, expected one of \"inline\", \"refuse\"",
            ),
            ("test_seconds = [5]", "airlock.toml:1: `test_seconds` is a list, expected a whole number from 1 to 86400"),
            ("jobs = \"2\"", "airlock.toml:1: `jobs` is a string, expected a whole number from 1 to 256"),
            ("ignore = \"a\"", "airlock.toml:1: `ignore` is a string, expected a list of strings"),
            ("ignore = [1]", "airlock.toml:1: `ignore` is a list that does not fit, expected a list of strings"),
            ("search = 3", "airlock.toml:1: `search` is 3, expected a table"),
            ("root = \"\"", "airlock.toml:1: `root` is a string that does not fit, expected a path as a string"),
        ];
        for (text, message) in cases {
            assert_eq!(own(text).unwrap_err(), message, "{text}");
        }
        let syntax = own("jobs = 1\nthis is not toml").unwrap_err();
        assert!(syntax.starts_with("airlock.toml:2: not valid TOML: "), "{syntax}");
        assert!(!syntax.contains('\n'), "{syntax}");
        assert!(own("\"a\\u001b[31m\" = 1").unwrap_err().contains("`a\u{fffd}[31m`"));
    }

    #[test]
    fn pyproject_matters_only_where_it_speaks_of_airlock() {
        let file = Path::new("pyproject.toml");
        assert_eq!(parse_pyproject(file, "broken = = 1").unwrap(), None);
        assert_eq!(parse_pyproject(file, "[project]\nname = \"airlock-demo\"").unwrap(), None);
        assert_eq!(parse_pyproject(file, "[tool.airlock]\njobs = 1").unwrap().unwrap().len(), 1);
        assert!(parse_pyproject(file, "tool.airlock = 1").is_err());
        assert!(parse_pyproject(file, "[tool.airlock\n").is_err());
    }

    #[test]
    fn what_is_not_a_small_text_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.toml");
        assert_eq!(read_text(&file).unwrap(), None);
        assert_eq!(read_text(&file.join("below")).unwrap(), None);
        std::fs::write(&file, b"\xef\xbb\xbfjobs = 1").unwrap();
        assert_eq!(read_text(&file).unwrap().unwrap(), "jobs = 1");
        std::fs::write(&file, b"\xff").unwrap();
        assert!(matches!(read_text(&file), Err(ConfigError::NotUtf8 { .. })));
        std::fs::write(&file, vec![b'#'; (MAX_BYTES + 1) as usize]).unwrap();
        assert!(matches!(read_text(&file), Err(ConfigError::TooLarge { .. })));
        assert!(matches!(read_text(dir.path()), Err(ConfigError::Unreadable { .. })));
    }
}
