//! The browser's side of a sign-in, for the local user: the connect page, the provider's callback
//! and the result page.
//!
//! A link leads to `connect`: a page that says what is asked for, binds the browser with a
//! cookie, and on POST sends it to the provider. The provider sends it back to `callback`, which
//! hands everything to the broker and moves on to `connected`, whose address holds neither code
//! nor state; if another account than the expected one signed in, that page asks whether to keep
//! it. `guard` stands before all of them, `pages` has every word that a person reads,
//! [`listener`] serves them on the loopback port while a flow is pending.

pub mod listener;

mod browser;
mod callback;
mod connect;
mod connected;
mod form;
mod guard;
mod origin;
mod pages;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::get;

use crate::broker::Broker;
use crate::consent::origin::Origin;

/// What the routes share.
#[derive(Clone, Debug)]
struct Site {
    broker: Broker,
    origin: Arc<Origin>,
}

/// The routes `/connect/{link}`, `/oauth/callback/{provider id}` and `/connected/{link}`, guarded.
pub fn router(broker: Broker) -> Router {
    let origin = Arc::new(Origin::of(broker.public_url()));
    let routes = Router::new()
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
        .with_state(Site {
            broker,
            origin: Arc::clone(&origin),
        });
    guarded(routes, origin)
}

/// Routes behind the guard, with pages of ours for unknown paths and methods.
fn guarded(routes: Router, origin: Arc<Origin>) -> Router {
    routes
        .fallback(pages::unknown_path)
        .method_not_allowed_fallback(pages::method_not_allowed)
        .layer(middleware::from_fn_with_state(origin, guard::check))
}
