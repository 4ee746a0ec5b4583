//! What a token says, checked strictly: the claims of a JWT (RFC 9068 §4, RFC 7519 §4.1) or the
//! answer of an introspection endpoint (RFC 7662 §2.2). Both have the same names.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::config::auth::Scopes;
use crate::resource_server::Access;

/// How far an issuer's clock may be from ours, in seconds.
pub(super) const LEEWAY_S: f64 = 60.0;

/// The claims of a token that its issuer vouches for. Each error is what the log says.
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    pub(super) fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    /// `iss` is this one, byte for byte. It can be left out of an answer to a question that the
    /// issuer itself was asked.
    pub(super) fn issued_by(&self, issuer: &str, needed: bool) -> Result<(), &'static str> {
        match self.0.get("iss") {
            None if !needed => Ok(()),
            Some(Value::String(iss)) if iss == issuer => Ok(()),
            _ => Err("iss is not the issuer"),
        }
    }

    /// `aud` is this one, or a list with it in it; the audiences beside it are returned.
    pub(super) fn made_for(&self, audience: &str) -> Result<usize, &'static str> {
        let others = match self.0.get("aud") {
            Some(Value::String(aud)) => (aud == audience).then_some(0),
            Some(Value::Array(list)) if list.iter().all(Value::is_string) => list
                .iter()
                .any(|aud| aud == audience)
                .then(|| list.len() - 1),
            _ => None,
        };
        others.ok_or("aud is not this server")
    }

    /// It is valid now. Returns `exp`, in seconds.
    pub(super) fn valid_at(
        &self,
        now: Timestamp,
        exp_needed: bool,
    ) -> Result<Option<f64>, &'static str> {
        let now = seconds(now);
        let exp = self.time("exp").map_err(|()| "exp is not a time")?;
        match exp {
            None if exp_needed => return Err("exp is missing"),
            Some(exp) if exp + LEEWAY_S <= now => return Err("it has expired"),
            _ => {}
        }
        let ahead = |name| self.time(name).map(|time| time > Some(now + LEEWAY_S));
        if ahead("nbf").map_err(|()| "nbf is not a time")? {
            return Err("it is not valid yet");
        }
        if ahead("iat").map_err(|()| "iat is not a time")? {
            return Err("it was issued in the future");
        }
        Ok(exp)
    }

    /// Who presents it need not prove to have a key (RFC 7800): we ask for no proof.
    pub(super) fn needs_no_proof(&self) -> Result<(), &'static str> {
        if self.has("cnf") {
            return Err("it is bound to a key, and so no bearer token");
        }
        Ok(())
    }

    /// The user. `sub` is there, whichever claim it is that names them.
    pub(super) fn user(&self, claim: &str) -> Result<&str, &'static str> {
        self.text("sub").ok_or("sub is missing")?;
        self.text(claim).ok_or("the user's claim is missing")
    }

    /// What its scopes allow: nothing, reading, or all. They are in `scope` (RFC 9068 §2.2.3), or in
    /// `scp`, as Microsoft and Okta have it.
    pub(super) fn access(&self, scopes: Option<&Scopes>) -> Result<Option<Access>, &'static str> {
        let Some(wanted) = scopes else {
            return Ok(Some(Access::Write));
        };
        let granted: Vec<&str> = match self.0.get("scope").or_else(|| self.0.get("scp")) {
            None => Vec::new(),
            Some(Value::String(scopes)) => scopes.split(' ').collect(),
            Some(Value::Array(scopes)) => {
                let scopes = scopes.iter().map(Value::as_str).collect::<Option<_>>();
                scopes.ok_or("its scopes are not text")?
            }
            Some(_) => return Err("its scopes are not text"),
        };
        Ok(if granted.contains(&wanted.write.as_str()) {
            Some(Access::Write)
        } else if granted.contains(&wanted.read.as_str()) {
            Some(Access::Read)
        } else {
            None
        })
    }

    /// A claim that is text and not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let text = self.0.get(name)?.as_str()?;
        (!text.is_empty()).then_some(text)
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Value::Bool(true))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn time(&self, name: &str) -> Result<Option<f64>, ()> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => {
                Ok(Some(number.as_f64().filter(|n| n.is_finite()).ok_or(())?))
            }
            Some(_) => Err(()),
        }
    }
}

/// Seconds since 1970, as the claims count.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 have 41 bits"
)]
pub(super) fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}
