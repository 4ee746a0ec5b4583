//! Slack's newer search, `assistant.search.context`
//! (<https://docs.slack.dev/apis/web-api/real-time-search-api>).

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::allowed;
use super::call::{Failure, call};
use super::found::{self, FoundFile, Hit};
use super::search::{Answer, Content, Question, Sort, Where};
use super::ts::Ts;
use super::wire::{Metadata, next_cursor};
use crate::api::{Api, Effect};
use crate::sanitize::{snippet, visible};
use crate::when;

/// The scopes that `question` needs: those of the kinds of conversation and of files, besides
/// `search:read.public`, which the tool declares.
pub(super) fn scopes(question: &Question) -> Vec<String> {
    let kinds: &[&str] = match question.place {
        Where::Public => &["public"],
        Where::Private => &["public", "private"],
        Where::Dm => &["public", "im", "mpim"],
        Where::All => &["public", "private", "im", "mpim"],
    };
    let files = (question.content != Content::Messages).then_some("files");
    let kinds = kinds.iter().copied().chain(files);
    kinds.map(|kind| format!("search:read.{kind}")).collect()
}

/// Asks it for a page.
pub(super) async fn ask(api: &Api, question: &Question) -> Result<Answer, Failure> {
    let content = match question.content {
        Content::Messages => "messages",
        Content::Files => "files",
        Content::All => "messages,files",
    };
    let kinds = match question.place {
        Where::Public => "public_channel",
        Where::Private => "private_channel",
        Where::Dm => "im,mpim",
        Where::All => "public_channel,private_channel,im,mpim",
    };
    let sort = match question.sort {
        Sort::Relevance => "score",
        Sort::Newest => "timestamp",
    };
    let mut fields = vec![
        ("query", question.query.clone()),
        ("content_types", content.to_owned()),
        ("channel_types", kinds.to_owned()),
        ("sort", sort.to_owned()),
        ("limit", question.limit.to_string()),
        ("include_bots", "true".to_owned()),
    ];
    if question.keyword_only {
        fields.push(("disable_semantic_search", "true".to_owned()));
    }
    fields.extend(question.since.map(|since| ("after", since.to_string())));
    fields.extend(question.until.map(|until| ("before", until.to_string())));
    fields.extend(question.cursor.clone().map(|cursor| ("cursor", cursor)));
    let page: Page = call(api, Effect::Read, "assistant.search.context", &fields).await?;
    let results = page.results;
    let hits = results.messages.into_iter().map(Hit::from).collect();
    let (hits, mut left_out) = allowed::hits(api, hits);
    let mut files = results.files;
    if allowed::is_limited(api) {
        // Of a file Slack does not say where it was shared.
        left_out += files.len();
        files.clear();
    }
    Ok(Answer {
        messages: found::messages(api, hits).await,
        warnings: allowed::left_out(left_out).into_iter().collect(),
        files: files.into_iter().map(|file| shown(api, file)).collect(),
        next: next_cursor(page.response_metadata),
        ..Answer::default()
    })
}

#[derive(Debug, Deserialize)]
struct Page {
    results: Results,
    response_metadata: Option<Metadata>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Results {
    messages: Vec<Message>,
    files: Vec<File>,
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(rename = "message_ts")]
    ts: Ts,
    channel_id: String,
    channel_name: Option<String>,
    author_user_id: Option<String>,
    author_name: Option<String>,
    #[serde(default)]
    is_author_bot: bool,
    #[serde(default)]
    content: String,
    permalink: Option<String>,
}

impl From<Message> for Hit {
    fn from(message: Message) -> Self {
        Self {
            ts: message.ts,
            author_id: message.author_user_id,
            author_name: message.author_name,
            bot: message.is_author_bot,
            channel_id: message.channel_id,
            channel_name: message.channel_name,
            markup: message.content,
            permalink: message.permalink,
        }
    }
}

#[derive(Debug, Deserialize)]
struct File {
    #[serde(rename = "file_id")]
    id: String,
    title: Option<String>,
    #[serde(rename = "file_type")]
    kind: Option<String>,
    uploader_user_id: Option<String>,
    author_user_id: Option<String>,
    author_name: Option<String>,
    date_created: Option<i64>,
    permalink: Option<String>,
    content: Option<String>,
}

fn shown(api: &Api, file: File) -> FoundFile {
    let id = snippet(&file.id, 30);
    let title = file.title.map(|title| snippet(&title, 100));
    let author = file.author_user_id.or(file.uploader_user_id);
    let time = file
        .date_created
        .and_then(|at| Timestamp::from_second(at).ok());
    let text = file
        .content
        .map(|text| visible(&text).text.trim().to_owned());
    FoundFile {
        title: title
            .filter(|t| !t.is_empty())
            .unwrap_or_else(|| id.clone()),
        id,
        file_type: file.kind.map(|kind| snippet(&kind, 40)),
        author: found::author(author, file.author_name, false, &HashMap::new()),
        time: time.map(|time| when::show(time, api.zone())),
        permalink: file.permalink.map(|link| snippet(&link, 300)),
        text: text.filter(|text| !text.is_empty()),
    }
}
