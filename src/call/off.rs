//! Which tools the configuration turns off: `toolkits.read_only`, `toolkits.tools`, and tools that
//! the lists of `policy` cannot be asked about.
//!
//! Such a tool is in no list, and a call of its name is refused with the key that turned it off.

use std::collections::BTreeSet;

use valetkey_toolkits::error::{ErrorCode, ToolError};
use valetkey_toolkits::tool::Tool;

use crate::config::Config;
use crate::config::tool_pattern::ToolPattern;

/// Why a tool is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Off {
    /// It is not a read, and `toolkits.read_only` is set.
    ReadOnly,
    /// `toolkits.tools.deny` has it.
    Denied,
    /// `toolkits.tools.allow` has others.
    NotAllowed,
    /// `policy.{key}` is set, and a file declares the tool: what it would touch is not known.
    Unjudged(&'static str),
}

impl Off {
    /// Why this tool is off; none if it is on. `read_only` beats all, and `deny` beats `allow`.
    pub fn of(tool: &Tool, config: &Config) -> Option<Self> {
        let rules = &config.toolkits;
        if let Some(off) = Self::by_name(&tool.name, tool.annotations.read_only, config) {
            return Some(off);
        }
        if !tool.declared {
            return None;
        }
        // A tool of one's own names a provider entry, which names what it is of.
        let entry = config.providers.iter().find(|it| it.id == *tool.provider);
        let of_entry = entry.and_then(|entry| entry.provider_id.as_deref());
        let served = rules.providers.get(&*tool.toolkit);
        let chosen = config
            .providers
            .iter()
            .find(|it| served.is_some_and(|id| *id == it.id));
        let of_chosen = chosen.and_then(|entry| entry.provider_id.as_deref());
        let is = |provider| [Some(&*tool.provider), of_entry, of_chosen].contains(&Some(provider));
        let allowed = &config.policy.allowed;
        [
            (
                "google",
                "recipient_domains",
                allowed.recipient_domains.is_empty(),
            ),
            ("slack", "slack_channels", allowed.slack_channels.is_empty()),
            ("github", "github_repos", allowed.github_repos.is_empty()),
        ]
        .into_iter()
        .find(|(provider, _, empty)| !empty && is(*provider))
        .map(|(_, key, _)| Self::Unjudged(key))
    }

    /// The same as far as a name and the hint `readOnlyHint` tell it.
    pub fn by_name(name: &str, read_only: bool, config: &Config) -> Option<Self> {
        let rules = &config.toolkits;
        let has = |list: &[ToolPattern]| list.iter().any(|pattern| pattern.fits(name));
        if rules.read_only && !read_only {
            Some(Self::ReadOnly)
        } else if has(&rules.deny) {
            Some(Self::Denied)
        } else if !rules.allow.is_empty() && !has(&rules.allow) {
            Some(Self::NotAllowed)
        } else {
            None
        }
    }

    /// The key of the configuration that turned it off.
    pub fn key(self) -> String {
        match self {
            Self::ReadOnly => "toolkits.read_only".to_owned(),
            Self::Denied => "toolkits.tools.deny".to_owned(),
            Self::NotAllowed => "toolkits.tools.allow".to_owned(),
            Self::Unjudged(key) => format!("policy.{key}"),
        }
    }

    /// What a call of the tool is told.
    pub fn error(self, tool: &str) -> ToolError {
        ToolError::new(
            ErrorCode::Policy,
            format!(
                "The policy of this server turns {tool} off (`{}`).",
                self.key()
            ),
            "Only who runs this server can change that, in its configuration; do not look for \
             another way.",
        )
    }
}

/// The patterns of the configuration that fit none of the tools that there are, on or off.
pub fn loose<'c>(config: &'c Config, names: &BTreeSet<String>) -> Vec<&'c ToolPattern> {
    let rules = &config.toolkits;
    let all = rules.allow.iter().chain(&rules.deny);
    all.filter(|pattern| !names.iter().any(|name| pattern.fits(name)))
        .collect()
}
