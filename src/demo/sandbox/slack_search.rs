//! Slack's two searches, over the messages that the acting account may see.

use serde_json::{Value, json};

use crate::demo::sandbox::server::Call;
use crate::demo::sandbox::slack::{Acting, Answer, No, argument, number, page};
use crate::demo::sandbox::workspace::{Conversation, Kind, Message, Ts, Workspace};

/// Answers `method`.
pub(super) fn answer(
    method: &str,
    workspace: &Workspace,
    call: &Call,
    acting: &Acting<'_>,
) -> Answer {
    let query = argument(call, "query").unwrap_or_default();
    if method == "search.messages" {
        acting.need(&["search:read".to_owned()])?;
        return messages(workspace, call, acting, &query);
    }
    let types = argument(call, "channel_types").unwrap_or_else(|| "public_channel".to_owned());
    let types: Vec<&str> = types.split(',').map(str::trim).collect();
    let kinds = Kind::ALL.into_iter();
    let kinds: Vec<Kind> = kinds
        .filter(|kind| types.contains(&kind.type_name()))
        .collect();
    let mut scopes = vec!["search:read.public".to_owned()];
    scopes.extend(kinds.iter().map(|kind| kind.search_scope().to_owned()));
    let content = argument(call, "content_types").unwrap_or_else(|| "messages".to_owned());
    if content.contains("files") {
        scopes.push("search:read.files".to_owned());
    }
    scopes.dedup();
    acting.need(&scopes)?;
    if query.trim().is_empty() {
        return Err(No::Code("missing_query"));
    }
    context(
        workspace,
        call,
        acting,
        &Asked {
            query,
            kinds,
            messages: content.contains("messages"),
        },
    )
}

struct Asked {
    query: String,
    kinds: Vec<Kind>,
    messages: bool,
}

fn context(workspace: &Workspace, call: &Call, acting: &Acting<'_>, asked: &Asked) -> Answer {
    let bound = |name| argument(call, name).and_then(|second| Ts::parse(&second));
    let (after, before) = (bound("after"), bound("before"));
    let newest = argument(call, "sort").as_deref() == Some("timestamp");
    let wanted = |(conversation, message): &(&Conversation, &Message)| {
        asked.messages
            && asked.kinds.contains(&conversation.kind)
            && after.is_none_or(|after| message.ts >= after)
            && before.is_none_or(|before| message.ts < before)
    };
    let hits = hits(workspace, acting, &asked.query, newest);
    let found = hits
        .into_iter()
        .filter(wanted)
        .map(|(conversation, message)| {
            let author = workspace
                .members
                .iter()
                .find(|member| member.id == message.user);
            json!({
                "author_name": author.map(|member| &member.real_name),
                "author_user_id": message.user,
                "is_author_bot": author.is_some_and(|member| member.bot),
                "channel_id": conversation.id,
                "channel_name": conversation.name,
                "message_ts": message.ts.to_string(),
                "content": message.text,
                "permalink": conversation.link(message),
            })
        });
    let (messages, metadata, _) = page(call, found.collect(), 20)?;
    Ok(json!({"results": {"messages": messages, "files": []}, "response_metadata": metadata}))
}

fn messages(workspace: &Workspace, call: &Call, acting: &Acting<'_>, query: &str) -> Answer {
    if query.trim().is_empty() {
        return Err(No::Code("no_query"));
    }
    let newest = argument(call, "sort").as_deref() == Some("timestamp");
    let found: Vec<Value> = hits(workspace, acting, query, newest)
        .into_iter()
        .map(|(conversation, message)| {
            let author = workspace
                .members
                .iter()
                .find(|member| member.id == message.user);
            json!({
                "user": message.user,
                "username": author.map(|member| &member.name),
                "ts": message.ts.to_string(),
                "text": message.text,
                "permalink": conversation.link(message),
                "channel": {
                    "id": conversation.id,
                    "name": conversation.name,
                    "is_private": conversation.kind == Kind::Private,
                    "is_im": conversation.kind == Kind::Direct,
                    "is_mpim": conversation.kind == Kind::Group,
                },
            })
        })
        .collect();
    let (count, number) = (number(call, "count", 20), number(call, "page", 1));
    let (total, pages) = (found.len(), found.len().div_ceil(count));
    let matches: Vec<Value> = found
        .into_iter()
        .skip((number - 1) * count)
        .take(count)
        .collect();
    Ok(json!({"query": query, "messages": {
        "total": total,
        "paging": {"count": count, "total": total, "page": number, "pages": pages},
        "matches": matches,
    }}))
}

/// What fits every word and filter of `query`, the newest first when `newest`.
fn hits<'a>(
    workspace: &'a Workspace,
    acting: &Acting<'_>,
    query: &str,
    newest: bool,
) -> Vec<(&'a Conversation, &'a Message)> {
    let fits = |conversation: &Conversation, message: &Message, word: &str| {
        if let Some(from) = word.strip_prefix("from:") {
            return message.user == id(from, acting.user);
        }
        match word.strip_prefix("in:") {
            Some(person) if person.starts_with("<@") => {
                conversation.kind == Kind::Direct && conversation.has(id(person, acting.user))
            }
            Some(name) => conversation.name == name.trim_start_matches('#'),
            None => message.text.to_lowercase().contains(&word.to_lowercase()),
        }
    };
    // Days are left to those who ask with them.
    let words: Vec<&str> = query
        .split_whitespace()
        .filter(|word| !word.starts_with("after:") && !word.starts_with("before:"))
        .collect();
    let conversations = workspace.conversations.iter();
    let mut found: Vec<(&Conversation, &Message)> = conversations
        .filter(|conversation| conversation.is_visible_to(acting.user))
        .flat_map(|conversation| {
            conversation
                .messages
                .iter()
                .map(move |one| (conversation, one))
        })
        .filter(|(conversation, one)| words.iter().all(|word| fits(conversation, one, word)))
        .collect();
    if newest {
        found.sort_by_key(|(_, message)| std::cmp::Reverse(message.ts));
    }
    found
}

/// The id in `<@U…>`, or one's own for `me`.
fn id<'a>(text: &'a str, own: &'a str) -> &'a str {
    if text == "me" {
        return own;
    }
    let inside = text
        .strip_prefix("<@")
        .and_then(|text| text.strip_suffix('>'));
    inside.unwrap_or(text)
}
