//! Whom an answer goes to (RFC 5322 §3.6.2 and §3.6.3).

use reqwest::Method;
use serde::Deserialize;

use super::error::{Call, accept};
use super::recipients::{self, Mailbox};
use super::wire::Message;
use crate::api::Api;
use crate::error::{ErrorCode, ToolError};

/// The addresses of the account itself.
pub(super) struct Own {
    /// The account's address first, then those that it may send as.
    addresses: Vec<String>,
    /// What Gmail sends from when nothing is said.
    default: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SendAs {
    #[serde(rename = "sendAsEmail")]
    address: String,
    #[serde(default)]
    is_default: bool,
    /// Absent for the account's own address.
    verification_status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SendAsList {
    #[serde(default)]
    send_as: Vec<SendAs>,
}

impl Own {
    /// Asks Gmail (`settings.sendAs.list`). Without an answer the account's address is known, and
    /// the warning says so.
    pub(super) async fn of(api: &Api, call: &Call) -> (Self, Option<String>) {
        let path = ["gmail", "v1", "users", "me", "settings", "sendAs"];
        let answer = api.read(Method::GET, &path).once().send().await;
        let list = answer
            .and_then(|response| accept(response, call))
            .and_then(|response| response.json::<SendAsList>());
        let account = api.account().to_owned();
        let mut own = Self {
            default: account.clone(),
            addresses: vec![account],
        };
        match list {
            Err(_) => {
                let warning = "The account's other addresses could not be read; check that the \
                               answer does not go to one of them.";
                (own, Some(warning.to_owned()))
            }
            Ok(list) => {
                for one in list.send_as {
                    let works = one
                        .verification_status
                        .is_none_or(|status| status == "accepted");
                    if one.is_default {
                        own.default.clone_from(&one.address);
                    }
                    if works {
                        own.addresses.push(one.address);
                    }
                }
                (own, None)
            }
        }
    }

    fn has(&self, address: &str) -> bool {
        let wanted = canonical(address);
        self.addresses.iter().any(|own| canonical(own) == wanted)
    }
}

/// What counts as the same mailbox: domains ignore case, local parts do in practice, and Gmail
/// ignores dots and what follows a plus sign.
fn canonical(address: &str) -> String {
    let lower = address.trim().to_lowercase();
    match lower.split_once('@') {
        Some((local, "gmail.com" | "googlemail.com")) => {
            let local = local.split('+').next().unwrap_or_default();
            format!("{}@gmail.com", local.replace('.', ""))
        }
        _ => lower,
    }
}

/// The people of an answer, and the address it is sent from where that is not the default.
pub(super) struct Audience {
    pub(super) to: Vec<Mailbox>,
    pub(super) cc: Vec<Mailbox>,
    pub(super) from: Option<Mailbox>,
    /// How many addresses of the parent are none that mail can go to.
    pub(super) unusable: usize,
}

/// Who gets the answer to `parent`.
///
/// Reply-To counts before From. An answer to a mail of one's own goes on to its recipients. With
/// `all`, its other recipients get copies, but never the account itself.
pub(super) fn audience(parent: &Message, own: &Own, all: bool) -> Result<Audience, ToolError> {
    let mut unusable = 0;
    let mut read = |name: &str| {
        let (list, bad) = recipients::of_header(parent.header(name).unwrap_or_default());
        unusable += bad;
        list
    };
    let (from, reply_to) = (read("From"), read("Reply-To"));
    let (parent_to, parent_cc) = (read("To"), read("Cc"));
    let is_mine =
        parent.has_label("SENT") || from.first().is_some_and(|sender| own.has(&sender.email));
    let author = if reply_to.is_empty() {
        &from
    } else {
        &reply_to
    };
    let mut seen: Vec<String> = Vec::new();
    let mut others = |list: &[Mailbox]| -> Vec<Mailbox> {
        let mut kept = Vec::new();
        for one in list {
            let key = canonical(&one.email);
            if !own.has(&one.email) && !seen.contains(&key) {
                seen.push(key);
                kept.push(one.clone());
            }
        }
        kept
    };
    let (to, cc) = if is_mine {
        let to = others(&parent_to);
        let cc = if all || to.is_empty() {
            others(&parent_cc)
        } else {
            Vec::new()
        };
        if to.is_empty() {
            (cc, Vec::new())
        } else {
            (to, cc)
        }
    } else {
        let to = others(author);
        let cc = if all {
            others(&[parent_to.as_slice(), &parent_cc].concat())
        } else {
            Vec::new()
        };
        if to.is_empty() {
            (cc, Vec::new())
        } else {
            (to, cc)
        }
    };
    // A mail to oneself is answered to oneself.
    let to = if to.is_empty() {
        author.iter().take(1).cloned().collect()
    } else {
        to
    };
    if to.is_empty() {
        return Err(ToolError::new(
            ErrorCode::Rejected,
            "The message has no address that an answer could go to.",
            "Ask the user whom to write to, and use `gmail_send_email`.",
        ));
    }
    let from = [parent_to, parent_cc]
        .concat()
        .into_iter()
        .find(|one| own.has(&one.email))
        .filter(|one| !is_mine && canonical(&one.email) != canonical(&own.default))
        .filter(|one| {
            // A variant of an address is read by Gmail, but it sends from the listed ones only.
            own.addresses
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&one.email))
        })
        .map(|one| Mailbox { name: None, ..one });
    Ok(Audience {
        to,
        cc,
        from,
        unusable,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn own() -> Own {
        Own {
            addresses: vec![
                "ada@x.example".into(),
                "ada@work.example".into(),
                "ada.l@gmail.com".into(),
            ],
            default: "ada@x.example".into(),
        }
    }

    fn shown(list: &[Mailbox]) -> String {
        list.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Headers of the parent, whether all are answered, and who gets the answer.
    type Case = (
        &'static [(&'static str, &'static str)],
        bool,
        &'static str,
        &'static str,
    );

    #[test]
    fn an_answer_goes_to_those_whom_the_mail_names() {
        const GROUP: &[(&str, &str)] = &[
            ("From", "Bob <bob@x.example>"),
            (
                "To",
                "Ada <ADA@x.example>, eve@x.example, Bob <BOB@x.example>",
            ),
            (
                "Cc",
                "eve@x.example, \"Jones, C\" <c@x.example>, adal+news@googlemail.com",
            ),
        ];
        const MINE: &[(&str, &str)] = &[
            ("From", "ada@work.example"),
            ("To", "bob@x.example, ada@x.example"),
            ("Cc", "c@x.example"),
        ];
        let cases: &[Case] = &[
            (GROUP, false, "Bob <bob@x.example>", ""),
            (
                GROUP,
                true,
                "Bob <bob@x.example>",
                "eve@x.example, Jones, C <c@x.example>",
            ),
            (MINE, false, "bob@x.example", ""),
            (MINE, true, "bob@x.example", "c@x.example"),
            (
                &[
                    ("From", "a@list.example"),
                    ("Reply-To", "bob@x.example, l@list.example"),
                    ("To", "l@list.example"),
                ],
                true,
                "bob@x.example, l@list.example",
                "",
            ),
            // Groups, in From too (RFC 6854).
            (
                &[
                    ("From", "Team: bob@x.example, c@x.example;"),
                    ("To", "undisclosed-recipients:;"),
                ],
                true,
                "bob@x.example, c@x.example",
                "",
            ),
            (
                &[("From", "ada@x.example"), ("To", "ada@x.example")],
                true,
                "ada@x.example",
                "",
            ),
            (
                &[("From", "ada@x.example"), ("Cc", "c@x.example")],
                false,
                "c@x.example",
                "",
            ),
            (
                &[
                    ("From", "\"bob@x.example\" <bob@x.example>"),
                    ("To", "\"a b\"@x.example"),
                ],
                true,
                "bob@x.example",
                "",
            ),
            (
                &[("From", "\"eve@x.example\" <bob@x.example>")],
                true,
                "bob@x.example",
                "",
            ),
        ];
        for (headers, all, to, cc) in cases {
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| json!({ "name": name, "value": value }))
                .collect();
            let parent = json!({ "id": "m", "threadId": "t", "payload": { "headers": headers } });
            let parent: Message = serde_json::from_value(parent).unwrap();
            let audience = audience(&parent, &own(), *all).unwrap();
            assert_eq!(shown(&audience.to), *to, "{headers:?} {all}");
            assert_eq!(shown(&audience.cc), *cc, "{headers:?} {all}");
        }
    }

    #[test]
    fn the_answer_comes_from_the_address_that_was_written_to() {
        for (to, from) in [
            ("ada@work.example", Some("ada@work.example")),
            ("ada@x.example", None),
            ("list@x.example", None),
            ("ada.l+x@gmail.com", None),
        ] {
            let parent = json!({ "id": "m", "threadId": "t", "payload": { "headers": [
                { "name": "From", "value": "bob@x.example" }, { "name": "To", "value": to },
            ]}});
            let parent: Message = serde_json::from_value(parent).unwrap();
            let audience = audience(&parent, &own(), false).unwrap();
            assert_eq!(audience.from.map(|one| one.email).as_deref(), from, "{to}");
        }
    }
}
