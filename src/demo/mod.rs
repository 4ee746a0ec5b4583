//! The sandbox provider, a person in front of a browser, and a scripted MCP client: what
//! `valetkey demo` shows, and what the tests use as their fake provider.

pub mod browser;
pub mod client;
pub mod form;
pub mod sandbox;
