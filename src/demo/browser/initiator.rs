//! What a browser knows of the page that started a navigation, and what follows from it.

use reqwest::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use url::Url;

use crate::demo::browser::{BrowserError, Hop, host};

/// A page that sent its form. A typed link has no initiator.
#[derive(Clone, Debug)]
pub(super) struct Initiator {
    pub(super) url: Url,
    no_referrer: bool,
    form_action: Option<String>,
}

impl Initiator {
    pub(super) fn of(page: &Hop) -> Self {
        let policy = |name| page.headers.get(name).and_then(|it| it.to_str().ok());
        Self {
            url: page.url.clone(),
            no_referrer: policy(REFERRER_POLICY).is_some_and(|it| it.contains("no-referrer")),
            form_action: policy(CONTENT_SECURITY_POLICY).and_then(form_action),
        }
    }

    /// The `Origin` of its form's request: opaque after a redirect, and from a page that hides
    /// its address (Fetch, "serializing a request origin").
    pub(super) fn origin(&self, redirected: bool) -> String {
        if redirected || self.no_referrer {
            "null".to_owned()
        } else {
            self.url.origin().ascii_serialization()
        }
    }

    /// Whether the page's policy lets its form, or a redirect that follows it, go to `url`.
    pub(super) fn check_form_action(&self, url: &Url) -> Result<(), BrowserError> {
        let Some(sources) = &self.form_action else {
            return Ok(());
        };
        let allowed = sources.split_whitespace().any(|source| match source {
            "'self'" => self.url.origin() == url.origin(),
            "'none'" => false,
            source => match source.strip_suffix(':') {
                Some(scheme) => url.scheme() == scheme,
                None => Url::parse(source).is_ok_and(|it| it.origin() == url.origin()),
            },
        });
        if allowed {
            Ok(())
        } else {
            Err(BrowserError::FormActionBlocked { host: host(url) })
        }
    }
}

/// `Sec-Fetch-Site` (Fetch Metadata): the widest step of the chain counts.
pub(super) fn fetch_site(initiator: Option<&Initiator>, chain: &[Url]) -> &'static str {
    let Some(initiator) = initiator else {
        return "none";
    };
    if chain.iter().any(|url| site(url) != site(&initiator.url)) {
        return "cross-site";
    }
    if chain
        .iter()
        .any(|url| url.origin() != initiator.url.origin())
    {
        return "same-site";
    }
    "same-origin"
}

/// Scheme and host: two ports of one host are one site.
pub(super) fn site(url: &Url) -> (&str, &str) {
    (url.scheme(), url.host_str().unwrap_or_default())
}

fn form_action(policy: &str) -> Option<String> {
    policy
        .split(';')
        .find_map(|directive| directive.trim().strip_prefix("form-action"))
        .map(str::to_owned)
}
