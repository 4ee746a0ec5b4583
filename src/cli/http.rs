//! `valetkey http`: many MCP clients over streamable HTTP.

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::time::timeout;

use crate::builtin::connections_connect;
use crate::caller::Caller;
use crate::cli::app::App;
use crate::cli::output::Usage;
use crate::cli::signals;
use crate::config::address::is_loopback;
use crate::config::{Config, Server};
use crate::consent::{self, People};
use crate::mcp::handler::Shared;
use crate::mcp::http::{Endpoint, Gate};
use crate::resource_server::ResourceServer;
use crate::serve::Port;
use crate::store::kind;
use crate::{metrics, trace};

/// Connections at a time. Each call that waits for its person has one.
const CONNECTIONS: usize = 20_000;

/// Those of the operator's own programs.
const OPERATOR_CONNECTIONS: usize = 64;

/// How long the start waits for the issuers' metadata. They are looked at again when somebody signs
/// in.
const LOOK: Duration = Duration::from_secs(10);

/// How long the last bytes may take to leave.
const DRAIN: Duration = Duration::from_secs(5);

/// Serve many MCP clients over streamable HTTP.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The address to listen on, in place of `server.bind`.
    #[arg(long, value_name = "ADDRESS:PORT")]
    bind: Option<SocketAddr>,
    /// Serve the fixtures of the official conformance suite too.
    #[cfg(feature = "conformance")]
    #[arg(long, hide = true)]
    conformance: bool,
}

/// Serves until SIGTERM, SIGINT or SIGHUP comes, which is a good end: no connection is accepted any
/// more, and the calls that run may finish.
pub async fn run(config: Config, args: Args) -> anyhow::Result<ExitCode> {
    let wanted = args.bind.unwrap_or(config.server.listen.bind);
    check(wanted, &config.server)?;
    open_files();
    let listener = open(wanted, "server.bind")?;
    let bind = listener.local_addr()?;
    let operator = config.server.listen.operator_bind;
    let operator = operator.map(|bind| open(bind, "server.operator_bind"));
    let operator = operator.transpose()?;
    let config = config.of_http_server(bind);
    kind::claim_for_http(&config.store_dir)?;
    let app = App::with(config);
    app.check_patterns()?;
    let stop = signals::end()?;
    // At the start, so that other commands ask this process, and not the other way round: it has the
    // browser's side.
    let owner = app.broker.attend().await?;
    if owner != std::process::id() {
        tracing::warn!(
            owner,
            "another process has the vault; it is taken over when that ends"
        );
    }
    let server = &app.config.server;
    let shared = Shared::new(app.toolbox());
    #[cfg(feature = "conformance")]
    let shared = shared.with_fixtures(args.conformance);
    let shared = Arc::new(shared);
    let (gate, people) = match &server.auth {
        Some(auth) => {
            let resource = server.public_url.join("mcp")?;
            let (http, clock) = (app.http.clone(), app.clock.clone());
            let resource_server = ResourceServer::new(auth, resource, http, clock);
            match timeout(LOOK, resource_server.without_pkce()).await {
                Ok(Some(issuer)) => return Err(no_pkce(issuer.identifier()).into()),
                Ok(None) => {}
                Err(_) => tracing::warn!("not every issuer could be looked at yet"),
            }
            let people = People::SignIn(resource_server.clone());
            (Gate::Bearer(resource_server), people)
        }
        None => (Gate::Open(Caller::local()), People::Local(Caller::local())),
    };
    let endpoint = Endpoint::new(shared, gate, &server.public_url, &server.listen);
    let endpoint = Arc::new(endpoint);
    let offers = connections_connect::offers(app.broker.providers(), &app.tools);
    let pages = consent::server_router(app.broker.clone(), people, offers);
    let port = Port::new(endpoint.router(pages, &server.listen), CONNECTIONS);
    port.listen(listener)?;
    let operator = operator.map(|listener| for_operator(&endpoint, listener));
    let operator = operator.transpose()?;
    if let Some(collector) = &server.otlp_endpoint {
        trace::start(collector, &app.http);
    }
    // The sign-ins that an earlier process left pending.
    app.broker.stand_by();
    tracing::info!(%bind, public_url = %server.public_url, "http.listening");
    stop.await;
    endpoint.close().await;
    // A client that does not read what it asked for must not keep the process.
    if timeout(DRAIN, port.drain()).await.is_err() {
        tracing::warn!("connections were still open when the server ended");
    }
    // Until here it says that the server is not ready.
    drop(operator);
    // It waits for this runtime, which sends what is left.
    tokio::task::spawn_blocking(trace::stop).await?;
    app.broker.leave();
    Ok(ExitCode::SUCCESS)
}

fn no_pkce(issuer: &str) -> Usage {
    Usage(format!(
        "Nobody can sign in safely at {issuer}: code_challenge_methods_supported in its metadata has no \
         S256 (PKCE, RFC 7636). Turn PKCE on there. If it does S256 and only does not say so, set \
         code_challenge_method: S256 in its login."
    ))
}

/// Takes as many open files as the system allows: each connection is one, and the usual limit is for
/// programs that have few.
fn open_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::warn!(%error, "the limit on open files could not be raised");
    }
}

fn open(bind: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(bind).with_context(|| {
        format!("{bind} cannot be listened on. Choose another address with {key}.")
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves the operator, and counts from now on.
fn for_operator(endpoint: &Arc<Endpoint>, listener: TcpListener) -> anyhow::Result<Port> {
    metrics::start();
    let bind = listener.local_addr()?;
    let port = Port::new(endpoint.operator_router(bind), OPERATOR_CONNECTIONS);
    port.listen(listener)?;
    tracing::info!(%bind, "operator.listening");
    Ok(port)
}

/// Refuses to be open to others without asking who they are, or under a name that they cannot use.
fn check(bind: SocketAddr, server: &Server) -> Result<(), Usage> {
    let is_public = server.listen.has_public_url && !is_loopback(&server.public_url);
    if server.auth.is_none() && is_public {
        return Err(Usage(
            "server.public_url can be reached from other machines, and no one would have to say who \
             they are. Configure server.auth, or remove server.public_url."
                .to_owned(),
        ));
    }
    if bind.ip().is_loopback() {
        return Ok(());
    }
    if server.auth.is_none() {
        return Err(Usage(format!(
            "{bind} can be reached from other machines, and no one would have to say who they are. \
             Configure server.auth, or listen on 127.0.0.1."
        )));
    }
    if !server.listen.has_public_url {
        return Err(Usage(format!(
            "{bind} can be reached from other machines, and no link would lead to it. Set \
             server.public_url to the https address under which browsers and clients find it."
        )));
    }
    Ok(())
}
