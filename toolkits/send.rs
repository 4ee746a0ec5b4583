//! Sends a request, repeats it where that is safe, and judges what is the same for every provider.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};

use crate::api::{Effect, Keep, Request, Response, unauthorized};
use crate::error::{ErrorCode, ToolError};
use crate::rate::Due;
use crate::wait;
use crate::waits::Reason;

/// How often a request is sent at most; the repetition after a renewed token is not counted.
pub(crate) const TRIES: u32 = 3;

/// What became of one try.
enum Tried {
    Answered(Response),
    /// No connection: the provider has seen nothing.
    NotSent,
    /// Sent, or perhaps sent, and no whole answer came back.
    Lost,
    TooLarge,
}

/// Sends `request` as [`Request::send`] says.
pub(crate) async fn send(request: Request) -> Result<Response, ToolError> {
    if let Some(problem) = request.problem {
        return Err(problem);
    }
    let due = request.api.due(&request);
    let mut token = request.api.token();
    let mut renewed = false;
    let mut failures = 0;
    loop {
        let authorization = request.api.authorization(&request.url, &token)?;
        admit(&request, &due).await?;
        let tried = attempt(&request, authorization).await;
        if let Tried::Answered(response) = &tried {
            hold_back(&request, &due, response);
        }
        if let Tried::Answered(response) = &tried
            && (response.status == StatusCode::UNAUTHORIZED || (request.refuses_token)(response))
        {
            if renewed {
                return Err(unauthorized());
            }
            renewed = true;
            token = request.api.renewed(token).await.ok_or_else(unauthorized)?;
            continue;
        }
        let limited = matches!(&tried, Tried::Answered(response)
            if wait::is_rate_limit(response.status, &response.headers));
        let (error, wait) = match judge(&request, tried) {
            Verdict::Done(response) => return Ok(response),
            Verdict::Failed(error) => return Err(error),
            Verdict::Again(error, wait) => (error, wait),
        };
        failures += 1;
        let wait = wait.unwrap_or_else(|| wait::backoff(failures));
        if failures >= request.tries || !request.api.spend(wait) {
            return Err(error);
        }
        let reason = if limited {
            Reason::RateLimit
        } else {
            Reason::Fault
        };
        request.api.waits().wait(reason, wait).await;
    }
}

/// Waits until the request is not one too many. One that its call can do without does not wait.
async fn admit(request: &Request, due: &[Due]) -> Result<(), ToolError> {
    let may_wait =
        |wait: Duration| wait.is_zero() || (request.tries > 1 && request.api.spend(wait));
    match request.api.pace().take(due, may_wait) {
        Ok(Duration::ZERO) => {}
        Ok(wait) => request.api.waits().wait(Reason::RateLimit, wait).await,
        Err(wait) => return Err(rate_limited(Some(wait))),
    }
    Ok(())
}

/// Where the provider says that it was too fast and for how long, the others wait, too. A limit that
/// is used up is the special one; one of the whole account comes with `retry-after`.
fn hold_back(request: &Request, due: &[Due], response: &Response) {
    if !wait::is_rate_limit(response.status, &response.headers) {
        return;
    }
    if let Some(wait) = wait::asked_for(&response.headers, request.api.clock()) {
        let special = &due[due.len().saturating_sub(1)..];
        let all = response.headers.contains_key(RETRY_AFTER);
        request
            .api
            .pace()
            .block(if all { due } else { special }, wait);
    }
}

enum Verdict {
    Done(Response),
    Failed(ToolError),
    /// Repeat it, after the wait that the provider asked for; or fail so.
    Again(ToolError, Option<Duration>),
}

fn judge(request: &Request, tried: Tried) -> Verdict {
    match (tried, request.effect) {
        (Tried::Answered(response), effect) => {
            if wait::is_rate_limit(response.status, &response.headers) {
                let wait = wait::asked_for(&response.headers, request.api.clock());
                Verdict::Again(rate_limited(wait), wait)
            } else if response.status.is_server_error() && effect == Effect::Write {
                let status = response.status.as_u16();
                Verdict::Failed(outcome_unknown(&format!(
                    "the provider answered with its own fault, HTTP {status}"
                )))
            } else if response.status.is_server_error() {
                let wait = wait::asked_for(&response.headers, request.api.clock());
                let mut error = ToolError::new(
                    ErrorCode::Unreachable,
                    format!(
                        "The provider answered with its own fault, HTTP {}.",
                        response.status.as_u16()
                    ),
                    "Nothing was changed; call again later.",
                );
                error.retry_after_s = wait.map(|wait| wait.as_secs().max(1));
                Verdict::Again(error, wait)
            } else {
                Verdict::Done(response)
            }
        }
        (Tried::NotSent, _) => Verdict::Again(unreachable("could not be reached"), None),
        (Tried::Lost, Effect::Read) => {
            Verdict::Again(unreachable("did not answer in time or in full"), None)
        }
        (Tried::Lost, Effect::Write) => Verdict::Failed(outcome_unknown("no whole answer came")),
        (Tried::TooLarge, Effect::Read) => Verdict::Failed(ToolError::new(
            ErrorCode::TooLarge,
            "The provider's answer is larger than 10 MiB and was not read.",
            "Ask for less: a smaller `limit` or a narrower query.",
        )),
        (Tried::TooLarge, Effect::Write) => Verdict::Failed(outcome_unknown(
            "the provider's answer was too large to read",
        )),
    }
}

async fn attempt(request: &Request, authorization: HeaderValue) -> Tried {
    let mut headers = request.headers.clone();
    headers.insert(AUTHORIZATION, authorization);
    exchange(request, request.api.client(), headers).await
}

/// Follows a link, as [`crate::api`] says: without the token, once.
pub(crate) async fn follow(request: Request) -> Result<Response, ToolError> {
    if let Some(problem) = request.problem {
        return Err(problem);
    }
    let tried = match request.api.client_for_link(&request.url).await {
        Some(client) => exchange(&request, &client, request.headers.clone()).await,
        None => Tried::NotSent,
    };
    let why = match tried {
        Tried::Answered(response) if response.status.is_success() => return Ok(response),
        Tried::Answered(response) => format!("answered with HTTP {}", response.status.as_u16()),
        Tried::NotSent => "could not be reached".to_owned(),
        Tried::Lost => "did not answer in time or in full".to_owned(),
        Tried::TooLarge => "answered with more than can be read".to_owned(),
    };
    Err(ToolError::new(
        ErrorCode::Unreachable,
        format!("The host that the provider named for this {why}; nothing was changed."),
        "Call again in a moment.",
    ))
}

/// Sends a request as it is and reads the answer.
async fn exchange(request: &Request, client: &reqwest::Client, headers: HeaderMap) -> Tried {
    #[cfg(test)]
    if let Some(answers) = request.api.answers() {
        return Tried::Answered(answers(request));
    }
    let mut sending = client
        .request(request.method.clone(), request.url.clone())
        .headers(headers);
    if let Some(body) = &request.body {
        sending = sending.body(body.clone());
    }
    // The client's errors name the URL with its query, so they are judged and dropped here.
    let sent = sending.send().await;
    let status = sent.as_ref().ok().map(|answer| answer.status().as_u16());
    request.api.answered(status);
    let mut answer = match sent {
        Ok(answer) => answer,
        Err(error) if error.is_connect() => return Tried::NotSent,
        Err(_) => return Tried::Lost,
    };
    let announced = usize::try_from(answer.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
    let mut body = Vec::new();
    if let Keep::All(limit) = request.keep {
        if announced > limit {
            return Tried::TooLarge;
        }
        // A vector that grows as it fills takes up to three times the room of a large answer.
        body.reserve_exact(announced);
    }
    let mut left_out = 0;
    loop {
        let chunk = match answer.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            Err(_) => return Tried::Lost,
        };
        if let Keep::All(limit) = request.keep
            && body.len() + chunk.len() > limit
        {
            return Tried::TooLarge;
        }
        body.extend_from_slice(&chunk);
        if let Keep::End(end) = request.keep
            && body.len() > 2 * end
        {
            let surplus = body.len() - end;
            body.drain(..surplus);
            left_out += surplus as u64;
        }
    }
    Tried::Answered(Response {
        status: answer.status(),
        headers: answer.headers().clone(),
        body,
        left_out,
        effect: request.effect,
    })
}

/// A write was sent and nobody can say whether it happened, because of `why`.
pub(crate) fn outcome_unknown(why: &str) -> ToolError {
    ToolError::new(
        ErrorCode::OutcomeUnknown,
        format!("The request was sent, but {why}: it may have happened."),
        "Check whether it did before you repeat it; a repetition may do it twice.",
    )
}

/// The provider asks to slow down; `wait` is for how long, where it says so.
pub(crate) fn rate_limited(wait: Option<Duration>) -> ToolError {
    let message = "The provider limits how fast this account may call; nothing was changed.";
    match wait {
        Some(wait) => {
            // Part of a second counts as a whole one: a repetition must not come too early.
            let wait = Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
            let fix = format!("Wait {} seconds, then call again.", wait.as_secs().max(1));
            ToolError::new(ErrorCode::RateLimited, message, fix).retry_after(wait)
        }
        None => ToolError::new(
            ErrorCode::RateLimited,
            message,
            "Wait a minute, then call again.",
        )
        .retry_after(Duration::from_mins(1)),
    }
}

fn unreachable(how: &str) -> ToolError {
    ToolError::new(
        ErrorCode::Unreachable,
        format!("The provider {how}; nothing was changed."),
        "Call again in a moment.",
    )
}
