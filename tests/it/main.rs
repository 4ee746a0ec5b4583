//! The one integration binary: the server real, the provider a sandbox or an emulator, the clock
//! fake where it can be.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, wherever it stands"
)]

mod accounts;
mod answers;
mod audit;
mod backup;
mod callback;
mod canary;
mod chromium;
mod cli;
mod confirm;
mod conformance;
mod consent;
mod copy;
mod crash;
mod cursors;
mod custom_provider;
mod decision;
mod demo;
mod doctor;
mod egress;
mod emulate;
mod entries;
mod faults;
mod flood;
mod flows;
mod frames;
mod github_tools;
mod gmail_tools;
mod growth;
mod held;
mod host;
mod hosts;
mod house;
mod http;
mod http_clients;
mod isolation;
mod issuer;
mod keys;
mod messages;
#[cfg(target_os = "linux")]
mod os_keyring;
mod other_account;
mod panics;
mod peers;
mod policy;
mod processes;
mod resource_server;
mod results;
mod resumption;
mod rounds;
mod scopes;
mod sdk_clients;
mod sends;
mod session;
mod sign_in;
mod slack_tools;
mod socket;
mod stdio;
mod takeover;
mod tls;
mod toolkits;
mod tools_list;
mod upstream;
mod whole_loop;
mod world;
