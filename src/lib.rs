//! Valetkey.

pub mod broker;
pub mod caller;
pub mod clock;
pub mod config;
pub mod http;
pub mod oauth;
pub mod seal;
pub mod store;
