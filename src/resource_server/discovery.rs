//! The metadata of an issuer: OAuth 2.0 Authorization Server Metadata (RFC 8414) or `OpenID` Connect
//! Discovery 1.0.

use serde_json::{Map, Value};
use url::Url;

use crate::config::address;
use crate::http::Http;
use crate::resource_server::fetch::{self, Failure};

/// The metadata of an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovered {
    /// `jwks_uri`
    pub jwks_uri: Url,
    /// `authorization_endpoint`
    pub authorization_endpoint: Option<Url>,
    /// `token_endpoint`
    pub token_endpoint: Option<Url>,
    /// `introspection_endpoint`
    pub introspection_endpoint: Option<Url>,
    /// `end_session_endpoint`
    pub end_session_endpoint: Option<Url>,
    /// `token_endpoint_auth_methods_supported`; empty when the metadata do not say, which means
    /// `client_secret_basic`.
    pub token_endpoint_auth_methods: Vec<String>,
    /// `authorization_response_iss_parameter_supported` (RFC 9207 §3): the answer to an
    /// authorization request must carry `iss`.
    pub sends_iss: bool,
    /// `code_challenge_methods_supported` (RFC 8414 §2) has S256. Absent means that the issuer knows no
    /// PKCE.
    pub does_s256: bool,
}

/// Asks the issuer at each place where its metadata can be. The error says why they cannot be had.
pub(super) async fn discover(http: &Http, issuer: &str) -> Result<Discovered, String> {
    let mut cause = "its identifier is not a URL".to_owned();
    for place in places(issuer) {
        match fetch::object(http.client().get(place)).await {
            Ok(document) => match parse(issuer, &document) {
                Ok(discovered) => return Ok(discovered),
                Err(problem) => cause = problem.to_owned(),
            },
            Err(Failure::Unreachable(problem)) => return Err(problem.to_owned()),
            Err(Failure::Answered(problem)) => {
                cause = format!("its metadata are not where they should be ({problem})");
            }
        }
    }
    Err(cause)
}

/// Where the metadata can be, in the order that MCP wants: RFC 8414 §3.1, the same for `OpenID`
/// Connect (§5), and the place of `OpenID` Connect Discovery 1.0 §4.
fn places(issuer: &str) -> Vec<Url> {
    let Ok(base) = Url::parse(issuer) else {
        return Vec::new();
    };
    let path = base.path().trim_end_matches('/');
    let mut paths = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        paths.push(format!("{path}/.well-known/openid-configuration"));
    }
    let at = |path: String| {
        let mut url = base.clone();
        url.set_path(&path);
        url
    };
    paths.into_iter().map(at).collect()
}

fn parse(issuer: &str, document: &Map<String, Value>) -> Result<Discovered, &'static str> {
    // RFC 8414 §3.3: another issuer's document, or one that somebody else put there.
    if document.get("issuer").and_then(Value::as_str) != Some(issuer) {
        return Err("its metadata are those of another issuer");
    }
    let url = |name: &str| match document.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let url = value.as_str().and_then(|url| address::endpoint(url).ok());
            // An issuer on the network has no business on this machine's loopback.
            url.filter(|url| url.scheme() == "https" || issuer.starts_with("http://"))
                .map(Some)
                .ok_or("its metadata have an endpoint that is not an https:// URL")
        }
    };
    let methods = document.get("token_endpoint_auth_methods_supported");
    let methods = methods.and_then(Value::as_array).into_iter().flatten();
    let challenges = document.get("code_challenge_methods_supported");
    let mut challenges = challenges.and_then(Value::as_array).into_iter().flatten();
    let sends_iss = document.get("authorization_response_iss_parameter_supported");
    Ok(Discovered {
        jwks_uri: url("jwks_uri")?.ok_or("its metadata have no jwks_uri")?,
        authorization_endpoint: url("authorization_endpoint")?,
        token_endpoint: url("token_endpoint")?,
        introspection_endpoint: url("introspection_endpoint")?,
        end_session_endpoint: url("end_session_endpoint")?,
        token_endpoint_auth_methods: methods
            .filter_map(|method| method.as_str().map(str::to_owned))
            .collect(),
        sends_iss: sends_iss == Some(&Value::Bool(true)),
        does_s256: challenges.any(|method| method == "S256"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_are_looked_for_where_the_rfcs_put_them() {
        let cases: [(&str, &[&str]); 3] = [
            (
                "https://id.example.com",
                &[
                    "https://id.example.com/.well-known/oauth-authorization-server",
                    "https://id.example.com/.well-known/openid-configuration",
                ],
            ),
            (
                "https://id.example.com/",
                &[
                    "https://id.example.com/.well-known/oauth-authorization-server",
                    "https://id.example.com/.well-known/openid-configuration",
                ],
            ),
            (
                "https://id.example.com/tenant/v2.0",
                &[
                    "https://id.example.com/.well-known/oauth-authorization-server/tenant/v2.0",
                    "https://id.example.com/.well-known/openid-configuration/tenant/v2.0",
                    "https://id.example.com/tenant/v2.0/.well-known/openid-configuration",
                ],
            ),
        ];
        for (issuer, wanted) in cases {
            let places: Vec<_> = places(issuer).iter().map(Url::to_string).collect();
            assert_eq!(places, wanted);
        }
    }

    #[test]
    fn metadata_of_another_issuer_or_with_an_endpoint_that_is_not_https_are_refused() {
        let parsed = |issuer: &str, document: Value| {
            parse(issuer, document.as_object().unwrap()).map(|found| found.jwks_uri.to_string())
        };
        let jwks = "https://keys.example.com/jwks";
        let good = "https://id.example.com";
        assert_eq!(
            parsed(
                good,
                serde_json::json!({ "issuer": good, "jwks_uri": jwks })
            ),
            Ok(jwks.to_owned())
        );
        for document in [
            serde_json::json!({ "issuer": "https://id.example.com/", "jwks_uri": jwks }),
            serde_json::json!({ "issuer": [good], "jwks_uri": jwks }),
            serde_json::json!({ "jwks_uri": jwks }),
            serde_json::json!({ "issuer": good }),
            serde_json::json!({ "issuer": good, "jwks_uri": "http://127.0.0.1:9/jwks" }),
            serde_json::json!({ "issuer": good, "jwks_uri": "http://keys.example.com/jwks" }),
            serde_json::json!({ "issuer": good, "jwks_uri": "file:///etc/passwd" }),
            serde_json::json!({ "issuer": good, "jwks_uri": 1 }),
            serde_json::json!({ "issuer": good, "jwks_uri": jwks, "token_endpoint": "http://x.example/" }),
        ] {
            assert!(parsed(good, document.clone()).is_err(), "{document}");
        }
        let local = "http://127.0.0.1:1";
        let document = serde_json::json!({ "issuer": local, "jwks_uri": "http://127.0.0.1:1/j" });
        assert_eq!(
            parsed(local, document),
            Ok("http://127.0.0.1:1/j".to_owned())
        );
    }
}
