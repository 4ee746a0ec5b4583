//! Gmail's side of a search: pages of ids, then the metadata of each, a few at a time.

use jiff::Timestamp;
use reqwest::Method;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::error::{Call, accept};
use super::results::Count;
use super::wire::{Listing, Reference};
use crate::api::{Api, Request};
use crate::error::{ErrorCode, ToolError};

/// The least scope that may use `q` and read metadata; `gmail.metadata` may not use `q`.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/gmail.readonly";

/// How refusals of a search are explained.
pub(super) const CALL: Call = Call {
    scope: SCOPE,
    bad_request_fix: "Correct the query. A cursor works only with the account that gave it and \
                      for a while: leave it out to start again.",
};

/// How many metadata requests run at a time; Gmail limits both their rate and their concurrency.
const CONCURRENT: usize = 8;

/// The largest page of ids that Gmail gives, and how many of them a count may take.
const COUNT_PAGE: u32 = 500;
const COUNT_PAGES: usize = 10;

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum GroupBy {
    Thread,
    Message,
}

/// A search with everything resolved, so that a cursor goes on with exactly the same.
#[derive(Serialize, Deserialize)]
pub(super) struct Search {
    pub(super) group_by: GroupBy,
    pub(super) q: String,
    /// Id and name of the label.
    pub(super) label: Option<(String, String)>,
    pub(super) spam_trash: bool,
    pub(super) drafts: bool,
    pub(super) attachment: Option<bool>,
    pub(super) after: Option<Timestamp>,
    pub(super) before: Option<Timestamp>,
}

/// One page of ids (`threads.list`, `messages.list`).
pub(super) async fn list(
    api: &Api,
    search: &Search,
    limit: u32,
    page: Option<&str>,
) -> Result<Listing, ToolError> {
    let collection = match search.group_by {
        GroupBy::Thread => "threads",
        GroupBy::Message => "messages",
    };
    let mut request = api
        .read(Method::GET, &["gmail", "v1", "users", "me", collection])
        .query("maxResults", limit)
        .query("includeSpamTrash", search.spam_trash);
    if !search.q.is_empty() {
        request = request.query("q", &search.q);
    }
    if let Some((id, _)) = &search.label {
        request = request.query("labelIds", id);
    }
    if let Some(page) = page {
        request = request.query("pageToken", page);
    }
    accept(request.send().await?, &CALL)?.json()
}

/// Counts by walking the pages: Gmail's own estimate can be far off.
pub(super) async fn count(api: &Api, search: &Search) -> Result<Count, ToolError> {
    let mut results = 0;
    let mut page = None;
    for _ in 0..COUNT_PAGES {
        let listing = list(api, search, COUNT_PAGE, page.as_deref()).await?;
        results += listing.threads.len() + listing.messages.len();
        page = listing.next_page_token;
        if page.is_none() {
            break;
        }
    }
    Ok(Count {
        results,
        complete: page.is_none(),
    })
}

/// Gets the metadata of what was listed, in the order of the list. What has been deleted
/// meanwhile is left out.
pub(super) async fn fetch<T>(
    api: &Api,
    collection: &'static str,
    references: Vec<Reference>,
    headers: &[&str],
) -> Result<Vec<T>, ToolError>
where
    T: DeserializeOwned + Send + 'static,
{
    let mut found: Vec<Option<T>> = references.iter().map(|_| None).collect();
    let mut waiting = references.into_iter().enumerate();
    let mut running = JoinSet::new();
    loop {
        while running.len() < CONCURRENT
            && let Some((place, reference)) = waiting.next()
        {
            let mut request = api
                .read(
                    Method::GET,
                    &["gmail", "v1", "users", "me", collection, &reference.id],
                )
                .query("format", "metadata");
            for header in headers {
                request = request.query("metadataHeaders", header);
            }
            running.spawn(async move { (place, get(request).await) });
        }
        match running.join_next().await {
            None => break,
            Some(Ok((place, answer))) => found[place] = answer?,
            Some(Err(error)) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => unreachable!("nothing cancels these tasks while they are awaited"),
            },
        }
    }
    Ok(found.into_iter().flatten().collect())
}

async fn get<T: DeserializeOwned>(request: Request) -> Result<Option<T>, ToolError> {
    match accept(request.send().await?, &CALL) {
        Ok(response) => response.json().map(Some),
        Err(error) if error.code == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
