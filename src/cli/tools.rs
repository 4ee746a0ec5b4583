//! `valetkey tools`: what an MCP client can call.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use valetkey_toolkits::tool::Annotations;

use crate::builtin::{AnyTool, Toolbox};
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
    /// None: it is one of Valetkey's own.
    toolkit: Option<&'a str>,
    provider: Option<&'a str>,
    description: &'a str,
    /// Of every group one is needed; the first is the one asked for.
    scopes: Vec<Vec<&'a str>>,
    annotations: Hints,
    /// See [`size`].
    size: usize,
    input_schema: Arc<Map<String, Value>>,
    output_schema: Option<Arc<Map<String, Value>>>,
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
    fn new(tool: AnyTool<'a>) -> Self {
        let Annotations {
            read_only,
            destructive,
            idempotent,
            open_world,
        } = tool.annotations();
        Self {
            name: tool.name(),
            title: tool.title(),
            toolkit: tool.toolkit(),
            provider: tool.provider(),
            description: tool.description(),
            scopes: tool.scopes(),
            annotations: Hints {
                read_only_hint: read_only,
                destructive_hint: destructive,
                idempotent_hint: idempotent,
                open_world_hint: open_world,
            },
            size: size(tool),
            input_schema: tool.input_schema(),
            output_schema: tool.output_schema(),
        }
    }
}

/// Runs the command.
pub async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    let toolbox = app.toolbox();
    let rows: Vec<Row<'_>> = toolbox.all().map(Row::new).collect();
    let text = list(toolbox.all()) + &off(&app, &toolbox) + &left_out(&app.left_out);
    result(args.json, &rows, &text)?;
    std::future::ready(Ok(Exit::Done.into())).await
}

/// What the configuration turns off, and its patterns that turn nothing on or off.
fn off(app: &App, toolbox: &Toolbox) -> String {
    let mut text = String::new();
    for (tool, off) in toolbox.all_off() {
        let heading = styled(DIM, "off by policy");
        writeln!(text, "{heading}  {} ({})", tool.name(), off.key())
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

fn list<'a>(tools: impl Iterator<Item = AnyTool<'a>>) -> String {
    let mut text = String::new();
    let mut heading = String::new();
    for tool in tools {
        let above = match (tool.toolkit(), tool.provider()) {
            (Some(toolkit), Some(provider)) if toolkit != provider => {
                format!("{}, with {provider}", styled(BOLD, toolkit))
            }
            (toolkit, _) => styled(BOLD, toolkit.unwrap_or("valetkey")),
        };
        if above != heading {
            writeln!(text, "{above}").expect("a string takes everything");
            heading = above;
        }
        let name = styled(BOLD, tool.name());
        let hints = hints(tool.annotations());
        let scopes: Vec<String> = tool
            .scopes()
            .iter()
            .map(|group| group.join(" or "))
            .collect();
        let size = styled(DIM, &format!("{} characters", size(tool)));
        writeln!(
            text,
            "  {name}  {hints}  {size}\n      {}",
            first_paragraph(tool.description())
        )
        .expect("a string takes everything");
        if !scopes.is_empty() {
            let scopes = styled(DIM, &format!("needs {}", scopes.join(", ")));
            writeln!(text, "      {scopes}").expect("a string takes everything");
        }
    }
    text
}

/// What hosts put before their model for as long as the tool is on: the characters of its name, its
/// description and the schema of its arguments. A token is about four of them.
fn size(tool: AnyTool<'_>) -> usize {
    let schema = serde_json::to_string(&*tool.input_schema()).expect("a schema is plain JSON");
    [tool.name(), tool.description(), &schema]
        .iter()
        .map(|text| text.chars().count())
        .sum()
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
