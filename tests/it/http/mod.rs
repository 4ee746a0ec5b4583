//! `valetkey http` as its clients, its operator and its attackers see it.

mod apart;
mod crowd;
mod endpoint;
mod inside;
mod leaving;
mod listeners;
mod loopback;
mod many;
mod model;
mod operator;
mod privacy;
mod request_id;
pub(crate) mod server;
mod states;
mod team;
mod tokens;
mod traces;
mod users;
