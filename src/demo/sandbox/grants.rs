//! What the sandbox has issued: codes, grants and tokens, with the life each has at a real
//! provider.
//!
//! Its codes and tokens are plain strings on purpose: they open nothing but this sandbox, and tests
//! look for them in places where no credential may ever turn up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::demo::sandbox::{RefreshTokens, Site, Tokens};

/// How long a code may be exchanged (RFC 6749 §4.1.2 allows ten minutes at most).
const CODE_LIFETIME: Duration = Duration::from_mins(1);

/// What a person allowed, waiting to be exchanged.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) site: Site,
    pub(super) client_id: String,
    pub(super) account: usize,
    pub(super) scopes: BTreeSet<String>,
    pub(super) redirect_uri: String,
    /// The S256 challenge (RFC 7636 §4.2), if one was sent.
    pub(super) challenge: Option<String>,
    /// Google: whether this consent earns a refresh token.
    pub(super) refreshable: bool,
    pub(super) issued_at: Timestamp,
    /// The family made from it; a second exchange revokes that (RFC 6749 §4.1.2).
    pub(super) used: Option<usize>,
}

/// Tokens that come from one consent: a reused refresh token ends them all (RFC 9700 §4.14.2).
#[derive(Clone, Debug)]
pub(super) struct Family {
    pub(super) site: Site,
    pub(super) account: usize,
    pub(super) scopes: BTreeSet<String>,
    pub(super) revoked: bool,
}

/// What an API call may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) account: usize,
    pub(super) scopes: BTreeSet<String>,
}

/// Why a bearer token does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadToken {
    /// None was sent, or it was never issued here.
    Unknown,
    Expired,
    Revoked,
}

/// Why the token endpoint says no, before each site puts it in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    UnknownClient,
    WrongSecret,
    BadCode,
    BadRedirect,
    BadVerifier,
    BadRefreshToken,
    BadRequest,
}

/// A token response, before each site puts it in its own shape.
#[derive(Clone, Debug)]
pub(super) struct Issued {
    pub(super) access_token: String,
    pub(super) refresh_token: Option<String>,
    pub(super) expires_in: Option<u64>,
    pub(super) scopes: BTreeSet<String>,
    pub(super) account: usize,
}

#[derive(Debug)]
struct Access {
    family: usize,
    expires_at: Option<Timestamp>,
    dead: bool,
}

#[derive(Debug)]
struct Refresh {
    family: usize,
    used: bool,
}

/// Everything issued.
#[derive(Debug)]
pub(super) struct Grants {
    marker: String,
    codes: BTreeMap<String, Code>,
    families: Vec<Family>,
    access: BTreeMap<String, Access>,
    refresh: BTreeMap<String, Refresh>,
    /// What an account has allowed in all, per site: Google and Slack grants add up.
    allowed: BTreeMap<(Site, usize), BTreeSet<String>>,
}

impl Grants {
    pub(super) fn new(marker: String) -> Self {
        Self {
            marker,
            codes: BTreeMap::new(),
            families: Vec::new(),
            access: BTreeMap::new(),
            refresh: BTreeMap::new(),
            allowed: BTreeMap::new(),
        }
    }

    fn mint(&self, prefix: &str) -> String {
        format!("{prefix}{}-{}", self.marker, random())
    }

    /// Whether the account has allowed this client anything yet.
    pub(super) fn known(&self, site: Site, account: usize) -> bool {
        self.allowed.contains_key(&(site, account))
    }

    /// What the account has allowed in all.
    pub(super) fn allowed(&self, site: Site, account: usize) -> BTreeSet<String> {
        self.allowed
            .get(&(site, account))
            .cloned()
            .unwrap_or_default()
    }

    /// Issues a code for what a person allowed.
    pub(super) fn issue_code(&mut self, code: Code) -> String {
        let key = (code.site, code.account);
        self.allowed
            .entry(key)
            .or_default()
            .extend(code.scopes.iter().cloned());
        let text = self.mint(match code.site {
            Site::Google => "4/0A",
            _ => "code-",
        });
        self.codes.insert(text.clone(), code);
        text
    }

    /// Exchanges a code. A wrong verifier or redirect uses it up as well.
    pub(super) fn exchange(
        &mut self,
        text: &str,
        presented: &Presented<'_>,
        tokens: Tokens,
        now: Timestamp,
    ) -> Result<Issued, Refusal> {
        let Some(code) = self.codes.get_mut(text) else {
            return Err(Refusal::BadCode);
        };
        if code.site != presented.site || code.client_id != presented.client_id {
            return Err(Refusal::BadCode);
        }
        if let Some(family) = code.used {
            if let Some(family) = self.families.get_mut(family) {
                family.revoked = true;
            }
            return Err(Refusal::BadCode);
        }
        let family = self.families.len();
        code.used = Some(family);
        if now.duration_since(code.issued_at).unsigned_abs() > CODE_LIFETIME {
            return Err(Refusal::BadCode);
        }
        if presented.redirect_uri != Some(code.redirect_uri.as_str()) {
            return Err(Refusal::BadRedirect);
        }
        let proof = presented.verifier.map(s256);
        if proof != code.challenge {
            return Err(Refusal::BadVerifier);
        }
        let code = code.clone();
        self.families.push(Family {
            site: code.site,
            account: code.account,
            scopes: code.scopes,
            revoked: false,
        });
        let refreshable = match tokens.refresh {
            RefreshTokens::None => false,
            RefreshTokens::Lasting | RefreshTokens::Rotating => code.refreshable,
        };
        Ok(self.issue(family, refreshable, tokens, now))
    }

    /// Refreshes (RFC 6749 §6).
    pub(super) fn refresh(
        &mut self,
        site: Site,
        text: &str,
        tokens: Tokens,
        now: Timestamp,
    ) -> Result<Issued, Refusal> {
        let Some(refresh) = self.refresh.get_mut(text) else {
            return Err(Refusal::BadRefreshToken);
        };
        let number = refresh.family;
        let rotating = tokens.refresh == RefreshTokens::Rotating;
        let reused = std::mem::replace(&mut refresh.used, rotating);
        let family = &mut self.families[number];
        if reused {
            family.revoked = true;
        }
        if family.revoked || family.site != site {
            return Err(Refusal::BadRefreshToken);
        }
        if rotating && site == Site::GitHub {
            // "Once you use a refresh token, that refresh token and the old user access token will
            // no longer work" (GitHub documentation, refreshing user access tokens).
            for access in self.access.values_mut().filter(|a| a.family == number) {
                access.dead = true;
            }
        }
        Ok(self.issue(number, rotating, tokens, now))
    }

    fn issue(
        &mut self,
        number: usize,
        with_refresh_token: bool,
        tokens: Tokens,
        now: Timestamp,
    ) -> Issued {
        let (site, account) = (self.families[number].site, self.families[number].account);
        let rotating = tokens.refresh == RefreshTokens::Rotating;
        let (access_prefix, refresh_prefix) = match (site, rotating) {
            (Site::Google, _) => ("ya29.", "1//0"),
            (Site::Slack, false) => ("xoxp-", "xoxe-1-"),
            (Site::Slack, true) => ("xoxe.xoxp-1-", "xoxe-1-"),
            (Site::GitHub, false) => ("gho_", "ghr_"),
            (Site::GitHub, true) => ("ghu_", "ghr_"),
            (Site::Custom, _) => ("access-", "refresh-"),
        };
        let access_token = self.mint(access_prefix);
        self.access.insert(
            access_token.clone(),
            Access {
                family: number,
                expires_at: tokens.lifetime.map(|lifetime| now + lifetime),
                dead: false,
            },
        );
        let refresh_token = with_refresh_token.then(|| self.mint(refresh_prefix));
        if let Some(text) = &refresh_token {
            let refresh = Refresh {
                family: number,
                used: false,
            };
            self.refresh.insert(text.clone(), refresh);
        }
        Issued {
            access_token,
            refresh_token,
            expires_in: tokens.lifetime.map(|lifetime| lifetime.as_secs()),
            scopes: self.families[number].scopes.clone(),
            account,
        }
    }

    /// What a bearer token allows.
    pub(super) fn check(
        &self,
        site: Site,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<Allowed, BadToken> {
        let access = token
            .and_then(|token| self.access.get(token))
            .ok_or(BadToken::Unknown)?;
        let family = &self.families[access.family];
        if family.site != site {
            return Err(BadToken::Unknown);
        }
        if access.dead || family.revoked {
            return Err(BadToken::Revoked);
        }
        if access.expires_at.is_some_and(|end| now >= end) {
            return Err(BadToken::Expired);
        }
        Ok(Allowed {
            account: family.account,
            scopes: family.scopes.clone(),
        })
    }

    /// Revokes whatever the token, access or refresh, belongs to: all that this account allowed.
    /// False: it was never issued here, or is revoked already.
    pub(super) fn revoke(&mut self, site: Site, token: &str) -> bool {
        let number = self
            .access
            .get(token)
            .map(|access| access.family)
            .or_else(|| self.refresh.get(token).map(|refresh| refresh.family));
        let Some(family) = number.map(|number| self.families[number].clone()) else {
            return false;
        };
        if family.site != site || family.revoked {
            return false;
        }
        self.allowed.remove(&(site, family.account));
        for other in &mut self.families {
            if other.site == site && other.account == family.account {
                other.revoked = true;
            }
        }
        true
    }

    /// Every access token of the site stops working; refresh tokens go on.
    pub(super) fn end_access_tokens(&mut self, site: Site) {
        let families = &self.families;
        for access in self.access.values_mut() {
            if families[access.family].site == site {
                access.dead = true;
            }
        }
    }

    /// Every grant of the site is gone, as when its owner removed it in the account's settings.
    pub(super) fn end_grants(&mut self, site: Site) {
        self.allowed.retain(|(other, _), _| *other != site);
        for family in &mut self.families {
            if family.site == site {
                family.revoked = true;
            }
        }
    }
}

/// What a client shows at the token endpoint with a code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Presented<'a> {
    pub(super) site: Site,
    pub(super) client_id: &'a str,
    pub(super) redirect_uri: Option<&'a str>,
    pub(super) verifier: Option<&'a str>,
}

/// The S256 transformation (RFC 7636 §4.2).
pub(super) fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// 128 random bits in letters and digits that need no escaping anywhere.
pub(super) fn random() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has random numbers");
    format!("{:032x}", u128::from_be_bytes(bytes))
}
