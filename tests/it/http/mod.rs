//! `valetkey http` as its clients, its operator and its attackers see it.

mod endpoint;
mod inside;
mod listeners;
mod loopback;
mod operator;
mod request_id;
pub(crate) mod server;
mod states;
mod team;
mod tokens;
mod traces;
mod users;
