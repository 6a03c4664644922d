//! Who is asked, and who says so.

use airlock_program_tests::calls::Project;
use airlock_program_tests::model_server::json_answer;
use serde_json::json;

use crate::support::{MODULE, Setting, TEST, call, word};

#[test]
fn without_a_model_the_setting_is_named() {
    let setting = Setting::new(vec![]);
    for words in [&["run", "do it"][..], &["models", "list"], &["models", "test"]] {
        let (document, exit) = setting.airlock(words).json();
        assert_eq!((&document["error"]["code"], exit), (&json!("no_model"), 2), "{document}");
        assert!(word(&document["error"], "message").contains("set `model.provider`"), "{document}");
    }
    let (document, exit) = setting.airlock(&["models", "list", "--provider", "nobody"]).json();
    assert_eq!((&document["error"]["code"], exit), (&json!("no_model"), 2), "{document}");
    let (document, exit) = setting.airlock(&["run", "x", "--max-cost", "much"]).json();
    assert_eq!(exit, 2);
    assert!(word(&document["error"], "message").contains("an amount in dollars"), "{document}");
}

#[test]
fn a_repository_says_nothing_of_models() {
    let files = [
        ("two.py", MODULE),
        ("test_two.py", TEST),
        (
            "airlock.toml",
            "[model]\nprovider = \"ollama\"\nname = \"theirs\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmax_cost = \"999\"\n",
        ),
    ];
    let setting = Setting::of(&files, vec![]);
    let (document, _) = setting.airlock(&["run", "do it"]).json();
    assert_eq!(document["error"]["code"], "no_model", "{document}");
    let (document, _) = setting.airlock(&["config"]).json();
    let warnings = document["warnings"].to_string();
    for name in ["model.provider", "model.base_url", "model.max_cost"] {
        assert!(warnings.contains(&format!("`{name}` is ignored")), "{warnings}");
    }
    assert!(setting.server.asked().is_empty());
}

#[test]
fn the_user_s_file_names_the_model_and_a_command_gives_the_key() {
    let list = json!({"data": [{"id": "b", "context_length": 8}, {"id": "a"}]});
    let setting = Setting::new(vec![json_answer("200 OK", &[], &list), call("a", "report_ready", "{}")]);
    let home = Project::empty();
    let url = setting.server.url();
    let file = format!(
        "[model]\nprovider = \"openai-chat\"\nname = \"scripted\"\nbase_url = \"{url}/v1\"\nkey_env = \"NOT_SET_HERE\"\n\
         key_command = [\"echo\", \"sk-of-a-command\"]\n"
    );
    home.write("airlock/config.toml", file);
    let airlock = |words: &[&str]| setting.airlock(words).env("XDG_CONFIG_HOME", home.path());
    let (document, exit) = airlock(&["models", "list"]).json();
    assert_eq!(exit, 0, "{document}");
    assert_eq!(document["models"], json!([{"id": "a", "context": null}, {"id": "b", "context": 8}]));
    let (document, exit) = airlock(&["models", "test"]).json();
    assert_eq!(exit, 0, "{document}");
    assert_eq!((&document["model"], &document["tools"]), (&json!("scripted"), &json!(true)), "{document}");
    assert_eq!(document["streaming"], true);
    for asked in setting.server.asked() {
        assert_eq!(asked.header("authorization"), Some("Bearer sk-of-a-command"));
    }
}
