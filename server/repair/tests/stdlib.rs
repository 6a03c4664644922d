//! Every edit of real Python files is valid Python: for the grammar, and, for a sample, for CPython's own compiler.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use airlock_repair::{
    material::Material,
    operators::{OPERATORS, Place},
    source::Source,
};

/// Files of the machine's standard library of different kinds; those it lacks are passed over.
const FILES: &[&str] = &[
    "bisect.py",
    "calendar.py",
    "colorsys.py",
    "dataclasses.py",
    "fractions.py",
    "heapq.py",
    "shlex.py",
    "statistics.py",
    "string.py",
    "textwrap.py",
    "json/decoder.py",
    "asyncio/queues.py",
];

/// Every n-th edit goes to the compiler, and is parsed within its file.
const STRIDE: usize = 101;

fn library() -> PathBuf {
    let output = Command::new("python3")
        .args(["-I", "-c", "import sysconfig; print(sysconfig.get_path('stdlib'), end='')"])
        .output()
        .expect("python3 runs");
    PathBuf::from(String::from_utf8(output.stdout).expect("a path in UTF-8"))
}

/// The first of the texts that CPython refuses, with its message.
fn refused(jobs: &serde_json::Value) -> String {
    const COMPILE: &str = concat!(
        "import json, sys, warnings\n",
        "warnings.simplefilter('ignore')\n",
        "for text, ranges in json.load(sys.stdin):\n",
        "    data = text.encode()\n",
        "    for start, end, new, operator in ranges:\n",
        "        try: compile(data[:start] + new.encode() + data[end:], 'x', 'exec', dont_inherit=True)\n",
        "        except SyntaxError as error: print(operator, repr(data[start:end]), repr(new), error)\n",
    );
    let mut child = Command::new("python3")
        .args(["-I", "-c", COMPILE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 starts");
    let input = serde_json::to_vec(jobs).expect("jobs are JSON");
    child.stdin.take().expect("stdin is piped").write_all(&input).expect("python3 reads");
    let output = child.wait_with_output().expect("python3 ends");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn every_edit_of_real_files_is_valid() {
    let library = library();
    let mut jobs = Vec::new();
    let (mut files, mut edits, mut invalid) = (0, 0, Vec::new());
    for name in FILES {
        let Ok(bytes) = std::fs::read(library.join(name)) else {
            continue;
        };
        files += 1;
        let source = Source::parse(*name, &bytes).expect("the standard library parses");
        let material = Material::of([&source]);
        let mut sample = Vec::new();
        for index in 0..source.statements().len() {
            let place = Place::new(&source, index, &material).expect("every statement is a place");
            let range = &place.statement().range;
            for edit in OPERATORS.iter().flat_map(|operator| operator.edits(&place)) {
                assert!((1..=1000).contains(&edit.weight) && edit.why.contains(name), "{edit:?}");
                let sampled = edits % STRIDE == 0;
                edits += 1;
                // The search drops what does not parse; more than a handful would be an operator's fault.
                let within = range.start <= edit.range.start && edit.range.end <= range.end;
                let valid = if within {
                    place.edited(&edit).is_some()
                } else {
                    !sampled || source.edited(&edit.range, &edit.replacement).is_some()
                };
                if !valid {
                    invalid.push(format!("{edit:?}"));
                } else if sampled {
                    assert!(source.edited(&edit.range, &edit.replacement).is_some(), "{edit:?}");
                    sample.push((edit.range.start, edit.range.end, edit.replacement, edit.operator));
                }
            }
        }
        jobs.push((source.text().to_string(), sample));
    }
    assert!(files >= 6, "only {files} files of the standard library were found");
    assert!(edits > 5_000, "only {edits} edits");
    assert!(
        invalid.is_empty(),
        "{} of {edits} do not parse: {}",
        invalid.len(),
        invalid[..invalid.len().min(20)].join("\n")
    );
    assert_eq!(refused(&serde_json::json!(jobs)), "", "CPython refuses an edit");
}
