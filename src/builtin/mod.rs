//! The tools of this server: those of the toolkits, and the three of its own, which act on what
//! Valetkey itself holds.
//!
//! In reading order: [`Toolbox`] (what can be called, and how one is run), `connections_list` with
//! [`ledger`], [`connections_connect`], [`result_read`].

pub mod connections_connect;
pub mod connections_list;
pub mod ledger;
pub mod result_read;

use std::sync::Arc;

use serde_json::{Map, Value};
use valetkey_toolkits::tool::{Annotations, Tool};
use valetkey_toolkits::waits::Waits;

use crate::audit::Hex;
use crate::call::off::Off;
use crate::call::{Call, Calls, Heading, Outcome};
use crate::caller::Caller;
use crate::config::Config;

/// Every tool that can be called, and what they work with. Clones share it.
#[derive(Clone, Debug)]
pub struct Toolbox {
    /// What runs a tool of a toolkit, and records every call.
    pub calls: Calls,
    /// The configuration.
    pub config: Arc<Config>,
    /// The tools of the enabled toolkits.
    pub tools: Arc<Vec<Tool>>,
}

/// A tool of a toolkit, or one of ours.
#[derive(Clone, Copy, Debug)]
pub enum AnyTool<'a> {
    /// It acts with a grant at a provider.
    Toolkit(&'a Tool),
    /// It needs no grant to run.
    BuiltIn(BuiltIn),
}

/// The tools of our own, in the order of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    /// `connections_list`.
    ConnectionsList,
    /// `connections_connect`.
    ConnectionsConnect,
    /// `result_read`.
    ResultRead,
}

/// One call of any tool. See [`Call`].
#[derive(Clone, Copy, Debug)]
pub struct AnyCall<'a> {
    /// On whose behalf.
    pub caller: &'a Caller,
    /// The tool.
    pub tool: AnyTool<'a>,
    /// Its arguments.
    pub arguments: &'a Map<String, Value>,
    /// The program that asks, as it calls itself.
    pub client_name: Option<&'a str>,
    /// See [`Call::confirmed`].
    pub confirmed: Option<Hex<16>>,
    /// See [`Call::waits`].
    pub waits: &'a Waits,
}

impl Toolbox {
    /// Every tool, ours last.
    pub fn all(&self) -> impl Iterator<Item = AnyTool<'_>> {
        let ours = BuiltIn::ALL.into_iter().map(AnyTool::BuiltIn);
        let ours = ours.filter(|tool| self.turned_off(*tool).is_none());
        self.tools.iter().map(AnyTool::Toolkit).chain(ours)
    }

    /// The tools that the configuration turns off, and why.
    pub fn all_off(&self) -> impl Iterator<Item = (AnyTool<'_>, Off)> {
        let of_toolkits = self.calls.off.iter();
        let of_toolkits = of_toolkits.map(|(tool, off)| (AnyTool::Toolkit(tool), *off));
        let ours = BuiltIn::ALL.into_iter().map(AnyTool::BuiltIn);
        of_toolkits.chain(ours.filter_map(|tool| Some((tool, self.turned_off(tool)?))))
    }

    /// The tool of this name if it is off, and why.
    pub fn off(&self, name: &str) -> Option<(AnyTool<'_>, Off)> {
        self.all_off().find(|(tool, _)| tool.name() == name)
    }

    fn turned_off(&self, tool: AnyTool<'_>) -> Option<Off> {
        Off::by_name(tool.name(), tool.annotations().read_only, &self.config)
    }

    /// The tool with this name.
    pub fn get(&self, name: &str) -> Option<AnyTool<'_>> {
        self.all().find(|tool| tool.name() == name)
    }

    /// Runs `call` and has it recorded; see [`Calls::run`].
    pub async fn run(&self, call: AnyCall<'_>) -> Outcome {
        let built_in = match call.tool {
            AnyTool::Toolkit(tool) => return self.calls.run(of_toolkit(call, tool)).await,
            AnyTool::BuiltIn(built_in) => built_in,
        };
        let job = async {
            match built_in {
                BuiltIn::ConnectionsList => connections_list::run(self, call).await,
                BuiltIn::ConnectionsConnect => connections_connect::run(self, call).await,
                BuiltIn::ResultRead => result_read::run(self, call).await,
            }
        };
        self.calls.record(self.heading(call), job).await
    }

    /// Records a call that must not run, with the code of the reason.
    pub async fn refuse(&self, call: AnyCall<'_>, code: &str) {
        self.calls.refuse(self.heading(call), code).await;
    }

    fn heading<'a>(&'a self, call: AnyCall<'a>) -> Heading<'a> {
        match call.tool {
            AnyTool::Toolkit(tool) => of_toolkit(call, tool).into(),
            AnyTool::BuiltIn(built_in) => Heading {
                caller: call.caller,
                tool: built_in.name(),
                provider: (built_in == BuiltIn::ConnectionsConnect)
                    .then(|| connections_connect::provider(self, call.arguments))
                    .flatten(),
                scopes: Vec::new(),
                arguments: call.arguments,
                client_name: call.client_name,
            },
        }
    }
}

fn of_toolkit<'a>(call: AnyCall<'a>, tool: &'a Tool) -> Call<'a> {
    Call {
        caller: call.caller,
        tool,
        arguments: call.arguments,
        client_name: call.client_name,
        confirmed: call.confirmed,
        waits: call.waits,
    }
}

impl<'a> AnyTool<'a> {
    /// See [`Tool::name`].
    pub fn name(self) -> &'a str {
        match self {
            Self::Toolkit(tool) => &tool.name,
            Self::BuiltIn(built_in) => built_in.name(),
        }
    }

    /// See [`Tool::title`].
    pub fn title(self) -> &'a str {
        match self {
            Self::Toolkit(tool) => &tool.title,
            Self::BuiltIn(BuiltIn::ConnectionsList) => "List connections",
            Self::BuiltIn(BuiltIn::ConnectionsConnect) => "Connect an account",
            Self::BuiltIn(BuiltIn::ResultRead) => "Read a long result",
        }
    }

    /// See [`Tool::toolkit`].
    pub fn toolkit(self) -> Option<&'a str> {
        match self {
            Self::Toolkit(tool) => Some(&tool.toolkit),
            Self::BuiltIn(_) => None,
        }
    }

    /// The service that it works with, as a person knows it.
    pub fn service(self) -> &'static str {
        match self.toolkit() {
            Some("gmail") => "Gmail",
            Some("slack") => "Slack",
            Some("github") => "GitHub",
            _ => "the provider",
        }
    }

    /// The provider whose grant it uses.
    pub fn provider(self) -> Option<&'a str> {
        match self {
            Self::Toolkit(tool) => Some(&tool.provider),
            Self::BuiltIn(_) => None,
        }
    }

    /// What the model reads.
    pub fn description(self) -> &'a str {
        match self {
            Self::Toolkit(tool) => &tool.description,
            Self::BuiltIn(BuiltIn::ConnectionsList) => connections_list::DESCRIPTION,
            Self::BuiltIn(BuiltIn::ConnectionsConnect) => connections_connect::DESCRIPTION,
            Self::BuiltIn(BuiltIn::ResultRead) => result_read::DESCRIPTION,
        }
    }

    /// See [`Tool::scopes`].
    pub fn scopes(self) -> Vec<Vec<&'a str>> {
        match self {
            Self::Toolkit(tool) => tool
                .scopes
                .iter()
                .map(|group| group.iter().map(|scope| &**scope).collect())
                .collect(),
            Self::BuiltIn(_) => Vec::new(),
        }
    }

    /// See [`Tool::annotations`].
    pub fn annotations(self) -> Annotations {
        match self {
            Self::Toolkit(tool) => tool.annotations,
            // A link changes nothing until the person follows it, and a second call gets the same.
            Self::BuiltIn(built_in) => Annotations {
                read_only: built_in != BuiltIn::ConnectionsConnect,
                destructive: false,
                idempotent: true,
                open_world: false,
            },
        }
    }

    /// See [`Tool::input_schema`].
    pub fn input_schema(self) -> Arc<Map<String, Value>> {
        match self {
            Self::Toolkit(tool) => Arc::clone(&tool.input_schema),
            Self::BuiltIn(BuiltIn::ConnectionsList) => object(connections_list::input_schema()),
            Self::BuiltIn(BuiltIn::ConnectionsConnect) => {
                object(connections_connect::input_schema())
            }
            Self::BuiltIn(BuiltIn::ResultRead) => object(result_read::input_schema()),
        }
    }

    /// See [`Tool::output_schema`].
    pub fn output_schema(self) -> Option<Arc<Map<String, Value>>> {
        match self {
            Self::Toolkit(tool) => tool.output_schema.clone(),
            Self::BuiltIn(BuiltIn::ConnectionsList) => {
                Some(object(connections_list::output_schema()))
            }
            Self::BuiltIn(BuiltIn::ConnectionsConnect) => {
                Some(object(connections_connect::output_schema()))
            }
            Self::BuiltIn(BuiltIn::ResultRead) => None,
        }
    }
}

impl BuiltIn {
    /// In the order of the list.
    pub const ALL: [Self; 3] = [
        Self::ConnectionsList,
        Self::ConnectionsConnect,
        Self::ResultRead,
    ];

    /// As clients call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectionsList => "connections_list",
            Self::ConnectionsConnect => "connections_connect",
            Self::ResultRead => "result_read",
        }
    }
}

fn object(schema: Value) -> Arc<Map<String, Value>> {
    let Value::Object(schema) = schema else {
        panic!("the schemas of our tools are objects");
    };
    Arc::new(schema)
}

#[cfg(test)]
mod tests;
