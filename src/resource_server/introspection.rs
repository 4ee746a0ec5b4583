//! Token introspection (RFC 7662): what an opaque token means, its issuer says.

use secrecy::SecretString;
use serde_json::Value;
use url::form_urlencoded;

use crate::config::auth::Introspection;
use crate::resource_server::bearer::read;
use crate::resource_server::claims::Claims;
use crate::resource_server::fetch;
use crate::resource_server::issuer::{Issuer, IssuerError};

/// Asks the issuer about a token. The claims of one that is active; none of them is checked yet.
pub(super) async fn introspect(
    issuer: &Issuer,
    settings: &Introspection,
    token: &SecretString,
) -> Result<Claims, IssuerError> {
    let endpoint = if let Some(endpoint) = &settings.endpoint {
        endpoint.clone()
    } else {
        let metadata = issuer.discovered().await?;
        metadata.introspection_endpoint.clone().ok_or_else(|| {
            issuer.unavailable("its metadata have no introspection_endpoint".to_owned())
        })?
    };
    // RFC 6749 §2.3.1: both are form-encoded first.
    let encoded =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let secret = encoded(read(&settings.client_secret));
    let form = [("token", read(token)), ("token_type_hint", "access_token")];
    let client = issuer.http().client_for_tokens();
    let request = client
        .post(endpoint)
        .basic_auth(encoded(&settings.client_id), Some(secret))
        .form(&form);
    let answer = fetch::object(request).await.map_err(|failure| {
        let cause = String::from(failure);
        tracing::warn!(
            issuer = issuer.identifier(),
            cause,
            "introspection failed; are server.auth.issuers.introspection's client_id and \
             client_secret right?"
        );
        issuer.unavailable(cause)
    })?;
    match answer.get("active") {
        Some(Value::Bool(true)) => Ok(Claims::new(answer)),
        _ => Err(IssuerError::Refused("it is not active")),
    }
}
