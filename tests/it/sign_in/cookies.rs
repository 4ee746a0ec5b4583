//! What the browser keeps for us, and what every answer carries.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{COOKIE, HOST, HeaderMap, LOCATION, SET_COOKIE};
use axum::http::{Request, Response, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::ServiceExt;
use url::Url;
use valetkey::demo::browser::{Journey, Person};

use super::{House, Plan, body};

/// The cookies that a journey set, by name, the last value of each.
fn set(headers: &[HeaderMap]) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for value in headers.iter().flat_map(|one| one.get_all(SET_COOKIE)) {
        let (name, rest) = value.to_str().unwrap().split_once('=').unwrap();
        found.retain(|(known, _)| known != name);
        found.push((name.to_owned(), rest.to_owned()));
    }
    found
}

/// The name without what tells one sign-in from another.
fn kind(name: &str) -> &str {
    let login = name.find("-login-").map(|at| at + "-login-".len());
    &name[..login.unwrap_or(name.len())]
}

async fn send(house: &House, url: &Url, cookies: &str) -> Response<Body> {
    let path = &url[url::Position::BeforePath..];
    let request = Request::builder()
        .uri(path)
        .header(HOST, "mcp.example.com")
        .header(COOKIE, cookies)
        .body(Body::empty())
        .unwrap();
    house.router.clone().oneshot(request).await.unwrap()
}

fn pairs(cookies: &[(String, String)]) -> String {
    let pair =
        |(name, rest): &(String, String)| format!("{name}={}", rest.split(';').next().unwrap());
    cookies.iter().map(pair).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn over_https_every_cookie_is_bound_to_the_host_and_hidden_from_scripts() {
    let house = House::with(Plan {
        public_url: Some("https://mcp.example.com"),
        ..Plan::default()
    })
    .await;
    let link = house.link("ada").await;
    let start = send(&house, &link, "").await;
    assert_eq!(start.status(), StatusCode::SEE_OTHER);
    let login = set(&[start.headers().clone()]);
    // The issuer, as Ada's browser meets it.
    let at_issuer = Url::parse(start.headers()[LOCATION].to_str().unwrap()).unwrap();
    let answer = sent_back_to(&at_issuer, "issuer_user=ada").await;
    let back = Url::parse(&answer).unwrap();
    assert_eq!(back.host_str(), Some("mcp.example.com"));
    let callback = send(&house, &back, &pairs(&login)).await;
    assert_eq!(callback.status(), StatusCode::SEE_OTHER);
    assert_eq!(callback.headers()[LOCATION].to_str().unwrap(), link.path());
    let session = set(&[callback.headers().clone()]);
    let page = send(&house, &link, &pairs(&session)).await;
    assert_eq!(page.status(), StatusCode::OK);
    let browser = set(&[page.headers().clone()]);
    let all = [login, session, browser].concat();
    let mut names: Vec<_> = all.iter().map(|(name, _)| kind(name)).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(
        names,
        [
            "__Host-valetkey",
            "__Host-valetkey-login-",
            "__Host-valetkey-session"
        ]
    );
    for (name, rest) in all {
        for needed in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
            assert!(rest.contains(needed), "{name} lacks {needed}");
        }
        assert!(!rest.contains("Domain"), "{name}");
    }
}

/// Where the issuer sends this browser.
async fn sent_back_to(url: &Url, cookie: &str) -> String {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n",
        &url[url::Position::BeforePath..],
        url.authority(),
    );
    let address = (url.host_str().unwrap(), url.port().unwrap());
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let location = answer
        .lines()
        .find_map(|line| line.strip_prefix("location: "));
    location.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[tokio::test]
async fn over_plain_http_on_loopback_the_cookies_are_the_same_without_secure() {
    let house = House::new().await;
    let mut ada = house.browser_of("ada").await;
    let journey = ada.open(house.link("ada").await).await.unwrap();
    let hops = journey.hops.iter();
    let ours = hops.filter(|hop| hop.url.origin() == house.url.origin());
    let headers: Vec<_> = ours.map(|hop| hop.headers.clone()).collect();
    let cookies = set(&headers);
    assert_eq!(cookies.len(), 3, "{cookies:?}");
    for (name, rest) in cookies {
        assert!(name.starts_with("valetkey"), "{name}");
        for needed in ["; Path=/", "; HttpOnly", "; SameSite=Lax"] {
            assert!(rest.contains(needed), "{name} lacks {needed}");
        }
        assert!(!rest.contains("Secure") && !rest.contains("Domain"));
    }
}

/// The session that a sign-in began.
fn session(journey: &Journey) -> String {
    let headers: Vec<_> = journey.hops.iter().map(|hop| hop.headers.clone()).collect();
    let cookies = set(&headers);
    let session = cookies.iter().find(|(name, _)| name == "valetkey-session");
    pairs(&[session.unwrap().clone()])
}

/// With this cookie one is signed in as Ada.
async fn is_ada(house: &House, cookie: &str) -> bool {
    is_ada_at(house, &house.router, cookie).await
}

async fn is_ada_at(house: &House, router: &Router, cookie: &str) -> bool {
    let request = Request::builder()
        .uri("/")
        .header(HOST, house.url.authority())
        .header(COOKIE, cookie)
        .body(Body::empty())
        .unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    text.contains("ada@example.test")
}

#[tokio::test]
async fn a_copy_of_the_cookie_is_useless_after_the_sign_out_and_other_sessions_go_on() {
    let house = House::new().await;
    let mut ada = house.browser_of("ada").await;
    let mut elsewhere = house.browser_of("ada").await;
    let page = ada.open(house.at("/login/0")).await.unwrap();
    let other = elsewhere.open(house.at("/login/0")).await.unwrap();
    let (copied, other) = (session(&page), session(&other));
    assert!(is_ada(&house, &copied).await && is_ada(&house, &other).await);
    let replica = house.elsewhere();
    assert!(is_ada_at(&house, &replica, &copied).await);
    let mut out = super::with_form(&page, "Sign out");
    ada.submit(&mut out, &[]).await.unwrap();
    assert!(!is_ada(&house, &copied).await);
    assert!(is_ada(&house, &other).await);
    assert!(!is_ada_at(&house, &replica, &copied).await);
    assert!(is_ada_at(&house, &replica, &other).await);
    let link = house.link("ada").await;
    let path = Request::builder()
        .uri(link.path())
        .header(HOST, house.url.authority())
        .header(COOKIE, &copied)
        .body(Body::empty())
        .unwrap();
    let answer = house.router.clone().oneshot(path).await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "to the sign-in");
    let again = ada.open(house.at("/login/0")).await.unwrap();
    assert!(is_ada(&house, &session(&again)).await);
    assert!(!is_ada(&house, &copied).await);
}

#[tokio::test]
async fn taking_back_all_that_a_user_has_ends_their_sessions_and_nobody_elses() {
    let house = House::new().await;
    let mut sessions = Vec::new();
    for user in ["ada", "ada", "grace"] {
        let mut browser = house.browser_of(user).await;
        let page = browser.open(house.at("/login/0")).await.unwrap();
        sessions.push((browser, session(&page)));
    }
    let page = sessions[2].0.open(house.at("/")).await.unwrap();
    assert!(page.last().body.contains("grace@example.test"));
    let replica = house.elsewhere();
    for _ in 0..2 {
        house.clock.advance(Duration::from_secs(1));
        let ada = house.caller("ada");
        house.broker.revoke_user(&ada).await.unwrap();
        for (_, cookie) in &sessions[..2] {
            assert!(!is_ada(&house, cookie).await);
            assert!(!is_ada_at(&house, &replica, cookie).await);
        }
        let page = sessions[2].0.open(house.at("/")).await.unwrap();
        assert!(page.last().body.contains("grace@example.test"));

        house.clock.advance(Duration::from_secs(1));
        let again = sessions[0].0.open(house.at("/login/0")).await.unwrap();
        sessions[0].1 = session(&again);
        assert!(is_ada(&house, &sessions[0].1).await, "signed in anew");
        assert!(!is_ada(&house, &sessions[1].1).await);
    }
}

#[tokio::test]
async fn a_session_is_new_at_each_sign_in_ends_after_an_hour_and_cannot_be_made_up() {
    let house = House::new().await;
    let mut ada = house.browser_of("ada").await;
    let mut values = Vec::new();
    for _ in 0..2 {
        let journey = ada.open(house.at("/login/0")).await.unwrap();
        values.push(session(&journey));
    }
    assert_ne!(
        values[0], values[1],
        "a value that was there before does not live on"
    );
    let who = async |cookie: &str| is_ada(&house, cookie).await;
    assert!(who(&values[1]).await);
    let (kept, last) = values[1].split_at(values[1].len() - 4);
    for other in [
        "valetkey-session=".to_owned(),
        "valetkey-session=preset".to_owned(),
        format!("{kept}{}", if last == "AAAA" { "BBBB" } else { "AAAA" }),
        values[1].replace("valetkey-session=", "valetkey-login-AAAAAAAA="),
        format!("{}; {}", values[1], values[1]),
    ] {
        assert!(!who(&other).await, "{other}");
    }
    house.clock.advance(Duration::from_mins(59));
    assert!(who(&values[1]).await);
    house.clock.advance(Duration::from_mins(1));
    assert!(!who(&values[1]).await);
}

#[tokio::test]
async fn every_answer_forbids_frames_caches_and_referrers_and_names_no_foreign_address() {
    let house = House::new().await;
    let link = house.link("ada").await;
    house.connect("grace").await;
    let id = house.connections("grace").await[0].id;
    let mut grace = house.browser_of("grace").await;
    let login = grace.open(house.at("/login/0")).await.unwrap();
    let mut hops = login.hops;
    let link_path = link.path().to_owned();
    let connected = link_path.replace("/connect/", "/connected/");
    let disconnect = format!("/disconnect/{id}");
    let paths = [
        "/",
        &link_path,
        &connected,
        &disconnect,
        "/login/callback",
        "/oauth/callback/google",
        "/authorize",
        "/token",
        "/register",
        "/admin",
    ];
    for path in paths {
        hops.extend(grace.open(house.at(path)).await.unwrap().hops);
        hops.extend(Person::new().open(house.at(path)).await.unwrap().hops);
    }
    let own = hops
        .iter()
        .filter(|hop| hop.url.origin() == house.url.origin());
    let mut pages = 0;
    for hop in own {
        let header = |name: &str| hop.headers.get(name).map(|it| it.to_str().unwrap());
        let path = hop.url.path();
        let policy = header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(header("referrer-policy"), Some("no-referrer"), "{path}");
        if hop.status.is_redirection() {
            assert_eq!(hop.status, 303, "{path}");
            continue;
        }
        pages += 1;
        let text = body(hop);
        assert!(
            !text.contains("://") && !text.contains("=\"//"),
            "{path}: {text}"
        );
        if matches!(path, "/authorize" | "/token" | "/register" | "/admin") {
            assert_eq!(hop.status, 404, "{path}");
        }
    }
    assert!(pages >= 2 * paths.len() - 1, "{pages} pages were looked at");
}
