//! What leaves the process, and what comes of the answers, against a server on loopback.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::{Api, ApiSettings, Request};
use crate::error::ErrorCode;
use crate::fake::{Provider, client, raw, settings, silent};

const MIB: usize = 1024 * 1024;

fn read(api: &Api) -> Request {
    api.read(Method::GET, &["things"])
}

fn write(api: &Api) -> Request {
    api.write(Method::POST, &["things"])
        .json(&serde_json::json!({ "name": "x" }))
}

#[tokio::test]
async fn a_request_carries_its_parts_and_the_token() {
    let provider = Provider::start(|_, _| "{}").await;
    let base = provider.url.join("/api/v3").unwrap();
    Api::new(settings(&base))
        .read(Method::GET, &["repos", "a b", "x/../../user", "%2e%2e"])
        .query("q", "a&b=c\r\nd é")
        .query("page", 2)
        .header("accept", "application/json")
        .send()
        .await
        .unwrap();
    Api::new(settings(&base))
        .write(Method::PUT, &["form"])
        .form(&[("a", "1 &=\r\n".to_owned()), ("b", "é".to_owned())])
        .send()
        .await
        .unwrap();
    let seen = provider.seen();
    assert_eq!(
        seen[0].path,
        "/api/v3/repos/a%20b/x%2F..%2F..%2Fuser/%252e%252e"
    );
    assert_eq!(seen[0].query("q"), "a&b=c\r\nd é");
    assert_eq!(seen[0].query("page"), "2");
    assert_eq!(seen[0].header("accept"), "application/json");
    assert_eq!(seen[0].header("authorization"), "Bearer token-0");
    assert_eq!(seen[1].method, "PUT");
    assert_eq!(seen[1].body, "a=1+%26%3D%0D%0A&b=%C3%A9");
    assert_eq!(
        seen[1].header("content-type"),
        "application/x-www-form-urlencoded"
    );
}

#[tokio::test]
async fn a_segment_that_could_climb_or_split_is_refused_unsent() {
    let provider = Provider::start(|_, _| "{}").await;
    for segment in ["", ".", "..", ".\n.", "a\r\nHost: evil", "a\tb", "a\0b"] {
        let error = provider
            .api()
            .read(Method::GET, &["repos", segment])
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArguments, "{segment:?}");
    }
    for value in ["a\r\nAuthorization: Bearer x", "a\nb", "a\0"] {
        let error = read(&provider.api())
            .header("x-name", value)
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArguments, "{value:?}");
    }
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn the_token_goes_to_one_origin_only() {
    let provider = Provider::start(|_, _| "{}").await;
    let foreign = Provider::start(|_, _| "{}").await;
    for target in [
        foreign.url.as_str(),
        "http://127.0.0.1/",
        "http://localhost/",
        "https://evil.example/",
        "file:///etc/passwd",
        "data:text/plain,x",
    ] {
        let mut request = read(&provider.api());
        request.url = Url::parse(target).unwrap();
        let error = request.send().await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Rejected, "{target}");
    }
    // The same host and port by another scheme is another origin.
    let mut request = read(&provider.api());
    request.url = Url::parse(&provider.url.as_str().replace("http:", "https:")).unwrap();
    assert_eq!(request.send().await.unwrap_err().code, ErrorCode::Rejected);
    assert!(foreign.seen().is_empty());
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn a_file_is_read_with_the_token_where_the_provider_keeps_files_and_nowhere_else() {
    let provider = Provider::start(|_, _| "{}").await;
    let foreign = Provider::start(|_, _| "{}").await;
    let elsewhere = foreign.url.to_string();
    let files = Provider::start(move |request, _| match request.path.as_str() {
        "/moved" => (StatusCode::FOUND, [("location", elsewhere.clone())]).into_response(),
        _ => "the file".into_response(),
    })
    .await;
    let api = Api::new(ApiSettings {
        file_origins: vec![files.url.clone()],
        ..settings(&provider.url)
    });
    for place in [&files.url, &provider.url] {
        let address = place.join("/files-pri/T1-F1/a.txt?x=1").unwrap();
        let response = api.file(address.as_str()).unwrap().send().await.unwrap();
        assert_eq!(response.status, StatusCode::OK);
    }
    for seen in [&files.seen()[0], &provider.seen()[0]] {
        assert_eq!(seen.header("authorization"), "Bearer token-0");
        assert_eq!(
            (seen.path.as_str(), seen.query("x")),
            ("/files-pri/T1-F1/a.txt", "1")
        );
    }
    let moved = files.url.join("/moved").unwrap();
    let response = api.file(moved.as_str()).unwrap().send().await.unwrap();
    assert_eq!(response.status, StatusCode::FOUND);

    let port = files.url.port().unwrap();
    for address in [
        foreign.url.to_string(),
        format!("https://127.0.0.1:{port}/a"),
        format!("http://localhost:{port}/a"),
        format!("http://127.0.0.1.evil.example:{port}/a"),
        format!("http://user@127.0.0.1:{port}/a"),
        format!("http://127.0.0.1:{port}@evil.example/a"),
        "https://evil.example/a".to_owned(),
        "file:///etc/passwd".to_owned(),
        "/a".to_owned(),
        String::new(),
    ] {
        let error = api.file(&address).err().expect(&address);
        assert_eq!(error.code, ErrorCode::Rejected, "{address}");
        assert!(error.fix.contains("api.file_origins"), "{error}");
        assert!(!format!("{error:?}").contains("evil"), "{error:?}");
    }
    assert!(foreign.seen().is_empty());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let foreign = Provider::start(|_, _| "{}").await;
    let elsewhere = foreign.url.to_string();
    let provider = Provider::start(move |_, _| {
        (StatusCode::FOUND, [("location", elsewhere.clone())]).into_response()
    })
    .await;
    let response = read(&provider.api()).send().await.unwrap();
    assert_eq!(response.status, StatusCode::FOUND);
    let response = write(&provider.api()).send().await.unwrap();
    assert_eq!(response.status, StatusCode::FOUND);
    assert!(foreign.seen().is_empty());
}

#[tokio::test]
async fn no_debug_output_and_no_error_shows_the_token() {
    let api = Api::new(ApiSettings {
        access_token: SecretString::from("CANARY\r\nx"),
        ..settings(&Url::parse("http://127.0.0.1:9/").unwrap())
    });
    let error = read(&api).send().await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unauthorized);
    assert!(!format!("{api:?} {error} {error:?}").contains("CANARY"));
    let api = Api::new(ApiSettings {
        access_token: SecretString::from("CANARY"),
        ..settings(&Url::parse("http://127.0.0.1:9/").unwrap())
    });
    let header = api
        .authorization(&api.0.settings.base_url, &api.token())
        .unwrap();
    assert!(header.is_sensitive());
    assert!(!format!("{header:?}").contains("CANARY"));
}

#[tokio::test]
async fn a_401_is_cured_by_one_renewal_and_later_requests_use_the_new_token() {
    let provider = Provider::start(|request, _| {
        if request.header("authorization") == "Bearer token-1" {
            StatusCode::OK
        } else {
            StatusCode::UNAUTHORIZED
        }
    })
    .await;
    let api = provider.api();
    write(&api).send().await.unwrap();
    read(&api).send().await.unwrap();
    let tokens: Vec<String> = provider
        .seen()
        .iter()
        .map(|request| request.header("authorization").to_owned())
        .collect();
    assert_eq!(
        tokens,
        ["Bearer token-0", "Bearer token-1", "Bearer token-1"]
    );

    let api = provider.api();
    let (a, b, c) = tokio::join!(
        read(&api).send(),
        read(&api).send(),
        read(&api.clone()).send()
    );
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert!(
        provider
            .seen()
            .iter()
            .all(|request| request.header("authorization") <= "Bearer token-1"),
        "three requests refused at once are one renewal"
    );
}

#[tokio::test]
async fn a_401_that_stays_or_cannot_be_renewed_is_unauthorized() {
    let provider = Provider::start(|_, _| StatusCode::UNAUTHORIZED).await;
    let error = read(&provider.api()).send().await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unauthorized);
    assert_eq!(provider.seen().len(), 2);

    let api = Api::new(ApiSettings {
        renew: Arc::new(|_| Box::pin(async { None })),
        ..settings(&provider.url)
    });
    let error = write(&api).send().await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unauthorized);
    assert_eq!(provider.seen().len(), 3);
}

/// What a provider answers, one after the other, the last for ever; and what comes of it.
struct Case {
    answers: &'static [(u16, &'static [(&'static str, &'static str)])],
    read: (Result<(), ErrorCode>, usize),
    write: (Result<(), ErrorCode>, usize),
}

const GITHUB_PRIMARY: &[(&str, &str)] = &[
    ("x-ratelimit-remaining", "0"),
    // Three seconds after the call of the test.
    ("x-ratelimit-reset", "1795428003"),
];

const UNKNOWN: Result<(), ErrorCode> = Err(ErrorCode::OutcomeUnknown);
const LIMITED: Result<(), ErrorCode> = Err(ErrorCode::RateLimited);
const UNREACHABLE: Result<(), ErrorCode> = Err(ErrorCode::Unreachable);

const CASES: &[Case] = &[
    Case {
        answers: &[(200, &[])],
        read: (Ok(()), 1),
        write: (Ok(()), 1),
    },
    Case {
        answers: &[(503, &[]), (502, &[]), (200, &[])],
        read: (Ok(()), 3),
        write: (UNKNOWN, 1),
    },
    Case {
        answers: &[(500, &[])],
        read: (UNREACHABLE, 3),
        write: (UNKNOWN, 1),
    },
    Case {
        answers: &[(503, &[("retry-after", "3600")])],
        read: (UNREACHABLE, 1),
        write: (UNKNOWN, 1),
    },
    Case {
        answers: &[(429, &[]), (200, &[])],
        read: (Ok(()), 2),
        write: (Ok(()), 2),
    },
    Case {
        answers: &[(429, &[("retry-after", "2")])],
        read: (LIMITED, 3),
        write: (LIMITED, 3),
    },
    Case {
        answers: &[(429, &[("retry-after", "-1")]), (200, &[])],
        read: (Ok(()), 2),
        write: (Ok(()), 2),
    },
    Case {
        answers: &[(429, &[("retry-after", "11")])],
        read: (LIMITED, 1),
        write: (LIMITED, 1),
    },
    // Two waits of six seconds are more than the call may wait.
    Case {
        answers: &[(429, &[("retry-after", "6")])],
        read: (LIMITED, 2),
        write: (LIMITED, 2),
    },
    Case {
        answers: &[
            (429, &[("retry-after", "Mon, 23 Nov 2026 10:00:04 GMT")]),
            (200, &[]),
        ],
        read: (Ok(()), 2),
        write: (Ok(()), 2),
    },
    Case {
        answers: &[(403, &[("retry-after", "3")]), (200, &[])],
        read: (Ok(()), 2),
        write: (Ok(()), 2),
    },
    Case {
        answers: &[(403, GITHUB_PRIMARY), (200, &[])],
        read: (Ok(()), 2),
        write: (Ok(()), 2),
    },
    // A plain refusal is the toolkit's to judge.
    Case {
        answers: &[(403, &[])],
        read: (Ok(()), 1),
        write: (Ok(()), 1),
    },
    Case {
        answers: &[(401, &[]), (503, &[]), (200, &[])],
        read: (Ok(()), 3),
        write: (UNKNOWN, 2),
    },
    Case {
        answers: &[(503, &[]), (401, &[]), (503, &[]), (200, &[])],
        read: (Ok(()), 4),
        write: (UNKNOWN, 1),
    },
];

#[tokio::test(start_paused = true)]
async fn reads_are_repeated_and_writes_only_when_nothing_can_have_happened() {
    for (number, case) in CASES.iter().enumerate() {
        for (kind, request, expected) in [
            ("read", read as fn(&Api) -> Request, case.read),
            ("write", write, case.write),
        ] {
            let answers = case.answers;
            let provider = Provider::start(move |_, before| {
                let (status, headers) = answers[before.min(answers.len() - 1)];
                let mut response = StatusCode::from_u16(status).unwrap().into_response();
                for (name, value) in headers {
                    response.headers_mut().insert(*name, value.parse().unwrap());
                }
                response
            })
            .await;
            let result = request(&provider.api()).send().await;
            let outcome = result.as_ref().map(|_| ()).map_err(|error| error.code);
            assert_eq!(
                (outcome, provider.seen().len()),
                expected,
                "case {number}, {kind}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_out_or_handed_on() {
    for (after, waited, told) in [("7", 7, None), ("3600", 0, Some(3600))] {
        let provider = Provider::start(move |_, before| {
            if before == 0 {
                (StatusCode::TOO_MANY_REQUESTS, [("retry-after", after)]).into_response()
            } else {
                "{}".into_response()
            }
        })
        .await;
        let start = Instant::now();
        let result = read(&provider.api()).send().await;
        // A paused clock moves by the waits alone, in whole milliseconds.
        assert_eq!(start.elapsed().as_secs(), waited);
        assert_eq!(result.err().and_then(|error| error.retry_after_s), told);
    }
}

#[tokio::test(start_paused = true)]
async fn the_waits_of_one_call_share_a_budget() {
    let provider = Provider::start(|_, before| {
        if before % 2 == 0 {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "6")]).into_response()
        } else {
            "{}".into_response()
        }
    })
    .await;
    let api = provider.api();
    read(&api).send().await.unwrap();
    let error = read(&api.clone()).send().await.unwrap_err();
    assert_eq!(error.code, ErrorCode::RateLimited);
    assert_eq!(error.retry_after_s, Some(6));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_unreachable_for_a_read_and_unknown_for_a_write() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"half\":",
        "SSH-2.0-OpenSSH\r\n",
    ] {
        let (url, count) = raw(answer.into()).await;
        let api = Api::new(settings(&url));
        let error = read(&api).send().await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Unreachable, "{answer:?}");
        assert_eq!(count.swap(0, Ordering::SeqCst), 3, "{answer:?}");
        let error = write(&api).send().await.unwrap_err();
        assert_eq!(error.code, ErrorCode::OutcomeUnknown, "{answer:?}");
        assert!(error.to_string().contains("may have happened"));
        assert_eq!(count.load(Ordering::SeqCst), 1, "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_never_answers_is_given_up() {
    let (url, count) = silent().await;
    let api = || {
        Api::new(ApiSettings {
            client: client(Duration::from_secs(15)),
            ..settings(&url)
        })
    };
    let error = read(&api()).send().await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unreachable);
    assert_eq!(count.swap(0, Ordering::SeqCst), 3);
    let error = write(&api()).send().await.unwrap_err();
    assert_eq!(error.code, ErrorCode::OutcomeUnknown);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_connection_nothing_has_happened() {
    // A port that is taken and not listened on.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = Url::parse(&format!("http://{}", socket.local_addr().unwrap())).unwrap();
    for request in [read as fn(&Api) -> Request, write] {
        let start = Instant::now();
        let error = request(&Api::new(settings(&url))).send().await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Unreachable);
        assert!(error.to_string().contains("nothing was changed"));
        assert!(!error.to_string().contains("127.0.0.1"), "{error}");
        // Two waits of at least 250 ms and 500 ms: it was tried three times.
        assert!(start.elapsed() >= Duration::from_millis(750));
    }
}

#[tokio::test]
async fn an_answer_is_read_up_to_ten_mebibytes() {
    let mut unannounced = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    unannounced.extend(vec![b'x'; 11 * MIB]);
    let (endless, _) = raw(unannounced).await;

    let bomb = {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        for _ in 0..64 {
            gzip.write_all(&vec![0; MIB]).unwrap();
        }
        gzip.finish().unwrap()
    };
    assert!(bomb.len() < MIB);
    let packed =
        Provider::start(move |_, _| ([("content-encoding", "gzip")], bomb.clone()).into_response())
            .await;
    let announced = Provider::start(|_, _| vec![b'x'; 11 * MIB]).await;
    for url in [&endless, &packed.url, &announced.url] {
        let error = read(&Api::new(settings(url))).send().await.unwrap_err();
        assert_eq!(error.code, ErrorCode::TooLarge);
        let error = write(&Api::new(settings(url))).send().await.unwrap_err();
        assert_eq!(error.code, ErrorCode::OutcomeUnknown);
    }

    let exact = Provider::start(|_, _| vec![b'x'; 10 * MIB]).await;
    let response = read(&exact.api()).send().await.unwrap();
    assert_eq!(response.body.len(), 10 * MIB);
}

#[tokio::test]
async fn garbage_is_a_bad_response_and_nothing_of_it_is_quoted() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "never parsed with success")]
    struct Thing {
        name: String,
    }
    for body in [
        "<html>CANARY</html>",
        "",
        "null",
        "[]",
        "{\"name\":1}",
        "{\"name\":\"CANARY",
        "{\"nam\":\"CANARY\"}",
        "{\"name\":{\"CANARY\":1}}",
        "\u{feff}{}",
    ] {
        let provider = Provider::start(move |_, _| body).await;
        let response = read(&provider.api()).send().await.unwrap();
        let error = response.json::<Thing>().unwrap_err();
        assert_eq!(error.code, ErrorCode::BadResponse, "{body}");
        assert!(!format!("{error:?} {response:?}").contains("CANARY"));
        let response = write(&provider.api()).send().await.unwrap();
        let error = response.json::<Thing>().unwrap_err();
        assert_eq!(error.code, ErrorCode::OutcomeUnknown, "{body}");
    }
    let provider = Provider::start(|_, _| (StatusCode::BAD_REQUEST, "<html>")).await;
    let response = write(&provider.api()).send().await.unwrap();
    let error = response.json::<Thing>().unwrap_err();
    assert_eq!(error.code, ErrorCode::BadResponse);
}

#[tokio::test]
async fn what_is_not_utf_8_is_no_json_also_where_nobody_looks() {
    #[derive(Debug, Deserialize)]
    struct Anything {}
    let body: &[u8] = b"{\"passed over\":\"\xff\"}";
    let provider = Provider::start(move |_, _| body).await;
    let response = read(&provider.api()).send().await.unwrap();
    let error = response.json::<Anything>().unwrap_err();
    assert_eq!(error.code, ErrorCode::BadResponse);
}
