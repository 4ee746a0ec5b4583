//! `valetkey call`: runs one tool as the local user, as an MCP client would.

use std::io::{IsTerminal as _, Read};
use std::process::ExitCode;

use serde_json::{Map, Value, json};
use valetkey_toolkits::waits::Waits;

use crate::builtin::{AnyCall, AnyTool, Toolbox};
use crate::call::{Confirmation, Outcome};
use crate::caller::Caller;
use crate::cli::app::App;
use crate::cli::link;
use crate::cli::output::{Exit, Usage, progress, result, visible};

/// How often one call may ask for consent: to connect, and once for permissions that were not
/// granted. Who grants less again does not want to.
const LINKS: usize = 2;

/// Call one tool and print its result.
///
/// If it needs an account that is not connected, a link is printed to standard error, and the call
/// goes on when you have followed it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The tool. `valetkey tools` lists them.
    tool: String,

    /// Its arguments: a JSON object, or `-` to read it from standard input.
    #[arg(default_value = "{}", value_name = "JSON")]
    arguments: String,

    /// Print the structured result, or the error, as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    app.check_patterns()?;
    let toolbox = app.toolbox();
    let off = toolbox.off(&args.tool);
    let tool = match off {
        Some((tool, _)) => tool,
        None => find(&toolbox, &args.tool)?,
    };
    let arguments = parse(&args.arguments)?;
    let caller = Caller::local();
    let call = AnyCall {
        caller: &caller,
        tool,
        arguments: &arguments,
        client_name: Some("valetkey call"),
        confirmed: None,
        waits: &Waits::default(),
    };
    if let Some((tool, off)) = off {
        toolbox.refuse(call, "policy").await;
        let refused = Outcome::Failed(off.error(tool.name()));
        return Ok(print(args.json, refused)?.into());
    }
    let (outcome, followed) = complete(&toolbox, call).await?;
    let exit = match outcome {
        Ok(outcome) => print(args.json, outcome)?,
        Err(exit) => exit,
    };
    if followed {
        link::farewell(&app.broker).await;
    }
    Ok(exit.into())
}

/// Runs the call, and again after each link that was followed; whether one was comes along.
async fn complete(
    toolbox: &Toolbox,
    mut call: AnyCall<'_>,
) -> anyhow::Result<(Result<Outcome, Exit>, bool)> {
    let mut links = 0;
    loop {
        match toolbox.run(call).await {
            Outcome::Consent(consent) if links < LINKS => {
                if let Err(exit) =
                    link::follow(&toolbox.calls.broker, call.caller, &consent).await?
                {
                    return Ok((Err(exit), links > 0));
                }
                links += 1;
            }
            Outcome::Confirm(asked) if call.confirmed.is_none() && can_ask() => {
                if !agrees(&asked)? {
                    toolbox.refuse(call, "not_confirmed").await;
                    progress("Nothing was done.");
                    return Ok((Err(Exit::Failed), links > 0));
                }
                call.confirmed = Some(asked.id);
            }
            outcome => return Ok((Ok(outcome), links > 0)),
        }
    }
}

/// Whether somebody is there to be asked.
fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Shows what would be done and asks for one word.
fn agrees(asked: &Confirmation) -> anyhow::Result<bool> {
    progress(&visible(&asked.preview.text));
    progress("\nThis server asks before it sends. Send this? Type `send` to do it:");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "send")
}

fn print(json: bool, outcome: Outcome) -> anyhow::Result<Exit> {
    match outcome {
        Outcome::Finished(output) => {
            let value = match output.structured {
                Some(structured) => Value::Object(structured),
                None => json!({ "text": output.text }),
            };
            result(json, &value, &visible(&output.text))?;
            Ok(Exit::Done)
        }
        Outcome::Failed(error) => {
            progress(&visible(&error.to_string()));
            if json {
                result(json, &json!({ "error": error }), "")?;
            }
            Ok(Exit::Failed)
        }
        Outcome::Consent(consent) => {
            progress(&format!(
                "The permissions that were granted are not enough. To grant the rest, open {}",
                consent.link
            ));
            Ok(Exit::NeedsConnect)
        }
        Outcome::Confirm(asked) => {
            progress(
                "Nothing was done: this server asks before it sends (`policy.confirm_sends`), and \
                 nobody is at a terminal here. This is what would be sent:",
            );
            progress(&visible(&asked.preview.text));
            Ok(Exit::Failed)
        }
        Outcome::Denied(denied) => Err(denied.into()),
        Outcome::Broken(error) => Err(error.into()),
    }
}

fn find<'a>(toolbox: &'a Toolbox, name: &str) -> Result<AnyTool<'a>, Usage> {
    toolbox.get(name).ok_or_else(|| {
        Usage(format!(
            "No enabled tool is called `{}`. `valetkey tools` lists them.",
            visible(name)
        ))
    })
}

/// The arguments, from the command line or from standard input, where other users of this computer
/// cannot read them.
fn parse(arguments: &str) -> anyhow::Result<Map<String, Value>> {
    let mut text = arguments.to_owned();
    if arguments == "-" {
        text.clear();
        std::io::stdin().read_to_string(&mut text)?;
    }
    serde_json::from_str(&text).map_err(|error| {
        Usage(format!(
            "The arguments are not a JSON object ({error}). Example: valetkey call \
             gmail_search_messages '{{\"query\": \"is:unread\"}}'"
        ))
        .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_a_json_object_and_nothing_else() {
        assert_eq!(parse(r#"{"limit": 3}"#).unwrap()["limit"], 3);
        assert!(parse("{}").unwrap().is_empty());
        for wrong in ["", "[]", "3", "{'limit': 3}", "{} {}"] {
            let error = parse(wrong).unwrap_err();
            assert!(error.is::<Usage>(), "{wrong}");
        }
    }
}
