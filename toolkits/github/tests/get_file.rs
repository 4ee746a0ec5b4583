//! `github_get_file`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{assert_refused_unsent, assert_steps_up};
use crate::error::{ErrorCode, ToolError};
use crate::fake::{Provider, Seen, run};

const TOOL: &str = "github_get_file";

fn file(content: &[u8]) -> Value {
    // GitHub breaks the base64 into lines.
    let packed: Vec<String> = STANDARD
        .encode(content)
        .as_bytes()
        .chunks(60)
        .map(|line| String::from_utf8(line.to_vec()).unwrap())
        .collect();
    json!({
        "type": "file", "encoding": "base64", "size": content.len(), "name": "a.rs",
        "path": "src/a.rs", "content": packed.join("\n"), "sha": "b10b",
        "html_url": "https://github.com/octo/app/blob/main/src/a.rs",
        "download_url": "https://raw.example/octo/app/main/src/a.rs?token=SECRET",
    })
}

async fn read(answer: Value, arguments: Value) -> Result<(String, Vec<Seen>), ToolError> {
    let provider = Provider::start(move |_: &Seen, _| Json(answer.clone())).await;
    let mut all = json!({ "repo": "octo/app", "path": "src/a.rs" });
    for (name, value) in arguments.as_object().unwrap() {
        all[name] = value.clone();
    }
    let output = run(&provider, TOOL, all).await?;
    assert!(output.structured.is_none());
    Ok((output.text, provider.seen()))
}

#[tokio::test]
async fn a_file_is_text_after_a_few_header_lines_and_no_signed_address() {
    let (text, seen) = read(file(b"one\n\"two\"\n"), json!({ "ref": "feature/x" }))
        .await
        .unwrap();
    assert_eq!(seen[0].path, "/repos/octo/app/contents/src/a.rs");
    assert_eq!(seen[0].query("ref"), "feature/x");
    assert_eq!(
        seen[0].header("accept"),
        "application/vnd.github.object+json"
    );
    assert!(
        text.ends_with("Lines 1 to 2 of 2\n---\none\n\"two\"\n"),
        "{text}"
    );
    assert!(
        text.contains("octo/app: /src/a.rs at feature/x\n10 bytes, blob b10b, https://github.com/")
    );
    assert!(!text.contains("SECRET"));
}

#[tokio::test]
async fn lines_are_chosen_and_a_header_says_how_to_go_on() {
    let lines: Vec<String> = (1..=1000).map(|n| format!("line {n}\n")).collect();
    let content = lines.concat();
    for (arguments, header, first, last) in [
        (
            json!({ "start_line": 3, "end_line": 5 }),
            "Lines 3 to 5 of 1000\n",
            "line 3",
            "line 5",
        ),
        (
            json!({ "max_chars": 100 }),
            "Lines 1 to 13 of 1000; go on with start_line=14\n",
            "line 1",
            "line 13",
        ),
        (
            json!({ "start_line": 999, "end_line": 5000 }),
            "Lines 999 to 1000 of 1000\n",
            "line 999",
            "line 1000",
        ),
    ] {
        let (text, _) = read(file(content.as_bytes()), arguments).await.unwrap();
        let (head, body) = text.split_once("\n---\n").unwrap();
        assert!(format!("{head}\n").ends_with(header), "{head}");
        let lines: Vec<&str> = body.lines().collect();
        assert_eq!((lines[0], *lines.last().unwrap()), (first, last));
    }
    for arguments in [
        json!({ "start_line": 1001 }),
        json!({ "start_line": 5, "end_line": 4 }),
    ] {
        let error = read(file(content.as_bytes()), arguments).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArguments);
    }
}

#[tokio::test]
async fn a_single_line_that_is_too_long_is_cut_and_said_so() {
    let content = "x".repeat(200_000);
    let (text, _) = read(file(content.as_bytes()), json!({ "max_chars": 50_000 }))
        .await
        .unwrap();
    assert!(text.contains("line 1 is cut after 50000 characters"));
    assert!(text.chars().count() < 60_000);
}

#[tokio::test]
async fn what_is_no_text_is_described() {
    for (answer, words) in [
        (file(b"\x89PNG\xff\xfe"), "not UTF-8"),
        (file(b"a\0b"), "binary"),
        (file(b""), "Lines 1 to 0 of 0"),
        (
            file(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n"),
            "Git LFS",
        ),
        (
            json!({ "type": "submodule", "sha": "c0ffee", "submodule_git_url": "git://x.example/y" }),
            "A submodule: commit c0ffee of git://x.example/y",
        ),
        (
            json!({ "type": "symlink", "target": "../b" }),
            "symbolic link to ../b",
        ),
    ] {
        let (text, _) = read(answer, json!({})).await.unwrap();
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[tokio::test]
async fn a_folder_is_a_list_within_the_limit() {
    let mut entries = vec![json!({ "type": "dir", "name": "src", "size": 0 })];
    entries.extend((0..999).map(|n| json!({ "type": "file", "name": format!("f{n}"), "size": 7 })));
    let (text, _) = read(
        json!({ "type": "dir", "entries": entries }),
        json!({ "path": "", "max_chars": 60 }),
    )
    .await
    .unwrap();
    assert!(
        text.contains("octo/app: /\nA folder with 1000 entries; GitHub lists no more"),
        "{text}"
    );
    assert!(text.contains("---\nsrc/\nf0  7 bytes\n"), "{text}");
    assert!(
        text.contains("more entries: use `github_get_tree`]"),
        "{text}"
    );
}

#[tokio::test]
async fn a_file_of_more_than_a_megabyte_is_asked_for_raw() {
    let provider = Provider::start(|request: &Seen, _| -> Response {
        if request.header("accept").contains("raw") {
            return "the content\n".into_response();
        }
        Json(json!({ "type": "file", "encoding": "none", "content": "", "size": 2_000_000, "sha": "b" }))
            .into_response()
    })
    .await;
    let output = run(
        &provider,
        TOOL,
        json!({ "repo": "octo/app", "path": "big.txt", "ref": "v1" }),
    )
    .await
    .unwrap();
    assert!(output.text.ends_with("---\nthe content\n"));
    assert_eq!(provider.seen()[1].query("ref"), "v1");
}

#[tokio::test]
async fn no_argument_leaves_the_repository_and_private_ones_ask_for_their_scope() {
    let good = json!({ "repo": "octo/app", "path": "a.rs" });
    let wrong = [
        ("path", json!("../../user")),
        ("path", json!("a/../../b")),
        ("path", json!("a//b")),
        ("path", json!("a\r\nHost: evil")),
        ("ref", json!("a b")),
        ("ref", json!("../x")),
        ("start_line", json!(0)),
    ];
    assert_refused_unsent(TOOL, &good, &wrong).await;
    assert_steps_up(TOOL, &good).await;

    let provider = Provider::start(|_: &Seen, _| {
        let target = "https://evil.example/x?token=SECRET";
        (StatusCode::FOUND, [("location", target)], "")
    })
    .await;
    let error = run(&provider, TOOL, good).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Rejected);
    assert!(!error.to_string().contains("evil"), "{error}");
}
