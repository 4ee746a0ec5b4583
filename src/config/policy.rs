//! `policy`: what tools may do, whatever a grant allows.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use valetkey_toolkits::allowed::Allowed;

use crate::config::error::ConfigError;
use crate::config::expand::{Reader, Text, line};
use crate::config::file::PolicyForm;

/// A day, in minutes.
const DAY_M: u64 = 1_440;

/// `policy`.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// `confirm_sends`. Default: never.
    pub confirm_sends: ConfirmSends,
    /// `confirm_public_after_private_m`: for so long after something private was read, the person
    /// is asked before anything is written where everybody can see it. Default: not at all.
    pub confirm_public_after_private: Option<Duration>,
    /// `recipient_domains`, `slack_channels`, `github_repos`: what the tools may touch. Default and
    /// empty: all that the grant allows.
    pub allowed: Arc<Allowed>,
    /// `require_matching_email`: an account is connected only if its verified e-mail address is the
    /// one that the person signed in to this server with. Default: any account.
    pub require_matching_email: bool,
}

/// Which sends the person is asked about before they go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConfirmSends {
    /// None.
    #[default]
    Never,
    /// Mail to somebody who has had none from this account, and everything that is not mail.
    NewRecipient,
    /// Mail that leaves the account's own domain, and everything that is not mail.
    External,
    /// All.
    Always,
}

impl Policy {
    pub(super) fn read(reader: Reader<'_>, form: Option<&PolicyForm>) -> Result<Self, ConfigError> {
        let Some(form) = form else {
            return Ok(Self::default());
        };
        let PolicyForm {
            confirm_sends,
            confirm_public_after_private_m,
            recipient_domains,
            slack_channels,
            github_repos,
            require_matching_email,
        } = form;
        let key = "policy.confirm_sends";
        let confirm_sends = match confirm_sends {
            None => ConfirmSends::default(),
            Some(text) => match reader.text(key, text)?.as_str() {
                "never" => ConfirmSends::Never,
                "new_recipient" => ConfirmSends::NewRecipient,
                "external" => ConfirmSends::External,
                "always" => ConfirmSends::Always,
                _ => {
                    let problem = "must be never, new_recipient, external or always";
                    return Err(reader.wrong(line(text), key, problem));
                }
            },
        };
        let key = "policy.confirm_public_after_private_m";
        let minutes = match confirm_public_after_private_m {
            None => None,
            Some(text) => Some(reader.number(key, text, (1, DAY_M))?),
        };
        Ok(Self {
            confirm_sends,
            require_matching_email: match require_matching_email {
                Some(text) => reader.flag("policy.require_matching_email", text)?,
                None => false,
            },
            confirm_public_after_private: minutes.map(Duration::from_mins),
            allowed: Arc::new(Allowed {
                recipient_domains: list(
                    reader,
                    "policy.recipient_domains",
                    recipient_domains.as_ref(),
                )?,
                slack_channels: list(reader, "policy.slack_channels", slack_channels.as_ref())?,
                github_repos: list(reader, "policy.github_repos", github_repos.as_ref())?,
            }),
        })
    }
}

fn list<T: FromStr<Err = &'static str>>(
    reader: Reader<'_>,
    key: &str,
    texts: Option<&Vec<Text>>,
) -> Result<Vec<T>, ConfigError> {
    let read = |text: &Text| {
        let rule = reader.text(key, text)?.parse();
        rule.map_err(|problem| reader.wrong(line(text), key, problem))
    };
    texts.into_iter().flatten().map(read).collect()
}
