//! A running `valetkey http` with its log and its operator's listener, for tests that wait.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use valetkey::http::Http;

use crate::frames::modern;
use crate::host::{Host, urls};

/// No start takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on the port of its host's `public_url`, as the local user's.
pub(crate) struct HttpServer<'a> {
    host: &'a Host,
    child: Child,
    lines: Mutex<Receiver<String>>,
    log: Vec<Value>,
    client: Client,
    /// The public listener.
    pub(crate) address: SocketAddr,
    /// The operator's, if the configuration has one.
    pub(crate) operator: Option<SocketAddr>,
}

/// An answer, read whole.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl<'a> HttpServer<'a> {
    /// Starts a server, and waits until it listens.
    pub(crate) fn start(host: &'a Host) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_valetkey"))
            .env_clear()
            .env("HOME", host.world.home())
            .env("PATH", "/usr/bin:/bin")
            .env("VALETKEY_LOG", "trace")
            .arg("--config")
            .arg(&host.world.config)
            .args(["http", "--bind", &format!("127.0.0.1:{}", host.world.port)])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = child.stderr.take().unwrap();
        let (to_test, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(errors).lines() {
                if to_test.send(line.unwrap()).is_err() {
                    break;
                }
            }
        });
        let mut log = Vec::new();
        let mut operator = None;
        let address = loop {
            let line = lines.recv_timeout(PATIENCE);
            let line = parsed(&line.unwrap_or_else(|_| panic!("it does not listen: {log:#?}")));
            let bind = line["bind"].as_str().and_then(|bind| bind.parse().ok());
            let message = line["message"].as_str().unwrap_or_default().to_owned();
            log.push(line);
            match message.as_str() {
                "operator.listening" => operator = bind,
                "http.listening" => break bind.unwrap(),
                _ => {}
            }
        };
        Self {
            host,
            child,
            lines: Mutex::new(lines),
            log,
            client: Http::new().client(),
            address,
            operator,
        }
    }

    /// Sends a request to a listener of the server.
    pub(crate) fn send(
        &self,
        (method, to, path): (Method, SocketAddr, &str),
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Reply {
        let mut request = self.client.request(method, format!("http://{to}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.host.wait(async {
            let answer = request.body(body).send().await.unwrap();
            Reply {
                status: answer.status(),
                headers: answer.headers().clone(),
                body: answer.text().await.unwrap(),
            }
        })
    }

    /// A GET of the operator's.
    pub(crate) fn operator(&self, path: &str) -> Reply {
        let to = self.operator.expect("the configuration has operator_bind");
        self.send((Method::GET, to, path), &[], "")
    }

    /// A GET of anybody's.
    pub(crate) fn get(&self, path: &str) -> Reply {
        let host = format!("localhost:{}", self.host.world.port);
        self.send((Method::GET, self.address, path), &[("host", &host)], "")
    }

    /// Posts a message of protocol 2026-07-28 to `/mcp`, with more headers.
    pub(crate) fn post(&self, message: &Value, more: &[(&str, &str)]) -> Reply {
        let name = message["params"]["name"].as_str().unwrap_or_default();
        let method = message["method"].as_str().unwrap_or_default();
        let mut headers = vec![
            ("accept", "application/json, text/event-stream"),
            ("content-type", "application/json"),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", method),
        ];
        if !name.is_empty() {
            headers.push(("mcp-name", name));
        }
        headers.extend(more);
        self.send(
            (Method::POST, self.address, "/mcp"),
            &headers,
            message.to_string(),
        )
    }

    /// Calls a tool, and returns the answer's message.
    pub(crate) fn call(&self, params: &Value) -> Value {
        let reply = self.post(&call(params), &[]);
        serde_json::from_str(&reply.body).unwrap_or_else(|_| panic!("{}", reply.body))
    }

    /// Ends the server as its operator would, and returns every line of its log.
    pub(crate) fn stop(mut self) -> Vec<Value> {
        kill_process(pid(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        let mut log = std::mem::take(&mut self.log);
        let rest = self.lines.get_mut().unwrap();
        log.extend(rest.iter().map(|line| parsed(&line)));
        log
    }
}

impl Drop for HttpServer<'_> {
    fn drop(&mut self) {
        // Does nothing to a server that was stopped.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The message of a `tools/call`, of a client that can be given links.
pub(crate) fn call(params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": modern(params.clone(), &urls(), "probe-client") })
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"))
}
