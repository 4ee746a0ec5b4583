//! A client of raw frames: the built binary over pipes, and every line that it writes, as written.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// No answer takes this long; a test that waits for more has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every file and folder below, relative.
pub(crate) fn contents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path.clone());
            }
            found.push(path.strip_prefix(folder).unwrap().to_owned());
        }
    }
    found.sort();
    found
}

/// A running `valetkey stdio`.
pub(crate) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Messages that came while another was awaited.
    unread: VecDeque<Value>,
    /// Every line of standard output so far.
    pub(crate) raw: Vec<String>,
    stderr: Option<JoinHandle<String>>,
}

impl Server {
    /// Starts the server as hosts do: with the six variables that all of them pass, and `more`.
    pub(crate) fn start(home: &Path, arguments: &[&str], more: &[(&str, &str)]) -> Self {
        let command = Command::new(env!("CARGO_BIN_EXE_valetkey"));
        Self::run(command, home, arguments, more)
    }

    /// The same with a server that a limit on the size of files does not end: its writes fail.
    pub(crate) fn start_limitable(home: &Path, arguments: &[&str], more: &[(&str, &str)]) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
        command.arg(env!("CARGO_BIN_EXE_valetkey"));
        Self::run(command, home, arguments, more)
    }

    /// The same where the process may have so many open files.
    pub(crate) fn with_open_files(limit: u32, home: &Path, arguments: &[&str]) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", &format!("ulimit -n {limit} && exec \"$0\" \"$@\"")])
            .arg(env!("CARGO_BIN_EXE_valetkey"));
        Self::run(shell, home, arguments, &[])
    }

    /// The same in a control group, whose processes are listed in this file.
    pub(crate) fn in_group(processes: &Path, home: &Path, arguments: &[&str]) -> Self {
        let enter = format!("echo $$ > {} && exec \"$0\" \"$@\"", processes.display());
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &enter, env!("CARGO_BIN_EXE_valetkey")]);
        Self::run(shell, home, arguments, &[])
    }

    fn run(mut command: Command, home: &Path, arguments: &[&str], more: &[(&str, &str)]) -> Self {
        command
            .env_clear()
            .env("HOME", home)
            .env("LOGNAME", "tester")
            .env("PATH", "/usr/bin:/bin")
            .env("SHELL", "/bin/sh")
            .env("TERM", "dumb")
            .env("USER", "tester")
            .envs(more.iter().copied())
            .args(arguments)
            .arg("stdio")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let mut errors = child.stderr.take().unwrap();
        let (to_test, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                if to_test.send(line.unwrap()).is_err() {
                    break;
                }
            }
        });
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).unwrap();
            text
        });
        Self {
            stdin: child.stdin.take(),
            child,
            lines,
            unread: VecDeque::new(),
            raw: Vec::new(),
            stderr: Some(stderr),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn send(&mut self, message: &Value) {
        self.send_line(&message.to_string());
    }

    pub(crate) fn send_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// The next message that `wanted` picks. The others are kept for later.
    pub(crate) fn expect(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.unread.iter().position(&wanted) {
            return self.unread.remove(at).unwrap();
        }
        loop {
            let message = self
                .read()
                .expect("the server ended without the awaited message");
            if wanted(&message) {
                return message;
            }
            self.unread.push_back(message);
        }
    }

    /// The answer to request `id`: its whole message.
    pub(crate) fn answer(&mut self, id: impl Into<Value>) -> Value {
        let id = id.into();
        self.expect(|message| message["id"] == id && message.get("method").is_none())
    }

    /// Sends a request and waits for its answer.
    pub(crate) fn request(&mut self, id: impl Into<Value>, method: &str, params: &Value) -> Value {
        let id = id.into();
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        self.answer(id)
    }

    /// [`Server::request`] for a server that may die: none if it does.
    pub(crate) fn try_request(&mut self, id: i64, method: &str, params: &Value) -> Option<Value> {
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let stdin = self.stdin.as_mut()?;
        writeln!(stdin, "{request}").ok()?;
        stdin.flush().ok()?;
        loop {
            let message = self.read()?;
            if message["id"] == id && message.get("method").is_none() {
                return Some(message);
            }
            self.unread.push_back(message);
        }
    }

    /// Whether any message came that nobody waited for; reads what is there, and waits for nothing.
    pub(crate) fn unread(&mut self) -> Vec<Value> {
        while let Ok(line) = self.lines.try_recv() {
            let message = self.parse(line);
            self.unread.push_back(message);
        }
        self.unread.iter().cloned().collect()
    }

    /// Opens a session of an era that has `initialize`.
    pub(crate) fn initialize(
        &mut self,
        version: &str,
        capabilities: &Value,
        client: &str,
    ) -> Value {
        let answer = self.request(
            "open",
            "initialize",
            &json!({
                "protocolVersion": version,
                "capabilities": capabilities,
                "clientInfo": { "name": client, "version": "1.0.102" },
            }),
        );
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        answer
    }

    /// Ends the process with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Closes standard input.
    pub(crate) fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Waits until the process has ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "the server did not end");
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends the session by closing the input; every line of output, and the log.
    pub(crate) fn finish(mut self) -> (Vec<String>, String) {
        self.close_input();
        assert!(self.ended().success(), "the server did not end well");
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.raw.push(line);
        }
        let log = self.stderr.take().unwrap().join().unwrap();
        (std::mem::take(&mut self.raw), log)
    }

    fn read(&mut self) -> Option<Value> {
        let line = self.lines.recv_timeout(PATIENCE).ok()?;
        Some(self.parse(line))
    }

    fn parse(&mut self, line: String) -> Value {
        let message: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("not a message on standard output: {line} ({error})"));
        assert_eq!(message["jsonrpc"], "2.0", "not JSON-RPC: {line}");
        self.raw.push(line);
        message
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// `params` of a request of protocol 2026-07-28, with what it has to carry.
pub(crate) fn modern(mut params: Value, capabilities: &Value, client: &str) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities,
        "io.modelcontextprotocol/clientInfo": { "name": client, "version": "1.0.102" },
    });
    params
}
