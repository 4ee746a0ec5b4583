//! What every command works with, wired once.

use std::path::Path;
use std::sync::Arc;

use valetkey_toolkits::tool::Tool;

use crate::broker::{Broker, Settings};
use crate::builtin::Toolbox;
use crate::call::{Calls, Confirmations};
use crate::cli::custom::{self, LeftOut};
use crate::clock::Clock;
use crate::config::Config;
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
        let http = Http::new();
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
        Self {
            left_out: custom.left_out,
            config,
            broker,
            http,
            clock,
            tools: Arc::new(tools),
        }
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
            spill: Spill::new(self.config.store_dir.clone(), self.clock.clone()),
        }
    }
}
