//! Tools that a `toolkit.yaml` declares: the same schemas, envelope, budget and errors as those
//! written in Rust, and [`Api`] as their only way out.
//!
//! In reading order: this file (a tool, and its one request), `arguments` (what goes in), `answer`
//! (what comes out), `free` (tools of `kind: api`), `preview` (the dry run of what writes).

mod answer;
mod arguments;
mod free;
mod preview;

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Map, Value};

use crate::api::{Api, Request, Response};
use crate::error::ToolError;
use crate::manifest::{
    self, DeclaredTool, Encoding, Kind, Mistake, OneRequest, Parameter, Segment, Target,
};
use crate::output::{Form, Output};
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
    let writes = !tool.annotations.read_only;
    let mut input = tool.kind.input_schema();
    let mut output = tool.kind.output_schema();
    if writes {
        preview::add(&mut input, output.as_mut());
    }
    // As every write that would be done twice when repeated.
    if writes && !tool.annotations.idempotent {
        schema::add_idempotency_key(&mut input);
    }
    let pages = matches!(&tool.kind, Kind::Request(one) if one.page.is_some());
    let kind = Arc::new(tool.kind);
    let checked = Arc::clone(&kind);
    let check: Check = Arc::new(move |mut given| {
        if writes {
            preview::take_dry_run(&mut given)?;
        }
        checked.check(given)
    });
    let shown_as: Arc<str> = format!("{} ({})", tool.title, tool.name).into();
    let run: Run = Arc::new(move |api, mut given| {
        let (kind, shown_as) = (Arc::clone(&kind), Arc::clone(&shown_as));
        Box::pin(async move {
            let account = api.acting().to_owned();
            let ran = async {
                let is_dry_run = writes && preview::take_dry_run(&mut given)?;
                let built = kind.build(&api, given)?;
                if is_dry_run {
                    preview::of(built, &shown_as, kind.is_text(), &account)
                } else {
                    kind.output(built.request.send().await?, &account)
                }
            };
            ran.await.map_err(|error: ToolError| error.of(account))
        })
    });
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
        output_schema: output.map(Arc::new),
        pages,
        declared: true,
        draft_scopes: None,
        check,
        run,
    }
}

type Schema = Map<String, Value>;

/// A request as it will be sent, but for the credential.
struct Built {
    request: Request,
    /// Its body, if that is JSON.
    json: Option<Map<String, Value>>,
}

impl Kind {
    fn input_schema(&self) -> Schema {
        match self {
            Self::Request(one) => arguments::schema(one),
            Self::Api(allowed) => free::input_schema(allowed),
        }
    }

    /// None: the result is raw text.
    fn output_schema(&self) -> Option<Schema> {
        match self {
            Self::Request(one) if one.text => None,
            Self::Request(one) => Some(answer::schema(one)),
            Self::Api(_) => Some(free::output_schema()),
        }
    }

    fn is_text(&self) -> bool {
        matches!(self, Self::Request(one) if one.text)
    }

    fn check(&self, given: Value) -> Result<(), ToolError> {
        match self {
            Self::Request(one) => arguments::parse(one, given).map(|_| ()),
            Self::Api(allowed) => free::parse(allowed, given).map(|_| ()),
        }
    }

    fn build(&self, api: &Api, given: Value) -> Result<Built, ToolError> {
        match self {
            Self::Request(one) => build(api, one, &arguments::parse(one, given)?),
            Self::Api(allowed) => Ok(free::parse(allowed, given)?.build(api)),
        }
    }

    fn output(&self, response: Response, account: &str) -> Result<Output, ToolError> {
        let Self::Request(one) = self else {
            let answer = free::answer(&response)?;
            return Ok(output::typed(answer, Form::Detailed, account));
        };
        answer::judge(&response, &one.success)?;
        if one.text {
            return Ok(output::raw(&answer::text(response)?, account));
        }
        let kept = answer::keep(&response, one)?;
        Ok(output::typed(kept, Form::Detailed, account))
    }
}

/// The request, from arguments that were checked.
fn build(api: &Api, one: &OneRequest, given: &Map<String, Value>) -> Result<Built, ToolError> {
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
        let accept = if one.text { "*/*" } else { "application/json" };
        request = request.header("accept", accept);
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
        && let Some(Value::String(position)) = given.get(common::CURSOR)
    {
        request = request.query(&page.query, cursor::unwrap::<String>(position)?);
    }
    Ok(match one.encoding {
        None => Built {
            request,
            json: None,
        },
        Some(Encoding::Json) => Built {
            request: request.json(&body),
            json: Some(body),
        },
        Some(Encoding::Form) => Built {
            request: request.form(&form(&body)),
            json: None,
        },
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
