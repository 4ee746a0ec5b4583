//! The Slack workspace: people, conversations, messages.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::demo::sandbox::data::{TEAM_DOMAIN, TEAM_ID};

/// A person or a bot.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Member {
    pub(super) id: String,
    /// The handle.
    pub(super) name: String,
    pub(super) real_name: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    pub(super) bot: bool,
}

/// Which scopes open a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Public,
    Private,
    Direct,
    Group,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Public, Self::Private, Self::Direct, Self::Group];

    /// `public_channel` and so on, as `types` lists them.
    pub(super) fn type_name(self) -> &'static str {
        match self {
            Self::Public => "public_channel",
            Self::Private => "private_channel",
            Self::Direct => "im",
            Self::Group => "mpim",
        }
    }

    /// The scope of Slack's newer search.
    pub(super) fn search_scope(self) -> &'static str {
        match self {
            Self::Public => "search:read.public",
            Self::Private => "search:read.private",
            Self::Direct => "search:read.im",
            Self::Group => "search:read.mpim",
        }
    }

    /// `{kind}:read` or another action.
    pub(super) fn scope(self, action: &str) -> String {
        let family = match self {
            Self::Public => "channels",
            Self::Private => "groups",
            Self::Direct => "im",
            Self::Group => "mpim",
        };
        format!("{family}:{action}")
    }
}

/// A channel, a direct message, a group message.
#[derive(Clone, Debug)]
pub(super) struct Conversation {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) topic: String,
    pub(super) archived: bool,
    pub(super) members: Vec<String>,
    pub(super) created: Timestamp,
    /// Oldest first.
    pub(super) messages: Vec<Message>,
}

/// One message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) ts: Ts,
    pub(super) user: String,
    pub(super) text: String,
    /// The parent's `ts`, in a reply.
    pub(super) thread: Option<Ts>,
    /// Emoji and who gave them.
    pub(super) reactions: Vec<(String, Vec<String>)>,
    pub(super) edited: bool,
}

/// A message's name and time: microseconds since the epoch, written `1700000000.000100`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ts(pub(super) i64);

impl Ts {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
        Some(Self(seconds.parse::<i64>().ok()? * 1_000_000 + micros))
    }
}

impl std::fmt::Display for Ts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// Everything in the workspace.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    pub(super) members: Vec<Member>,
    pub(super) conversations: Vec<Conversation>,
    pub(super) files: Vec<StoredFile>,
}

/// A file, from the moment that its upload is announced.
#[derive(Debug)]
pub(super) struct StoredFile {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) length: usize,
    /// None until they have come.
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) user: &'static str,
    /// The conversation that it is shared in.
    pub(super) channel: Option<String>,
    pub(super) created: Timestamp,
}

impl Workspace {
    /// A conversation as far as `user` may know of it.
    pub(super) fn visible(&mut self, id: &str, user: &str) -> Option<&mut Conversation> {
        self.conversations
            .iter_mut()
            .find(|conversation| conversation.id == id && conversation.is_visible_to(user))
    }

    /// The direct or group message of these people, made if there is none. True: it existed.
    pub(super) fn open(&mut self, mut people: Vec<String>, now: Timestamp) -> (String, bool) {
        people.sort();
        people.dedup();
        let kind = if people.len() > 2 {
            Kind::Group
        } else {
            Kind::Direct
        };
        let same = |conversation: &&Conversation| {
            let mut members = conversation.members.clone();
            members.sort();
            conversation.kind == kind && members == people
        };
        if let Some(conversation) = self.conversations.iter().find(same) {
            return (conversation.id.clone(), true);
        }
        let id = format!("D0SANDBOX{:02}", self.conversations.len());
        self.conversations.push(Conversation {
            id: id.clone(),
            name: format!("mpdm-{}", people.join("-").to_lowercase()),
            kind,
            topic: String::new(),
            archived: false,
            members: people,
            created: now,
            messages: Vec::new(),
        });
        (id, false)
    }
}

impl Conversation {
    pub(super) fn is_visible_to(&self, user: &str) -> bool {
        self.kind == Kind::Public || self.has(user)
    }

    pub(super) fn has(&self, user: &str) -> bool {
        self.members.iter().any(|member| member == user)
    }

    /// Adds a message, at `now` or, since two cannot share a `ts`, right after the last one.
    pub(super) fn post(
        &mut self,
        user: &str,
        text: &str,
        thread: Option<Ts>,
        now: Timestamp,
    ) -> &Message {
        let last = self.messages.last().map_or(0, |message| message.ts.0);
        self.messages.push(Message {
            ts: Ts(now.as_microsecond().max(last + 100)),
            user: user.to_owned(),
            text: text.to_owned(),
            thread,
            reactions: Vec::new(),
            edited: false,
        });
        self.messages.last().expect("a message was just added")
    }

    /// The conversation object, for `user`.
    pub(super) fn show(&self, user: &str) -> Value {
        let mut value = json!({
            "id": self.id,
            "created": self.created.as_second(),
            "is_channel": self.kind == Kind::Public,
            "is_group": self.kind == Kind::Private,
            "is_im": self.kind == Kind::Direct,
            "is_mpim": self.kind == Kind::Group,
            "is_private": self.kind != Kind::Public,
            "is_archived": self.archived,
            "context_team_id": TEAM_ID,
        });
        if self.kind == Kind::Direct {
            let other = self.members.iter().find(|member| *member != user);
            value["user"] = json!(other.map_or(user, String::as_str));
            return value;
        }
        value["name"] = json!(self.name);
        value["name_normalized"] = json!(self.name);
        value["is_general"] = json!(self.name == "general");
        value["is_member"] = json!(self.has(user));
        value["num_members"] = json!(self.members.len());
        value["topic"] = json!({"value": self.topic, "creator": "", "last_set": 0});
        value["purpose"] = json!({"value": "", "creator": "", "last_set": 0});
        value
    }

    /// The message object; a parent tells of its replies.
    pub(super) fn show_message(&self, message: &Message) -> Value {
        let mut value = json!({
            "type": "message",
            "user": message.user,
            "text": message.text,
            "ts": message.ts.to_string(),
            "team": TEAM_ID,
        });
        if !message.reactions.is_empty() {
            let reactions = message.reactions.iter();
            value["reactions"] = reactions
                .map(|(name, users)| json!({"name": name, "users": users, "count": users.len()}))
                .collect();
        }
        if message.edited {
            value["edited"] = json!({"user": message.user, "ts": message.ts.to_string()});
        }
        if let Some(parent) = message.thread {
            value["thread_ts"] = json!(parent.to_string());
            return value;
        }
        let replies: Vec<&Message> = self.replies(message.ts).collect();
        if let Some(latest) = replies.last() {
            let mut users: Vec<&str> = replies.iter().map(|reply| reply.user.as_str()).collect();
            users.sort_unstable();
            users.dedup();
            value["thread_ts"] = json!(message.ts.to_string());
            value["reply_count"] = json!(replies.len());
            value["reply_users_count"] = json!(users.len());
            value["reply_users"] = json!(users);
            value["latest_reply"] = json!(latest.ts.to_string());
        }
        value
    }

    /// The link that Slack copies of a message.
    pub(super) fn link(&self, message: &Message) -> String {
        let id = &self.id;
        let thread = message
            .thread
            .map(|parent| format!("?thread_ts={parent}&cid={id}"));
        format!(
            "https://{TEAM_DOMAIN}.slack.com/archives/{id}/p{}{}",
            message.ts.0,
            thread.unwrap_or_default()
        )
    }

    /// The replies to a message, oldest first.
    pub(super) fn replies(&self, parent: Ts) -> impl Iterator<Item = &Message> {
        self.messages
            .iter()
            .filter(move |message| message.thread == Some(parent))
    }
}

impl Member {
    /// `{handle}@example.test`; bots have none.
    pub(super) fn email(&self) -> Option<String> {
        (!self.bot).then(|| format!("{}@example.test", self.name))
    }

    /// The user object. The address is there only with `users:read.email`.
    pub(super) fn show(&self, with_email: bool) -> Value {
        let mut profile = json!({
            "real_name": self.real_name,
            "real_name_normalized": self.real_name,
            "display_name": self.name,
            "display_name_normalized": self.name,
            "title": self.title,
        });
        if with_email {
            profile["email"] = json!(self.email());
        }
        json!({
            "id": self.id,
            "team_id": TEAM_ID,
            "name": self.name,
            "real_name": self.real_name,
            "deleted": false,
            "is_bot": self.bot,
            "tz": "Europe/London",
            "tz_label": "Greenwich Mean Time",
            "tz_offset": 0,
            "profile": profile,
        })
    }
}
