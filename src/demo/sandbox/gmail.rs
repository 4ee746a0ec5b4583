//! The Gmail API, as far as the tools use it
//! (<https://developers.google.com/workspace/gmail/api/reference/rest>).

use axum::http::{Method, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::demo::sandbox::data::ACCOUNTS;
use crate::demo::sandbox::gmail_changes as changes;
use crate::demo::sandbox::google::{missing_scope, problem};
use crate::demo::sandbox::grants::Allowed;
use crate::demo::sandbox::mailbox::{Format, Mailbox};
use crate::demo::sandbox::mailquery::Query;
use crate::demo::sandbox::mime;
use crate::demo::sandbox::server::{Call, json_response};

const URL_SAFE_ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const READERS: [&str; 3] = [
    "https://www.googleapis.com/auth/gmail.readonly",
    "https://www.googleapis.com/auth/gmail.modify",
    "https://mail.google.com/",
];
const METADATA: &str = "https://www.googleapis.com/auth/gmail.metadata";
const LABELS: &str = "https://www.googleapis.com/auth/gmail.labels";
const COMPOSE: &str = "https://www.googleapis.com/auth/gmail.compose";

/// The method's id in the API's discovery document, or `unknown`.
pub(super) fn method(method: &Method, path: &[&str]) -> &'static str {
    let (upload, path) = match path {
        ["upload", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let ["gmail", "v1", "users", _, path @ ..] = path else {
        return "unknown";
    };
    match (method.as_str(), upload, path) {
        ("GET", false, ["profile"]) => "gmail.users.getProfile",
        ("GET", false, ["labels"]) => "gmail.users.labels.list",
        ("POST", false, ["labels"]) => "gmail.users.labels.create",
        ("GET", false, ["labels", _]) => "gmail.users.labels.get",
        ("GET", false, ["drafts"]) => "gmail.users.drafts.list",
        ("POST", _, ["drafts"]) => "gmail.users.drafts.create",
        ("POST", _, ["drafts", "send"]) => "gmail.users.drafts.send",
        ("GET", false, ["drafts", _]) => "gmail.users.drafts.get",
        ("GET", false, ["messages"]) => "gmail.users.messages.list",
        ("GET", false, ["messages", _]) => "gmail.users.messages.get",
        ("POST", _, ["messages", "send"]) => "gmail.users.messages.send",
        ("POST", false, ["messages", _, "modify"]) => "gmail.users.messages.modify",
        ("POST", false, ["messages", _, "trash"]) => "gmail.users.messages.trash",
        ("POST", false, ["messages", _, "untrash"]) => "gmail.users.messages.untrash",
        ("GET", false, ["messages", _, "attachments", _]) => "gmail.users.messages.attachments.get",
        ("GET", false, ["threads"]) => "gmail.users.threads.list",
        ("GET", false, ["threads", _]) => "gmail.users.threads.get",
        ("POST", false, ["threads", _, "modify"]) => "gmail.users.threads.modify",
        ("POST", false, ["threads", _, "trash"]) => "gmail.users.threads.trash",
        ("POST", false, ["threads", _, "untrash"]) => "gmail.users.threads.untrash",
        ("GET", false, ["settings", "sendAs"]) => "gmail.users.settings.sendAs.list",
        _ => "unknown",
    }
}

/// The scopes of which any one will do, as the discovery document has them.
fn accepted(method: &str) -> Vec<&'static str> {
    let mut scopes = match method {
        "gmail.users.messages.send" => {
            let send = "https://www.googleapis.com/auth/gmail.send";
            return vec![send, COMPOSE, READERS[1], READERS[2]];
        }
        "gmail.users.labels.list" | "gmail.users.labels.get" => vec![METADATA, LABELS],
        "gmail.users.labels.create" => return vec![LABELS, READERS[1], READERS[2]],
        "gmail.users.drafts.create" | "gmail.users.drafts.send" => {
            return vec![COMPOSE, READERS[1], READERS[2]];
        }
        "gmail.users.drafts.list" | "gmail.users.drafts.get" => vec![COMPOSE],
        "gmail.users.messages.attachments.get" => Vec::new(),
        changing if changing.ends_with("modify") || changing.ends_with("trash") => {
            return vec![READERS[1], READERS[2]];
        }
        "gmail.users.getProfile" => vec![METADATA, COMPOSE],
        "gmail.users.settings.sendAs.list" => {
            vec!["https://www.googleapis.com/auth/gmail.settings.basic"]
        }
        _ => vec![METADATA],
    };
    scopes.extend(READERS);
    scopes
}

/// Answers one call of an account whose token works.
pub(super) fn answer(
    mail: &mut Mailbox,
    call: &Call,
    method: &str,
    allowed: &Allowed,
    now: Timestamp,
) -> Response {
    let path = call.path();
    let user = path.iter().skip_while(|part| **part != "users").nth(1);
    let own = [Some(&"me"), Some(&ACCOUNTS[allowed.account].email)].contains(&user);
    if method == "unknown" || !own {
        return not_found();
    }
    let scopes = accepted(method);
    let held = |scope: &&&str| allowed.scopes.contains(**scope);
    if scopes.iter().filter(held).count() == 0 {
        return missing_scope(&scopes);
    }
    let owner = allowed.account;
    match method {
        "gmail.users.getProfile" => ok(&json!({
            "emailAddress": ACCOUNTS[owner].email,
            "messagesTotal": mail.of(owner).count(),
            "threadsTotal": mail.threads(owner).len(),
            "historyId": mail.history(),
        })),
        "gmail.users.labels.list" => ok(&json!({ "labels": mail.labels(owner) })),
        "gmail.users.settings.sendAs.list" => ok(&json!({"sendAs": [{
            "sendAsEmail": ACCOUNTS[owner].email,
            "displayName": ACCOUNTS[owner].name,
            "isPrimary": true,
            "isDefault": true,
        }]})),
        "gmail.users.messages.list" => list(mail, call, allowed, false, now),
        "gmail.users.threads.list" => list(mail, call, allowed, true, now),
        "gmail.users.messages.send" => send(mail, call, owner, now),
        "gmail.users.messages.get" | "gmail.users.threads.get" => get(mail, call, allowed),
        method => changes::answer(mail, call, method, allowed, now),
    }
}

/// `gmail.metadata` was granted: Google holds a token to it also next to wider scopes.
fn headers_only(allowed: &Allowed) -> bool {
    allowed.scopes.contains(METADATA)
}

pub(super) fn ok(value: &Value) -> Response {
    json_response(StatusCode::OK, value)
}

pub(super) fn not_found() -> Response {
    let status = StatusCode::NOT_FOUND;
    problem(
        status,
        "NOT_FOUND",
        "notFound",
        "Requested entity was not found.",
    )
}

pub(super) fn invalid(message: &str) -> Response {
    let status = StatusCode::BAD_REQUEST;
    problem(status, "INVALID_ARGUMENT", "invalidArgument", message)
}

fn list(mail: &Mailbox, call: &Call, allowed: &Allowed, threads: bool, now: Timestamp) -> Response {
    let owner = allowed.account;
    let text = call.query("q").unwrap_or_default();
    if headers_only(allowed) && !text.is_empty() {
        let message = "Metadata scope does not support 'q' parameter";
        let status = StatusCode::FORBIDDEN;
        return problem(status, "PERMISSION_DENIED", "forbidden", message);
    }
    let query = Query::parse(text, now);
    let labels: Vec<&str> = call
        .query
        .iter()
        .filter(|(name, _)| name == "labelIds")
        .map(|(_, value)| value.as_str())
        .collect();
    let everywhere =
        call.query("includeSpamTrash") == Some("true") || query.looks_in_spam_or_trash();
    let mut found = Vec::new();
    for mail in mail.of(owner) {
        let hidden = !everywhere && mail.is_hidden() && !labels.iter().any(|l| mail.has(l));
        if !hidden && labels.iter().all(|label| mail.has(label)) && query.matches(mail) {
            let key = if threads { &mail.thread } else { &mail.id };
            if !found.iter().any(|(known, _)| *known == key) {
                found.push((key, mail));
            }
        }
    }
    let limit = match call.query("maxResults").map(str::parse::<usize>) {
        None => 100,
        Some(Ok(limit)) => limit.min(500),
        Some(Err(_)) => return invalid("Invalid value at 'max_results'"),
    };
    let start = match call.query("pageToken").map(page_start) {
        None => 0,
        Some(Some(start)) => start,
        Some(None) => return invalid("Invalid pageToken"),
    };
    let page = found.iter().skip(start).take(limit);
    let items: Vec<Value> = page
        .map(|(key, mail)| {
            if threads {
                json!({"id": key, "snippet": mail.snippet(), "historyId": mail.history()})
            } else {
                json!({"id": key, "threadId": mail.thread})
            }
        })
        .collect();
    let mut answer = json!({"resultSizeEstimate": found.len()});
    // Gmail leaves an empty list out.
    if !items.is_empty() {
        answer[if threads { "threads" } else { "messages" }] = json!(items);
    }
    if limit > 0 && start + limit < found.len() {
        answer["nextPageToken"] = json!(format!("page-{}", start + limit));
    }
    ok(&answer)
}

pub(super) fn page_start(token: &str) -> Option<usize> {
    token.strip_prefix("page-")?.parse().ok()
}

fn get(mail: &Mailbox, call: &Call, allowed: &Allowed) -> Response {
    let owner = allowed.account;
    let names: Vec<&str> = call
        .query
        .iter()
        .filter(|(name, _)| name == "metadataHeaders")
        .map(|(_, value)| value.as_str())
        .collect();
    let format = match call.query("format") {
        Some("minimal") => Format::Minimal,
        Some("metadata") => Format::Metadata(&names),
        None | Some("full") => Format::Full,
        Some(_) => return invalid("Invalid value at 'format'"),
    };
    if headers_only(allowed) && matches!(format, Format::Full) {
        let message = "Metadata scope doesn't allow format FULL";
        let status = StatusCode::FORBIDDEN;
        return problem(status, "PERMISSION_DENIED", "forbidden", message);
    }
    let path = call.path();
    let id = path.last().copied().unwrap_or_default();
    if path.contains(&"messages") {
        return match mail.of(owner).find(|mail| mail.id == id) {
            Some(mail) => ok(&mail.show(&format)),
            None => not_found(),
        };
    }
    // A thread reads from its oldest message on.
    let mut messages: Vec<_> = mail.of(owner).filter(|mail| mail.thread == id).collect();
    messages.reverse();
    let Some(newest) = messages.last() else {
        return not_found();
    };
    let history = newest.history();
    let messages: Vec<Value> = messages.iter().map(|mail| mail.show(&format)).collect();
    ok(&json!({"id": id, "historyId": history, "messages": messages}))
}

/// A mail that came with a call, its bytes, and the resource beside it.
pub(super) struct Posted {
    pub(super) message: mime::Message,
    pub(super) raw: Vec<u8>,
    pub(super) thread: Option<String>,
}

/// Reads the mail of a call: JSON with `raw`, an upload of the message alone, or one beside JSON.
/// `place` leads to the message resource in the JSON.
pub(super) fn posted(call: &Call, place: &str) -> Option<Posted> {
    let upload = call.path.first().is_some_and(|part| part == "upload");
    let (raw, resource) = match (upload, call.query("uploadType")) {
        (false, _) => {
            let resource = call.json().pointer(place)?.clone();
            let raw = resource["raw"].as_str().unwrap_or_default();
            (URL_SAFE_ANY_PADDING.decode(raw).ok()?, resource)
        }
        (true, Some("media")) => (call.body.clone(), Value::Null),
        (true, Some("multipart")) => {
            let (json, raw) = related(call)?;
            (raw, json.pointer(place)?.clone())
        }
        (true, _) => return None,
    };
    Some(Posted {
        message: mime::parse(&raw)?,
        raw,
        thread: resource["threadId"].as_str().map(str::to_owned),
    })
}

/// The two parts of a `multipart/related` upload.
fn related(call: &Call) -> Option<(Value, Vec<u8>)> {
    let content_type = call.header(&axum::http::header::CONTENT_TYPE)?;
    let (_, boundary) = content_type.split_once("boundary=")?;
    let mark = format!("\r\n--{boundary}");
    let body = [b"\r\n", call.body.as_slice()].concat();
    let find = |from: usize, wanted: &[u8]| {
        let mut windows = body[from..].windows(wanted.len());
        windows
            .position(|found| found == wanted)
            .map(|at| from + at)
    };
    let first = find(0, mark.as_bytes())? + mark.len();
    let second = find(first, mark.as_bytes())?;
    let last = find(second + mark.len(), mark.as_bytes())?;
    let content = |start: usize, end: usize| {
        let begin = find(start, b"\r\n\r\n")? + 4;
        body.get(begin..end)
    };
    let json = serde_json::from_slice(content(first, second)?).ok()?;
    Some((json, content(second + mark.len(), last)?.to_vec()))
}

/// `messages.send`.
fn send(mail: &mut Mailbox, call: &Call, owner: usize, now: Timestamp) -> Response {
    let Some(posted) = posted(call, "") else {
        return invalid(
            "'raw' RFC822 payload message string or uploading message via /upload/* URL required",
        );
    };
    deliver(mail, posted, owner, now)
}

/// Sends a mail, and answers as `messages.send` does.
pub(super) fn deliver(
    mail: &mut Mailbox,
    posted: Posted,
    owner: usize,
    now: Timestamp,
) -> Response {
    if posted.message.recipients.is_empty() {
        return invalid("Recipient address required");
    }
    let thread = posted.thread.as_deref();
    if thread.is_some_and(|id| !mail.of(owner).any(|mail| mail.thread == id)) {
        return not_found();
    }
    let sent = mail.deliver(owner, posted.message, posted.raw, thread, now);
    ok(&json!({"id": sent.id, "threadId": sent.thread, "labelIds": sent.labels}))
}
