//! Slack's Web API, as far as the tools use it (<https://docs.slack.dev/reference/methods>): 200 to
//! everything, and `ok` says whether it worked.

use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::demo::sandbox::World;
use crate::demo::sandbox::data::{ACCOUNTS, TEAM_DOMAIN, TEAM_ID, TEAM_NAME};
use crate::demo::sandbox::faults::Endpoint;
use crate::demo::sandbox::grants::{Allowed, BadToken};
use crate::demo::sandbox::server::{Call, find, json_response, token_endpoint};
use crate::demo::sandbox::workspace::{Conversation, Kind, Message, Ts, Workspace};
use crate::demo::sandbox::{slack_chat, slack_files, slack_search};

const METHODS: [&str; 21] = [
    "assistant.search.context",
    "chat.delete",
    "chat.getPermalink",
    "chat.postMessage",
    "chat.update",
    "conversations.history",
    "conversations.info",
    "conversations.list",
    "conversations.open",
    "conversations.replies",
    "files.completeUploadExternal",
    "files.getUploadURLExternal",
    "files.info",
    "reactions.add",
    "reactions.remove",
    "search.messages",
    "team.info",
    "users.conversations",
    "users.info",
    "users.list",
    "users.lookupByEmail",
];

/// The paths of slack.com.
pub(super) fn endpoint(call: &Call) -> Endpoint {
    match (call.method.clone(), call.path().as_slice()) {
        (Method::GET, ["oauth", "v2", "authorize"]) => Endpoint::Authorize,
        (Method::POST, ["api", "oauth.v2.access"]) => token_endpoint(call),
        (_, ["api", "auth.revoke"]) => Endpoint::Revoke,
        (_, ["api", "auth.test"]) => Endpoint::Identity,
        (_, ["api", name]) => {
            let known = METHODS.into_iter().find(|method| method == name);
            Endpoint::Api(known.unwrap_or("unknown"))
        }
        (Method::POST, ["upload", _]) => Endpoint::Api("upload"),
        (Method::GET, ["files-pri", _, _]) => Endpoint::Api("files-pri"),
        _ => Endpoint::Api("unknown"),
    }
}

/// An argument: Slack takes them from the query, a form or JSON.
pub(super) fn argument(call: &Call, name: &str) -> Option<String> {
    if let Some(value) = call.query(name) {
        return Some(value.to_owned());
    }
    if !call.has_json() {
        return find(&call.form(), name).map(str::to_owned);
    }
    match call.json()[name].take() {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// The token, from the header or the argument `token`.
pub(super) fn token(call: &Call) -> Option<String> {
    call.bearer()
        .map(str::to_owned)
        .or_else(|| argument(call, "token"))
}

/// `{"ok":false,…}`.
pub(super) fn refused(error: &str) -> Response {
    json_response(StatusCode::OK, &json!({"ok": false, "error": error}))
}

/// `{"ok":true,…}` with more fields.
pub(super) fn accepted(mut fields: Value) -> Response {
    fields["ok"] = json!(true);
    json_response(StatusCode::OK, &fields)
}

/// What Slack calls a token that does not work.
pub(super) fn bad_token(problem: BadToken) -> &'static str {
    match problem {
        BadToken::Unknown => "invalid_auth",
        BadToken::Expired => "token_expired",
        BadToken::Revoked => "token_revoked",
    }
}

/// What a method needs to know of its caller.
pub(super) struct Acting<'a> {
    pub(super) allowed: &'a Allowed,
    pub(super) user: &'static str,
    pub(super) now: Timestamp,
}

/// The error code, or the scopes that are needed.
pub(super) enum No {
    Code(&'static str),
    Scopes(Vec<String>),
}

/// What a method answers.
pub(super) type Answer = Result<Value, No>;

/// Answers one method.
pub(super) fn answer(world: &World, call: &Call) -> Response {
    let now = world.settings.clock.now();
    let token = token(call);
    let mut state = world.lock();
    if call.endpoint == Endpoint::Api("upload") {
        return slack_files::upload(&mut state.workspace, call);
    }
    let allowed = match state.grants.check(call.site, token.as_deref(), now) {
        Ok(allowed) => allowed,
        Err(_) if token.is_none() => return refused("not_authed"),
        Err(problem) => return refused(bad_token(problem)),
    };
    let acting = Acting {
        allowed: &allowed,
        user: ACCOUNTS[allowed.account].slack_id,
        now,
    };
    let workspace = &mut state.workspace;
    if call.endpoint == Endpoint::Api("files-pri") {
        return slack_files::download(workspace, call, &acting);
    }
    let result = match call.endpoint {
        Endpoint::Identity => Ok(json!({
            "url": format!("https://{TEAM_DOMAIN}.slack.com/"),
            "team": TEAM_NAME,
            "user": ACCOUNTS[allowed.account].login,
            "team_id": TEAM_ID,
            "user_id": acting.user,
            "is_enterprise_install": false,
        })),
        Endpoint::Api("conversations.list") => conversations(workspace, call, &acting, false),
        Endpoint::Api("users.conversations") => conversations(workspace, call, &acting, true),
        Endpoint::Api("conversations.info") => {
            one(workspace, call, &acting, "read").map(|it| json!({"channel": it.show(acting.user)}))
        }
        Endpoint::Api("conversations.history") => history(workspace, call, &acting),
        Endpoint::Api("conversations.replies") => replies(workspace, call, &acting),
        Endpoint::Api("conversations.open") => open(workspace, call, &acting),
        Endpoint::Api("users.list") => users(workspace, call, &acting),
        Endpoint::Api("users.info" | "users.lookupByEmail") => user(workspace, call, &acting),
        Endpoint::Api(method @ ("assistant.search.context" | "search.messages")) => {
            slack_search::answer(method, workspace, call, &acting)
        }
        Endpoint::Api(
            method @ ("chat.postMessage" | "chat.update" | "chat.delete" | "chat.getPermalink"
            | "reactions.add" | "reactions.remove"),
        ) => slack_chat::answer(method, workspace, call, &acting),
        Endpoint::Api(
            method @ ("files.info" | "files.getUploadURLExternal" | "files.completeUploadExternal"),
        ) => slack_files::answer(world, method, workspace, call, &acting),
        Endpoint::Api("team.info") => team(&acting),
        _ => Err(No::Code("unknown_method")),
    };
    let mut response = match result {
        Ok(fields) => accepted(fields),
        Err(No::Code(error)) => refused(error),
        Err(No::Scopes(needed)) => {
            let provided: Vec<&str> = allowed.scopes.iter().map(String::as_str).collect();
            let value = json!({
                "ok": false,
                "error": "missing_scope",
                "needed": needed.join(","),
                "provided": provided.join(","),
            });
            json_response(StatusCode::OK, &value)
        }
    };
    let scopes: Vec<&str> = allowed.scopes.iter().map(String::as_str).collect();
    let value = HeaderValue::from_str(&scopes.join(",")).expect("scopes are ASCII");
    let name = HeaderName::from_static("x-oauth-scopes");
    response.headers_mut().insert(name, value);
    response
}

impl Acting<'_> {
    /// Whether the token has all of `scopes`.
    pub(super) fn need(&self, scopes: &[String]) -> Result<(), No> {
        let held = |scope: &String| self.allowed.scopes.contains(scope);
        if scopes.iter().all(held) {
            Ok(())
        } else {
            Err(No::Scopes(scopes.to_vec()))
        }
    }
}

/// A positive number among the arguments.
pub(super) fn number(call: &Call, name: &str, default: usize) -> usize {
    argument(call, name)
        .and_then(|text| text.parse().ok())
        .filter(|number| *number > 0)
        .unwrap_or(default)
        .min(1000)
}

/// A page of `items` and the cursor of the next one.
pub(super) fn page(
    call: &Call,
    items: Vec<Value>,
    default: usize,
) -> Result<(Vec<Value>, Value, bool), No> {
    page_of(call, items, number(call, "limit", default))
}

fn page_of(call: &Call, items: Vec<Value>, limit: usize) -> Result<(Vec<Value>, Value, bool), No> {
    let start = match argument(call, "cursor").filter(|cursor| !cursor.is_empty()) {
        None => 0,
        Some(cursor) => cursor
            .strip_prefix("next-")
            .and_then(|number| number.parse().ok())
            .ok_or(No::Code("invalid_cursor"))?,
    };
    let more = start + limit < items.len();
    let cursor = if more {
        format!("next-{}", start + limit)
    } else {
        String::new()
    };
    let items = items.into_iter().skip(start).take(limit).collect();
    Ok((items, json!({ "next_cursor": cursor }), more))
}

fn conversations(workspace: &Workspace, call: &Call, acting: &Acting<'_>, own: bool) -> Answer {
    let types = argument(call, "types").unwrap_or_else(|| "public_channel".to_owned());
    let mut kinds = Vec::new();
    for name in types.split(',') {
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| kind.type_name() == name.trim());
        kinds.push(kind.ok_or(No::Code("invalid_types"))?);
    }
    let scopes: Vec<String> = kinds.iter().map(|kind| kind.scope("read")).collect();
    acting.need(&scopes)?;
    let archived = argument(call, "exclude_archived").is_none_or(|text| text != "true");
    let found = workspace
        .conversations
        .iter()
        .filter(|it| kinds.contains(&it.kind) && (archived || !it.archived))
        .filter(|it| it.is_visible_to(acting.user) && (!own || it.has(acting.user)))
        .map(|it| it.show(acting.user))
        .collect();
    let (channels, metadata, _) = page(call, found, 100)?;
    Ok(json!({"channels": channels, "response_metadata": metadata}))
}

/// The conversation named by `channel`, if its kind's scope is held.
fn one<'a>(
    workspace: &'a mut Workspace,
    call: &Call,
    acting: &Acting<'_>,
    action: &str,
) -> Result<&'a mut Conversation, No> {
    let id = argument(call, "channel").unwrap_or_default();
    let found = workspace
        .visible(&id, acting.user)
        .ok_or(No::Code("channel_not_found"))?;
    acting.need(&[found.kind.scope(action)])?;
    Ok(found)
}

fn history(workspace: &mut Workspace, call: &Call, acting: &Acting<'_>) -> Answer {
    let conversation = one(workspace, call, acting, "history")?;
    let messages = conversation.messages.iter().rev();
    let top: Vec<&Message> = messages
        .filter(|message| message.thread.is_none())
        .collect();
    let found = in_window(conversation, &top, call)?;
    Ok(messages_of(page(call, found, 100)?))
}

fn replies(workspace: &mut Workspace, call: &Call, acting: &Acting<'_>) -> Answer {
    let conversation = one(workspace, call, acting, "history")?;
    let asked = argument(call, "ts").and_then(|ts| Ts::parse(&ts));
    let found = |message: &&Message| Some(message.ts) == asked;
    let message = conversation
        .messages
        .iter()
        .find(found)
        .ok_or(No::Code("thread_not_found"))?;
    let parent = message.thread.unwrap_or(message.ts);
    let known = |message: &&Message| message.ts == parent;
    let first = conversation.messages.iter().find(known);
    let first = first.map(|message| conversation.show_message(message));
    let replies: Vec<&Message> = conversation.replies(parent).collect();
    let found = in_window(conversation, &replies, call)?;
    // Every page begins with the parent, whatever the window.
    let limit = number(call, "limit", 1000).saturating_sub(1).max(1);
    let (replies, metadata, more) = page_of(call, found, limit)?;
    let messages = first.into_iter().chain(replies).collect();
    Ok(messages_of((messages, metadata, more)))
}

fn messages_of((messages, metadata, more): (Vec<Value>, Value, bool)) -> Value {
    let mut answer = json!({"messages": messages, "has_more": more});
    if more {
        answer["response_metadata"] = metadata;
    }
    answer
}

/// Those messages between `oldest` and `latest`.
fn in_window(
    conversation: &Conversation,
    messages: &[&Message],
    call: &Call,
) -> Result<Vec<Value>, No> {
    let bound = |name| match argument(call, name) {
        None => Ok(None),
        Some(text) => match Ts::parse(&text) {
            None => Err(No::Code("invalid_arguments")),
            ts => Ok(ts),
        },
    };
    let (oldest, latest) = (bound("oldest")?, bound("latest")?);
    let inclusive =
        argument(call, "inclusive").is_some_and(|text| matches!(text.as_str(), "true" | "1"));
    let within = |ts: Ts| {
        let after = oldest.is_none_or(|oldest| ts > oldest || (inclusive && ts == oldest));
        let before = latest.is_none_or(|latest| ts < latest || (inclusive && ts == latest));
        after && before
    };
    let found = messages
        .iter()
        .filter(|message| within(message.ts))
        .map(|message| conversation.show_message(message))
        .collect();
    Ok(found)
}

fn open(workspace: &mut Workspace, call: &Call, acting: &Acting<'_>) -> Answer {
    let id = match argument(call, "users").filter(|users| !users.is_empty()) {
        None => one(workspace, call, acting, "write")?.id.clone(),
        Some(users) => {
            let mut people: Vec<String> = users.split(',').map(str::to_owned).collect();
            let known = |id: &String| workspace.members.iter().any(|member| member.id == *id);
            if !people.iter().all(known) {
                return Err(No::Code("user_not_found"));
            }
            let kind = if people.len() > 1 {
                Kind::Group
            } else {
                Kind::Direct
            };
            acting.need(&[kind.scope("write")])?;
            people.push(acting.user.to_owned());
            workspace.open(people, acting.now).0
        }
    };
    let conversation = workspace.visible(&id, acting.user);
    let shown = conversation.map(|conversation| conversation.show(acting.user));
    Ok(json!({ "channel": shown }))
}

fn users(workspace: &Workspace, call: &Call, acting: &Acting<'_>) -> Answer {
    acting.need(&["users:read".to_owned()])?;
    let email = acting.allowed.scopes.contains("users:read.email");
    let members = workspace.members.iter();
    let (members, metadata, _) = page(call, members.map(|it| it.show(email)).collect(), 1000)?;
    Ok(json!({"members": members, "response_metadata": metadata}))
}

fn user(workspace: &Workspace, call: &Call, acting: &Acting<'_>) -> Answer {
    acting.need(&["users:read".to_owned()])?;
    let email = acting.allowed.scopes.contains("users:read.email");
    let id = argument(call, "user");
    let address = argument(call, "email");
    if id.is_none() {
        acting.need(&["users:read.email".to_owned()])?;
    }
    let found = workspace.members.iter().find(|member| {
        id.as_ref() == Some(&member.id)
            || (id.is_none() && address.is_some() && address == member.email())
    });
    let code = if id.is_some() {
        "user_not_found"
    } else {
        "users_not_found"
    };
    let member = found.ok_or(No::Code(code))?;
    Ok(json!({"user": member.show(email)}))
}

fn team(acting: &Acting<'_>) -> Answer {
    acting.need(&["team:read".to_owned()])?;
    Ok(json!({"team": {"id": TEAM_ID, "name": TEAM_NAME, "domain": TEAM_DOMAIN}}))
}
