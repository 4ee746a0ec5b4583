//! The last thing before the SDK's frames: what rmcp 3.11 leaves to its user.

use std::borrow::Cow;

use axum::body::Bytes;
use rmcp::model::{
    ClientNotification, ClientRequest, CustomResult, ErrorData, InputRequiredResult,
    ProtocolVersion, ServerConfig, ServerResult,
};
use rmcp::service::{NotificationContext, RequestContext, RoleServer, Service};
use serde_json::Value;

use crate::mcp::handler::Handler;

/// A [`Handler`] whose answers are correct on the wire.
#[derive(Debug)]
pub(super) struct Wire(pub Handler);

impl Service<RoleServer> for Wire {
    async fn handle_request(
        &self,
        request: ClientRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        if !matches!(request, ClientRequest::DiscoverRequest(_)) {
            self.0.resume_once();
        }
        Ok(match self.0.handle_request(request, context).await? {
            ServerResult::InputRequiredResult(result) => {
                ServerResult::CustomResult(CustomResult(without_empty_ids(&result)))
            }
            result => result,
        })
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.0.handle_notification(notification, context).await
    }

    fn get_info(&self) -> ServerConfig {
        Service::get_info(&self.0)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Service::supported_protocol_versions(&self.0)
    }
}

/// `elicitationId` is gone from protocol 2026-07-28; the SDK writes it empty.
fn without_empty_ids(result: &InputRequiredResult) -> Value {
    let mut json = serde_json::to_value(result).expect("a result is plain data");
    if let Some(requests) = json["inputRequests"].as_object_mut() {
        for request in requests.values_mut() {
            if let Some(params) = request["params"].as_object_mut()
                && params.get("elicitationId").and_then(Value::as_str) == Some("")
            {
                params.remove("elicitationId");
            }
        }
    }
    json
}

/// The same for an answer that is text already, over HTTP, where the SDK writes it itself. The bytes
/// cannot stand in a string of it, whose quotes are escaped.
pub(super) fn strip_empty_ids(text: &Bytes) -> Bytes {
    const BEFORE_ANOTHER: &[u8] = br#""elicitationId":"","#;
    const LAST: &[u8] = br#","elicitationId":"""#;
    for pattern in [BEFORE_ANOTHER, LAST] {
        if let Some(at) = memchr::memmem::find(text, pattern) {
            let (before, rest) = (&text[..at], &text[at + pattern.len()..]);
            return strip_empty_ids(&[before, rest].concat().into());
        }
    }
    text.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmcp::model::{ElicitRequest, ElicitRequestParams, InputRequest};
    use serde_json::json;

    #[test]
    fn an_empty_elicitation_id_does_not_leave_and_nothing_else_is_lost() {
        let elicitation = |id: &str| {
            InputRequest::Elicitation(ElicitRequest::new(
                ElicitRequestParams::UrlElicitationParams {
                    meta: None,
                    message: "Connect.".to_owned(),
                    url: "http://127.0.0.1:8419/connect/x".to_owned(),
                    elicitation_id: id.to_owned(),
                },
            ))
        };
        let requests = [
            ("connect".to_owned(), elicitation("")),
            ("other".to_owned(), elicitation("kept")),
        ];
        let result = InputRequiredResult::new(Some(requests.into()), Some("state".to_owned()));
        let expected = |rest: Value| {
            let mut params = json!({
                "mode": "url",
                "message": "Connect.",
                "url": "http://127.0.0.1:8419/connect/x",
            });
            params
                .as_object_mut()
                .unwrap()
                .extend(rest.as_object().unwrap().clone());
            json!({ "method": "elicitation/create", "params": params })
        };
        assert_eq!(
            without_empty_ids(&result),
            json!({
                "resultType": "input_required",
                "requestState": "state",
                "inputRequests": {
                    "connect": expected(json!({})),
                    "other": expected(json!({ "elicitationId": "kept" })),
                },
            })
        );
    }

    #[test]
    fn an_empty_elicitation_id_does_not_leave_in_a_text_either() {
        for (text, expected) in [
            (
                r#"{"a":{"elicitationId":"","url":"x"}}"#,
                r#"{"a":{"url":"x"}}"#,
            ),
            (
                r#"{"a":{"url":"x","elicitationId":""}}"#,
                r#"{"a":{"url":"x"}}"#,
            ),
            (
                r#"{"elicitationId":"kept","a":1}"#,
                r#"{"elicitationId":"kept","a":1}"#,
            ),
            (
                r#"{"said":"\"elicitationId\":\"\",","a":1}"#,
                r#"{"said":"\"elicitationId\":\"\",","a":1}"#,
            ),
        ] {
            assert_eq!(strip_empty_ids(&Bytes::from(text)), expected);
        }
    }
}
