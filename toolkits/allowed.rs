//! What the operator allows, whatever a grant does: to whom mail may go, and which conversations
//! and repositories may be touched.
//!
//! Each toolkit reads its own list and asks it at its one common place, before a request about the
//! target leaves: `Outgoing::send` of Gmail, the method calls of Slack, `get` and `post` of GitHub.

use std::fmt::Display;

use crate::error::{ErrorCode, ToolError};
pub use crate::github::allowed::Repositories;
pub use crate::gmail::allowed::Domain;
pub use crate::slack::allowed::Conversations;

/// How many entries of a list an error shows.
const SHOWN: usize = 20;

/// The lists. An empty one sets no limit.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// `policy.recipient_domains`: where mail may go.
    pub recipient_domains: Vec<Domain>,
    /// `policy.slack_channels`: the conversations that Slack's tools may read and write.
    pub slack_channels: Vec<Conversations>,
    /// `policy.github_repos`: the repositories that GitHub's tools may read and write.
    pub github_repos: Vec<Repositories>,
}

/// Refuses `what`, which `policy.{key}` does not have: the same whether it exists or not.
pub(crate) fn refused(what: &str, key: &str, list: &[impl Display]) -> ToolError {
    let mut shown: Vec<String> = list.iter().take(SHOWN).map(ToString::to_string).collect();
    if list.len() > SHOWN {
        shown.push(format!("and {} more", list.len() - SHOWN));
    }
    ToolError::new(
        ErrorCode::Policy,
        format!("The policy of this server does not allow {what} (`policy.{key}`)."),
        format!(
            "Allowed: {}. Only who runs this server can change that, in its configuration; do not \
             look for another way.",
            shown.join(", ")
        ),
    )
}

#[cfg(test)]
mod tests;
