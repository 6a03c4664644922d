//! What the server says to the client, in order, by tasks of their own: whoever holds the state never waits for the client.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tower_lsp::lsp_types::notification::Progress as ProgressNotification;
use tower_lsp::lsp_types::request::{ShowDocument, WorkDoneProgressCreate};
use tower_lsp::lsp_types::{
    NumberOrString, ProgressParams, ProgressParamsValue, ShowDocumentParams, WorkDoneProgress, WorkDoneProgressBegin,
    WorkDoneProgressCreateParams, WorkDoneProgressEnd, WorkDoneProgressReport,
};

use super::message::{Inbox, Message};
use super::to_proto::{self, FileEdit, Finding, Tone};
use super::work::JobId;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The client, for who must not wait for it.
pub struct Outbox {
    client: tower_lsp::Client,
    handle: Handle,
    /// Notifications, one after the other.
    queue: mpsc::UnboundedSender<Task>,
    /// What running jobs do now: whoever shows it takes the newest, and what nobody shows takes no room.
    progresses: BTreeMap<JobId, watch::Sender<String>>,
    inbox: Inbox,
}

impl Outbox {
    /// `handle` is of the runtime that serves the client.
    pub fn new(client: tower_lsp::Client, handle: Handle, inbox: Inbox) -> Self {
        let (queue, mut tasks) = mpsc::unbounded_channel::<Task>();
        handle.spawn(async move {
            while let Some(task) = tasks.recv().await {
                task.await;
            }
        });
        Self { client, handle, queue, progresses: BTreeMap::new(), inbox }
    }

    fn enqueue(&self, task: impl Future<Output = ()> + Send + 'static) {
        // It ends with the process.
        let _ = self.queue.send(Box::pin(task));
    }

    /// Shows a message.
    pub fn say(&self, tone: Tone, text: String) {
        let client = self.client.clone();
        self.enqueue(async move { client.show_message(to_proto::tone(tone), text).await });
    }

    /// Puts a line into the client's log.
    pub fn log(&self, text: String) {
        let client = self.client.clone();
        self.enqueue(async move { client.log_message(to_proto::tone(Tone::Info), text).await });
    }

    /// Replaces the findings of a document.
    pub fn findings(&self, uri: &str, version: Option<i32>, findings: &[Finding]) {
        let Some(uri) = to_proto::url(uri) else { return };
        let list = findings.iter().map(to_proto::diagnostic).collect();
        let client = self.client.clone();
        self.enqueue(async move { client.publish_diagnostics(uri, list, version).await });
    }

    /// Opens a document in the editor.
    pub fn show(&self, uri: &str) {
        let Some(uri) = to_proto::url(uri) else { return };
        let client = self.client.clone();
        self.handle.spawn(async move {
            let params = ShowDocumentParams { uri, external: Some(false), take_focus: Some(true), selection: None };
            if let Err(error) = client.send_request::<ShowDocument>(params).await {
                tracing::info!("the client did not show a document: {error}");
            }
        });
    }

    /// Asks the client to edit; it answers through the inbox, and what it says is no proof.
    pub fn edit(&self, session: &str, edits: &[FileEdit]) {
        let Some(edit) = to_proto::workspace_edit(edits) else { return };
        let (client, inbox, session) = (self.client.clone(), self.inbox.clone(), session.to_owned());
        self.handle.spawn(async move {
            let answer = match client.apply_edit(edit).await {
                Ok(response) if response.applied => Ok(()),
                Ok(response) => Err(response.failure_reason.unwrap_or_else(|| "it gave no reason".to_owned())),
                Err(error) => Err(error.to_string()),
            };
            let _ = inbox.send(Message::Answered { session, answer });
        });
    }

    /// Sends a message to the owner of the state after a while.
    pub fn later(&self, after: std::time::Duration, message: Message) {
        let inbox = self.inbox.clone();
        self.handle.spawn(async move {
            tokio::time::sleep(after).await;
            let _ = inbox.send(message);
        });
    }

    /// Begins the progress of a job.
    pub fn begin(&mut self, job: JobId, title: &str) {
        let (sender, mut texts) = watch::channel(String::new());
        self.progresses.insert(job, sender);
        let (client, title) = (self.client.clone(), title.to_owned());
        self.handle.spawn(async move {
            let token = NumberOrString::String(job.token());
            let create = WorkDoneProgressCreateParams { token: token.clone() };
            if client.send_request::<WorkDoneProgressCreate>(create).await.is_err() {
                return;
            }
            let tell = |value| {
                let params = ProgressParams { token: token.clone(), value: ProgressParamsValue::WorkDone(value) };
                client.send_notification::<ProgressNotification>(params)
            };
            let begin = WorkDoneProgressBegin { title, cancellable: Some(true), message: None, percentage: None };
            tell(WorkDoneProgress::Begin(begin)).await;
            while texts.changed().await.is_ok() {
                let text = texts.borrow_and_update().clone();
                let report = WorkDoneProgressReport { message: Some(text), ..WorkDoneProgressReport::default() };
                tell(WorkDoneProgress::Report(report)).await;
            }
            tell(WorkDoneProgress::End(WorkDoneProgressEnd { message: None })).await;
        });
    }

    /// Tells what a job does now.
    pub fn report(&self, job: JobId, text: String) {
        if let Some(progress) = self.progresses.get(&job) {
            // One that the client did not want has no reader.
            let _ = progress.send(text);
        }
    }

    /// Ends the progress of a job.
    pub fn end(&mut self, job: JobId) {
        self.progresses.remove(&job);
    }
}
