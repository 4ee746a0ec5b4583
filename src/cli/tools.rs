//! `valetkey tools`: what an MCP client can call.

use std::borrow::Cow;
use std::fmt::Write;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Map, Value};
use valetkey_toolkits::tool::{Annotations, Tool};

use crate::cli::app::App;
use crate::cli::custom::LeftOut;
use crate::cli::output::{BAD, BOLD, DIM, Exit, result, styled, visible};
use crate::config::tool_pattern::ToolPattern;

/// List every tool, with what it may do and the permissions it needs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the list as JSON, with the schemas of arguments and results.
    #[arg(long)]
    json: bool,
}

/// A tool as programs read it.
#[derive(Debug, Serialize)]
struct Row<'a> {
    name: &'a str,
    title: &'a str,
    toolkit: &'a str,
    provider: &'a str,
    description: &'a str,
    /// Of every group one is needed; the first is the one asked for.
    scopes: &'a [Vec<Cow<'static, str>>],
    annotations: Hints,
    input_schema: &'a Map<String, Value>,
    output_schema: Option<&'a Map<String, Value>>,
}

/// The annotations as MCP names them (`ToolAnnotations`).
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the four hints are booleans in the specification"
)]
struct Hints {
    read_only_hint: bool,
    destructive_hint: bool,
    idempotent_hint: bool,
    open_world_hint: bool,
}

impl<'a> Row<'a> {
    fn new(tool: &'a Tool) -> Self {
        let Annotations {
            read_only,
            destructive,
            idempotent,
            open_world,
        } = tool.annotations;
        Self {
            name: &tool.name,
            title: &tool.title,
            toolkit: &tool.toolkit,
            provider: &tool.provider,
            description: &tool.description,
            scopes: &tool.scopes,
            annotations: Hints {
                read_only_hint: read_only,
                destructive_hint: destructive,
                idempotent_hint: idempotent,
                open_world_hint: open_world,
            },
            input_schema: &tool.input_schema,
            output_schema: tool.output_schema.as_deref(),
        }
    }
}

/// Runs the command.
pub async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    let rows: Vec<Row<'_>> = app.tools.iter().map(Row::new).collect();
    let text = if rows.is_empty() {
        "No tool is enabled. See toolkits.enabled in the configuration.".to_owned()
    } else {
        list(&app.tools)
    };
    let text = text + &off(&app) + &left_out(&app.left_out);
    result(args.json, &rows, &text)?;
    std::future::ready(Ok(Exit::Done.into())).await
}

/// What the configuration turns off, and its patterns that turn nothing on or off.
fn off(app: &App) -> String {
    let mut text = String::new();
    for (tool, off) in app.off.iter() {
        let heading = styled(DIM, "off by policy");
        writeln!(text, "{heading}  {} ({})", tool.name, off.key())
            .expect("a string takes everything");
    }
    for pattern in &app.loose {
        let heading = styled(BAD, "fits no tool");
        let ToolPattern { key, line, .. } = pattern;
        writeln!(text, "{heading}  {pattern} ({key}, line {line})")
            .expect("a string takes everything");
    }
    text
}

fn left_out(left_out: &[LeftOut]) -> String {
    let mut text = String::new();
    for toolkit in left_out {
        let heading = styled(BAD, "left out");
        writeln!(text, "{heading}  {}", visible(&toolkit.to_string()))
            .expect("a string takes everything");
    }
    text
}

fn list(tools: &[Tool]) -> String {
    let mut text = String::new();
    let mut toolkit = "";
    for tool in tools {
        if tool.toolkit != toolkit {
            toolkit = &tool.toolkit;
            let heading = if tool.provider == toolkit {
                styled(BOLD, toolkit)
            } else {
                styled(BOLD, &format!("{toolkit}, with {}", tool.provider))
            };
            writeln!(text, "{heading}").expect("a string takes everything");
        }
        let name = styled(BOLD, &tool.name);
        let hints = hints(tool.annotations);
        let scopes: Vec<String> = tool.scopes.iter().map(|group| group.join(" or ")).collect();
        writeln!(
            text,
            "  {name}  {hints}\n      {}",
            first_paragraph(&tool.description)
        )
        .expect("a string takes everything");
        if !scopes.is_empty() {
            let scopes = styled(DIM, &format!("needs {}", scopes.join(", ")));
            writeln!(text, "      {scopes}").expect("a string takes everything");
        }
    }
    text
}

fn hints(annotations: Annotations) -> String {
    let mut words = vec![if annotations.read_only {
        "reads"
    } else {
        "writes"
    }];
    if annotations.destructive {
        words.push("cannot be undone");
    }
    if !annotations.read_only && annotations.idempotent {
        words.push("can be repeated");
    }
    if !annotations.open_world {
        words.push("stays on this computer");
    }
    words.join(", ")
}

/// The first paragraph in one line: the whole text is in the JSON form.
fn first_paragraph(description: &str) -> String {
    let paragraph = description.split("\n\n").next().unwrap_or_default();
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}
