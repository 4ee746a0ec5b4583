//! An authorization server that `server.auth` trusts: its metadata, its keys, its ID tokens.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Header;
use secrecy::SecretString;
use subtle::ConstantTimeEq;

use crate::caller::Caller;
use crate::clock::Clock;
use crate::config::auth::{LoginClient, StaticLogin, TrustedIssuer};
use crate::http::Http;
use crate::resource_server::STATIC;
use crate::resource_server::bearer::{self, Shape};
use crate::resource_server::claims::Claims;
use crate::resource_server::discovery::{Discovered, discover};
use crate::resource_server::fetch;
use crate::resource_server::kept::Kept;
use crate::resource_server::keys::{Found, Keys};

/// How long metadata are not asked for again: endpoints hardly ever move.
const METADATA_LIFETIME: Duration = Duration::from_hours(1);

/// The same for keys. One that the issuer withdraws is good for so long.
const KEYS_LIFETIME: Duration = Duration::from_mins(10);

/// An issuer with its metadata and its keys, which clones share.
#[derive(Clone, Debug)]
pub struct Issuer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    identifier: String,
    /// The issuer of its users' [`Caller`].
    callers: String,
    user_claim: String,
    login: Option<LoginClient>,
    http: Http,
    clock: Clock,
    metadata: Arc<Kept<Discovered>>,
    keys: Arc<Kept<Keys>>,
}

/// Who signed in, of an ID token that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdClaims {
    /// The user, as the [`Caller`] that their access token or static token makes them.
    pub caller: Caller,
    /// `email`
    pub email: Option<String>,
    /// `email_verified`; false when it is not said.
    pub email_verified: bool,
    /// `name`
    pub name: Option<String>,
}

/// Why an issuer could not say who it is, or who somebody is. The messages hold nothing of a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// It does not answer, or not with what it should.
    #[error("The sign-in server {issuer} cannot be used now: {cause}. Try again in a minute.")]
    Unavailable {
        /// Which.
        issuer: String,
        /// Why, in our words.
        cause: String,
    },
    /// The token is not good.
    #[error("The token of the sign-in server is not accepted: {0}.")]
    Refused(&'static str),
}

impl From<&'static str> for IssuerError {
    fn from(reason: &'static str) -> Self {
        Self::Refused(reason)
    }
}

impl Issuer {
    pub(super) fn trusted(entry: &TrustedIssuer, http: Http, clock: Clock) -> Self {
        let callers = entry.issuer.clone();
        let login = entry.login.clone();
        Self::new(
            &entry.issuer,
            callers,
            &entry.user_claim,
            login,
            http,
            clock,
        )
    }

    /// The one where the users of static tokens sign in.
    pub(super) fn of_static_users(login: &StaticLogin, http: Http, clock: Clock) -> Self {
        let client = Some(login.client.clone());
        let callers = STATIC.to_owned();
        Self::new(
            &login.issuer,
            callers,
            &login.user_claim,
            client,
            http,
            clock,
        )
    }

    fn new(
        identifier: &str,
        callers: String,
        user_claim: &str,
        login: Option<LoginClient>,
        http: Http,
        clock: Clock,
    ) -> Self {
        let metadata = Kept::new("an issuer's metadata", METADATA_LIFETIME, clock.clone());
        let keys = Kept::new("an issuer's keys", KEYS_LIFETIME, clock.clone());
        Self(Arc::new(Inner {
            identifier: identifier.to_owned(),
            callers,
            user_claim: user_claim.to_owned(),
            login,
            http,
            clock,
            metadata: Arc::new(metadata),
            keys: Arc::new(keys),
        }))
    }

    /// Its identifier, as it is configured.
    pub fn identifier(&self) -> &str {
        &self.0.identifier
    }

    /// Our client there for the sign-in with a browser, if one is configured.
    pub fn login(&self) -> Option<&LoginClient> {
        self.0.login.as_ref()
    }

    /// The issuer of its users' [`Caller`]: its identifier, or `static`.
    pub(super) fn callers(&self) -> &str {
        &self.0.callers
    }

    pub(super) fn http(&self) -> &Http {
        &self.0.http
    }

    /// Its metadata, as kept or as it answers.
    pub async fn discovered(&self) -> Result<Arc<Discovered>, IssuerError> {
        self.metadata()
            .await
            .map_err(|cause| self.unavailable(cause))
    }

    /// Whether nobody may sign in here: an issuer that knows no PKCE would take a code that somebody
    /// else's browser brings. Neither its metadata nor the configuration say that it does S256.
    pub fn lacks_pkce(&self, discovered: &Discovered) -> bool {
        let known = self.login().is_some_and(|client| client.is_s256_known);
        !known && !discovered.does_s256
    }

    /// Checks an ID token (`OpenID` Connect Core 1.0 §3.1.3.7) that was made for the client
    /// `client_id` and an authorization request with `nonce`.
    pub async fn verify_id_token(
        &self,
        id_token: &SecretString,
        client_id: &str,
        nonce: &str,
    ) -> Result<IdClaims, IssuerError> {
        let Shape::Jwt(header) = bearer::shape(id_token) else {
            return Err(IssuerError::Refused("it is not a signed JWT"));
        };
        if !is_plain(&header) {
            return Err(IssuerError::Refused("typ is not that of an ID token"));
        }
        let claims = self.signed(id_token, &header).await?;
        claims.issued_by(self.identifier(), true)?;
        let others = claims.made_for(client_id)?;
        if (others > 0 || claims.has("azp")) && claims.text("azp") != Some(client_id) {
            return Err(IssuerError::Refused("azp is not our client"));
        }
        claims.valid_at(self.0.clock.now(), true)?;
        if !claims.has("iat") {
            return Err(IssuerError::Refused("iat is missing"));
        }
        let told = claims.text("nonce").unwrap_or_default();
        if nonce.is_empty() || !bool::from(told.as_bytes().ct_eq(nonce.as_bytes())) {
            return Err(IssuerError::Refused("nonce is not that of the request"));
        }
        Ok(IdClaims {
            caller: self.caller(&claims)?,
            email: claims.text("email").map(str::to_owned),
            email_verified: claims.is_true("email_verified"),
            name: claims.text("name").map(str::to_owned),
        })
    }

    /// Whose token has these claims.
    pub(super) fn caller(&self, claims: &Claims) -> Result<Caller, &'static str> {
        let user = claims.user(&self.0.user_claim)?;
        Ok(Caller::verified(self.callers(), user))
    }

    /// The claims of a JWT whose signature is this issuer's. None of them is checked yet.
    pub(super) async fn signed(
        &self,
        token: &SecretString,
        header: &Header,
    ) -> Result<Claims, IssuerError> {
        if header.crit.is_some() || header.zip.is_some() || header.enc.is_some() {
            return Err(IssuerError::Refused(
                "its header asks for what we cannot do",
            ));
        }
        let keys = self.0.keys.get(self.fetch_keys()).await;
        let keys = keys.map_err(|cause| self.unavailable(cause))?;
        let newer;
        let found = match keys.find(header) {
            Found::Unknown => {
                newer = self.0.keys.newer(&keys, self.fetch_keys()).await;
                let newer = newer
                    .as_ref()
                    .map_err(|cause| self.unavailable(cause.clone()))?;
                newer.find(header)
            }
            found => found,
        };
        match found {
            Found::Key(key) => {
                let claims = key.verify(bearer::read(token), header);
                Ok(Claims::new(claims.ok_or("its signature is wrong")?))
            }
            Found::Unknown => Err(IssuerError::Refused("the issuer has no such key")),
            Found::Unfit => Err(IssuerError::Refused("its algorithm is not that of the key")),
        }
    }

    async fn metadata(&self) -> Result<Arc<Discovered>, String> {
        let this = self.clone();
        let fetch = async move { discover(&this.0.http, &this.0.identifier).await };
        self.0.metadata.get(fetch).await
    }

    fn fetch_keys(&self) -> impl Future<Output = Result<Keys, String>> + Send + 'static {
        let this = self.clone();
        async move {
            let metadata = this.metadata().await?;
            let request = this.0.http.client().get(metadata.jwks_uri.clone());
            let document = fetch::object(request).await?;
            Ok(Keys::parse(&document)?)
        }
    }

    pub(super) fn unavailable(&self, cause: String) -> IssuerError {
        IssuerError::Unavailable {
            issuer: self.identifier().to_owned(),
            cause,
        }
    }
}

/// Whether `typ` says nothing, or no more than that it is a JWT.
pub(super) fn is_plain(header: &Header) -> bool {
    let typ = header.typ.as_deref();
    typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"))
}

/// Whether `typ` says that it is an access token (RFC 9068 §2.1).
pub(super) fn is_access_token(header: &Header) -> bool {
    let typ = header.typ.as_deref().unwrap_or_default();
    // RFC 7515 §4.1.9: the prefix can be left out.
    ["at+jwt", "application/at+jwt"]
        .iter()
        .any(|known| typ.eq_ignore_ascii_case(known))
}
