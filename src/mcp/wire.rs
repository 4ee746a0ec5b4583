//! The last thing before the SDK's frames: what rmcp 3.11 leaves to its user.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

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
        let handled = caught(Box::pin(self.0.handle_request(request, context))).await;
        let result = handled.ok_or_else(|| {
            ErrorData::internal_error(
                "Valetkey failed on this request; its log on standard error says where.",
                None,
            )
        })??;
        Ok(match result {
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

/// None if `future` panics. The SDK would drop the task and never answer.
async fn caught<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}
