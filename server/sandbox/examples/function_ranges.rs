//! Finds the functions of the Python guest that are worth compiling, from the names in its module:
//!
//! ```text
//! cargo run -p airlock-sandbox --example function_ranges -- path/to/python.wasm
//! ```
//!
//! Functions lie in the order they were linked in: the interpreter and its own extension modules, then the scientific
//! stack, then the C libraries below all of them. Two functions mark where one ends and the next begins. The ranges belong
//! into the guest's description, beside the hash of the module they are true of.

use std::ops::Range;
use std::process::ExitCode;

use airlock_sandbox::guest::Description;
use sha2::{Digest, Sha256};
use wasmparser::{KnownCustom, Name, Parser, Payload};

/// The first function of numpy, the first library after the interpreter.
const FIRST_LEFT_OUT: &str = "Dragon4_PrintFloat_IEEE_binary16";

/// The first function of zlib, the first of the C libraries.
const FIRST_KEPT_AGAIN: &str = "adler32_z";

#[allow(dead_code, reason = "a test takes `ranges` from this file, and leaves this")]
fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("give the path of a guest's module");
        return ExitCode::from(2);
    };
    let module = match std::fs::read(&path) {
        Ok(module) => module,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            return ExitCode::from(2);
        }
    };
    let ranges = match ranges(&module) {
        Ok(ranges) => ranges,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    };
    let sha256: String = Sha256::digest(&module).iter().map(|byte| format!("{byte:02x}")).collect();
    let list: Vec<String> = ranges.iter().map(|range| format!("[{}, {}]", range.start, range.end)).collect();
    println!("  \"module_sha256\": \"{sha256}\",\n  \"kept_functions\": [{}],", list.join(", "));
    let known = Description::python();
    if known.module_sha256 == sha256 && known.kept() != ranges {
        eprintln!("the description of this very module has other ranges");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The function indices to keep, imports included.
///
/// # Errors
/// Where the module is not valid, has no names, or its landmarks are missing, doubled or in the wrong order.
pub fn ranges(module: &[u8]) -> Result<Vec<Range<u32>>, String> {
    let mut marks: [Option<u32>; 2] = [None, None];
    let (mut last, mut functions) = (None, 0);
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(|error| error.to_string())? {
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    let import = import.map_err(|error| error.to_string())?;
                    functions += u32::from(matches!(import.ty, wasmparser::TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionStart { count, .. } => functions += count,
            Payload::CustomSection(section) => {
                let KnownCustom::Name(names) = section.as_known() else { continue };
                for name in names {
                    let Ok(Name::Function(names)) = name else { continue };
                    for naming in names {
                        let naming = naming.map_err(|error| error.to_string())?;
                        for (mark, name) in marks.iter_mut().zip([FIRST_LEFT_OUT, FIRST_KEPT_AGAIN]) {
                            if naming.name == name && mark.replace(naming.index).is_some() {
                                return Err(format!("two functions are called {name}"));
                            }
                        }
                        last = Some(naming.index);
                    }
                }
            }
            _ => {}
        }
    }
    match (marks, last) {
        ([Some(out), Some(again)], Some(last)) if out < again && again <= last && last < functions => {
            Ok(vec![0..out, again..functions])
        }
        (_, None) => Err("the module has no names of functions".to_owned()),
        _ => Err("the functions that mark the ranges are not where they were".to_owned()),
    }
}
