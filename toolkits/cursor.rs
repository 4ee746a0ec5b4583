//! Opaque cursors: what is needed to go on, wrapped so that a model does not try to read or build
//! it. They hold no secret.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{ErrorCode, ToolError};

/// Wraps a position.
pub fn wrap(position: &impl Serialize) -> String {
    let json = serde_json::to_vec(position).expect("a position is a struct of plain values");
    URL_SAFE_NO_PAD.encode(json)
}

/// Unwraps a cursor that an earlier result gave. Anything else is an invalid argument.
pub fn unwrap<T: DeserializeOwned>(cursor: &str) -> Result<T, ToolError> {
    URL_SAFE_NO_PAD
        .decode(cursor.trim())
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or_else(|| {
            ToolError::new(
                ErrorCode::InvalidArguments,
                "`cursor` is not one that an earlier result of this tool gave.",
                "Pass `next_cursor` unchanged, or leave `cursor` out to start again.",
            )
        })
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::{unwrap, wrap};
    use crate::error::ErrorCode;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Position {
        page: u32,
        token: String,
    }

    #[test]
    fn a_cursor_gives_back_the_position_it_was_made_of() {
        let position = Position {
            page: 3,
            token: "dé/+".into(),
        };
        let cursor = wrap(&position);
        assert!(
            cursor
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        );
        assert_eq!(unwrap::<Position>(&cursor).unwrap(), position);
    }

    #[test]
    fn anything_else_is_an_invalid_argument() {
        for cursor in ["", "2", "%%%", "e30", &wrap(&"text"), "e30=", "\u{202e}"] {
            let error = unwrap::<Position>(cursor).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArguments, "{cursor}");
        }
    }
}
