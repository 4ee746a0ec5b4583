//! `github_get_tree` and `github_list_commits`.

use axum::Json;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{assert_refused_unsent, assert_steps_up, page};
use crate::error::ErrorCode;
use crate::fake::{Provider, Seen, run};

const TREE: &str = "github_get_tree";
const COMMITS: &str = "github_list_commits";

fn entry(path: &str, kind: &str, mode: &str) -> Value {
    let mut entry = json!({ "path": path, "mode": mode, "type": kind, "sha": "b", "url": "x" });
    if kind == "blob" {
        entry["size"] = json!(7);
    }
    entry
}

async fn tree(entries: Vec<Value>, truncated: bool) -> Provider {
    Provider::start(move |_: &Seen, _| {
        Json(json!({ "sha": "7ree", "url": "x", "tree": entries, "truncated": truncated }))
    })
    .await
}

fn paths(structured: &serde_json::Map<String, Value>) -> Vec<String> {
    let items = structured["items"].as_array().unwrap();
    items
        .iter()
        .map(|it| it["path"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_tree_is_listed_to_a_depth_below_a_folder() {
    let entries = vec![
        entry("README.md", "blob", "100644"),
        entry("src", "tree", "040000"),
        entry("src/a.rs", "blob", "100644"),
        entry("src/deep", "tree", "040000"),
        entry("src/deep/er", "tree", "040000"),
        entry("src/deep/er/x.rs", "blob", "120000"),
        entry("srcs", "commit", "160000"),
    ];
    let provider = tree(entries, true).await;
    let output = run(&provider, TREE, json!({ "repo": "octo/app" }))
        .await
        .unwrap();
    let seen = &provider.seen()[0];
    assert_eq!(seen.path, "/repos/octo/app/git/trees/HEAD");
    assert_eq!(seen.query("recursive"), "1");
    let structured = output.structured.unwrap();
    assert_eq!(
        paths(&structured),
        ["README.md", "src/", "src/a.rs", "src/deep/", "srcs"]
    );
    assert_eq!(structured["items"][4]["kind"], "submodule");
    assert!(structured["warnings"].to_string().contains("too large"));

    let arguments =
        json!({ "repo": "octo/app", "ref": "feature/x", "path_prefix": "/src/", "depth": 50 });
    let structured = run(&provider, TREE, arguments)
        .await
        .unwrap()
        .structured
        .unwrap();
    assert_eq!(
        provider.seen()[1].path,
        "/repos/octo/app/git/trees/feature%2Fx"
    );
    assert_eq!(
        paths(&structured),
        ["src/a.rs", "src/deep/", "src/deep/er/", "src/deep/er/x.rs"]
    );

    let arguments = json!({ "repo": "octo/app", "path_prefix": "none" });
    let structured = run(&provider, TREE, arguments)
        .await
        .unwrap()
        .structured
        .unwrap();
    assert!(
        structured["warnings"]
            .to_string()
            .contains("no such folder")
    );
}

#[tokio::test]
async fn a_large_tree_comes_in_pages_of_one_state() {
    let entries = (0..1000).map(|n| entry(&format!("some/folder/{n}.rs"), "blob", "100644"));
    let provider = tree(entries.collect(), false).await;
    let mut arguments = json!({ "repo": "octo/app", "depth": 9, "limit": 300 });
    let mut all = Vec::new();
    loop {
        let output = run(&provider, TREE, arguments.clone()).await.unwrap();
        let structured = output.structured.unwrap();
        assert_eq!(structured["truncated"], false);
        all.extend(paths(&structured));
        arguments["cursor"] = structured["page"]["next_cursor"].clone();
        if arguments["cursor"].is_null() {
            break;
        }
    }
    let expected: Vec<String> = (0..1000).map(|n| format!("some/folder/{n}.rs")).collect();
    assert_eq!(all, expected);
    assert!(provider.seen()[1].path.ends_with("/git/trees/7ree"));
}

fn commit(number: u64) -> Value {
    json!({
        "sha": format!("c0ffee{number}"), "html_url": "x", "parents": [{ "sha": "x" }],
        "author": { "login": "ada" },
        "commit": { "message": "Fix \u{202e}it\n\nLong", "author": { "name": "Ada", "email": "a@x", "date": "2026-11-20T08:00:00Z" } },
    })
}

#[tokio::test]
async fn history_is_listed_by_branch_path_author_and_time() {
    let provider = Provider::start(|_: &Seen, _| {
        let mut unknown = commit(2);
        unknown["author"] = json!({});
        let mut merge = commit(3);
        merge["parents"] = json!([{}, {}]);
        merge["author"] = Value::Null;
        merge["commit"]["author"] = Value::Null;
        page(&json!([commit(1), unknown, merge]), true)
    })
    .await;
    let mut arguments = json!({
        "repo": "octo/app", "ref": "feature/x", "path": "/src/a.rs", "author": "@ada",
        "since": "2026-11-20", "until": "1d", "limit": 3,
    });
    let output = run(&provider, COMMITS, arguments.clone()).await.unwrap();
    let seen = provider.seen();
    assert_eq!(seen[0].path, "/repos/octo/app/commits");
    for (name, value) in [
        ("sha", "feature/x"),
        ("path", "src/a.rs"),
        ("author", "ada"),
        ("since", "2026-11-19T23:00:00Z"),
        ("until", "2026-11-22T10:00:00Z"),
        ("per_page", "3"),
        ("page", "1"),
    ] {
        assert_eq!(seen[0].query(name), value, "{name}");
    }
    let structured = output.structured.unwrap();
    let items = structured["items"].as_array().unwrap();
    let authors: Vec<_> = items.iter().map(|it| &it["author"]).collect();
    assert_eq!(authors, ["ada", "Ada", "?"]);
    assert_eq!(items[0]["title"], "Fix it");
    assert!(output.text.contains("(parents: 2)") && !output.text.contains("a@x"));

    arguments["cursor"] = structured["page"]["next_cursor"].clone();
    run(&provider, COMMITS, arguments).await.unwrap();
    assert_eq!(provider.seen()[1].query("page"), "2");
}

#[tokio::test]
async fn refusals_are_explained_and_what_does_not_fit_is_refused_unsent() {
    let good = json!({ "repo": "octo/app" });
    let wrong = [("ref", json!("a..b")), ("cursor", json!("x"))];
    for (tool, more) in [
        (
            TREE,
            [("path_prefix", json!("../x")), ("depth", json!("deep"))],
        ),
        (
            COMMITS,
            [("path", json!("a/../../b")), ("since", json!("soon"))],
        ),
    ] {
        assert_refused_unsent(tool, &good, &[&wrong[..], &more].concat()).await;
        assert_steps_up(tool, &good).await;
        let provider = Provider::start(|_: &Seen, _| {
            (
                StatusCode::CONFLICT,
                Json(json!({ "message": "Git Repository is empty." })),
            )
        })
        .await;
        let error = run(&provider, tool, good.clone()).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Rejected);
        assert!(error.message.contains("empty"), "{error}");
    }
}
