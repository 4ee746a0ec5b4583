//! Every word that a person reads in the browser.
//!
//! Nothing here quotes a provider or a request. What others chose (an account's name, the name of
//! an app) is escaped by the templates.

use std::sync::LazyLock;

use askama::Template;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::broker::{
    BrokerError, CallbackError, ConnectPage, Ending, LinkError, ScopeLine, Visitor,
};
use crate::caller::Caller;

pub(super) mod own;
pub(super) mod sign_in;

const STYLE: &str = include_str!("templates/style.css");

/// Allows our one style sheet, by its hash, and nothing else (CSP Level 3).
pub(super) static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy("; form-action 'self'"));

/// The connect page's: Chromium applies `form-action` to every hop of the redirect that follows the
/// POST, so `'self'` would block the way to the provider.
static CONNECT_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy(""));

fn policy(form_action: &str) -> HeaderValue {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    HeaderValue::try_from(format!(
        "default-src 'none'; style-src 'sha256-{style}'; frame-ancestors 'none'; \
         base-uri 'none'{form_action}"
    ))
    .expect("the policy is ASCII")
}

#[derive(Template)]
#[template(path = "connect.html")]
struct ConnectTemplate<'a> {
    style: &'static str,
    title: String,
    page: &'a ConnectPage,
    user: String,
    app: Option<String>,
    /// Some are new and some are not: then the new ones are marked.
    adds: bool,
    csrf: &'a str,
}

impl ConnectTemplate<'_> {
    fn is_marked(&self, line: &ScopeLine) -> bool {
        self.adds && line.new
    }
}

/// The connect page.
pub(super) fn connect(page: &ConnectPage, visitor: &Visitor, csrf: &str) -> Response {
    let is_new = |line: &ScopeLine| line.new;
    let adds = page.scopes.iter().any(is_new) && !page.scopes.iter().all(is_new);
    let verb = if page.reconnect && !adds {
        "Reconnect"
    } else {
        "Connect"
    };
    let template = ConnectTemplate {
        style: STYLE,
        title: format!("{verb} {} to Valetkey", page.provider),
        page,
        user: whom(visitor),
        app: page.client_name.as_deref().and_then(printable),
        adds,
        csrf,
    };
    let mut response = html(StatusCode::OK, &template);
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, CONNECT_POLICY.clone());
    response
}

/// The user as that person knows himself: by the verified e-mail address, or by the issuer's name
/// for him.
fn whom(visitor: &Visitor) -> String {
    let caller = &visitor.caller;
    if *caller == Caller::local() {
        return format!("you, on this computer ({caller})");
    }
    let email = visitor.email.as_deref();
    email.unwrap_or(caller.subject()).to_owned()
}

/// Characters of a client's name that are shown.
const NAME_LIMIT: usize = 60;

/// What a program calls itself, as far as it can be shown inside quotation marks without reaching
/// out of them: letters and digits of any script and ASCII punctuation without the quote, in one
/// line. None if nothing is left.
fn printable(name: &str) -> Option<String> {
    // These count as letters and show as nothing.
    let blank = ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}'];
    let visible = |c: char| {
        (c.is_alphanumeric() && !blank.contains(&c)) || (c.is_ascii_punctuation() && c != '"')
    };
    let words: String = name
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|&c| c == ' ' || visible(c))
        .collect();
    let line = words.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return None;
    }
    if line.chars().count() <= NAME_LIMIT {
        return Some(line);
    }
    let kept: String = line.chars().take(NAME_LIMIT - 1).collect();
    Some(format!("{}…", kept.trim_end()))
}

/// A page that says how something ended and what to do next.
#[derive(Template)]
#[template(path = "notice.html")]
struct Notice {
    style: &'static str,
    tone: Tone,
    title: String,
    lines: Vec<String>,
    /// A list, after the lines.
    list: Vec<String>,
    /// After the list.
    closing: Option<&'static str>,
    /// A path of ours and the words of its button.
    action: Option<(String, &'static str)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Tone {
    Good,
    Neutral,
    Bad,
}

impl Notice {
    fn new(tone: Tone, title: impl Into<String>, lines: &[&str]) -> Self {
        Self {
            style: STYLE,
            tone,
            title: title.into(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            list: Vec::new(),
            closing: None,
            action: None,
        }
    }

    fn answer(&self, status: StatusCode) -> Response {
        html(status, self)
    }
}

/// The page that asks whether to keep another account than the expected one.
#[derive(Template)]
#[template(path = "other_account.html")]
struct OtherAccountTemplate<'a> {
    style: &'static str,
    title: &'static str,
    provider: &'a str,
    account: &'a str,
    expected: &'a str,
    csrf: &'a str,
}

/// The result page. `link` is the token of the connect page.
pub(super) fn ending(ending: &Ending, link: &str, csrf: &str, own_page: bool) -> Response {
    let notice = match ending {
        Ending::OtherAccount {
            provider,
            account,
            expected,
        } => {
            let template = OtherAccountTemplate {
                style: STYLE,
                title: "You signed in with another account",
                provider,
                account,
                expected,
                csrf,
            };
            return html(StatusCode::OK, &template);
        }
        Ending::Settled {
            provider,
            account,
            kept,
            expected,
        } => settled(provider, account, *kept, expected, link),
        Ending::Connected {
            provider,
            account,
            missing,
        } => {
            let title = format!("{provider} is connected");
            let account = format!("Connected as {account}.");
            let mut notice = Notice::new(Tone::Good, title, &[&account]);
            if !missing.is_empty() {
                notice.lines.push(
                    "You did not grant the following. What needs it will not work; your app can \
                     ask you for it again."
                        .to_owned(),
                );
            }
            notice.list.clone_from(missing);
            notice.closing = Some("You can close this page and return to your app.");
            notice.action = own_page.then(|| ("/".to_owned(), OWN_PAGE));
            notice
        }
        Ending::Declined { provider } => {
            let title = format!("{provider} was not connected");
            let said_no = format!("You said no at {provider}, and nothing was stored.");
            let lines = [
                &said_no,
                "You can close this page and return to your app. If you change your mind, repeat \
                 what you asked it for: after a minute it gives you a new link.",
            ];
            Notice::new(Tone::Neutral, title, &lines)
        }
        Ending::Failed {
            provider,
            reason,
            again,
        } => {
            let title = format!("{provider} could not be connected");
            let mut notice = Notice::new(Tone::Bad, title, &[reason]);
            if *again {
                notice.action = Some((format!("/connect/{link}"), "Try again"));
            } else {
                notice.closing = Some(NEW_LINK);
            }
            notice
        }
    };
    notice.answer(StatusCode::OK)
}

/// What became of another account than the expected one.
fn settled(provider: &str, account: &str, kept: bool, expected: &str, link: &str) -> Notice {
    let title = if kept {
        format!("{account} is connected as a further account")
    } else {
        format!("{account} was not kept")
    };
    let happened = if kept {
        format!("Your app can use it at {provider}, too.")
    } else {
        "Nothing of that sign-in is stored here.".to_owned()
    };
    let next = format!("{expected} is what your app still waits for. You can sign in with it now.");
    let tone = if kept { Tone::Good } else { Tone::Neutral };
    let mut notice = Notice::new(tone, title, &[&happened, &next]);
    notice.action = Some((format!("/connect/{link}"), "Sign in again"));
    notice
}

/// The words of a button that leads there.
const OWN_PAGE: &str = "See what is connected";

const NEW_LINK: &str =
    "Return to your app and repeat what you asked it for: it gives you a new link.";

/// The result page of a flow that is still open.
pub(super) fn unfinished(link: &str) -> Response {
    let lines = ["Nothing is connected yet. You can start the sign-in again from its first page."];
    let mut notice = Notice::new(Tone::Neutral, "This sign-in is not finished", &lines);
    notice.action = Some((format!("/connect/{link}"), "Back to the first page"));
    notice.answer(StatusCode::OK)
}

/// Nothing is known under this link, or it is another browser's.
pub(super) fn unknown_link() -> Response {
    let lines = [
        "It may be incomplete, or it belongs to another browser.",
        "Return to your app and open the whole link that it gave you. If that does not help, \
         repeat what you asked it for.",
    ];
    Notice::new(Tone::Neutral, "Unknown link", &lines).answer(StatusCode::NOT_FOUND)
}

/// Why a link does not open. Of a link that is over the page does not say whose it was.
pub(super) fn link_refused(error: &LinkError) -> Response {
    match error {
        LinkError::Unknown => unknown_link(),
        LinkError::Gone => {
            let lines = [
                "A link works once and for ten minutes. This one was used or is too old.",
                "If you still want to connect, return to your app and repeat what you asked it \
                 for: it gives you a new link.",
            ];
            Notice::new(Tone::Neutral, "This link is over", &lines).answer(StatusCode::GONE)
        }
        LinkError::OtherPerson => sign_in::other_person(),
        LinkError::Broker(error) => broken(error),
    }
}

/// Why a callback was refused. The provider's words are not repeated.
pub(super) fn callback_refused(error: &CallbackError) -> Response {
    let (status, title, lines) = match error {
        CallbackError::UnknownState => (
            StatusCode::BAD_REQUEST,
            "This sign-in is not known",
            [
                "The answer of the provider belongs to no sign-in that is open here.",
                NEW_LINK,
            ],
        ),
        CallbackError::Expired => (
            StatusCode::BAD_REQUEST,
            "This sign-in took too long",
            ["It has to be finished within ten minutes.", NEW_LINK],
        ),
        CallbackError::Used => (
            StatusCode::CONFLICT,
            "This sign-in was used already",
            [
                "The page was probably loaded twice; the first time counts.",
                "Return to your app. If it is still not connected, it gives you a new link.",
            ],
        ),
        CallbackError::OtherBrowser => (
            StatusCode::FORBIDDEN,
            "This sign-in was started in another browser",
            [
                "If you did not start it yourself, someone may have sent you the link: close this \
                 page. Nothing was connected.",
                "If you did, open the link from your app again and stay in the same browser, with \
                 cookies allowed.",
            ],
        ),
        CallbackError::OtherPerson => return sign_in::other_person(),
        CallbackError::OtherProvider | CallbackError::OtherIssuer => (
            StatusCode::BAD_REQUEST,
            "This answer came from the wrong place",
            [
                "It did not come from the provider that the sign-in was started with, so nothing \
                 was connected.",
                NEW_LINK,
            ],
        ),
        CallbackError::NoCode => (
            StatusCode::BAD_REQUEST,
            "The provider's answer is incomplete",
            ["It holds neither a permission nor a refusal.", NEW_LINK],
        ),
        CallbackError::Broker(error) => return broken(error),
    };
    Notice::new(Tone::Bad, title, &lines).answer(status)
}

/// The POST did not come from our own connect page in this browser.
pub(super) fn not_from_our_page() -> Response {
    let lines = [
        "Valetkey could not see that this came from its own page, so nothing was done.",
        "Open the link from your app again, in an up-to-date browser that allows cookies for this \
         address, and press the button there.",
    ];
    Notice::new(Tone::Bad, "Please start again", &lines).answer(StatusCode::FORBIDDEN)
}

/// The request names another host than the configured one.
pub(super) fn misdirected() -> Response {
    let lines = [
        "Valetkey answers only at the address that it was configured with.",
        "Open the link exactly as your app gave it to you. If you run Valetkey yourself, check \
         server.public_url and the host name that your proxy passes on.",
    ];
    Notice::new(Tone::Bad, "Wrong address", &lines).answer(StatusCode::MISDIRECTED_REQUEST)
}

/// A request that no page of ours and no provider sends.
pub(super) fn refused(status: StatusCode) -> Response {
    let lines = [
        "Valetkey does not understand this request, so nothing was done.",
        "Return to your app and open the link that it gave you.",
    ];
    Notice::new(Tone::Bad, "This does not work", &lines).answer(status)
}

/// A path that does not exist.
pub(super) async fn unknown_path() -> Response {
    refused(StatusCode::NOT_FOUND)
}

/// A method that this path does not have.
pub(super) async fn method_not_allowed() -> Response {
    refused(StatusCode::METHOD_NOT_ALLOWED)
}

/// The broker failed. The reason is for the log of the one who runs Valetkey.
pub(super) fn broken(error: &BrokerError) -> Response {
    tracing::error!(error.message = %error, "consent.failed");
    if error.is_disk_full() {
        let lines = [
            "The disk that Valetkey keeps its vault on is full. Nothing was changed.",
            "Free space on it, then open the link from your app again.",
        ];
        return Notice::new(Tone::Bad, "Valetkey could not save", &lines)
            .answer(StatusCode::INSUFFICIENT_STORAGE);
    }
    let lines = [
        "Something went wrong inside Valetkey. Its log says what.",
        "Nothing was lost: return to your app and repeat what you asked it for.",
    ];
    Notice::new(Tone::Bad, "Valetkey has a problem", &lines)
        .answer(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The only kind of redirect: 303, so that nothing that was posted travels on (RFC 9700 §4.12).
pub(super) fn see_other(location: &str) -> Response {
    let mut location = HeaderValue::try_from(location).expect("a URL is ASCII without controls");
    location.set_sensitive(true);
    (
        StatusCode::SEE_OTHER,
        HeaderMap::from_iter([(LOCATION, location)]),
    )
        .into_response()
}

fn html(status: StatusCode, template: &impl Template) -> Response {
    let body = template.render().expect("the templates cannot fail");
    let content_type = HeaderValue::from_static("text/html; charset=utf-8");
    (status, [(CONTENT_TYPE, content_type)], body).into_response()
}

#[cfg(test)]
mod tests;
