//! A reverse proxy on loopback before several servers, as operators have one before their replicas:
//! it takes turns, and can lose connections and leave a server out.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONNECTION, TRANSFER_ENCODING};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What gets the next server in turn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn {
    /// Each connection, with all its requests.
    Connection,
    /// Each request, whatever its connection.
    Request,
}

/// The proxy. It ends with the value, and its connections with it.
///
/// The servers get the client's own `Host`, and its address in `X-Forwarded-For`. A client that goes
/// away is gone for the server too, and a server that goes away for the client. A server that cannot
/// be reached is a 502: nothing is tried twice.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    turn: Turn,
    /// All servers, and whether each is in use.
    servers: Mutex<Vec<(SocketAddr, bool)>>,
    next: AtomicUsize,
    /// Ends the connections of now.
    cutting: Mutex<CancellationToken>,
    client: reqwest::Client,
}

impl Proxy {
    pub(crate) async fn start(turn: Turn, servers: &[SocketAddr]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        Self::on(listener, turn, servers)
    }

    /// On a listener that is known before its servers are, whose `public_url` is its address.
    pub(crate) fn on(listener: TcpListener, turn: Turn, servers: &[SocketAddr]) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            turn,
            servers: Mutex::new(servers.iter().map(|server| (*server, true)).collect()),
            next: AtomicUsize::new(0),
            cutting: Mutex::default(),
            client: client(),
        });
        let accepting = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((stream, peer)) = listener.accept().await {
                    let cut = shared.cutting.lock().unwrap().child_token();
                    let connection = connection(Arc::clone(&shared), stream, peer);
                    tokio::spawn(async move { cut.run_until_cancelled(connection).await });
                }
            }
        });
        Self {
            address,
            shared,
            accepting,
        }
    }

    /// Where clients find it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Closes every connection, to the clients and to the servers, whatever is under way.
    pub(crate) fn cut(&self) {
        std::mem::take(&mut *self.shared.cutting.lock().unwrap()).cancel();
    }

    /// Gives this server no more connections, or no more requests. What is under way stays.
    pub(crate) fn take_out(&self, server: SocketAddr) {
        self.shared.use_server(server, false);
    }

    /// Takes this server back.
    pub(crate) fn put_back(&self, server: SocketAddr) {
        self.shared.use_server(server, true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

impl Shared {
    fn use_server(&self, server: SocketAddr, use_it: bool) {
        let mut servers = self.servers.lock().unwrap();
        let mut found = servers.iter_mut().filter(|(address, _)| *address == server);
        found.next().expect("the proxy has that server").1 = use_it;
    }

    /// Whose turn it is; none if all are left out.
    fn next(&self) -> Option<SocketAddr> {
        let servers = self.servers.lock().unwrap();
        let used: Vec<_> = servers.iter().filter(|(_, used)| *used).collect();
        let turn = self.next.fetch_add(1, Ordering::SeqCst);
        used.get(turn.checked_rem(used.len())?)
            .map(|(address, _)| *address)
    }
}

/// Without time limits, since streams stay open; and without connections kept, since a server that
/// has ended would be noticed late.
#[expect(
    clippy::disallowed_methods,
    reason = "a proxy forwards what is not its own, under the limits of both ends"
)]
fn client() -> reqwest::Client {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_gzip()
        .no_proxy()
        .pool_max_idle_per_host(0);
    client.build().unwrap()
}

async fn connection(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    // A stream's events would wait for the client's kernel.
    stream.set_nodelay(true).ok();
    let own = match shared.turn {
        Turn::Connection => Some(shared.next()),
        Turn::Request => None,
    };
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move {
            let server = own.unwrap_or_else(|| shared.next());
            let answer = forward(&shared.client, server, request, peer).await;
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    connection.await.ok();
}

async fn forward(
    client: &reqwest::Client,
    server: Option<SocketAddr>,
    request: Request<hyper::body::Incoming>,
    peer: SocketAddr,
) -> Response {
    let Some(server) = server else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    // These two are between neighbours only (RFC 9110 §7.6.1).
    for own in [CONNECTION, TRANSFER_ENCODING] {
        head.headers.remove(own);
    }
    let peer = HeaderValue::try_from(peer.ip().to_string()).unwrap();
    head.headers.append(FORWARDED_FOR, peer);
    let request = client
        .request(head.method, format!("http://{server}{path}"))
        .headers(head.headers)
        .body(reqwest::Body::wrap(body));
    let Ok(answer) = request.send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let mut answer = axum::http::Response::<reqwest::Body>::from(answer).map(Body::new);
    for own in [CONNECTION, TRANSFER_ENCODING] {
        answer.headers_mut().remove(own);
    }
    answer
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::Router;
    use axum::http::HeaderMap;
    use axum::routing::{any, get};
    use tokio_util::sync::DropGuard;
    use valetkey::http::Http;

    use super::*;

    /// A server that says its name, what it was sent and how; and that holds `/held` for good.
    async fn server(name: &'static str) -> (SocketAddr, CancellationToken) {
        let gone = CancellationToken::new();
        let guard = gone.clone();
        let held = move || {
            let guard: DropGuard = guard.clone().drop_guard();
            async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            }
        };
        let echo = move |headers: HeaderMap, body: String| async move {
            let text = |name| {
                headers
                    .get(name)
                    .map_or("", |value| value.to_str().unwrap())
            };
            let (host, client) = (text("host"), text("x-forwarded-for"));
            format!("{name} {host} {client} {body}")
        };
        let router = Router::new().route("/held", get(held)).fallback(any(echo));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (address, gone)
    }

    /// The names of the servers that so many requests of one client reach, one after another.
    async fn reached(proxy: &Proxy, client: &reqwest::Client, requests: usize) -> String {
        let mut names = String::new();
        for _ in 0..requests {
            let answer = client.post(format!("{}/x?y=z", proxy.url())).body("hello");
            let answer = answer.send().await.unwrap().text().await.unwrap();
            let host = proxy.address;
            let rest = answer.strip_suffix(&format!(" {host} 127.0.0.1 hello"));
            names += rest.unwrap_or_else(|| panic!("{answer}"));
        }
        names
    }

    #[tokio::test]
    async fn requests_or_connections_take_turns_and_a_server_can_be_left_out() {
        let ((a, _), (b, _)) = (server("a").await, server("b").await);
        let proxy = Proxy::start(Turn::Request, &[a, b]).await;
        let client = Http::new().client();
        assert_eq!(reached(&proxy, &client, 4).await, "abab");
        proxy.take_out(a);
        assert_eq!(reached(&proxy, &client, 3).await, "bbb");
        proxy.take_out(b);
        let answer = client.get(proxy.url()).send().await.unwrap();
        assert_eq!(answer.status(), 503);
        proxy.put_back(a);
        assert_eq!(reached(&proxy, &client, 2).await, "aa");

        let proxy = Proxy::start(Turn::Connection, &[a, b]).await;
        assert_eq!(reached(&proxy, &client, 3).await, "aaa");
        let other = Http::new().client();
        assert_eq!(reached(&proxy, &other, 3).await, "bbb");
        assert_eq!(reached(&proxy, &client, 1).await, "a");
    }

    #[tokio::test]
    async fn a_cut_reaches_both_ends_and_the_next_request_goes_through() {
        let (a, gone) = server("a").await;
        let proxy = Proxy::start(Turn::Request, &[a]).await;
        let client = Http::new().client();
        let held = tokio::spawn(client.get(format!("{}/held", proxy.url())).send());
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!gone.is_cancelled() && !held.is_finished());
        proxy.cut();
        assert!(held.await.unwrap().is_err());
        gone.cancelled().await;
        assert_eq!(reached(&proxy, &client, 1).await, "a");
    }

    #[tokio::test]
    async fn a_client_that_leaves_is_gone_for_the_server_too() {
        let (a, gone) = server("a").await;
        let proxy = Proxy::start(Turn::Request, &[a]).await;
        let client = Http::new().client();
        let held = tokio::spawn(client.get(format!("{}/held", proxy.url())).send());
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!gone.is_cancelled());
        held.abort();
        gone.cancelled().await;
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_a_bad_gateway() {
        let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = closed.local_addr().unwrap();
        drop(closed);
        let proxy = Proxy::start(Turn::Request, &[address]).await;
        let answer = Http::new().client().get(proxy.url()).send().await.unwrap();
        assert_eq!(answer.status(), 502);
    }
}
