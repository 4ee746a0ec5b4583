//! The configuration: one YAML file, and the only reader of the environment.
//!
//! Unknown keys are errors with a line number; a literal secret is refused; `${env:NAME}` and
//! `${file:PATH}` are expanded. With no file, a built-in provider is enabled for each of
//! `GOOGLE_CLIENT_ID`, `SLACK_CLIENT_ID`, `GITHUB_CLIENT_ID` that is set.
//!
//! | variable | what it does |
//! |---|---|
//! | `VALETKEY_CONFIG` | the configuration file, when `--config` names none |
//! | `VALETKEY_MASTER_KEY` | the vault's master key: 32 bytes, base64 |
//! | `VALETKEY_NEW_MASTER_KEY` | the one that `valetkey key rotate --master` puts in its place |
//! | `VALETKEY_LOG` | what is logged, see [`log_filter`] |
//! | `GOOGLE_CLIENT_ID`, `GOOGLE_CLIENT_SECRET`, the same for `SLACK` and `GITHUB` | providers, when there is no file |
//! | `HOME`, `XDG_CONFIG_HOME` | where things are, see [`paths`] |
//! | those in `${env:NAME}` | as the file says |

pub mod address;
pub mod auth;
pub mod egress;
pub mod error;
pub mod paths;
pub mod provider;
pub mod response_map;
pub mod tool_pattern;

mod entry;
mod expand;
mod file;
pub mod listen;
pub mod policy;
mod sections;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;
use url::Url;

use error::ConfigError;
use expand::{Reader, line};
use file::FileForm;
use provider::ProviderEntry;
use tool_pattern::ToolPattern;

/// The whole configuration, checked and expanded.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it came from; none when the environment alone configured it.
    pub source: Option<PathBuf>,
    /// `auth.providers`, in the order of the file. Disabled entries are left out.
    pub providers: Vec<provider::ProviderEntry>,
    /// `server`.
    pub server: Server,
    /// `elicitation`.
    pub elicitation: Elicitation,
    /// `store`: the directory of the embedded store.
    pub store_dir: PathBuf,
    /// The embedded store's directory of an HTTP server. None when `store` names one for all.
    http_store_dir: Option<PathBuf>,
    /// What is written while running, outside of the store: [`paths::state_dir`]. None without
    /// `HOME`.
    pub state_dir: Option<PathBuf>,
    /// `master_key`: where the master key comes from. Default: `VALETKEY_MASTER_KEY` if it is set,
    /// else [`paths::master_key_file`].
    pub master_key: MasterKeySource,
    /// `lock_memory`: nothing of this process is ever swapped out. Default: it may be.
    pub lock_memory: bool,
    /// `toolkits`.
    pub toolkits: Toolkits,
    /// `audit`.
    pub audit: Audit,
    /// `policy`.
    pub policy: policy::Policy,
}

/// `server`.
#[derive(Clone, Debug)]
pub struct Server {
    /// `public_url`: the origin that browsers use for the connect page and the callback. Default:
    /// `http://127.0.0.1:{callback_port}`.
    pub public_url: Url,
    /// `callback_port`: the loopback port of the browser's side under stdio. Default 8419.
    pub callback_port: u16,
    /// `hold_s`: how long a call is held while its flow is open. Default 50 s.
    pub hold: Duration,
    /// `hold_with_progress_s`: the same when the client gets progress notifications. Default 300 s.
    pub hold_with_progress: Duration,
    /// `hold_text_s`: the same for clients that got the link as text. Default 4 s.
    pub hold_text: Duration,
    /// `otlp_endpoint`: the collector that `valetkey http` sends its spans to. Default: none is made.
    pub otlp_endpoint: Option<Url>,
    /// `egress_proxy`: the proxy that requests leave by. Default: they leave directly.
    pub egress_proxy: Option<egress::EgressProxy>,
    /// How `valetkey http` listens.
    pub listen: listen::Listen,
    /// `auth`: who may call over HTTP. None: nobody but the local user on loopback.
    pub auth: Option<auth::Auth>,
}

/// `elicitation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elicitation {
    /// `legacy: request`: 2025-11-25 clients get an `elicitation/create` request.
    Request,
    /// `legacy: error`: they get error `-32042`, for gateways that cannot carry server requests.
    Error,
}

/// `toolkits`.
#[derive(Clone, Debug)]
pub struct Toolkits {
    /// `enabled`: of the built-in toolkits. Default: gmail, slack, github.
    pub enabled: Vec<String>,
    /// `providers`: toolkit → id of the provider entry that serves it.
    pub providers: BTreeMap<String, String>,
    /// `paths`: folders of toolkits that are declared in files, and their parents. Default:
    /// [`paths::toolkits_dir`] if it is there.
    pub paths: Vec<PathBuf>,
    /// `read_only`: no tool is offered that changes anything. Default: false.
    pub read_only: bool,
    /// `tools.allow`: the tools that are offered. Default and empty: all.
    pub allow: Vec<ToolPattern>,
    /// `tools.deny`: the tools of these that are not.
    pub deny: Vec<ToolPattern>,
}

/// `audit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    /// `keep`: how many records the audit log has room for. Default 20,000.
    pub keep: u64,
    /// `required`: no call is answered, and no write begun, that cannot be recorded. Default: a
    /// call that cannot be recorded is answered all the same, with a warning in the log.
    pub required: bool,
}

/// Where the master key of the vault comes from.
#[derive(Clone, Debug)]
pub enum MasterKeySource {
    /// `VALETKEY_MASTER_KEY`: 32 bytes, base64.
    Environment(SecretString),
    /// A 0600 file outside the store's directory, made for a brand-new store only.
    File(PathBuf),
    /// The operating system's keyring.
    OsKeyring,
}

/// The variables of an environment: the process's, or a test's.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The ids of the providers that a client id in the environment enables when there is no file, and
/// the beginnings of the variables' names.
const FROM_ENVIRONMENT: [(&str, &str); 3] = [
    ("google", "GOOGLE"),
    ("slack", "SLACK"),
    ("github", "GITHUB"),
];

impl Config {
    /// Loads the configuration: the file at `explicit`, else at `VALETKEY_CONFIG`, else at
    /// `$XDG_CONFIG_HOME/valetkey/valetkey.yaml`, else at `~/.config/valetkey/valetkey.yaml`, else
    /// from the environment alone. Nothing in the current directory is ever looked at.
    pub fn load(explicit: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_with(explicit, &process_variable)
    }

    /// [`Config::load`] with other variables than the process's.
    pub fn load_with(
        explicit: Option<&Path>,
        variables: Variables<'_>,
    ) -> Result<Self, ConfigError> {
        let found = file::find(explicit, variables)?;
        let (source, form) = match found {
            Some((path, text)) => {
                let form = file::parse(&path, &text)?;
                (Some(path), form)
            }
            None => (None, FileForm::default()),
        };
        let reader = Reader {
            file: source.as_deref().unwrap_or(Path::new("")),
            variables,
        };
        let providers = match &source {
            Some(_) => providers(reader, &form)?,
            None => providers_from_environment(variables)?,
        };
        let store_dir = sections::store_dir(reader, form.store.as_ref())?;
        Ok(Self {
            server: sections::server(reader, &form.server.unwrap_or_default())?,
            elicitation: sections::elicitation(reader, form.elicitation.as_ref())?,
            policy: policy::Policy::read(reader, form.policy.as_ref())?,
            toolkits: sections::toolkits(reader, &form.toolkits.unwrap_or_default(), &providers)?,
            audit: sections::audit(reader, form.audit.as_ref())?,
            master_key: sections::master_key(reader, form.master_key.as_ref(), &store_dir)?,
            lock_memory: match &form.lock_memory {
                Some(lock) => reader.flag("lock_memory", lock)?,
                None => false,
            },
            state_dir: paths::home(variables)
                .ok()
                .map(|home| paths::state_dir(&home)),
            http_store_dir: match form.store {
                None => paths::home(variables)
                    .ok()
                    .map(|home| paths::http_store_dir(&home)),
                Some(_) => None,
            },
            store_dir,
            providers,
            source,
        })
    }
}

/// `VALETKEY_LOG`: levels by target, in the syntax of `tracing-subscriber`'s `Targets`, for
/// example `debug` or `valetkey::broker=trace`. None when it is not set or empty.
pub fn log_filter() -> Option<String> {
    text(&process_variable, "VALETKEY_LOG").ok().flatten()
}

/// `VALETKEY_NEW_MASTER_KEY`: the key that `valetkey key rotate --master` puts in the place of the
/// one in use. None when it is not set or empty.
pub fn new_master_key() -> Result<Option<SecretString>, ConfigError> {
    let key = text(&process_variable, "VALETKEY_NEW_MASTER_KEY")?;
    Ok(key.map(SecretString::from))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
fn process_variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// A variable's text. An empty one counts as not set: hosts pass on empty ones.
fn text(variables: Variables<'_>, name: &str) -> Result<Option<String>, ConfigError> {
    variables(name)
        .filter(|value| !value.is_empty())
        .map(OsString::into_string)
        .transpose()
        .map_err(|_| ConfigError::Environment(format!("{name} is not UTF-8. Set it again.")))
}

fn providers(reader: Reader<'_>, form: &FileForm) -> Result<Vec<ProviderEntry>, ConfigError> {
    let mut ids = BTreeSet::new();
    let mut providers = Vec::new();
    let forms = form.auth.as_ref().and_then(|auth| auth.providers.as_ref());
    for form in forms.into_iter().flatten() {
        let id = entry::id(reader, form)?;
        if !ids.insert(id.clone()) {
            let problem = format!("`{id}` is the id of an earlier entry. Choose another one");
            return Err(reader.wrong(line(form), "id", &problem));
        }
        if entry::enabled(reader, &form.value)? {
            providers.push(entry::provider(reader, form)?);
        }
    }
    Ok(providers)
}

fn providers_from_environment(variables: Variables<'_>) -> Result<Vec<ProviderEntry>, ConfigError> {
    let mut providers = Vec::new();
    for (id, name) in FROM_ENVIRONMENT {
        if let Some(client_id) = text(variables, &format!("{name}_CLIENT_ID"))? {
            let mut entry = ProviderEntry::new(id, Some(id), &client_id);
            let secret = text(variables, &format!("{name}_CLIENT_SECRET"))?;
            entry.client_secret = secret.map(SecretString::from);
            providers.push(entry);
        }
    }
    Ok(providers)
}

/// The key in `VALETKEY_MASTER_KEY`.
fn master_key_from_environment(
    variables: Variables<'_>,
) -> Result<Option<SecretString>, ConfigError> {
    let Some(key) = text(variables, "VALETKEY_MASTER_KEY")? else {
        return Ok(None);
    };
    if !STANDARD.decode(&key).is_ok_and(|key| key.len() == 32) {
        let problem = "VALETKEY_MASTER_KEY is not the base64 of 32 bytes. Make one with: \
                       head -c 32 /dev/urandom | base64";
        return Err(ConfigError::Environment(problem.to_owned()));
    }
    Ok(Some(SecretString::from(key)))
}

#[cfg(test)]
mod tests;
