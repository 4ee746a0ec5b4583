//! The same small change for several messages or conversations.

use std::fmt::Write;

use reqwest::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::MODIFY;
use super::chosen::{Choice, Shown};
use super::error::{Call, accept};
use crate::api::Api;
use crate::arguments::OneOrMany;
use crate::error::{ErrorCode, ToolError};
use crate::output::Render;

pub(super) const CALL: Call = Call {
    scope: MODIFY,
    bad_request_fix: "Use ids from `gmail_search`, and labels from `gmail_list_labels`.",
};

/// Each takes a request, which Gmail counts and limits.
pub(super) const MAX_IDS: usize = 100;

/// How many requests run at a time.
const CONCURRENT: usize = 8;

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Message,
    Thread,
}

/// The ids of one call, without repetitions.
pub(super) struct Targets {
    pub(super) kind: Kind,
    pub(super) ids: Vec<String>,
}

impl Targets {
    /// Messages that were found.
    pub(super) fn of_messages(ids: Vec<String>) -> Self {
        let kind = Kind::Message;
        Self { kind, ids }
    }

    /// Reads `message_ids` and `thread_ids`, of which one is given.
    pub(super) fn read(messages: &OneOrMany, threads: &OneOrMany) -> Result<Self, ToolError> {
        let (kind, given) = match (messages.0.as_slice(), threads.0.as_slice()) {
            (ids @ [_, ..], []) => (Kind::Message, ids),
            ([], ids @ [_, ..]) => (Kind::Thread, ids),
            _ => {
                return Err(ToolError::invalid_arguments(
                    "Give either `message_ids` or `thread_ids`.",
                ));
            }
        };
        let mut ids: Vec<String> = Vec::new();
        for id in given {
            let id = id.trim();
            if !ids.iter().any(|known| known == id) {
                ids.push(id.to_owned());
            }
        }
        if ids.len() > MAX_IDS {
            return Err(ToolError::invalid_arguments(format!(
                "{} ids were given; at most {MAX_IDS} are changed in one call.",
                ids.len()
            )));
        }
        Ok(Self { kind, ids })
    }
}

/// One change: a request for each id.
#[derive(Clone)]
pub(super) enum Change {
    /// Adds and removes labels, by id.
    Labels {
        add: Vec<String>,
        remove: Vec<String>,
    },
    Trash,
    /// Out of Trash and Spam, and with `true` into the inbox.
    Restore(bool),
}

/// What was changed.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Changed {
    /// What was done, in words.
    done: String,
    /// How many were changed.
    count: usize,
    /// The ids that were changed.
    ids: Vec<String>,
    /// Those that were not, and why.
    failed: Vec<Failure>,
    /// Of a dry run: what would be changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shown: Vec<Shown>,
    /// Of a dry run with `query`: whether it finds more than `max_messages`, which stays as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    more: Option<bool>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Failure {
    pub(super) id: String,
    pub(super) why: String,
}

impl Render for Changed {
    fn render(&self) -> String {
        let mut text = format!("{}: {}", self.done, self.count);
        if !self.ids.is_empty() {
            write!(text, "\nChanged: {}", self.ids.join(", ")).expect("a string takes every write");
        }
        for one in &self.shown {
            let Shown {
                id,
                from,
                subject,
                date,
            } = one;
            let date = date.as_deref().unwrap_or_default();
            write!(text, "\n{id}: {from}: {subject} ({date})").expect("a string takes every write");
        }
        if self.more == Some(true) {
            text.push_str("\nThe query finds more, which would stay as it is.");
        }
        for Failure { id, why } in &self.failed {
            write!(text, "\nNot changed: {id}: {why}").expect("a string takes every write");
        }
        text
    }
}

/// Makes the change for what is chosen, or shows it.
pub(super) async fn choose(
    api: &Api,
    choice: Choice<'_>,
    change: Change,
    done: &str,
) -> Result<Changed, ToolError> {
    let (targets, preview) = choice.targets(api).await?;
    if !choice.dry_run {
        return run(api, targets, change, done.to_owned()).await;
    }
    Ok(Changed {
        done: format!("Dry run, nothing was changed. {done} would be"),
        count: preview.shown.len(),
        ids: Vec::new(),
        failed: preview.missing,
        shown: preview.shown,
        more: preview.more,
    })
}

/// Makes the change for each id. That some fail is a result; that all fail is an error.
pub(super) async fn run(
    api: &Api,
    targets: Targets,
    change: Change,
    done: String,
) -> Result<Changed, ToolError> {
    let Targets { kind, ids } = targets;
    let mut outcomes: Vec<Option<Result<(), ToolError>>> = ids.iter().map(|_| None).collect();
    let mut waiting = ids.iter().cloned().enumerate();
    let mut running = JoinSet::new();
    loop {
        while running.len() < CONCURRENT
            && let Some((place, id)) = waiting.next()
        {
            let (api, change) = (api.clone(), change.clone());
            running.spawn(async move { (place, one(&api, kind, &id, &change).await) });
        }
        match running.join_next().await {
            None => break,
            Some(Ok((place, outcome))) => outcomes[place] = Some(outcome),
            Some(Err(error)) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => unreachable!("nothing cancels these tasks while they are awaited"),
            },
        }
    }
    let mut result = Changed {
        done,
        count: 0,
        ids: Vec::new(),
        failed: Vec::new(),
        shown: Vec::new(),
        more: None,
    };
    let mut first_error = None;
    for (id, outcome) in ids.into_iter().zip(outcomes) {
        match outcome {
            Some(Err(error)) => {
                let why = format!("{} {}", error.message, error.fix);
                result.failed.push(Failure { id, why });
                // What nobody knows is worse than what did not happen.
                if first_error.is_none() || error.code == ErrorCode::OutcomeUnknown {
                    first_error = Some(error);
                }
            }
            _ => result.ids.push(id),
        }
    }
    result.count = result.ids.len();
    match first_error {
        Some(error) if result.ids.is_empty() => Err(error),
        _ => Ok(result),
    }
}

async fn one(api: &Api, kind: Kind, id: &str, change: &Change) -> Result<(), ToolError> {
    match change {
        Change::Labels { add, remove } => modify(api, kind, id, add, remove).await,
        Change::Trash => post(api, kind, id, "trash", None).await.map(|_| ()),
        Change::Restore(to_inbox) => {
            let labels = post(api, kind, id, "untrash", None).await?;
            let has = |wanted: &str| labels.iter().any(|label| label == wanted);
            let spam = has("SPAM");
            // What the account wrote itself does not belong there.
            let inbox = *to_inbox && !has("INBOX") && !has("DRAFT") && (spam || !has("SENT"));
            if !spam && !inbox {
                return Ok(());
            }
            let list = |wanted: bool, label: &str| -> Vec<String> {
                wanted.then(|| label.to_owned()).into_iter().collect()
            };
            modify(api, kind, id, &list(inbox, "INBOX"), &list(spam, "SPAM")).await
        }
    }
}

async fn modify(
    api: &Api,
    kind: Kind,
    id: &str,
    add: &[String],
    remove: &[String],
) -> Result<(), ToolError> {
    let body = json!({ "addLabelIds": add, "removeLabelIds": remove });
    post(api, kind, id, "modify", Some(&body)).await.map(|_| ())
}

/// A message, or a conversation with its messages.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Labelled {
    #[serde(default)]
    label_ids: Vec<String>,
    #[serde(default)]
    messages: Vec<Labelled>,
}

/// Changes one and gives the labels that it has then.
async fn post(
    api: &Api,
    kind: Kind,
    id: &str,
    verb: &str,
    body: Option<&Value>,
) -> Result<Vec<String>, ToolError> {
    let collection = match kind {
        Kind::Message => "messages",
        Kind::Thread => "threads",
    };
    let path = ["gmail", "v1", "users", "me", collection, id, verb];
    let mut request = api.write(Method::POST, &path);
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer: Labelled = accept(request.send().await?, &CALL)?.json()?;
    let below = answer.messages.into_iter().flat_map(|it| it.label_ids);
    Ok(answer.label_ids.into_iter().chain(below).collect())
}
