//! The browser's side: the connect page, the provider's callback and the result page; and, with an
//! HTTP server, the sign-in and the page of a person's own.
//!
//! A link leads to `connect`: a page that says what is asked for, binds the browser with a
//! cookie, and on POST sends it to the provider. The provider sends it back to `callback`, which
//! hands everything to the broker and moves on to `connected`, whose address holds neither code
//! nor state; if another account than the expected one signed in, that page asks whether to keep
//! it. `guard` stands before all of them, `pages` has every word that a person reads,
//! [`listener`] serves them on the loopback port while a flow is pending.
//!
//! Who is at the browser `session` knows: the local user, or whoever signed in by `login` with the
//! issuer that protects the MCP endpoint. A link opens for the person whose call asked for it and
//! for nobody else; the broker compares the two at each step. `own` shows people what they have
//! connected and lets them change it.

pub mod listener;

mod browser;
mod callback;
mod connect;
mod connected;
mod cookie;
mod form;
mod guard;
mod login;
mod origin;
mod own;
mod pages;
mod session;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};

use crate::broker::{Broker, Requirement};
use crate::caller::Caller;
use crate::consent::origin::Origin;
use crate::resource_server::ResourceServer;

/// Whose pages are served.
#[derive(Clone, Debug)]
pub enum People {
    /// One caller's, who does not sign in: the user of this computer, on loopback.
    Local(Caller),
    /// Those who sign in with the issuers of the MCP endpoint.
    SignIn(ResourceServer),
}

/// What the routes share.
#[derive(Clone, Debug)]
struct Site {
    broker: Broker,
    origin: Arc<Origin>,
    people: People,
    /// What the buttons of a person's own page ask for; none where there is no such page.
    offers: Option<Arc<[Requirement]>>,
}

impl Site {
    fn has_own_page(&self) -> bool {
        self.offers.is_some()
    }
}

/// The routes of the callback port, for the local user: `/connect/{link}`,
/// `/oauth/callback/{provider id}` and `/connected/{link}`, guarded.
pub fn router(broker: Broker) -> Router {
    let site = Site {
        origin: Arc::new(Origin::of(broker.public_url())),
        broker,
        people: People::Local(Caller::local()),
        offers: None,
    };
    let origin = Arc::clone(&site.origin);
    guarded(links().with_state(site), origin)
}

/// The routes of an HTTP server, to be mounted as what answers all that no other route does: those
/// of [`router`], the page of a person's own at `/`, and the sign-in. Guarded, too: only requests
/// with the host of `server.public_url` pass, and unknown paths are answered with 404.
///
/// `offers` is what can be connected there: for each provider entry what its tools need, with the
/// entry's id as the provider.
pub fn server_router(broker: Broker, people: People, offers: Vec<Requirement>) -> Router {
    let signs_in = matches!(people, People::SignIn(_));
    let site = Site {
        origin: Arc::new(Origin::of(broker.public_url())),
        broker,
        people,
        offers: Some(offers.into()),
    };
    let mut routes = links()
        .route("/", get(own::show))
        .route("/connect", post(own::connect::begin))
        .route(
            "/disconnect/{connection}",
            get(own::disconnect::ask).post(own::disconnect::done),
        );
    if signs_in {
        routes = routes
            .route("/login/{number}", get(login::start::chosen))
            .route(
                "/login/callback",
                get(login::callback::receive).head(pages::method_not_allowed),
            )
            .route("/sign-out", post(own::sign_out));
    }
    let origin = Arc::clone(&site.origin);
    guarded(routes.with_state(site), origin)
}

/// What a link leads to.
fn links() -> Router<Site> {
    Router::new()
        .route("/connect/{link}", get(connect::show).post(connect::agree))
        .route(
            "/oauth/callback/{provider_id}",
            // A GET route answers HEAD too, and a HEAD must not use up a `state`.
            get(callback::receive).head(pages::method_not_allowed),
        )
        .route(
            "/connected/{link}",
            get(connected::show).post(connected::settle),
        )
}

/// Routes behind the guard, with pages of ours for unknown paths and methods.
fn guarded(routes: Router, origin: Arc<Origin>) -> Router {
    routes
        .fallback(pages::unknown_path)
        .method_not_allowed_fallback(pages::method_not_allowed)
        .layer(middleware::from_fn_with_state(origin, guard::check))
}
