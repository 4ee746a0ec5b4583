//! The tools against a stand-in for Gmail: what they ask and what they make of the answers.

mod attachment;
mod changes;
mod draft;
mod errors;
mod fake;
mod fuzz;
mod labels;
mod read;
mod reply;
mod scopes;
mod search;
mod search_requests;
mod send;

use super::tools;

/// `[read_only, destructive, idempotent]` and the scope that is asked for in each group.
const TABLE: &[(&str, [bool; 3], &[&str])] = &[
    ("gmail_search", [true, false, true], &["gmail.readonly"]),
    (
        "gmail_read_message",
        [true, false, true],
        &["gmail.readonly"],
    ),
    (
        "gmail_read_thread",
        [true, false, true],
        &["gmail.readonly"],
    ),
    ("gmail_send_email", [false, true, false], &["gmail.send"]),
    (
        "gmail_reply",
        [false, true, false],
        &["gmail.send", "gmail.readonly"],
    ),
    (
        "gmail_create_draft",
        [false, false, false],
        &["gmail.compose"],
    ),
    ("gmail_list_labels", [true, false, true], &["gmail.labels"]),
    (
        "gmail_modify_messages",
        [false, false, true],
        &["gmail.modify"],
    ),
    ("gmail_trash", [false, true, true], &["gmail.modify"]),
    ("gmail_restore", [false, false, true], &["gmail.modify"]),
    (
        "gmail_get_attachment",
        [true, false, true],
        &["gmail.readonly"],
    ),
    (
        "gmail_list_drafts",
        [true, false, true],
        &["gmail.readonly"],
    ),
    ("gmail_send_draft", [false, true, false], &["gmail.compose"]),
    (
        "gmail_create_label",
        [false, false, true],
        &["gmail.labels"],
    ),
];

#[test]
fn each_tool_has_the_hints_and_the_least_scopes_of_its_job() {
    let tools = tools();
    let found: Vec<_> = tools
        .iter()
        .map(|tool| {
            let hints = tool.annotations;
            let scopes: Vec<_> = tool
                .scopes
                .iter()
                .map(|group| group[0].rsplit('/').next().unwrap())
                .collect();
            assert!(hints.open_world);
            (
                &*tool.name,
                [hints.read_only, hints.destructive, hints.idempotent],
                scopes,
            )
        })
        .collect();
    let expected: Vec<_> = TABLE
        .iter()
        .map(|(name, hints, scopes)| (*name, *hints, scopes.to_vec()))
        .collect();
    assert_eq!(found, expected);
}
