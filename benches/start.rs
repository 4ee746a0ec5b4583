//! How long `valetkey stdio` takes from its start to an answered `tools/list`, and the memory it
//! then has: `cargo bench --bench start`.
//!
//! Hosts start a server per window, and `codex exec` shows the model no tools of one that needs a
//! second. The baseline is the start of the same binary that only prints its version.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 50;

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

fn main() -> std::io::Result<()> {
    let mut lists = Vec::new();
    let mut versions = Vec::new();
    let mut memory = Vec::new();
    for _ in 0..RUNS {
        let (took, kilobytes) = list()?;
        lists.push(took);
        memory.push(kilobytes);
        versions.push(version()?);
    }
    let (list, version) = (median(&mut lists), median(&mut versions));
    memory.sort_unstable();
    writeln!(
        std::io::stdout(),
        "start to tools/list: {:.1} ms (median of {RUNS}); --version: {:.1} ms; ratio {:.1}; \
         resident then: {:.1} MB",
        list.as_secs_f64() * 1e3,
        version.as_secs_f64() * 1e3,
        list.as_secs_f64() / version.as_secs_f64(),
        f64::from(memory[RUNS / 2]) / 1024.0,
    )
}

/// One server, from its start to the answer, and its resident memory in kB (0 where the system does
/// not tell).
fn list() -> std::io::Result<(Duration, u32)> {
    let started = Instant::now();
    let mut server = valetkey()
        .arg("stdio")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = server.stdin.take().expect("piped");
    let mut output = BufReader::new(server.stdout.take().expect("piped"));
    let mut line = String::new();
    writeln!(input, "{INITIALIZE}")?;
    output.read_line(&mut line)?;
    writeln!(input, "{INITIALIZED}\n{LIST}")?;
    line.clear();
    output.read_line(&mut line)?;
    let took = started.elapsed();
    assert!(line.contains("gmail_search"), "not a list of tools: {line}");
    let kilobytes = resident(server.id());
    drop(input);
    output.read_to_string(&mut line)?;
    server.wait()?;
    Ok((took, kilobytes))
}

fn version() -> std::io::Result<Duration> {
    let started = Instant::now();
    valetkey().arg("--version").output()?;
    Ok(started.elapsed())
}

fn valetkey() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_valetkey"));
    command
        .env_clear()
        .env("HOME", std::env::temp_dir())
        .stderr(Stdio::null());
    command
}

fn resident(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
