//! What every command works with, wired once.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

use valetkey_toolkits::tool::Tool;

use crate::broker::{Broker, Settings};
use crate::builtin::{BuiltIn, Toolbox};
use crate::call::off::{self, Off};
use crate::call::{Calls, Confirmations};
use crate::cli::custom::{self, LeftOut};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::egress::EgressProxy;
use crate::config::error::ConfigError;
use crate::config::tool_pattern::ToolPattern;
use crate::consent::listener;
use crate::http::Http;
use crate::spill::Spill;

/// The parts of a running Valetkey. Made without touching the store or the network.
#[derive(Debug)]
pub struct App {
    /// The configuration.
    pub config: Arc<Config>,
    /// The one place that decides.
    pub broker: Broker,
    /// The one HTTP client.
    pub http: Http,
    /// The clock.
    pub clock: Clock,
    /// Every tool of the enabled toolkits and of the user's own, in the order of the list.
    pub tools: Arc<Vec<Tool>>,
    /// The toolkits of `toolkits.paths` that cannot be used, with the reasons.
    pub left_out: Vec<LeftOut>,
    /// The tools of these that the configuration turns off, and why.
    pub off: Arc<Vec<(Tool, Off)>>,
    /// The patterns of `toolkits.tools` that fit no tool.
    pub loose: Vec<ToolPattern>,
}

impl App {
    /// Reads the configuration and wires the parts. Needs a Tokio runtime around it.
    ///
    /// `config_path` is `--config`; without it the file is searched as [`Config::load`] says.
    pub fn start(config_path: Option<&Path>) -> anyhow::Result<Self> {
        Ok(Self::with(Config::load(config_path)?))
    }

    /// The same with a configuration that is read already.
    pub fn with(config: Config) -> Self {
        let config = Arc::new(config);
        let proxy = config.server.egress_proxy.as_ref();
        let http = Http::through(proxy.map(EgressProxy::proxy));
        let clock = Clock::system();
        let (broker, listeners) = Broker::new(Settings {
            config: Arc::clone(&config),
            http: http.clone(),
            clock: clock.clone(),
        });
        // Idle until a flow needs the callback port.
        tokio::spawn(listener::serve(broker.clone(), listeners));
        let mut tools = valetkey_toolkits::all();
        tools.retain(|tool| {
            config
                .toolkits
                .enabled
                .iter()
                .any(|name| *name == tool.toolkit)
        });
        let custom = custom::load(&config.toolkits.paths);
        for left_out in &custom.left_out {
            tracing::warn!("{left_out}");
        }
        tools.extend(custom.tools);
        let names = valetkey_toolkits::all().into_iter().chain(tools.clone());
        let ours = BuiltIn::ALL.map(|tool| tool.name().to_owned());
        let names = names.map(|tool| tool.name.into_owned()).chain(ours);
        let names: BTreeSet<String> = names.collect();
        let mut on = Vec::new();
        let mut turned_off = Vec::new();
        for tool in tools {
            match Off::of(&tool, &config) {
                Some(off) => turned_off.push((tool, off)),
                None => on.push(tool),
            }
        }
        let loose = off::loose(&config, &names).into_iter().cloned().collect();
        Self {
            left_out: custom.left_out,
            config,
            broker,
            http,
            clock,
            tools: Arc::new(on),
            off: Arc::new(turned_off),
            loose,
        }
    }

    /// Refuses to offer tools while `toolkits.tools` names one that there is not: a slip in `deny`
    /// must not leave a tool on. A pattern with `*`, and a name that a toolkit may have which is left
    /// out, are warned about.
    pub fn check_patterns(&self) -> Result<(), ConfigError> {
        for pattern in &self.loose {
            if pattern.is_exact() && self.left_out.is_empty() {
                let source = self.config.source.as_deref().unwrap_or(Path::new(""));
                return Err(ConfigError::Invalid {
                    file: source.display().to_string(),
                    line: pattern.line,
                    problem: loose_pattern(pattern),
                });
            }
            tracing::warn!(line = pattern.line, "{}", loose_pattern(pattern));
        }
        Ok(())
    }

    /// Every tool, and what runs one.
    pub fn toolbox(&self) -> Toolbox {
        Toolbox {
            calls: self.calls(),
            config: Arc::clone(&self.config),
            tools: Arc::clone(&self.tools),
        }
    }

    fn calls(&self) -> Calls {
        Calls {
            broker: self.broker.clone(),
            http: self.http.clone(),
            clock: self.clock.clone(),
            confirmations: Confirmations::new(&self.config.policy),
            off: Arc::clone(&self.off),
            allowed: Arc::clone(&self.config.policy.allowed),
            spill: Spill::new(self.config.store_dir.clone(), self.clock.clone()),
            leaving: TaskTracker::new(),
        }
    }
}

/// What is wrong with a pattern that fits no tool.
pub fn loose_pattern(pattern: &ToolPattern) -> String {
    format!(
        "{} has a name that no tool has. `valetkey tools` lists them.",
        pattern.key
    )
}
