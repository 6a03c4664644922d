//! The protocol's requests, each handed on to who can answer it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use airlock_agent::outward::Outward;
use airlock_core::status::ErrorCode;
use rmcp::ErrorData;
use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CustomRequest, CustomResult, Implementation, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
    ReadResourceResult, ResourceContents, ServerCapabilities, ServerConfig,
};
use rmcp::service::{NotificationContext, Peer, RequestContext, RoleServer};

use super::call::Calls;
use super::roots::{Folders, MOST, Start};
use super::{answer, resources, tools};
use crate::failure::Failure;

/// How long a client may take to name its roots.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a client is told of the server as a whole.
const INSTRUCTIONS: &str = "Airlock runs a Python project's own tests in a sandbox and judges changes before they land. Check a \
    patch with check_patch before you edit, or find one with make_test_pass. propose_patch puts a checked patch before the user, \
    who accepts or rejects it in the editor: no tool here writes to the project, and nothing you can call accepts a proposal. \
    What is listed briefly is whole in the resources airlock://sessions/{session}, …/verdict and …/review.";

/// Answers requests.
pub struct Server {
    start: Start,
    calls: Arc<Calls>,
    outward: Outward,
    /// The client's roots as it named them last.
    roots: Mutex<Option<Vec<PathBuf>>>,
    /// Held while the client is asked for them, so that who comes meanwhile waits for that answer.
    asking: tokio::sync::Mutex<()>,
}

impl Server {
    pub fn new(start: Start, calls: Arc<Calls>, outward: Outward) -> Self {
        Self { start, calls, outward, roots: Mutex::new(None), asking: tokio::sync::Mutex::default() }
    }

    /// The folders that may be worked in now.
    async fn folders(&self, peer: &Peer<RoleServer>) -> Result<Folders, Failure> {
        self.start.folders(self.ask_roots(peer).await?.as_deref())
    }

    /// The client's roots, asked for where they are not known; none where it has no such thing.
    #[expect(deprecated, reason = "clients of the protocol's versions before 2026-07-28 have roots")]
    async fn ask_roots(&self, peer: &Peer<RoleServer>) -> Result<Option<Vec<PathBuf>>, Failure> {
        if peer.peer_info().is_none_or(|client| client.capabilities.roots.is_none()) {
            return Ok(None);
        }
        let _turn = self.asking.lock().await;
        if let Some(known) = self.roots.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(Some(known));
        }
        let why = match tokio::time::timeout(PATIENCE, peer.list_roots()).await {
            Ok(Ok(listed)) => {
                let roots: Vec<PathBuf> =
                    listed.roots.iter().take(MOST).filter_map(|root| crate::lsp::path_of_uri(&root.uri)).collect();
                *self.roots.lock().unwrap_or_else(PoisonError::into_inner) = Some(roots.clone());
                return Ok(Some(roots));
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it gave no answer within {} s", PATIENCE.as_secs()),
        };
        if self.start.given.is_some() {
            tracing::warn!("the client did not name its roots: {why}");
            return Ok(None);
        }
        // It has roots, so the folder that it happened to start this in is not what it means.
        let message = format!("the client has roots and did not name them: {why}");
        Err(Failure::error(ErrorCode::Usage, message)
            .hint("name the project where the client is configured: airlock mcp PATH"))
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_resources().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("airlock", env!("CARGO_PKG_VERSION")).with_title("Airlock"))
            .with_instructions(INSTRUCTIONS)
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        // So that the first call need not wait for it.
        if let Err(failure) = self.ask_roots(&context.peer).await {
            tracing::warn!("{failure}");
        }
    }

    async fn on_roots_list_changed(&self, context: NotificationContext<RoleServer>) {
        {
            // An answer that is under way may be of before.
            let _turn = self.asking.lock().await;
            *self.roots.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        if let Err(failure) = self.ask_roots(&context.peer).await {
            tracing::warn!("{failure}");
        }
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all()))
    }

    async fn call_tool(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let folders = match self.folders(&context.peer).await {
            Ok(folders) => folders,
            Err(failure) => return Ok(tools::failed(&failure, &self.outward).into()),
        };
        tools::call(&self.calls, folders, &self.outward, &context, params).await.map(Into::into)
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let folders = self.folders(&context.peer).await.map_err(|failure| internal(&failure))?;
        let listed = self.calls.run(&context, folders, |call| resources::list(&call.folders)).await;
        Ok(ListResourcesResult::with_all_items(listed.map_err(|failure| internal(&failure))?))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates()))
    }

    async fn read_resource(
        &self,
        params: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let folders = self.folders(&context.peer).await.map_err(|failure| internal(&failure))?;
        let uri = params.uri.clone();
        let read = self.calls.run(&context, folders, move |call| resources::read(&call.folders, &uri)).await;
        let (text, kind) = read.map_err(|failure| match failure.code {
            ErrorCode::SessionNotFound => ErrorData::resource_not_found(failure.message, None),
            _ => internal(&failure),
        })?;
        // A document of JSON stays one, whatever is taken out of it.
        let text = match serde_json::from_str(&text) {
            Ok(value) if kind == "application/json" => answer::shown(value, &self.outward).to_string(),
            _ => self.outward.show(&text).text,
        };
        let contents = ResourceContents::text(text, params.uri).with_mime_type(kind);
        Ok(ReadResourceResult::new(vec![contents]).into())
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        // One that is known comes here where its parameters are of no form that it has.
        const KNOWN: [&str; 9] = [
            "initialize",
            "ping",
            "tools/list",
            "tools/call",
            "resources/list",
            "resources/read",
            "resources/templates/list",
            "logging/setLevel",
            "completion/complete",
        ];
        let method = airlock_core::text::one_line(&request.method, 100);
        Err(if KNOWN.contains(&request.method.as_str()) {
            ErrorData::invalid_params(format!("the parameters of {method} are not of its form"), None)
        } else {
            ErrorData::new(rmcp::model::ErrorCode::METHOD_NOT_FOUND, format!("there is no method {method}"), None)
        })
    }
}

fn internal(failure: &Failure) -> ErrorData {
    ErrorData::internal_error(airlock_core::text::one_line(&failure.to_string().replace('\n', "; "), 500), None)
}
