//! The messages of a thread, as far as one page needs them.

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

/// Asks for the thread of `parent` until the page is full or the thread read.
///
/// Slack puts the parent on every page (<https://docs.slack.dev/reference/methods/conversations.replies>);
/// it is kept on the first only, which has no cursor.
pub(super) async fn fetch(
    api: &Api,
    channel: &str,
    parent: Ts,
    cursor: Option<String>,
    limit: usize,
) -> Result<Fetched, Failure> {
    let first_page = cursor.is_none();
    let mut fetched = Fetched {
        messages: Vec::new(),
        next: cursor,
        warning: None,
    };
    for request in 0..REQUESTS {
        // The repeated parent takes a place on a later page.
        let repeated = usize::from(fetched.next.is_some());
        let asked = limit - fetched.messages.len() + repeated;
        let mut fields = vec![
            ("channel", channel.to_owned()),
            ("ts", parent.to_string()),
            ("limit", asked.to_string()),
        ];
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
            if (first_page || message.ts != parent) && !fetched.messages.iter().any(known) {
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
