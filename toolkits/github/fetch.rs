//! Sends a request to GitHub and reads its answer, or says why it was refused.

use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::api::{Request, Response};
use crate::cursor;
use crate::error::ToolError;
use crate::github::refusal::{self, Asked};
use crate::send::outcome_unknown;

/// The answer, if it is a success.
pub(super) async fn answer(request: Request, asked: &Asked) -> Result<Response, ToolError> {
    let response = request.send().await?;
    if response.status.is_success() {
        return Ok(response);
    }
    Err(refusal::explain(&response, asked))
}

/// The JSON of a success.
pub(super) async fn json<T: DeserializeOwned>(
    request: Request,
    asked: &Asked,
) -> Result<T, ToolError> {
    answer(request, asked).await?.json()
}

/// The items of one page of a list, and whether there is a page after it.
pub(super) async fn list<T: DeserializeOwned>(
    request: Request,
    asked: &Asked,
) -> Result<(Vec<T>, bool), ToolError> {
    let response = answer(request, asked).await?;
    Ok((response.json()?, has_next(&response)))
}

/// The answer to a write that GitHub confirms with `expected`.
pub(super) async fn written(
    request: Request,
    expected: StatusCode,
    asked: &Asked,
) -> Result<Response, ToolError> {
    let response = answer(request, asked).await?;
    if response.status == expected {
        return Ok(response);
    }
    Err(outcome_unknown("GitHub did not confirm it"))
}

/// Whether the `Link` header (RFC 8288) names a next page. The page is computed, not followed: a
/// link in an answer could lead anywhere.
pub(super) fn has_next(response: &Response) -> bool {
    let links = response.headers.get_all("link").iter();
    links
        .filter_map(|value| value.to_str().ok())
        .any(|link| link.contains("rel=\"next\""))
}

/// Where a list that GitHub numbers by pages goes on. `size` is the page's, which must stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageAt {
    pub(super) page: u64,
    pub(super) size: u64,
}

impl PageAt {
    /// The page that `cursor` names, else the first with `limit` items, at most `max`.
    pub(super) fn read(
        cursor: Option<&str>,
        limit: Option<u64>,
        default: u64,
        max: u64,
    ) -> Result<Self, ToolError> {
        let Some(cursor) = cursor else {
            return Ok(Self {
                page: 1,
                size: limit.unwrap_or(default).clamp(1, max),
            });
        };
        let at: Self = cursor::unwrap(cursor)?;
        if at.page == 0 || at.page > 100_000 || at.size == 0 || at.size > max {
            return Err(ToolError::invalid_arguments(
                "`cursor` is beyond what GitHub lists.",
            ));
        }
        Ok(at)
    }

    /// Adds the page to a request.
    pub(super) fn ask(self, request: Request) -> Request {
        request
            .query("per_page", self.size)
            .query("page", self.page)
    }

    /// The cursor of the page after this one.
    pub(super) fn next(self) -> String {
        cursor::wrap(&Self {
            page: self.page + 1,
            size: self.size,
        })
    }
}
