//! The page of a person's own, and what its buttons lead to.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;

use crate::audit::{AuditOutcome, AuditRecord};
use crate::broker::{
    Activity, BrokerError, ConnectionState, ConnectionView, Denied, Disconnected, ErrorKind,
    Visitor,
};
use crate::caller::Caller;
use crate::consent::pages::{Notice, STYLE, Tone, broken, html, printable, whom};
use crate::oauth::provider::Provider;

/// What the page is made of.
pub(in crate::consent) struct Shown<'a> {
    /// Whose page it is.
    pub(in crate::consent) visitor: &'a Visitor,
    /// What that person has connected.
    pub(in crate::consent) connections: &'a [ConnectionView],
    /// What was called lately.
    pub(in crate::consent) activity: &'a Activity,
    /// All entries.
    pub(in crate::consent) providers: &'a [Provider],
    /// Those that can be connected.
    pub(in crate::consent) offers: &'a [&'a Provider],
}

#[derive(Template)]
#[template(path = "own.html")]
struct OwnTemplate<'a> {
    style: &'static str,
    title: &'static str,
    who: String,
    signs_out: bool,
    connections: Vec<Row>,
    offers: Vec<Offer>,
    calls: Vec<Line>,
    csrf: &'a str,
}

/// A connection.
struct Row {
    id: String,
    provider: String,
    account: String,
    is_default: bool,
    /// Why it has to be connected again.
    broken: Option<String>,
    scopes: Vec<String>,
    last_use: Moment,
}

/// An entry that can be connected.
struct Offer {
    id: String,
    name: String,
    /// There is an account of it: a further one needs a name.
    further: bool,
}

/// A call.
struct Line {
    tool: String,
    at: Moment,
    outcome: &'static str,
    is_bad: bool,
    client: Option<String>,
    account: Option<String>,
}

/// A time, or what is said in its place.
enum Moment {
    At { machine: String, shown: String },
    Words(&'static str),
}

impl Moment {
    /// In UTC: the page has no script that could ask for the person's time zone.
    fn at(time: Timestamp) -> Self {
        Self::At {
            machine: time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            shown: time.strftime("%Y-%m-%d, %H:%M UTC").to_string(),
        }
    }
}

/// The page.
pub(in crate::consent) fn page(shown: &Shown<'_>, csrf: &str) -> Response {
    let template = OwnTemplate {
        style: STYLE,
        title: "Your connections",
        who: whom(shown.visitor),
        signs_out: shown.visitor.caller != Caller::local(),
        connections: shown
            .connections
            .iter()
            .map(|view| row(shown, view))
            .collect(),
        offers: offers(shown),
        calls: shown.activity.calls.iter().map(line).collect(),
        csrf,
    };
    html(StatusCode::OK, &template)
}

fn row(shown: &Shown<'_>, view: &ConnectionView) -> Row {
    let mut entries = shown.providers.iter();
    let entry = entries.find(|entry| entry.id() == view.provider_id);
    let words = |scope: &String| entry.map_or(scope.clone(), |entry| entry.describe_scope(scope));
    Row {
        id: view.id.to_string(),
        provider: view.provider.clone(),
        account: view.shown(),
        is_default: view.is_default,
        broken: match &view.state {
            ConnectionState::Connected => None,
            ConnectionState::NeedsReconnect { reason } => Some(reason.clone()),
        },
        scopes: view.scopes.iter().map(words).collect(),
        last_use: match shown.activity.last_use.get(&view.id) {
            Some(at) => Moment::at(*at),
            None if shown.activity.is_cut => Moment::Words("not lately"),
            None => Moment::Words("not yet"),
        },
    }
}

fn offers(shown: &Shown<'_>) -> Vec<Offer> {
    let offer = |entry: &&Provider| {
        let title = entry.title();
        let alike = shown.offers.iter().filter(|other| other.title() == title);
        let mut views = shown.connections.iter();
        Offer {
            id: entry.id().to_owned(),
            name: if alike.count() > 1 {
                format!("{title} ({})", entry.id())
            } else {
                title.to_owned()
            },
            further: views.any(|view| view.provider_id == entry.id()),
        }
    };
    shown.offers.iter().map(offer).collect()
}

fn line(record: &AuditRecord) -> Line {
    Line {
        tool: record.tool.clone().unwrap_or_else(|| "a tool".to_owned()),
        at: Moment::at(record.at),
        outcome: match record.outcome {
            AuditOutcome::Started => "under way",
            AuditOutcome::Finished => "done",
            AuditOutcome::Failed => "failed",
            AuditOutcome::Consent => "waited for you to connect",
            AuditOutcome::Denied => "not allowed",
            AuditOutcome::Declined => "you said no",
            AuditOutcome::Broken => "failed in Valetkey",
            AuditOutcome::Cancelled => "cancelled",
        },
        is_bad: matches!(
            record.outcome,
            AuditOutcome::Failed | AuditOutcome::Denied | AuditOutcome::Broken
        ),
        client: record.client.as_deref().and_then(printable),
        account: record.account.clone(),
    }
}

#[derive(Template)]
#[template(path = "disconnect.html")]
struct DisconnectTemplate<'a> {
    style: &'static str,
    title: String,
    provider: &'a str,
    account: String,
    csrf: &'a str,
}

/// The question before a connection is taken back.
pub(in crate::consent) fn ask_disconnect(view: &ConnectionView, csrf: &str) -> Response {
    let template = DisconnectTemplate {
        style: STYLE,
        title: format!("Disconnect {}?", view.provider),
        provider: &view.provider,
        account: view.shown(),
        csrf,
    };
    html(StatusCode::OK, &template)
}

/// Both outcomes of a disconnect.
pub(in crate::consent) fn disconnected(done: &Disconnected) -> Response {
    let provider = &done.connection.provider;
    let account = done.connection.shown();
    let deleted =
        format!("{account} was deleted here: no app can use it through Valetkey any more.");
    let at_provider = match &done.revoked {
        Ok(true) => format!("{provider} took the permission back, too."),
        Ok(false) => format!(
            "{provider} has no way for Valetkey to take the permission back. You can do that in \
             your account's settings there."
        ),
        Err(error) => {
            tracing::warn!(%error, "a disconnected token was not revoked");
            format!(
                "{provider} did not confirm that it took the permission back. Look at your \
                 account's settings there."
            )
        }
    };
    let tone = if done.revoked == Ok(true) {
        Tone::Good
    } else {
        Tone::Neutral
    };
    let title = format!("{provider} is disconnected");
    back(
        Notice::new(tone, title, &[&deleted, &at_provider]),
        StatusCode::OK,
    )
}

/// The person has no such connection.
pub(in crate::consent) fn not_connected() -> Response {
    let lines = ["It was disconnected already, or it is not one of yours. Nothing was done."];
    let notice = Notice::new(Tone::Neutral, "There is no such connection", &lines);
    back(notice, StatusCode::NOT_FOUND)
}

/// The name for a further account is none.
pub(in crate::consent) fn not_an_alias(problem: &str) -> Response {
    let notice = Notice::new(Tone::Neutral, "Please choose another name", &[problem]);
    back(notice, StatusCode::BAD_REQUEST)
}

/// The rules say no.
pub(in crate::consent) fn denied(denied: &Denied) -> Response {
    let (title, line) = match denied {
        Denied::Declined {
            provider,
            retry_after_s,
        } => (
            format!("You said no at {provider} a moment ago"),
            format!("Nothing was stored. You can try again in {retry_after_s} seconds."),
        ),
        Denied::NoSignIn { provider, remedy } => {
            tracing::warn!(remedy, "consent.no_sign_in");
            (
                format!("{provider} cannot be connected here"),
                "The configuration of this server does not allow it. Whoever runs it can see why \
                 in its log."
                    .to_owned(),
            )
        }
        Denied::AmbiguousAccount { provider, .. } | Denied::NotAnAccount { provider } => (
            format!("Several {provider} accounts are connected"),
            "Give the further one a name of its own.".to_owned(),
        ),
    };
    back(
        Notice::new(Tone::Neutral, title, &[&line]),
        StatusCode::CONFLICT,
    )
}

/// The broker could not make a link.
pub(in crate::consent) fn failed(error: &BrokerError) -> Response {
    let line = match error.kind() {
        ErrorKind::TooManyFlows => {
            "Too many sign-ins are pending. Wait until some of them end: that takes ten minutes at \
             most."
        }
        ErrorKind::NotConfigured | ErrorKind::Unusable => {
            tracing::warn!(%error, "consent.not_connectable");
            "It is not set up completely, or not any more. Whoever runs this server can see why in \
             its log."
        }
        _ => return broken(error),
    };
    let notice = Notice::new(Tone::Bad, "This cannot be connected now", &[line]);
    back(notice, StatusCode::CONFLICT)
}

/// The POST did not come from the person's own page in this browser.
pub(in crate::consent) fn not_from_our_page() -> Response {
    let lines = [
        "Valetkey could not see that this came from its own page, so nothing was done.",
        "Load your own page again, in an up-to-date browser that allows cookies for this address, \
         and press the button there.",
    ];
    let notice = Notice::new(Tone::Bad, "Please start again", &lines);
    back(notice, StatusCode::FORBIDDEN)
}

fn back(mut notice: Notice, status: StatusCode) -> Response {
    notice.action = Some(("/".to_owned(), "Back to your own page"));
    notice.answer(status)
}
