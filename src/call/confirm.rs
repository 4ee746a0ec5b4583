//! Which writes a person is asked about before they go: `policy.confirm_sends`.

use serde_json::Value;
use valetkey_toolkits::api::Api;
use valetkey_toolkits::arguments::{DRY_RUN, IDEMPOTENCY_KEY};
use valetkey_toolkits::gmail_has_mail_to;
use valetkey_toolkits::output::Output;
use valetkey_toolkits::tool::Tool;

use crate::audit::Hex;
use crate::config::policy::ConfirmSends;

/// What the person has to agree to.
#[derive(Debug)]
pub struct Confirmation {
    /// Names exactly this; see [`crate::call::Call::confirmed`].
    pub id: Hex<16>,
    /// What would be done.
    pub preview: Output,
}

/// Mail providers whose domain says nothing about who belongs together.
const PUBLIC: [&str; 2] = ["gmail.com", "googlemail.com"];

/// More new recipients than this are not looked up one by one: the person is asked.
const MOST_LOOKED_UP: usize = 5;

/// Whether the person may have to be asked: about what reaches others and would reach them twice.
pub(super) fn may_ask(policy: ConfirmSends, tool: &Tool) -> bool {
    policy != ConfirmSends::Never && tool.takes(DRY_RUN) && tool.takes(IDEMPOTENCY_KEY)
}

/// Whether the person has to be asked about what a dry run showed. What cannot be judged, they are
/// asked about.
pub(super) async fn is_needed(policy: ConfirmSends, api: &Api, preview: &Output) -> bool {
    let Some(recipients) = mail_recipients(preview) else {
        return policy != ConfirmSends::Never;
    };
    match policy {
        ConfirmSends::Never => false,
        ConfirmSends::Always => true,
        ConfirmSends::External => {
            let own = api.account();
            recipients.iter().any(|one| is_external(own, one))
        }
        ConfirmSends::NewRecipient => {
            if recipients.len() > MOST_LOOKED_UP {
                return true;
            }
            for recipient in recipients {
                // Without the permission to read mail nobody is known.
                if !matches!(gmail_has_mail_to(api, &recipient).await, Ok(true)) {
                    return true;
                }
            }
            false
        }
    }
}

/// The addresses that a mail would go to. None: it is no mail, or some of them are not plain.
fn mail_recipients(preview: &Output) -> Option<Vec<String>> {
    let lists = match preview.structured.as_ref()?.get("recipients")? {
        Value::Array(list) => vec![list],
        Value::Object(lists) => lists.values().filter_map(Value::as_array).collect(),
        _ => return None,
    };
    let people = lists.into_iter().flatten();
    let emails = people.map(|one| Some(one.get("email")?.as_str()?.to_lowercase()));
    let emails: Vec<String> = emails.collect::<Option<_>>()?;
    (!emails.is_empty()).then_some(emails)
}

fn is_external(own: &str, recipient: &str) -> bool {
    let own = own.to_lowercase();
    if own == recipient {
        return false;
    }
    match (own.rsplit_once('@'), recipient.rsplit_once('@')) {
        (Some((_, own)), Some((_, theirs))) => own != theirs || PUBLIC.contains(&own),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{is_external, mail_recipients};
    use valetkey_toolkits::output::Output;

    #[test]
    fn mail_is_external_unless_it_stays_in_the_domain_of_an_organization() {
        for (own, recipient, expected) in [
            ("ada@example.org", "grace@example.org", false),
            ("Ada@Example.org", "grace@example.org", false),
            ("ada@example.org", "eve@example.org.evil.test", true),
            ("ada@example.org", "eve@sub.example.org", true),
            ("ada@gmail.com", "grace@gmail.com", true),
            ("ada@gmail.com", "ada@gmail.com", false),
            ("ada", "grace@example.org", true),
            ("ada@example.org", "\"x@example.org\"@evil.test", true),
        ] {
            assert_eq!(is_external(own, recipient), expected, "{own} {recipient}");
        }
    }

    #[test]
    fn what_is_no_mail_or_has_an_address_that_cannot_be_read_is_not_judged() {
        let read = |structured: serde_json::Value| {
            let structured = structured.as_object().cloned();
            mail_recipients(&Output::new(String::new(), structured))
        };
        let one = json!({ "email": "Ada@Example.org" });
        let all = ["ada@example.org".to_owned()];
        assert_eq!(
            read(json!({ "recipients": { "to": [one], "cc": [] } })).unwrap(),
            all
        );
        assert_eq!(read(json!({ "recipients": [one] })).unwrap(), all);
        for none in [
            json!({}),
            json!({ "recipients": [] }),
            json!({ "recipients": [one, { "name": "Eve" }] }),
            json!({ "recipients": [{ "id": "U1" }] }),
        ] {
            assert_eq!(read(none.clone()), None, "{none}");
        }
    }
}
