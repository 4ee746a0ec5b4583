//! `valetkey http` as its clients and its attackers see it.

mod endpoint;
mod loopback;
pub(crate) mod server;
mod users;
