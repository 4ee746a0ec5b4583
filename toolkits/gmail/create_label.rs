//! `gmail_create_label`: a new label, or the one that there is.

use reqwest::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::error::{Call, accept};
use super::labels;
use super::list_labels::{LabelInfo, SCOPE};
use super::recipients::single_line;
use super::wire::Label;
use crate::api::Api;
use crate::error::{ErrorCode, ToolError};
use crate::output::Render;

const CALL: Call = Call {
    scope: SCOPE,
    bad_request_fix: "Nothing was created. Choose another name.",
};

/// Gmail's limit for a name.
const MAX_NAME: usize = 225;

/// Create a label, or get the one that has the name already.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateLabelArgs {
    /// The name; `Work/Invoices` is nested in `Work`.
    name: String,
}

/// A label.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct LabelResult {
    /// False when there was one of that name already.
    created: bool,
    label: LabelInfo,
}

impl Render for LabelResult {
    fn render(&self) -> String {
        let done = if self.created {
            "Created"
        } else {
            "There is one already"
        };
        format!("{done}: {}", self.label.line())
    }
}

pub(super) async fn run(api: Api, args: CreateLabelArgs) -> Result<LabelResult, ToolError> {
    let name = checked(&args.name)?;
    let path = ["gmail", "v1", "users", "me", "labels"];
    let request = api.write(Method::POST, &path).json(&json!({
        "name": name,
        "labelListVisibility": "labelShow",
        "messageListVisibility": "show",
    }));
    let response = request.send().await?;
    if response.status != StatusCode::CONFLICT {
        let label: Label = accept(response, &CALL)?.json()?;
        return Ok(LabelResult {
            created: true,
            label: LabelInfo::of(&label),
        });
    }
    // "Label name exists or conflicts": names ignore case.
    let list = labels::list(labels::request(&api), &CALL).await?;
    let lower = name.to_lowercase();
    match list.iter().find(|label| label.name.to_lowercase() == lower) {
        Some(label) => Ok(LabelResult {
            created: false,
            label: LabelInfo::of(label),
        }),
        None => Err(ToolError::new(
            ErrorCode::Rejected,
            "Gmail does not take the name: it conflicts with another label.",
            "Choose another name, or use a label from `gmail_list_labels`.",
        )),
    }
}

/// A name that Gmail may take.
fn checked(name: &str) -> Result<&str, ToolError> {
    single_line("name", name)?;
    let name = name.trim();
    let problem = if name.is_empty() || name.chars().count() > MAX_NAME {
        format!("`name` must have 1 to {MAX_NAME} characters.")
    } else if name.split('/').any(|part| part.trim().is_empty()) {
        "`name` has an empty part before or after a `/`.".to_owned()
    } else if labels::system_id(name).is_some() {
        "`name` is that of one of Gmail's own labels.".to_owned()
    } else {
        return Ok(name);
    };
    Err(ToolError::invalid_arguments(problem))
}
