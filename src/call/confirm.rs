//! Which writes a person is asked about before they go: `policy.confirm_sends`,
//! `policy.confirm_public_after_private_m`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use valetkey_toolkits::api::Api;
use valetkey_toolkits::arguments::{DRY_RUN, IDEMPOTENCY_KEY};
use valetkey_toolkits::output::Output;
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

/// The provider where everybody may see what is written.
const GITHUB: &str = "github";

/// Mail providers whose domain says nothing about who belongs together.
const PUBLIC: [&str; 2] = ["gmail.com", "googlemail.com"];

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
    /// twice if it were repeated, and about every write that a file declares. A draft reaches nobody.
    pub(super) fn may_ask(&self, call: Call<'_>) -> bool {
        let tool = call.tool;
        // What the requests of a declared tool mean, nobody here can know.
        tool.takes(DRY_RUN)
            && (tool.takes(IDEMPOTENCY_KEY) || tool.declared)
            && !tool.saves_draft(call.arguments)
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
