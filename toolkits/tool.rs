//! What a tool is: its name, schemas, scopes, annotations and the function that runs it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::api::Api;
use crate::error::ToolError;
use crate::output::{Output, Render};

/// The scopes a tool needs: every group must be satisfied, by any one scope of the group.
///
/// The first scope of a group is the least privileged and is the one asked for; the others are
/// wider scopes that contain it, so that a user who granted more is not asked again.
pub type Scopes = &'static [&'static [&'static str]];

/// The four hints of the MCP specification (`ToolAnnotations`), always all stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the four hints are booleans in the specification"
)]
pub struct Annotations {
    /// The tool changes nothing.
    pub read_only: bool,
    /// The tool may delete, overwrite, or send something that cannot be called back.
    pub destructive: bool,
    /// A repetition with the same arguments changes nothing more.
    pub idempotent: bool,
    /// The tool reaches systems outside this process.
    pub open_world: bool,
}

impl Annotations {
    /// A read of a provider.
    pub const READ: Self = Self {
        read_only: true,
        destructive: false,
        idempotent: true,
        open_world: true,
    };
    /// A write that only adds, and adds again when repeated.
    pub const ADD: Self = Self {
        read_only: false,
        destructive: false,
        idempotent: false,
        open_world: true,
    };
    /// A send that cannot be called back, and sends again when repeated.
    pub const SEND: Self = Self {
        read_only: false,
        destructive: true,
        idempotent: false,
        open_world: true,
    };
}

type Run = Arc<
    dyn Fn(Api, Value) -> Pin<Box<dyn Future<Output = Result<Output, ToolError>> + Send>>
        + Send
        + Sync,
>;

/// One tool, as listed to clients and as run.
#[derive(Clone)]
pub struct Tool {
    /// `<provider>_<verb>_<object>`, at most 40 characters of `[a-z0-9_]`.
    pub name: &'static str,
    /// The toolkit it belongs to: `gmail`, `slack`, `github`.
    pub toolkit: &'static str,
    /// The provider whose grant it uses: `google`, `slack`, `github`.
    pub provider: &'static str,
    /// A short human title.
    pub title: &'static str,
    /// What the model reads: the doc comment of the argument struct.
    pub description: String,
    /// The smallest scopes that can do the job.
    pub scopes: Scopes,
    /// The hints for the client.
    pub annotations: Annotations,
    /// JSON Schema (2020-12) of the arguments.
    pub input_schema: Arc<Map<String, Value>>,
    /// JSON Schema of `structuredContent`; none for tools whose result is raw text.
    pub output_schema: Option<Arc<Map<String, Value>>>,
    run: Run,
}

/// The part of a tool that its toolkit states by hand; the rest comes from its types.
pub struct Declaration {
    /// See [`Tool::name`].
    pub name: &'static str,
    /// See [`Tool::toolkit`].
    pub toolkit: &'static str,
    /// See [`Tool::provider`].
    pub provider: &'static str,
    /// See [`Tool::title`].
    pub title: &'static str,
    /// See [`Tool::scopes`].
    pub scopes: Scopes,
    /// See [`Tool::annotations`].
    pub annotations: Annotations,
}

impl Tool {
    /// Makes a tool of a declaration and a typed function.
    ///
    /// The description is the doc comment of `A`, the input schema is `A`'s, the output schema
    /// is `R`'s. Arguments that do not fit `A` are answered with
    /// [`ToolError::invalid_arguments`], naming the path of the misfit.
    pub fn new<A, R, F, Fut>(declaration: Declaration, function: F) -> Self
    where
        A: DeserializeOwned + JsonSchema + Send + 'static,
        R: Serialize + JsonSchema + Render + Send + 'static,
        F: Fn(Api, A) -> Fut + Send + Sync + Copy + 'static,
        Fut: Future<Output = Result<R, ToolError>> + Send + 'static,
    {
        let _ = (declaration, function);
        todo!("toolkits helper: build schemas, run closure")
    }

    /// Runs the tool. `arguments` must be a JSON object.
    pub async fn run(&self, api: Api, arguments: Value) -> Result<Output, ToolError> {
        (self.run)(api, arguments).await
    }
}

impl std::fmt::Debug for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tool")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
