//! Who can prove with a browser who they are. A link for anybody else would be anybody's, so none is
//! made.

use crate::broker::{Broker, Denied};
use crate::caller::Caller;
use crate::config::Config;
use crate::oauth::provider::{Kind, Provider};

/// The [`Caller::issuer`] of users with a static token.
const STATIC: &str = "static";

impl Broker {
    /// The [`Caller::issuer`] of all whose users can sign in with a browser, in the order of the
    /// configuration. Empty without `server.auth`: nobody has to, then.
    pub fn sign_ins(&self) -> Vec<&str> {
        sign_ins(&self.0.settings.config)
    }
}

fn sign_ins(config: &Config) -> Vec<&str> {
    let Some(auth) = &config.server.auth else {
        return Vec::new();
    };
    let issuers = auth.issuers.iter();
    let with_login = issuers.filter(|issuer| issuer.login.is_some());
    let of_static = auth.static_login.iter().map(|_| STATIC);
    with_login
        .map(|issuer| issuer.issuer.as_str())
        .chain(of_static)
        .collect()
}

/// Why `caller` gets no link to `provider`, for the one who runs this server.
pub(super) fn problem(config: &Config, caller: &Caller, provider: &Provider) -> Option<Denied> {
    let issuer = caller.issuer();
    let nobody_signs_in = config.server.auth.is_none();
    let denied = |remedy: String| {
        let provider = provider.title().to_owned();
        Some(Denied::NoSignIn { provider, remedy })
    };
    if !nobody_signs_in && !sign_ins(config).contains(&issuer) {
        return denied(match issuer {
            STATIC => "users of static tokens need server.auth.static_login in the configuration, \
                       where they can sign in with a browser"
                .to_owned(),
            _ => format!(
                "the users of {issuer} need server.auth.issuers[].login in the configuration, a \
                 client with which they can sign in there with a browser"
            ),
        });
    }
    if !config.policy.require_matching_email {
        return None;
    }
    if nobody_signs_in {
        return denied(
            "policy.require_matching_email compares with the address that a person signed in with, \
             and without server.auth nobody signs in: remove the one or add the other"
                .to_owned(),
        );
    }
    matches!(provider.kind(), Kind::Slack | Kind::GitHub)
        .then(|| {
            denied(format!(
                "policy.require_matching_email needs a verified e-mail address, and {} tells none \
                 of its accounts",
                provider.title()
            ))
        })
        .flatten()
}
