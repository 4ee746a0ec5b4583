//! Where mail may go: `policy.recipient_domains`.

use std::fmt;
use std::str::FromStr;

use url::Host;

use super::recipients::{self, Mailbox};
use super::wire::Message;
use crate::allowed::refused;
use crate::api::Api;
use crate::error::{ErrorCode, ToolError};

const KEY: &str = "recipient_domains";

/// One domain, or all that are below one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// In lower case and, if it is international, in its ASCII form.
    name: String,
    below: bool,
}

impl FromStr for Domain {
    type Err = &'static str;

    /// Reads `example.com`, or `*.example.com` for the domains below it, at any depth and without
    /// itself.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, below) = match text.trim().strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text.trim(), false),
        };
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
        match Host::parse(name) {
            Ok(Host::Domain(ascii))
                if name.chars().all(plain)
                    && ascii.contains('.')
                    && ascii.split('.').all(|label| !label.is_empty()) =>
            {
                Ok(Self { name: ascii, below })
            }
            _ => Err("must be a domain such as example.com, or *.example.com for all below it"),
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.below { "*." } else { "" };
        write!(f, "{star}{}", self.name)
    }
}

impl Domain {
    fn has(&self, domain: &str) -> bool {
        if !self.below {
            return self.name == domain;
        }
        let below = domain.strip_suffix(self.name.as_str());
        below.is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
    }
}

/// Refuses a mail that would go to anybody whom the list does not have.
pub(super) fn check<'m>(
    api: &Api,
    recipients: impl IntoIterator<Item = &'m Mailbox>,
) -> Result<(), ToolError> {
    let list = &api.allowed().recipient_domains;
    if list.is_empty() {
        return Ok(());
    }
    for recipient in recipients {
        // A checked address has one `@` and its domain in ASCII, as the list's are.
        let domain = recipient.email.rsplit('@').next().unwrap_or_default();
        let domain = domain.to_ascii_lowercase();
        if !list.iter().any(|allowed| allowed.has(&domain)) {
            let what = format!("mail to {}; nothing was sent", recipient.email);
            return Err(refused(&what, KEY, list));
        }
    }
    Ok(())
}

/// The same of a draft, whose fields somebody else may have written: what cannot be read for
/// certain is refused.
pub(super) fn check_draft(api: &Api, draft: &Message) -> Result<(), ToolError> {
    if api.allowed().recipient_domains.is_empty() {
        return Ok(());
    }
    for field in draft.headers(&["To", "Cc", "Bcc"]) {
        let (list, unusable) = recipients::of_header(field);
        if unusable > 0 || list.len() != addresses(field) {
            return Err(ToolError::new(
                ErrorCode::Policy,
                "The draft has recipients that cannot be read for certain, so they cannot be \
                 checked against the policy of this server (`policy.recipient_domains`); nothing \
                 was sent.",
                "Ask the user to write plain addresses with commas between them into the draft, or \
                 to send it themselves.",
            ));
        }
        check(api, &list)?;
    }
    Ok(())
}

/// How many addresses a field must have: each has one `@` outside of quoted strings (RFC 5322
/// §3.2.4). A comment with one counts too, and then the field is not plain.
fn addresses(field: &str) -> usize {
    let (mut count, mut quoted, mut escaped) = (0, false, false);
    for c in field.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '@' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_that_one_and_a_star_is_all_below() {
        for (rule, domain, expected) in [
            ("example.com", "example.com", true),
            ("Example.COM", "example.com", true),
            ("bücher.example", "xn--bcher-kva.example", true),
            ("example.com", "mail.example.com", false),
            ("example.com", "example.com.evil.test", false),
            ("example.com", "notexample.com", false),
            ("*.example.com", "mail.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.example.com", "evilexample.com", false),
        ] {
            let rule: Domain = rule.parse().unwrap();
            assert_eq!(rule.has(domain), expected, "{rule} {domain}");
        }
    }

    #[test]
    fn what_is_no_domain_is_no_rule() {
        for text in [
            "",
            "*",
            "*.",
            "*.*",
            "com",
            "@example.com",
            "ada@example.com",
            "10.0.0.1",
            "[::1]",
            "a b.example",
            "*example.com",
            "example..com",
            "https://example.com",
            "example.com/x",
        ] {
            assert!(text.parse::<Domain>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn addresses_are_counted_as_they_would_be_read() {
        for (field, expected) in [
            ("a@x.example", 1),
            ("\"Ada @ work\" <a@x.example>, b@x.example", 2),
            ("\"a \\\" @\" <a@x.example>", 1),
            ("a@x.example (or b@x.example)", 2),
            ("a@x.example b@x.example", 2),
            ("", 0),
        ] {
            assert_eq!(addresses(field), expected, "{field}");
        }
    }
}
