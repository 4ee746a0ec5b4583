//! The parts of Slack's answers that this toolkit reads
//! (<https://docs.slack.dev/reference/methods>). Everything else is left unread.

use serde::Deserialize;
use serde_json::Value;

use super::ts::Ts;

/// The beginning of every answer.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope {
    pub(super) ok: bool,
    pub(super) error: Option<String>,
    /// The scopes that `missing_scope` asks for, separated by commas.
    pub(super) needed: Option<String>,
    /// The scopes that the token has, separated by commas.
    pub(super) provided: Option<String>,
}

/// Where a list goes on.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Metadata {
    #[serde(default)]
    next_cursor: Option<String>,
}

/// The cursor of the next page; an empty one means there is none.
pub(super) fn next_cursor(metadata: Option<Metadata>) -> Option<String> {
    metadata
        .unwrap_or_default()
        .next_cursor
        .filter(|cursor| !cursor.is_empty())
}

/// `conversations.list` and `users.conversations`.
#[derive(Debug, Deserialize)]
pub(super) struct Conversations {
    pub(super) channels: Vec<Conversation>,
    pub(super) response_metadata: Option<Metadata>,
}

/// `conversations.info` and `conversations.open`.
#[derive(Debug, Deserialize)]
pub(super) struct OneConversation {
    pub(super) channel: Conversation,
}

/// A channel, a direct message or a group of people.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "Slack tells the kinds of conversation by so many flags"
)]
pub(super) struct Conversation {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) name_normalized: Option<String>,
    /// The other person of a direct message.
    pub(super) user: Option<String>,
    pub(super) is_im: bool,
    pub(super) is_mpim: bool,
    pub(super) is_private: bool,
    pub(super) is_archived: bool,
    /// Not told of every conversation.
    pub(super) is_member: Option<bool>,
    pub(super) num_members: Option<u64>,
    pub(super) topic: Option<Described>,
    pub(super) purpose: Option<Described>,
}

/// The topic or the purpose of a channel.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Described {
    pub(super) value: String,
}

/// An answer of which only `ok` matters.
#[derive(Debug, Deserialize)]
pub(super) struct Done {}

/// `auth.test`.
#[derive(Debug, Deserialize)]
pub(super) struct Identity {
    pub(super) url: String,
    pub(super) team: String,
    /// The handle.
    pub(super) user: String,
    pub(super) team_id: String,
    pub(super) user_id: String,
    pub(super) enterprise_id: Option<String>,
}

/// `users.list`.
#[derive(Debug, Deserialize)]
pub(super) struct Users {
    pub(super) members: Vec<User>,
    pub(super) response_metadata: Option<Metadata>,
}

/// `users.info`.
#[derive(Debug, Deserialize)]
pub(super) struct OneUser {
    pub(super) user: User,
}

/// A person or a bot.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct User {
    pub(super) id: String,
    /// The handle, unique in the workspace.
    pub(super) name: String,
    pub(super) deleted: bool,
    pub(super) is_bot: bool,
    /// Somebody of another organization whom the acting account shares a channel with.
    pub(super) is_stranger: bool,
    pub(super) real_name: Option<String>,
    /// The name of their time zone.
    pub(super) tz: Option<String>,
    pub(super) profile: Profile,
}

/// What a person says of themselves.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Profile {
    /// What they do.
    pub(super) title: Option<String>,
    /// Only with `users:read.email`.
    pub(super) email: Option<String>,
    pub(super) display_name: Option<String>,
    pub(super) display_name_normalized: Option<String>,
    pub(super) real_name: Option<String>,
    pub(super) real_name_normalized: Option<String>,
}

/// `conversations.history` and `conversations.replies`.
#[derive(Debug, Deserialize)]
pub(super) struct History {
    pub(super) messages: Vec<Message>,
    #[serde(default)]
    pub(super) has_more: bool,
    pub(super) response_metadata: Option<Metadata>,
}

/// A message. Blocks and attachments come in dozens of shapes and are walked as they are.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub(super) ts: Ts,
    #[serde(default)]
    pub(super) subtype: Option<String>,
    #[serde(default)]
    pub(super) text: Option<String>,
    pub(super) user: Option<String>,
    pub(super) username: Option<String>,
    pub(super) bot_id: Option<String>,
    pub(super) bot_profile: Option<BotProfile>,
    pub(super) thread_ts: Option<String>,
    pub(super) reply_count: Option<u64>,
    pub(super) latest_reply: Option<String>,
    #[serde(default)]
    pub(super) reactions: Vec<Reaction>,
    #[serde(default)]
    pub(super) files: Vec<File>,
    #[serde(default)]
    pub(super) blocks: Vec<Value>,
    #[serde(default)]
    pub(super) attachments: Vec<Value>,
    pub(super) edited: Option<Value>,
}

/// The app behind a bot's message.
#[derive(Debug, Deserialize)]
pub(super) struct BotProfile {
    pub(super) name: Option<String>,
}

/// One emoji under a message.
#[derive(Debug, Deserialize)]
pub(super) struct Reaction {
    pub(super) name: String,
    pub(super) count: u64,
}

/// A file shared with a message; only a stub of it when it is deleted or hidden.
#[derive(Debug, Deserialize)]
pub(super) struct File {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) mimetype: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) mode: Option<String>,
}

/// `files.info`.
#[derive(Debug, Deserialize)]
pub(super) struct OneFile {
    pub(super) file: FileInfo,
}

/// All that is told of a file. What is hidden or deleted has little more than an id.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FileInfo {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) mimetype: Option<String>,
    pub(super) size: u64,
    pub(super) mode: Option<String>,
    pub(super) is_external: bool,
    pub(super) url_private: Option<String>,
    pub(super) url_private_download: Option<String>,
    pub(super) permalink: Option<String>,
    pub(super) user: Option<String>,
    pub(super) created: i64,
}

/// `files.getUploadURLExternal`.
#[derive(Deserialize)]
pub(super) struct UploadPlace {
    pub(super) upload_url: String,
    pub(super) file_id: String,
}

/// `files.completeUploadExternal`.
#[derive(Debug, Deserialize)]
pub(super) struct Uploaded {
    #[serde(default)]
    pub(super) files: Vec<FileInfo>,
}

/// `chat.postMessage`.
#[derive(Debug, Deserialize)]
pub(super) struct Posted {
    pub(super) ts: Ts,
    pub(super) channel: String,
    pub(super) message: Option<PostedMessage>,
}

/// What became of the message.
#[derive(Debug, Deserialize)]
pub(super) struct PostedMessage {
    pub(super) thread_ts: Option<String>,
}

/// `chat.getPermalink`.
#[derive(Debug, Deserialize)]
pub(super) struct PermalinkAnswer {
    pub(super) permalink: String,
}
