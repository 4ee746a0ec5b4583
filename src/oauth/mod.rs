//! The provider's side: authorize URL, exchange, refresh, revoke, identity.
//!
//! The protocol (RFC 6749, RFC 7636, RFC 7009, RFC 9207) is here once; what a provider does
//! differently is in the file of its name.

pub mod login;
pub mod provider;
pub mod scopes;
pub mod token;

mod authorize;
mod codes;
mod exchange;
mod identity;
mod introspect;
mod response;
mod response_map;
mod revoke;
mod template;
mod wire;

mod custom;
mod github;
mod google;
mod slack;

#[cfg(test)]
mod tests;
