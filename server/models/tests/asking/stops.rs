use std::cell::Cell;
use std::time::Instant;

use airlock_models::CancellationToken;

use super::*;

/// Runs what needs a runtime.
fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

#[test]
fn a_stop_in_the_middle_of_a_reply_hangs_up_at_once() {
    for protocol in PROTOCOLS {
        let all = events(&reply_events(protocol));
        let script = vec![stream_head(), Step::Send(all[..all.len() / 2].to_vec()), Step::Silence];
        let server = ModelServer::start(vec![script]);
        let client = Client::new(settings(&server, protocol)).unwrap();
        // Stopped as soon as something was told.
        let stopped = Cell::new(None);
        let reply =
            client.ask_blocking(&question(), &mut |_| stopped.set(Some(Instant::now())), &|| stopped.get().is_some());
        assert_eq!(reply, Err(ModelError::Cancelled));
        assert!(server.was_hung_up_on(Duration::from_secs(1)));
        assert!(stopped.get().unwrap().elapsed() < Duration::from_secs(1));
    }
}

#[test]
fn a_token_stops_a_question_while_its_runtime_goes_on() {
    run(async {
        let text = events(&reply_events(Protocol::Chat)[..1]);
        let server =
            ModelServer::start(vec![vec![stream_head(), Step::Send(text), Step::Silence], good(Protocol::Chat)]);
        let client = Client::new(settings(&server, Protocol::Chat)).unwrap();
        let cancel = CancellationToken::new();
        let reply = client.ask(&question(), &mut |_| cancel.cancel(), &cancel).await;
        assert_eq!(reply, Err(ModelError::Cancelled));
        // The connection's own task closes it, which it can only do where the runtime runs.
        assert!(
            tokio::task::spawn_blocking(move || (server.was_hung_up_on(Duration::from_secs(1)), server))
                .await
                .unwrap()
                .0
        );
    });
}

#[test]
fn a_stop_before_while_connecting_while_waiting_and_between_tries() {
    // Before anything is sent.
    run(async {
        let server = ModelServer::start(vec![good(Protocol::Chat)]);
        let client = Client::new(settings(&server, Protocol::Chat)).unwrap();
        let cancel = CancellationToken::new();
        cancel.cancel();
        assert_eq!(client.ask(&question(), &mut |_| {}, &cancel).await, Err(ModelError::Cancelled));
        assert!(server.asked().is_empty());
    });
    // While the server thinks.
    let server = ModelServer::start(vec![vec![Step::Silence]]);
    let client = Client::new(settings(&server, Protocol::Chat)).unwrap();
    let reply = client.ask_blocking(&question(), &mut |_| {}, &|| !server.asked().is_empty());
    assert_eq!(reply, Err(ModelError::Cancelled));
    assert!(server.was_hung_up_on(Duration::from_secs(1)));
    // While it waits to ask again.
    let limited = answer("429 Too Many Requests", &[("Retry-After", "100")], b"{}");
    let server = ModelServer::start(vec![limited]);
    let mut settings = settings(&server, Protocol::Chat);
    settings.retries.times = 1;
    let waits = Cell::new(false);
    let client = Client::new(settings).unwrap();
    let begun = Instant::now();
    let reply =
        client.ask_blocking(&question(), &mut |delta| waits.set(matches!(delta, Delta::Again { .. })), &|| waits.get());
    assert_eq!(reply, Err(ModelError::Cancelled));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn lists_and_tests_are_stopped_too() {
    let server = ModelServer::start(vec![vec![Step::Silence], vec![Step::Silence]]);
    let client = Client::new(settings(&server, Protocol::Chat)).unwrap();
    assert_eq!(client.models_blocking(&|| !server.asked().is_empty()), Err(ModelError::Cancelled));
    assert_eq!(client.test_blocking(&|| server.asked().len() > 1), Err(ModelError::Cancelled));
}
