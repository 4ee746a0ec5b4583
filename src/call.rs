//! The life of a call: one tool, run with a grant from the broker, and recorded.

mod confirm;
mod cursor;
mod fingerprint;
mod keyed;
pub mod off;
mod recording;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value};
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use valetkey_toolkits::allowed::Allowed;
use valetkey_toolkits::api::{Api, ApiSettings, Renew};
use valetkey_toolkits::arguments::{ACCOUNT, CURSOR, DRY_RUN, PREVIEW_ID};
use valetkey_toolkits::error::{ErrorCode, ToolError};
use valetkey_toolkits::output::Output;
use valetkey_toolkits::tool::Tool;
use valetkey_toolkits::waits::{Reason, Waits};

use crate::audit::Hex;
use crate::broker::{
    Access, Broker, BrokerError, ConnectionId, Consent, Denied, Granted, Requirement,
};
pub use crate::call::confirm::{Confirmation, Confirmations};
use crate::call::keyed::Keyed;
use crate::call::off::Off;
use crate::call::recording::Recording;
use crate::caller::Caller;
use crate::clock::Clock;
use crate::http::Http;
use crate::metrics;
use crate::spill::Spill;

/// What a call works with. Clones share it.
#[derive(Clone, Debug)]
pub struct Calls {
    /// Decides.
    pub broker: Broker,
    /// Reaches the providers.
    pub http: Http,
    /// The clock.
    pub clock: Clock,
    /// What the person is asked about.
    pub confirmations: Confirmations,
    /// The tools that are off, to refuse them by name.
    pub off: Arc<Vec<(Tool, Off)>>,
    /// What the others may touch.
    pub allowed: Arc<Allowed>,
    /// Keeps what does not fit into an answer.
    pub spill: Spill,
    /// The records that are being written of calls whose client has left.
    pub leaving: TaskTracker,
}

/// One call of one tool.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// On whose behalf.
    pub caller: &'a Caller,
    /// The tool.
    pub tool: &'a Tool,
    /// Its arguments. `account` among them names the connection that shall act.
    pub arguments: &'a Map<String, Value>,
    /// The program that asks, as it calls itself; shown on the connect page.
    pub client_name: Option<&'a str>,
    /// The [`Confirmation`] that the person has agreed to: nothing else is done.
    pub confirmed: Option<Hex<16>>,
    /// Where it is told what the call waits for.
    pub waits: &'a Waits,
}

/// What is recorded of a call, whatever becomes of it.
#[derive(Clone, Debug)]
pub struct Heading<'a> {
    /// On whose behalf.
    pub caller: &'a Caller,
    /// The tool's name.
    pub tool: &'a str,
    /// The provider whose grant it needs, if it needs one.
    pub provider: Option<&'a str>,
    /// The scopes it needs.
    pub scopes: Vec<String>,
    /// Its arguments.
    pub arguments: &'a Map<String, Value>,
    /// The program that asks, as it calls itself.
    pub client_name: Option<&'a str>,
}

impl<'a> From<Call<'a>> for Heading<'a> {
    fn from(call: Call<'a>) -> Self {
        Self {
            caller: call.caller,
            tool: &call.tool.name,
            provider: Some(&call.tool.provider),
            // Of the groups of scopes, the one that is asked for is the one that is needed.
            scopes: call
                .tool
                .scopes_for(call.arguments)
                .iter()
                .filter_map(|group| group.first())
                .map(ToString::to_string)
                .collect(),
            arguments: call.arguments,
            client_name: call.client_name,
        }
    }
}

/// How a call ended.
#[derive(Debug)]
pub enum Outcome {
    /// The tool did its job.
    Finished(Output),
    /// The tool says why it could not.
    Failed(ToolError),
    /// The person has to follow a link first; then the same call can be run again.
    Consent(Consent),
    /// No, and a link would not help.
    Denied(Denied),
    /// The person has to agree first; then the same call can be run again, with that.
    Confirm(Box<Confirmation>),
    /// The broker could not decide.
    Broken(BrokerError),
}

/// Why a tool did not finish.
#[derive(Debug)]
enum Stop {
    /// The tool says so.
    Tool(ToolError),
    /// The person has to agree first.
    Confirm(Box<Confirmation>),
    /// It could be done, and is to be held first: the fingerprint of what it would do.
    Hold(Hex<16>),
    /// The broker failed.
    Broken(BrokerError),
}

impl From<ToolError> for Stop {
    fn from(error: ToolError) -> Self {
        Self::Tool(error)
    }
}

impl Outcome {
    /// One word for logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Finished(_) => "finished",
            Self::Failed(_) => "failed",
            Self::Consent(_) => "consent",
            Self::Denied(_) => "denied",
            Self::Confirm(_) => "confirm",
            Self::Broken(_) => "broken",
        }
    }
}

impl Calls {
    /// Runs `call` with the grant that fits it.
    ///
    /// When the provider says that the grant is not enough (scopes are missing, or the token is
    /// refused and cannot be renewed), the broker is asked once more for each of the two reasons,
    /// and so the call ends with a link or with a second try, never in a loop.
    ///
    /// The call is recorded before this returns, and also when it is dropped. With `audit.required`
    /// a write is recorded before it begins, and what cannot be recorded is not answered.
    pub async fn run(&self, call: Call<'_>) -> Outcome {
        let (outcome, recording) = self
            .attempt(call, Recording::begin(self, call.into()))
            .await;
        recording.finish(outcome).await
    }

    /// Records a call that needs no grant to run, as [`Calls::run`] does.
    pub async fn record(
        &self,
        heading: Heading<'_>,
        outcome: impl Future<Output = Outcome>,
    ) -> Outcome {
        let recording = Recording::begin(self, heading);
        recording.finish(outcome.await).await
    }

    /// Records a call that must not run, with the code of the reason.
    pub async fn refuse(&self, heading: Heading<'_>, code: &str) {
        Recording::begin(self, heading).refuse(code).await;
    }

    async fn attempt(&self, mut call: Call<'_>, mut recording: Recording) -> (Outcome, Recording) {
        // A call that cannot run asks nobody for consent.
        if let Err(error) = call.tool.check(Value::Object(call.arguments.clone())) {
            return (Outcome::Failed(error), recording);
        }
        let mut requirement = requirement(call);
        let mut delay = call.tool.delay(call.arguments);
        let mut stepped_up = false;
        let mut refused = false;
        loop {
            let granted = match self.broker.access(call.caller, &requirement).await {
                Ok(Access::Granted(granted)) => granted,
                Ok(Access::Consent(consent)) => return (Outcome::Consent(consent), recording),
                Ok(Access::Denied(denied)) => return (Outcome::Denied(denied), recording),
                Err(error) => return (Outcome::Broken(error), recording),
            };
            recording.granted(&granted);
            if !call.tool.annotations.read_only
                && let Err(error) = recording.start().await
            {
                return (Outcome::Broken(error), recording);
            }
            let renewal = Renewal::default();
            let connection = granted.connection;
            let api = self.api(call, granted, &renewal);
            let result;
            (result, recording) = self.run_tool(call, delay, api, connection, recording).await;
            let error = match result {
                Ok(output) => {
                    let sealed = cursor::seal(&self.broker, call, connection, output).await;
                    return (
                        sealed.map_or_else(Outcome::Broken, Outcome::Finished),
                        recording,
                    );
                }
                Err(Stop::Broken(error)) => return (Outcome::Broken(error), recording),
                Err(Stop::Confirm(asked)) => return (Outcome::Confirm(asked), recording),
                Err(Stop::Hold(checked)) => {
                    // Nothing has begun: who drops the call now has stopped it. Afterwards the grant
                    // may be another, and what is done must be what was checked.
                    call.waits.wait(Reason::Delay, delay).await;
                    delay = Duration::ZERO;
                    call.confirmed = Some(checked);
                    continue;
                }
                Err(Stop::Tool(error)) => error,
            };
            match error.code {
                ErrorCode::MissingScopes if !stepped_up => {
                    stepped_up = true;
                    recording.needs(&error.missing_scopes);
                    let missing = error.missing_scopes.into_iter();
                    requirement.scopes.extend(missing.map(|scope| vec![scope]));
                }
                ErrorCode::Unauthorized => match renewal.failure() {
                    // The grant is not known to be dead, so nobody is asked to connect again.
                    Some(failure) => return (Outcome::Broken(failure), recording),
                    None if refused => return (Outcome::Failed(error), recording),
                    None => refused = true,
                },
                _ => return (Outcome::Failed(error), recording),
            }
        }
    }

    async fn run_tool(
        &self,
        call: Call<'_>,
        delay: Duration,
        api: Api,
        connection: ConnectionId,
        recording: Recording,
    ) -> (Result<Output, Stop>, Recording) {
        let opened = match cursor::open(&self.broker, call, connection).await {
            Ok(position) => position.map(|position| {
                let mut arguments = call.arguments.clone();
                arguments.insert(CURSOR.to_owned(), position.into());
                arguments
            }),
            Err(stop) => return (Err(stop), recording),
        };
        let call = Call {
            arguments: opened.as_ref().unwrap_or(call.arguments),
            ..call
        };
        if is_dry_run(call) {
            let shown = preview(call, &api, connection).await;
            if shown.is_ok() && !call.tool.declared {
                // An answer may quote what it answers; a declared tool reads nothing for this.
                self.confirmations.note_read(call, &api).await;
            }
            let shown = shown.map(|(mut shown, id)| {
                shown.name_preview(&id.to_string());
                shown
            });
            return (shown.map_err(Stop::Tool), recording);
        }
        if call.tool.annotations.read_only {
            let arguments = Value::Object(call.arguments.clone());
            let result = call.tool.run(api.clone(), arguments).await;
            if result.is_ok() {
                self.confirmations.note_read(call, &api).await;
            }
            return (result.map_err(Stop::Tool), recording);
        }
        let keyed = Keyed::of(call, &self.broker, connection);
        if let Some(keyed) = keyed.as_ref().filter(|_| !delay.is_zero()) {
            match keyed.look().await {
                Ok(None) => {}
                Ok(Some(answer)) => return (Ok(answer), recording),
                Err(stop) => return (Err(stop), recording),
            }
        }
        if let Err(stop) = self.check_preview(call, delay, &api, connection).await {
            return (Err(stop), recording);
        }
        write(call, api, keyed, recording).await
    }

    /// Refuses what differs from the preview that the call names or the person agreed to, and what
    /// they still have to agree to, and stops what is to be held once it could be done.
    async fn check_preview(
        &self,
        call: Call<'_>,
        delay: Duration,
        api: &Api,
        connection: ConnectionId,
    ) -> Result<(), Stop> {
        let named = call.arguments.get(PREVIEW_ID).and_then(Value::as_str);
        let asks = call.confirmed.is_none() && self.confirmations.may_ask(call);
        if named.is_none() && call.confirmed.is_none() && !asks && delay.is_zero() {
            return Ok(());
        }
        let (shown, id) = preview(call, api, connection).await?;
        if named.is_some_and(|named| named != id.to_string())
            || call.confirmed.is_some_and(|confirmed| confirmed != id)
        {
            return Err(changed().into());
        }
        if asks && self.confirmations.must_ask(call, api, &shown).await {
            return Err(Stop::Confirm(Box::new(Confirmation { id, preview: shown })));
        }
        if !delay.is_zero() {
            return Err(Stop::Hold(id));
        }
        Ok(())
    }

    fn api(&self, call: Call<'_>, granted: Granted, renewal: &Renewal) -> Api {
        let broker = self.broker.clone();
        let caller = call.caller.clone();
        let connection = granted.connection;
        let renewal = renewal.clone();
        let renew: Renew = Arc::new(move |rejected: SecretString| {
            let broker = broker.clone();
            let caller = caller.clone();
            let renewal = renewal.clone();
            Box::pin(async move {
                match broker.renew(&caller, connection, &rejected).await {
                    Ok(renewed) => renewed,
                    Err(error) => {
                        tracing::warn!(%error, "the access token could not be renewed");
                        renewal.failed(error);
                        None
                    }
                }
            })
        });
        let http = self.http.clone();
        let provider = call.tool.provider.clone();
        Api::new(ApiSettings {
            client: http.client(),
            pace: http.pace().at(&call.tool.provider, &granted.api_base_url),
            links: Arc::new(move || http.client_for_links()),
            base_url: granted.api_base_url,
            file_origins: granted.file_origins,
            access_token: granted.access_token,
            renew,
            account: granted.login,
            shown_as: Some(granted.account),
            now: self.clock.now(),
            zone: jiff::tz::TimeZone::system(),
            allowed: Arc::clone(&self.allowed),
            waits: call.waits.clone(),
            answered: Arc::new(move |status| metrics::provider_request(&provider, status)),
        })
    }
}

/// Why a token that the provider refused could not be renewed. The tool only learns that there is
/// no other token.
#[derive(Clone, Debug, Default)]
struct Renewal(Arc<Mutex<Option<BrokerError>>>);

impl Renewal {
    fn failed(&self, error: BrokerError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    fn failure(&self) -> Option<BrokerError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The grant that a call needs.
pub fn requirement(call: Call<'_>) -> Requirement {
    let tool = call.tool;
    Requirement {
        toolkit: tool.toolkit.to_string(),
        provider: tool.provider.to_string(),
        account: call
            .arguments
            .get(ACCOUNT)
            .and_then(Value::as_str)
            .map(str::to_owned),
        scopes: tool
            .scopes_for(call.arguments)
            .iter()
            .map(|group| group.iter().map(ToString::to_string).collect())
            .collect(),
        read_only: tool.annotations.read_only,
        client_name: call.client_name.map(str::to_owned),
    }
}

/// What a call would do, and the fingerprint of that.
async fn preview(
    call: Call<'_>,
    api: &Api,
    connection: ConnectionId,
) -> Result<(Output, Hex<16>), ToolError> {
    let mut arguments = call.arguments.clone();
    arguments.remove(PREVIEW_ID);
    arguments.insert(DRY_RUN.to_owned(), true.into());
    let shown = call.tool.run(api.clone(), arguments.into()).await?;
    let id = fingerprint::of_preview(fingerprint::of_call(call, connection), &shown);
    Ok((shown, id))
}

fn changed() -> ToolError {
    ToolError::new(
        ErrorCode::PreviewChanged,
        "What would be done now is not what was shown or checked before: the arguments, the account or what \
         they refer to are not the same. Nothing was done.",
        "Repeat the dry run, and then the call with the same arguments and the new `preview_id`.",
    )
}

/// Whether the call asks to be shown what it would do.
fn is_dry_run(call: Call<'_>) -> bool {
    call.tool.takes(DRY_RUN) && call.arguments.get(DRY_RUN) == Some(&Value::Bool(true))
}

/// A read ends with its caller. A write goes on to its end even if the caller leaves, because a
/// dropped one could stop between two of its requests; its record goes with it.
async fn write(
    call: Call<'_>,
    api: Api,
    keyed: Option<Keyed>,
    mut recording: Recording,
) -> (Result<Output, Stop>, Recording) {
    let arguments = Value::Object(call.arguments.clone());
    let tool = call.tool.clone();
    let write = async move {
        let run = tool.run(api, arguments);
        let result = match keyed {
            Some(keyed) => keyed.run(run).await,
            None => run.await.map_err(Stop::Tool),
        };
        recording.ran(&result);
        (result, recording)
    };
    match tokio::spawn(write.in_current_span()).await {
        Ok(ended) => ended,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
