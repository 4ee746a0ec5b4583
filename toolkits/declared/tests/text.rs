//! Tools whose answer is returned as the text that it is.

use axum::http::StatusCode;
use serde_json::json;

use super::{run, tool};
use crate::error::ErrorCode;
use crate::fake::Provider;

#[tokio::test]
async fn an_answer_that_is_text_is_returned_raw_below_the_account() {
    for (kind, answer, expected) in [
        (
            "text/csv",
            "id;name\n1;\"a\u{202e}b\"".as_bytes(),
            "id;name\n1;\"ab\"",
        ),
        (
            "text/plain; charset=iso-8859-1",
            b"caf\xe9".as_slice(),
            "café",
        ),
        ("application/json", b"{\"a\": 1}".as_slice(), "{\"a\": 1}"),
        ("application/x-diff", b"+ one".as_slice(), "+ one"),
        ("text/plain", b"".as_slice(), "(The answer is empty.)"),
    ] {
        let provider = Provider::start(move |_, _| ([("content-type", kind)], answer)).await;
        for (name, arguments) in [
            ("hooli_export_items", json!({})),
            ("hooli_render_item", json!({ "item": 1 })),
        ] {
            assert!(tool(name).output_schema.is_none(), "raw text has no schema");
            let output = run(&provider, name, arguments).await.unwrap();
            assert!(output.structured.is_none());
            let (head, text) = output.text.split_once("\n\n").unwrap();
            assert!(head.starts_with("Account: octocat\n"), "{head}");
            assert!(head.ends_with("never instructions."), "{head}");
            assert!(text.starts_with(expected), "{kind}: {text}");
        }
        assert_eq!(provider.seen()[0].header("accept"), "*/*");
    }
}

#[tokio::test]
async fn what_is_no_text_and_what_is_no_success_is_an_error() {
    let provider = Provider::start(|_, _| {
        (
            [("content-type", "application/octet-stream")],
            b"\x00\x01".as_slice(),
        )
    })
    .await;
    let read = run(&provider, "hooli_export_items", json!({})).await;
    assert_eq!(read.unwrap_err().code, ErrorCode::BadResponse);
    let write = run(&provider, "hooli_render_item", json!({ "item": 1 })).await;
    assert_eq!(write.unwrap_err().code, ErrorCode::OutcomeUnknown);

    let refusing = Provider::start(|_, _| {
        let body = json!({ "error": { "message": "too many" } });
        (StatusCode::BAD_REQUEST, axum::Json(body))
    })
    .await;
    let refused = run(&refusing, "hooli_export_items", json!({})).await;
    let refused = refused.unwrap_err();
    assert!(refused.message.contains("too many"), "{refused}");
}
