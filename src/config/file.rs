//! The YAML file: found, read and parsed into forms that mirror its keys.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use serde_saphyr::{Error, Spanned};

use crate::config::error::ConfigError;
use crate::config::expand::Text;
use crate::config::{Variables, paths};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileForm {
    pub(super) auth: Option<AuthForm>,
    pub(super) server: Option<ServerForm>,
    pub(super) elicitation: Option<ElicitationForm>,
    pub(super) store: Option<Text>,
    pub(super) master_key: Option<Text>,
    pub(super) lock_memory: Option<Text>,
    pub(super) toolkits: Option<ToolkitsForm>,
    pub(super) audit: Option<AuditForm>,
    pub(super) policy: Option<PolicyForm>,
}

/// `auth`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthForm {
    #[serde(default, deserialize_with = "empty_when_null")]
    pub(super) providers: Option<Vec<Spanned<ProviderForm>>>,
}

/// One entry of `auth.providers`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderForm {
    pub(super) id: Option<Text>,
    pub(super) description: Option<Text>,
    pub(super) enabled: Option<Text>,
    #[serde(rename = "type")]
    pub(super) kind: Option<Text>,
    pub(super) provider_id: Option<Text>,
    pub(super) client_id: Option<Text>,
    pub(super) client_secret: Option<Text>,
    pub(super) oauth2: Option<OAuth2Form>,
    pub(super) api: Option<ApiForm>,
}

/// `oauth2` of an entry. `authorize_request` and `user_info` are other names of
/// `authorization_request` and `user_info_request`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OAuth2Form {
    pub(super) pkce: Option<PkceForm>,
    pub(super) scope_delimiter: Option<Text>,
    pub(super) issuer: Option<Text>,
    pub(super) authorization_request: Option<Spanned<RequestForm>>,
    pub(super) authorize_request: Option<Spanned<RequestForm>>,
    pub(super) token_request: Option<Spanned<RequestForm>>,
    pub(super) refresh_request: Option<Spanned<RequestForm>>,
    pub(super) revocation_request: Option<Spanned<RequestForm>>,
    pub(super) user_info_request: Option<Spanned<RequestForm>>,
    pub(super) user_info: Option<Spanned<RequestForm>>,
    pub(super) token_introspection_request: Option<Spanned<RequestForm>>,
}

/// `oauth2.pkce` of an entry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PkceForm {
    pub(super) enabled: Option<Text>,
    pub(super) code_challenge_method: Option<Text>,
}

/// One request of an entry. Which keys a request may have is checked later.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestForm {
    pub(super) enabled: Option<Text>,
    pub(super) endpoint: Option<Text>,
    pub(super) method: Option<Text>,
    pub(super) auth_method: Option<Text>,
    #[serde(default)]
    pub(super) params: Option<BTreeMap<String, Text>>,
    pub(super) request_content_type: Option<Text>,
    pub(super) response_content_type: Option<Text>,
    #[serde(default)]
    pub(super) response_map: Option<BTreeMap<String, Text>>,
    pub(super) expiration_format: Option<Text>,
    pub(super) triggers: Option<Spanned<TriggersForm>>,
}

/// `triggers` of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TriggersForm {
    pub(super) on_token_grant: Option<Text>,
    pub(super) on_token_refresh: Option<Text>,
}

/// `api` of an entry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiForm {
    pub(super) base_url: Option<Text>,
    pub(super) file_origins: Option<Vec<Text>>,
}

/// `server`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerForm {
    pub(super) public_url: Option<Text>,
    pub(super) callback_port: Option<Text>,
    pub(super) hold_s: Option<Text>,
    pub(super) hold_with_progress_s: Option<Text>,
    pub(super) hold_text_s: Option<Text>,
    pub(super) bind: Option<Text>,
    pub(super) operator_bind: Option<Text>,
    pub(super) otlp_endpoint: Option<Text>,
    pub(super) egress_proxy: Option<Text>,
    #[serde(default)]
    pub(super) allowed_origins: Option<Vec<Text>>,
    #[serde(default)]
    pub(super) trusted_proxies: Option<Vec<Text>>,
    pub(super) calls_per_minute: Option<Text>,
    pub(super) auth: Option<Spanned<ServerAuthForm>>,
}

/// `server.auth`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerAuthForm {
    #[serde(default)]
    pub(super) issuers: Option<Vec<Spanned<IssuerForm>>>,
    pub(super) static_tokens: Option<Text>,
    pub(super) static_login: Option<Spanned<StaticLoginForm>>,
}

/// One of `server.auth.issuers`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IssuerForm {
    pub(super) issuer: Option<Text>,
    pub(super) audience: Option<Text>,
    pub(super) user_claim: Option<Text>,
    pub(super) token_type: Option<Text>,
    pub(super) scopes: Option<Spanned<ScopesForm>>,
    pub(super) introspection: Option<Spanned<IntrospectionForm>>,
    pub(super) login: Option<Spanned<LoginForm>>,
}

/// `scopes` of an issuer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScopesForm {
    pub(super) read: Option<Text>,
    pub(super) write: Option<Text>,
}

/// `introspection` of an issuer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IntrospectionForm {
    pub(super) client_id: Option<Text>,
    pub(super) client_secret: Option<Text>,
    pub(super) endpoint: Option<Text>,
}

/// `login` of an issuer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginForm {
    pub(super) client_id: Option<Text>,
    pub(super) client_secret: Option<Text>,
    pub(super) code_challenge_method: Option<Text>,
}

/// `server.auth.static_login`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StaticLoginForm {
    pub(super) issuer: Option<Text>,
    pub(super) client_id: Option<Text>,
    pub(super) client_secret: Option<Text>,
    pub(super) code_challenge_method: Option<Text>,
    pub(super) user_claim: Option<Text>,
}

/// `elicitation`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ElicitationForm {
    pub(super) legacy: Option<Text>,
}

/// `audit`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditForm {
    pub(super) keep: Option<Text>,
    pub(super) required: Option<Text>,
}

/// `toolkits`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolkitsForm {
    #[serde(default, deserialize_with = "empty_when_null")]
    pub(super) enabled: Option<Vec<Text>>,
    #[serde(default)]
    pub(super) providers: Option<BTreeMap<String, Text>>,
    #[serde(default)]
    pub(super) paths: Option<Vec<Text>>,
    pub(super) read_only: Option<Text>,
    pub(super) tools: Option<ToolsForm>,
}

/// `toolkits.tools`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolsForm {
    #[serde(default, deserialize_with = "never_null")]
    pub(super) allow: Option<Vec<Text>>,
    #[serde(default, deserialize_with = "never_null")]
    pub(super) deny: Option<Vec<Text>>,
}

/// `policy`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyForm {
    pub(super) confirm_sends: Option<Text>,
    pub(super) confirm_public_after_private_m: Option<Text>,
    #[serde(default, deserialize_with = "never_null")]
    pub(super) recipient_domains: Option<Vec<Text>>,
    #[serde(default, deserialize_with = "never_null")]
    pub(super) slack_channels: Option<Vec<Text>>,
    #[serde(default, deserialize_with = "never_null")]
    pub(super) github_repos: Option<Vec<Text>>,
    pub(super) require_matching_email: Option<Text>,
}

/// A list whose items are all commented out is empty, which is not the same as absent.
fn empty_when_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<Vec<T>>, D::Error> {
    Option::<Vec<T>>::deserialize(from).map(|list| Some(list.unwrap_or_default()))
}

/// A list that limits must be written: `#launch` without quotation marks is a comment to YAML, and
/// would leave no limit behind.
fn never_null<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<Text>>, D::Error> {
    Vec::deserialize(from).map(Some)
}

/// Finds and reads the file: the one named, else `VALETKEY_CONFIG`, else the first that exists of
/// [`paths::config_files`]. None when there is none, which is no mistake.
pub(super) fn find(
    explicit: Option<&Path>,
    variables: Variables<'_>,
) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let from_environment = variables("VALETKEY_CONFIG")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    if let Some(path) = explicit.map(Path::to_owned).or(from_environment) {
        let text = read(&path)?;
        return Ok(Some((path, text)));
    }
    for path in paths::config_files(variables) {
        if path.try_exists().unwrap_or(true) {
            let text = read(&path)?;
            return Ok(Some((path, text)));
        }
    }
    Ok(None)
}

/// Whoever can write this file can send tokens elsewhere, so it must not be open to everyone.
fn read(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |error: std::io::Error| ConfigError::unreadable(path, &error);
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode();
    if mode & 0o002 != 0 {
        let file = path.display().to_string();
        let cause = format!("everyone can change it. Run: chmod o-w '{file}'");
        return Err(ConfigError::Unreadable { file, cause });
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// Parses the text of a file.
pub(super) fn parse(path: &Path, text: &str) -> Result<FileForm, ConfigError> {
    serde_saphyr::from_str(text).map_err(|error| ConfigError::Invalid {
        file: path.display().to_string(),
        line: error.location().map_or(0, |location| location.line()),
        problem: in_our_words(error.without_snippet()),
    })
}

/// Says what is wrong without the library's own text, which can quote a value.
fn in_our_words(error: &Error) -> String {
    match error {
        Error::SerdeUnknownField {
            field, expected, ..
        } => {
            let name = quotable(field);
            match nearest(field, expected) {
                Some(known) => format!("the key{name} is not known. Did you mean `{known}`?"),
                None => format!(
                    "the key{name} is not known here. Known keys: {}.",
                    expected.join(", ")
                ),
            }
        }
        Error::DuplicateMappingKey { key, .. } => {
            let name = key.as_deref().map_or(String::new(), quotable);
            format!("the key{name} is here for the second time. Remove one of them.")
        }
        Error::MultipleDocuments { .. } => {
            "a second YAML document begins here. Keep one.".to_owned()
        }
        Error::NullIntoString { .. } => "a value is missing here.".to_owned(),
        Error::Unexpected { expected, .. } => {
            let wanted = match *expected {
                "mapping start" => "keys with values below it",
                "sequence start" => "a list",
                "string scalar" => "a single value",
                other => other,
            };
            format!("{wanted} is expected here.")
        }
        _ => "this is not valid YAML. Look at the quotes, colons and indentation here.".to_owned(),
    }
}

/// A key in backquotes, with a space before; nothing when it does not look like a key:
/// `{client_secret:abc}` is one key for YAML.
fn quotable(key: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'$');
    if key.len() <= 40 && key.bytes().all(plain) {
        format!(" `{key}`")
    } else {
        String::new()
    }
}

fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|known| (strsim::osa_distance(key, known), *known))
        .min()
        .filter(|(distance, known)| *distance <= 2.max(known.len() / 3))
        .map(|(_, known)| known)
}
