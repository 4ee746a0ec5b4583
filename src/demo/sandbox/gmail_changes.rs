//! What the Gmail API changes: labels, Trash, drafts; and the files of messages.

use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::demo::sandbox::data::ACCOUNTS;
use crate::demo::sandbox::gmail::{Posted, deliver, invalid, not_found, ok, page_start, posted};
use crate::demo::sandbox::google::problem;
use crate::demo::sandbox::grants::Allowed;
use crate::demo::sandbox::mailbox::{Format, Mail, Mailbox};
use crate::demo::sandbox::mailquery::Query;
use crate::demo::sandbox::mime;
use crate::demo::sandbox::server::Call;

/// Labels that Gmail alone gives and takes.
const GMAILS: [&str; 2] = ["SENT", "DRAFT"];

/// Answers one call whose scopes suffice.
pub(super) fn answer(
    mail: &mut Mailbox,
    call: &Call,
    method: &str,
    allowed: &Allowed,
    now: Timestamp,
) -> Response {
    let owner = allowed.account;
    match method {
        "gmail.users.labels.create" => create_label(mail, call, owner),
        "gmail.users.labels.get" => get_label(mail, call, owner),
        "gmail.users.messages.attachments.get" => attachment(mail, call, owner),
        "gmail.users.drafts.create" => create_draft(mail, call, owner, now),
        "gmail.users.drafts.list" => list_drafts(mail, call, owner, now),
        "gmail.users.drafts.get" => get_draft(mail, call, owner),
        "gmail.users.drafts.send" => send_draft(mail, call, owner, now),
        _ => change(mail, call, owner),
    }
}

/// `modify`, `trash` and `untrash` of a message or a thread.
fn change(mail: &mut Mailbox, call: &Call, owner: usize) -> Response {
    let path = call.path();
    let [.., collection, id, verb] = path.as_slice() else {
        return not_found();
    };
    let body = call.json();
    let list = |name: &str| -> Vec<String> {
        let list = body[name].as_array().into_iter().flatten();
        list.filter_map(|id| Some(id.as_str()?.to_owned()))
            .collect()
    };
    let (add, remove) = match *verb {
        "trash" => (vec!["TRASH".to_owned()], vec!["INBOX".to_owned()]),
        "untrash" => (Vec::new(), vec!["TRASH".to_owned()]),
        _ => (list("addLabelIds"), list("removeLabelIds")),
    };
    if *verb == "modify" && add.is_empty() && remove.is_empty() {
        return invalid("No label add or removes specified");
    }
    let known = mail.labels(owner);
    for id in add.iter().chain(&remove) {
        let is_known = known.iter().any(|label| label["id"] == **id);
        if !is_known || GMAILS.contains(&id.as_str()) {
            return invalid(&format!("Invalid label: {id}"));
        }
    }
    let threads = *collection == "threads";
    let mut changed = Vec::new();
    for one in mail.of_mut(owner) {
        if *id
            == if threads {
                one.thread.as_str()
            } else {
                one.id.as_str()
            }
        {
            one.labels.retain(|label| !remove.contains(label));
            one.labels.extend(add.iter().cloned());
            changed.push(json!({"id": one.id, "threadId": one.thread, "labelIds": one.labels}));
        }
    }
    match (changed.as_slice(), threads) {
        ([], _) => not_found(),
        (_, true) => ok(&json!({"id": id, "messages": changed})),
        ([first, ..], false) => ok(first),
    }
}

fn create_label(mail: &mut Mailbox, call: &Call, owner: usize) -> Response {
    let body = call.json();
    let name = body["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        return invalid("Invalid label name");
    }
    match mail.create_label(owner, name) {
        Some(id) => ok(&json!({
            "id": id,
            "name": name,
            "messageListVisibility": body["messageListVisibility"],
            "labelListVisibility": body["labelListVisibility"],
        })),
        None => problem(
            StatusCode::CONFLICT,
            "ABORTED",
            "aborted",
            "Label name exists or conflicts",
        ),
    }
}

fn get_label(mail: &Mailbox, call: &Call, owner: usize) -> Response {
    let path = call.path();
    let id = path.last().copied().unwrap_or_default();
    let labels = mail.labels(owner);
    let Some(label) = labels.iter().find(|label| label["id"] == id) else {
        return not_found();
    };
    let threads = |wanted: &dyn Fn(&Mail) -> bool| {
        let found = mail.of(owner).filter(|mail| mail.has(id) && wanted(mail));
        let threads: std::collections::BTreeSet<&str> =
            found.map(|mail| mail.thread.as_str()).collect();
        threads.len()
    };
    let mut label = label.clone();
    label["threadsTotal"] = json!(threads(&|_| true));
    label["threadsUnread"] = json!(threads(&|mail| mail.has("UNREAD")));
    ok(&label)
}

fn attachment(mail: &Mailbox, call: &Call, owner: usize) -> Response {
    let path = call.path();
    let [.., id, _, file] = path.as_slice() else {
        return not_found();
    };
    let place = file
        .strip_prefix(&format!("sandbox-{id}-"))
        .and_then(|place| place.parse::<usize>().ok());
    let found = mail.of(owner).find(|mail| mail.id == *id);
    let file = found
        .zip(place)
        .and_then(|(mail, at)| mail.attachments.get(at));
    match file {
        Some(file) => ok(&json!({
            "size": file.bytes.len(),
            "data": URL_SAFE.encode(&file.bytes),
        })),
        None => not_found(),
    }
}

/// The draft's id; a draft is a message with the label DRAFT.
fn draft_id(mail: &Mail) -> String {
    format!("r{}", mail.id)
}

fn draft<'a>(mail: &'a Mailbox, owner: usize, id: &str) -> Option<&'a Mail> {
    mail.of(owner)
        .find(|mail| mail.has("DRAFT") && draft_id(mail) == id)
}

fn create_draft(mail: &mut Mailbox, call: &Call, owner: usize, now: Timestamp) -> Response {
    let Some(Posted {
        mut message,
        raw,
        thread,
    }) = posted(call, "/message")
    else {
        return invalid("Missing draft message");
    };
    if thread
        .as_deref()
        .is_some_and(|id| !mail.of(owner).any(|mail| mail.thread == id))
    {
        return not_found();
    }
    let account = &ACCOUNTS[owner];
    if message.header("From").is_none() {
        let own = format!("{} <{}>", account.name, account.email);
        message.headers.insert(0, ("From".to_owned(), own));
    }
    let saved = mail.put(owner, message, &["DRAFT"], thread.as_deref(), now);
    saved.raw = Some(raw);
    ok(&json!({
        "id": draft_id(saved),
        "message": {"id": saved.id, "threadId": saved.thread, "labelIds": saved.labels},
    }))
}

fn list_drafts(mail: &Mailbox, call: &Call, owner: usize, now: Timestamp) -> Response {
    let query = Query::parse(call.query("q").unwrap_or_default(), now);
    let drafts: Vec<&Mail> = mail
        .of(owner)
        .filter(|mail| mail.has("DRAFT") && !mail.is_hidden() && query.matches(mail))
        .collect();
    let limit = call.query("maxResults").and_then(|text| text.parse().ok());
    let limit: usize = limit.unwrap_or(100).min(500);
    let start = match call.query("pageToken").map(page_start) {
        None => 0,
        Some(Some(start)) => start,
        Some(None) => return invalid("Invalid pageToken"),
    };
    let items: Vec<Value> = drafts
        .iter()
        .skip(start)
        .take(limit)
        .map(|mail| {
            let message = json!({"id": mail.id, "threadId": mail.thread});
            json!({"id": draft_id(mail), "message": message})
        })
        .collect();
    let mut answer = json!({"resultSizeEstimate": drafts.len()});
    if !items.is_empty() {
        answer["drafts"] = json!(items);
    }
    if start + limit < drafts.len() {
        answer["nextPageToken"] = json!(format!("page-{}", start + limit));
    }
    ok(&answer)
}

fn get_draft(mail: &Mailbox, call: &Call, owner: usize) -> Response {
    let path = call.path();
    let id = path.last().copied().unwrap_or_default();
    let format = match call.query("format") {
        Some("minimal") => Format::Minimal,
        Some("metadata") => Format::Metadata(&[]),
        None | Some("full") => Format::Full,
        Some(_) => return invalid("Invalid value at 'format'"),
    };
    match draft(mail, owner, id) {
        Some(mail) => ok(&json!({"id": id, "message": mail.show(&format)})),
        None => not_found(),
    }
}

/// Sends a draft as it is, and takes it out of the drafts.
fn send_draft(mail: &mut Mailbox, call: &Call, owner: usize, now: Timestamp) -> Response {
    let body = call.json();
    let id = body["id"].as_str().unwrap_or_default();
    let Some(found) = draft(mail, owner, id) else {
        return not_found();
    };
    let raw = found.raw();
    let (old, thread) = (found.id.clone(), found.thread.clone());
    let Some(message) = mime::parse(&raw) else {
        return invalid("Invalid draft");
    };
    let posted = Posted {
        message,
        raw,
        thread: Some(thread),
    };
    let response = deliver(mail, posted, owner, now);
    if response.status() == StatusCode::OK {
        mail.remove(owner, &old);
    }
    response
}
