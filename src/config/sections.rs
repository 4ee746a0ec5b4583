//! The small sections of the file: `server`, `elicitation`, `store`, `master_key`, `audit`,
//! `toolkits`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use crate::config::auth::Auth;
use crate::config::egress::EgressProxy;
use crate::config::error::ConfigError;
use crate::config::expand::{Reader, Text, line};
use crate::config::file::{AuditForm, ElicitationForm, ServerForm, ToolkitsForm};
use crate::config::provider::ProviderEntry;
use crate::config::tool_pattern::ToolPattern;
use crate::config::{
    Audit, Elicitation, MasterKeySource, Server, Toolkits, address, listen,
    master_key_from_environment, paths,
};

const DEFAULT_CALLBACK_PORT: u16 = 8419;
const DEFAULT_TOOLKITS: [&str; 3] = ["gmail", "slack", "github"];

const DEFAULT_AUDIT_KEEP: u64 = 20_000;

/// Fewer records would hardly outlast the call that they are of; a million take about 1 GB.
const AUDIT_KEEP: (u64, u64) = (10, 1_000_000);

/// A flow lives 10 minutes; holding a call for longer cannot help.
const LONGEST_HOLD_S: u64 = 600;

/// A key that the design has and this version does not.
fn not_yet(reader: Reader<'_>, line: u64, key: &str) -> ConfigError {
    reader.wrong(line, key, "is not supported by this version. Remove it")
}

/// `server`.
pub(super) fn server(reader: Reader<'_>, form: &ServerForm) -> Result<Server, ConfigError> {
    let ServerForm {
        public_url,
        callback_port,
        hold_s,
        hold_with_progress_s,
        hold_text_s,
        bind: _,
        operator_bind: _,
        otlp_endpoint,
        egress_proxy,
        allowed_origins: _,
        trusted_proxies: _,
        calls_per_minute: _,
        auth,
    } = form;
    let callback_port = match callback_port {
        Some(port) => reader.number("server.callback_port", port, (1, u16::MAX))?,
        None => DEFAULT_CALLBACK_PORT,
    };
    let public_url = match public_url {
        Some(url) => {
            let key = "server.public_url";
            address::origin(&reader.text(key, url)?)
                .map_err(|problem| reader.wrong(line(url), key, problem))?
        }
        None => Url::parse(&format!("http://127.0.0.1:{callback_port}"))
            .expect("an address and a port make a URL"),
    };
    let listen = listen::listen(reader, form)?;
    let hold = |key: &str, value: &Option<Text>, default| {
        let seconds = match value {
            Some(value) => reader.number(key, value, (0, LONGEST_HOLD_S))?,
            None => default,
        };
        Ok(Duration::from_secs(seconds))
    };
    Ok(Server {
        auth: match auth {
            Some(form) => Some(Auth::read(reader, form, &listen.public_url(&public_url))?),
            None => None,
        },
        public_url,
        otlp_endpoint: match otlp_endpoint {
            Some(url) => {
                let key = "server.otlp_endpoint";
                let endpoint = address::base(&reader.text(key, url)?)
                    .map_err(|problem| reader.wrong(line(url), key, problem))?;
                Some(endpoint)
            }
            None => None,
        },
        egress_proxy: match egress_proxy {
            Some(url) => Some(EgressProxy::read(reader, url)?),
            None => None,
        },
        callback_port,
        hold: hold("server.hold_s", hold_s, 50)?,
        hold_with_progress: hold("server.hold_with_progress_s", hold_with_progress_s, 300)?,
        hold_text: hold("server.hold_text_s", hold_text_s, 4)?,
        listen,
    })
}

/// `elicitation`.
pub(super) fn elicitation(
    reader: Reader<'_>,
    form: Option<&ElicitationForm>,
) -> Result<Elicitation, ConfigError> {
    let Some(legacy) = form.and_then(|form| form.legacy.as_ref()) else {
        return Ok(Elicitation::Request);
    };
    let key = "elicitation.legacy";
    match reader.text(key, legacy)?.as_str() {
        "request" => Ok(Elicitation::Request),
        "error" => Ok(Elicitation::Error),
        _ => Err(reader.wrong(line(legacy), key, "must be request or error")),
    }
}

/// `store`.
pub(super) fn store_dir(reader: Reader<'_>, store: Option<&Text>) -> Result<PathBuf, ConfigError> {
    let Some(store) = store else {
        return paths::home(reader.variables).map(|home| paths::store_dir(&home));
    };
    let text = reader.text("store", store)?;
    match text.split_once(':') {
        Some(("sled", "")) => paths::home(reader.variables).map(|home| paths::store_dir(&home)),
        Some(("sled", path)) => reader
            .absolute(path)
            .map_err(|problem| reader.wrong(line(store), "store", &problem)),
        Some(("postgres" | "postgresql", _)) => {
            Err(not_yet(reader, line(store), "store: postgres://…"))
        }
        _ => {
            let problem = "must be \"sled:\" or \"sled:/absolute/path\"";
            Err(reader.wrong(line(store), "store", problem))
        }
    }
}

/// `audit`.
pub(super) fn audit(reader: Reader<'_>, form: Option<&AuditForm>) -> Result<Audit, ConfigError> {
    let keep = form.and_then(|form| form.keep.as_ref());
    let required = form.and_then(|form| form.required.as_ref());
    Ok(Audit {
        keep: match keep {
            Some(keep) => reader.number("audit.keep", keep, AUDIT_KEEP)?,
            None => DEFAULT_AUDIT_KEEP,
        },
        required: match required {
            Some(required) => reader.flag("audit.required", required)?,
            None => false,
        },
    })
}

/// `master_key`.
pub(super) fn master_key(
    reader: Reader<'_>,
    source: Option<&Text>,
    store_dir: &Path,
) -> Result<MasterKeySource, ConfigError> {
    let from_environment = || master_key_from_environment(reader.variables);
    let Some(source) = source else {
        if let Some(key) = from_environment()? {
            return Ok(MasterKeySource::Environment(key));
        }
        let file = paths::master_key_file(&paths::home(reader.variables)?);
        if file.starts_with(store_dir) {
            return Err(ConfigError::Environment(format!(
                "The store at {} would contain its own key, {}. Choose another directory for \
                 `store`.",
                store_dir.display(),
                file.display()
            )));
        }
        return Ok(MasterKeySource::File(file));
    };
    let key = "master_key";
    let wrong = |problem: &str| reader.wrong(line(source), key, problem);
    match reader.text(key, source)?.split_once(':') {
        Some(("env", "")) => match from_environment()? {
            Some(key) => Ok(MasterKeySource::Environment(key)),
            None => Err(wrong("is \"env:\", but VALETKEY_MASTER_KEY is not set")),
        },
        Some(("keyring", "")) => Ok(MasterKeySource::OsKeyring),
        Some(("file", path)) if !path.is_empty() => {
            let file = reader.absolute(path).map_err(|problem| wrong(&problem))?;
            if file.starts_with(store_dir) {
                return Err(wrong(
                    "is in the store's own directory, where a copy of the one takes the other \
                     along. Choose another directory",
                ));
            }
            Ok(MasterKeySource::File(file))
        }
        _ => Err(wrong(
            "must be \"env:\", \"file:/absolute/path\" or \"keyring:\"",
        )),
    }
}

/// `toolkits`.
pub(super) fn toolkits(
    reader: Reader<'_>,
    form: &ToolkitsForm,
    entries: &[ProviderEntry],
) -> Result<Toolkits, ConfigError> {
    let ToolkitsForm {
        enabled,
        providers,
        paths,
        read_only,
        tools,
    } = form;
    let enabled = match enabled {
        Some(names) => names
            .iter()
            .map(|name| reader.text("toolkits.enabled", name))
            .collect::<Result<_, _>>()?,
        None => DEFAULT_TOOLKITS.map(str::to_owned).to_vec(),
    };
    let patterns = |key: &'static str, list: Option<&Vec<Text>>| {
        let pattern = |text: &Text| {
            let value = reader.text(key, text)?;
            ToolPattern::parse(key, line(text), &value)
                .map_err(|problem| reader.wrong(line(text), key, problem))
        };
        let list = list.into_iter().flatten();
        list.map(pattern).collect::<Result<Vec<_>, _>>()
    };
    let tools = tools.as_ref();
    let allow = tools.and_then(|tools| tools.allow.as_ref());
    let deny = tools.and_then(|tools| tools.deny.as_ref());
    let paths = toolkit_paths(reader, paths.as_deref())?;
    let mut chosen = std::collections::BTreeMap::new();
    for (toolkit, id) in providers.iter().flatten() {
        let key = format!("toolkits.providers.{toolkit}");
        let text = reader.text(&key, id)?;
        if !entries.iter().any(|entry| entry.id == text) {
            let problem = "is not the id of an enabled provider entry";
            return Err(reader.wrong(line(id), &key, problem));
        }
        chosen.insert(toolkit.clone(), text);
    }
    Ok(Toolkits {
        enabled,
        providers: chosen,
        paths,
        read_only: match read_only {
            Some(read_only) => reader.flag("toolkits.read_only", read_only)?,
            None => false,
        },
        allow: patterns("toolkits.tools.allow", allow)?,
        deny: patterns("toolkits.tools.deny", deny)?,
    })
}

/// `toolkits.paths`. Those that are named must be there, which is said where they are read.
fn toolkit_paths(reader: Reader<'_>, named: Option<&[Text]>) -> Result<Vec<PathBuf>, ConfigError> {
    let key = "toolkits.paths";
    let Some(named) = named else {
        let default = paths::home(reader.variables).map(|home| paths::toolkits_dir(&home));
        let there = default
            .ok()
            .filter(|path| path.try_exists().unwrap_or(true));
        return Ok(there.into_iter().collect());
    };
    let path = |text: &Text| {
        let path = reader.text(key, text)?;
        let absolute = reader.absolute(&path);
        absolute.map_err(|problem| reader.wrong(line(text), key, &problem))
    };
    named.iter().map(path).collect()
}
