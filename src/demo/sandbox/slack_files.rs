//! Slack's methods for files, and the two hosts beside its API: one gives files to tokens, the other
//! takes uploads at addresses that need none.

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use serde_json::{Value, json};

use crate::demo::sandbox::server::{Call, body, text};
use crate::demo::sandbox::slack::{Acting, Answer, No, argument};
use crate::demo::sandbox::workspace::{StoredFile, Workspace};
use crate::demo::sandbox::{Site, World};

/// Answers `method`.
pub(super) fn answer(
    world: &World,
    method: &str,
    workspace: &mut Workspace,
    call: &Call,
    acting: &Acting<'_>,
) -> Answer {
    match method {
        "files.info" => info(world, workspace, call, acting),
        "files.getUploadURLExternal" => announce(world, workspace, call, acting),
        _ => complete(workspace, call, acting),
    }
}

fn info(world: &World, workspace: &mut Workspace, call: &Call, acting: &Acting<'_>) -> Answer {
    acting.need(&["files:read".to_owned()])?;
    let id = argument(call, "file").unwrap_or_default();
    let file = visible(workspace, &id, acting.user).ok_or(No::Code("file_not_found"))?;
    let path = format!("files-pri/{}/{}", file.id, file.name);
    Ok(json!({ "file": {
        "id": file.id, "name": file.name, "title": file.name, "user": file.user,
        "mimetype": kind(file), "size": file.length, "mode": "hosted", "is_external": false,
        "created": file.created.as_second(), "url_private": world.url(Site::Slack, &path),
    } }))
}

fn announce(world: &World, workspace: &mut Workspace, call: &Call, acting: &Acting<'_>) -> Answer {
    acting.need(&["files:write".to_owned()])?;
    let name = argument(call, "filename").filter(|name| !name.is_empty());
    let length = argument(call, "length").and_then(|text| text.parse().ok());
    let (Some(name), Some(length)) = (name, length.filter(|length| *length > 0)) else {
        return Err(No::Code("missing_argument"));
    };
    let id = format!("F{:010}", workspace.files.len() + 1);
    let path = format!("upload/{id}?marker={}", world.settings.marker);
    workspace.files.push(StoredFile {
        id: id.clone(),
        name,
        length,
        bytes: None,
        user: acting.user,
        channel: None,
        created: acting.now,
    });
    Ok(json!({ "upload_url": world.url(Site::Slack, &path), "file_id": id }))
}

fn complete(workspace: &mut Workspace, call: &Call, acting: &Acting<'_>) -> Answer {
    acting.need(&["files:write".to_owned()])?;
    let files = argument(call, "files").unwrap_or_default();
    let files: Value = serde_json::from_str(&files).unwrap_or_default();
    let id = files[0]["id"].as_str().unwrap_or_default().to_owned();
    let channel = argument(call, "channel_id").unwrap_or_default();
    let found = workspace.visible(&channel, acting.user);
    let conversation = found.ok_or(No::Code("channel_not_found"))?;
    if !conversation.has(acting.user) {
        return Err(No::Code("not_in_channel"));
    }
    let mine = |file: &&mut StoredFile| file.id == id && file.bytes.is_some();
    let file = workspace.files.iter_mut().find(mine);
    let file = file.ok_or(No::Code("file_not_found"))?;
    file.channel = Some(channel);
    Ok(json!({ "files": [{ "id": file.id, "title": file.name }] }))
}

/// What is kept for `user`: their own, and what is shared where they are.
fn visible<'w>(workspace: &'w mut Workspace, id: &str, user: &str) -> Option<&'w StoredFile> {
    let at = workspace.files.iter().position(|file| file.id == id)?;
    let channel = workspace.files[at].channel.clone().unwrap_or_default();
    let shared = workspace.visible(&channel, user).is_some();
    let file = &workspace.files[at];
    (shared || file.user == user).then_some(file)
}

fn kind(file: &StoredFile) -> &'static str {
    match file.bytes.as_deref().map(std::str::from_utf8) {
        Some(Ok(_)) => "text/plain",
        _ => "application/octet-stream",
    }
}

/// Takes an upload. A token has no business here.
pub(super) fn upload(workspace: &mut Workspace, call: &Call) -> Response {
    if call.headers.contains_key(AUTHORIZATION) {
        return text(StatusCode::BAD_REQUEST, "There is a token too many.\n");
    }
    let id = call.path.last().cloned().unwrap_or_default();
    let announced = |file: &&mut StoredFile| file.id == id && file.bytes.is_none();
    match workspace.files.iter_mut().find(announced) {
        Some(file) if file.length == call.body.len() => {
            file.bytes = Some(call.body.clone());
            text(StatusCode::OK, &format!("OK - {}", file.length))
        }
        _ => text(StatusCode::BAD_REQUEST, "No such upload.\n"),
    }
}

/// Gives a file; to whom it is not for, the sign-in page.
pub(super) fn download(workspace: &mut Workspace, call: &Call, acting: &Acting<'_>) -> Response {
    let id = call.path.get(1).cloned().unwrap_or_default();
    let allowed = acting.allowed.scopes.contains("files:read");
    match visible(workspace, &id, acting.user).filter(|_| allowed) {
        Some(file) => {
            let bytes = file.bytes.clone().unwrap_or_default();
            body(StatusCode::OK, kind(file), bytes)
        }
        None => body(StatusCode::OK, "text/html", b"<h1>Sign in</h1>".to_vec()),
    }
}
