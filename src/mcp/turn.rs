//! One `tools/call`, from arrival to answer.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rmcp::model::{
    CallToolResponse, CallToolResult, ElicitationAction, ErrorData, InputResponses, ProgressToken,
};
use rmcp::service::{Peer, RoleServer};
use serde_json::{Map, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use valetkey_toolkits::output::Output;
use valetkey_toolkits::waits::Waits;

use crate::audit::Hex;
use crate::broker::{Broker, BrokerError, Consent, FlowOutcome};
use crate::builtin::{AnyCall, AnyTool, Toolbox};
use crate::call::{Confirmation, Outcome};
use crate::caller::Caller;
use crate::config::Server;
use crate::mcp::answer::Way;
use crate::mcp::confirm::{self, Said};
use crate::mcp::hold::{Elicited, Hold};
use crate::mcp::request_state::{Asked, RequestStates, State, StateError, Subject};
use crate::mcp::result;

/// How many flows a call may see completed and still ask for another: the first connects, the
/// second adds what only the provider knew to be missing. A person who unticks a scope each time is
/// not asked for ever.
const MAX_COMPLETED: u8 = 2;

/// How long a person has to decide about a write.
const FORM_LIFETIME: Duration = Duration::from_mins(10);

/// A call that has arrived.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    /// What runs a tool.
    pub toolbox: &'a Toolbox,
    /// What a client keeps for us.
    pub states: &'a RequestStates,
    /// How long a call may be held.
    pub limits: &'a Server,
    /// On whose behalf.
    pub caller: &'a Caller,
    /// The tool.
    pub tool: AnyTool<'a>,
    /// Its arguments.
    pub arguments: &'a Map<String, Value>,
    /// What the client calls itself.
    pub client_name: Option<&'a str>,
    /// The client.
    pub peer: &'a Peer<RoleServer>,
    /// Where the client wants to hear of progress.
    pub progress: Option<ProgressToken>,
    /// How a link travels to this client.
    pub way: Way,
    /// How a form travels to this client.
    pub form_way: Way,
    /// Cancelled when the process is about to end, and no call may wait for its person any more.
    pub closing: &'a CancellationToken,
    /// What the tool waits for.
    pub waits: Waits,
    /// How often the client was told of progress.
    pub told: AtomicU32,
}

/// What came back with a retry.
#[derive(Debug)]
pub(super) struct Retry {
    /// `requestState`.
    pub state: String,
    /// `inputResponses`.
    pub responses: Option<InputResponses>,
}

/// The answer, and one word about it for the log.
pub(super) type Answer = (&'static str, Result<CallToolResponse, ErrorData>);

/// Where a turn stands.
#[derive(Clone, Copy, Debug)]
struct Stage {
    /// How the next link travels.
    way: Way,
    /// How many flows the call has seen completed.
    completed: u8,
    /// What the person has agreed to.
    confirmed: Option<Hex<16>>,
    /// The person was asked to agree and said nothing.
    silent: bool,
}

impl Turn<'_> {
    /// Runs the tool, or asks the person first in the client's way.
    pub(super) async fn answer(&self, retry: Option<Retry>) -> Answer {
        let (outcome, mut answer) = self.decide(retry).await;
        if let Ok(CallToolResponse::Complete(result)) = &mut answer
            && result.is_error == Some(true)
            // When it cannot be had, the next error tells it.
            && let Ok(Some(notice)) = self.broker().notice().await
        {
            result::add_notice(result, &notice);
        }
        (outcome, answer)
    }

    async fn decide(&self, retry: Option<Retry>) -> Answer {
        let until = Instant::now() + self.hold();
        let mut at = Stage {
            way: self.way,
            completed: 0,
            confirmed: None,
            silent: false,
        };
        if let Some(retry) = retry {
            match self.resume(&retry, until).await {
                Ok(resumed) => at = resumed,
                Err(StateError::Broker(error)) => return broken(&error),
                Err(StateError::NotConfirmed) => return self.not_confirmed().await,
                Err(refused) => {
                    let code = format!("request_state_{}", refused.reason());
                    self.toolbox.refuse(self.call(None), &code).await;
                    return ("refused", Err(result::refused(&refused)));
                }
            }
        }
        let mut waited = false;
        loop {
            // Boxed, so that a call that waits for the person does not carry this around.
            let running = Box::pin(self.run(at.confirmed));
            let consent = match running.await {
                Outcome::Consent(consent) => consent,
                Outcome::Finished(output) => {
                    let shown = self.shown(output).await;
                    return done("finished", result::untrusted(result::finished(shown)));
                }
                Outcome::Failed(error) => {
                    let failed = result::failed(&error);
                    return done("failed", self.marked(failed));
                }
                Outcome::Denied(denied) => return done("denied", result::denied(&denied)),
                Outcome::Broken(error) => return broken(&error),
                Outcome::Confirm(confirmation) => {
                    match self.confirm(*confirmation, &mut at).await {
                        Some(answer) => return answer,
                        None => continue,
                    }
                }
            };
            if consent.elicitation_declined || at.completed >= MAX_COMPLETED {
                at.way = Way::Text;
            }
            let again = match at.way {
                Way::InputRequired => return self.input_required(&consent, at.completed).await,
                Way::Error => return ("asked", Err(result::link_error(&consent))),
                Way::Request => self.elicit(&consent, until, &mut at).await,
                Way::Text if consent.posted && !waited => {
                    waited = true;
                    let until = Instant::now() + self.limits.hold_text;
                    let outcome = self.waiting().wait(consent.flow.0, until).await;
                    outcome.map(|outcome| outcome != FlowOutcome::Open)
                }
                Way::Text => Ok(false),
            };
            match again {
                Ok(true) => {}
                Ok(false) => return done("link", result::link(&consent)),
                Err(error) => return broken(&error),
            }
        }
    }

    /// Runs the tool, and tells what it waits for.
    async fn run(&self, confirmed: Option<Hex<16>>) -> Outcome {
        let running = Box::pin(self.toolbox.run(self.call(confirmed)));
        let service = self.tool.service();
        self.waiting().telling(&self.waits, service, running).await
    }

    /// What fits into an answer, and how to read on.
    async fn shown(&self, mut output: Output) -> Output {
        let Some(excerpt) = output.excerpt.take() else {
            return output;
        };
        let whole = std::mem::take(&mut output.text);
        let spill = &self.toolbox.calls.spill;
        let handle = match spill.keep(self.caller, self.tool.name(), whole).await {
            Ok(handle) => Some(handle),
            Err(error) => {
                tracing::warn!(%error, "a long result could not be kept");
                None
            }
        };
        result::cut(output, excerpt, handle.as_deref())
    }

    /// Marks a failure where it may quote a provider.
    fn marked(&self, failed: CallToolResult) -> CallToolResult {
        match self.tool {
            AnyTool::Toolkit(_) => result::untrusted(failed),
            AnyTool::BuiltIn(_) => failed,
        }
    }

    /// Picks up a call that was answered with an `InputRequiredResult`.
    async fn resume(&self, retry: &Retry, until: Instant) -> Result<Stage, StateError> {
        let state = self.states.open(self.subject(), &retry.state).await?;
        let mut at = Stage {
            way: self.way,
            completed: state.completed,
            confirmed: None,
            silent: false,
        };
        let flow = match state.asked {
            Asked::Flow(flow) => flow,
            Asked::Confirm(id) => {
                let responses = retry.responses.as_ref();
                match confirm::said_by(responses.and_then(|all| all.get(confirm::CONFIRM))) {
                    Said::Yes => at.confirmed = Some(id),
                    Said::No => return Err(StateError::NotConfirmed),
                    Said::Nothing => at.silent = true,
                }
                self.states.redeem(&retry.state, state)?;
                return Ok(at);
            }
        };
        match action(retry.responses.as_ref()) {
            // The person was sent to the link; only the stored grant says that they came back.
            Some(ElicitationAction::Accept) => {
                let outcome = self.waiting().wait(flow, until).await?;
                match outcome {
                    FlowOutcome::Completed => at.completed += 1,
                    // Why comes with the link, and an elicitation has no room for it.
                    FlowOutcome::Failed(_) => at.way = Way::Text,
                    _ => {}
                }
            }
            Some(ElicitationAction::Decline) => {
                self.broker()
                    .elicitation_declined(self.caller, flow.into())
                    .await?;
            }
            Some(_) => at.way = Way::Text,
            None => {}
        }
        if !self.tool.annotations().read_only {
            self.states.redeem(&retry.state, state)?;
        }
        Ok(at)
    }

    async fn input_required(&self, consent: &Consent, completed: u8) -> Answer {
        let state = State {
            asked: Asked::Flow(consent.flow.0),
            completed,
            expires_at: consent.expires_at,
        };
        match self.states.seal(self.subject(), state).await {
            Ok(sealed) => ("asked", Ok(result::input_required(consent, sealed).into())),
            Err(error) => broken(&error),
        }
    }

    /// Asks the person whether the write may go. None: the call goes on, with what they said.
    async fn confirm(&self, asked: Confirmation, at: &mut Stage) -> Option<Answer> {
        let way = if at.silent { Way::Text } else { self.form_way };
        match way {
            Way::InputRequired => {
                let expires_at = self.states.later(FORM_LIFETIME);
                let state = State {
                    asked: Asked::Confirm(asked.id),
                    completed: at.completed,
                    expires_at,
                };
                Some(match self.states.seal(self.subject(), state).await {
                    Ok(sealed) => ("asked", Ok(confirm::input_required(&asked, sealed).into())),
                    Err(error) => broken(&error),
                })
            }
            Way::Request => {
                let until = Instant::now() + self.hold();
                match confirm::ask(&self.waiting(), &asked, until).await {
                    Said::Yes => {
                        at.confirmed = Some(asked.id);
                        None
                    }
                    Said::No => Some(self.not_confirmed().await),
                    Said::Nothing => Some(self.not_asked(asked).await),
                }
            }
            Way::Error | Way::Text => Some(self.not_asked(asked).await),
        }
    }

    /// The preview: nobody could be asked.
    async fn not_asked(&self, asked: Confirmation) -> Answer {
        let shown = self.shown(confirm::not_asked(asked)).await;
        done("confirm", result::untrusted(result::finished(shown)))
    }

    /// The person does not want it.
    async fn not_confirmed(&self) -> Answer {
        let refused = confirm::refused();
        self.toolbox.refuse(self.call(None), "not_confirmed").await;
        done("failed", result::failed(&refused))
    }

    /// Asks while the call stays open. True: the broker may now decide otherwise.
    async fn elicit(
        &self,
        consent: &Consent,
        until: Instant,
        at: &mut Stage,
    ) -> Result<bool, BrokerError> {
        let waiting = self.waiting();
        match waiting.elicit(consent, until).await? {
            Elicited::Flow(FlowOutcome::Completed) => {
                at.completed += 1;
                waiting.complete(consent).await;
                return Ok(true);
            }
            Elicited::Flow(FlowOutcome::Open) | Elicited::NotShown => return Ok(false),
            Elicited::Flow(_) => {}
            Elicited::Declined => {
                self.broker()
                    .elicitation_declined(self.caller, consent.flow)
                    .await?;
            }
        }
        at.way = Way::Text;
        Ok(true)
    }

    /// How long this call may stay open for the person.
    fn hold(&self) -> std::time::Duration {
        if self.way == Way::Request && self.progress.is_some() {
            self.limits.hold_with_progress
        } else {
            self.limits.hold
        }
    }

    fn waiting(&self) -> Hold<'_> {
        Hold {
            broker: self.broker(),
            caller: self.caller,
            peer: self.peer,
            progress: self.progress.clone(),
            closing: self.closing,
            told: &self.told,
        }
    }

    fn call(&self, confirmed: Option<Hex<16>>) -> AnyCall<'_> {
        AnyCall {
            caller: self.caller,
            tool: self.tool,
            arguments: self.arguments,
            client_name: self.client_name,
            confirmed,
            waits: &self.waits,
        }
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            caller: self.caller,
            tool: self.tool.name(),
            arguments: self.arguments,
        }
    }

    fn broker(&self) -> &Broker {
        &self.toolbox.calls.broker
    }
}

/// What the person's client answered to our one elicitation.
fn action(responses: Option<&InputResponses>) -> Option<ElicitationAction> {
    let response = responses?.get(result::CONNECT)?;
    serde_json::from_value(response.get("action")?.clone()).ok()
}

fn done(outcome: &'static str, result: CallToolResult) -> Answer {
    (outcome, Ok(result.into()))
}

fn broken(error: &BrokerError) -> Answer {
    done("broken", result::broken(error))
}
