//! The tools against a stand-in for Gmail: what they ask and what they make of the answers.

mod errors;
mod fake;
mod fuzz;
mod search;
mod search_requests;
mod send;

use super::tools;

#[test]
fn reading_is_marked_as_reading_and_sending_as_what_cannot_be_called_back() {
    let tools = tools();
    let [search, send] = tools.as_slice() else {
        panic!("two tools");
    };
    let hints = |tool: &crate::tool::Tool| {
        let hints = tool.annotations;
        [
            hints.read_only,
            hints.destructive,
            hints.idempotent,
            hints.open_world,
        ]
    };
    assert_eq!(hints(search), [true, false, true, true]);
    assert_eq!(hints(send), [false, true, false, true]);
    assert_eq!(
        search.scopes[0][0],
        "https://www.googleapis.com/auth/gmail.readonly"
    );
    assert_eq!(
        send.scopes[0][0],
        "https://www.googleapis.com/auth/gmail.send"
    );
}
