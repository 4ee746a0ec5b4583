//! Tools that a `toolkit.yaml` declares: the same schemas, envelope, budget and errors as those
//! written in Rust, and [`Api`] as their only way out.
//!
//! In reading order: this file (a tool, and its one request), `arguments` (what goes in), `answer`
//! (what comes out), `free` (tools of `kind: api`).

mod answer;
mod arguments;
mod free;

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Map, Value};

use crate::api::{Api, Request};
use crate::error::ToolError;
use crate::manifest::{
    self, DeclaredTool, Encoding, Kind, Mistake, OneRequest, Parameter, Segment, Target,
};
use crate::output::Form;
use crate::tool::{Check, Run, Tool};
use crate::{arguments as common, cursor, output, schema};

/// The tools of a file, in its order and at least one; or everything that is wrong with the file,
/// in the order of its lines.
pub fn tools(text: &str) -> Result<Vec<Tool>, Vec<Mistake>> {
    let manifest = manifest::parse(text)?;
    let tools = manifest.tools.into_iter();
    Ok(tools
        .map(|tool| make(tool, &manifest.toolkit, &manifest.provider))
        .collect())
}

/// The tools of a file of ours, which a test has read before it is anybody's.
pub(crate) fn built_in(text: &str) -> Vec<Tool> {
    tools(text).unwrap_or_else(|mistakes| panic!("a toolkit of ours is wrong: {mistakes:?}"))
}

fn make(tool: DeclaredTool, toolkit: &str, provider: &str) -> Tool {
    let (input, output, check, run) = match tool.kind {
        Kind::Request(request) => one_request(*request),
        Kind::Api(allowed) => {
            let read_only = tool.annotations.read_only;
            let allowed = Arc::new(allowed);
            let checked = Arc::clone(&allowed);
            let check: Check =
                Arc::new(move |arguments| free::parse(&checked, arguments).map(|_| ()));
            let (input, output) = (free::input_schema(&allowed), free::output_schema());
            let run: Run = Arc::new(move |api, arguments| {
                let allowed = Arc::clone(&allowed);
                Box::pin(async move {
                    let account = api.acting().to_owned();
                    match free::run(&api, &allowed, arguments, read_only).await {
                        Ok(result) => Ok(output::typed(result, Form::Detailed, &account)),
                        Err(error) => Err(error.of(account)),
                    }
                })
            });
            (input, output, check, run)
        }
    };
    // As every write that would be done twice when repeated.
    let mut input = input;
    if !tool.annotations.read_only && !tool.annotations.idempotent {
        schema::add_idempotency_key(&mut input);
    }
    let scopes = tool.scopes.into_iter();
    Tool {
        name: tool.name.into(),
        toolkit: toolkit.to_owned().into(),
        provider: provider.to_owned().into(),
        title: tool.title.into(),
        description: tool.description,
        scopes: scopes
            .map(|group| group.into_iter().map(Into::into).collect())
            .collect(),
        annotations: tool.annotations,
        input_schema: Arc::new(input),
        output_schema: Some(Arc::new(output)),
        declared: true,
        draft_scopes: None,
        check,
        run,
    }
}

type Schema = Map<String, Value>;

fn one_request(request: OneRequest) -> (Schema, Schema, Check, Run) {
    let input = arguments::schema(&request);
    let output = answer::schema(&request);
    let request = Arc::new(request);
    let checked = Arc::clone(&request);
    let check: Check = Arc::new(move |given| arguments::parse(&checked, given).map(|_| ()));
    let run: Run = Arc::new(move |api, given| {
        let request = Arc::clone(&request);
        Box::pin(async move {
            let account = api.acting().to_owned();
            match send(&api, &request, given).await {
                Ok(result) => Ok(output::typed(result, Form::Detailed, &account)),
                Err(error) => Err(error.of(account)),
            }
        })
    });
    (input, output, check, run)
}

async fn send(api: &Api, one: &OneRequest, given: Value) -> Result<answer::Kept, ToolError> {
    let given = arguments::parse(one, given)?;
    let request = build(api, one, &given)?;
    let response = request.send().await?;
    answer::judge(&response, &one.success)?;
    answer::keep(&response, one)
}

/// The request, from arguments that were checked.
fn build(api: &Api, one: &OneRequest, given: &Map<String, Value>) -> Result<Request, ToolError> {
    let mut path = Vec::new();
    for segment in &one.path {
        path.push(match segment {
            Segment::Literal(text) => text.clone(),
            Segment::Parameter(name) => arguments::text(&given[name]),
        });
    }
    free::check_segments(&path)?;
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let method = one.method.clone();
    let mut request = if method == Method::GET {
        api.read(method, &path)
    } else {
        api.write(method, &path)
    };
    if !one.headers.iter().any(|(name, _)| name == "accept") {
        request = request.header("accept", "application/json");
    }
    for (name, value) in &one.headers {
        request = request.header(name.as_str(), value);
    }
    for (name, value) in &one.query {
        request = request.query(name, value);
    }
    let mut body = one.body.clone();
    for (parameter, value) in with_values(&one.parameters, given) {
        match &parameter.target {
            Target::Path => {}
            Target::Query => {
                for value in arguments::texts(value) {
                    request = request.query(&parameter.wire, value);
                }
            }
            Target::Header(name) => {
                request = request.header(name.as_str(), &arguments::text(value));
            }
            Target::Body => {
                body.insert(parameter.wire.clone(), value.clone());
            }
        }
    }
    if let Some(page) = &one.page
        && let Some(Value::String(position)) = given.get("cursor")
    {
        request = request.query(&page.query, cursor::unwrap::<String>(position)?);
    }
    Ok(match one.encoding {
        None => request,
        Some(Encoding::Json) => request.json(&body),
        Some(Encoding::Form) => request.form(&form(&body)),
    })
}

fn with_values<'a>(
    parameters: &'a [Parameter],
    given: &'a Map<String, Value>,
) -> impl Iterator<Item = (&'a Parameter, &'a Value)> {
    parameters
        .iter()
        .filter_map(|parameter| Some((parameter, given.get(&parameter.name)?)))
}

fn form(body: &Map<String, Value>) -> Vec<(&str, String)> {
    let fields = body.iter();
    fields
        .flat_map(|(name, value)| {
            let texts = arguments::texts(value).into_iter();
            texts.map(move |text| (name.as_str(), text))
        })
        .collect()
}

#[cfg(test)]
mod tests;
