//! `valetkey --version [--json]`.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::app::App;
use crate::cli::output::{Exit, result};
use crate::mcp;

/// Prints the version; as JSON with a digest of the list of tools as this configuration has it, so
/// that a change of what models are told can be noticed.
pub(super) fn run(config: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
    let version = env!("CARGO_PKG_VERSION");
    let mut facts = json!({ "version": version });
    if json {
        let toolbox = App::start(config)?.toolbox();
        facts["tools_sha256"] = json!(mcp::digest_of_tools(&toolbox).to_string());
    }
    result(json, &facts, &format!("valetkey {version}"))?;
    Ok(Exit::Done.into())
}
