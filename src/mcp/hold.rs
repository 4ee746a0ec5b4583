//! Waiting for the person, inside an open call.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rmcp::model::{
    ClientResult, CustomNotification, ElicitRequest, ElicitRequestParams, ElicitationAction,
    ProgressNotificationParam, ProgressToken, ServerNotification, ServerRequest,
};
use rmcp::service::PeerRequestOptions;
use rmcp::{Peer, RoleServer, ServiceError};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use valetkey_toolkits::waits::{Reason, Wait, Waits};

use crate::broker::{Broker, BrokerError, Consent, FlowOutcome};
use crate::caller::Caller;
use crate::metrics::Waiting;

/// How often a client that sent a progress token hears that the call is alive. Clients that extend
/// their time limit on progress have limits of 30 s and more.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// A call that waits. When it is dropped, it waits no more; the flow stays.
#[derive(Debug)]
pub(super) struct Hold<'a> {
    /// Knows when a flow ends.
    pub broker: &'a Broker,
    /// Whose flow it is.
    pub caller: &'a Caller,
    /// The client.
    pub peer: &'a Peer<RoleServer>,
    /// Where to report progress to, when the client asked for it.
    pub progress: Option<ProgressToken>,
    /// Cancelled when the process is about to end.
    pub closing: &'a CancellationToken,
    /// How often that was done in this call: each time has to bring a higher number.
    pub told: &'a AtomicU32,
}

/// How an elicitation by request went.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Elicited {
    /// The flow ended, or the time to wait for it was over.
    Flow(FlowOutcome),
    /// The client answered `decline`.
    Declined,
    /// The client answered `cancel`, or with an error, or not at all.
    NotShown,
}

impl Hold<'_> {
    /// Waits until the flow ends or `until`.
    pub(super) async fn wait(
        &self,
        flow: [u8; 32],
        until: Instant,
    ) -> Result<FlowOutcome, BrokerError> {
        let ended = async {
            tokio::select! {
                biased;
                ended = self.broker.wait(self.caller, flow.into(), until) => ended,
                () = self.closing.cancelled() => Ok(FlowOutcome::Open),
            }
        };
        self.while_telling("Waiting for the user to follow the link.", ended)
            .await
    }

    /// Waits for `future`, and tells the client now and then that the call is alive.
    pub(super) async fn while_telling<F: Future>(
        &self,
        message: &'static str,
        future: F,
    ) -> F::Output {
        let _waiting = Waiting::begin();
        let mut ended = std::pin::pin!(future);
        let mut ticks = interval(PROGRESS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                outcome = &mut ended => return outcome,
                _ = ticks.tick(), if self.progress.is_some() => {
                    Box::pin(self.tell(message)).await;
                }
            }
        }
    }

    /// Runs `future`, and tells the client of the waits in it when they begin, and then now and then.
    /// `service` is what it waits for as a person knows it.
    pub(super) async fn telling<F: Future>(
        &self,
        waits: &Waits,
        service: &str,
        future: F,
    ) -> F::Output {
        if self.progress.is_none() {
            return future.await;
        }
        let mut waits = waits.watch();
        let mut ended = std::pin::pin!(future);
        let mut next = None;
        loop {
            tokio::select! {
                biased;
                outcome = &mut ended => return outcome,
                Ok(()) = waits.changed() => next = Some(Instant::now()),
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                    let now = Instant::now();
                    let wait = *waits.borrow_and_update();
                    next = match wait.filter(|wait| wait.until > now) {
                        Some(wait) => {
                            Box::pin(self.tell(&sentence(wait, service, now))).await;
                            Some(now + PROGRESS_EVERY)
                        }
                        None => None,
                    };
                }
            }
        }
    }

    /// Asks with an `elicitation/create` request (MCP 2025-11-25) and waits for the flow, not for
    /// the answer: `accept` only means that the person was sent to the link.
    ///
    /// It has to be awaited in the task that handles the call, because the SDK ties the request to
    /// the call by task-local state.
    pub(super) async fn elicit(
        &self,
        consent: &Consent,
        until: Instant,
    ) -> Result<Elicited, BrokerError> {
        let request = ServerRequest::ElicitRequest(ElicitRequest::new(url_elicitation(
            consent,
            consent.flow.to_string(),
        )));
        // Boxed, like all that is not the wait itself: thousands of calls may wait at once.
        let sent = Box::pin(
            self.peer
                .send_cancellable_request(request, PeerRequestOptions::no_options()),
        );
        let Ok(mut asked) = sent.await else {
            return Ok(Elicited::NotShown);
        };
        let mut ended = std::pin::pin!(self.wait(consent.flow.0, until));
        let mut accepted = false;
        loop {
            tokio::select! {
                biased;
                outcome = &mut ended => {
                    if !accepted {
                        // The client still shows a question that is settled or too late. If it
                        // cannot be told, it is gone, and so is the need to tell it.
                        let reason = "the sign-in is no longer waited for".to_owned();
                        Box::pin(asked.cancel(Some(reason))).await.ok();
                    }
                    return outcome.map(Elicited::Flow);
                }
                answer = &mut asked.rx, if !accepted => match answer.ok().and_then(action) {
                    Some(ElicitationAction::Accept) => accepted = true,
                    Some(ElicitationAction::Decline) => return Ok(Elicited::Declined),
                    _ => return Ok(Elicited::NotShown),
                },
            }
        }
    }

    /// Tells the client that what it was asked for is done (MCP 2025-11-25,
    /// `notifications/elicitation/complete`). Best effort.
    pub(super) async fn complete(&self, consent: &Consent) {
        let told = CustomNotification::new(
            "notifications/elicitation/complete",
            Some(serde_json::json!({ "elicitationId": consent.flow.to_string() })),
        );
        self.peer
            .send_notification(ServerNotification::CustomNotification(told))
            .await
            .ok();
    }

    async fn tell(&self, message: &str) {
        if let Some(token) = &self.progress {
            let progress = f64::from(self.told.fetch_add(1, Ordering::Relaxed));
            self.peer
                .notify_progress(
                    ProgressNotificationParam::new(token.clone(), progress).with_message(message),
                )
                .await
                // The call ends with the connection, and that is noticed elsewhere.
                .ok();
        }
    }
}

/// The elicitation of a link. `id` is empty from 2026-07-28 on, where the key is gone.
pub(super) fn url_elicitation(consent: &Consent, id: String) -> ElicitRequestParams {
    ElicitRequestParams::UrlElicitationParams {
        meta: None,
        message: consent.sentence(),
        url: consent.link.to_string(),
        elicitation_id: id,
    }
}

/// What is waited for and how long, in whole seconds.
fn sentence(wait: Wait, service: &str, now: Instant) -> String {
    let left = wait.until.saturating_duration_since(now);
    let left = left.as_millis().div_ceil(1_000);
    match wait.reason {
        Reason::RateLimit => {
            format!("Waiting {left} s: {service} limits how fast this account may call.")
        }
        Reason::Fault => format!("Waiting {left} s: {service} failed, and is asked again."),
        Reason::Delay => format!("Sends in {left} s. Cancel the call to stop it."),
    }
}

fn action(answer: Result<ClientResult, ServiceError>) -> Option<ElicitationAction> {
    match answer {
        Ok(ClientResult::ElicitResult(result)) => Some(result.action),
        _ => None,
    }
}
