//! Which repository is meant: `owner` and `repo`, `owner/name`, or an address on github.com.

use std::fmt;

use url::Url;

use super::allowed;
use crate::api::Api;
use crate::error::ToolError;

/// A repository's full name, of characters that GitHub allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repository {
    pub(super) owner: String,
    pub(super) name: String,
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl Repository {
    /// Reads the arguments `owner` and `repo`, and refuses a repository that the operator does not
    /// allow.
    pub(super) fn read(api: &Api, owner: Option<&str>, repo: &str) -> Result<Self, ToolError> {
        let repository = Self::parse(owner, repo)?;
        allowed::check(api, &repository.owner, &repository.name)?;
        Ok(repository)
    }

    /// The same without asking whether it is allowed.
    pub(super) fn parse(owner: Option<&str>, repo: &str) -> Result<Self, ToolError> {
        let repo = repo.trim();
        let path = match address(repo)? {
            Some(path) => path,
            None => repo.to_owned(),
        };
        let (named, name) = match path.split_once('/') {
            Some((named, name)) => (Some(named), name),
            None => (None, path.as_str()),
        };
        let owner = owner.map(str::trim).filter(|owner| !owner.is_empty());
        let owner = match (owner, named) {
            (Some(owner), Some(named)) if !owner.eq_ignore_ascii_case(named) => {
                return Err(ToolError::invalid_arguments(
                    "`owner` and the owner within `repo` differ.",
                ));
            }
            (Some(owner), _) => owner,
            (None, Some(named)) => named,
            (None, None) => {
                return Err(ToolError::invalid_arguments(
                    "`repo` has no owner: give `owner/name`, or `owner` as well.",
                ));
            }
        };
        let name = name.strip_suffix(".git").unwrap_or(name);
        if !is_owner(owner) {
            return Err(ToolError::invalid_arguments(
                "The owner in `owner` or `repo` is not a login that GitHub allows.",
            ));
        }
        if !is_name(name) {
            return Err(ToolError::invalid_arguments(
                "`repo` is not a repository name that GitHub allows; give `owner/name`.",
            ));
        }
        Ok(Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// `owner/name` of an address like `https://github.com/owner/name/issues`, None for what is no
/// address. Only the names are used: requests go to the configured API.
fn address(text: &str) -> Result<Option<String>, ToolError> {
    let text = match text.strip_prefix("github.com/") {
        Some(rest) => format!("https://github.com/{rest}"),
        None if text.contains("://") => text.to_owned(),
        None => return Ok(None),
    };
    let refusal =
        || ToolError::invalid_arguments("`repo` is not the address of a repository on github.com.");
    let url = Url::parse(&text).map_err(|_| refusal())?;
    if !matches!(url.host_str(), Some("github.com" | "www.github.com")) {
        return Err(refusal());
    }
    let mut segments = url.path_segments().ok_or_else(refusal)?;
    match (segments.next(), segments.next()) {
        (Some(owner), Some(name)) => Ok(Some(format!("{owner}/{name}"))),
        _ => Err(refusal()),
    }
}

/// Whether `text` can be a login; those of managed users have an underscore.
pub(super) fn is_owner(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn is_name(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && !matches!(text, "." | "..")
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::Repository;
    use crate::error::ErrorCode;

    #[test]
    fn a_repository_is_named_in_every_usual_way() {
        for (owner, repo) in [
            (Some("octo"), "my.app"),
            (None, "octo/my.app"),
            (Some("Octo"), "octo/my.app"),
            (Some(""), " octo/my.app "),
            (None, "https://github.com/octo/my.app"),
            (None, "https://github.com/octo/my.app.git"),
            (None, "https://www.github.com/octo/my.app/issues/12?q=x#y"),
            (None, "github.com/octo/my.app"),
        ] {
            let repository =
                Repository::parse(owner, repo).unwrap_or_else(|e| panic!("{repo}: {e}"));
            assert_eq!(
                repository.to_string().to_ascii_lowercase(),
                "octo/my.app",
                "{repo}"
            );
        }
    }

    #[test]
    fn what_is_no_repository_is_refused() {
        for (owner, repo) in [
            (None, ""),
            (None, "app"),
            (None, "octo/"),
            (None, "/app"),
            (None, "octo/.."),
            (None, "octo/a/b"),
            (None, "octo/a b"),
            (None, "octo/a\r\nb"),
            (None, "octo/a%2e"),
            (Some("../../evil"), "app"),
            (Some("octo"), "x/../../user"),
            (Some("octo"), "other/app"),
            (Some("oc to"), "app"),
            (None, "https://github.com.evil.example/octo/app"),
            (None, "https://evil.example/octo/app"),
            (None, "https://github.com@evil.example/octo/app"),
            (None, "https://github.com/octo"),
            (None, "https://github.com/octo/%2e%2e"),
            (None, "file:///octo/app"),
            (None, "octo/é"),
        ] {
            let error = Repository::parse(owner, repo).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArguments, "{owner:?} {repo}");
        }
    }
}
