//! The client's side of the outbox: notifications go out in their order, requests by tasks of their own, and nothing here waits
//! for the client while something else is to be said.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;

use serde_json::json;
use tokio::sync::{mpsc, watch};
use tower_lsp::Client;
use tower_lsp::lsp_types::notification::Progress as ProgressNotification;
use tower_lsp::lsp_types::request::{ShowDocument, WorkDoneProgressCreate};
use tower_lsp::lsp_types::{
    ConfigurationItem, MessageActionItem, MessageType, NumberOrString, ProgressParams, ProgressParamsValue,
    Registration, ShowDocumentParams, WorkDoneProgress, WorkDoneProgressBegin, WorkDoneProgressCreateParams,
    WorkDoneProgressEnd, WorkDoneProgressReport,
};

use super::message::{Inbox, Message};
use super::outbox::Out;
use super::settings::SECTION;
use super::to_proto::{self, FileEdit};
use super::work::JobId;

/// What is chosen of.
const LAND: &str = "Land it unchecked";
const WAIT: &str = "Let it wait";

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Says to the client what comes out of the outbox, until nobody can put anything in.
pub async fn speak(client: Client, mut outbox: mpsc::UnboundedReceiver<Out>, inbox: Inbox) {
    let (queue, mut tasks) = mpsc::unbounded_channel::<Task>();
    tokio::spawn(async move {
        while let Some(task) = tasks.recv().await {
            task.await;
        }
    });
    // What running jobs do now: whoever shows it takes the newest, and what nobody shows takes no room.
    let mut progresses: BTreeMap<JobId, watch::Sender<String>> = BTreeMap::new();
    let mut one_line = false;
    while let Some(out) = outbox.recv().await {
        let (client, inbox) = (client.clone(), inbox.clone());
        let task: Task = match out {
            Out::Say(tone, text) => {
                let (line, rest) = to_proto::message(tone, &text, one_line);
                Box::pin(async move {
                    if let Some(whole) = rest {
                        client.log_message(to_proto::tone(tone), whole).await;
                    }
                    client.show_message(to_proto::tone(tone), line).await;
                })
            }
            Out::OneLine => {
                one_line = true;
                continue;
            }
            Out::Log(text) => {
                let info = to_proto::tone(to_proto::Tone::Info);
                Box::pin(async move { client.log_message(info, to_proto::text(&text)).await })
            }
            Out::Findings { uri, version, findings } => {
                let Some(uri) = to_proto::url(&uri) else { continue };
                let list = findings.iter().map(to_proto::diagnostic).collect();
                Box::pin(async move { client.publish_diagnostics(uri, list, version).await })
            }
            Out::Ask { session, text } => {
                tokio::spawn(async move {
                    let choices = [LAND, WAIT]
                        .map(|title| MessageActionItem { title: title.to_owned(), properties: HashMap::new() });
                    let asked = client.show_message_request(
                        MessageType::WARNING,
                        to_proto::text(&text),
                        Some(choices.to_vec()),
                    );
                    // One that is sent away, or that the client cannot show, is no yes.
                    let yes = asked.await.is_ok_and(|answer| answer.is_some_and(|choice| choice.title == LAND));
                    let _ = inbox.send(Message::Approval { session, yes });
                });
                continue;
            }
            Out::Show { uri, focus } => {
                tokio::spawn(show(client, uri, focus));
                continue;
            }
            Out::Edit { key, attempt, edits, one_by_one } => {
                tokio::spawn(async move {
                    let answer = edit(&client, &edits, one_by_one).await;
                    let _ = inbox.send(Message::Answered { key, attempt, answer });
                });
                continue;
            }
            Out::Later(after, message) => {
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    let _ = inbox.send(*message);
                });
                continue;
            }
            Out::Begin { job, title } => {
                let (sender, texts) = watch::channel(String::new());
                progresses.insert(job, sender);
                tokio::spawn(progress(client, job, title, texts));
                continue;
            }
            Out::Report { job, text } => {
                if let Some(progress) = progresses.get(&job) {
                    // One that the client did not want has no reader.
                    let _ = progress.send(text);
                }
                continue;
            }
            Out::End { job } => {
                progresses.remove(&job);
                continue;
            }
            Out::AskSettings => {
                tokio::spawn(ask_settings(client, inbox));
                continue;
            }
            Out::Watch => {
                tokio::spawn(register(client));
                continue;
            }
            Out::RefreshLenses => {
                tokio::spawn(async move {
                    // Some clients say that they can, and cannot.
                    let _ = client.code_lens_refresh().await;
                });
                continue;
            }
        };
        // It ends with the process.
        let _ = queue.send(task);
    }
}

async fn show(client: Client, uri: String, focus: bool) {
    let Some(uri) = to_proto::url(&uri) else { return };
    let params = ShowDocumentParams { uri, external: Some(false), take_focus: Some(focus), selection: None };
    if let Err(error) = client.send_request::<ShowDocument>(params).await {
        tracing::info!("the client did not show a document: {error}");
    }
}

/// What the client says is no proof that it edited.
async fn edit(client: &Client, edits: &[FileEdit], one_by_one: bool) -> Result<(), String> {
    let size = if one_by_one { 1 } else { edits.len().max(1) };
    for part in edits.chunks(size) {
        let edit = to_proto::workspace_edit(part).ok_or("a file has no name that an editor could take")?;
        match client.apply_edit(edit).await {
            Ok(response) if response.applied => {}
            Ok(response) => return Err(response.failure_reason.unwrap_or_else(|| "it gave no reason".to_owned())),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}

async fn progress(client: Client, job: JobId, title: String, mut texts: watch::Receiver<String>) {
    let token = NumberOrString::String(job.token());
    let create = WorkDoneProgressCreateParams { token: token.clone() };
    if client.send_request::<WorkDoneProgressCreate>(create).await.is_err() {
        return;
    }
    let tell = |value| {
        let params = ProgressParams { token: token.clone(), value: ProgressParamsValue::WorkDone(value) };
        client.send_notification::<ProgressNotification>(params)
    };
    let title = to_proto::text(&title);
    let begin = WorkDoneProgressBegin { title, cancellable: Some(true), message: None, percentage: None };
    tell(WorkDoneProgress::Begin(begin)).await;
    while texts.changed().await.is_ok() {
        let text = to_proto::text(&texts.borrow_and_update().clone());
        let report = WorkDoneProgressReport { message: Some(text), ..WorkDoneProgressReport::default() };
        tell(WorkDoneProgress::Report(report)).await;
    }
    tell(WorkDoneProgress::End(WorkDoneProgressEnd { message: None })).await;
}

async fn ask_settings(client: Client, inbox: Inbox) {
    let item = ConfigurationItem { scope_uri: None, section: Some(SECTION.to_owned()) };
    match client.configuration(vec![item]).await {
        Ok(mut answers) if answers.len() == 1 => {
            // A client that has none says null, which leaves what it said at the start.
            let value = answers.remove(0);
            if !value.is_null() {
                let _ = inbox.send(Message::Settings(value));
            }
        }
        Ok(answers) => tracing::warn!("the client answered {} settings to one question", answers.len()),
        Err(error) => tracing::info!("the client gave no settings: {error}"),
    }
}

async fn register(client: Client) {
    let options = json!({"watchers": [{"globPattern": "**/*.py"}]});
    let registration = Registration {
        id: "airlock-files".to_owned(),
        method: "workspace/didChangeWatchedFiles".to_owned(),
        register_options: Some(options),
    };
    if let Err(error) = client.register_capability(vec![registration]).await {
        tracing::info!("the client does not watch files: {error}");
    }
}
