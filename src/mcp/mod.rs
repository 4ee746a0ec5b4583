//! The server side of MCP: how tools are listed and called, and how a link reaches the person.
//!
//! In reading order: [`handler`] (what this server answers), `turn` (one `tools/call` from arrival
//! to answer), `answer` with `clients` (how the link travels to this client), `hold` (waiting for
//! the person), `request_state` (what a client of 2026-07-28 keeps for us between two requests),
//! `result` (what the model sees), `catalog` (the list of tools), `wire` (the SDK's frames,
//! corrected), `observed` (what the operator sees of a call), [`stdio`] (standard input and output).

mod answer;
mod catalog;
mod clients;
mod confirm;
pub mod handler;
mod hold;
pub mod http;
mod observed;
mod request_state;
mod result;
pub mod stdio;
mod turn;
mod wire;

pub use catalog::digest_of_tools;
