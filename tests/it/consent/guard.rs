//! What is refused before the broker is asked, and what every answer carries.

use axum::body::Body;
use axum::http::header::HOST;
use axum::http::{Request, StatusCode};

use super::Site;

const JUNK: &str = "/connect/xyz";

/// 43 characters that nobody minted.
const UNKNOWN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn bare() -> Site {
    Site::with("", Some("http://127.0.0.1:8419"))
}

fn is_store_untouched(site: &Site) -> bool {
    let entries = std::fs::read_dir(site.home.path()).unwrap();
    let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names == ["valetkey.yaml"]
}

#[tokio::test]
async fn a_request_for_another_host_is_refused_whatever_it_asks_for() {
    let site = bare();
    let hosts: [&[&str]; 8] = [
        &[],
        &["evil.example:8419"],
        &["localhost:8419"],
        &["127.0.0.1"],
        &["127.0.0.1:80"],
        &["127.0.0.1:8419", "127.0.0.1:8419"],
        &["127.0.0.1:8419", "evil.example"],
        &[""],
    ];
    for names in hosts {
        for (method, path) in [
            ("GET", format!("/connect/{UNKNOWN}")),
            ("POST", format!("/connect/{UNKNOWN}")),
            ("GET", "/oauth/callback/acme?state=a&code=b".to_owned()),
            ("GET", format!("/connected/{UNKNOWN}")),
            ("GET", "/nothing".to_owned()),
        ] {
            let mut request = Request::builder().method(method).uri(&path);
            for name in names {
                request = request.header(HOST, *name);
            }
            let answer = site.send(request.body(Body::empty()).unwrap()).await;
            let refused = answer.status == StatusCode::MISDIRECTED_REQUEST;
            assert!(refused, "{names:?} {method} {path}: {}", answer.status);
        }
    }
    let absolute = site.builder("GET", "http://evil.example/connect/x");
    let answer = site.send(absolute.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST);
    assert!(is_store_untouched(&site));
}

#[tokio::test]
async fn links_that_cannot_be_ours_never_reach_the_store() {
    let site = bare();
    let junk = [
        JUNK.to_owned(),
        format!("/connect/{UNKNOWN}A"),
        format!("/connect/{}", &UNKNOWN[1..]),
        format!("/connect/{}%20", &UNKNOWN[1..]),
        format!("/connect/{}%ff", &UNKNOWN[1..]),
        format!("/connect/{}.", &UNKNOWN[1..]),
        format!("/connect/{UNKNOWN}/"),
        "/connect/".to_owned(),
        "/connect/..%2f..%2fetc%2fpasswd".to_owned(),
        format!("/connected/{UNKNOWN}"),
        "/connected/x".to_owned(),
    ];
    for path in junk {
        let answer = site.request("GET", &path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(is_store_untouched(&site));
}

#[tokio::test]
async fn each_path_has_its_methods_and_no_other() {
    let site = bare();
    let connect = format!("/connect/{UNKNOWN}");
    let connected = format!("/connected/{UNKNOWN}");
    let callback = "/oauth/callback/acme?state=a&code=b";
    let cases = [
        ("PUT", connect.as_str()),
        ("DELETE", &connect),
        ("OPTIONS", &connect),
        ("PATCH", &connect),
        ("TRACE", &connect),
        ("BREW", &connect),
        ("PUT", &connected),
        ("OPTIONS", &connected),
        ("POST", callback),
        ("HEAD", callback),
        ("OPTIONS", callback),
    ];
    for (method, path) in cases {
        let answer = site.request(method, path).await;
        let refused = answer.status == StatusCode::METHOD_NOT_ALLOWED;
        assert!(refused, "{method} {path}: {}", answer.status);
    }
    assert!(is_store_untouched(&site));
}

#[tokio::test]
async fn queries_and_bodies_have_limits_and_no_parameter_comes_twice() {
    let site = bare();
    let long = |bytes: usize| format!("?x={}", "a".repeat(bytes - 2));
    let cases = [
        ("?a=1&b=2".to_owned(), StatusCode::NOT_FOUND),
        (long(8 * 1024), StatusCode::NOT_FOUND),
        (long(8 * 1024 + 1), StatusCode::URI_TOO_LONG),
        (long(60 * 1024), StatusCode::URI_TOO_LONG),
        ("?a=1&a=1".to_owned(), StatusCode::BAD_REQUEST),
        ("?a=1&b=2&%61=3".to_owned(), StatusCode::BAD_REQUEST),
        ("?a&a".to_owned(), StatusCode::BAD_REQUEST),
    ];
    for (query, status) in cases {
        for path in [JUNK, "/connected/xyz", "/nothing"] {
            let answer = site.request("GET", &format!("{path}{query}")).await;
            assert_eq!(answer.status, status, "{path} {query:.20}");
        }
    }
    let state = "/oauth/callback/acme?state=a&state=b&code=c";
    let answer = site.request("GET", state).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);

    for (bytes, status) in [
        (8 * 1024, StatusCode::FORBIDDEN),
        (8 * 1024 + 1, StatusCode::PAYLOAD_TOO_LARGE),
        (1024 * 1024, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let request = site.builder("POST", &format!("/connect/{UNKNOWN}"));
        let body = Body::from("a".repeat(bytes));
        let answer = site.send(request.body(body).unwrap()).await;
        assert_eq!(answer.status, status, "{bytes}");
    }
    assert!(is_store_untouched(&site));
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let site = bare();
    let connect = format!("/connect/{UNKNOWN}");
    let long = format!("/?{}", "a".repeat(9000));
    let cases = [
        ("GET", JUNK, 404),
        ("HEAD", JUNK, 404),
        ("POST", &connect, 403),
        ("PUT", &connect, 405),
        ("GET", "/oauth/callback/acme?state=a&state=b", 400),
        ("GET", "/oauth/callback/acme?code=b&error=c", 400),
        ("GET", "/oauth/callback/%ff", 400),
        ("HEAD", "/oauth/callback/acme", 405),
        ("GET", "/connected/x", 404),
        ("GET", "/", 404),
        ("GET", "/favicon.ico", 404),
        ("GET", &long, 414),
        ("GET", "http://evil.example/", 421),
    ];
    for (method, path, status) in cases {
        let answer = site.request(method, path).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path:.40}");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("content-type", "text/html; charset=utf-8"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{method} {path:.40}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        for directive in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(directive), "{method} {path:.40}: {policy}");
        }
        assert_eq!(answer.header("set-cookie"), None, "{method} {path:.40}");
        assert_eq!(
            answer.body.is_empty(),
            method == "HEAD",
            "{method} {path:.40}"
        );
    }
}
