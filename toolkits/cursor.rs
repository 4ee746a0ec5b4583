//! Opaque cursors: what is needed to go on, wrapped so that a model does not try to read or build
//! it. They hold no secret.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ToolError;

/// Wraps a position.
pub fn wrap(position: &impl Serialize) -> String {
    let _ = serde_json::to_vec(position);
    todo!("toolkits core")
}

/// Unwraps a cursor that an earlier result gave.
pub fn unwrap<T: DeserializeOwned>(cursor: &str) -> Result<T, ToolError> {
    let _ = cursor;
    todo!("toolkits core")
}
