//! Opaque cursors: what is needed to go on, wrapped so that a model does not try to read or build
//! it. They hold no secret, and nothing here binds them to anybody: [`Output::cursors`] names those
//! of a result, and whoever passes it on seals them.
//!
//! [`Output::cursors`]: crate::output::Output::cursors

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{ErrorCode, ToolError};

tokio::task_local! {
    /// What was wrapped in the call that runs. A result is searched for these and no others: its
    /// text is written by strangers, who may write something like a cursor.
    static WRAPPED: RefCell<Vec<String>>;
}

/// Wraps a position. In a tool this has to be done by the call's own task, see [`collect`].
pub fn wrap(position: &impl Serialize) -> String {
    let json = serde_json::to_vec(position).expect("a position is a struct of plain values");
    let cursor = URL_SAFE_NO_PAD.encode(json);
    WRAPPED
        .try_with(|wrapped| wrapped.borrow_mut().push(cursor.clone()))
        .ok();
    cursor
}

/// Awaits `run`, and tells which cursors were wrapped in it.
pub(crate) async fn collect<F: Future>(run: F) -> (F::Output, Vec<String>) {
    let collecting = async {
        let done = run.await;
        (done, WRAPPED.with(RefCell::take))
    };
    WRAPPED.scope(RefCell::default(), collecting).await
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

    use super::{collect, unwrap, wrap};
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

    #[tokio::test]
    async fn a_call_knows_its_own_cursors_and_no_others() {
        wrap(&1);
        let outer = async {
            let (_, inner) = collect(async { wrap(&2) }).await;
            assert_eq!(inner, [wrap(&2)]);
        };
        assert_eq!(collect(outer).await.1, [wrap(&2)]);
        assert!(collect(async {}).await.1.is_empty());
    }

    #[test]
    fn anything_else_is_an_invalid_argument() {
        for cursor in ["", "2", "%%%", "e30", &wrap(&"text"), "e30=", "\u{202e}"] {
            let error = unwrap::<Position>(cursor).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArguments, "{cursor}");
        }
    }
}
