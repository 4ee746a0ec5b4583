//! What a person reads who has to sign in, or who is not the one that a link was made for.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use url::Url;

use crate::consent::pages::{Notice, STYLE, Tone, html};

/// The page that offers where to sign in.
#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInTemplate {
    style: &'static str,
    title: &'static str,
    /// The path of each button, and its words.
    choices: Vec<(String, String)>,
}

/// Where to sign in: `issuers` as [`crate::broker::Broker::sign_ins`] tells them.
pub(in crate::consent) fn offer(issuers: &[&str]) -> Response {
    let several_of = |host: &str| issuers.iter().filter(|one| host_of(one) == host).count() > 1;
    let words = |issuer: &str| {
        let host = host_of(issuer);
        match issuer {
            "static" => "Sign in with the account of your access token".to_owned(),
            // Two realms of one host are told apart by their path.
            _ if several_of(&host) => format!("Sign in at {issuer}"),
            _ => format!("Sign in at {host}"),
        }
    };
    let choices = issuers.iter().enumerate();
    let template = SignInTemplate {
        style: STYLE,
        title: "Sign in",
        choices: choices
            .map(|(number, issuer)| (format!("/login/{number}"), words(issuer)))
            .collect(),
    };
    html(StatusCode::OK, &template)
}

fn host_of(issuer: &str) -> String {
    let url = Url::parse(issuer).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or(issuer);
    host.to_owned()
}

/// The link is somebody else's. Whose is not said.
pub(in crate::consent) fn other_person() -> Response {
    let lines = [
        "Only the person whose app asked for it can open it. Nothing was connected, and the link \
         still works for that person.",
        "If somebody sent it to you, close this page. If it is yours, sign out on your own page, \
         and open it again with the account that your app uses.",
    ];
    let mut notice = Notice::new(Tone::Bad, "This link was made for someone else", &lines);
    notice.action = Some(("/".to_owned(), "Go to your own page"));
    notice.answer(StatusCode::FORBIDDEN)
}

/// Nobody is signed in any more.
pub(in crate::consent) fn over() -> Response {
    let lines = [
        "You are not signed in any more, so nothing was done. A sign-in holds for an hour.",
        "Return to your app and open the link that it gave you again.",
    ];
    let mut notice = Notice::new(Tone::Neutral, "Please sign in again", &lines);
    notice.action = Some(("/".to_owned(), "Go to your own page"));
    notice.answer(StatusCode::FORBIDDEN)
}

/// The configuration says nothing of where this user signs in.
pub(in crate::consent) fn unknown() -> Response {
    let lines = [
        "This server does not know any more where the person signs in whom this link was made for.",
        "Whoever runs it has to look at server.auth in its configuration.",
    ];
    Notice::new(Tone::Bad, "Nobody can sign in here", &lines).answer(StatusCode::FORBIDDEN)
}

/// The answer of an issuer that belongs to no sign-in of this browser.
pub(in crate::consent) fn not_ours() -> Response {
    let lines = [
        "It may have taken longer than ten minutes, or it was started in another browser or window.",
        AGAIN,
    ];
    failed("This sign-in is not known", &lines, StatusCode::BAD_REQUEST)
}

/// The answer came from another issuer than the one that was asked.
pub(in crate::consent) fn other_issuer() -> Response {
    let lines = [
        "It did not come from the sign-in server that was asked, so nobody was signed in.",
        AGAIN,
    ];
    let title = "This answer came from the wrong place";
    failed(title, &lines, StatusCode::BAD_REQUEST)
}

/// The person or the issuer said no.
pub(in crate::consent) fn declined() -> Response {
    let lines = [
        "The sign-in server did not sign you in, and nothing was connected.",
        AGAIN,
    ];
    failed("You are not signed in", &lines, StatusCode::FORBIDDEN)
}

/// The issuer cannot be reached.
pub(in crate::consent) fn unavailable() -> Response {
    let lines = [
        "The sign-in server cannot be reached now, or does not answer as it should.",
        "Try again in a minute. If that does not help, tell whoever runs this server: its log \
         says more.",
    ];
    let status = StatusCode::SERVICE_UNAVAILABLE;
    failed("You cannot sign in now", &lines, status)
}

/// What the issuer said is not good.
pub(in crate::consent) fn not_accepted() -> Response {
    let lines = [
        "What the sign-in server said about you could not be accepted, so nobody was signed in.",
        "Try once more. If that does not help, tell whoever runs this server: its log says why.",
    ];
    failed("You are not signed in", &lines, StatusCode::FORBIDDEN)
}

const AGAIN: &str = "Open the link from your app again, or go to your own page.";

fn failed(title: &str, lines: &[&str], status: StatusCode) -> Response {
    let mut notice = Notice::new(Tone::Bad, title, lines);
    notice.action = Some(("/".to_owned(), "Go to your own page"));
    notice.answer(status)
}
