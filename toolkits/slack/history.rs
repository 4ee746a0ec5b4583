//! The history of a conversation, as far as one page needs it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::call::{Failure, call};
use super::ts::Ts;
use super::wire::{self, next_cursor};
use crate::api::{Api, Effect};

/// How often the history is asked for one page: Slack may answer with fewer messages than asked,
/// and the messages of people who joined or left are not shown.
const REQUESTS: usize = 5;

/// How many threads one page asks for their newest reply, and how many at a time.
const THREADS: usize = 20;
const THREADS_AT_ONCE: usize = 4;

/// A window of time, both ends included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) since: Ts,
    /// None: up to the newest message.
    pub(super) until: Option<Ts>,
}

/// What the history gave, newest first.
pub(super) struct Fetched {
    pub(super) messages: Vec<wire::Message>,
    /// Slack's cursor to older messages of the window.
    pub(super) next: Option<String>,
    /// Why it is not all that was asked for.
    pub(super) warning: Option<String>,
}

/// Asks for the history until the page is full or the window is read.
///
/// Slack pages from the newest message back, and a page with fewer messages than asked is not the
/// last (<https://docs.slack.dev/reference/methods/conversations.history>). The window is checked
/// here too, for servers that do not.
pub(super) async fn fetch(
    api: &Api,
    channel: &str,
    span: Span,
    next: Option<String>,
    limit: usize,
    include_joins: bool,
) -> Result<Fetched, Failure> {
    let mut fetched = Fetched {
        messages: Vec::new(),
        next,
        warning: None,
    };
    for request in 0..REQUESTS {
        let mut fields = vec![
            ("channel", channel.to_owned()),
            ("limit", (limit - fetched.messages.len()).to_string()),
            ("oldest", span.since.to_string()),
            ("inclusive", "true".to_owned()),
        ];
        fields.extend(span.until.map(|until| ("latest", until.to_string())));
        fields.extend(fetched.next.clone().map(|next| ("cursor", next)));
        let page: wire::History =
            match call(api, Effect::Read, "conversations.history", &fields).await {
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
            fetched.warning = Some(
                "There are older messages, but Slack gave no cursor to them; call again with an \
                 earlier `until`."
                    .to_owned(),
            );
        }
        for message in page.messages {
            if message.ts < span.since {
                fetched.next = None;
            } else if span.until.is_none_or(|until| message.ts <= until)
                && (include_joins || !is_join(&message))
            {
                fetched.messages.push(message);
            }
        }
        if fetched.next.is_none() || fetched.messages.len() >= limit {
            break;
        }
    }
    fetched.messages.sort_by_key(|message| Reverse(message.ts));
    Ok(fetched)
}

/// At most `count` messages of the conversation right before `ts`, who joined or left left out.
pub(super) async fn before(
    api: &Api,
    channel: &str,
    ts: Ts,
    count: usize,
) -> Result<Vec<wire::Message>, Failure> {
    let fields = [
        ("channel", channel.to_owned()),
        ("latest", ts.to_string()),
        ("limit", count.to_string()),
    ];
    let page: wire::History = call(api, Effect::Read, "conversations.history", &fields).await?;
    let messages = page.messages.into_iter();
    Ok(messages.filter(|message| !is_join(message)).collect())
}

fn is_join(message: &wire::Message) -> bool {
    matches!(
        message.subtype.as_deref(),
        Some("channel_join" | "channel_leave" | "group_join" | "group_leave")
    )
}

/// The newest reply of each thread, by the parent's `ts`.
pub(super) async fn latest_replies(
    api: &Api,
    channel: &str,
    messages: &[wire::Message],
    warnings: &mut Vec<String>,
) -> HashMap<Ts, wire::Message> {
    let threads: Vec<(Ts, Ts)> = messages
        .iter()
        .filter(|message| message.reply_count.unwrap_or(0) > 0)
        .map(|message| {
            let latest = message
                .latest_reply
                .as_deref()
                .and_then(|ts| ts.parse().ok());
            (message.ts, latest.unwrap_or(message.ts))
        })
        .collect();
    let asked = threads.len();
    let gate = Arc::new(Semaphore::new(THREADS_AT_ONCE));
    let mut requests = JoinSet::new();
    for (parent, latest) in threads.into_iter().take(THREADS) {
        let (api, gate, channel) = (api.clone(), Arc::clone(&gate), channel.to_owned());
        requests.spawn(async move {
            let _permit = gate.acquire().await;
            (parent, newest_reply(&api, channel, parent, latest).await)
        });
    }
    let mut found = HashMap::new();
    let mut reason = String::new();
    while let Some(done) = requests.join_next().await {
        match done {
            Ok((parent, Ok(Some(reply)))) => drop(found.insert(parent, reply)),
            Ok((_, Err(failure))) => reason = format!(" {}", failure.error.message),
            Ok((_, Ok(None))) | Err(_) => {}
        }
    }
    if found.len() < asked {
        let missing = asked - found.len();
        warnings.push(format!(
            "Threads shown without their newest reply: {missing} of {asked}.{reason}"
        ));
    }
    found
}

/// Slack returns a thread oldest first and its parent always: from the newest reply on, there is
/// one other message (<https://docs.slack.dev/reference/methods/conversations.replies>).
async fn newest_reply(
    api: &Api,
    channel: String,
    parent: Ts,
    latest: Ts,
) -> Result<Option<wire::Message>, Failure> {
    let fields = [
        ("channel", channel),
        ("ts", parent.to_string()),
        ("oldest", latest.to_string()),
        ("inclusive", "true".to_owned()),
        ("limit", "10".to_owned()),
    ];
    let thread: wire::History = call(api, Effect::Read, "conversations.replies", &fields).await?;
    let replies = thread
        .messages
        .into_iter()
        .filter(|reply| reply.ts != parent);
    Ok(replies.max_by_key(|reply| reply.ts))
}
