//! Shows a link to the person at the terminal and waits for what comes of it.

use std::fmt::Write;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, timeout};

use crate::broker::{Broker, Consent, ConsentReason, FLOW_LIFETIME, FlowOutcome};
use crate::caller::Caller;
use crate::cli::output::{BOLD, DIM, Exit, progress, styled, visible};

/// How long a command stays after its link was followed, so that the result page can load. The
/// broker is quiet for 3 s after that, unless another link is open.
const FAREWELL: Duration = Duration::from_secs(4);

/// Prints the link and waits until the person has connected, refused or let it run out; what is not
/// a connection is told and comes back as the exit code.
pub async fn follow(
    broker: &Broker,
    caller: &Caller,
    consent: &Consent,
) -> anyhow::Result<Result<(), Exit>> {
    // Before the link is shown: who interrupts from then on has seen it.
    let mut interrupt = signal(SignalKind::interrupt())?;
    progress(&invitation(consent));
    let until = Instant::now() + FLOW_LIFETIME + Duration::from_secs(1);
    let outcome = tokio::select! {
        outcome = broker.wait(caller, consent.flow, until) => outcome?,
        _ = interrupt.recv() => {
            progress("\nStopped. Nothing was connected; the next command gives the same link while it is valid.");
            return Ok(Err(Exit::Interrupted));
        }
    };
    let provider = &consent.provider;
    match outcome {
        FlowOutcome::Completed => Ok(Ok(())),
        FlowOutcome::Declined => {
            progress(&format!(
                "You said no at {provider}. Nothing was connected."
            ));
            farewell(broker).await;
            Ok(Err(Exit::Declined))
        }
        FlowOutcome::Failed(reason) => {
            progress(&format!("{provider} could not be connected. {reason}"));
            farewell(broker).await;
            Ok(Err(Exit::Failed))
        }
        FlowOutcome::Expired | FlowOutcome::Open => {
            progress(
                "The link ran out and nothing was connected. Run the command again for a new one.",
            );
            Ok(Err(Exit::NeedsConnect))
        }
    }
}

/// Stays until the browser had time to load the result page. Ctrl-C ends that too.
pub async fn farewell(broker: &Broker) {
    tokio::select! {
        _ = timeout(FAREWELL, broker.idle()) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn invitation(consent: &Consent) -> String {
    let provider = &consent.provider;
    let reason = match &consent.reason {
        ConsentReason::NotConnected => format!("{provider} is not connected yet."),
        ConsentReason::NeedsReconnect(reason) => {
            format!("{provider} has to be connected again: {reason}")
        }
        ConsentReason::MissingScopes => format!("{provider} has to allow more."),
    };
    let mut allows = String::new();
    for words in &consent.scopes_in_words {
        writeln!(allows, "  - {}", visible(words)).expect("a string takes everything");
    }
    let account = match &consent.account {
        Some(account) => format!("Sign in as {}.\n", visible(account)),
        None => String::new(),
    };
    let asked = if allows.is_empty() {
        format!("{provider} shows what is asked for.\n")
    } else {
        format!("It will be asked to allow:\n{allows}")
    };
    format!(
        "{reason} {asked}{account}\nOpen this link in a browser on \
         this computer:\n\n  {}\n\n{}",
        styled(BOLD, consent.link.as_str()),
        styled(
            DIM,
            "Waiting. The link is valid for ten minutes; Ctrl-C ends the wait."
        ),
    )
}
