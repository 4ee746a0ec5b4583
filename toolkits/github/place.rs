//! Where something is in a repository: a path and a ref.

use crate::error::ToolError;

/// The segments of a path within a repository, for a request; none is `.` or `..`. Slashes at both
/// ends are left out.
pub(super) fn path(path: &str) -> Result<Vec<&str>, ToolError> {
    let trimmed = path.trim_matches('/');
    if trimmed.is_empty() {
        return Ok(Vec::new());
    }
    let segments: Vec<&str> = trimmed.split('/').collect();
    let wrong = |segment: &&str| {
        matches!(*segment, "" | "." | "..") || segment.contains(|c: char| c.is_control())
    };
    if path.len() > 4096 || segments.iter().any(wrong) {
        return Err(ToolError::invalid_arguments(
            "`path` must be a path within the repository, such as `src/main.rs`.",
        ));
    }
    Ok(segments)
}

/// The path of a file within a repository, as Git writes it.
pub(super) fn file(text: &str) -> Result<String, ToolError> {
    let segments = path(text)?;
    if segments.is_empty() || text.ends_with('/') {
        return Err(ToolError::invalid_arguments(
            "`path` must name a file within the repository.",
        ));
    }
    Ok(segments.join("/"))
}

/// A branch, tag or commit (`git check-ref-format`). `name` is the argument's.
pub(super) fn reference<'a>(name: &str, text: &'a str) -> Result<&'a str, ToolError> {
    let text = text.trim();
    let wrong = text.is_empty()
        || text.len() > 250
        || text.starts_with(['/', '-', '.'])
        || text.ends_with(['/', '.'])
        || text.strip_suffix(".lock").is_some()
        || ["..", "//", "@{", "/."]
            .iter()
            .any(|part| text.contains(part))
        || text.contains(|c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c));
    if wrong {
        return Err(ToolError::invalid_arguments(format!(
            "`{name}` is not a branch, tag or commit that Git allows."
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{file, path, reference};

    #[test]
    fn paths_stay_within_the_repository() {
        assert_eq!(path("/src/a b.rs/").unwrap(), ["src", "a b.rs"]);
        assert!(path("").unwrap().is_empty() && path("/").unwrap().is_empty());
        assert_eq!(file("src/é.rs").unwrap(), "src/é.rs");
        for wrong in ["a/../b", "..", "a//b", "./a", "a/\r\nb", "a\0"] {
            assert!(path(wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["", "/", "src/"] {
            assert!(file(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn references_are_those_of_git() {
        for good in ["main", "feature/x", "v1.0.0", "0a1b2c3", " HEAD ", "é"] {
            assert_eq!(reference("ref", good).unwrap(), good.trim());
        }
        for wrong in [
            "", "a..b", "../x", "a b", "a\nb", "a:b", "-d", "/a", "a/", "a.lock", "a?b", "a/.b",
        ] {
            assert!(reference("ref", wrong).is_err(), "{wrong:?}");
        }
    }
}
