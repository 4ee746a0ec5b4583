//! What makes a mail an answer, for every mail program: identification fields and subject.

use super::summary::decoded;
use super::wire::Message;

/// So many ids of earlier mails are named at most: RFC 5322 sets no limit, servers do.
const MAX_REFERENCES: usize = 50;

/// RFC 5322 §3.6.4, from the mail that is answered.
#[derive(Default)]
pub(super) struct Thread {
    /// `In-Reply-To`: the id of that mail, without brackets.
    pub(super) in_reply_to: Option<String>,
    /// `References`: its ancestors and itself.
    pub(super) references: Vec<String>,
}

impl Thread {
    /// The fields of an answer to `parent`.
    pub(super) fn of(parent: &Message) -> Self {
        let Some(own) = ids(parent.header("Message-ID")).pop() else {
            return Self::default();
        };
        let mut references = ids(parent.header("References"));
        if references.is_empty() {
            // One with several ids does not say which came first.
            references = ids(parent.header("In-Reply-To"));
            if references.len() > 1 {
                references.clear();
            }
        }
        references.retain(|id| *id != own);
        references.push(own.clone());
        // The first names the conversation, the last ones the place in it.
        if references.len() > MAX_REFERENCES {
            references.drain(1..=references.len() - MAX_REFERENCES);
        }
        Self {
            in_reply_to: Some(own),
            references,
        }
    }
}

/// The message ids of a field, without brackets. What could not travel in a header is none.
fn ids(field: Option<&str>) -> Vec<String> {
    let field = field.unwrap_or_default();
    let mut ids = Vec::new();
    for (at, _) in field.match_indices('<') {
        let inside = &field[at + 1..];
        let Some((id, _)) = inside.split_once('>') else {
            break;
        };
        let is_plain = id
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'<');
        if is_plain && !id.is_empty() && id.len() <= 900 {
            ids.push(id.to_owned());
        }
    }
    ids
}

/// The subject of an answer.
pub(super) fn reply_subject(parent: &Message) -> String {
    prefixed("Re:", &["re:"], parent)
}

/// The subject of a forwarded mail.
pub(super) fn forward_subject(parent: &Message) -> String {
    prefixed("Fwd:", &["fwd:", "fw:"], parent)
}

fn prefixed(prefix: &str, known: &[&str], parent: &Message) -> String {
    let subject = decoded(parent.header("Subject").unwrap_or_default());
    let subject: String = subject
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(900)
        .collect();
    let subject = subject.trim();
    let lower = subject.to_lowercase();
    if known.iter().any(|known| lower.starts_with(known)) {
        subject.to_owned()
    } else {
        format!("{prefix} {subject}").trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parent(headers: &[(&str, &str)]) -> Message {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        let message = json!({ "id": "m", "threadId": "t", "payload": { "headers": headers } });
        serde_json::from_value(message).unwrap()
    }

    #[test]
    fn an_answer_names_its_parent_and_that_ones_ancestors() {
        let id = ("Message-Id", "<c@x>");
        for (headers, expected) in [
            (vec![id], vec!["c@x"]),
            (
                vec![id, ("References", "<a@x>\r\n <b@x>")],
                vec!["a@x", "b@x", "c@x"],
            ),
            (vec![id, ("In-Reply-To", "<b@x>")], vec!["b@x", "c@x"]),
            (vec![id, ("In-Reply-To", "<a@x> <b@x>")], vec!["c@x"]),
            (
                vec![id, ("References", "<a@x> (Ada) junk <b b@x> <c@x> <d")],
                vec!["a@x", "c@x"],
            ),
            (vec![("References", "<a@x>")], vec![]),
            (vec![("Message-ID", "none")], vec![]),
            (vec![("Message-ID", "<a\r\nBcc: eve@x>")], vec![]),
        ] {
            let thread = Thread::of(&parent(&headers));
            assert_eq!(thread.references, expected, "{headers:?}");
            assert_eq!(thread.in_reply_to.as_deref(), expected.last().copied());
        }
        let many: String = (0..200)
            .map(|n| n.to_string())
            .fold(String::new(), |all, n| all + "<" + &n + "@x> ");
        let references = Thread::of(&parent(&[id, ("References", &many)])).references;
        assert_eq!(references.len(), MAX_REFERENCES);
        assert_eq!(
            (references[0].as_str(), references[1].as_str()),
            ("0@x", "152@x")
        );
        assert_eq!(references.last().unwrap(), "c@x");
    }

    #[test]
    fn subjects_get_one_prefix() {
        for (subject, reply, forward) in [
            ("Lunch", "Re: Lunch", "Fwd: Lunch"),
            ("RE: Lunch", "RE: Lunch", "Fwd: RE: Lunch"),
            ("Fw: Lunch", "Re: Fw: Lunch", "Fw: Lunch"),
            ("", "Re:", "Fwd:"),
            (
                "=?utf-8?Q?a=0D=0ABcc:_e?=",
                "Re: a  Bcc: e",
                "Fwd: a  Bcc: e",
            ),
        ] {
            let parent = parent(&[("Subject", subject)]);
            assert_eq!(reply_subject(&parent), reply);
            assert_eq!(forward_subject(&parent), forward);
        }
    }
}
