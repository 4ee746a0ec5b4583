//! The configuration: one YAML file, and the only reader of the environment.
//!
//! Unknown keys are errors with a line number; a literal secret is refused; `${env:NAME}` and
//! `${file:PATH}` are expanded. With no file, a built-in provider is enabled for each of
//! `GOOGLE_CLIENT_ID`, `SLACK_CLIENT_ID`, `GITHUB_CLIENT_ID` that is set.

pub mod paths;
pub mod provider;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

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
    /// Where the master key comes from.
    pub master_key: MasterKeySource,
    /// `toolkits`.
    pub toolkits: Toolkits,
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
    /// `enabled`. Default: gmail, slack, github.
    pub enabled: Vec<String>,
    /// `providers`: toolkit → id of the provider entry that serves it.
    pub providers: BTreeMap<String, String>,
}

/// Where the master key of the vault comes from.
#[derive(Clone, Debug)]
pub enum MasterKeySource {
    /// `VALETKEY_MASTER_KEY`: 32 bytes, base64.
    Environment(SecretString),
    /// A 0600 file outside the store's directory, made for a brand-new store only.
    File(PathBuf),
}
