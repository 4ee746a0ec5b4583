//! `connections_connect`: the link that any call lacking a grant gets, without such a call.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use valetkey_toolkits::arguments;
use valetkey_toolkits::error::ToolError;
use valetkey_toolkits::output::Output;
use valetkey_toolkits::tool::Tool;

use crate::broker::{Access, BrokerError, Requirement};
use crate::builtin::connections_list::{self, Item};
use crate::builtin::{AnyCall, Toolbox};
use crate::call::{self, Call, Outcome};
use crate::oauth::provider::Provider;

/// What the model reads.
pub(super) const DESCRIPTION: &str = "Connect an account: gives the user a link, unless it is \
    connected. Tools do this by themselves when they are called.";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    provider: Option<String>,
    tool: Option<String>,
}

pub(super) fn input_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "provider": {
                "type": "string",
                "description": "`google`, `slack`, `github` or an entry's id: asks for what its tools need.",
            },
            "tool": {
                "type": "string",
                "description": "A tool's name, instead of `provider`: asks for what this one needs.",
            },
            "account": {
                "type": "string",
                "description": "Which account; needed to add another one.",
            },
        },
        "additionalProperties": false,
    })
}

pub(super) fn output_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "provider": { "type": "string" },
            "account": { "type": "string" },
            "connection": { "type": "string" },
            "lacking": connections_list::lacking_schema(),
        },
        "required": ["provider", "account", "connection", "lacking"],
        "additionalProperties": false,
    })
}

/// The provider that the arguments are about, for the record.
pub(super) fn provider<'a>(
    toolbox: &'a Toolbox,
    arguments: &Map<String, Value>,
) -> Option<&'a str> {
    let named = |name: &str| arguments.get(name).and_then(Value::as_str);
    if let Some(tool) = named("tool") {
        let mut tools = toolbox.tools.iter();
        return tools.find(|one| one.name == tool).map(|one| &*one.provider);
    }
    let name = named("provider")?;
    let mut entries = toolbox.calls.broker.providers().iter();
    entries
        .find(|entry| is_called(entry, name))
        .map(Provider::name)
}

pub(super) async fn run(toolbox: &Toolbox, call: AnyCall<'_>) -> Outcome {
    let broker = &toolbox.calls.broker;
    let required = match required(toolbox, call).await {
        Ok(Ok(required)) => required,
        Ok(Err(error)) => return Outcome::Failed(error),
        Err(error) => return Outcome::Broken(error),
    };
    let granted = match broker.access(call.caller, &required).await {
        Ok(Access::Granted(granted)) => granted,
        Ok(Access::Consent(consent)) => return Outcome::Consent(consent),
        Ok(Access::Denied(denied)) => return Outcome::Denied(denied),
        Err(error) => return Outcome::Broken(error),
    };
    let views = match broker.connections(call.caller).await {
        Ok(views) => views,
        Err(error) => return Outcome::Broken(error),
    };
    let view = views.iter().find(|view| view.id == granted.connection);
    let item = view.map(|view| (view.provider.clone(), Item::new(toolbox, view)));
    let (provider, lacking) = match item {
        Some((provider, item)) => (provider, item.lacking),
        // It was ended meanwhile, by someone who knows.
        None => (required.provider, Vec::new()),
    };
    let mut text = format!("{provider} is connected as {}.", granted.account);
    for one in &lacking {
        text.push('\n');
        text.push_str(&one.text());
    }
    let structured = json!({
        "provider": provider,
        "account": granted.account,
        "connection": granted.connection.to_string(),
        "lacking": lacking,
    });
    let Value::Object(structured) = structured else {
        panic!("an object was written");
    };
    Outcome::Finished(Output::new(text, Some(structured)))
}

/// What has to be granted.
async fn required(
    toolbox: &Toolbox,
    asked: AnyCall<'_>,
) -> Result<Result<Requirement, ToolError>, BrokerError> {
    let arguments: Arguments = match arguments::parse(Value::Object(asked.arguments.clone())) {
        Ok(arguments) => arguments,
        Err(error) => return Ok(Err(error)),
    };
    let (tool, provider) = (arguments.tool, arguments.provider);
    if let (Some(name), None) = (&tool, &provider) {
        let tool = toolbox.tools.iter().find(|tool| tool.name == *name);
        return Ok(tool
            .map(|tool| {
                call::requirement(Call {
                    caller: asked.caller,
                    tool,
                    arguments: asked.arguments,
                    client_name: asked.client_name,
                    confirmed: None,
                    waits: asked.waits,
                })
            })
            .ok_or_else(|| {
                ToolError::invalid_arguments("`tool` is not the name of a tool that needs a grant.")
            }));
    }
    let (None, Some(provider)) = (tool, provider) else {
        return Ok(Err(ToolError::invalid_arguments(
            "Give either `provider` or `tool`.",
        )));
    };
    let broker = &toolbox.calls.broker;
    let (toolkit, scopes) = least(broker.providers(), &toolbox.tools, &provider);
    let account = asked.arguments.get("account").and_then(Value::as_str);
    // What is connected is asked for no more: the tools do that one by one.
    let connected = !broker.providers().is_empty()
        && broker.connections(asked.caller).await?.iter().any(|view| {
            let mut entries = broker.providers().iter();
            entries.any(|entry| entry.id() == view.provider_id && is_called(entry, &provider))
                && account.is_none_or(|account| view.is_called(account))
        });
    Ok(Ok(Requirement {
        toolkit,
        provider,
        account: account.map(str::to_owned),
        scopes: if connected { Vec::new() } else { scopes },
        read_only: true,
        client_name: asked.client_name.map(str::to_owned),
    }))
}

/// The toolkit that the tools of `provider` belong to, and every group of scopes that one of them
/// needs, once. An entry that is named by its id is meant itself, whatever serves the toolkit.
pub fn least(entries: &[Provider], tools: &[Tool], provider: &str) -> (String, Vec<Vec<String>>) {
    let entry = entries.iter().find(|entry| is_called(entry, provider));
    let tools = || {
        tools
            .iter()
            .filter(move |tool| entry.is_some_and(|entry| is_called(entry, &tool.provider)))
    };
    let mut groups: Vec<Vec<String>> = Vec::new();
    for group in tools().flat_map(|tool| tool.scopes.iter()) {
        let group: Vec<String> = group.iter().map(ToString::to_string).collect();
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    let is_id = entries.iter().any(|entry| entry.id() == provider);
    let toolkit = tools().next().filter(|_| !is_id);
    (toolkit.map_or("", |tool| &tool.toolkit).to_owned(), groups)
}

/// What the buttons of a person's own page ask for: for each entry what its tools need.
pub fn offers(entries: &[Provider], tools: &[Tool]) -> Vec<Requirement> {
    let offer = |entry: &Provider| {
        let (toolkit, scopes) = least(entries, tools, entry.id());
        Requirement {
            toolkit,
            provider: entry.id().to_owned(),
            account: None,
            scopes,
            read_only: true,
            client_name: None,
        }
    };
    entries.iter().map(offer).collect()
}

/// Whether `name` means this entry.
fn is_called(entry: &Provider, name: &str) -> bool {
    entry.id() == name || entry.name() == name
}
