//! tower-lsp's side: every handler hands its message to the owner of the state first thing, and none waits for the client.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::lsp_types as lsp;
use tower_lsp::{LanguageServer, async_trait};

use super::message::{Command, Inbox, Message};
use super::settings::Settings;
use super::work::Fetcher;
use super::{from_proto, life, to_proto};

/// How long the client's goodbye waits for what is being written down.
const LAST: Duration = Duration::from_secs(2);

/// The handlers.
pub struct Backend {
    inbox: Inbox,
    fetcher: Fetcher,
}

impl Backend {
    pub fn new(inbox: Inbox, fetcher: Fetcher) -> Self {
        Self { inbox, fetcher }
    }

    fn tell(&self, message: Message) {
        // The owner is gone only when the process ends.
        let _ = self.inbox.send(message);
    }

    /// `window/workDoneProgress/cancel`.
    pub async fn cancel_progress(&self, params: lsp::WorkDoneProgressCancelParams) {
        let token = match params.token {
            lsp::NumberOrString::String(token) => token,
            lsp::NumberOrString::Number(number) => number.to_string(),
        };
        self.tell(Message::CancelProgress { token });
    }
}

/// Waits until what is being written down is, or some time has passed.
pub async fn written(inbox: &Inbox) {
    let (reply, written) = oneshot::channel();
    let _ = inbox.send(Message::Shutdown { reply });
    if tokio::time::timeout(LAST, written).await.is_err() {
        tracing::warn!("not all was written down before the client went");
    }
}

fn internal() -> Error {
    Error::internal_error()
}

#[async_trait]
impl LanguageServer for Backend {
    async fn initialize(&self, params: lsp::InitializeParams) -> Result<lsp::InitializeResult> {
        let client = from_proto::client(&params);
        let settings = params.initialization_options.as_ref().map(Settings::read).unwrap_or_default();
        if let Some(parent) = params.process_id {
            life::end_with(parent, self.fetcher.clone());
        }
        let encoding = client.encoding;
        self.tell(Message::Initialized(client, settings));
        Ok(lsp::InitializeResult {
            capabilities: lsp::ServerCapabilities {
                position_encoding: Some(from_proto::encoding(encoding)),
                text_document_sync: Some(lsp::TextDocumentSyncCapability::Options(lsp::TextDocumentSyncOptions {
                    open_close: Some(true),
                    change: Some(lsp::TextDocumentSyncKind::INCREMENTAL),
                    save: Some(lsp::TextDocumentSyncSaveOptions::Supported(true)),
                    ..lsp::TextDocumentSyncOptions::default()
                })),
                code_action_provider: Some(lsp::CodeActionProviderCapability::Options(lsp::CodeActionOptions {
                    code_action_kinds: Some(vec![lsp::CodeActionKind::QUICKFIX, lsp::CodeActionKind::REFACTOR_REWRITE]),
                    resolve_provider: Some(false),
                    ..lsp::CodeActionOptions::default()
                })),
                code_lens_provider: Some(lsp::CodeLensOptions { resolve_provider: Some(false) }),
                execute_command_provider: Some(lsp::ExecuteCommandOptions {
                    commands: Command::ALL.map(str::to_owned).to_vec(),
                    ..lsp::ExecuteCommandOptions::default()
                }),
                workspace: Some(lsp::WorkspaceServerCapabilities {
                    workspace_folders: Some(lsp::WorkspaceFoldersServerCapabilities {
                        supported: Some(true),
                        change_notifications: Some(lsp::OneOf::Left(true)),
                    }),
                    ..lsp::WorkspaceServerCapabilities::default()
                }),
                ..lsp::ServerCapabilities::default()
            },
            server_info: Some(lsp::ServerInfo {
                name: "airlock".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
        })
    }

    async fn initialized(&self, _: lsp::InitializedParams) {
        self.tell(Message::Ready);
    }

    async fn shutdown(&self) -> Result<()> {
        written(&self.inbox).await;
        Ok(())
    }

    async fn did_change_configuration(&self, params: lsp::DidChangeConfigurationParams) {
        self.tell(match from_proto::settings(&params.settings) {
            Some(settings) => Message::Settings(settings),
            None => Message::SettingsChanged,
        });
    }

    async fn did_change_watched_files(&self, params: lsp::DidChangeWatchedFilesParams) {
        self.tell(Message::Watched { paths: from_proto::watched(&params.changes) });
    }

    async fn did_open(&self, params: lsp::DidOpenTextDocumentParams) {
        let lsp::TextDocumentItem { uri, version, text, .. } = params.text_document;
        self.tell(Message::Opened { uri: uri.into(), version, text });
    }

    async fn did_change(&self, params: lsp::DidChangeTextDocumentParams) {
        let changes = from_proto::changes(params.content_changes);
        let lsp::VersionedTextDocumentIdentifier { uri, version } = params.text_document;
        self.tell(Message::Changed { uri: uri.into(), version, changes });
    }

    async fn did_save(&self, params: lsp::DidSaveTextDocumentParams) {
        self.tell(Message::Saved { uri: params.text_document.uri.into() });
    }

    async fn did_close(&self, params: lsp::DidCloseTextDocumentParams) {
        self.tell(Message::Closed { uri: params.text_document.uri.into() });
    }

    async fn did_change_workspace_folders(&self, params: lsp::DidChangeWorkspaceFoldersParams) {
        let (added, removed) = (from_proto::folders(&params.event.added), from_proto::folders(&params.event.removed));
        self.tell(Message::Folders { added, removed });
    }

    async fn code_action(&self, params: lsp::CodeActionParams) -> Result<Option<lsp::CodeActionResponse>> {
        let (reply, answer) = oneshot::channel();
        let diagnostics = params.context.diagnostics;
        let range = (from_proto::place(params.range.start), from_proto::place(params.range.end));
        let subjects = diagnostics.iter().filter_map(from_proto::subject).collect();
        self.tell(Message::Actions { uri: params.text_document.uri.into(), range, subjects, reply });
        let actions = answer.await.map_err(|_| internal())?;
        // A light bulb on every line is hated: unasked, only what mends a diagnostic is offered.
        let automatic = params.context.trigger_kind == Some(lsp::CodeActionTriggerKind::AUTOMATIC);
        let wanted = |kind: &lsp::CodeActionKind| {
            params.context.only.as_ref().is_none_or(|only| {
                only.iter().any(|only| {
                    let (kind, only) = (kind.as_str(), only.as_str());
                    only.is_empty() || kind == only || kind.strip_prefix(only).is_some_and(|rest| rest.starts_with('.'))
                })
            })
        };
        let actions = actions
            .into_iter()
            .filter(|action| !automatic || action.mends.is_some())
            .map(|action| to_proto::action(action, &diagnostics))
            .filter(|action| match action {
                lsp::CodeActionOrCommand::CodeAction(action) => action.kind.as_ref().is_none_or(wanted),
                lsp::CodeActionOrCommand::Command(_) => true,
            })
            .collect();
        Ok(Some(actions))
    }

    async fn code_lens(&self, params: lsp::CodeLensParams) -> Result<Option<Vec<lsp::CodeLens>>> {
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Lenses { uri: params.text_document.uri.into(), reply });
        let lenses = answer.await.map_err(|_| internal())?;
        Ok(Some(lenses.into_iter().map(to_proto::lens).collect()))
    }

    async fn execute_command(&self, params: lsp::ExecuteCommandParams) -> Result<Option<Value>> {
        let command = from_proto::command(&params.command, &params.arguments).map_err(Error::invalid_params)?;
        let (reply, answer) = oneshot::channel();
        self.tell(Message::Command { command, reply });
        match answer.await.map_err(|_| internal())? {
            Ok(answer) => Ok(Some(answer)),
            Err(why) => {
                Err(Error { code: tower_lsp::jsonrpc::ErrorCode::ServerError(-32803), message: why.into(), data: None })
            }
        }
    }
}
