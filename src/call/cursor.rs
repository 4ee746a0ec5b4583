//! The cursors that a model is given: sealed, and good for who got them.
//!
//! The tools know plain positions only. On its way out a cursor is sealed as a `requestState` is,
//! bound to the caller, the tool and the connection that acted, so that it shows nothing of the
//! question and is nobody else's. It is not bound to the other arguments: many tools take them from
//! the position, and those that need the same ones compare them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use valetkey_toolkits::arguments::CURSOR;
use valetkey_toolkits::error::{ErrorCode, ToolError};
use valetkey_toolkits::output::Output;

use crate::broker::{Broker, BrokerError, ConnectionId};
use crate::call::{Call, Stop};

/// No cursor of ours is longer, in characters.
const MAX_LENGTH: usize = 16 * 1024;

/// The position that the call's cursor stands for. None: the call has no cursor.
pub(super) async fn open(
    broker: &Broker,
    call: Call<'_>,
    connection: ConnectionId,
) -> Result<Option<String>, Stop> {
    let given = call.arguments.get(CURSOR).filter(|_| call.tool.pages);
    let Some(cursor) = given.and_then(Value::as_str).map(str::trim) else {
        return Ok(None);
    };
    let sealed = URL_SAFE_NO_PAD.decode(cursor);
    let sealed = sealed.ok().filter(|_| cursor.len() <= MAX_LENGTH);
    let sealed = sealed.ok_or_else(unknown)?;
    let position = broker.unseal(&context(call, connection), &sealed).await;
    let position = position.map_err(Stop::Broken)?.ok_or_else(unknown)?;
    Ok(Some(URL_SAFE_NO_PAD.encode(position)))
}

/// Seals the cursors of a result.
pub(super) async fn seal(
    broker: &Broker,
    call: Call<'_>,
    connection: ConnectionId,
    mut output: Output,
) -> Result<Output, BrokerError> {
    for plain in std::mem::take(&mut output.cursors) {
        let position = URL_SAFE_NO_PAD
            .decode(&plain)
            .expect("the toolkits write cursors in base64");
        let sealed = broker.seal(&context(call, connection), &position).await?;
        output.replace_cursor(&plain, &URL_SAFE_NO_PAD.encode(sealed));
    }
    Ok(output)
}

/// The associated data of the encryption: who goes on with what. A connection is its caller's alone,
/// and the caller is named all the same, so that the binding to them hangs on nothing else.
fn context(call: Call<'_>, connection: ConnectionId) -> Vec<u8> {
    let mut context = b"cursor\0".to_vec();
    context.extend(call.caller.digest());
    context.extend(Sha256::digest(&*call.tool.name));
    context.extend(connection.0);
    context
}

fn unknown() -> ToolError {
    ToolError::new(
        ErrorCode::InvalidArguments,
        "Unknown `cursor`: no earlier result of this tool for this account gave it.",
        "Call again without it.",
    )
}
