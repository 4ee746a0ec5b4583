//! `valetkey demo`: the whole loop with nothing real in it, told step by step.

mod text;

use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::cli::demo::text::{Voice, for_real, invitation, seen, trouble};
use crate::cli::output::{BOLD, DIM, Exit, GOOD, progress, result, styled, visible};
use crate::demo::browser::Person;
use crate::demo::client::{Answer, Client, Link};
use crate::demo::sandbox::faults::Endpoint;
use crate::demo::sandbox::{Sandbox, SandboxSettings, Site};

/// Without a person to wait for, more than this means that something is broken.
const PATIENCE: Duration = Duration::from_mins(1);

/// Show the whole loop without credentials: a sandbox plays Google, Slack and GitHub.
///
/// Starts a sandbox on this computer, a real Valetkey and a real MCP client; calls a tool of each
/// provider, gives you the link, and shows how the same call finishes. Nothing leaves this
/// computer, and nothing stays on it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Follow the links without you. So it is, too, when there is no terminal.
    #[arg(long)]
    auto: bool,

    /// Print what happened as JSON; the story goes to standard error.
    #[arg(long)]
    json: bool,
}

/// One call that a model could make.
struct Scene {
    site: Site,
    question: &'static str,
    tool: &'static str,
    arguments: Value,
}

fn scenes() -> [Scene; 3] {
    [
        Scene {
            site: Site::Google,
            question: "Which unread mail is about the launch?",
            tool: "gmail_search",
            arguments: json!({"query": "launch", "unread": true}),
        },
        Scene {
            site: Site::Slack,
            question: "What did the team say in #launch since yesterday?",
            tool: "slack_read_channel",
            arguments: json!({"channel": "#launch", "since": "1d"}),
        },
        Scene {
            site: Site::GitHub,
            question: "Which issues of the engine are about the launch?",
            tool: "github_search_issues",
            arguments: json!({"query": "launch", "repo": "lovelace-labs/engine", "type": "both"}),
        },
    ]
}

/// The same account again, and a mail that tries to talk to the model behind the reader's back.
fn encore() -> Scene {
    Scene {
        site: Site::Google,
        question: "Are there invoices I have to pay?",
        tool: "gmail_search",
        arguments: json!({"query": "from:invoices.example"}),
    }
}

/// Runs the command.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let voice = Voice { json: args.json };
    let auto = args.auto || !voice.is_heard_by_a_person();
    let mut stage = Stage::set(auto, voice).await?;
    let told = tokio::select! {
        told = stage.tell() => told.map(|()| Exit::Done),
        () = too_long(auto) => Err(anyhow::anyhow!(
            "The demo gave up after {} s without an end.", PATIENCE.as_secs()
        )),
        _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
        _ = terminate.recv() => Ok(Exit::Interrupted),
    };
    let (steps, log, ended) = stage.end().await;
    let exit = match told.and_then(|exit| ended.map(|()| exit)) {
        Ok(Exit::Interrupted) => {
            progress("\nStopped. Nothing of the demo is left.");
            Exit::Interrupted
        }
        Ok(exit) => exit,
        Err(error) => {
            progress(&format!("\nvaletkey: {error:#}{log}"));
            Exit::Failed
        }
    };
    if args.json {
        let ok = exit == Exit::Done;
        result(true, &json!({"ok": ok, "steps": steps}), "")?;
    }
    Ok(exit.into())
}

async fn too_long(auto: bool) {
    if auto {
        tokio::time::sleep(PATIENCE).await;
    } else {
        // The person sets the pace, and the links end by themselves.
        std::future::pending::<()>().await;
    }
}

/// Everything that the story needs: sandbox, server and client, and a home that goes with them.
struct Stage {
    voice: Voice,
    sandbox: Sandbox,
    client: Client,
    links: UnboundedReceiver<Link>,
    /// None: the person at the terminal clicks.
    person: Option<Person>,
    steps: Vec<Value>,
    log: PathBuf,
    /// Removed when the stage is.
    _home: TempDir,
}

impl Stage {
    async fn set(auto: bool, voice: Voice) -> anyhow::Result<Self> {
        let sandbox = Sandbox::start(SandboxSettings::default())
            .await
            .context("The sandbox found no free port on 127.0.0.1.")?;
        let home = tempfile::Builder::new()
            .prefix("valetkey-demo-")
            .tempdir()
            .context("No temporary directory could be made.")?;
        let port = free_port().context("There is no free port on 127.0.0.1.")?;
        // Slack sends browsers to https addresses or, from apps that use PKCE, to localhost. A
        // person may read before they click, so a call waits as long as its link lives.
        let rest = format!(
            "server:\n  public_url: http://localhost:{port}\n  callback_port: {port}\n  \
             hold_s: 600\n  hold_with_progress_s: 600\n"
        );
        let config = sandbox
            .write_config(home.path(), &rest)
            .context("The demo's configuration could not be written.")?;
        let log = home.path().join("server.log");
        let program = std::env::current_exe().context("This program's own path is unknown.")?;
        let config = config.to_string_lossy();
        let arguments = ["--config", &config, "stdio"];
        let log_file = File::create(&log).context("The server's log could not be made.")?;
        let (client, links) = Client::start(&program, &arguments, home.path(), log_file).await?;
        Ok(Self {
            voice,
            sandbox,
            client,
            links,
            person: auto.then(Person::new),
            steps: Vec::new(),
            log,
            _home: home,
        })
    }

    async fn tell(&mut self) -> anyhow::Result<()> {
        let tools = self.client.tools().await?;
        self.voice.say(&format!(
            "{}\n\nA sandbox plays Google, Slack and GitHub at {}. A real Valetkey\nruns as an MCP \
             server with {} tools, and a real MCP client talks to it. Nobody has connected\n\
             anything yet.",
            styled(BOLD, "Valetkey demo"),
            self.sandbox.base_url(),
            tools.len(),
        ));
        for scene in scenes() {
            self.play(&scene, true).await?;
        }
        self.voice.say(
            "\nThe account is connected now: another call needs no link. This one finds a mail \
             that hides\ntext from its reader; see what is left of it.",
        );
        self.play(&encore(), false).await?;
        self.voice.say(&for_real()?);
        Ok(())
    }

    /// Makes one call and tells about it. Fails unless the provider was really asked, after a link
    /// if `first`, and gave data.
    async fn play(&mut self, scene: &Scene, first: bool) -> anyhow::Result<()> {
        let Scene {
            site,
            question,
            tool,
            arguments,
        } = scene;
        self.voice.say(&format!(
            "\n{}\nThe model calls {} {arguments}",
            styled(BOLD, &format!("“{question}”")),
            styled(BOLD, tool),
        ));
        let asked = self.sandbox.count(*site, Endpoint::AnyApi);
        let object: Map<String, Value> = arguments.as_object().cloned().unwrap_or_default();
        let call = self.client.call(tool, object);
        tokio::pin!(call);
        let mut shown = None;
        let answer = loop {
            tokio::select! {
                answer = &mut call => break answer?,
                Some(link) = self.links.recv() => {
                    self.voice.say(&invitation(&link, self.person.is_none()));
                    if let Some(person) = &mut self.person {
                        let journey = person.follow(&link.url).await?;
                        let page = journey.last();
                        ensure!(
                            page.status.is_success(),
                            "The sign-in at {} ended with {} instead of a page.\n{journey}",
                            site.title(),
                            page.status,
                        );
                        self.voice.say(&styled(
                            DIM,
                            &format!(
                                "  (--auto: opened it, agreed, allowed it at {}, came back.)",
                                site.title()
                            ),
                        ));
                    }
                    shown = Some(link);
                }
            }
        };
        self.steps.push(json!({
            "tool": tool,
            "arguments": arguments,
            "link": shown.as_ref().map(|link| &link.url),
            "content": answer.text,
            "structuredContent": answer.structured,
            "isError": answer.is_error,
        }));
        if answer.is_error {
            bail!("{tool} failed: {}", visible(&answer.text));
        }
        ensure!(
            shown.is_some() == first,
            "{tool} {} a link.",
            if first {
                "finished without"
            } else {
                "asked again for"
            }
        );
        ensure!(
            self.sandbox.count(*site, Endpoint::AnyApi) > asked && has_data(&answer),
            "{tool} finished, but without data of {}.",
            site.title()
        );
        let verb = if first {
            "The same call finished."
        } else {
            "The call finished, without a link."
        };
        self.voice.say(&format!(
            "{} The model sees:\n{}",
            styled(GOOD, verb),
            seen(&answer)
        ));
        Ok(())
    }

    /// Ends the server as a host does. What was told so far, the end of the server's log, and
    /// whether it ended well.
    async fn end(self) -> (Vec<Value>, String, anyhow::Result<()>) {
        let ended = self.client.end().await;
        let log = trouble(&std::fs::read_to_string(&self.log).unwrap_or_default());
        (self.steps, log, ended.map_err(anyhow::Error::from))
    }
}

/// A list with something in it, at the first level of `structuredContent`.
fn has_data(answer: &Answer) -> bool {
    let fields = answer.structured.as_ref().and_then(Value::as_object);
    let lists = fields.into_iter().flatten();
    lists
        .filter(|(name, _)| *name != "warnings")
        .any(|(_, value)| value.as_array().is_some_and(|items| !items.is_empty()))
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_list_with_something_in_it_counts_as_data() {
        for (structured, expected) in [
            (json!({"items": [1]}), true),
            (json!({"items": []}), false),
            (json!({"items": [], "warnings": ["empty"]}), false),
            (json!({"account": "ada"}), false),
            (json!("text"), false),
        ] {
            let answer = Answer {
                text: String::new(),
                structured: Some(structured.clone()),
                is_error: false,
            };
            assert_eq!(has_data(&answer), expected, "{structured}");
        }
    }
}
