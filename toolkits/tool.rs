//! What a tool is: its name, schemas, scopes, annotations and the function that runs it.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::api::Api;
use crate::arguments::{AS_DRAFT, CURSOR, DELAY_SECONDS, DRY_RUN, IDEMPOTENCY_KEY, PREVIEW_ID};
use crate::error::ToolError;
use crate::output::{Output, Render};
use crate::{arguments, cursor, output, schema};

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

pub(crate) type Check = Arc<dyn Fn(Value) -> Result<(), ToolError> + Send + Sync>;
type Running = Pin<Box<dyn Future<Output = Result<Output, ToolError>> + Send>>;
pub(crate) type Run = Arc<dyn Fn(Api, Value) -> Running + Send + Sync>;

/// One tool, as listed to clients and as run.
#[derive(Clone)]
pub struct Tool {
    /// `<provider>_<verb>_<object>`, at most 40 characters of `[a-z0-9_]`.
    pub name: Cow<'static, str>,
    /// The toolkit it belongs to: `gmail`, `slack`, `github`, or one that a file declares.
    pub toolkit: Cow<'static, str>,
    /// The provider whose grant it uses: `google`, `slack`, `github`, or the id of a provider entry.
    pub provider: Cow<'static, str>,
    /// A short human title.
    pub title: Cow<'static, str>,
    /// What the model reads: the doc comment of the argument struct.
    pub description: String,
    /// The smallest scopes that can do the job; see [`Scopes`].
    pub scopes: Arc<[Vec<Cow<'static, str>>]>,
    /// The hints for the client.
    pub annotations: Annotations,
    /// JSON Schema (2020-12) of the arguments.
    pub input_schema: Arc<Map<String, Value>>,
    /// JSON Schema of `structuredContent`; none for tools whose result is raw text.
    pub output_schema: Option<Arc<Map<String, Value>>>,
    /// Its argument `cursor` is one that an earlier result of it gave, see [`Output::cursors`].
    pub pages: bool,
    /// A file declares it, so that the lists of [`crate::allowed`] cannot be asked about what it
    /// touches.
    pub declared: bool,
    /// The same when the call saves a draft instead of sending.
    pub(crate) draft_scopes: Option<Scopes>,
    pub(crate) check: Check,
    pub(crate) run: Run,
}

/// The part of a tool that its toolkit states by hand; the rest comes from its types.
#[derive(Clone, Copy, Debug)]
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
    ///
    /// Every tool has the argument `account`, every error of a tool that ran names the account that
    /// acted, and every result has `account`, `truncated` and
    /// `warnings`: `A` need not declare the first, `R` only those it has something to say in (a
    /// `truncated: bool`, a `warnings: Vec<String>`), and [`Render`] leaves all three to
    /// [`crate::output`]. A result with [`Render::DETAILS`] gives the tool the argument
    /// `response_format`.
    pub fn new<A, R, F, Fut>(declaration: Declaration, function: F) -> Self
    where
        A: DeserializeOwned + JsonSchema + Send + 'static,
        R: Serialize + JsonSchema + Render + Send + 'static,
        F: Fn(Api, A) -> Fut + Send + Sync + Copy + 'static,
        Fut: Future<Output = Result<R, ToolError>> + Send + 'static,
    {
        let run: Run = Arc::new(move |api, mut arguments| {
            Box::pin(async move {
                let form = output::take_form::<R>(&mut arguments)?;
                let arguments = arguments::parse(arguments)?;
                let account = api.acting().to_owned();
                match function(api, arguments).await {
                    Ok(result) => Ok(output::typed(result, form, &account)),
                    Err(error) => Err(error.of(account)),
                }
            })
        });
        let mut tool = Self::assemble::<A>(declaration, Some(schema::of_result::<R>()), run);
        if let Some(details) = R::DETAILS {
            schema::add_response_format(Arc::make_mut(&mut tool.input_schema), details);
            tool.check = Arc::new(|mut arguments| {
                output::take_form::<R>(&mut arguments)?;
                arguments::parse::<A>(arguments).map(|_| ())
            });
        }
        tool
    }

    /// Makes a tool whose result is raw text (a diff, a file, a log, a mail body): it has no
    /// output schema, so that every host shows the text, unescaped.
    ///
    /// The text begins with a few header lines of its own; the acting account is put before them.
    pub fn raw_text<A, F, Fut>(declaration: Declaration, function: F) -> Self
    where
        A: DeserializeOwned + JsonSchema + Send + 'static,
        F: Fn(Api, A) -> Fut + Send + Sync + Copy + 'static,
        Fut: Future<Output = Result<String, ToolError>> + Send + 'static,
    {
        let run: Run = Arc::new(move |api, arguments| {
            Box::pin(async move {
                let arguments = arguments::parse(arguments)?;
                let account = api.acting().to_owned();
                match function(api, arguments).await {
                    Ok(text) => Ok(output::raw(&text, &account)),
                    Err(error) => Err(error.of(account)),
                }
            })
        });
        Self::assemble::<A>(declaration, None, run)
    }

    /// Can be held before it sends: `delay_seconds`. The server holds it.
    #[must_use]
    pub(crate) fn delayed(mut self) -> Self {
        schema::add_delay(Arc::make_mut(&mut self.input_schema));
        self
    }

    /// Needs these scopes instead when its argument `as_draft` is true.
    #[must_use]
    pub(crate) fn draft_needs(mut self, scopes: Scopes) -> Self {
        self.draft_scopes = Some(scopes);
        self
    }

    fn assemble<A: DeserializeOwned + JsonSchema>(
        declaration: Declaration,
        output_schema: Option<Map<String, Value>>,
        run: Run,
    ) -> Self {
        let (description, mut input_schema) = schema::of_arguments::<A>();
        let mut output_schema = output_schema;
        if takes(&input_schema, DRY_RUN) {
            schema::add_preview(&mut input_schema, output_schema.as_mut());
        }
        if !declaration.annotations.read_only && !declaration.annotations.idempotent {
            schema::add_idempotency_key(&mut input_schema);
        }
        Self {
            pages: takes(&input_schema, CURSOR),
            name: declaration.name.into(),
            toolkit: declaration.toolkit.into(),
            provider: declaration.provider.into(),
            title: declaration.title.into(),
            description,
            scopes: declaration
                .scopes
                .iter()
                .map(|group| owned(group))
                .collect(),
            annotations: declaration.annotations,
            input_schema: Arc::new(input_schema),
            output_schema: output_schema.map(Arc::new),
            declared: false,
            draft_scopes: None,
            check: Arc::new(|arguments| arguments::parse::<A>(arguments).map(|_| ())),
            run,
        }
    }

    /// Says whether `arguments` fit, so that a call that cannot run asks nobody for consent.
    pub fn check(&self, arguments: Value) -> Result<(), ToolError> {
        (self.check)(self.own(arguments)?)
    }

    /// Whether it has the argument `name`.
    pub fn takes(&self, name: &str) -> bool {
        takes(&self.input_schema, name)
    }

    /// Whether a call with these arguments only saves what it would else send.
    pub fn saves_draft(&self, arguments: &Map<String, Value>) -> bool {
        self.takes(AS_DRAFT) && arguments::is_set(arguments, AS_DRAFT)
    }

    /// The smallest scopes that a call with these arguments needs; see [`Scopes`].
    pub fn scopes_for(&self, arguments: &Map<String, Value>) -> Vec<Vec<&str>> {
        if let Some(scopes) = self.draft_scopes.filter(|_| self.saves_draft(arguments)) {
            return scopes.iter().map(|group| group.to_vec()).collect();
        }
        let groups = self.scopes.iter();
        groups
            .map(|group| group.iter().map(AsRef::as_ref).collect())
            .collect()
    }

    /// How long a call with these arguments is held before it sends. They have been checked.
    pub fn delay(&self, arguments: &Map<String, Value>) -> Duration {
        let seconds = arguments.get(DELAY_SECONDS).and_then(Value::as_u64);
        Duration::from_secs(seconds.filter(|_| self.takes(DELAY_SECONDS)).unwrap_or(0))
    }

    /// The arguments without those that the server reads, which are checked here.
    fn own(&self, mut arguments: Value) -> Result<Value, ToolError> {
        if let Some(arguments) = arguments.as_object_mut() {
            if self.takes(DELAY_SECONDS) {
                arguments::take_delay(arguments)?;
            }
            for name in [PREVIEW_ID, IDEMPOTENCY_KEY] {
                if self.takes(name) {
                    arguments::take_shared(arguments, name)?;
                }
            }
        }
        Ok(arguments)
    }

    /// Runs the tool. `arguments` must be a JSON object.
    pub async fn run(&self, api: Api, arguments: Value) -> Result<Output, ToolError> {
        let run = (self.run)(api, self.own(arguments)?);
        let (result, cursors) = cursor::collect(run).await;
        result.map(|output| Output { cursors, ..output })
    }
}

fn takes(input_schema: &Map<String, Value>, name: &str) -> bool {
    let properties = input_schema.get("properties").and_then(Value::as_object);
    properties.is_some_and(|properties| properties.contains_key(name))
}

fn owned(group: &[&'static str]) -> Vec<Cow<'static, str>> {
    group.iter().map(|&scope| scope.into()).collect()
}

impl std::fmt::Debug for Tool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tool")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
