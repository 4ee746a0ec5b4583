//! What a call stands for, whatever it says about how it is made.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use valetkey_toolkits::arguments::{ACCOUNT, DELAY_SECONDS, DRY_RUN, IDEMPOTENCY_KEY, PREVIEW_ID};
use valetkey_toolkits::output::Output;

use crate::audit::{self, Hex};
use crate::broker::ConnectionId;
use crate::call::Call;

/// The tool, the connection that acts, and the arguments that say what is to be done.
pub(super) fn of_call(call: Call<'_>, connection: ConnectionId) -> [u8; 32] {
    let mut arguments = call.arguments.clone();
    for name in [ACCOUNT, DELAY_SECONDS, DRY_RUN, IDEMPOTENCY_KEY, PREVIEW_ID] {
        arguments.remove(name);
    }
    Sha256::new()
        .chain_update(audit::digest(&arguments))
        .chain_update(connection.0)
        .chain_update(call.tool.name.as_bytes())
        .finalize()
        .into()
}

/// The `preview_id` of what a dry run showed. It is a fingerprint, so nothing has to
/// be kept, and it is right in every process and for any time.
pub(super) fn of_preview(call: [u8; 32], output: &Output) -> Hex<16> {
    let shown = Map::from_iter([
        ("text".to_owned(), Value::from(output.text.as_str())),
        (
            "structured".to_owned(),
            output.structured.clone().map_or(Value::Null, Value::Object),
        ),
    ]);
    let digest: [u8; 32] = Sha256::new()
        .chain_update(call)
        .chain_update(audit::digest(&shown))
        .finalize()
        .into();
    Hex(*digest.first_chunk().expect("16 of 32 bytes"))
}
