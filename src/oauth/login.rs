//! Signing in at an issuer with a browser (OIDC Core §3.1): the way there, and the
//! code's exchange for an ID token. Nothing else of the issuer's answer is looked at or kept.

use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use secrecy::SecretString;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use crate::config::auth::LoginClient;
use crate::http::Http;
use crate::oauth::wire::read;

/// More than any answer needs that we ask for.
const LIMIT: usize = 256 * 1024;

/// One sign-in: what is sent to the issuer and must come back (RFC 6749 §4.1.1, RFC 7636).
#[derive(Clone, Copy, Debug)]
pub struct SignIn<'a> {
    /// Our client at the issuer.
    pub client: &'a LoginClient,
    /// Our callback, byte for byte as registered.
    pub redirect_uri: &'a Url,
    /// The PKCE verifier; its S256 challenge is sent.
    pub verifier: &'a SecretString,
}

/// Why there is no ID token. Holds no text of the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// No answer, or a server error.
    #[error("the issuer's token endpoint could not be reached")]
    Unreachable,
    /// It does not accept the code or our client.
    #[error("the issuer's token endpoint refused the code or the client")]
    Refused,
    /// The answer has no ID token.
    #[error("the issuer's token endpoint answered without an ID token")]
    NoIdToken,
}

impl SignIn<'_> {
    /// The URL at the issuer that the browser is sent to. It asks for the person's e-mail address
    /// and profile, which the user's claim may be in.
    pub fn authorize_url(&self, endpoint: &Url, state: &SecretString, nonce: &SecretString) -> Url {
        let verifier = PkceCodeVerifier::new(read(self.verifier).to_owned());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let mut url = endpoint.clone();
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.client.client_id),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("scope", "openid email profile"),
            ("state", read(state)),
            ("nonce", read(nonce)),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ]);
        url
    }

    /// Exchanges the code. `methods` is `token_endpoint_auth_methods_supported` of the issuer's
    /// metadata (RFC 8414 §2).
    pub async fn exchange(
        &self,
        http: &Http,
        endpoint: &Url,
        methods: &[String],
        code: &SecretString,
    ) -> Result<SecretString, SignInError> {
        let client_id = &self.client.client_id;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", read(code)),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("code_verifier", read(self.verifier)),
        ];
        let mut request = http.client_for_tokens().post(endpoint.clone());
        let takes = |name: &str| methods.iter().any(|method| method == name);
        match self.client.client_secret.as_ref().map(read) {
            Some(secret) if takes("client_secret_post") && !takes("client_secret_basic") => {
                form.extend([("client_id", client_id.as_str()), ("client_secret", secret)]);
            }
            Some(secret) => {
                // RFC 6749 §2.3.1: both are form-encoded first.
                let encoded = |text: &str| -> String {
                    form_urlencoded::byte_serialize(text.as_bytes()).collect()
                };
                request = request.basic_auth(encoded(client_id), Some(encoded(secret)));
            }
            None => form.push(("client_id", client_id)),
        }
        let answer = request
            .header("accept", "application/json")
            .form(&form)
            .send();
        let mut answer = answer.await.map_err(|_| SignInError::Unreachable)?;
        if answer.status().is_server_error() || answer.status().as_u16() == 429 {
            return Err(SignInError::Unreachable);
        }
        if !answer.status().is_success() {
            return Err(SignInError::Refused);
        }
        let mut body = zeroize::Zeroizing::new(Vec::new());
        while let Some(chunk) = answer.chunk().await.map_err(|_| SignInError::Unreachable)? {
            if body.len() + chunk.len() > LIMIT {
                return Err(SignInError::NoIdToken);
            }
            body.extend_from_slice(&chunk);
        }
        let answer: Result<Map<String, Value>, _> = serde_json::from_slice(&body);
        match answer.ok().and_then(|mut answer| answer.remove("id_token")) {
            Some(Value::String(token)) => Ok(SecretString::from(token)),
            _ => Err(SignInError::NoIdToken),
        }
    }
}
