//! Between the processes of one user that share a vault: the one that has it open answers the
//! others over a Unix socket.
//!
//! The socket's file has mode 0600 and both ends check the other's user. What crosses it are the
//! broker's operations and their answers: access tokens, which live shortly, and never a refresh
//! token. An operation may be sent twice, to two owners, when the first dies before it answers;
//! each of them is harmless when repeated.

pub(super) mod client;
pub(super) mod frame;
pub(super) mod message;
pub(super) mod path;
pub(super) mod server;
