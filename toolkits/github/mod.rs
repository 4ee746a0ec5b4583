//! The GitHub toolkit: code, issues, pull requests and workflow runs, over the REST API.

use reqwest::Method;

use crate::api::{Api, Request};
use crate::arguments::OneOrMany;
use crate::declared;
use crate::error::ToolError;
use crate::tool::{Annotations, Declaration, Scopes, Tool};

mod add_comment;
pub(crate) mod allowed;
mod changes;
mod checks;
mod commit_files;
mod conversation;
mod create_issue;
mod create_pull_request;
mod diff;
mod duplicates;
mod failed_log;
mod fetch;
mod get_failed_logs;
mod get_file;
mod get_issue;
mod get_pull_request;
mod get_pull_request_diff;
mod get_tree;
mod issue;
mod list_commits;
mod list_workflow_runs;
mod merge;
mod place;
mod pull;
mod refusal;
mod repository;
mod search;
mod search_code;
mod search_issues;
mod submit_review;
pub(crate) mod visibility;
mod whoami;

/// What a title and a body may have at GitHub, in characters.
const TITLE_LIMIT: usize = 256;
const BODY_LIMIT: usize = 65_536;

/// A search leaves out silently what the token may not see, so it asks for private repositories
/// before: OAuth apps need `repo`, GitHub has no smaller scope for them. GitHub Apps have no scopes,
/// their permissions are set when they are installed.
const SEARCH: Scopes = &[&["repo"]];

/// About the account itself, GitHub tells every token; `read:org` is asked for when it is needed.
const NONE: Scopes = &[];

/// Reading one repository needs no scope when it is public. A private one is "not found" without
/// `repo`, which [`refusal`] recognizes and asks for.
const READ: Scopes = &[];

/// Writing to one repository; for a private one, [`refusal`] asks for `repo`.
const WRITE: Scopes = &[&["public_repo", "repo"]];

/// A write that replaces or ends something, and does more when repeated.
const OVERWRITE: Annotations = Annotations {
    destructive: true,
    ..Annotations::ADD
};

/// The toolkit's tools, in the order of the list.
pub(crate) fn tools() -> Vec<Tool> {
    let mut tools = [repositories(), actions()].concat();
    tools.extend(declared::built_in(include_str!("toolkit.yaml")));
    tools
}

fn repositories() -> Vec<Tool> {
    let read = |name, title| declare(name, title, READ, Annotations::READ);
    vec![
        Tool::new(
            declare(
                "github_whoami",
                "Who the account is",
                NONE,
                Annotations::READ,
            ),
            whoami::run,
        ),
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
            read("github_get_tree", "List files and folders"),
            get_tree::run,
        ),
        Tool::new(
            read("github_list_commits", "List commits"),
            list_commits::run,
        ),
        Tool::new(
            declare("github_commit_files", "Commit files", WRITE, OVERWRITE),
            commit_files::run,
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
        Tool::new(
            declare(
                "github_create_pull_request",
                "Open a pull request",
                WRITE,
                Annotations::ADD,
            ),
            create_pull_request::run,
        ),
        Tool::new(
            declare(
                "github_submit_review",
                "Review a pull request",
                WRITE,
                OVERWRITE,
            ),
            submit_review::run,
        ),
    ]
}

fn actions() -> Vec<Tool> {
    let read = |name, title| declare(name, title, READ, Annotations::READ);
    vec![
        Tool::new(
            read("github_list_workflow_runs", "List workflow runs"),
            list_workflow_runs::run,
        ),
        Tool::raw_text(
            read("github_get_failed_logs", "Read why workflow jobs failed"),
            get_failed_logs::run,
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

/// The title of a new issue or pull request.
fn title(text: &str) -> Result<String, ToolError> {
    let title = text.trim();
    let length = title.chars().count();
    if length == 0 || length > TITLE_LIMIT || title.contains(char::is_control) {
        return Err(ToolError::invalid_arguments(format!(
            "`title` must be one line of 1 to {TITLE_LIMIT} characters."
        )));
    }
    Ok(title.to_owned())
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
    with_version(api.read(Method::GET, path), path)
}

fn post(api: &Api, path: &[&str]) -> Request {
    with_version(api.write(Method::POST, path), path)
}

/// A request about a repository that the operator does not allow is not sent, wherever its name came
/// from. The version is pinned because GitHub changes field types between versions ("API Versions" in its
/// REST documentation).
fn with_version(request: Request, path: &[&str]) -> Request {
    let refused = match path {
        ["repos", owner, name, ..] => allowed::check(&request.api, owner, name).err(),
        _ => None,
    };
    request
        .refuse_if(refused)
        .header("accept", "application/vnd.github+json")
        .header("x-github-api-version", "2022-11-28")
}

#[cfg(test)]
mod tests;
