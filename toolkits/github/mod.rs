//! The GitHub toolkit: code, issues, pull requests and workflow runs, over the REST API.

use reqwest::Method;

use crate::api::{Api, Request};
use crate::arguments::OneOrMany;
use crate::error::ToolError;
use crate::tool::{Annotations, Declaration, Scopes, Tool};

mod add_comment;
mod checks;
mod conversation;
mod create_issue;
mod diff;
mod duplicates;
mod fetch;
mod get_file;
mod get_issue;
mod get_pull_request;
mod get_pull_request_diff;
mod issue;
mod merge;
mod place;
mod pull;
mod refusal;
mod repository;
mod search;
mod search_code;
mod search_issues;

/// What a body may have at GitHub, in characters.
const BODY_LIMIT: usize = 65_536;

/// A search leaves out silently what the token may not see, so it asks for private repositories
/// before: OAuth apps need `repo`, GitHub has no smaller scope for them. GitHub Apps have no scopes,
/// their permissions are set when they are installed.
const SEARCH: Scopes = &[&["repo"]];

/// Reading one repository needs no scope when it is public. A private one is "not found" without
/// `repo`, which [`refusal`] recognizes and asks for.
const READ: Scopes = &[];

/// Writing to one repository; for a private one, [`refusal`] asks for `repo`.
const WRITE: Scopes = &[&["public_repo", "repo"]];

/// The toolkit's tools, in the order of the list.
pub(crate) fn tools() -> Vec<Tool> {
    let read = |name, title| declare(name, title, READ, Annotations::READ);
    vec![
        Tool::new(
            declare(
                "github_search_issues",
                "Search issues and pull requests",
                SEARCH,
                Annotations::READ,
            ),
            search_issues::run,
        ),
        Tool::new(read("github_get_issue", "Read an issue"), get_issue::run),
        Tool::new(
            declare(
                "github_create_issue",
                "Create an issue",
                WRITE,
                Annotations::ADD,
            ),
            create_issue::run,
        ),
        Tool::new(
            declare(
                "github_add_comment",
                "Comment on an issue or pull request",
                WRITE,
                Annotations::ADD,
            ),
            add_comment::run,
        ),
        Tool::new(
            declare(
                "github_search_code",
                "Search code",
                SEARCH,
                Annotations::READ,
            ),
            search_code::run,
        ),
        Tool::raw_text(
            read("github_get_file", "Read a file or list a folder"),
            get_file::run,
        ),
        Tool::new(
            read("github_get_pull_request", "Read a pull request"),
            get_pull_request::run,
        ),
        Tool::raw_text(
            read(
                "github_get_pull_request_diff",
                "Read a pull request's changes",
            ),
            get_pull_request_diff::run,
        ),
    ]
}

fn declare(
    name: &'static str,
    title: &'static str,
    scopes: Scopes,
    annotations: Annotations,
) -> Declaration {
    Declaration {
        name,
        toolkit: "github",
        provider: "github",
        title,
        scopes,
        annotations,
    }
}

/// The words of a list argument, each of which is one of `all`; `default` for none.
fn chosen(
    name: &str,
    given: &OneOrMany,
    all: &[&'static str],
    default: &[&'static str],
) -> Result<Vec<&'static str>, ToolError> {
    if given.0.is_empty() {
        return Ok(default.to_vec());
    }
    let known = |word: &String| all.iter().copied().find(|known| *known == word.trim());
    let words: Option<Vec<&'static str>> = given.0.iter().map(known).collect();
    words.ok_or_else(|| {
        ToolError::invalid_arguments(format!("`{name}` may have: {}.", all.join(", ")))
    })
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
