//! One `tools/call`, from arrival to answer.

use rmcp::model::{CallToolResponse, ElicitationAction, ErrorData, InputResponses, ProgressToken};
use rmcp::service::{Peer, RoleServer};
use serde_json::{Map, Value};
use tokio::time::Instant;
use valetkey_toolkits::tool::Tool;

use crate::broker::{Broker, BrokerError, Consent, FlowOutcome};
use crate::call::{Call, Calls, Outcome};
use crate::caller::Caller;
use crate::config::Server;
use crate::mcp::answer::Way;
use crate::mcp::hold::{Elicited, Hold};
use crate::mcp::request_state::{RequestStates, State, StateError, Subject};
use crate::mcp::result;

/// How many flows a call may see completed and still ask for another: the first connects, the
/// second adds what only the provider knew to be missing. A person who unticks a scope each time is
/// not asked for ever.
const MAX_COMPLETED: u8 = 2;

/// A call that has arrived.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    /// What runs a tool.
    pub calls: &'a Calls,
    /// What a client keeps for us.
    pub states: &'a RequestStates,
    /// How long a call may be held.
    pub limits: &'a Server,
    /// On whose behalf.
    pub caller: &'a Caller,
    /// The tool.
    pub tool: &'a Tool,
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
        };
        if let Some(retry) = retry {
            match self.resume(&retry, until).await {
                Ok(resumed) => at = resumed,
                Err(StateError::Broker(error)) => return broken(&error),
                Err(refused) => {
                    let code = format!("request_state_{}", refused.reason());
                    self.calls.refuse(self.call(), &code).await;
                    return ("refused", Err(result::refused(&refused)));
                }
            }
        }
        let mut waited = false;
        loop {
            // Boxed, so that a call that waits for the person does not carry this around.
            let consent = match Box::pin(self.calls.run(self.call())).await {
                Outcome::Consent(consent) => consent,
                Outcome::Finished(output) => return done("finished", result::finished(output)),
                Outcome::Failed(error) => return done("failed", result::failed(&error)),
                Outcome::Denied(denied) => return done("denied", result::denied(&denied)),
                Outcome::Broken(error) => return broken(&error),
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

    /// Picks up a call that was answered with an `InputRequiredResult`.
    async fn resume(&self, retry: &Retry, until: Instant) -> Result<Stage, StateError> {
        let state = self.states.open(self.subject(), &retry.state).await?;
        let mut at = Stage {
            way: self.way,
            completed: state.completed,
        };
        match action(retry.responses.as_ref()) {
            // The person was sent to the link; only the stored grant says that they came back.
            Some(ElicitationAction::Accept) => {
                let outcome = self.waiting().wait(state.flow, until).await?;
                match outcome {
                    FlowOutcome::Completed => at.completed += 1,
                    // Why comes with the link, and an elicitation has no room for it.
                    FlowOutcome::Failed(_) => at.way = Way::Text,
                    _ => {}
                }
            }
            Some(ElicitationAction::Decline) => {
                self.broker()
                    .elicitation_declined(self.caller, state.flow.into())
                    .await?;
            }
            Some(_) => at.way = Way::Text,
            None => {}
        }
        if !self.tool.annotations.read_only {
            self.states.redeem(&retry.state, state)?;
        }
        Ok(at)
    }

    async fn input_required(&self, consent: &Consent, completed: u8) -> Answer {
        let state = State {
            flow: consent.flow.0,
            completed,
            expires_at: consent.expires_at,
        };
        match self.states.seal(self.subject(), state).await {
            Ok(sealed) => ("asked", Ok(result::input_required(consent, sealed).into())),
            Err(error) => broken(&error),
        }
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
        }
    }

    fn call(&self) -> Call<'_> {
        Call {
            caller: self.caller,
            tool: self.tool,
            arguments: self.arguments,
            client_name: self.client_name,
        }
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            caller: self.caller,
            tool: self.tool.name,
            arguments: self.arguments,
        }
    }

    fn broker(&self) -> &Broker {
        &self.calls.broker
    }
}

/// What the person's client answered to our one elicitation.
fn action(responses: Option<&InputResponses>) -> Option<ElicitationAction> {
    let response = responses?.get(result::CONNECT)?;
    serde_json::from_value(response.get("action")?.clone()).ok()
}

fn done(outcome: &'static str, result: rmcp::model::CallToolResult) -> Answer {
    (outcome, Ok(result.into()))
}

fn broken(error: &BrokerError) -> Answer {
    done("broken", result::broken(error))
}
