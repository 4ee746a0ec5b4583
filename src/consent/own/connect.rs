//! `/connect`: a button of the person's own page makes a link, as a call that lacks a grant does,
//! and goes on to its page.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::broker::{Access, Alias, Broker, BrokerError, Requirement};
use crate::caller::Caller;
use crate::consent::{Site, form, own, pages};

/// What the connect page shows as the app that asks.
const OWN_PAGE: &str = "Valetkey, on your own page";

/// The buttons post either `provider`, for an account that is not connected, with an `alias` for a
/// further one; or `connection`, for one that has to be connected again.
pub(in crate::consent) async fn begin(
    State(site): State<Site>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let caller = match own::poster(&site, &headers, &body).await {
        Ok(visitor) => visitor.caller,
        Err(refusal) => return refusal,
    };
    let broker = &site.broker;
    let field = |name| form::field(&body, name).filter(|value| !value.is_empty());
    let access = match (field("provider"), field("connection")) {
        (Some(provider), None) => {
            let mut offers = site.offers.iter().flat_map(|offers| offers.iter());
            let Some(offer) = offers.find(|offer| offer.provider == provider) else {
                return pages::refused(StatusCode::BAD_REQUEST);
            };
            let requirement = Requirement {
                client_name: Some(OWN_PAGE.to_owned()),
                ..offer.clone()
            };
            match field("alias").map(|alias| Alias::parse(&alias)) {
                None => broker.access(&caller, &requirement).await,
                Some(Ok(alias)) => broker.connect_as(&caller, &requirement, alias).await,
                Some(Err(problem)) => return pages::own::not_an_alias(&problem.to_string()),
            }
        }
        (None, Some(connection)) => again(broker, &caller, &connection).await,
        _ => return pages::refused(StatusCode::BAD_REQUEST),
    };
    match access {
        Ok(Access::Consent(consent)) => pages::see_other(consent.link.path()),
        // It works by now.
        Ok(Access::Granted(_)) => pages::see_other("/"),
        Ok(Access::Denied(denied)) => pages::own::denied(&denied),
        Err(error) => pages::own::failed(&error),
    }
}

/// What a connection that stopped working needs. One that is not the caller's is none.
async fn again(broker: &Broker, caller: &Caller, id: &str) -> Result<Access, BrokerError> {
    let Some(view) = own::connection(broker, caller, id).await? else {
        return Err(BrokerError::NotConfigured("no such connection".to_owned()));
    };
    let requirement = Requirement {
        toolkit: String::new(),
        provider: view.provider_id,
        account: Some(view.id.to_string()),
        // All that was granted is asked for again.
        scopes: Vec::new(),
        read_only: true,
        client_name: Some(OWN_PAGE.to_owned()),
    };
    broker.access(caller, &requirement).await
}
