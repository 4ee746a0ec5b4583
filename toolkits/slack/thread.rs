//! The messages of a thread, as far as one page needs them.

use serde::{Deserialize, Serialize};

use super::call::{Failure, call};
use super::ts::Ts;
use super::wire::{self, next_cursor};
use crate::api::{Api, Effect};

/// How often a thread is asked for one page: Slack may answer with fewer messages than asked.
const REQUESTS: usize = 5;

/// What the thread gave, oldest first.
pub(super) struct Fetched {
    pub(super) messages: Vec<wire::Message>,
    /// Slack's cursor to newer messages.
    pub(super) next: Option<String>,
    /// Why it is not all that was asked for.
    pub(super) warning: Option<String>,
}

/// Where in a thread to begin.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Start {
    /// Slack's own cursor.
    next: Option<String>,
    /// After this message, where the page before had no room for those that Slack gave with it.
    #[serde(default)]
    after: Option<Ts>,
}

impl Start {
    /// Where Slack's cursor leads.
    pub(super) fn at(&self, next: String) -> Self {
        Self {
            next: Some(next),
            after: self.after,
        }
    }

    /// Behind a message.
    pub(super) fn after(message: Ts) -> Self {
        Self {
            next: None,
            after: Some(message),
        }
    }
}

/// Asks for the thread of `parent` until the page is full or the thread read.
///
/// Slack puts the parent on every page (<https://docs.slack.dev/reference/methods/conversations.replies>);
/// it is kept on the first only.
pub(super) async fn fetch(
    api: &Api,
    channel: &str,
    parent: Ts,
    start: Start,
    limit: usize,
) -> Result<Fetched, Failure> {
    let first_page = start.next.is_none() && start.after.is_none();
    let mut fetched = Fetched {
        messages: Vec::new(),
        next: start.next,
        warning: None,
    };
    for request in 0..REQUESTS {
        // The repeated parent takes a place on a later page.
        let repeated = usize::from(fetched.next.is_some() || start.after.is_some());
        let asked = limit - fetched.messages.len() + repeated;
        let mut fields = vec![
            ("channel", channel.to_owned()),
            ("ts", parent.to_string()),
            ("limit", asked.to_string()),
        ];
        fields.extend(start.after.map(|after| ("oldest", after.to_string())));
        fields.extend(fetched.next.clone().map(|next| ("cursor", next)));
        let page: wire::History =
            match call(api, Effect::Read, "conversations.replies", &fields).await {
                Ok(page) => page,
                Err(failure) if request == 0 => return Err(failure),
                Err(failure) => {
                    fetched.warning = Some(format!(
                        "Fewer messages than asked: {} Go on with the cursor.",
                        failure.error.message
                    ));
                    return Ok(fetched);
                }
            };
        fetched.next = next_cursor(page.response_metadata);
        if page.has_more && fetched.next.is_none() {
            fetched.warning =
                Some("The thread goes on, but Slack gave no cursor to the rest.".to_owned());
        }
        for message in page.messages {
            let known = |known: &wire::Message| known.ts == message.ts;
            // A server that does not know `oldest` gives all.
            let wanted = first_page
                || (message.ts != parent && start.after.is_none_or(|after| message.ts > after));
            if wanted && !fetched.messages.iter().any(known) {
                fetched.messages.push(message);
            }
        }
        if fetched.next.is_none() || fetched.messages.len() >= limit {
            break;
        }
    }
    fetched.messages.sort_by_key(|message| message.ts);
    Ok(fetched)
}
