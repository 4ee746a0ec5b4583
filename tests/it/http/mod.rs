//! `valetkey http` as its clients, its operator and its attackers see it.

mod endpoint;
mod loopback;
mod operator;
mod request_id;
pub(crate) mod server;
mod team;
mod traces;
mod users;
