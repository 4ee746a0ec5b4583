//! Third-party counterparts in processes of their own: how they are started and talked to.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use url::Url;
use valetkey::demo::browser::{Journey, Person};
use valetkey::demo::form::forms;

use crate::world::free_port;

/// Nothing that a counterpart does takes this long; a test that waits for more has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// Who signs in at the emulators.
pub(crate) const ADA: &str = "ada@example.com";

/// A folder's or a script's place in `tests/peers`.
pub(crate) fn place(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/peers")
        .join(name);
    assert!(
        path.exists(),
        "{} is missing: tests/run installs it",
        path.display()
    );
    path
}

/// A script of `tests/peers` that Node.js runs, in the version of `requirements.txt`: the newest that
/// a system has can be too old for some.
pub(crate) fn node(script: &str) -> Command {
    place("node_modules");
    let mut command = Command::new(place(".venv/bin/node"));
    command.arg(place(script));
    command
}

/// A script of `tests/peers` that Python runs, with the packages of `requirements.txt`.
pub(crate) fn python(script: &str) -> Command {
    let mut command = Command::new(place(".venv/bin/python"));
    command.arg(place(script));
    command
}

/// A running counterpart that writes a line of JSON at a time, and ends with its standard input.
pub(crate) struct Peer {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    /// Its standard error, for the failure of a test.
    errors: fs::File,
}

impl Peer {
    pub(crate) fn start(mut command: Command) -> Self {
        let errors = tempfile::tempfile().unwrap();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors.try_clone().unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{:?} does not start: {error}", command.as_std()));
        let stdout = child.stdout.take().unwrap();
        Self {
            name: format!("{:?}", command.as_std()),
            stdin: child.stdin.take(),
            lines: BufReader::new(stdout).lines(),
            child,
            errors,
        }
    }

    /// Its next line.
    pub(crate) async fn line(&mut self) -> Value {
        let line = timeout(PATIENCE, self.lines.next_line()).await;
        let Ok(Ok(Some(line))) = line else {
            panic!("{} says nothing ({line:?}): {}", self.name, self.errors());
        };
        serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("{} wrote what is not JSON: {line}", self.name))
    }

    pub(crate) async fn say(&mut self, line: &Value) {
        let line = format!("{line}\n");
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(line.as_bytes()).await.unwrap();
        stdin.flush().await.unwrap();
    }

    /// Ends it, and returns the lines that nobody has read.
    pub(crate) async fn finish(mut self) -> Vec<String> {
        self.stdin = None;
        let mut unread = Vec::new();
        let end = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                unread.push(line);
            }
            self.child.wait().await.unwrap()
        };
        let status = timeout(PATIENCE, end).await.expect("it did not end");
        assert!(status.success(), "{}: {}", self.name, self.errors());
        unread
    }

    fn errors(&self) -> String {
        let mut errors = &self.errors;
        let mut text = String::new();
        errors.rewind().unwrap();
        errors.read_to_string(&mut text).unwrap();
        text
    }
}

/// Google, Slack and GitHub as `emulate` plays them, and the home of a Valetkey that is configured
/// for them.
pub(crate) struct Emulators {
    pub(crate) google: Url,
    pub(crate) slack: Url,
    pub(crate) github: Url,
    home: TempDir,
    config: PathBuf,
    _peer: Peer,
}

impl Emulators {
    pub(crate) async fn start() -> Self {
        let port = free_port();
        let public_url = format!("http://localhost:{port}");
        let mut command = node("emulate.mjs");
        command.arg(&public_url);
        let mut peer = Peer::start(command);
        let urls = peer.line().await;
        let url = |service: &str| Url::parse(urls[service].as_str().unwrap()).unwrap();
        let (google, slack, github) = (url("google"), url("slack"), url("github"));
        let home = TempDir::new().unwrap();
        for (provider, secret) in [
            ("google", "google-secret"),
            ("slack", "slack-secret"),
            ("github", "github-secret"),
        ] {
            write_private(&home.path().join(provider), secret);
        }
        let secret = |provider: &str| home.path().join(provider).display().to_string();
        // The emulated Google has its token endpoint at /oauth2/token. With PKCE, Slack takes
        // a callback on localhost.
        let yaml = format!(
            "auth:
  providers:
    - id: google
      provider_id: google
      client_id: google-client
      client_secret: ${{file:{google_secret}}}
      oauth2:
        authorization_request: {{ endpoint: {google}o/oauth2/v2/auth }}
        token_request: {{ endpoint: {google}oauth2/token }}
        revocation_request: {{ endpoint: {google}oauth2/revoke }}
        user_info_request: {{ endpoint: {google}oauth2/v2/userinfo }}
      api: {{ base_url: {google} }}
    - id: slack
      provider_id: slack
      client_id: slack-client
      client_secret: ${{file:{slack_secret}}}
      oauth2:
        pkce: {{ enabled: true }}
        authorization_request: {{ endpoint: {slack}oauth/v2/authorize }}
        token_request: {{ endpoint: {slack}api/oauth.v2.access }}
      api: {{ base_url: {slack}api/ }}
    - id: github
      provider_id: github
      client_id: github-client
      client_secret: ${{file:{github_secret}}}
      oauth2:
        authorization_request: {{ endpoint: {github}login/oauth/authorize }}
        token_request: {{ endpoint: {github}login/oauth/access_token }}
      api: {{ base_url: {github} }}
server:
  public_url: {public_url}
  callback_port: {port}
",
            google_secret = secret("google"),
            slack_secret = secret("slack"),
            github_secret = secret("github"),
        );
        let config = home.path().join("valetkey.yaml");
        write_private(&config, &yaml);
        Self {
            google,
            slack,
            github,
            home,
            config,
            _peer: peer,
        }
    }

    /// The file that the frames of a client's server are recorded in.
    pub(crate) fn frames(&self) -> PathBuf {
        self.home.path().join("frames.jsonl")
    }
}

/// A file that only its owner can read, as a configuration and its secrets have to be.
pub(crate) fn write_private(path: &Path, text: &str) {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A client made with an official SDK, with `valetkey stdio` behind the recorder.
pub(crate) struct Client {
    peer: Peer,
    /// The links that it was asked to show, in their order.
    pub(crate) links: Vec<String>,
    /// Whether its user had to sign in before anything else.
    pub(crate) signed_in: bool,
}

impl Client {
    /// `script` is `client.py` or `client.mjs`, which tell what `mode` and `elicitation` can be.
    pub(crate) async fn start(
        emulators: &Emulators,
        script: &str,
        mode: &str,
        elicitation: &str,
    ) -> Self {
        let mut command = match script {
            "client.py" => python(script),
            _ => node(script),
        };
        command
            .args([mode, elicitation])
            .arg(place(".venv/bin/python"))
            .arg(place("record.py"))
            .arg(emulators.frames())
            .args([env!("CARGO_BIN_EXE_valetkey"), "--config"])
            .arg(&emulators.config)
            .arg("stdio")
            .env("HOME", emulators.home.path());
        Self::with(command).await
    }

    /// The same for `valetkey http` at this address.
    pub(crate) async fn over_http(script: &str, mode: &str, elicitation: &str, url: &str) -> Self {
        let mut command = match script {
            "client.mjs" => node(script),
            _ => python(script),
        };
        command.args([mode, elicitation, url]);
        Self::with(command).await
    }

    async fn with(command: Command) -> Self {
        let mut peer = Peer::start(command);
        let mut told = peer.line().await;
        let signed_in = told["authorize"].is_string();
        if let Some(url) = told["authorize"].as_str() {
            let journey = authorize(Person::new().stop_before_callback(), url).await;
            let last = &journey.last().body;
            let callback = journey.stopped_before.as_ref();
            let callback = callback.unwrap_or_else(|| panic!("{last}"));
            peer.say(&json!({ "callback": callback })).await;
            told = peer.line().await;
        }
        let tools = told["tools"].take();
        assert!(tools.as_array().unwrap().contains(&json!("gmail_search")));
        Self {
            peer,
            links: Vec::new(),
            signed_in,
        }
    }

    /// One call as the user sees it. Whenever the client shows a link, Ada follows it.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.call_and(tool, arguments, sign_in).await
    }

    /// The same with a person who follows links in a way of their own.
    pub(crate) async fn call_and(
        &mut self,
        tool: &str,
        arguments: Value,
        follow: impl AsyncFn(&str),
    ) -> Value {
        self.peer
            .say(&json!({ "tool": tool, "arguments": arguments }))
            .await;
        loop {
            let mut told = self.peer.line().await;
            let Some(link) = told["link"].as_str() else {
                return told["result"].take();
            };
            follow(link).await;
            self.links.push(link.to_owned());
        }
    }

    /// Closes the session.
    pub(crate) async fn finish(self) {
        assert_eq!(self.peer.finish().await, Vec::<String>::new());
    }
}

/// Signs Ada in at `authorization-server.mjs`, where a client sent her, and agrees.
pub(crate) async fn authorize(mut person: Person, url: &str) -> Journey {
    let mut journey = person.open(Url::parse(url).unwrap()).await.unwrap();
    let sign_in = [("login", "ada"), ("password", "any")];
    person.submit(&mut journey, &sign_in).await.unwrap();
    person.submit(&mut journey, &[]).await.unwrap();
    journey
}

/// Follows a link of ours, and signs Ada in on the emulator's page, where each user has a form.
pub(crate) async fn sign_in(link: &str) {
    let mut person = Person::new();
    let mut journey = person.open(Url::parse(link).unwrap()).await.unwrap();
    person.submit(&mut journey, &[]).await.unwrap();
    let fields = form_of(ADA, &journey);
    let fields: Vec<_> = fields.iter().map(|(k, v)| (&**k, &**v)).collect();
    person.submit(&mut journey, &fields).await.unwrap();
    let page = journey.last();
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("Connected"), "{}", page.body);
}

/// The fields of the form that shows `user`.
fn form_of(user: &str, journey: &Journey) -> Vec<(String, String)> {
    let page = &journey.last().body;
    let form = page
        .split_inclusive("</form>")
        .find(|part| part.contains(user))
        .unwrap_or_else(|| panic!("the page does not offer {user}: {page}"));
    let form = forms(form).pop().unwrap();
    let fields = form.fields.into_iter();
    let named = fields.filter(|field| !field.name.is_empty());
    named.map(|field| (field.name, field.value)).collect()
}
