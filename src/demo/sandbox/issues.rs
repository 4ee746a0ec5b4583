//! The GitHub repositories: issues, pull requests and their search.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::demo::sandbox::data::ACCOUNTS;
use crate::demo::sandbox::git::Git;

/// A repository with its issues, oldest first.
#[derive(Clone, Debug)]
pub(super) struct Repository {
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) private: bool,
    /// Names and colours.
    pub(super) labels: BTreeMap<String, String>,
    pub(super) issues: Vec<Issue>,
    pub(super) git: Git,
}

/// An issue, or a pull request, which is one too at GitHub.
#[derive(Clone, Debug)]
pub(super) struct Issue {
    pub(super) number: u64,
    pub(super) pull: bool,
    pub(super) title: String,
    pub(super) body: Option<String>,
    pub(super) open: bool,
    pub(super) author: String,
    pub(super) assignees: Vec<String>,
    pub(super) labels: Vec<String>,
    pub(super) remarks: Vec<Remark>,
    /// Of a pull request.
    pub(super) proposal: Option<Proposal>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
}

/// A comment.
#[derive(Clone, Debug)]
pub(super) struct Remark {
    pub(super) author: String,
    pub(super) text: String,
    pub(super) time: Timestamp,
}

/// What a pull request proposes.
#[derive(Clone, Debug)]
pub(super) struct Proposal {
    pub(super) head: String,
    pub(super) base: String,
    pub(super) draft: bool,
    /// As GitHub shows them.
    pub(super) reviews: Vec<Value>,
}

impl Remark {
    /// The comment object, short.
    pub(super) fn show(&self, page: &str) -> Value {
        json!({"id": self.text.len(), "user": user(&self.author), "body": self.text,
               "created_at": self.time, "updated_at": self.time,
               "html_url": format!("{page}#issuecomment")})
    }
}

/// One condition of a search.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) negated: bool,
    pub(super) qualifier: Option<String>,
    pub(super) value: String,
}

/// Splits a query into its conditions (GitHub documentation, searching issues and pull requests).
pub(super) fn conditions(query: &str) -> Vec<Condition> {
    let mut conditions = Vec::new();
    let mut rest = query.trim_start();
    while !rest.is_empty() {
        let negated = rest.starts_with('-');
        let body = rest.trim_start_matches('-');
        let mut end = body.len();
        let mut quoted = false;
        for (at, c) in body.char_indices() {
            match c {
                '"' => quoted = !quoted,
                c if c.is_whitespace() && !quoted => {
                    end = at;
                    break;
                }
                _ => {}
            }
        }
        let word = &body[..end];
        rest = body[end..].trim_start();
        let (qualifier, value) = match word.split_once(':') {
            Some((name, value)) if !word.starts_with('"') => (Some(name.to_lowercase()), value),
            _ => (None, word),
        };
        let value = value.trim_matches('"').to_lowercase();
        if !value.is_empty() {
            conditions.push(Condition {
                negated,
                qualifier,
                value,
            });
        }
    }
    conditions
}

impl Condition {
    fn holds(&self, repository: &Repository, issue: &Issue) -> bool {
        let value = self.value.as_str();
        let full_name = repository.full_name().to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(value);
        let person = |name: &str| name.to_lowercase() == value;
        let fits = match self.qualifier.as_deref() {
            None => has(&issue.title) || issue.body.as_deref().is_some_and(has),
            Some("repo") => full_name == value,
            Some("org" | "user" | "owner") => repository.owner == value,
            Some("is" | "type" | "state") => match value {
                "issue" => !issue.pull,
                "pr" | "pull-request" => issue.pull,
                "open" => issue.open,
                "closed" => !issue.open,
                "public" => !repository.private,
                "private" => repository.private,
                _ => false,
            },
            Some("author") => person(&issue.author),
            Some("assignee") => issue.assignees.iter().any(|name| person(name)),
            Some("involves") => {
                person(&issue.author) || issue.assignees.iter().any(|name| person(name))
            }
            // Several names in one qualifier are alternatives.
            Some("label") => value.split(',').any(|wanted| {
                let wanted = wanted.trim_matches('"');
                issue
                    .labels
                    .iter()
                    .any(|label| label.to_lowercase() == wanted)
            }),
            // Where the words are looked for; the sandbox looks in title and body always.
            Some("in" | "sort" | "archived") => return true,
            Some("no") => match value {
                "assignee" => issue.assignees.is_empty(),
                "label" => issue.labels.is_empty(),
                _ => false,
            },
            Some(_) => false,
        };
        fits != self.negated
    }
}

impl Repository {
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub(super) fn find(&self, conditions: &[Condition]) -> Vec<&Issue> {
        let fits = |issue: &&Issue| conditions.iter().all(|it| it.holds(self, issue));
        self.issues.iter().filter(fits).collect()
    }

    /// The repository object, short.
    pub(super) fn show(&self, api: &str) -> Value {
        json!({
            "id": self.id(),
            "name": self.name,
            "full_name": self.full_name(),
            "private": self.private,
            "owner": user(&self.owner),
            "html_url": format!("https://github.example.test/{}", self.full_name()),
            "url": format!("{api}repos/{}", self.full_name()),
            "has_issues": true,
            "archived": false,
            "default_branch": "main",
            "permissions": {"admin": false, "push": true, "pull": true},
        })
    }

    pub(super) fn id(&self) -> u64 {
        self.full_name().bytes().map(u64::from).sum()
    }

    pub(super) fn show_label(&self, name: &str) -> Value {
        let color = self.labels.get(name).map_or("ededed", String::as_str);
        json!({"id": name.len(), "name": name, "color": color, "description": null, "default": false})
    }

    /// The issue object.
    pub(super) fn show_issue(&self, issue: &Issue, api: &str) -> Value {
        let kind = if issue.pull { "pull" } else { "issues" };
        let labels: Vec<Value> = issue.labels.iter().map(|it| self.show_label(it)).collect();
        let assignees: Vec<Value> = issue.assignees.iter().map(|it| user(it)).collect();
        let closed = (!issue.open).then_some(issue.updated);
        let page = format!(
            "https://github.example.test/{}/{kind}/{}",
            self.full_name(),
            issue.number
        );
        let mut value = json!({
            "id": self.id() * 1000 + issue.number,
            "number": issue.number,
            "title": issue.title,
            "body": issue.body,
            "state": if issue.open { "open" } else { "closed" },
            "state_reason": (!issue.open && !issue.pull).then_some("completed"),
            "locked": false,
            "user": user(&issue.author),
            "author_association": "MEMBER",
            "labels": labels,
            "assignee": assignees.first(),
            "assignees": assignees,
            "milestone": null,
            "comments": issue.remarks.len(),
            "created_at": issue.created,
            "updated_at": issue.updated,
            "closed_at": closed,
            "html_url": page,
            "url": format!("{api}repos/{}/issues/{}", self.full_name(), issue.number),
            "repository_url": format!("{api}repos/{}", self.full_name()),
            "score": 1.0,
        });
        if issue.pull {
            value["draft"] = json!(false);
            value["pull_request"] = json!({
                "url": format!("{api}repos/{}/pulls/{}", self.full_name(), issue.number),
                "html_url": page,
                "merged_at": closed,
            });
        }
        value
    }
}

impl Repository {
    /// The pull request object; None for an issue.
    pub(super) fn show_pull(&self, issue: &Issue) -> Option<Value> {
        let proposal = issue.proposal.as_ref()?;
        let mut value = self.show_issue(issue, "");
        let files = self.git.diff(&proposal.base, &proposal.head);
        let lines = |name: &str| files.iter().filter_map(|it| it[name].as_u64()).sum::<u64>();
        let end = |branch: &str| {
            json!({"ref": branch, "label": format!("{}:{branch}", self.owner),
                   "sha": self.git.resolve(branch).unwrap_or_default()})
        };
        value["head"] = end(&proposal.head);
        value["base"] = end(&proposal.base);
        value["draft"] = json!(proposal.draft);
        value["merged_at"] = json!((!issue.open).then_some(issue.updated));
        value["mergeable"] = json!(issue.open.then_some(true));
        value["mergeable_state"] = json!("clean");
        value["additions"] = json!(lines("additions"));
        value["deletions"] = json!(lines("deletions"));
        value["changed_files"] = json!(files.len());
        value["commits"] = json!(1);
        value["review_comments"] = json!(0);
        value["requested_reviewers"] = json!([]);
        Some(value)
    }
}

/// The user object, short.
pub(super) fn user(login: &str) -> Value {
    let known = ACCOUNTS.iter().find(|account| account.login == login);
    json!({
        "login": login,
        "id": known.map_or(9_000_001, |account| account.github_id),
        "type": "User",
        "site_admin": false,
        "html_url": format!("https://github.example.test/{login}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::sandbox::data;

    fn found(query: &str) -> usize {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let conditions = conditions(query);
        let repositories = data::start(now).2;
        let found = |repository: &Repository| repository.find(&conditions).len();
        repositories.iter().map(found).sum()
    }

    #[test]
    fn qualifiers_and_words_find_what_they_say() {
        let all = found("is:issue") + found("is:pr");
        assert_eq!(found("state:open") + found("state:closed"), all);
        assert_eq!(found("label:\"good first issue\""), 1);
        assert_eq!(found("-label:bug") + found("label:bug"), all);
        assert_eq!(found("repo:lovelace-labs/engine"), found("-is:private"));
        assert_eq!(found("author:ada assignee:grace"), 1);
        assert_eq!(found("\"division by zero\" is:issue"), 1);
        assert_eq!(found("nothing-like-it"), 0);
        assert_eq!(found("unknown:qualifier"), 0);
    }
}
