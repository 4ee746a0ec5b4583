use std::net::SocketAddr;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;

use super::*;

/// Two origins on one port: 127.0.0.1 and localhost.
async fn site_with(routes: Router) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    address
}

/// Answers with the request's headers of interest.
async fn mirror(request: Request) -> String {
    let header = |name: &str| {
        let value = request.headers().get(name);
        value
            .map_or("-", |value| value.to_str().unwrap())
            .to_owned()
    };
    format!(
        "{} {} {}",
        header("cookie"),
        header("origin"),
        header("sec-fetch-site")
    )
}

fn redirect(status: u16, to: &str) -> Response {
    let status = axum::http::StatusCode::from_u16(status).unwrap();
    (status, [(LOCATION, to.to_owned())]).into_response()
}

#[tokio::test]
async fn cookies_follow_path_same_site_and_host_prefix() {
    let cookies = [
        "strict=1; Path=/; SameSite=Strict",
        "lax=1; Path=/; SameSite=Lax; Secure; HttpOnly",
        "elsewhere=1; Path=/elsewhere",
        "__Host-good=1; Path=/; Secure",
        "__Host-bad=1; Path=/deep; Secure",
        "gone=1; Path=/",
        "gone=; Path=/; Max-Age=0",
        "wide=1; Domain=localhost",
    ];
    let set = move || async move {
        let mut response = "".into_response();
        for cookie in cookies {
            let value = cookie.parse().unwrap();
            response.headers_mut().append(SET_COOKIE, value);
        }
        response
    };
    let form = || async { axum::response::Html("<form method=post action='/go'></form>") };
    let routes = Router::new()
        .route("/set", get(set))
        .route("/mirror", get(mirror).post(mirror))
        .route("/form", get(form));
    let there = site_with(routes).await;
    let back = format!("http://localhost:{}/mirror", there.port());
    let to = back.clone();
    let routes = Router::new()
        .route("/form", get(form))
        .route("/go", post(move || async move { redirect(303, &to) }));
    let other = site_with(routes).await;

    let mut person = Person::new();
    let at = |text: String| Url::parse(&text).unwrap();
    let origin = format!("http://localhost:{}", there.port());
    person.open(at(format!("{origin}/set"))).await.unwrap();
    let typed = person.open(at(back)).await.unwrap();
    assert_eq!(typed.last().body, "strict=1; lax=1; __Host-good=1 - none");

    // Back from another site, as from a provider: a strict cookie stays at home.
    let mut journey = person
        .open(at(format!("http://{other}/form")))
        .await
        .unwrap();
    person.submit(&mut journey, &[]).await.unwrap();
    assert_eq!(journey.last().body, "lax=1; __Host-good=1 - cross-site");

    // 127.0.0.1 is another host than localhost.
    let elsewhere = at(format!("http://{there}/mirror"));
    assert_eq!(
        person.open(elsewhere).await.unwrap().last().body,
        "- - none"
    );
}

#[tokio::test]
async fn a_form_tells_its_origin_unless_its_page_has_no_referrer() {
    let page = |policy: &'static str| {
        let form = "<form method=post action='/mirror'></form>";
        move || async move { ([(REFERRER_POLICY, policy)], form.to_owned()) }
    };
    let routes = Router::new()
        .route("/plain", get(page("same-origin")))
        .route("/silent", get(page("no-referrer")))
        .route("/mirror", post(mirror));
    let address = site_with(routes).await;
    for (path, origin) in [
        ("plain", format!("http://{address}")),
        ("silent", "null".to_owned()),
    ] {
        let link = format!("http://{address}/{path}");
        let body = Person::new().follow(&link).await;
        // The mirrored answer has no form, so the way ends there.
        assert_eq!(body.unwrap().last().body, format!("- {origin} same-origin"));
    }
}

#[tokio::test]
async fn form_action_is_applied_to_every_redirect_after_the_form() {
    let form = |policy: &'static str| {
        let page = "<form method=post action='/go'></form>";
        move || async move { ([(CONTENT_SECURITY_POLICY, policy)], page.to_owned()) }
    };
    let go = |request: Request| async move {
        let port = request.headers()["host"]
            .to_str()
            .unwrap()
            .rsplit(':')
            .next()
            .unwrap()
            .to_owned();
        redirect(303, &format!("http://localhost:{port}/end"))
    };
    let routes = Router::new()
        .route("/free", get(form("default-src 'none'")))
        .route(
            "/caged",
            get(form("default-src 'none'; form-action 'self'")),
        )
        .route("/go", post(go))
        .route("/end", get(|| async { "end" }));
    let address = site_with(routes).await;
    let follow = async |path: &str| {
        Person::new()
            .follow(&format!("http://{address}/{path}"))
            .await
    };
    assert_eq!(follow("free").await.unwrap().last().body, "end");
    let error = follow("caged").await.unwrap_err();
    assert!(
        matches!(error, BrowserError::FormActionBlocked { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn endless_redirects_and_dead_hosts_are_errors_that_name_the_host_only() {
    let routes = Router::new().route("/loop", get(|| async { redirect(302, "/loop?secret=1") }));
    let address = site_with(routes).await;
    let link = format!("http://{address}/loop?secret=1");
    let error = Person::new().follow(&link).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{address} redirected in a way that no browser follows.")
    );
    let dead = Person::new()
        .follow("http://127.0.0.1:1/connect/secret")
        .await
        .unwrap_err();
    assert_eq!(
        dead.to_string(),
        "127.0.0.1:1 did not answer (no connection)."
    );
}
