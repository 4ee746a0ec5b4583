//! The fixtures of the official conformance suite (`@modelcontextprotocol/conformance`): tools and
//! resources of given names that answer and ask what its scenarios expect, over this server's own
//! transport, with its own `requestState`.
//!
//! Only in builds with the feature `conformance`, and there only for `valetkey http --conformance`.

use std::time::Duration;

use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest,
    CustomResult, ErrorData, InputRequiredResult, ListResourceTemplatesResult, ListResourcesResult,
    ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ReadResourceRequestParams,
    ReadResourceResponse, ReadResourceResult, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer, ServiceError};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use crate::mcp::handler::Handler;
use crate::mcp::request_state::{Asked, State, Subject};
use crate::mcp::result;

/// Every tool of the suite that this server can be asked for.
const TOOLS: &[&str] = &[
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_tool_with_progress",
    "test_logging_tool",
    "test_sampling",
    "test_elicitation",
    "test_elicitation_sep1034_defaults",
    "test_elicitation_sep1330_enums",
    "test_missing_capability",
    "test_streaming_elicitation",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_tampered_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_capabilities",
    SCHEMA_TOOL,
];

/// The tool that is there for its input schema.
const SCHEMA_TOOL: &str = "json_schema_2020_12_tool";

/// One pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// A header and no sound.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=";

/// A [`Handler`] with the fixtures before it.
#[derive(Clone, Debug)]
pub(in crate::mcp) struct Fixtures(Handler);

/// What a tool of the suite does.
enum Fixture {
    /// Answers with this result.
    Says(Value),
    /// Sends this request while the call is open, and answers with the response.
    Asks(Value),
    /// Answers each round with these requests, until all were answered.
    Needs(Vec<Value>),
    /// Reports progress three times.
    Progress,
}

impl Fixtures {
    pub(in crate::mcp) fn new(handler: Handler) -> Self {
        Self(handler)
    }

    fn are_on(&self) -> bool {
        self.0.shared.fixtures
    }

    /// A call of several rounds.
    async fn rounds(
        &self,
        rounds: &[Value],
        request: &CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let states = &self.0.shared.states;
        let none = Map::new();
        let subject = Subject {
            caller: &self.0.caller,
            tool: &request.name,
            arguments: request.arguments.as_ref().unwrap_or(&none),
        };
        let mut round = 0;
        if let Some(text) = &request.request_state {
            let state = states.open(subject, text).await;
            round = state.map_err(|error| result::refused(&error))?.completed;
        }
        let answered = |asked: &Value| {
            let mut keys = asked.as_object().into_iter().flat_map(Map::keys);
            let responses = request.input_responses.as_ref();
            responses.is_some_and(|all| keys.all(|key| all.get(key).is_some_and(Value::is_object)))
        };
        if rounds.get(usize::from(round)).is_some_and(answered) {
            round += 1;
        }
        let Some(asked) = rounds.get(usize::from(round)) else {
            return Ok(text("state-ok: all questions were answered."));
        };
        let asked = allowed(asked, context)?;
        let state = State {
            asked: Asked::Flow([round; 32]),
            completed: round,
            expires_at: states.later(Duration::from_mins(10)),
        };
        let sealed = states.seal(subject, state).await;
        let sealed = sealed.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        Ok(InputRequiredResult::new(Some(typed(asked)), Some(sealed)).into())
    }
}

impl ServerHandler for Fixtures {
    fn get_info(&self) -> ServerConfig {
        self.0.get_info()
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut listed = self.0.list_tools(request, context).await?;
        if self.are_on() {
            listed.tools.extend(TOOLS.iter().map(|name| {
                let schema = typed::<Map<String, Value>>(input_schema(name));
                Tool::new(*name, "A fixture of the conformance suite.", schema)
            }));
        }
        Ok(listed)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let fixture = self.are_on().then(|| fixture(&request)).flatten();
        match fixture {
            None => self.0.call_tool(request, context).await,
            Some(Fixture::Says(result)) => Ok(typed::<CallToolResult>(result).into()),
            Some(Fixture::Needs(rounds)) => self.rounds(&rounds, &request, &context).await,
            Some(Fixture::Asks(question)) => {
                let answer = context.peer.send_request(typed(question)).await;
                let answer = answer.map_err(|error| failed(&error))?;
                Ok(text(&format!("The user's answer: {}", json!(answer))))
            }
            Some(Fixture::Progress) => {
                for progress in [0.0, 50.0, 100.0] {
                    if let Some(token) = context.meta.get_progress_token() {
                        let progress = ProgressNotificationParam::new(token, progress);
                        let told = context.peer.notify_progress(progress.with_total(100.0));
                        told.await.map_err(|error| failed(&error))?;
                    }
                    sleep(Duration::from_millis(50)).await;
                }
                Ok(text("Done."))
            }
        }
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let mut listed = self.0.list_resources(request, context).await?;
        if self.are_on() {
            listed.resources.extend([
                typed(json!({ "uri": "test://static-text", "name": "static-text" })),
                typed(json!({ "uri": "test://static-binary", "name": "static-binary" })),
            ]);
        }
        Ok(listed)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let mut listed = self.0.list_resource_templates(request, context).await?;
        if self.are_on() {
            let template =
                json!({ "uriTemplate": "test://template/{id}/data", "name": "template" });
            listed.resource_templates.push(typed(template));
        }
        Ok(listed)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        match self.are_on().then(|| resource(&request.uri)).flatten() {
            None => self.0.read_resource(request, context).await,
            Some(mut contents) => {
                contents["uri"] = json!(request.uri);
                let page = json!({ "resultType": "complete", "contents": [contents] });
                Ok(typed::<ReadResourceResult>(page).into())
            }
        }
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        self.0.on_custom_request(request, context).await
    }
}

fn fixture(request: &CallToolRequestParams) -> Option<Fixture> {
    let argument = |name: &str| {
        let given = request.arguments.as_ref().and_then(|all| all.get(name));
        given.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let said = json!({ "type": "text", "text": "This is a simple text." });
    let image = json!({ "type": "image", "data": PNG, "mimeType": "image/png" });
    let embedded = json!({ "type": "resource", "resource": {
        "uri": "test://embedded-resource",
        "mimeType": "text/plain",
        "text": "This is an embedded resource.",
    } });
    let name = || form("What is your name?", &one("name", "string"));
    Some(match request.name.as_ref() {
        "test_simple_text" | "test_logging_tool" | SCHEMA_TOOL => says(&json!([said])),
        "test_image_content" => says(&json!([image])),
        "test_audio_content" => {
            says(&json!([{ "type": "audio", "data": WAV, "mimeType": "audio/wav" }]))
        }
        "test_embedded_resource" => says(&json!([embedded])),
        "test_multiple_content_types" => says(&json!([said, image, embedded])),
        "test_error_handling" => {
            Fixture::Says(json!({ "resultType": "complete", "content": [said], "isError": true }))
        }
        "test_tool_with_progress" => Fixture::Progress,
        "test_sampling" => Fixture::Asks(sampling(&argument("prompt"))),
        "test_elicitation" => Fixture::Asks(form(&argument("message"), &one("username", "string"))),
        "test_elicitation_sep1034_defaults" => Fixture::Asks(form("With defaults.", &defaults())),
        "test_elicitation_sep1330_enums" => Fixture::Asks(form("Of each kind.", &enums())),
        "test_input_required_result_elicitation" | "test_streaming_elicitation" => {
            Fixture::Needs(vec![json!({ "user_name": name() })])
        }
        "test_input_required_result_sampling" | "test_missing_capability" => {
            let question = sampling("What is the capital of France?");
            Fixture::Needs(vec![json!({ "capital_question": question })])
        }
        "test_input_required_result_list_roots" => {
            Fixture::Needs(vec![json!({ "client_roots": roots() })])
        }
        "test_input_required_result_request_state"
        | "test_input_required_result_tampered_state" => {
            let question = form("Please confirm", &one("ok", "boolean"));
            Fixture::Needs(vec![json!({ "confirm": question })])
        }
        "test_input_required_result_multiple_inputs"
        | "test_input_required_result_capabilities" => Fixture::Needs(vec![json!({
            "user_name": name(),
            "greeting": sampling("Generate a greeting"),
            "client_roots": roots(),
        })]),
        "test_input_required_result_multi_round" => Fixture::Needs(vec![
            json!({ "step1": name() }),
            json!({ "step2": form("What is your favorite color?", &one("color", "string")) }),
        ]),
        _ => return None,
    })
}

fn resource(uri: &str) -> Option<Value> {
    match uri {
        "test://static-text" => {
            Some(json!({ "mimeType": "text/plain", "text": "This is a static text." }))
        }
        "test://static-binary" => Some(json!({ "mimeType": "image/png", "blob": PNG })),
        _ => {
            let id = uri
                .strip_prefix("test://template/")?
                .strip_suffix("/data")?;
            let text = json!({ "id": id, "templateTest": true }).to_string();
            Some(json!({ "mimeType": "application/json", "text": text }))
        }
    }
}

/// The requests among `asked` that this client can be sent.
fn allowed(asked: &Value, context: &RequestContext<RoleServer>) -> Result<Value, ErrorData> {
    let capabilities = json!(context.client_capabilities().unwrap_or_default());
    let mut asked = typed::<Map<String, Value>>(asked.clone());
    let mut missing = Map::new();
    asked.retain(|_, request| {
        let method = request["method"].as_str().unwrap_or_default();
        let capability = method.split('/').next().unwrap_or_default();
        let declared = capabilities[capability].is_object();
        if !declared {
            missing.insert(capability.to_owned(), json!({}));
        }
        declared
    });
    if asked.is_empty() {
        let required = typed(Value::Object(missing));
        return Err(ErrorData::missing_required_client_capability(required));
    }
    Ok(Value::Object(asked))
}

fn form(message: &str, properties: &Value) -> Value {
    let required: Vec<_> = properties
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .collect();
    json!({ "method": "elicitation/create", "params": {
        "mode": "form",
        "message": message,
        "requestedSchema": { "type": "object", "required": required, "properties": properties },
    } })
}

fn one(name: &str, kind: &str) -> Value {
    json!({ name: { "type": kind } })
}

fn sampling(prompt: &str) -> Value {
    json!({ "method": "sampling/createMessage", "params": {
        "messages": [{ "role": "user", "content": { "type": "text", "text": prompt } }],
        "maxTokens": 100,
    } })
}

fn roots() -> Value {
    json!({ "method": "roots/list", "params": {} })
}

/// A default of each primitive type (SEP-1034).
fn defaults() -> Value {
    json!({
        "name": { "type": "string", "default": "John Doe" },
        "age": { "type": "integer", "default": 30 },
        "score": { "type": "number", "default": 95.5 },
        "status": {
            "type": "string",
            "enum": ["active", "inactive", "pending"],
            "default": "active",
        },
        "verified": { "type": "boolean", "default": true },
    })
}

/// Each kind of choice (SEP-1330).
fn enums() -> Value {
    let options = json!(["option1", "option2", "option3"]);
    let titled = json!([
        { "const": "value1", "title": "First" },
        { "const": "value2", "title": "Second" },
    ]);
    json!({
        "untitledSingle": { "type": "string", "enum": options },
        "titledSingle": { "type": "string", "oneOf": titled },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2"],
            "enumNames": ["Option One", "Option Two"],
        },
        "untitledMulti": { "type": "array", "items": { "type": "string", "enum": options } },
        "titledMulti": { "type": "array", "items": { "anyOf": titled } },
    })
}

fn input_schema(tool: &str) -> Value {
    if tool != SCHEMA_TOOL {
        return json!({ "type": "object" });
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": { "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": { "street": { "type": "string" } },
        } },
        "properties": {
            "address": { "$ref": "#/$defs/address" },
            "phone": { "type": "string" },
            "email": { "type": "string" },
        },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "required": ["address"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    })
}

fn says(content: &Value) -> Fixture {
    Fixture::Says(json!({ "resultType": "complete", "content": content }))
}

fn text(said: &str) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(said)]).into()
}

fn failed(error: &ServiceError) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

fn typed<T: DeserializeOwned>(fixture: Value) -> T {
    serde_json::from_value(fixture).expect("a fixture has the form that the protocol gives it")
}
