//! Every extension module of the standard library is imported and called through: none of what the compiler was not given
//! is needed by it.

use crate::support::{assert_all_pass, limits, report, run};

/// Runs before the harness could hide or replace anything of the modules that it leaves alone.
const TEXT: &str = r#"
import importlib, inspect, sys
import pytest

#: Not in this guest at all; see PEP 816's list of what WASI lacks, and the harness's own stand-ins.
NAMES = sorted({*sys.builtin_module_names, *sys.stdlib_module_names})

#: Opening a program's window or browser, reading a terminal, or printing a page is all these do when imported.
NOT_IMPORTED = {"antigravity", "this", "idlelib"}

#: They end or stop the interpreter, wait for ever, or wait for what is not there: a call says nothing about their code.
NOT_CALLED = {"abort", "_exit", "raise_signal", "kill", "pause", "breakpoint", "input", "exit", "quit", "sleep", "interact",
              "set_trace", "main", "_main", "help", "license", "credits", "copyright", "fork", "forkpty", "select", "poll",
              "_current_frames", "settrace", "setprofile", "setrecursionlimit", "_clear_type_cache", "_debugmallocstats",
              "dump_traceback_later", "register", "_sigsegv", "_sigabrt", "_sigfpe", "_fatal_error", "_fatal_error_c_thread",
              "_read_null", "_stack_overflow", "_clear_internal_caches", "call_tracing", "setswitchinterval", "exc_info",
              "acquire_lock", "release_lock", "_at_fork_reinit", "set_asyncgen_hooks", "addaudithook", "unraisablehook",
              "excepthook", "displayhook", "_thread_stop", "read", "closerange", "close", "dup2", "read_input", "_shutdown",
              "disable", "freeze", "chdir", "fchdir", "unregister", "_set_sentinel", "start_new_thread", "start_new",
              "start_joinable_thread", "daemon_threads_allowed", "interrupt_main", "remote_exec", "activate_stack_trampoline",
              "intern", "set_int_max_str_digits", "_setprofileallthreads", "_settraceallthreads", "exit_thread",
              "_baserepl", "_git", "set_coroutine_origin_tracking_depth", "_enable_gil"}

def importable():
    for name in NAMES:
        if name in NOT_IMPORTED:
            continue
        try:
            yield name, importlib.import_module(name)
        except (ImportError, AttributeError, OSError, NotImplementedError):
            pass

def is_extension(module):
    spec = getattr(module, "__spec__", None)
    return spec is not None and (spec.origin == "built-in" or type(spec.loader).__name__ == "ExtensionFileLoader"
                                 or getattr(module, "__file__", "x") is None or not hasattr(module, "__file__"))

def test_what_is_there_is_imported():
    names = {name for name, _ in importable()}
    for name in ("zlib", "bz2", "lzma", "sqlite3", "_sqlite3", "decimal", "pyexpat", "_elementtree", "_hashlib_or_md5",
                 "_json", "_pickle", "_struct", "math", "cmath", "_datetime", "_csv", "array", "unicodedata", "_zoneinfo"):
        if name == "_hashlib_or_md5":
            assert {"_md5", "_sha2", "_blake2", "_sha3"} <= names
        else:
            assert name in names, name
    assert len(names) > 200, sorted(set(NAMES) - names)

def test_every_function_is_called_with_what_it_may_not_like():
    called, modules = 0, set()
    for name, module in importable():
        if not is_extension(module):
            continue
        for attribute, value in sorted(vars(module).items()):
            if attribute in NOT_CALLED or not callable(value):
                continue
            if name in ("faulthandler", "_posixsubprocess", "_signal", "gc", "_testcapi", "_testinternalcapi", "_testsinglephase"):
                continue
            modules.add(name)
            for arguments in ((), (b"",), ("",), (0,), (None,), ([],), (b"abc", b"abc"), ("a", "b"), (1, 2), (1.5,)):
                try:
                    value(*arguments)
                except BaseException:
                    pass
                called += 1
    assert called > 5000 and len(modules) > 60, (called, len(modules))

def test_what_the_libraries_below_are_for():
    import bz2, decimal, hashlib, lzma, sqlite3, zlib
    import xml.etree.ElementTree as tree
    import xml.dom.minidom, xml.sax
    block = bytes(range(256)) * 500
    for module in (bz2, lzma, zlib):
        assert module.decompress(module.compress(block)) == block
    for preset in range(10):
        assert lzma.decompress(lzma.compress(block, preset=preset)) == block
        assert zlib.decompress(zlib.compress(block, preset)) == block
    for filters in ([{"id": lzma.FILTER_DELTA, "dist": 4}, {"id": lzma.FILTER_LZMA2}], [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2}]):
        assert lzma.decompress(lzma.compress(block, filters=filters)) == block
    for name in sorted(hashlib.algorithms_guaranteed):
        digest = hashlib.new(name, block)
        assert digest.hexdigest(16) if name.startswith("shake") else digest.hexdigest()
    base = sqlite3.connect(":memory:")
    base.execute("create virtual table t using fts5(x)")
    base.execute("create table u (a integer primary key, b text, c real, d blob)")
    base.executemany("insert into u (b, c, d) values (?, ?, ?)", [(str(n), n / 3, bytes([n % 256])) for n in range(1000)])
    base.execute("insert into t values ('hello world')")
    assert base.execute("select count(*) from t where t match 'hello'").fetchone() == (1,)
    assert base.execute("select json_extract('{\"a\": [1, 2]}', '$.a[1]'), sum(c), group_concat(b), strftime('%Y', 0), printf('%.3f', avg(c)) from u").fetchone()[0] == 2
    base.execute("create index i on u (b)"); base.commit(); base.execute("vacuum"); base.execute("analyze")
    assert list(base.iterdump())
    base.execute("create virtual table r using rtree(id, x0, x1)") if "ENABLE_RTREE" in {o[0] for o in base.execute("pragma compile_options")} else None
    decimal.getcontext().prec = 2000
    assert str(decimal.Decimal(2).sqrt() ** 2)[:4] in ("2.00", "1.99", "2")
    decimal.Decimal(10).exp(), decimal.Decimal(10).ln(), decimal.Decimal(7) / decimal.Decimal(3), pow(decimal.Decimal(3), 10**4, 7)
    root = tree.fromstring("<!DOCTYPE a [<!ENTITY e 'x'>]><a b='1'>&e;<c/>\u00e9</a>")
    assert tree.tostring(root) and xml.dom.minidom.parseString("<a/>").toxml()
    with pytest.raises(tree.ParseError):
        tree.fromstring("<a>")
"#;

#[test]
fn every_extension_module_of_the_standard_library_works_without_what_was_left_out() {
    let ran = run(TEXT, limits());
    for test in &ran.report.tests {
        assert!(test.reason.as_ref().is_none_or(|reason| reason.kind != "native_module"), "{test:#?}");
    }
    let _ = report(&ran, "test_what_is_there_is_imported");
    assert_all_pass(&ran);
}

#[test]
fn keys_are_derived_as_natively_and_what_asks_too_much_is_refused() {
    let ran = run(
        r#"
import hashlib
import pytest

def test_known_keys():
    assert hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 4096).hex() == \
        "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a"
    assert hashlib.pbkdf2_hmac("sha512", b"password", b"salt", 1, 8).hex() == "867f70cf1ade02cf"
    assert hashlib.pbkdf2_hmac("md5", b"password", b"salt", 2) != b""
    assert hashlib.scrypt(b"password", salt=b"NaCl", n=1024, r=8, p=16, dklen=64).hex().startswith("fdbabe1c9d3472007856e7190d01e9fe")

def test_a_million_iterations_take_no_time_to_speak_of():
    assert len(hashlib.pbkdf2_hmac("sha256", b"x", b"y", 1_000_000)) == 32

def test_too_much():
    with pytest.raises(ValueError):
        hashlib.scrypt(b"x", salt=b"y", n=1 << 14, r=8, p=1 << 10, maxmem=1 << 30)

def test_the_door_takes_nothing_else():
    from airlock_harness import door
    for request in ({"op": "open", "path": "/etc/passwd"}, {"op": "scrypt"}, {"op": "pbkdf2", "iterations": "many"},
                    {"op": "pbkdf2", "hash": "sha256", "password": "zz", "salt": "", "iterations": 1, "dklen": 1 << 40}):
        assert set(door.ask(request)) == {"error"}
"#,
        limits(),
    );
    assert_all_pass(&ran);
}

#[path = "../../examples/function_ranges.rs"]
mod function_ranges;

#[test]
fn the_kept_ranges_are_those_of_the_installed_module() {
    let description = airlock_sandbox::guest::Description::python();
    let module = std::fs::read(crate::support::guest_folder().join(&description.module)).expect("the module");
    assert_eq!(function_ranges::ranges(&module), Ok(description.kept()));
    assert!(function_ranges::ranges(&module[..1000]).is_err());
    assert!(function_ranges::ranges(b"\0asm\x01\0\0\0").is_err());
}
