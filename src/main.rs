//! The binary: `clap` to commands.
fn main() {}
