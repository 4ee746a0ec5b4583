//! Turns one form of `auth.providers` into a [`ProviderEntry`], or says what is wrong with it.

use std::collections::BTreeMap;

use serde_saphyr::Spanned;
use url::Url;

use crate::config::address;
use crate::config::error::ConfigError;
use crate::config::expand::{Reader, Text, line};
use crate::config::file::{OAuth2Form, ProviderForm, RequestForm};
use crate::config::provider::{AuthMethod, ProviderEntry, Request};
use crate::config::response_map::ResponsePath;

/// What is particular to a request of the protocol.
struct Rules {
    key: &'static str,
    /// Parameters that the protocol sets itself, and the one value they may be given; an empty one
    /// means that they must not be named at all.
    fixed: &'static [(&'static str, &'static str)],
    /// The templates that may stand in the other parameters.
    templates: &'static [&'static str],
    auth_methods: &'static [(&'static str, AuthMethod)],
    methods: &'static [&'static str],
    /// Whether `triggers` may be given, and with them, for introspection, `enabled` and
    /// `expiration_format`.
    triggers: bool,
}

const BASIC: (&str, AuthMethod) = ("client_secret_basic", AuthMethod::ClientSecretBasic);
const POST: (&str, AuthMethod) = ("client_secret_post", AuthMethod::ClientSecretPost);
const NONE: (&str, AuthMethod) = ("none", AuthMethod::None);
const BEARER: (&str, AuthMethod) = ("bearer_access_token", AuthMethod::BearerAccessToken);

const CLIENT_SECRET: (&str, &str) = ("client_secret", "{{client_secret}}");
const CLIENT_ID: (&str, &str) = ("client_id", "{{client_id}}");
const REDIRECT_URI: (&str, &str) = ("redirect_uri", "{{redirect_uri}}");

const AUTHORIZATION: Rules = Rules {
    key: "authorization_request",
    fixed: &[
        ("response_type", "code"),
        CLIENT_ID,
        REDIRECT_URI,
        ("client_secret", ""),
        ("state", ""),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ],
    templates: &["client_id", "redirect_uri", "scopes", "existing_scopes"],
    auth_methods: &[],
    methods: &["GET"],
    triggers: false,
};
const TOKEN: Rules = Rules {
    key: "token_request",
    fixed: &[
        ("grant_type", "authorization_code"),
        ("code", "{{authorization_code}}"),
        CLIENT_ID,
        CLIENT_SECRET,
        REDIRECT_URI,
        ("code_verifier", ""),
    ],
    templates: &["client_id", "redirect_uri", "authorization_code"],
    auth_methods: &[BASIC, POST, NONE],
    methods: &["POST"],
    triggers: false,
};
const REFRESH: Rules = Rules {
    key: "refresh_request",
    fixed: &[
        ("grant_type", "refresh_token"),
        ("refresh_token", "{{refresh_token}}"),
        CLIENT_ID,
        CLIENT_SECRET,
    ],
    templates: &["client_id", "refresh_token"],
    auth_methods: &[BASIC, POST, NONE],
    methods: &["POST"],
    triggers: false,
};
const REVOCATION: Rules = Rules {
    key: "revocation_request",
    fixed: &[CLIENT_ID, CLIENT_SECRET],
    templates: &["client_id", "access_token", "refresh_token"],
    auth_methods: &[BASIC, POST, NONE],
    methods: &["POST"],
    triggers: false,
};
const USER_INFO: Rules = Rules {
    key: "user_info_request",
    fixed: &[("client_secret", "")],
    templates: &["client_id"],
    auth_methods: &[BEARER],
    methods: &["GET", "POST"],
    triggers: true,
};
const INTROSPECTION: Rules = Rules {
    key: "token_introspection_request",
    fixed: &[CLIENT_ID, CLIENT_SECRET],
    templates: &["client_id", "access_token"],
    auth_methods: &[BASIC, POST, NONE, BEARER],
    methods: &["GET", "POST"],
    triggers: true,
};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// Checks the id of an entry. It names the callback path, and never needs expansion.
pub(super) fn id(reader: Reader<'_>, form: &Spanned<ProviderForm>) -> Result<String, ConfigError> {
    let Some(id) = &form.value.id else {
        return Err(reader.wrong(line(form), "auth.providers", "has an entry without an id"));
    };
    let in_charset = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
    if id.value.is_empty() || id.value.len() > 64 || !id.value.bytes().all(in_charset) {
        let problem = "must be 1 to 64 characters out of a-z, 0-9, - and _";
        return Err(reader.wrong(line(id), "id", problem));
    }
    Ok(id.value.clone())
}

/// Whether an entry is enabled; it is unless it says otherwise.
pub(super) fn enabled(reader: Reader<'_>, form: &ProviderForm) -> Result<bool, ConfigError> {
    form.enabled
        .as_ref()
        .map_or(Ok(true), |value| reader.flag("enabled", value))
}

/// Checks and expands an enabled entry.
pub(super) fn provider(
    reader: Reader<'_>,
    form: &Spanned<ProviderForm>,
) -> Result<ProviderEntry, ConfigError> {
    let id = id(reader, form)?;
    let ProviderForm {
        id: _,
        enabled: _,
        description,
        kind,
        provider_id,
        client_id,
        client_secret,
        oauth2,
        api,
    } = &form.value;
    if let Some(kind) = kind
        && reader.text("type", kind)? != "oauth2"
    {
        return Err(reader.wrong(line(kind), "type", "must be oauth2"));
    }
    let Some(client_id) = client_id else {
        let problem = format!("`{id}` has no client_id");
        return Err(reader.wrong(line(form), "provider entry", &problem));
    };
    let mut entry = ProviderEntry::new(&id, None, &reader.text("client_id", client_id)?);
    entry.provider_id = reader.optional("provider_id", provider_id.as_ref())?;
    entry.description = reader.optional("description", description.as_ref())?;
    entry.client_secret = client_secret
        .as_ref()
        .map(|secret| reader.secret("client_secret", secret))
        .transpose()?;
    if let Some(oauth2) = oauth2 {
        protocol(reader, oauth2, &mut entry)?;
    }
    if let Some(base_url) = api.as_ref().and_then(|api| api.base_url.as_ref()) {
        entry.api_base_url = Some(url(reader, "api.base_url", base_url, address::base)?);
    }
    if let Some(origins) = api.as_ref().and_then(|api| api.file_origins.as_ref()) {
        let origin = |text| url(reader, "api.file_origins", text, address::origin);
        entry.file_origins = Some(origins.iter().map(origin).collect::<Result<_, _>>()?);
    }
    Ok(entry)
}

fn protocol(
    reader: Reader<'_>,
    form: &OAuth2Form,
    entry: &mut ProviderEntry,
) -> Result<(), ConfigError> {
    if let Some(pkce) = &form.pkce {
        if let Some(enabled) = &pkce.enabled {
            entry.pkce = Some(reader.flag("pkce.enabled", enabled)?);
        }
        if let Some(method) = &pkce.code_challenge_method {
            let key = "pkce.code_challenge_method";
            choice(reader, key, method, &[("S256", ())])?;
        }
    }
    if let Some(delimiter) = &form.scope_delimiter {
        let known = [(" ", " "), (",", ",")];
        let delimiter = choice(reader, "scope_delimiter", delimiter, &known)?;
        entry.scope_delimiter = Some(delimiter.to_owned());
    }
    if let Some(issuer) = &form.issuer {
        // Compared byte for byte (RFC 9207 §2.4), so it is kept as written.
        url(reader, "issuer", issuer, address::endpoint)?;
        entry.issuer = Some(reader.text("issuer", issuer)?);
    }
    let either = |first: &Option<Spanned<RequestForm>>,
                  second: &Option<Spanned<RequestForm>>,
                  rules: &Rules| match (first, second) {
        (Some(_), Some(second)) => {
            Err(reader.wrong(line(second), rules.key, "is here under two names. Keep one"))
        }
        (first, second) => request(reader, rules, first.as_ref().or(second.as_ref())),
    };
    entry.authorization_request = either(
        &form.authorization_request,
        &form.authorize_request,
        &AUTHORIZATION,
    )?;
    entry.token_request = request(reader, &TOKEN, form.token_request.as_ref())?;
    entry.refresh_request = request(reader, &REFRESH, form.refresh_request.as_ref())?;
    entry.revocation_request = request(reader, &REVOCATION, form.revocation_request.as_ref())?;
    entry.user_info_request = either(&form.user_info_request, &form.user_info, &USER_INFO)?;
    let introspection = form.token_introspection_request.as_ref();
    entry.introspection_request = request(reader, &INTROSPECTION, introspection)?;
    Ok(())
}

fn request(
    reader: Reader<'_>,
    rules: &Rules,
    form: Option<&Spanned<RequestForm>>,
) -> Result<Request, ConfigError> {
    let mut request = Request::default();
    let Some(form) = form.map(|form| &form.value) else {
        return Ok(request);
    };
    let named = |key: &str| format!("{}.{key}", rules.key);
    if let Some(endpoint) = &form.endpoint {
        let endpoint = url(reader, &named("endpoint"), endpoint, address::endpoint)?;
        request.endpoint = Some(endpoint);
    }
    if let Some(method) = &form.method {
        let known: Vec<_> = rules
            .methods
            .iter()
            .map(|method| (*method, *method))
            .collect();
        let method = choice(reader, &named("method"), method, &known)?;
        request.method = Some(method.to_owned());
    }
    // Arcade's schema allows an empty one, which means the default.
    if let Some(method) = form.auth_method.as_ref().filter(|m| !m.value.is_empty()) {
        let key = named("auth_method");
        request.auth_method = Some(choice(reader, &key, method, rules.auth_methods)?);
    }
    for (name, value) in form.params.iter().flatten() {
        parameter(reader, rules, name, value, &mut request)?;
    }
    let content_types = [(FORM, FORM), (JSON, JSON)];
    if let Some(kind) = &form.request_content_type {
        let kind = choice(reader, &named("request_content_type"), kind, &content_types)?;
        request.json_body = kind == JSON;
    }
    if let Some(kind) = &form.response_content_type {
        let kind = choice(
            reader,
            &named("response_content_type"),
            kind,
            &content_types,
        )?;
        request.form_response = kind == FORM;
    }
    request.response_map = response_map(reader, rules, form.response_map.as_ref())?;
    triggers(reader, rules, form, &mut request)?;
    Ok(request)
}

fn parameter(
    reader: Reader<'_>,
    rules: &Rules,
    name: &str,
    value: &Text,
    request: &mut Request,
) -> Result<(), ConfigError> {
    let key = format!("{}.params.{name}", rules.key);
    if let Some((_, only)) = rules.fixed.iter().find(|(fixed, _)| *fixed == name) {
        if only.is_empty() {
            let problem = "must not be given: it is secret or made anew for each request";
            return Err(reader.wrong(line(value), &key, problem));
        }
        if value.value != *only {
            let problem = format!("can only be {only}, or be left out");
            return Err(reader.wrong(line(value), &key, &problem));
        }
        if name == "client_secret" && request.auth_method.is_none() {
            request.auth_method = Some(AuthMethod::ClientSecretPost);
        }
        return Ok(());
    }
    for template in value.value.split("{{").skip(1) {
        let known = template
            .split_once("}}")
            .is_some_and(|(template, _)| rules.templates.contains(&template));
        if !known {
            let known = rules.templates.join("}}, {{");
            let problem = format!("has a template that is not known here. Known: {{{{{known}}}}}");
            return Err(reader.wrong(line(value), &key, &problem));
        }
    }
    let value = reader.text(&key, value)?;
    request.params.insert(name.to_owned(), value);
    Ok(())
}

fn response_map(
    reader: Reader<'_>,
    rules: &Rules,
    form: Option<&BTreeMap<String, Text>>,
) -> Result<BTreeMap<String, ResponsePath>, ConfigError> {
    let mut map = BTreeMap::new();
    for (name, text) in form.into_iter().flatten() {
        let path = ResponsePath::parse(&text.value).map_err(|problem| {
            let key = format!("{}.response_map.{name}", rules.key);
            reader.wrong(line(text), &key, problem)
        })?;
        map.insert(name.clone(), path);
    }
    Ok(map)
}

/// `triggers` of the user info request are accepted and change nothing: who was connected is asked
/// after each grant, and only then.
fn triggers(
    reader: Reader<'_>,
    rules: &Rules,
    form: &RequestForm,
    request: &mut Request,
) -> Result<(), ConfigError> {
    let introspection = rules.key == INTROSPECTION.key;
    let misplaced = [
        ("enabled", form.enabled.as_ref().map(line), introspection),
        (
            "expiration_format",
            form.expiration_format.as_ref().map(line),
            introspection,
        ),
        ("triggers", form.triggers.as_ref().map(line), rules.triggers),
    ]
    .into_iter()
    .find_map(|(key, line, allowed)| line.filter(|_| !allowed).map(|line| (key, line)));
    if let Some((key, line)) = misplaced {
        let key = format!("{}.{key}", rules.key);
        return Err(reader.wrong(line, &key, "is not known here"));
    }
    let flag = |key: &str, value: Option<&Text>, default| {
        let key = format!("{}.{key}", rules.key);
        value.map_or(Ok(default), |value| reader.flag(&key, value))
    };
    let triggers = form.triggers.as_ref().map(|triggers| &triggers.value);
    let on_grant = triggers.and_then(|triggers| triggers.on_token_grant.as_ref());
    let on_refresh = triggers.and_then(|triggers| triggers.on_token_refresh.as_ref());
    // Without `triggers` both are meant, with some of them the others are not.
    let on_grant = flag("triggers.on_token_grant", on_grant, triggers.is_none())?;
    let on_refresh = flag("triggers.on_token_refresh", on_refresh, triggers.is_none())?;
    if introspection && flag("enabled", form.enabled.as_ref(), false)? {
        request.introspection.on_token_grant = on_grant;
        request.introspection.on_token_refresh = on_refresh;
    }
    if let Some(format) = &form.expiration_format {
        let known = [
            ("absolute_unix_timestamp", false),
            ("relative_seconds", true),
        ];
        let key = format!("{}.expiration_format", rules.key);
        request.introspection.relative_expiration = choice(reader, &key, format, &known)?;
    }
    Ok(())
}

fn url(
    reader: Reader<'_>,
    key: &str,
    value: &Text,
    check: impl Fn(&str) -> Result<Url, &'static str>,
) -> Result<Url, ConfigError> {
    check(&reader.text(key, value)?).map_err(|problem| reader.wrong(line(value), key, problem))
}

fn choice<T: Copy>(
    reader: Reader<'_>,
    key: &str,
    value: &Text,
    known: &[(&str, T)],
) -> Result<T, ConfigError> {
    let text = reader.text(key, value)?;
    known
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, meaning)| *meaning)
        .ok_or_else(|| {
            let names: Vec<_> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
            let problem = match names.as_slice() {
                [] => "cannot be set here. Remove it".to_owned(),
                names => format!("must be {}", names.join(" or ")),
            };
            reader.wrong(line(value), key, &problem)
        })
}
