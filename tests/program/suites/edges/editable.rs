//! Working copies outside the repository that an environment names: as guarded as the repository itself.

use airlock_program_tests::calls::Project;

use crate::support::word;

#[test]
fn what_a_working_copy_outside_ignores_or_keeps_secret_stays_there() {
    let outside = Project::new(&[
        ("pyproject.toml", "[project]\nname = 'billing'\n"),
        (".gitignore", "dump.sql\n"),
        ("src/billing/__init__.py", "RATE = 3\n"),
        ("src/billing/dump.sql", "canary\n"),
        ("src/billing/api.token", "canary\n"),
        ("src/billing/.env", "canary\n"),
        ("src/billing/rates.txt", "plain\n"),
    ]);
    outside.git(&["init", "--quiet"]);
    let pth = format!("{}\n", outside.join("src").display());
    let test = "\
        import pathlib\nimport billing\n\n\n\
        def test_what_is_seen():\n    \
            folder = pathlib.Path(billing.__file__).parent\n    \
            names = sorted(path.name for path in folder.iterdir() if path.suffix != '.pyc' and path.is_file())\n    \
            assert names == ['__init__.py', 'rates.txt']\n    \
            for name in ('dump.sql', 'api.token', '.env'):\n        \
                assert not (folder / name).exists(), name\n";
    let project = Project::new(&[
        ("test_app.py", test),
        ("airlock.toml", "secrets = [\"*.token\"]\n"),
        (".venv/pyvenv.cfg", "version = 3.12.0\nhome = /usr/bin\n"),
        (".venv/lib/python3.12/site-packages/billing.pth", pth.as_str()),
    ]);
    let (document, exit) = project.airlock(&["check"]).json();
    assert_eq!((word(&document, "status"), exit), ("passed", 0), "{document}");
}
