//! `server.auth`: whose access tokens the MCP endpoint takes, and how their users sign in with a
//! browser.

use std::collections::BTreeSet;

use secrecy::SecretString;
use serde_saphyr::Spanned;
use url::Url;

use crate::config::address;
use crate::config::error::ConfigError;
use crate::config::expand::{Reader, Text, line};
use crate::config::file::{
    IntrospectionForm, IssuerForm, LoginForm, ScopesForm, ServerAuthForm, StaticLoginForm,
};

/// `server.auth`. There is an issuer or a static token in it.
#[derive(Clone, Debug)]
pub struct Auth {
    /// `issuers`: the authorization servers whose access tokens are taken (RFC 9728 §2).
    pub issuers: Vec<TrustedIssuer>,
    /// `static_tokens`: tokens that the operator hands out. A user may have several.
    pub static_tokens: Vec<StaticToken>,
    /// `static_login`: where the users of static tokens sign in with a browser.
    pub static_login: Option<StaticLogin>,
}

/// One of `issuers`.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    /// `issuer`: its identifier (RFC 8414 §2), as written, since it is compared byte for byte.
    pub issuer: String,
    /// `audience`: what `aud` must contain. Default: `{public_url}/mcp`.
    pub audience: String,
    /// `user_claim`: the claim that says who the user is. Default: `sub`.
    pub user_claim: String,
    /// `token_type`. Default: `at+jwt`.
    pub token_type: TokenType,
    /// `scopes`: what a token must carry. Default: nothing.
    pub scopes: Option<Scopes>,
    /// `introspection`: how opaque tokens are checked. Default: they are refused.
    pub introspection: Option<Introspection>,
    /// `login`: our client at this issuer, for the sign-in with a browser.
    pub login: Option<LoginClient>,
}

/// What the header of a JWT must say in `typ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// `at+jwt`: that it is an access token (RFC 9068 §4).
    AtJwt,
    /// `any`: for issuers whose access tokens say nothing or just `JWT`.
    Any,
}

/// `scopes` of an issuer. Write implies read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes {
    /// `read`: enough for tools that change nothing.
    pub read: String,
    /// `write`: enough for all tools.
    pub write: String,
}

/// `introspection` of an issuer (RFC 7662).
#[derive(Clone, Debug)]
pub struct Introspection {
    /// `client_id`
    pub client_id: String,
    /// `client_secret`
    pub client_secret: SecretString,
    /// `endpoint`. Default: what the issuer's metadata say.
    pub endpoint: Option<Url>,
}

/// A client of ours at an issuer.
#[derive(Clone, Debug)]
pub struct LoginClient {
    /// `client_id`
    pub client_id: String,
    /// `client_secret`; none for a public client.
    pub client_secret: Option<SecretString>,
    /// `code_challenge_method: S256`: the issuer does PKCE with S256 (RFC 7636), although its metadata
    /// may not say so. Default: they must.
    pub is_s256_known: bool,
}

/// One line of `static_tokens`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticToken {
    /// Whose it is.
    pub user: String,
    /// The SHA-256 of the token.
    pub sha256: [u8; 32],
}

/// `static_login`.
#[derive(Clone, Debug)]
pub struct StaticLogin {
    /// `issuer`: as written.
    pub issuer: String,
    /// `client_id` and `client_secret`.
    pub client: LoginClient,
    /// `user_claim`: the claim of the ID token that holds the user's name in `static_tokens`.
    pub user_claim: String,
}

const KEY: &str = "server.auth";

impl Auth {
    pub(super) fn read(
        reader: Reader<'_>,
        form: &Spanned<ServerAuthForm>,
        public_url: &Url,
    ) -> Result<Self, ConfigError> {
        let ServerAuthForm {
            issuers: issuer_forms,
            static_tokens: tokens,
            static_login: login,
        } = &form.value;
        let mut issuers: Vec<TrustedIssuer> = Vec::new();
        for form in issuer_forms.iter().flatten() {
            let read = issuer(reader, form, public_url)?;
            if issuers.iter().any(|known| known.issuer == read.issuer) {
                let problem = "is the issuer of an earlier entry. Keep one of them";
                return Err(reader.wrong(line(form), "server.auth.issuers.issuer", problem));
            }
            // An opaque token does not say whose it is, and is nobody else's business.
            let introspects = |issuer: &TrustedIssuer| issuer.introspection.is_some();
            if introspects(&read) && issuers.iter().any(introspects) {
                let problem = "can be set for one issuer only, which is asked about every opaque \
                               token. Keep one of them";
                return Err(reader.wrong(line(form), "server.auth.issuers.introspection", problem));
            }
            issuers.push(read);
        }
        let static_tokens = match tokens {
            Some(text) => static_tokens(reader, text)?,
            None => Vec::new(),
        };
        let wrong = |line, key: &str, problem| Err(reader.wrong(line, key, problem));
        if let (Some(login), None) = (login, tokens) {
            let problem = "is for the users of server.auth.static_tokens, which is not set. Set it \
                           or remove static_login";
            return wrong(line(login), "server.auth.static_login", problem);
        }
        if issuers.is_empty() && static_tokens.is_empty() {
            return wrong(
                line(form),
                KEY,
                "lets nobody in. Give it issuers or static_tokens",
            );
        }
        Ok(Self {
            issuers,
            static_tokens,
            static_login: match login {
                Some(form) => Some(static_login(reader, form)?),
                None => None,
            },
        })
    }
}

fn issuer(
    reader: Reader<'_>,
    form: &Spanned<IssuerForm>,
    public_url: &Url,
) -> Result<TrustedIssuer, ConfigError> {
    const KEY: &str = "server.auth.issuers";
    let IssuerForm {
        issuer,
        audience,
        user_claim,
        token_type,
        scopes: scope_names,
        introspection: introspecting,
        login,
    } = &form.value;
    let token_type = match token_type {
        None => TokenType::AtJwt,
        Some(text) => {
            let key = "server.auth.issuers.token_type";
            match reader.text(key, text)?.as_str() {
                "at+jwt" => TokenType::AtJwt,
                "any" => TokenType::Any,
                _ => return Err(reader.wrong(line(text), key, "must be at+jwt or any")),
            }
        }
    };
    let audience = reader.optional("server.auth.issuers.audience", audience.as_ref())?;
    let user_claim = reader.optional("server.auth.issuers.user_claim", user_claim.as_ref())?;
    Ok(TrustedIssuer {
        issuer: identifier(reader, KEY, line(form), issuer.as_ref())?,
        audience: audience.unwrap_or_else(|| format!("{public_url}mcp")),
        user_claim: user_claim.unwrap_or_else(|| "sub".to_owned()),
        token_type,
        scopes: match scope_names {
            Some(form) => Some(scopes(reader, form)?),
            None => None,
        },
        introspection: match introspecting {
            Some(form) => Some(introspection(reader, form)?),
            None => None,
        },
        login: match login {
            Some(form) => {
                let key = "server.auth.issuers.login";
                let at = line(form);
                let LoginForm {
                    client_id,
                    client_secret,
                    code_challenge_method,
                } = &form.value;
                let (id, secret) = (client_id.as_ref(), client_secret.as_ref());
                Some(LoginClient {
                    is_s256_known: is_s256(reader, key, code_challenge_method.as_ref())?,
                    ..client(reader, key, at, id, secret)?
                })
            }
            None => None,
        },
    })
}

/// An issuer's identifier: a URL without query and fragment (RFC 8414 §2).
fn identifier(
    reader: Reader<'_>,
    section: &str,
    at: u64,
    text: Option<&Text>,
) -> Result<String, ConfigError> {
    let text = needed(reader, section, "issuer", at, text)?;
    let key = format!("{section}.issuer");
    let issuer = reader.text(&key, text)?;
    let url =
        address::endpoint(&issuer).map_err(|problem| reader.wrong(line(text), &key, problem))?;
    if url.query().is_some() {
        return Err(reader.wrong(line(text), &key, "must not have a ?query"));
    }
    Ok(issuer)
}

fn scopes(reader: Reader<'_>, form: &Spanned<ScopesForm>) -> Result<Scopes, ConfigError> {
    const KEY: &str = "server.auth.issuers.scopes";
    let scope = |name: &str, text: &Option<Text>| {
        let text = needed(reader, KEY, name, line(form), text.as_ref())?;
        let key = format!("{KEY}.{name}");
        let scope = reader.text(&key, text)?;
        // RFC 6749 §3.3. It stands between quotation marks in a header.
        let fits = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if !scope.bytes().all(fits) {
            let problem = "must be one scope, without spaces, quotation marks and backslashes";
            return Err(reader.wrong(line(text), &key, problem));
        }
        // It is between the client and the issuer whether the client may act while its user is away.
        if scope == "offline_access" {
            let problem = "says nothing about this server. Choose a scope of its own";
            return Err(reader.wrong(line(text), &key, problem));
        }
        Ok(scope)
    };
    let ScopesForm { read, write } = &form.value;
    Ok(Scopes {
        read: scope("read", read)?,
        write: scope("write", write)?,
    })
}

fn introspection(
    reader: Reader<'_>,
    form: &Spanned<IntrospectionForm>,
) -> Result<Introspection, ConfigError> {
    const KEY: &str = "server.auth.issuers.introspection";
    let IntrospectionForm {
        client_id,
        client_secret,
        endpoint,
    } = &form.value;
    let at = line(form);
    // RFC 7662 §2.1: who asks must authenticate.
    needed(reader, KEY, "client_secret", at, client_secret.as_ref())?;
    let LoginClient {
        client_id,
        client_secret,
        ..
    } = client(reader, KEY, at, client_id.as_ref(), client_secret.as_ref())?;
    let key = "server.auth.issuers.introspection.endpoint";
    Ok(Introspection {
        client_id,
        client_secret: client_secret.expect("it was just seen"),
        endpoint: match endpoint {
            Some(text) => Some(
                address::endpoint(&reader.text(key, text)?)
                    .map_err(|problem| reader.wrong(line(text), key, problem))?,
            ),
            None => None,
        },
    })
}

fn static_login(
    reader: Reader<'_>,
    form: &Spanned<StaticLoginForm>,
) -> Result<StaticLogin, ConfigError> {
    const KEY: &str = "server.auth.static_login";
    let StaticLoginForm {
        issuer,
        client_id,
        client_secret,
        code_challenge_method,
        user_claim,
    } = &form.value;
    let at = line(form);
    // No default: which claim an issuer keeps unique and out of its users' hands, it alone knows.
    let claim = needed(reader, KEY, "user_claim", at, user_claim.as_ref())?;
    Ok(StaticLogin {
        issuer: identifier(reader, KEY, at, issuer.as_ref())?,
        client: LoginClient {
            is_s256_known: is_s256(reader, KEY, code_challenge_method.as_ref())?,
            ..client(reader, KEY, at, client_id.as_ref(), client_secret.as_ref())?
        },
        user_claim: reader.text("server.auth.static_login.user_claim", claim)?,
    })
}

fn client(
    reader: Reader<'_>,
    section: &str,
    at: u64,
    client_id: Option<&Text>,
    client_secret: Option<&Text>,
) -> Result<LoginClient, ConfigError> {
    let client_id = needed(reader, section, "client_id", at, client_id)?;
    let secret = |text| reader.secret(&format!("{section}.client_secret"), text);
    Ok(LoginClient {
        client_id: reader.text(&format!("{section}.client_id"), client_id)?,
        client_secret: client_secret.map(secret).transpose()?,
        is_s256_known: false,
    })
}

/// Whether `code_challenge_method` is set. There is no other than S256 (OAuth 2.1).
fn is_s256(reader: Reader<'_>, section: &str, text: Option<&Text>) -> Result<bool, ConfigError> {
    let Some(text) = text else {
        return Ok(false);
    };
    let key = format!("{section}.code_challenge_method");
    if reader.text(&key, text)? == "S256" {
        return Ok(true);
    }
    Err(reader.wrong(line(text), &key, "must be S256"))
}

fn needed<'a>(
    reader: Reader<'_>,
    section: &str,
    name: &str,
    at: u64,
    text: Option<&'a Text>,
) -> Result<&'a Text, ConfigError> {
    text.ok_or_else(|| reader.wrong(at, section, &format!("has no {name}. Add it")))
}

/// Lines of a user and the SHA-256 of a token in hexadecimal digits; empty ones and those that
/// begin with `#` say nothing.
fn static_tokens(reader: Reader<'_>, text: &Text) -> Result<Vec<StaticToken>, ConfigError> {
    const KEY: &str = "server.auth.static_tokens";
    let wrong = |problem: &str| reader.wrong(line(text), KEY, problem);
    let content = reader.text(KEY, text)?;
    let mut tokens = Vec::new();
    let mut known = BTreeSet::new();
    for (at, entry) in content.lines().enumerate() {
        let (at, entry) = (at + 1, entry.trim());
        if entry.is_empty() || entry.starts_with('#') {
            continue;
        }
        let token = static_token(entry).ok_or_else(|| {
            wrong(&format!(
                "must have a user and the SHA-256 of a token in its line {at}: 64 hexadecimal \
                 digits, which this prints: printf %s \"$TOKEN\" | sha256sum"
            ))
        })?;
        if !known.insert(token.sha256) {
            let problem = format!("has a token for the second time in its line {at}. Remove it");
            return Err(wrong(&problem));
        }
        tokens.push(token);
    }
    if tokens.is_empty() {
        return Err(wrong(
            "has no token. Add a line: a user and the SHA-256 of a token",
        ));
    }
    Ok(tokens)
}

fn static_token(entry: &str) -> Option<StaticToken> {
    let separates = |c: char| c == ',' || c.is_whitespace();
    let (user, digits) = entry.rsplit_once(separates)?;
    let user = user.trim_end_matches(separates);
    if user.is_empty() || user.chars().any(char::is_control) {
        return None;
    }
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut sha256 = [0; 32];
    for (at, byte) in sha256.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(StaticToken {
        user: user.to_owned(),
        sha256,
    })
}
