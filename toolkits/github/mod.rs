//! The GitHub toolkit: issues, over the REST API.

use reqwest::Method;

use crate::api::{Api, Request};
use crate::tool::{Annotations, Declaration, Scopes, Tool};

mod create_issue;
mod duplicates;
mod issue;
mod merge;
mod refusal;
mod repository;
mod search;
mod search_issues;

/// OAuth apps need `repo`, also to see private issues: GitHub has no smaller scope for them.
/// GitHub Apps have no scopes, their permissions are set when they are installed.
const REPO: Scopes = &[&["repo"]];

/// The toolkit's tools, in the order of the list.
pub(crate) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            Declaration {
                name: "github_search_issues",
                toolkit: "github",
                provider: "github",
                title: "Search issues and pull requests",
                scopes: REPO,
                annotations: Annotations::READ,
            },
            search_issues::run,
        ),
        Tool::new(
            Declaration {
                name: "github_create_issue",
                toolkit: "github",
                provider: "github",
                title: "Create an issue",
                scopes: REPO,
                annotations: Annotations::ADD,
            },
            create_issue::run,
        ),
    ]
}

fn get(api: &Api, path: &[&str]) -> Request {
    with_version(api.read(Method::GET, path))
}

fn post(api: &Api, path: &[&str]) -> Request {
    with_version(api.write(Method::POST, path))
}

/// The version is pinned because GitHub changes field types between versions ("API Versions" in its
/// REST documentation).
fn with_version(request: Request) -> Request {
    request
        .header("accept", "application/vnd.github+json")
        .header("x-github-api-version", "2022-11-28")
}

#[cfg(test)]
mod tests;
