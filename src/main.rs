//! The binary: `clap` to commands.

use std::process::ExitCode;

use clap::Parser;
use valetkey::cli::{self, Cli};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    cli::run(Cli::parse()).await
}
