//! Waits before requests, with a clock that only waits move.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse;
use reqwest::Method;
use tokio::time::Instant;
use url::Url;

use super::{BUCKETS, LARGE, Pace};
use crate::api::{Api, ApiSettings};
use crate::error::ErrorCode;
use crate::fake::{Provider, Seen, settings};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Takes what a request to `path` costs, however long that may take; the wait.
fn take(pace: &Pace, account: &str, method: &Method, path: &str, form: &str) -> Duration {
    let path: Vec<&str> = path.split('/').collect();
    let charges = pace.charges(method, &path);
    let due = pace.due(
        &charges,
        "https://x.example",
        account,
        Some(form.as_bytes()),
    );
    pace.take(&due, |_| true).unwrap()
}

#[tokio::test(start_paused = true)]
async fn as_many_as_are_allowed_in_a_minute_go_at_once_and_the_next_ones_wait() {
    let get = Method::GET;
    let post = Method::POST;
    for (provider, method, path, at_once, then) in [
        ("slack", &post, "users.list", 20, 3_000),
        ("slack", &post, "conversations.history", 50, 1_200),
        ("slack", &post, "users.info", 100, 600),
        ("slack", &post, "assistant.search.context", 10, 6_000),
        ("slack", &post, "chat.postMessage", 1, 1_000),
        ("google", &get, "gmail/v1/users/me/messages/m1", 1_200, 50),
        (
            "google",
            &post,
            "gmail/v1/users/me/messages/send",
            60,
            1_000,
        ),
        (
            "google",
            &post,
            "upload/gmail/v1/users/me/messages/send",
            60,
            1_000,
        ),
        (
            "google",
            &get,
            "gmail/v1/users/me/messages/m1/attachments/a",
            1_200,
            50,
        ),
        ("google", &get, "gmail/v1/users/me/something/new", 120, 500),
        ("github", &get, "repos/o/r", 900, 67),
        (
            "github",
            &Method::PATCH,
            "repos/o/r/git/refs/heads/x",
            180,
            334,
        ),
        ("github", &get, "search/issues", 30, 2_000),
        ("github", &get, "search/code", 10, 6_000),
        ("github", &post, "repos/o/r/issues", 1, 1_000),
        ("github", &post, "repos/o/r/issues/1/comments", 1, 1_000),
    ] {
        let pace = Pace::default().of(provider);
        for number in 0..at_once {
            let wait = take(&pace, "ada", method, path, "");
            assert_eq!(wait, Duration::ZERO, "{path} {number}");
        }
        let wait = take(&pace, "ada", method, path, "");
        assert_eq!(wait.as_micros().div_ceil(1000), then, "{path}");
        // Those who wait stand in line.
        let next = take(&pace, "ada", method, path, "");
        assert!(next > wait, "{path}: {next:?}");
        // A minute later nobody has to.
        tokio::time::advance(seconds(75)).await;
        assert_eq!(take(&pace, "ada", method, path, ""), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn accounts_channels_and_methods_do_not_wait_for_each_other_but_clones_do() {
    let pace = Pace::default().of("slack");
    let post = |pace: &Pace, account, channel| {
        let form = format!("text=x&channel={channel}");
        take(pace, account, &Method::POST, "chat.postMessage", &form)
    };
    assert_eq!(post(&pace, "ada", "C1"), Duration::ZERO);
    assert_eq!(post(&pace, "ada", "C2"), Duration::ZERO);
    assert_eq!(post(&pace, "bob", "C1"), Duration::ZERO);
    assert_eq!(post(&pace.clone().of("slack"), "ada", "C1"), seconds(1));
    assert_eq!(
        post(&Pace::default().of("slack"), "ada", "C1"),
        Duration::ZERO
    );
    for method in ["auth.test", "chat.getPermalink", "chat.update"] {
        assert_eq!(
            take(&pace, "ada", &Method::POST, method, ""),
            Duration::ZERO
        );
    }
    let unknown = Pace::default().of("acme");
    for _ in 0..10_000 {
        assert_eq!(take(&unknown, "ada", &Method::GET, "x", ""), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_waited_for_takes_nothing() {
    let pace = Pace::default().of("slack");
    let charges = pace.charges(&Method::POST, &["chat.postMessage"]);
    let due = pace.due(&charges, "https://x.example", "ada", None);
    assert_eq!(pace.take(&due, |_| true), Ok(Duration::ZERO));
    for _ in 0..5 {
        assert_eq!(pace.take(&due, |_| false), Err(seconds(1)));
    }
    assert_eq!(pace.take(&due, |_| true), Ok(seconds(1)));
}

#[tokio::test(start_paused = true)]
async fn memory_for_buckets_is_bounded_and_the_fullest_are_kept() {
    let pace = Pace::default().of("slack");
    let block = |account: &str, wait| {
        let charges = pace.charges(&Method::POST, &["users.list"]);
        let due = pace.due(&charges, "https://x.example", account, None);
        pace.block(&due, wait);
    };
    block("first", seconds(600));
    for number in 0..2 * BUCKETS {
        block(&number.to_string(), seconds(60));
    }
    assert_eq!(pace.buckets().len(), BUCKETS);
    assert_eq!(
        take(&pace, "first", &Method::POST, "users.list", ""),
        seconds(600)
    );
    tokio::time::advance(seconds(61)).await;
    take(&pace, "new", &Method::POST, "users.list", "");
    assert!(
        pace.buckets().len() < 10,
        "those that are over are forgotten"
    );
}

fn api(provider: &Provider, pace: &Pace) -> Api {
    Api::new(ApiSettings {
        pace: pace.clone(),
        ..settings(&provider.url)
    })
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_before_it_is_sent_within_what_its_call_may_wait() {
    let provider = Provider::start(|_, _| "{}").await;
    let pace = Pace::default().of("slack");
    let post = |api: &Api| api.write(Method::POST, &["chat.postMessage"]).form(&[]);
    let start = Instant::now();
    let one = api(&provider, &pace);
    for _ in 0..11 {
        post(&one).send().await.unwrap();
    }
    assert_eq!(start.elapsed().as_secs(), 10);
    let error = post(&one).send().await.unwrap_err();
    assert_eq!(error.code, ErrorCode::RateLimited);
    assert_eq!(error.retry_after_s, Some(1));
    assert!(error.message.contains("nothing was changed"));
    // What a call can do without does not wait at all.
    let error = post(&api(&provider, &pace)).once().send().await;
    assert_eq!(error.unwrap_err().code, ErrorCode::RateLimited);
    assert_eq!(provider.seen().len(), 11);
    assert_eq!(start.elapsed().as_secs(), 10);
    post(&api(&provider, &pace)).send().await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 11);
}

#[tokio::test(start_paused = true)]
async fn one_calls_429_holds_the_others_back_and_no_longer_than_was_asked() {
    let provider = Provider::start(|_, before| match before {
        0 => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]).into_response(),
        _ => "{}".into_response(),
    })
    .await;
    let pace = Pace::default().of("slack");
    let list = |api: &Api| api.read(Method::POST, &["users.list"]).form(&[]);
    let start = Instant::now();
    let first = api(&provider, &pace);
    let limited = list(&first).once().send().await.unwrap_err();
    assert_eq!(limited.retry_after_s, Some(7));
    // Another method, and the same of another account, go on.
    let other = api(&provider, &pace);
    other
        .read(Method::POST, &["users.info"])
        .send()
        .await
        .unwrap();
    let bob = Api::new(ApiSettings {
        pace: pace.clone(),
        account: "bob".to_owned(),
        ..settings(&provider.url)
    });
    list(&bob).send().await.unwrap();
    assert_eq!((start.elapsed().as_secs(), provider.seen().len()), (0, 3));

    list(&api(&provider, &pace)).send().await.unwrap();
    assert_eq!((start.elapsed().as_secs(), provider.seen().len()), (7, 4));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_is_handed_on_without_asking_again() {
    let provider = Provider::start(|_, _| {
        let headers = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1795428060"),
        ];
        (StatusCode::FORBIDDEN, headers).into_response()
    })
    .await;
    let pace = Pace::default().of("github");
    let search = |api: &Api| api.read(Method::GET, &["search", "code"]);
    for _ in 0..3 {
        let error = search(&api(&provider, &pace)).send().await.unwrap_err();
        assert_eq!(error.code, ErrorCode::RateLimited);
        assert_eq!(error.retry_after_s, Some(60));
        assert_eq!(provider.seen().len(), 1, "it was asked again");
    }
    // That limit is used up, and no other.
    let repository = api(&provider, &pace).read(Method::GET, &["repos", "o", "r"]);
    repository.send().await.unwrap_err();
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_429_that_is_waited_out_is_waited_for_once() {
    let provider = Provider::start(|_: &Seen, before| match before {
        0 => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "6")]).into_response(),
        _ => "{}".into_response(),
    })
    .await;
    let start = Instant::now();
    let api = api(&provider, &Pace::default().of("github"));
    api.read(Method::GET, &["user"]).send().await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 6);
}

#[tokio::test(start_paused = true)]
async fn few_calls_at_a_time_have_a_large_answer() {
    let pace = Pace::default();
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let calls = (0..10).map(|number| {
        let pace = pace.of(if number % 2 == 0 { "google" } else { "slack" });
        let (now, most) = (now.clone(), most.clone());
        tokio::spawn(async move {
            let _turn = pace.turn().await;
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(seconds(1)).await;
            now.fetch_sub(1, Ordering::SeqCst);
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    assert_eq!(most.load(Ordering::SeqCst), LARGE);
}

/// A method of Slack that the toolkit calls stands in its sources as `"users.info"`.
#[test]
fn every_method_of_slack_that_is_called_has_a_limit_or_is_known_to_have_none() {
    let pace = Pace::default().of("slack");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("slack");
    let mut found = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let source = fs::read_to_string(path).unwrap();
        let code = source.split("#[cfg(test)]").next().unwrap();
        let quoted = code.split('"').skip(1).step_by(2);
        let families = [
            "assistant.",
            "chat.",
            "conversations.",
            "files.",
            "reactions.",
            "search.",
            "users.",
        ];
        for method in quoted.filter(|text| {
            let family = families.iter().any(|family| text.starts_with(family));
            family && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'.')
        }) {
            found += 1;
            let limited = !pace.charges(&Method::POST, &[method]).is_empty();
            assert!(limited || method == "chat.getPermalink", "{method}");
        }
    }
    assert!(found > 20, "{found}");
}

#[test]
fn documented_limits_hold_at_the_providers_public_address_alone() {
    for (base_url, has_limits) in [
        ("https://api.github.com/", true),
        ("https://github.example.org/api/v3/", false),
        ("https://api.github.com.evil.example/", false),
        ("http://127.0.0.1:4103/", false),
    ] {
        let pace = Pace::default().at("github", &Url::parse(base_url).unwrap());
        let charges = pace.charges(&Method::GET, &["search", "code"]);
        assert_eq!(!charges.is_empty(), has_limits, "{base_url}");
    }
}
