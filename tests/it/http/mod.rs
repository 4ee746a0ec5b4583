//! `valetkey http` in a process of its own.

mod operator;
mod request_id;
mod server;
mod traces;
