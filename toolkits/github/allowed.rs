//! Which repositories may be touched: `policy.github_repos`.

use std::fmt;
use std::str::FromStr;

use super::issue::Wire;
use super::repository::{Repository, is_owner};
use crate::allowed::refused;
use crate::api::Api;
use crate::error::{ErrorCode, ToolError};

const KEY: &str = "github_repos";

/// GitHub takes at most five `AND`, `OR` or `NOT` in a search of issues ("Troubleshooting search
/// queries" in its documentation).
const SCOPES: usize = 6;

/// One repository, or all of an owner. GitHub's names ignore case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repositories {
    owner: String,
    /// None: all.
    name: Option<String>,
}

impl FromStr for Repositories {
    type Err = &'static str;

    /// Reads `owner/repo` or `owner/*`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Some(owner) = text.strip_suffix("/*").filter(|owner| is_owner(owner)) {
            return Ok(Self {
                owner: owner.to_ascii_lowercase(),
                name: None,
            });
        }
        match Repository::parse(None, text) {
            Ok(one) => Ok(Self {
                owner: one.owner.to_ascii_lowercase(),
                name: Some(one.name.to_ascii_lowercase()),
            }),
            Err(_) => Err("must be owner/repo, or owner/* for all of an owner"),
        }
    }
}

impl fmt::Display for Repositories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name.as_deref().unwrap_or("*"))
    }
}

impl Repositories {
    fn is_of(&self, owner: &str) -> bool {
        self.owner.eq_ignore_ascii_case(owner)
    }

    fn has(&self, owner: &str, name: &str) -> bool {
        self.is_of(owner)
            && self
                .name
                .as_ref()
                .is_none_or(|known| known.eq_ignore_ascii_case(name))
    }

    /// As a search says it.
    fn scope(&self) -> String {
        match &self.name {
            Some(name) => format!("repo:{}/{name}", self.owner),
            None => format!("user:{}", self.owner),
        }
    }
}

/// Whether there is a list at all.
pub(super) fn is_limited(api: &Api) -> bool {
    !api.allowed().github_repos.is_empty()
}

/// Whether the list has it, or sets no limit.
pub(super) fn has(api: &Api, owner: &str, name: &str) -> bool {
    let list = &api.allowed().github_repos;
    list.is_empty() || list.iter().any(|allowed| allowed.has(owner, name))
}

/// The same of `owner/name` as an answer tells it. What has another form is not on the list.
pub(super) fn has_named(api: &Api, full_name: &str) -> bool {
    match full_name.split_once('/') {
        Some((owner, name)) => has(api, owner, name),
        None => !is_limited(api),
    }
}

/// Whether an issue or pull request of an answer may be shown.
pub(super) fn shows(api: &Api, issue: &Wire) -> bool {
    has_named(api, &issue.repository())
}

/// Keeps those that may be shown, and says how many others there were.
pub(super) fn keep(api: &Api, issues: &mut Vec<Wire>) -> usize {
    let all = issues.len();
    issues.retain(|issue| shows(api, issue));
    all - issues.len()
}

/// Refuses what the list does not have.
pub(super) fn check(api: &Api, owner: &str, name: &str) -> Result<(), ToolError> {
    if has(api, owner, name) {
        return Ok(());
    }
    let what = format!("the repository {owner}/{name}");
    Err(refused(&what, KEY, &api.allowed().github_repos))
}

/// How many results were left out.
pub(super) fn left_out(count: usize) -> Option<String> {
    (count > 0).then(|| {
        format!(
            "Left out, because they are of repositories that the policy of this server does not \
             allow (`policy.github_repos`): {count}."
        )
    })
}

/// Refuses the words of a search when they name what the list does not have, or could get around
/// what is added to them.
pub(super) fn check_words(api: &Api, query: &str) -> Result<(), ToolError> {
    let list = &api.allowed().github_repos;
    if list.is_empty() {
        return Ok(());
    }
    if !is_balanced(query) {
        return Err(ToolError::invalid_arguments(
            "The query has a quotation mark or parenthesis without its other half.",
        ));
    }
    let elsewhere = named(query).any(|(qualifier, value)| match qualifier.as_str() {
        "repo" => !has_named(api, value),
        _ => list.iter().all(|one| !one.is_of(value)),
    });
    if elsewhere {
        return Err(refused("this search", KEY, list));
    }
    Ok(())
}

/// The repositories and owners of the list as a search says them, of which one must hold, so that it
/// finds nothing else; those of `owner` only, if there is one. Empty without a list.
pub(super) fn scopes(api: &Api, owner: Option<&str>) -> Result<Vec<String>, ToolError> {
    let list = &api.allowed().github_repos;
    let wanted = list
        .iter()
        .filter(|one| owner.is_none_or(|owner| one.is_of(owner)));
    let scopes: Vec<String> = wanted.map(Repositories::scope).collect();
    if scopes.is_empty() && !list.is_empty() {
        return Err(refused("this search", KEY, list));
    }
    if scopes.len() > SCOPES {
        return Err(ToolError::new(
            ErrorCode::Policy,
            "The policy of this server allows a list of repositories that is too long for one \
             search (`policy.github_repos`).",
            "Name one of them with `repo`.",
        ));
    }
    Ok(scopes)
}

/// The repositories, users and organizations that the words of a search name: the qualifier in
/// lower case, and its value.
pub(super) fn named(query: &str) -> impl Iterator<Item = (String, &str)> {
    let words = query.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ','));
    words.filter_map(|word| {
        let (qualifier, value) = word.split_once(':')?;
        let qualifier = qualifier.trim_start_matches('"').to_ascii_lowercase();
        let value = value.trim_matches('"');
        matches!(qualifier.as_str(), "repo" | "user" | "org").then_some((qualifier, value))
    })
}

/// Whether quotation marks come in pairs, and parentheses outside of them too.
fn is_balanced(query: &str) -> bool {
    let (mut depth, mut quoted) = (0_usize, false);
    for c in query.chars() {
        match c {
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return false,
            },
            _ => {}
        }
    }
    depth == 0 && !quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_on_the_list_whatever_its_case() {
        for (rule, owner, name, expected) in [
            ("Octo/App", "octo", "APP", true),
            ("octo/app", "octo", "app2", false),
            ("octo/app", "octo2", "app", false),
            ("octo/*", "OCTO", "anything", true),
            ("octo/*", "octo-x", "app", false),
            ("https://github.com/octo/app", "octo", "app", true),
        ] {
            let rule: Repositories = rule.parse().unwrap();
            assert_eq!(rule.has(owner, name), expected, "{rule} {owner}/{name}");
        }
    }

    #[test]
    fn what_is_no_repository_is_no_rule() {
        for text in [
            "",
            "*",
            "*/*",
            "*/app",
            "octo",
            "octo/",
            "octo/a*",
            "octo/../x",
            "octo/a/b",
        ] {
            assert!(text.parse::<Repositories>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_query_is_one_part_that_does_not_end_early() {
        for (query, expected) in [
            ("a (b OR c)", true),
            ("\"a ) b\"", true),
            ("a) OR (b", false),
            ("\"a", false),
            ("(a", false),
        ] {
            assert_eq!(is_balanced(query), expected, "{query}");
        }
    }
}
