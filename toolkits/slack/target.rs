//! How a person names a conversation, a person or a thread: `#name`, `@name`, an id, a permalink.

use url::Url;

use super::ts::Ts;
use crate::error::ToolError;

/// What an argument names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A conversation by its id: `C…`, `G…` or `D…`.
    Conversation(String),
    /// A channel by its name, in lower case and without `#`.
    ChannelName(String),
    /// A person by id: `U…` or `W…`.
    Person(String),
    /// A person by handle or name, without `@`.
    PersonName(String),
}

impl Target {
    /// Reads `text`; `argument` names the argument for the error.
    pub(super) fn parse(argument: &str, text: &str) -> Result<Self, ToolError> {
        let text = text.trim();
        let bare = unwrap_token(text);
        if is_conversation_id(bare) {
            return Ok(Self::Conversation(bare.to_owned()));
        }
        if is_person_id(bare) {
            return Ok(Self::Person(bare.to_owned()));
        }
        if let Some(link) = Permalink::parse(text) {
            return Ok(Self::Conversation(link.conversation));
        }
        if let Some(name) = text.strip_prefix('@') {
            let name = name.trim();
            if !name.is_empty() && name.chars().count() <= 80 && !name.contains(['<', '>', '\n']) {
                return Ok(Self::PersonName(name.to_owned()));
            }
        }
        // A channel's name has at most 80 characters, no upper case, spaces or punctuation other
        // than `-` and `_` (https://docs.slack.dev/reference/methods/conversations.create).
        let name = text.strip_prefix('#').unwrap_or(text);
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        if !name.is_empty() && name.chars().count() <= 80 && name.chars().all(fits) {
            return Ok(Self::ChannelName(name.to_lowercase()));
        }
        Err(ToolError::invalid_arguments(format!(
            "`{argument}` must be #channel, @person, a Slack id such as C0123456789, or a \
             message or channel link copied from Slack."
        )))
    }
}

/// The thread that a message goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thread {
    /// The parent's `ts`.
    pub(super) parent: Ts,
    /// The conversation, when a permalink told it.
    pub(super) conversation: Option<String>,
}

impl Thread {
    /// Reads a parent's `ts` or a permalink. The permalink of a reply names its parent too.
    pub(super) fn parse(argument: &str, text: &str) -> Result<Self, ToolError> {
        let text = text.trim();
        if let Ok(parent) = text.parse() {
            return Ok(Self {
                parent,
                conversation: None,
            });
        }
        let link = Permalink::parse(text);
        if let Some((link, parent)) = link.and_then(|l| Some((l.clone(), l.thread.or(l.message)?)))
        {
            return Ok(Self {
                parent,
                conversation: Some(link.conversation),
            });
        }
        Err(ToolError::invalid_arguments(format!(
            "`{argument}` must be the parent message's ts, such as 1700000000.000100, or the link \
             of a message copied from Slack."
        )))
    }
}

/// A message as a call names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MessageName {
    /// The message's own `ts`.
    pub(super) ts: Ts,
    /// The parent's, when a permalink told it.
    pub(super) thread: Option<Ts>,
    /// The conversation, when a permalink told it.
    pub(super) conversation: Option<String>,
}

impl MessageName {
    /// Reads a message's `ts` or its permalink.
    pub(super) fn parse(argument: &str, text: &str) -> Result<Self, ToolError> {
        let text = text.trim();
        if let Ok(ts) = text.parse() {
            return Ok(Self {
                ts,
                thread: None,
                conversation: None,
            });
        }
        if let Some(link) = Permalink::parse(text)
            && let Some(ts) = link.message
        {
            return Ok(Self {
                ts,
                thread: link.thread,
                conversation: Some(link.conversation),
            });
        }
        Err(ToolError::invalid_arguments(format!(
            "`{argument}` must be a message's ts, such as 1700000000.000100, or its link copied \
             from Slack."
        )))
    }
}

/// A link as Slack's "Copy link" gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Permalink {
    conversation: String,
    message: Option<Ts>,
    thread: Option<Ts>,
}

impl Permalink {
    /// `https://acme.slack.com/archives/C…[/p…][?thread_ts=…]` and
    /// `https://app.slack.com/client/T…/C…`. Nothing is ever fetched from it.
    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(unwrap_token(text)).ok()?;
        let host = url.host_str()?;
        let ours = ["slack.com", "slack-gov.com"].iter().any(|domain| {
            host.strip_suffix(domain)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        });
        if url.scheme() != "https" || !ours {
            return None;
        }
        let segments: Vec<&str> = url.path_segments()?.filter(|s| !s.is_empty()).collect();
        let (conversation, message) = match segments.as_slice() {
            ["archives", conversation] | ["client", _, conversation] => (conversation, None),
            ["archives", conversation, message] => {
                (conversation, Some(Ts::from_permalink(message)?))
            }
            _ => return None,
        };
        let thread = url.query_pairs().find(|(name, _)| name == "thread_ts");
        is_conversation_id(conversation).then(|| Self {
            conversation: (*conversation).to_owned(),
            message,
            thread: thread.and_then(|(_, ts)| ts.parse().ok()),
        })
    }
}

/// Whether `text` has the form of a conversation's id.
pub(super) fn is_conversation_id(text: &str) -> bool {
    is_id(text, &['C', 'D', 'G'])
}

/// Whether `text` has the form of a person's id.
pub(super) fn is_person_id(text: &str) -> bool {
    is_id(text, &['U', 'W'])
}

/// Ids are upper-case letters and digits; names in Slack never are, but a person may shout one.
/// So a short text counts as an id only with a digit in it.
fn is_id(text: &str, prefixes: &[char]) -> bool {
    text.starts_with(prefixes)
        && (3..=30).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && (text.len() >= 9 || text.bytes().any(|b| b.is_ascii_digit()))
}

/// The inside of `<#C…|name>`, `<@U…>` and `<https://…|text>`, as they stand in messages.
fn unwrap_token(text: &str) -> &str {
    let Some(inside) = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')) else {
        return text;
    };
    let inside = inside.split_once('|').map_or(inside, |(id, _)| id);
    inside.strip_prefix(['#', '@']).unwrap_or(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(id: &str) -> Target {
        Target::Conversation(id.to_owned())
    }

    #[test]
    fn conversations_and_people_are_read_in_every_form_people_use() {
        let cases = [
            ("C0123456789", conversation("C0123456789")),
            ("D0123456789", conversation("D0123456789")),
            ("G0123456789", conversation("G0123456789")),
            ("CDEFGHIJK", conversation("CDEFGHIJK")),
            ("<#C0123456789|general>", conversation("C0123456789")),
            ("U0123456789", Target::Person("U0123456789".to_owned())),
            ("<@W0123456789>", Target::Person("W0123456789".to_owned())),
            ("#general", Target::ChannelName("general".to_owned())),
            (" general ", Target::ChannelName("general".to_owned())),
            ("#General", Target::ChannelName("general".to_owned())),
            (
                "#équipe-日本",
                Target::ChannelName("équipe-日本".to_owned()),
            ),
            ("DAILY", Target::ChannelName("daily".to_owned())),
            ("@ada", Target::PersonName("ada".to_owned())),
            (
                "@Ada Lovelace",
                Target::PersonName("Ada Lovelace".to_owned()),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(
                Target::parse("channel", text).unwrap(),
                expected,
                "{text:?}"
            );
        }
    }

    #[test]
    fn permalinks_of_every_kind_name_their_conversation_and_thread() {
        let cases = [
            (
                "https://acme.slack.com/archives/C0123456789",
                "C0123456789",
                None,
            ),
            (
                "https://acme.slack.com/archives/C0123456789/",
                "C0123456789",
                None,
            ),
            (
                "https://acme.slack.com/archives/C0123456789/p1700000000000100",
                "C0123456789",
                Some("1700000000.000100"),
            ),
            (
                "<https://acme.slack.com/archives/C0123456789/p1700000000000100|link>",
                "C0123456789",
                Some("1700000000.000100"),
            ),
            (
                "https://acme.slack.com/archives/C0123456789/p1700000099000100?thread_ts=1700000000.000100&cid=C0123456789",
                "C0123456789",
                Some("1700000000.000100"),
            ),
            (
                "https://acme.enterprise.slack.com/archives/D0123456789/p1700000000000100",
                "D0123456789",
                Some("1700000000.000100"),
            ),
            (
                "https://agency.slack-gov.com/archives/G0123456789/p1700000000000100",
                "G0123456789",
                Some("1700000000.000100"),
            ),
            (
                "https://app.slack.com/client/T0123456789/C0123456789",
                "C0123456789",
                None,
            ),
        ];
        for (link, id, thread) in cases {
            assert_eq!(
                Target::parse("channel", link).unwrap(),
                conversation(id),
                "{link}"
            );
            match (Thread::parse("thread_ts", link), thread) {
                (Ok(found), Some(parent)) => {
                    assert_eq!(found.parent.to_string(), parent, "{link}");
                    assert_eq!(found.conversation.as_deref(), Some(id), "{link}");
                }
                (Err(_), None) => {}
                (found, _) => panic!("{link}: {found:?}"),
            }
            match MessageName::parse("ts", link) {
                Ok(found) => {
                    let digits = found.ts.to_string().replace('.', "");
                    assert!(link.contains(&format!("/p{digits}")), "{link}");
                    assert_eq!(found.conversation.as_deref(), Some(id), "{link}");
                    assert_eq!(found.thread.is_some(), link.contains("thread_ts"), "{link}");
                }
                Err(_) => assert_eq!(thread, None, "{link}"),
            }
        }
    }

    #[test]
    fn what_names_nothing_in_slack_is_refused() {
        for text in [
            "",
            "#",
            "@",
            "two words",
            "#a/b",
            "#a\r\nb",
            "http://acme.slack.com/archives/C0123456789",
            "https://slack.com.evil.example/archives/C0123456789",
            "https://evilslack.com/archives/C0123456789",
            "https://evil.example/?https://acme.slack.com/archives/C0123456789",
            "https://acme.slack.com/archives/general",
            "https://acme.slack.com/archives/C0123456789/x1700000000000100",
            "https://acme.slack.com/archives/C0123456789/p1700000000000100/more",
            "https://acme.slack.com/files/U0123456789/F0123456789",
        ] {
            assert!(Target::parse("channel", text).is_err(), "{text:?}");
            assert!(Thread::parse("thread_ts", text).is_err(), "{text:?}");
            assert!(MessageName::parse("ts", text).is_err(), "{text:?}");
        }
    }
}
