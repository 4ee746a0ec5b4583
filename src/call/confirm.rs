//! Which writes a person is asked about before they go: `policy.confirm_sends`,
//! `policy.confirm_public_after_private_m`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use valetkey_toolkits::api::Api;
use valetkey_toolkits::arguments::{DRY_RUN, IDEMPOTENCY_KEY, PREVIEW_ID};
use valetkey_toolkits::output::Output;
use valetkey_toolkits::sanitize::{shorten, visible};
use valetkey_toolkits::tool::Tool;
use valetkey_toolkits::{github_is_public, gmail_has_mail_to};

use crate::audit::Hex;
use crate::call::Call;
use crate::config::policy::{ConfirmSends, Policy};

/// What the person has to agree to.
#[derive(Debug)]
pub struct Confirmation {
    /// Names exactly this; see [`crate::call::Call::confirmed`].
    pub id: Hex<16>,
    /// What would be done.
    pub preview: Output,
}

/// The toolkits that come with Valetkey.
const BUILT_IN: [&str; 3] = ["gmail", "slack", "github"];

/// The provider where everybody may see what is written.
const GITHUB: &str = "github";

/// Mail providers whose domain says nothing about who belongs together.
const PUBLIC: [&str; 2] = ["gmail.com", "googlemail.com"];

/// What is shown of a text among the arguments of a tool without a dry run, in characters.
const MOST_OF_A_TEXT: usize = 500;

/// More new recipients than this are not looked up one by one: the person is asked.
const MOST_LOOKED_UP: usize = 5;

/// When the person is asked. Clones share what is known of the reads.
#[derive(Clone, Debug, Default)]
pub struct Confirmations {
    sends: ConfirmSends,
    after_private: Option<Duration>,
    /// When each caller last read something that not everybody can see.
    private_reads: Arc<Mutex<HashMap<[u8; 32], Instant>>>,
}

impl Confirmations {
    /// As `policy` says.
    pub fn new(policy: &Policy) -> Self {
        Self {
            sends: policy.confirm_sends,
            after_private: policy.confirm_public_after_private,
            private_reads: Arc::default(),
        }
    }

    /// Notes what a caller has got to see, if that matters to what they write later.
    pub(super) async fn note_read(&self, call: Call<'_>, api: &Api) {
        let Some(within) = self.after_private else {
            return;
        };
        if call.tool.provider == GITHUB && github_is_public(api, call.arguments).await == Some(true)
        {
            return;
        }
        let now = Instant::now();
        let mut reads = self.reads();
        reads.retain(|_, at| now < *at + within);
        reads.insert(call.caller.digest(), now);
    }

    /// Whether the person may have to be asked: about what reaches others, and would reach them
    /// twice if it were repeated, and about every write of a toolkit of the user's own. A draft
    /// reaches nobody.
    pub(super) fn may_ask(&self, call: Call<'_>) -> bool {
        let sends = call.tool.takes(DRY_RUN)
            && call.tool.takes(IDEMPOTENCY_KEY)
            && !call.tool.saves_draft(call.arguments);
        (sends || is_of_the_user(call.tool))
            && (self.sends != ConfirmSends::Never || self.may_expose(call))
    }

    /// Whether the person has to be asked about what a dry run showed. What cannot be judged, they
    /// are asked about.
    pub(super) async fn must_ask(&self, call: Call<'_>, api: &Api, preview: &Output) -> bool {
        self.is_send_to_ask_about(api, preview).await
            || (self.may_expose(call) && github_is_public(api, call.arguments).await != Some(false))
    }

    /// Something that not everybody can see was read a short while ago, and this may be written
    /// where everybody can.
    fn may_expose(&self, call: Call<'_>) -> bool {
        let Some(within) = self.after_private.filter(|_| call.tool.provider == GITHUB) else {
            return false;
        };
        let last = self.reads().get(&call.caller.digest()).copied();
        last.is_some_and(|at| at.elapsed() < within)
    }

    async fn is_send_to_ask_about(&self, api: &Api, preview: &Output) -> bool {
        match (self.sends, mail_recipients(preview)) {
            (ConfirmSends::Never, _) => false,
            (ConfirmSends::Always, _) | (_, None) => true,
            (ConfirmSends::External, Some(recipients)) => {
                let own = api.account();
                recipients.iter().any(|one| is_external(own, one))
            }
            (ConfirmSends::NewRecipient, Some(recipients)) => {
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

    fn reads(&self) -> MutexGuard<'_, HashMap<[u8; 32], Instant>> {
        // A panic elsewhere cannot leave the table wrong: each change is one insert.
        self.private_reads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What such a tool's requests mean, nobody here can know.
fn is_of_the_user(tool: &Tool) -> bool {
    !BUILT_IN.contains(&&*tool.toolkit) && !tool.annotations.read_only
}

/// What a call would do, in the words of its arguments, for a tool that has no dry run.
pub(super) fn preview_of_arguments(call: Call<'_>) -> Output {
    let mut arguments = call.arguments.clone();
    for name in [IDEMPOTENCY_KEY, PREVIEW_ID] {
        arguments.remove(name);
    }
    // A long one must not push the others out of what is shown; what is agreed to is all of it.
    arguments.values_mut().for_each(shorten_texts);
    let told = Value::Object(arguments);
    let text = format!("{} ({})\n{told:#}", call.tool.title, call.tool.name);
    Output::new(visible(&text).text, None)
}

/// Cuts every text within `value`.
fn shorten_texts(value: &mut Value) {
    match value {
        Value::String(text) => *text = shorten(text, MOST_OF_A_TEXT),
        Value::Array(items) => items.iter_mut().for_each(shorten_texts),
        Value::Object(members) => members.values_mut().for_each(shorten_texts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
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
