//! What depends on the process: its environment and its limits. Each is tried in a process of its own.

use super::*;

/// What a process in which only one test runs says: what it tries, with this environment.
fn alone(what: &str, environment: &[(&str, &str)]) -> String {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--nocapture", "alone::a_process_of_its_own"]).env("AIRLOCK_TEST_ALONE", what);
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    let done = command.envs(environment.iter().copied()).output().unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// Does nothing where it is not asked to by its environment.
#[test]
fn a_process_of_its_own() {
    let Ok(what) = std::env::var("AIRLOCK_TEST_ALONE") else { return };
    let server = ModelServer::start(vec![good(Protocol::Chat)]);
    let mut settings = settings(&server, Protocol::Chat);
    match what.as_str() {
        "certificates" => settings.base_url = "https://127.0.0.1:1".to_owned(),
        "elsewhere" | "elsewhere directly" => {
            settings.base_url = "http://no-such-host.invalid/v1".to_owned();
            settings.allow_insecure_http = true;
            settings.use_system_proxy = what == "elsewhere";
        }
        _ => {}
    }
    let client = match Client::new(settings) {
        Ok(client) => client,
        Err(error) => return println!("said {}: {error}", error.code()),
    };
    let mut held = Vec::new();
    if what == "descriptors" {
        let few = rustix::process::Rlimit { current: Some(64), maximum: Some(64) };
        rustix::process::setrlimit(rustix::process::Resource::Nofile, few).unwrap();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            held.push(file);
        }
    }
    let reply = client.ask_blocking(&question(), &mut |_| {}, &|| false);
    drop(held);
    match reply {
        Ok(reply) => println!("said a reply: {}", reply.model),
        Err(error) => println!("said {}: {error}", error.code()),
    }
}

#[test]
fn a_system_without_certificates_is_said_where_they_are_needed() {
    let nothing = tempfile::TempDir::new().unwrap();
    let file = nothing.path().join("none.pem");
    let variables = [("SSL_CERT_DIR", nothing.path().to_str().unwrap()), ("SSL_CERT_FILE", file.to_str().unwrap())];
    let said = alone("certificates", &variables);
    assert!(said.contains("said no_tls: "), "{said}");
    // A model on this machine needs none.
    let said = alone("here", &variables);
    assert!(said.contains("said a reply: m-1"), "{said}");
}

#[test]
fn a_process_without_descriptors_is_said() {
    let said = alone("descriptors", &[]);
    assert!(said.contains("said no_runtime: "), "{said}");
}

#[test]
fn a_proxy_is_asked_for_other_hosts_and_never_for_this_one() {
    let proxy = ModelServer::start(vec![good(Protocol::Chat)]);
    let url = proxy.url();
    let variables = [("http_proxy", url.as_str()), ("https_proxy", url.as_str()), ("all_proxy", url.as_str())];
    let said = alone("here", &variables);
    assert!(said.contains("said a reply: m-1") && proxy.asked().is_empty(), "{said}");
    let said = alone("elsewhere directly", &variables);
    assert!(said.contains("said unresolved: ") && proxy.asked().is_empty(), "{said}");
    let said = alone("elsewhere", &variables);
    assert!(said.contains("said a reply: m-1"), "{said}");
    assert_eq!(proxy.asked()[0].line, "POST http://no-such-host.invalid/v1/chat/completions");
}
