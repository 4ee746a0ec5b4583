//! Valetkey's tools.
//!
//! This crate knows nothing of MCP, of storage or of OAuth. A tool is an argument struct
//! (`Deserialize + JsonSchema`; its doc comment is the description the model reads), a result
//! struct (`Serialize + JsonSchema + Render`) and an `async fn(Api, Args) -> Result<Out,
//! ToolError>`, plus one line in its toolkit's table. [`api::Api`] holds the access token
//! privately: a tool can send a request, it cannot read a credential.
//!
//! A tool that is exactly one request needs no Rust: `manifest` is the format in which a file
//! declares it, and [`declared`] makes it a tool.
//!
//! In reading order: [`tool`] (what a tool is), [`arguments`] and `schema` (what goes in),
//! [`output`] and [`sanitize`] (what comes out), [`error`], [`allowed`] (what the operator allows),
//! [`api`] with `send` and `wait` (the way to the provider), [`rate`] (what calls share), [`waits`]
//! (what a call waits for), [`when`] and [`cursor`] (two kinds of argument), `piece`, `charset`,
//! `document` and `upload` (long texts and files), then
//! one folder per toolkit.

pub mod allowed;
pub mod api;
pub mod arguments;
mod charset;
pub mod cursor;
pub mod declared;
mod document;
pub mod error;
mod github;
mod gmail;
pub mod manifest;
pub mod output;
mod piece;
pub mod rate;
pub mod sanitize;
mod schema;
mod send;
mod slack;
pub mod tool;
mod upload;
mod wait;
pub mod waits;
pub mod when;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod large;
#[cfg(test)]
mod published;
#[cfg(test)]
mod result;

pub use github::visibility::is_public as github_is_public;
pub use gmail::correspondents::has_mail_to as gmail_has_mail_to;

/// Every built-in tool, in the order of the list: by toolkit, then as in its table.
pub fn all() -> Vec<tool::Tool> {
    [gmail::tools(), slack::tools(), github::tools()].concat()
}

#[cfg(test)]
mod tests;
