//! Asking the person whether a write may go: a form with what would be done (MCP 2025-11-25 and
//! 2026-07-28, Elicitation).

use std::fmt::Write as _;

use rmcp::model::{
    ClientResult, ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction,
    ElicitationSchema, InputRequest, InputRequiredResult, ServerRequest,
};
use rmcp::service::PeerRequestOptions;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use valetkey_toolkits::error::{ErrorCode, ToolError};
use valetkey_toolkits::output::Output;

use crate::call::Confirmation;
use crate::mcp::hold::Hold;

/// The key of the form in `inputRequests` and `inputResponses`.
pub(super) const CONFIRM: &str = "confirm";

/// The form's one field and what agrees.
const FIELD: &str = "decision";
const AGREE: &str = "send";

/// What is shown of a preview at most, in characters. What is agreed to is bound to all of it.
const MOST_SHOWN: usize = 6_000;

/// What is shown at most of a line, or of a field of a URL or form, when not everything can be: a long
/// one must not push the others out.
const MOST_OF_A_LINE: usize = 500;

/// What the person said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Do it.
    Yes,
    /// Do not.
    No,
    /// Nothing: the form was not shown, or not answered in time.
    Nothing,
}

/// Asks with an `elicitation/create` request and waits for the answer until `until`.
///
/// It has to be awaited in the task that handles the call; see [`Hold::elicit`].
pub(super) async fn ask(hold: &Hold<'_>, confirmation: &Confirmation, until: Instant) -> Said {
    let request = ServerRequest::ElicitRequest(ElicitRequest::new(form(confirmation)));
    let options = PeerRequestOptions::no_options();
    let sent = Box::pin(hold.peer.send_cancellable_request(request, options)).await;
    let Ok(mut asked) = sent else {
        return Said::Nothing;
    };
    let answer = hold.while_telling("Waiting for the user's decision.", &mut asked.rx);
    match timeout_at(until, answer).await {
        Ok(Ok(Ok(ClientResult::ElicitResult(result)))) => said(&result),
        Ok(_) => Said::Nothing,
        Err(_) => {
            // If it cannot be told, it is gone, and so is the need to tell it.
            let reason = "the decision is no longer waited for".to_owned();
            asked.cancel(Some(reason)).await.ok();
            Said::Nothing
        }
    }
}

/// The form for a client that answers with a retry (MCP 2026-07-28).
pub(super) fn input_required(confirmation: &Confirmation, state: String) -> InputRequiredResult {
    let elicitation = InputRequest::Elicitation(ElicitRequest::new(form(confirmation)));
    InputRequiredResult::new(
        Some([(CONFIRM.to_owned(), elicitation)].into()),
        Some(state),
    )
}

/// What a client of 2026-07-28 brought back under [`CONFIRM`].
pub(super) fn said_by(response: Option<&Value>) -> Said {
    let result = response.and_then(|response| serde_json::from_value(response.clone()).ok());
    result.as_ref().map_or(Said::Nothing, said)
}

/// The preview, for a client that cannot ask, or whose person said nothing.
pub(super) fn not_asked(confirmation: Confirmation) -> Output {
    let mut output = confirmation.preview;
    output.warn(
        "Nothing was done. This server asks the user before it sends anything, and the user could \
         not be asked here. This is what would be sent: show it to the user. They can do it \
         themselves (a mail also from a draft), call again from a program that can ask them, or \
         change `policy.confirm_sends`.",
    );
    output
}

/// The person does not want it.
pub(super) fn refused() -> ToolError {
    ToolError::new(
        ErrorCode::NotConfirmed,
        "The user was asked and does not want this to be done. Nothing was done.",
        "Do not try it again. Ask the user what they want instead.",
    )
}

/// Only the field agrees: `accept` alone may be a button that was pressed in passing.
fn said(result: &ElicitResult) -> Said {
    match result.action {
        ElicitationAction::Accept => {
            let decision = result
                .content
                .as_ref()
                .and_then(|content| content.get(FIELD));
            match decision.and_then(Value::as_str) {
                Some(AGREE) => Said::Yes,
                _ => Said::No,
            }
        }
        ElicitationAction::Decline => Said::No,
        _ => Said::Nothing,
    }
}

fn form(confirmation: &Confirmation) -> ElicitRequestParams {
    let schema = json!({
        "type": "object",
        "properties": { FIELD: {
            "type": "string",
            "title": "Decision",
            "description": "Nothing is done unless you choose to send.",
            "enum": [AGREE, "do not send"],
        } },
        "required": [FIELD],
    });
    let Value::Object(schema) = schema else {
        unreachable!("the literal is an object");
    };
    ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: question(&confirmation.preview.text),
        requested_schema: ElicitationSchema::from_json_schema(schema)
            .expect("the literal is such a schema"),
    }
}

fn question(preview: &str) -> String {
    let mut shown = String::new();
    if preview.chars().count() <= MOST_SHOWN {
        shown.push_str(preview);
    } else {
        for line in preview.split_inclusive(['\n', '&']) {
            push_cut(&mut shown, line, MOST_OF_A_LINE);
        }
    }
    let lines = std::mem::take(&mut shown);
    push_cut(&mut shown, &lines, MOST_SHOWN);
    format!("A program wants to do this in your name. Shall it?\n\n{shown}")
}

/// Adds the beginning of `text`, and says so if it is not all of it.
fn push_cut(shown: &mut String, text: &str, most: usize) {
    let Some((end, _)) = text.char_indices().nth(most) else {
        shown.push_str(text);
        return;
    };
    let left = text[end..].chars().count();
    writeln!(
        shown,
        "{}\n[… {left} more characters are not shown here]",
        &text[..end]
    )
    .expect("a string takes every write");
}

#[cfg(test)]
mod tests {
    use valetkey_toolkits::arguments::DRY_RUN;

    use super::*;
    use crate::audit::Hex;

    /// Forms never ask for secrets (MCP 2025-11-25, Elicitation): nothing can be typed into this one,
    /// whatever the tool and its preview.
    #[test]
    fn the_form_takes_one_of_its_own_words_and_nothing_else_for_every_tool_that_asks() {
        let tools = valetkey_toolkits::all();
        let asking = tools.iter().filter(|tool| tool.takes(DRY_RUN));
        let mut asked = 0;
        for tool in asking {
            let preview = Output::new(format!("{}: password? token?", tool.name), None);
            let confirmation = Confirmation {
                id: Hex([7; 16]),
                preview,
            };
            let form = serde_json::to_value(form(&confirmation)).unwrap();
            let schema = &form["requestedSchema"];
            let fields = schema["properties"].as_object().unwrap();
            assert_eq!(schema["required"], json!([FIELD]));
            assert!(fields.keys().eq([FIELD]), "{schema}");
            assert_eq!(fields[FIELD]["enum"], json!([AGREE, "do not send"]));
            assert_eq!(fields[FIELD]["type"], "string");
            asked += 1;
        }
        assert!(asked > 5, "{asked} tools");
    }

    #[test]
    fn only_the_chosen_word_agrees() {
        for (response, expected) in [
            (
                json!({ "action": "accept", "content": { "decision": "send" } }),
                Said::Yes,
            ),
            (
                json!({ "action": "accept", "content": { "decision": "do not send" } }),
                Said::No,
            ),
            (
                json!({ "action": "accept", "content": { "decision": true } }),
                Said::No,
            ),
            (json!({ "action": "accept", "content": {} }), Said::No),
            (json!({ "action": "accept" }), Said::No),
            (
                json!({ "action": "decline", "content": { "decision": "send" } }),
                Said::No,
            ),
            (
                json!({ "action": "cancel", "content": { "decision": "send" } }),
                Said::Nothing,
            ),
            (json!({ "action": "agree" }), Said::Nothing),
            (json!("send"), Said::Nothing),
        ] {
            assert_eq!(said_by(Some(&response)), expected, "{response}");
        }
        assert_eq!(said_by(None), Said::Nothing);
    }

    #[test]
    fn a_long_preview_is_cut_in_the_question_and_the_question_says_so() {
        assert!(!question(&"é".repeat(6_000)).contains("not shown"));
        let long = question(&"é\n".repeat(3_005));
        assert!(long.contains("10 more characters are not shown"));
        assert!(long.chars().count() < 6_200);
    }

    #[test]
    fn a_long_line_or_field_of_a_form_is_cut_first_and_hides_no_other() {
        let padding = "é".repeat(5_995);
        for preview in [
            format!("{padding}\nto: eve"),
            format!("first={padding}&to: eve"),
            format!("{padding}\n{padding}\n{padding}\nto: eve"),
        ] {
            let asked = question(&preview);
            assert!(asked.contains("to: eve"), "{asked}");
            assert!(asked.contains("more characters are not shown"), "{asked}");
        }
    }
}
