//! The tools against answers of GitHub that have gone wrong.

use serde_json::{Value, json};

use super::issue;
use crate::fake::{Seen, garble};
use crate::fuzz;

fn github(request: &Seen) -> (u16, Value) {
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", _) => (201, issue(34)),
        (_, "/search/issues") => {
            let items = [issue(12), issue(13)];
            (
                200,
                json!({ "total_count": 2, "incomplete_results": false, "items": items }),
            )
        }
        _ => {
            let message = "Validation Failed";
            let errors =
                [json!({ "resource": "Issue", "field": "title", "code": "missing_field" })];
            (422, json!({ "message": message, "errors": errors }))
        }
    }
}

fn refusing(_: &Seen) -> (u16, Value) {
    let errors =
        [json!({ "resource": "Issue", "field": "title", "code": "invalid", "message": "x" })];
    (
        422,
        json!({ "message": "Validation Failed", "errors": errors }),
    )
}

#[tokio::test(start_paused = true)]
async fn no_answer_of_github_makes_a_tool_panic_or_quote_much() {
    let cases = fuzz::CASES / 5;
    let base = "https://github.example/";
    let search = json!({ "query": "crash", "repo": "octo/app" });
    let understood = garble("github_search_issues", base, &search, cases / 3, github).await;
    assert!(understood > cases / 50);
    let create = json!({ "repo": "octo/app", "title": "App crashes" });
    let understood = garble("github_create_issue", base, &create, cases / 3, github).await;
    assert!(understood > cases / 50);
    let understood = garble("github_create_issue", base, &create, cases / 3, refusing).await;
    assert_eq!(understood, 0);
}
