//! `valetkey http` in a process of its own.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::peers::PATIENCE;

/// A server that listens. It ends with the value.
pub(crate) struct Served {
    /// Its endpoint.
    pub(crate) mcp: String,
    _child: Child,
}

impl Served {
    /// `valetkey ARGUMENTS` in this home, where `http` is among the arguments.
    pub(crate) async fn start(home: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_valetkey"))
            .args(arguments)
            .env_clear()
            .env("HOME", home)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let bind = timeout(PATIENCE, async {
            while let Some(line) = log.next_line().await.unwrap() {
                let record: Value = serde_json::from_str(&line).unwrap_or_default();
                if record["message"] == "http.listening" {
                    return record["bind"].as_str().unwrap().to_owned();
                }
                said.push(line);
            }
            panic!("it does not listen: {said:?}");
        });
        let bind = bind.await.expect("it neither listens nor ends");
        // A log that nobody reads would block it.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Self {
            mcp: format!("http://{bind}/mcp"),
            _child: child,
        }
    }
}
