//! The authorization endpoint of each site: checks the request, shows the consent page, sends the
//! browser back (RFC 6749 §4.1.1 and §4.1.2).

use std::collections::{BTreeMap, BTreeSet};

use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use url::{Host, Url};

use crate::demo::sandbox::data::ACCOUNTS;
use crate::demo::sandbox::faults::Fault;
use crate::demo::sandbox::grants::{Code, random};
use crate::demo::sandbox::page;
use crate::demo::sandbox::server::{Call, find};
use crate::demo::sandbox::{Site, State, World, client_id};

/// Requests whose page is shown, by the random id in its form.
pub(super) type Requests = BTreeMap<String, Pending>;

/// A checked authorization request.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) site: Site,
    pub(super) redirect_uri: Url,
    pub(super) redirect_uri_as_sent: String,
    pub(super) state: Option<String>,
    pub(super) challenge: Option<String>,
    /// In the order of the request.
    pub(super) scopes: Vec<String>,
    pub(super) hint: Option<String>,
    offline: bool,
    ask_again: bool,
    include_granted: bool,
}

/// GET of the authorization endpoint: the consent page, an error page when the browser cannot be
/// trusted to the redirect URI, else the redirect with the error.
pub(super) fn show(world: &World, call: &Call, fault: Option<&Fault>) -> Response {
    let mut state = world.lock();
    let pending = match check_client(&state, call) {
        Ok(pending) => pending,
        Err(problem) => return page::problem(call.site, &problem),
    };
    if let Some(Fault::AuthorizeError(error)) = fault {
        return send_back(world, &pending, &[("error", error)], fault);
    }
    if let Err(Wrong { error, description }) = check_request(world, call, &pending) {
        let answer = [("error", error), ("error_description", description)];
        return send_back(world, &pending, &answer, fault);
    }
    if let Err(problem) = check_scopes(&pending) {
        return page::problem(call.site, &problem);
    }
    let id = random();
    let response = page::consent(&id, &pending);
    state.requests.insert(id, pending);
    response
}

/// POST of the consent page's form.
pub(super) fn decide(world: &World, call: &Call, fault: Option<&Fault>) -> Response {
    let form = call.form();
    let mut state = world.lock();
    let pending = find(&form, "request").and_then(|id| state.requests.remove(id));
    let Some(pending) = pending else {
        let problem = "This page was answered before. Start again from the program that sent you.";
        return page::problem(call.site, problem);
    };
    if let Some(Fault::AuthorizeError(error)) = fault {
        return send_back(world, &pending, &[("error", error)], fault);
    }
    let account = find(&form, "account")
        .and_then(|email| ACCOUNTS.iter().position(|account| account.email == email));
    let (Some(account), Some("allow")) = (account, find(&form, "decision")) else {
        let description = "The user has denied your application access.";
        let answer = [
            ("error", "access_denied"),
            ("error_description", description),
        ];
        return send_back(world, &pending, &answer, fault);
    };
    let ticked: Vec<&str> = form
        .iter()
        .filter(|(name, _)| name == "scope")
        .map(|(_, scope)| scope.as_str())
        .collect();
    let mut scopes: BTreeSet<String> = pending
        .scopes
        .iter()
        .filter(|scope| always_given(pending.site, scope) || ticked.contains(&scope.as_str()))
        .cloned()
        .collect();
    if scopes.is_empty() && !pending.scopes.is_empty() {
        return send_back(world, &pending, &[("error", "access_denied")], fault);
    }
    // Slack's scopes add up; Google's do when the request says so (incremental authorization).
    if pending.site == Site::Slack || (pending.site == Site::Google && pending.include_granted) {
        scopes.extend(state.grants.allowed(pending.site, account));
    }
    let first = !state.grants.known(pending.site, account);
    let code = Code {
        site: pending.site,
        client_id: client_id(pending.site),
        account,
        scopes,
        redirect_uri: pending.redirect_uri_as_sent.clone(),
        challenge: pending.challenge.clone(),
        // Google gives a refresh token for `access_type=offline` and only at the first consent,
        // unless `prompt=consent` asks for another.
        refreshable: pending.site != Site::Google
            || (pending.offline && (first || pending.ask_again)),
        issued_at: world.settings.clock.now(),
        used: None,
    };
    let code = state.grants.issue_code(code);
    drop(state);
    send_back(world, &pending, &[("code", &code)], fault)
}

/// The scopes that say who the user is: there is no box to untick for them.
pub(super) fn always_given(site: Site, scope: &str) -> bool {
    site == Site::Google && matches!(scope, "openid" | "email" | "profile")
}

struct Wrong {
    error: &'static str,
    description: &'static str,
}

/// What must hold before the browser may be sent to the redirect URI (RFC 6749 §4.1.2.1).
fn check_client(state: &State, call: &Call) -> Result<Pending, String> {
    if call.query("client_id") != Some(client_id(call.site).as_str()) {
        return Err("The app's client id is not known here. (invalid_client)".to_owned());
    }
    let as_sent = call.query("redirect_uri").unwrap_or_default();
    let uri = Url::parse(as_sent).map_err(|_| mismatch(as_sent))?;
    let registered = state
        .redirect_uris
        .iter()
        .any(|(site, registered)| *site == call.site && same_redirect(registered, &uri));
    let challenge = call.query("code_challenge").map(str::to_owned);
    if !registered || (call.site == Site::Slack && !slack_takes(&uri, challenge.is_some())) {
        return Err(mismatch(as_sent));
    }
    let scope = match call.site {
        Site::Slack => call.query("user_scope"),
        _ => call.query("scope"),
    };
    let separators: &[char] = match call.site {
        Site::Slack => &[','],
        Site::GitHub => &[' ', ','],
        Site::Google | Site::Custom => &[' '],
    };
    let mut scopes: Vec<String> = Vec::new();
    for scope in scope.unwrap_or_default().split(separators) {
        if !scope.is_empty() && !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    if call.site == Site::Slack && !call.query("scope").unwrap_or_default().is_empty() {
        return Err("This app has no bot user: ask with user_scope. (invalid_scope)".to_owned());
    }
    Ok(Pending {
        site: call.site,
        redirect_uri: uri,
        redirect_uri_as_sent: as_sent.to_owned(),
        state: call.query("state").map(str::to_owned),
        challenge,
        scopes,
        hint: call
            .query("login_hint")
            .or_else(|| call.query("login"))
            .map(str::to_owned),
        offline: call.query("access_type") == Some("offline"),
        ask_again: call
            .query("prompt")
            .is_some_and(|prompt| prompt.split(' ').any(|word| word == "consent")),
        include_granted: call.query("include_granted_scopes") == Some("true"),
    })
}

fn mismatch(as_sent: &str) -> String {
    format!("The redirect URI is not registered for this app: {as_sent} (redirect_uri_mismatch)")
}

/// Exactly the registered one; on loopback the port is free (RFC 8252 §7.3).
fn same_redirect(registered: &Url, uri: &Url) -> bool {
    if registered == uri {
        return true;
    }
    let loopback = match registered.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let mut with_its_port = registered.clone();
    loopback && with_its_port.set_port(uri.port()).is_ok() && with_its_port == *uri
}

/// Slack takes https only, and plain http to localhost from apps that use PKCE.
fn slack_takes(uri: &Url, pkce: bool) -> bool {
    uri.scheme() == "https" || (pkce && uri.host_str() == Some("localhost"))
}

fn check_request(world: &World, call: &Call, pending: &Pending) -> Result<(), Wrong> {
    let type_needed = matches!(call.site, Site::Google | Site::Custom);
    match call.query("response_type") {
        Some("code") => {}
        None if !type_needed => {}
        _ => {
            return Err(Wrong {
                error: "unsupported_response_type",
                description: "Only response_type=code is known.",
            });
        }
    }
    let method = call.query("code_challenge_method");
    if pending.challenge.is_some() && method != Some("S256") {
        return Err(Wrong {
            error: "invalid_request",
            description: "Only code_challenge_method=S256 is taken.",
        });
    }
    if pending.challenge.is_none() && world.settings.require_pkce {
        return Err(Wrong {
            error: "invalid_request",
            description: "A code_challenge is required.",
        });
    }
    Ok(())
}

fn check_scopes(pending: &Pending) -> Result<(), String> {
    if pending.site == Site::Slack && pending.scopes.is_empty() {
        return Err("The request asks for no scopes. (no_scopes)".to_owned());
    }
    let strict = matches!(pending.site, Site::Google | Site::Slack);
    let unknown = pending
        .scopes
        .iter()
        .find(|scope| strict && page::in_words(pending.site, scope).is_none());
    match unknown {
        Some(scope) => Err(format!("There is no such scope: {scope} (invalid_scope)")),
        None => Ok(()),
    }
}

/// 303 to the redirect URI with `answer`, `state` and, where the site sends it, `iss`.
fn send_back(
    world: &World,
    pending: &Pending,
    answer: &[(&str, &str)],
    fault: Option<&Fault>,
) -> Response {
    let mut to = pending.redirect_uri.clone();
    {
        let mut query = to.query_pairs_mut();
        query.extend_pairs(answer);
        if let Some(state) = &pending.state {
            query.append_pair("state", state);
        }
        let own = (pending.site == Site::Custom).then(|| world.issuer(pending.site));
        let iss = match fault {
            Some(Fault::Iss(iss)) => iss.map(str::to_owned),
            _ => own,
        };
        if let Some(iss) = iss {
            query.append_pair("iss", &iss);
        }
    }
    let location = HeaderValue::from_str(to.as_str()).expect("a URL is ASCII");
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(LOCATION, location);
    let value = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, value);
    response
}

impl World {
    /// The site's issuer identifier (RFC 9207 §2).
    pub(super) fn issuer(&self, site: Site) -> String {
        self.url(site, "").as_str().trim_end_matches('/').to_owned()
    }
}
