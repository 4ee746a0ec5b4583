//! Gmail's refusals, for each tool.

use serde_json::json;

use super::fake::{Gmail, google_error};
use crate::error::ErrorCode;

/// Status, reason and message of Gmail; code of ours and a word of the fix.
const CASES: &[(u16, &str, &str, ErrorCode, &str)] = &[
    (
        403,
        "forbidden",
        "Metadata scope does not support 'q' parameter",
        ErrorCode::Forbidden,
        "valetkey disconnect",
    ),
    (
        403,
        "insufficientPermissions",
        "Request had insufficient authentication scopes.",
        ErrorCode::MissingScopes,
        "grant",
    ),
    (
        403,
        "accessNotConfigured",
        "Gmail API has not been used in project 1 before",
        ErrorCode::Rejected,
        "enable the Gmail API",
    ),
    (
        403,
        "rateLimitExceeded",
        "Rate Limit Exceeded",
        ErrorCode::RateLimited,
        "Wait",
    ),
    (
        403,
        "userRateLimitExceeded",
        "User Rate Limit Exceeded",
        ErrorCode::RateLimited,
        "Wait",
    ),
    (
        403,
        "dailyLimitExceeded",
        "Daily Limit Exceeded",
        ErrorCode::RateLimited,
        "tomorrow",
    ),
    (
        403,
        "domainPolicy",
        "The domain administrators have disabled Gmail apps.",
        ErrorCode::Forbidden,
        "administrator",
    ),
    (
        400,
        "failedPrecondition",
        "Mail service not enabled",
        ErrorCode::Rejected,
        "enable Gmail",
    ),
    (
        403,
        "forbidden",
        "No",
        ErrorCode::Forbidden,
        "another account",
    ),
    (404, "notFound", "Not Found", ErrorCode::NotFound, "id"),
    (
        413,
        "uploadTooLarge",
        "Too large",
        ErrorCode::TooLarge,
        "less",
    ),
    (409, "conflict", "Odd", ErrorCode::Rejected, "later"),
];

#[tokio::test]
async fn every_refusal_says_what_happened_and_what_to_do() {
    for (tool, arguments, scope) in [
        (
            "gmail_search",
            json!({}),
            "https://www.googleapis.com/auth/gmail.readonly",
        ),
        (
            "gmail_send_email",
            json!({ "to": "bob@x.example", "subject": "s", "body": "b" }),
            "https://www.googleapis.com/auth/gmail.send",
        ),
        (
            "gmail_read_message",
            json!({ "message_id": "m1" }),
            "https://www.googleapis.com/auth/gmail.readonly",
        ),
        (
            "gmail_read_thread",
            json!({ "thread_id": "t1" }),
            "https://www.googleapis.com/auth/gmail.readonly",
        ),
        (
            "gmail_reply",
            json!({ "message_id": "m1", "body": "b" }),
            "https://www.googleapis.com/auth/gmail.readonly",
        ),
        (
            "gmail_create_draft",
            json!({ "body": "b" }),
            "https://www.googleapis.com/auth/gmail.compose",
        ),
        (
            "gmail_create_draft",
            json!({ "body": "b", "forward_message_id": "m1" }),
            "https://www.googleapis.com/auth/gmail.readonly",
        ),
        (
            "gmail_modify_messages",
            json!({ "message_ids": "m1", "action": "star" }),
            "https://www.googleapis.com/auth/gmail.modify",
        ),
        (
            "gmail_trash",
            json!({ "thread_ids": "t1" }),
            "https://www.googleapis.com/auth/gmail.modify",
        ),
        (
            "gmail_restore",
            json!({ "message_ids": ["m1"] }),
            "https://www.googleapis.com/auth/gmail.modify",
        ),
        (
            "gmail_get_attachment",
            json!({ "message_id": "m1", "part_id": "1" }),
            "https://www.googleapis.com/auth/gmail.readonly",
        ),
        (
            "gmail_list_drafts",
            json!({}),
            "https://www.googleapis.com/auth/gmail.readonly",
        ),
        (
            "gmail_send_draft",
            json!({ "draft_id": "r1" }),
            "https://www.googleapis.com/auth/gmail.compose",
        ),
        (
            "gmail_list_labels",
            json!({}),
            "https://www.googleapis.com/auth/gmail.labels",
        ),
    ] {
        for (status, reason, message, code, fix) in CASES {
            let fake = Gmail::start(move |_| google_error(*status, reason, message)).await;
            let error = fake.call(tool, arguments.clone()).await.unwrap_err();
            assert_eq!(error.code, *code, "{tool} {reason}");
            assert!(error.fix.contains(fix), "{tool} {reason}: {}", error.fix);
            let asked = (*code == ErrorCode::MissingScopes).then_some(scope.to_owned());
            assert_eq!(error.missing_scopes, Vec::from_iter(asked));
            assert_eq!(fake.seen().len(), 1, "{tool} {reason}");
        }
    }
}

#[tokio::test]
async fn a_missing_scope_is_also_known_by_its_newer_name() {
    let fake = Gmail::start(|_| {
        (
            403,
            json!({ "error": {
                "code": 403,
                "message": "Request had insufficient authentication scopes.",
                "status": "PERMISSION_DENIED",
                "details": [{
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
                    "domain": "googleapis.com",
                }],
            }}),
        )
    })
    .await;
    let error = fake.call("gmail_search", json!({})).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::MissingScopes);
}

#[tokio::test]
async fn a_bad_request_is_explained_in_gmails_words_made_safe() {
    let fake = Gmail::start(|_| {
        let message = format!("Invalid pageToken\n\u{200b}{}", "x".repeat(500));
        google_error(400, "invalidArgument", &message)
    })
    .await;
    let error = fake.call("gmail_search", json!({})).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArguments);
    assert!(error.message.contains("“Invalid pageToken x"), "{error}");
    assert!(error.message.chars().count() < 250, "{error}");
    assert!(error.fix.contains("cursor"), "{error}");

    let error = fake
        .call(
            "gmail_send_email",
            json!({ "to": "bob@x.example", "subject": "s", "body": "b" }),
        )
        .await
        .unwrap_err();
    assert!(error.fix.starts_with("Nothing was sent."), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_no_json_is_survived() {
    let fake = Gmail::start(|_| (403, json!("<html>"))).await;
    let error = fake.call("gmail_search", json!({})).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
}
