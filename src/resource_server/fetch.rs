//! One request to an issuer: no redirect is followed, the answer is JSON of bounded length, and there
//! is a limit of time.

use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Map, Value};

/// A call waits for it.
const LONGEST: Duration = Duration::from_secs(5);

/// Far more than any document of keys has.
const LIMIT: usize = 512 * 1024;

/// Why there is no answer.
pub(super) enum Failure {
    /// It cannot be reached.
    Unreachable(&'static str),
    /// It answers, but not with that.
    Answered(String),
}

impl From<Failure> for String {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreachable(cause) => cause.to_owned(),
            Failure::Answered(cause) => cause,
        }
    }
}

/// Sends a request and reads the JSON object that answers it.
pub(super) async fn object(request: RequestBuilder) -> Result<Map<String, Value>, Failure> {
    let json = HeaderValue::from_static("application/json");
    let request = request.header(ACCEPT, json).timeout(LONGEST);
    let mut response = request.send().await.map_err(|error| unreachable(&error))?;
    if response.status() != StatusCode::OK {
        let status = response.status().as_u16();
        return Err(Failure::Answered(format!(
            "it answers with status {status}"
        )));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| unreachable(&error))?
    {
        if body.len() + chunk.len() > LIMIT {
            return Err(Failure::Answered("its answer is too long".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body)
        .map_err(|_| Failure::Answered("its answer is not a JSON object".to_owned()))
}

/// In our words: the error's own text has the URL in it.
fn unreachable(error: &reqwest::Error) -> Failure {
    Failure::Unreachable(if error.is_timeout() {
        "it does not answer in time"
    } else if error.is_connect() {
        "the connection to it fails"
    } else {
        "its answer breaks off"
    })
}
