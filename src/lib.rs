//! Valetkey: an MCP server whose Gmail, Slack and GitHub tools act with each user's own OAuth grant.
//!
//! A valet key opens only what you lend it for. The model asks for a tool; Valetkey finds the
//! user's grant, or hands the user a link to give one, then finishes the *same* call. The model and
//! the MCP client never see a credential.
//!
//! # The life of a call
//!
//! 1. `tools/call` arrives in [`mcp`]; [`caller`] says whose it is, and [`builtin`] which tool is
//!    meant. The few that Valetkey itself has need no grant, and go to step 5 at once.
//! 2. [`call`] asks [`broker::Broker::access`] for what the tool needs. The table on that function
//!    is the heart of the program.
//! 3. `Granted`: the tool, of the `valetkey_toolkits` crate, runs with an `Api` handle whose
//!    token can reach that provider's origins and nothing else. A 401 means one refresh and one
//!    repetition. Before a write `call` compares it with its preview, has the person agree where the
//!    policy says so, and looks whether its idempotency key was used.
//! 4. `Consent`: a flow is durable in [`store`] before its link leaves the process. How the link
//!    travels depends on the client; `mcp::answer` has the three ways. The person opens it at
//!    [`consent`], signs in where the call came over HTTP (the link is that person's alone), goes to the provider and comes back to the callback; the broker exchanges the
//!    code ([`oauth`]), stores the grant, and the call that waited goes on at step 2.
//! 5. `Denied`, or an error: a sentence that says what to do next. A result that is too long for a
//!    model is cut; [`spill`] keeps all of it for `result_read`.
//!
//! **Where does a call lacking a token go?** `mcp::handler` → [`call`] → `broker::owner::access`
//! → `broker::owner::flows` (the link) → `mcp::answer` (to the client) and `consent` (to the person) →
//! `broker::owner::callback` (the grant) → back to [`call`].
//!
//! **Which process does that?** [`broker::Broker`] is a handle: `broker::seat` makes this process the
//! owner of the store (`broker::owner`) or a follower of the process that is, and then every
//! operation goes through `broker::socket`. Nothing above the broker knows the difference.
//!
//! # The modules, in reading order
//!
//! | module | its one job | may import |
//! |---|---|---|
//! | [`caller`] | who is calling | |
//! | [`config`] | one YAML file; the only reader of the environment | |
//! | [`resource_server`] | whose call it is that comes over HTTP: access tokens, their issuers | `config`, `caller` |
//! | [`oauth`] | the provider's side: authorize URL, exchange, refresh, revoke, identity | `config` |
//! | [`seal`] | encryption and the keyring | `config` |
//! | [`store`] | sealed rows, durable before they are acknowledged | `seal`, `config`, `caller` |
//! | [`audit`] | what is recorded of every call and every change of a connection | `store`, `caller` |
//! | [`broker`] | decides: granted, consent or denied; refresh; flows | `audit`, `oauth`, `store`, `seal`, `config`, `caller` |
//! | [`consent`] | the browser's side: connect page, callback, result pages, the sign-in, the page of one's own | `broker`, `audit`, `oauth`, `resource_server`, `caller` |
//! | [`spill`] | keeps what did not fit into an answer, for its caller to read on | `seal`, `caller` |
//! | [`call`] | runs one tool with a grant of the broker, and has it recorded | `broker`, `audit`, `spill`, `caller`, `config` |
//! | [`builtin`] | every tool that can be called, and those of Valetkey itself | `call`, `broker`, `audit`, `spill`, `oauth`, `store`, `caller`, `config` |
//! | [`mcp`] | the server side of rmcp: the handler, the three answers, stdio and HTTP | `resource_server`, `builtin`, `call`, `broker`, `audit`, `spill`, `caller`, `config` |
//! | [`demo`] | a sandbox provider and a scripted client; the tests' fake provider too | `config` |
//! | [`cli`] | one file per command; wires everything | everything |
//! | [`telemetry`] | the log, on standard error | `config` |
//!
//! [`clock`], [`http`], [`metrics`], [`serve`] and [`trace`] are leaves that anyone may use. A test reads the `use` lines and fails
//! when an arrow points the wrong way.
//!
//! # Invariants
//!
//! 1. No credential is in any MCP message, log line, error, page or panic, nor unsealed on disk.
//! 2. A token goes only to its provider's configured origins; no client follows a redirect with it.
//!    A link that the provider hands out is followed without it, and to public hosts only; through an
//!    egress proxy, as far as the name is known here.
//! 3. Nothing is acknowledged before it is durable; a link is durable before it is shown, and a call
//!    is recorded before it is answered.
//! 4. One refresh per grant, whatever the number of calls and processes; a loser never overwrites a
//!    winner.
//! 5. One caller can never use, see or name another's connection, flow or kept result.
//! 6. stdout carries MCP and nothing else. EOF, SIGTERM and SIGINT end a stdio process within
//!    100 ms with nothing half done.
//! 7. A token's text is readable in `toolkits/api.rs`, in [`oauth`], in [`seal`] and on the socket
//!    between the user's own processes only, that of a client's own access token in
//!    [`resource_server`]; a refresh token never leaves the owner of the store.
//! 8. A token that a client sends never goes on to a provider; only its own issuer is asked about it.

#[cfg(not(unix))]
compile_error!("Valetkey needs Unix sockets and file locks: build it for Linux or macOS.");

pub mod audit;
pub mod broker;
pub mod builtin;
pub mod call;
pub mod caller;
pub mod cli;
pub mod clock;
pub mod config;
pub mod consent;
pub mod demo;
pub mod http;
pub mod mcp;
pub mod metrics;
pub mod oauth;
pub mod resource_server;
pub mod seal;
pub mod serve;
pub mod spill;
pub mod store;
pub mod telemetry;
pub mod trace;
