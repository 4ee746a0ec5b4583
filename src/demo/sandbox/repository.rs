//! GitHub's REST API below one repository: files, history, commits and pull requests.

use axum::http::header::{ACCEPT, LOCATION};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::demo::sandbox::github::{Request, invalid, not_found, problem};
use crate::demo::sandbox::issues::{Issue, Proposal, Remark, Repository, user};
use crate::demo::sandbox::server::{json_response, text};

/// The operation's name for a path below a repository, `rest` being what follows its name.
pub(super) fn operation(method: &Method, rest: &[&str]) -> &'static str {
    match (method.as_str(), rest) {
        ("GET", ["contents", ..]) => "repos/get-content",
        ("GET", ["commits"]) => "repos/list-commits",
        ("GET", ["commits", _, "check-runs"]) => "checks/list-for-ref",
        ("GET", ["commits", _, "status"]) => "repos/get-combined-status-for-ref",
        ("GET", ["git", "ref", "heads", ..]) => "git/get-ref",
        ("GET", ["git", "commits", _]) => "git/get-commit",
        ("GET", ["git", "trees", _]) => "git/get-tree",
        ("POST", ["git", "trees"]) => "git/create-tree",
        ("POST", ["git", "commits"]) => "git/create-commit",
        ("POST", ["git", "refs"]) => "git/create-ref",
        ("PATCH", ["git", "refs", "heads", ..]) => "git/update-ref",
        ("GET", ["issues", _, "comments"]) => "issues/list-comments",
        ("POST", ["issues", _, "comments"]) => "issues/create-comment",
        ("GET", ["issues", _, "sub_issues"]) => "issues/list-sub-issues",
        ("GET", ["issues", _, "timeline"]) => "issues/list-events-for-timeline",
        ("GET", ["pulls", _]) => "pulls/get",
        ("GET", ["pulls", _, "files"]) => "pulls/list-files",
        ("GET", ["pulls", _, "reviews"]) => "pulls/list-reviews",
        ("GET", ["pulls", _, "commits"]) => "pulls/list-commits",
        ("POST", ["pulls"]) => "pulls/create",
        ("POST", ["pulls", _, "reviews"]) => "pulls/create-review",
        ("POST", ["pulls", _, "requested_reviewers"]) => "pulls/request-reviewers",
        ("GET", ["actions", "runs"]) => "actions/list-workflow-runs-for-repo",
        ("GET", ["actions", "runs", _, "jobs"]) => "actions/list-jobs-for-workflow-run",
        ("GET", ["actions", "jobs", _]) => "actions/get-job-for-workflow-run",
        ("GET", ["actions", "jobs", _, "logs"]) => "actions/download-job-logs-for-workflow-run",
        ("GET", ["check-runs", _, "annotations"]) => "checks/list-annotations",
        _ => "unknown",
    }
}

/// Answers an operation of [`operation`].
pub(super) fn answer(request: &Request<'_>, operation: &str, at: &mut Repository) -> Response {
    let path = request.call.path();
    let rest = &path[4..];
    if request.call.method != Method::GET && !request.may_write(at) {
        // GitHub hides from a token what it may not do.
        return not_found();
    }
    let ok = |value: Value| json_response(StatusCode::OK, &value);
    let or_404 = |value: Option<Value>| value.map_or_else(not_found, ok);
    let created = |value: &Value| json_response(StatusCode::CREATED, value);
    let branch = || rest[3..].join("/");
    match operation {
        "repos/get-content" => content(request, at, &rest[1..].join("/")),
        "repos/list-commits" => match at.git.history(request.call.query("sha").unwrap_or("HEAD")) {
            Some(history) => request.page(history),
            None => not_found(),
        },
        "checks/list-for-ref" => ok(json!({"total_count": 1, "check_runs": [
            {"id": 1, "name": "mill", "status": "completed", "conclusion": "success",
             "html_url": null, "output": {"title": "It turns"}}]})),
        "repos/get-combined-status-for-ref" => {
            ok(json!({"state": "pending", "total_count": 0, "statuses": []}))
        }
        operation if operation.starts_with("actions/") => actions(request, operation),
        "git/get-ref" => {
            let found = at.git.branches.get(&branch());
            or_404(
                found.map(|sha| json!({"ref": "heads", "object": {"sha": sha, "type": "commit"}})),
            )
        }
        "git/get-commit" => or_404(at.git.show_commit(rest[2])),
        "git/get-tree" => or_404(at.git.show_tree(rest[2])),
        "git/create-tree" => match at.git.new_tree(&request.call.json()) {
            Some(sha) => created(&at.git.show_tree(&sha).unwrap_or_default()),
            None => problem(StatusCode::UNPROCESSABLE_ENTITY, "GitRPC::BadObjectState"),
        },
        "git/create-commit" => {
            let body = request.call.json();
            match at.git.new_commit(&body, request.login, request.now) {
                Some(sha) => created(&at.git.show_commit(&sha).unwrap_or_default()),
                None => problem(StatusCode::UNPROCESSABLE_ENTITY, "Tree SHA does not exist"),
            }
        }
        "git/create-ref" | "git/update-ref" => point(request, at, operation, &branch),
        "checks/list-annotations"
        | "issues/list-sub-issues"
        | "issues/list-events-for-timeline" => ok(json!([])),
        "pulls/create" => propose(request, at),
        _ => thread(request, operation, at, rest[1]),
    }
}

/// One run, whose one job failed.
fn actions(request: &Request<'_>, operation: &str) -> Response {
    let job = json!({"id": 7, "run_id": 3, "name": "mill", "status": "completed",
                     "conclusion": "failure", "html_url": null,
                     "steps": [{"name": "Turn", "status": "completed", "conclusion": "failure",
                                "number": 1}]});
    let value = match operation {
        "actions/list-workflow-runs-for-repo" => json!({"total_count": 1, "workflow_runs": [
            {"id": 3, "name": "Mill", "display_title": "Turn it", "status": "completed",
             "conclusion": "failure", "event": "push", "head_branch": "rollback",
             "head_sha": "c0ffee", "actor": user(request.login), "created_at": request.now,
             "html_url": "https://github.example.test/runs/3"}]}),
        "actions/list-jobs-for-workflow-run" => json!({"total_count": 1, "jobs": [job]}),
        "actions/get-job-for-workflow-run" => job,
        _ => return (StatusCode::FOUND, [(LOCATION, request.storage("logs/7"))]).into_response(),
    };
    json_response(StatusCode::OK, &value)
}

/// The log of the one job, at the storage host.
pub(super) fn log() -> Response {
    let mut log = String::from("\u{feff}");
    for line in [
        "##[group]Run mill",
        "turning",
        "turning",
        "error: the handle broke",
        "##[error]Process completed with exit code 1.",
        "Cleaning up",
    ] {
        log.push_str("2026-11-20T08:00:00.1234567Z ");
        log.push_str(line);
        log.push('\n');
    }
    text(StatusCode::OK, &log)
}

fn content(request: &Request<'_>, at: &Repository, path: &str) -> Response {
    let reference = request.call.query("ref").unwrap_or("HEAD");
    if let Some(content) = at.git.read(reference, path) {
        if request
            .call
            .header(&ACCEPT)
            .is_some_and(|kind| kind.contains("raw"))
        {
            return text(StatusCode::OK, content);
        }
        let value = json!({"type": "file", "encoding": "base64", "path": path, "sha": "blob",
                           "name": path.rsplit('/').next(), "size": content.len(),
                           "content": STANDARD.encode(content),
                           "html_url": format!("https://github.example.test/{}/blob/{path}", at.full_name()),
                           "download_url": "https://raw.example.test/file?token=signed"});
        return json_response(StatusCode::OK, &value);
    }
    let prefix = if path.is_empty() {
        String::new()
    } else {
        format!("{path}/")
    };
    let mut names: Vec<(&str, &str)> = Vec::new();
    for below in at.git.paths(reference) {
        let Some(rest) = below.strip_prefix(&prefix) else {
            continue;
        };
        let entry = match rest.split_once('/') {
            Some((folder, _)) => ("dir", folder),
            None => ("file", rest),
        };
        if !names.contains(&entry) {
            names.push(entry);
        }
    }
    if names.is_empty() {
        return not_found();
    }
    let entry = |(kind, name): &(&str, &str)| json!({"type": kind, "name": name, "size": 0});
    let entries: Vec<Value> = names.iter().map(entry).collect();
    json_response(
        StatusCode::OK,
        &json!({"type": "dir", "path": path, "entries": entries}),
    )
}

/// Makes a branch, or moves it to a commit that follows.
fn point(
    request: &Request<'_>,
    at: &mut Repository,
    operation: &str,
    branch: &dyn Fn() -> String,
) -> Response {
    let body = request.call.json();
    let sha = body["sha"].as_str().unwrap_or_default();
    if at.git.show_commit(sha).is_none() {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, "Object does not exist");
    }
    let (name, status) = if operation == "git/create-ref" {
        let name = body["ref"]
            .as_str()
            .and_then(|name| name.strip_prefix("refs/heads/"));
        (name.unwrap_or_default().to_owned(), StatusCode::CREATED)
    } else {
        (branch(), StatusCode::OK)
    };
    match (at.git.branches.get(&name), status) {
        (Some(_), StatusCode::CREATED) => {
            return problem(StatusCode::UNPROCESSABLE_ENTITY, "Reference already exists");
        }
        (None, StatusCode::OK) => {
            return problem(StatusCode::UNPROCESSABLE_ENTITY, "Reference does not exist");
        }
        (Some(old), _) if body["force"] != true && !at.git.follows(sha, old) => {
            return problem(
                StatusCode::UNPROCESSABLE_ENTITY,
                "Update is not a fast forward",
            );
        }
        _ => {}
    }
    at.git.branches.insert(name.clone(), sha.to_owned());
    let value = json!({"ref": format!("refs/heads/{name}"), "object": {"sha": sha}});
    json_response(status, &value)
}

fn propose(request: &Request<'_>, at: &mut Repository) -> Response {
    let body = request.call.json();
    let word = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let (head, base) = (word("head"), word("base"));
    for (field, branch) in [("head", &head), ("base", &base)] {
        if at.git.resolve(branch).is_none() {
            return invalid(
                &json!([{"resource": "PullRequest", "field": field, "code": "invalid"}]),
            );
        }
    }
    let issue = Issue {
        number: at.issues.last().map_or(1, |last| last.number + 1),
        pull: true,
        title: word("title"),
        body: Some(word("body")),
        open: true,
        author: request.login.to_owned(),
        assignees: Vec::new(),
        labels: Vec::new(),
        remarks: Vec::new(),
        proposal: Some(Proposal {
            head,
            base,
            draft: body["draft"] == true,
            reviews: Vec::new(),
        }),
        created: request.now,
        updated: request.now,
    };
    let shown = at.show_pull(&issue);
    at.issues.push(issue);
    shown.map_or_else(not_found, |value| {
        json_response(StatusCode::CREATED, &value)
    })
}

/// What concerns one issue or pull request.
fn thread(request: &Request<'_>, operation: &str, at: &mut Repository, number: &str) -> Response {
    let known = at
        .issues
        .iter()
        .position(|it| it.number.to_string() == number);
    let Some(index) = known else {
        return not_found();
    };
    let body = request.call.json();
    let issue = &mut at.issues[index];
    let page = format!("https://github.example.test/{}/issues/{number}", at.name);
    match (operation, &mut issue.proposal) {
        ("issues/list-comments", _) => {
            let shown = issue.remarks.iter().map(|it| it.show(&page)).collect();
            request.page(shown)
        }
        ("issues/create-comment", _) => {
            let remark = Remark {
                author: request.login.to_owned(),
                text: body["body"].as_str().unwrap_or_default().to_owned(),
                time: request.now,
            };
            let shown = remark.show(&page);
            issue.remarks.push(remark);
            json_response(StatusCode::CREATED, &shown)
        }
        ("pulls/get", Some(_)) => {
            let shown = at.show_pull(&at.issues[index]).unwrap_or_default();
            json_response(StatusCode::OK, &shown)
        }
        ("pulls/request-reviewers", Some(_)) => {
            let shown = at.show_pull(&at.issues[index]).unwrap_or_default();
            json_response(StatusCode::CREATED, &shown)
        }
        ("pulls/list-files", Some(it)) => request.page(at.git.diff(&it.base, &it.head)),
        ("pulls/list-commits", Some(it)) => {
            let mut history = at.git.history(&it.head).unwrap_or_default();
            history.truncate(1);
            request.page(history)
        }
        ("pulls/list-reviews", Some(it)) => request.page(it.reviews.clone()),
        ("pulls/create-review", Some(it)) => {
            let state = match body["event"].as_str() {
                Some("APPROVE" | "REQUEST_CHANGES") if issue.author == request.login => {
                    let message = "Can not approve or refuse your own pull request";
                    return invalid(&json!([message]));
                }
                Some("APPROVE") => "APPROVED",
                Some("REQUEST_CHANGES") => "CHANGES_REQUESTED",
                _ => "COMMENTED",
            };
            let review = json!({"id": it.reviews.len() + 1, "user": user(request.login),
                                "state": state, "body": body["body"], "html_url": page,
                                "submitted_at": request.now});
            it.reviews.push(review.clone());
            json_response(StatusCode::OK, &review)
        }
        _ => not_found(),
    }
}
