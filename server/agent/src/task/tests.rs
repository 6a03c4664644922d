use airlock_core::conversation::{Part, Stop};
use serde_json::json;

use super::*;
use crate::testing::path;

fn start(limits: Limits) -> Start {
    let message = "do it".to_owned();
    Start { system: "sys".into(), message, tools: vec![], answer_only: false, limits }
}

fn fresh() -> Loop {
    Loop::new(start(Limits::default()))
}

fn part(id: &str, name: &str, arguments: &str) -> Part {
    Part::Call(ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() })
}

fn text(text: &str) -> Part {
    Part::Text { text: text.into() }
}

fn replied(parts: Vec<Part>, stop: Stop) -> Input {
    let usage = Usage { input: 100, output: 10, ..Usage::default() };
    Input::Replied { reply: Reply { parts, stop, usage, model: "m".into() }, micro_dollars: 1_000 }
}

fn says(words: &str) -> Input {
    replied(vec![text(words)], Stop::Done)
}

fn calls(parts: Vec<Part>) -> Input {
    replied(parts, Stop::Calls)
}

fn done(id: &str, changed: &[&str]) -> Input {
    let result = ToolResult { id: id.into(), text: format!("done {id}"), is_error: false };
    Input::ToolDone { result, changed: changed.iter().map(|name| path(name)).collect(), overlay: None }
}

fn failed(id: &str) -> Input {
    Input::ToolDone {
        result: ToolResult { id: id.into(), text: "no".into(), is_error: true },
        changed: vec![],
        overlay: None,
    }
}

fn judged(judgement: Judgement) -> Input {
    Input::Judged { judgement }
}

fn feed(task: &mut Loop, inputs: &[Input]) -> Step {
    inputs.iter().for_each(|input| task.take(input));
    task.next()
}

fn asked(step: Step) -> Request {
    match step {
        Step::Ask(request) => *request,
        other => panic!("{other:?}"),
    }
}

fn called(step: Step) -> Vec<String> {
    match step {
        Step::Call(calls) => calls.into_iter().map(|call| call.id).collect(),
        other => panic!("{other:?}"),
    }
}

fn stopped(step: Step) -> StopReason {
    match step {
        Step::Stop(reason) => reason,
        other => panic!("{other:?}"),
    }
}

fn edit(id: &str) -> Input {
    calls(vec![part(id, "edit", "{}")])
}

#[test]
fn a_task_goes_from_asking_to_what_may_land() {
    let mut task = fresh();
    assert_eq!(asked(task.next()).messages, [Message::User { text: "do it".into() }]);
    assert_eq!(task.next(), task.next(), "asking twice changes nothing");
    let reply = calls(vec![
        text("I look."),
        part("1", "read", "{}"),
        part("2", "search", "{}"),
        part("3", "edit", "{}"),
        part("4", "read", "{}"),
    ]);
    assert_eq!(called(feed(&mut task, &[reply])), ["1", "2"], "what only reads goes on at once");
    assert_eq!(called(feed(&mut task, &[done("2", &[])])), ["1"]);
    assert_eq!(called(feed(&mut task, &[done("1", &[])])), ["3"], "what changes goes alone");
    assert_eq!(called(feed(&mut task, &[done("3", &["a.py"])])), ["4"]);
    let request = asked(feed(&mut task, &[done("4", &[])]));
    let Message::Tools { results } = &request.messages[2] else { panic!("results") };
    assert_eq!(
        results.iter().map(|result| result.id.as_str()).collect::<Vec<_>>(),
        ["1", "2", "3", "4"],
        "in their order"
    );
    assert_eq!(feed(&mut task, &[says("Done.")]), Step::Propose);
    assert_eq!(stopped(feed(&mut task, &[judged(Judgement::LetThrough)])), StopReason::LetThrough);
    assert_eq!((task.turns(), task.micro_dollars(), task.usage().input), (2, 2_000, 200));
    assert_eq!(task.changed().iter().collect::<Vec<_>>(), [&path("a.py")]);
    assert_eq!(stopped(feed(&mut task, &[says("more"), edit("9")])), StopReason::LetThrough, "over is over");
}

#[test]
fn a_verdict_that_keeps_it_out_goes_back_to_the_model_a_few_times() {
    let mut task = Loop::new(start(Limits { rounds: 2, ..Limits::default() }));
    for round in 0..2 {
        let step = feed(&mut task, &[edit("1"), done("1", &["a.py"]), says("Done.")]);
        assert_eq!(step, Step::Propose);
        let request = asked(feed(&mut task, &[judged(Judgement::KeptOut(format!("it broke {round}")))]));
        let Some(Message::User { text }) = request.messages.last() else { panic!("a message") };
        assert!(text.contains(&format!("it broke {round}")), "{text}");
    }
    feed(&mut task, &[edit("1"), done("1", &["a.py"]), says("Done.")]);
    let end = stopped(feed(&mut task, &[judged(Judgement::KeptOut("again".into()))]));
    assert_eq!(end, StopReason::KeptOut("again".into()));

    let mut gives_up = fresh();
    feed(&mut gives_up, &[edit("1"), done("1", &["a.py"]), says("Done."), judged(Judgement::KeptOut("why".into()))]);
    let end = stopped(feed(&mut gives_up, &[says("It cannot be done.")]));
    assert_eq!(end, StopReason::KeptOut("why".into()), "nothing new is not judged again");
}

#[test]
fn a_reply_without_a_call_ends_what_changed_nothing() {
    let end = stopped(feed(&mut fresh(), &[says("What do you mean?")]));
    assert_eq!(end, StopReason::NothingChanged("What do you mean?".into()));
    let mut question = Loop::new(Start { answer_only: true, ..start(Limits::default()) });
    assert_eq!(stopped(feed(&mut question, &[says("It adds.")])), StopReason::Answered("It adds.".into()));
    let mut undone = fresh();
    feed(&mut undone, &[edit("1"), done("1", &["a.py"]), says("Undone.")]);
    let end = stopped(feed(&mut undone, &[judged(Judgement::Nothing)]));
    assert_eq!(end, StopReason::NothingChanged("Undone.".into()));
    let mut untestable = fresh();
    feed(&mut untestable, &[edit("1"), done("1", &["a.py"]), says("Done.")]);
    let end = stopped(feed(&mut untestable, &[judged(Judgement::NotTestable("threads".into()))]));
    assert_eq!(end, StopReason::NotTestable("threads".into()));
}

#[test]
fn limits_are_looked_at_before_each_ask() {
    for (limits, word) in [
        (Limits { turns: 2, ..Limits::default() }, "asked 2 times"),
        (Limits { tokens: 220, ..Limits::default() }, "220 tokens"),
        (Limits { micro_dollars: 2_000, ..Limits::default() }, "0.0020 dollars were spent, of 0.0020"),
    ] {
        let mut task = Loop::new(start(limits));
        asked(feed(&mut task, &[edit("1"), done("1", &["a.py"])]));
        let StopReason::Limit(why) = stopped(feed(&mut task, &[edit("2"), done("2", &[])])) else { panic!("{word}") };
        assert!(why.contains(word), "{why}");
    }
    let StopReason::Limit(_) = stopped(Loop::new(start(Limits { turns: 0, ..Limits::default() })).next()) else {
        panic!("none at all")
    };
    let mut last = Loop::new(start(Limits { turns: 2, ..Limits::default() }));
    let step = feed(&mut last, &[edit("1"), done("1", &["a.py"]), says("Done.")]);
    assert_eq!(step, Step::Propose, "what the last reply ends is judged");
}

#[test]
fn a_call_that_fails_three_times_in_the_same_way_ends_the_task() {
    let call = |id: &str, arguments: &str| calls(vec![part(id, "edit", arguments)]);
    let mut task = fresh();
    asked(feed(
        &mut task,
        &[call("1", "{}"), failed("1"), call("2", "{\"x\":1}"), failed("2"), call("3", "{ }"), failed("3")],
    ));
    let StopReason::Stuck(why) = stopped(feed(&mut task, &[call("4", "{}"), failed("4")])) else { panic!("stuck") };
    assert_eq!(why, "`edit` failed 3 times with the same arguments: no");

    let mut mended = fresh();
    feed(
        &mut mended,
        &[call("1", "{}"), failed("1"), call("2", "{}"), failed("2"), call("3", "[]"), done("3", &["a.py"])],
    );
    asked(feed(&mut mended, &[call("4", "{}"), failed("4")]));
}

#[test]
fn a_reply_that_was_cut_off_goes_on_once() {
    let mut task = fresh();
    let request = asked(feed(&mut task, &[replied(vec![text("I begin")], Stop::Length)]));
    assert!(matches!(request.messages.last(), Some(Message::User { text }) if text.contains("cut off")));
    assert_eq!(stopped(feed(&mut task, &[replied(vec![text("and")], Stop::Length)])), StopReason::CutOff);

    let mut task = fresh();
    let cut = replied(vec![part("1", "create", "{\"path\": \"a"), part("2", "read", "{}")], Stop::Length);
    let request = asked(feed(&mut task, std::slice::from_ref(&cut)));
    let Some(Message::Tools { results }) = request.messages.last() else { panic!("each call is answered") };
    assert!(results.len() == 2 && results.iter().all(|result| result.is_error));
    asked(feed(&mut task, &[edit("3"), done("3", &[])]));
    asked(feed(&mut task, &[cut]));
}

#[test]
fn two_calls_of_one_id_are_both_carried_out() {
    let mut task = fresh();
    let twins = calls(vec![part("", "edit", "{\"a\":1}"), part("", "edit", "{\"a\":2}")]);
    let arguments = |step: Step| match step {
        Step::Call(calls) => calls[0].arguments.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(arguments(feed(&mut task, &[twins])), "{\"a\":1}");
    assert_eq!(arguments(feed(&mut task, &[done("", &["a.py"])])), "{\"a\":2}");
    let request = asked(feed(&mut task, &[failed("")]));
    let Some(Message::Tools { results }) = request.messages.last() else { panic!("results") };
    assert_eq!(results.iter().map(|result| result.is_error).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn an_empty_reply_is_asked_about_once() {
    let nothing = || replied(vec![Part::Reasoning { text: "hm".into(), opaque: None }], Stop::Done);
    let mut task = fresh();
    let request = asked(feed(&mut task, &[nothing()]));
    assert!(
        matches!(request.messages.last(), Some(Message::User { text }) if text.starts_with("Your reply was empty"))
    );
    assert_eq!(stopped(feed(&mut task, &[nothing()])), StopReason::NothingChanged(String::new()));
    let mut changed = fresh();
    assert_eq!(feed(&mut changed, &[edit("1"), done("1", &["a.py"]), nothing()]), Step::Propose, "done without a word");
}

#[test]
fn a_refusal_a_failure_and_the_user_end_the_task() {
    let refused = replied(vec![text("I cannot help.")], Stop::Refused);
    assert_eq!(stopped(feed(&mut fresh(), &[refused])), StopReason::Refused("I cannot help.".into()));
    let failure = |failure| Input::Failed { failure };
    let end = stopped(feed(&mut fresh(), &[failure(Failure::Provider("no key".into()))]));
    assert_eq!(end, StopReason::Failed("no key".into()));
    assert_eq!(stopped(feed(&mut fresh(), &[edit("1"), failure(Failure::Cancelled)])), StopReason::Cancelled);
}

#[test]
fn steering_is_taken_at_the_next_turn() {
    let steered = |words: &str| Input::Steered { text: words.into() };
    let mut task = fresh();
    let before = task.next();
    assert_eq!(feed(&mut task, &[steered("use tabs")]), before, "the request on its way stays as it is");
    let request = asked(feed(&mut task, &[edit("1"), steered("and dots"), done("1", &["a.py"])]));
    assert_eq!(request.messages.last(), Some(&Message::User { text: "use tabs\n\nand dots".into() }));
    let request = asked(feed(&mut task, &[steered("wait"), says("Done.")]));
    assert_eq!(request.messages.last(), Some(&Message::User { text: "wait".into() }), "not ended over the user's head");
    assert_eq!(feed(&mut task, &[says("Done.")]), Step::Propose);
    let request = asked(feed(&mut task, &[steered("one more"), judged(Judgement::LetThrough)]));
    assert_eq!(request.messages.last(), Some(&Message::User { text: "one more".into() }));
}

#[test]
fn a_conversation_that_grows_too_long_loses_its_oldest_results() {
    let mut task = Loop::new(start(Limits { context_tokens: 6_000, ..Limits::default() }));
    let long = |id: &str| {
        let result = ToolResult { id: id.into(), text: format!("first {id}\n{}", "x".repeat(4_000)), is_error: false };
        Input::ToolDone { result, changed: vec![], overlay: None }
    };
    let mut before: Option<Request> = None;
    let mut kept = 0;
    for turn in 0..30 {
        let id = format!("c{turn}");
        let request = asked(feed(&mut task, &[calls(vec![part(&id, "read", "{}")]), long(&id)]));
        assert!(shorten::length(&task.start, &request.messages) <= 6_000, "turn {turn}");
        if let Some(before) = before
            && request.messages.starts_with(&before.messages)
        {
            kept += 1;
        }
        before = Some(request);
    }
    assert!(kept >= 18, "most requests begin like the one before: {kept}");
    let request = asked(task.next());
    let Message::Tools { results } = &request.messages[2] else { panic!("results") };
    assert!(results[0].text.starts_with("first c0\n[shortened: 4009 bytes were here"), "{}", results[0].text);
    let Some(Message::Tools { results }) = request.messages.last() else { panic!("results") };
    assert!(results[0].text.len() > 4_000, "the last is whole");
    assert!(matches!(&task.messages()[2], Message::Tools { results } if results[0].text.len() > 4_000), "all is kept");
}

#[test]
fn a_request_that_is_too_long_for_the_model_is_shortened_or_ends_the_task() {
    let too_long = Input::Failed { failure: Failure::TooLong };
    let mut task = fresh();
    assert!(
        matches!(stopped(feed(&mut task, std::slice::from_ref(&too_long))), StopReason::Limit(_)),
        "nothing to shorten"
    );
    let mut task = fresh();
    for turn in 0..6 {
        let id = format!("c{turn}");
        let result = ToolResult { id: id.clone(), text: "x".repeat(4_000), is_error: false };
        feed(
            &mut task,
            &[calls(vec![part(&id, "read", "{}")]), Input::ToolDone { result, changed: vec![], overlay: None }],
        );
    }
    let before = asked(task.next());
    let after = asked(feed(&mut task, &[too_long]));
    assert!(shorten::length(&task.start, &after.messages) < shorten::length(&task.start, &before.messages));
}

#[test]
fn one_reply_with_many_long_results_fits_and_goes_on_after_it_was_too_long() {
    let limits = || Limits { context_tokens: 8_000, ..Limits::default() };
    let read = |id: &str, lines: usize| {
        let result = ToolResult { id: id.into(), text: "line of text\n".repeat(lines), is_error: false };
        Input::ToolDone { result, changed: vec![], overlay: None }
    };
    let mut task = Loop::new(start(limits()));
    let parts = ["1", "2", "3"].map(|id| part(id, "read", "{}")).to_vec();
    let inputs = [calls(parts), read("1", 4_000), read("2", 3), read("3", 4_000)];
    let request = asked(feed(&mut task, &inputs));
    assert!(shorten::length(&task.start, &request.messages) < 5_000);
    let Some(Message::Tools { results }) = request.messages.last() else { panic!("results") };
    assert!(results[0].text.contains(" bytes left out …]"));
    assert_eq!(results[1].text, "line of text\n".repeat(3), "what is short stays whole");

    let too_long = || Input::Failed { failure: Failure::TooLong };
    let after = asked(feed(&mut task, &[too_long()]));
    assert!(shorten::length(&task.start, &after.messages) < shorten::length(&task.start, &request.messages) / 2);
    let StopReason::Limit(_) = stopped(feed(&mut task, &[too_long()])) else { panic!("nothing more to shorten") };
    let again = asked(feed(&mut task, &[Input::Resumed { limits: limits() }]));
    assert_eq!(again, after, "it is the user's to try again, as with another model");
}

#[test]
fn what_ends_while_a_task_is_paused_is_kept() {
    let cancelled = || Input::Failed { failure: Failure::Cancelled };
    let resumed = || Input::Resumed { limits: Limits::default() };
    let mut task = fresh();
    let late = [edit("1"), cancelled(), done("1", &["a.py"]), Input::Steered { text: "use tabs".into() }];
    assert_eq!(stopped(feed(&mut task, &late)), StopReason::Cancelled);
    let request = asked(feed(&mut task, &[resumed()]));
    assert_eq!(request.messages.last(), Some(&Message::User { text: "use tabs".into() }));
    assert!(task.changed().contains(&path("a.py")));
    assert_eq!(feed(&mut task, &[says("Done.")]), Step::Propose);

    let mut asking = fresh();
    let inputs = [Input::Steered { text: "one".into() }, cancelled(), Input::Steered { text: "two".into() }, resumed()];
    let request = asked(feed(&mut asking, &inputs));
    assert_eq!(request.messages.last(), Some(&Message::User { text: "one\n\ntwo".into() }));

    let mut over = fresh();
    feed(&mut over, &[says("No.")]);
    let before = over.clone();
    feed(&mut over, &[done("1", &["a.py"]), Input::Steered { text: "more".into() }]);
    assert_eq!(over, before, "over is over");
}

#[test]
fn tokens_that_a_provider_does_not_count_are_counted_here() {
    let words = |count: usize| Input::Replied {
        reply: Reply {
            parts: vec![text(&"word ".repeat(count)), part("1", "read", "{}")],
            stop: Stop::Calls,
            usage: Usage::default(),
            model: "m".into(),
        },
        micro_dollars: 0,
    };
    let mut task = Loop::new(start(Limits { tokens: 2_000, ..Limits::default() }));
    let StopReason::Limit(why) = stopped(feed(&mut task, &[words(2_000), done("1", &[])])) else { panic!("a limit") };
    assert!(why.contains("tokens were used, of 2000"), "{why}");
}

#[test]
fn the_same_inputs_give_the_same_bytes_from_a_log_too() {
    let inputs = vec![
        calls(vec![Part::Reasoning { text: "hm".into(), opaque: None }, part("1", "read", "{")]),
        failed("1"),
        Input::Steered { text: "hurry".into() },
        edit("2"),
        done("2", &["a.py"]),
        says("Done."),
        judged(Judgement::KeptOut("no".into())),
    ];
    let log = serde_json::to_string(&inputs).unwrap();
    let read: Vec<Input> = serde_json::from_str(&log).unwrap();
    let whole = Loop::replay(start(Limits::default()), &inputs);
    let again = Loop::replay(start(Limits::default()), &read);
    assert_eq!(whole, again);
    let bytes = |task: &Loop| serde_json::to_vec(&asked(task.next())).unwrap();
    assert_eq!(bytes(&whole), bytes(&again));
    assert_eq!(serde_json::to_value(&inputs[2]).unwrap(), json!({"input": "steered", "text": "hurry"}));
}

#[test]
fn what_cannot_follow_changes_nothing() {
    let mut task = fresh();
    let before = task.clone();
    for input in [done("1", &["a.py"]), judged(Judgement::LetThrough), Input::Steered { text: "  ".into() }] {
        task.take(&input);
        assert_eq!(task, before, "{input:?}");
    }
    feed(&mut task, &[calls(vec![part("1", "edit", "{}"), part("2", "edit", "{}")])]);
    let before = task.clone();
    for input in [says("x"), done("3", &[]), judged(Judgement::LetThrough)] {
        task.take(&input);
        assert_eq!(task, before, "{input:?}");
    }
    let many: Vec<Part> = (0..70).map(|n| part(&format!("c{n}"), "read", "{}")).collect();
    let mut task = fresh();
    assert_eq!(called(feed(&mut task, &[calls(many)])).len(), 64, "the rest is answered without being called");
}

#[test]
fn what_ended_short_of_its_end_goes_on_where_it_was() {
    let resumed = |limits: Limits| Input::Resumed { limits };
    let failure = |failure| Input::Failed { failure };
    let mut asking = fresh();
    let request = asking.next();
    stopped(feed(&mut asking, &[failure(Failure::Provider("no network".into()))]));
    assert_eq!(feed(&mut asking, &[resumed(Limits::default())]), request);

    let mut calling = fresh();
    feed(&mut calling, &[calls(vec![part("1", "edit", "{}"), part("2", "edit", "[]")]), done("1", &["a.py"])]);
    stopped(feed(&mut calling, &[failure(Failure::Cancelled)]));
    assert_eq!(called(feed(&mut calling, &[resumed(Limits::default())])), ["2"], "what is done is not done again");

    let mut limited = Loop::new(start(Limits { turns: 1, ..Limits::default() }));
    stopped(feed(&mut limited, &[edit("1"), done("1", &["a.py"])]));
    stopped(feed(&mut limited, &[resumed(Limits { turns: 1, ..Limits::default() })]));
    asked(feed(&mut limited, &[resumed(Limits { turns: 2, ..Limits::default() })]));

    let mut stuck = fresh();
    for id in ["1", "2", "3"] {
        feed(&mut stuck, &[edit(id), failed(id)]);
    }
    let StopReason::Stuck(_) = stopped(stuck.next()) else { panic!("stuck") };
    let request = asked(feed(&mut stuck, &[resumed(Limits::default())]));
    assert!(matches!(request.messages.last(), Some(Message::Tools { .. })), "each call is answered");

    let mut over = fresh();
    feed(&mut over, &[says("No.")]);
    assert!(matches!(feed(&mut over, &[resumed(Limits::default())]), Step::Stop(StopReason::NothingChanged(_))));
}

#[test]
fn a_call_that_ended_while_its_task_was_paused_is_rebuilt_too() {
    let tools = crate::testing::tools(crate::testing::Scripted::default());
    let files = || crate::testing::workspace(&[("a.py", "x = 1\n")]);
    let arguments = json!({"path": "a.py", "old_text": "x = 1", "new_text": "x = 2"}).to_string();
    let (mut live, mut workspace) = (fresh(), files());
    let mut log = vec![calls(vec![part("1", "edit", &arguments)])];
    live.take(&log[0]);
    let Step::Call(open) = live.next() else { panic!("a call") };
    log.push(Input::Failed { failure: Failure::Cancelled });
    let called = tools.call(&mut workspace, &open[0]);
    log.push(called.into());
    log.push(Input::Resumed { limits: Limits::default() });
    log[1..].iter().for_each(|input| live.take(input));
    asked(live.next());
    let mut again = files();
    let rebuilt = Loop::rebuild(start(Limits::default()), &log, &tools, &mut again).unwrap();
    assert_eq!((rebuilt, again.overlay()), (live, workspace.overlay()));
}

#[test]
fn a_task_is_rebuilt_from_its_log_with_what_it_changed() {
    let tools = crate::testing::tools(crate::testing::Scripted::default());
    let mut workspace = crate::testing::workspace(&[("a.py", "x = 1\n")]);
    let arguments = json!({"path": "a.py", "old_text": "x = 1", "new_text": "x = 2"}).to_string();
    let (mut live, mut log) = (fresh(), Vec::new());
    let reply = calls(vec![part("1", "edit", &arguments), part("2", "edit", &arguments), part("3", "run_tests", "{}")]);
    live.take(&reply);
    log.push(reply);
    while let Step::Call(calls) = live.next() {
        for call in calls {
            let called = tools.call(&mut workspace, &call);
            log.push(called.into());
            live.take(log.last().unwrap());
        }
    }
    let mut again = crate::testing::workspace(&[("a.py", "x = 1\n")]);
    let rebuilt = Loop::rebuild(start(Limits::default()), &log, &tools, &mut again).unwrap();
    assert_eq!((rebuilt, again.overlay()), (live, workspace.overlay()));
    let mut other = crate::testing::workspace(&[("a.py", "y = 1\n")]);
    let error = Loop::rebuild(start(Limits::default()), &log, &tools, &mut other).unwrap_err();
    assert!(error.0.starts_with("`edit` no longer does what it did: `a.py`"), "{error}");
    // What the call changes is the same place of another text.
    let mut other = crate::testing::workspace(&[("a.py", "x = 1\ny = 2\n")]);
    let error = Loop::rebuild(start(Limits::default()), &log, &tools, &mut other).unwrap_err();
    assert!(error.0.starts_with("`edit` no longer does what it did"), "{error}");
    let before: Vec<Input> = log.iter().map(without_overlay).collect();
    let mut other = crate::testing::workspace(&[("a.py", "x = 1\ny = 2\n")]);
    assert!(
        Loop::rebuild(start(Limits::default()), &before, &tools, &mut other).is_ok(),
        "a log of before has no hash"
    );
}

/// A fact as logs of before have it.
fn without_overlay(input: &Input) -> Input {
    let mut json = serde_json::to_value(input).unwrap();
    json.as_object_mut().unwrap().remove("overlay");
    serde_json::from_value(json).unwrap()
}
