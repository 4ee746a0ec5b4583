//! The format of `toolkit.yaml`: a provider, and tools that are exactly one HTTP request each.
//!
//! There are no conditions, loops, templates or second requests: what needs them is a tool in Rust.
//! The README has an example of every part. In reading order: this file (what a file says), `yaml`
//! (the tree it is read from), `tool`, `request`, `parameter`, `keep` and `allow` (what is checked).

mod allow;
mod keep;
mod parameter;
mod request;
mod tool;
mod yaml;

use std::collections::BTreeSet;
use std::fmt;

use reqwest::Method;
use reqwest::header::HeaderName;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::tool::Annotations;
use yaml::{Place, Reader};

pub(crate) use parameter::FORBIDDEN_OVERRIDES;

/// One mistake in a toolkit, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The line, counted from 1.
    pub line: u64,
    /// The column, counted from 1.
    pub column: u64,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub fix: String,
}

impl Mistake {
    fn new(place: Place, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            line: place.line,
            column: place.column,
            problem: problem.into(),
            fix: fix.into(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            problem,
            fix,
        } = self;
        write!(f, "{line}:{column}: {problem} {fix}")
    }
}

/// What a file says, checked.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    /// The provider whose grant the tools use: a provider entry's `provider_id`, or its id.
    pub(crate) provider: String,
    /// The toolkit's name, with which every tool's name begins.
    pub(crate) toolkit: String,
    /// At least one.
    pub(crate) tools: Vec<DeclaredTool>,
}

/// A tool as a file declares it.
#[derive(Clone, Debug)]
pub(crate) struct DeclaredTool {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) scopes: Vec<Vec<String>>,
    pub(crate) annotations: Annotations,
    pub(crate) kind: Kind,
}

/// What a tool sends.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Exactly one request.
    Request(Box<OneRequest>),
    /// A request that the model writes, within these limits.
    Api(Vec<Allowed>),
}

/// The one request of a tool.
#[derive(Clone, Debug)]
pub(crate) struct OneRequest {
    pub(crate) method: Method,
    pub(crate) path: Vec<Segment>,
    pub(crate) parameters: Vec<Parameter>,
    /// Constant query parameters.
    pub(crate) query: Vec<(String, String)>,
    /// Constant headers.
    pub(crate) headers: Vec<(HeaderName, String)>,
    /// Constant fields of the body.
    pub(crate) body: Map<String, Value>,
    /// None: no body is sent.
    pub(crate) encoding: Option<Encoding>,
    /// What of the answer is returned; nothing of it when empty.
    pub(crate) keep: Vec<Keep>,
    /// The answer is returned as the text that it is, and nothing is kept of it.
    pub(crate) text: bool,
    pub(crate) page: Option<Paging>,
    pub(crate) success: Success,
}

/// A segment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(String),
    /// The parameter of this name.
    Parameter(String),
}

/// How the body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Form,
}

/// Where a parameter goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Path,
    Query,
    Body,
    Header(HeaderName),
}

/// A parameter of a tool.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    /// Its name in the request.
    pub(crate) wire: String,
    pub(crate) target: Target,
    pub(crate) kind: ParameterKind,
    pub(crate) description: String,
    pub(crate) required: bool,
    pub(crate) default: Option<Value>,
}

/// The type of a parameter, with its limits, which are included in what is allowed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ParameterKind {
    /// Of a length in characters.
    Text(Limits<usize>),
    Integer(Limits<i64>),
    Number(Limits<f64>),
    Boolean,
    Enum(Vec<String>),
    /// Of strings, so many of them.
    List(Limits<usize>),
}

/// The least and the most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits<T> {
    pub(crate) least: Option<T>,
    pub(crate) most: Option<T>,
}

/// A way to a value in an answer: names of fields. None of them is the value itself.
pub(crate) type FieldPath = Vec<String>;

/// A field of a result.
#[derive(Clone, Debug)]
pub(crate) struct Keep {
    pub(crate) from: FieldPath,
    /// Its name in the result.
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// What is kept of each item, when the value is a list of objects.
    pub(crate) each: Option<Vec<Keep>>,
}

/// Where the next page's cursor comes from, and the query parameter that it goes to.
#[derive(Clone, Debug)]
pub(crate) struct Paging {
    pub(crate) query: String,
    /// None: the same parameter of the URL that the `Link` header calls `next` (RFC 8288).
    pub(crate) cursor: Option<FieldPath>,
}

/// What a successful answer is like, besides a status of 2xx.
#[derive(Clone, Debug, Default)]
pub(crate) struct Success {
    /// A field that must be true.
    pub(crate) field: Option<FieldPath>,
    /// A field that says what went wrong, in any answer that is not a success.
    pub(crate) error: Option<FieldPath>,
}

/// What a tool of `kind: api` may send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) method: Method,
    pub(crate) path: Vec<Pattern>,
}

/// A segment of an allowed path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    Literal(String),
    /// `*`: any one segment.
    One,
    /// `**`, at the end only: one segment or more.
    Rest,
}

/// Reads a file, or says everything that is wrong with it, in the order of the lines.
pub(crate) fn parse(text: &str) -> Result<Manifest, Vec<Mistake>> {
    let root = yaml::parse(text).map_err(|mistake| vec![mistake])?;
    let mut reader = Reader::default();
    let manifest = read(&mut reader, &root);
    let mut mistakes = reader.mistakes;
    match manifest {
        Some(manifest) if mistakes.is_empty() => Ok(manifest),
        _ => {
            mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
            Err(mistakes)
        }
    }
}

fn read(reader: &mut Reader, root: &yaml::Node) -> Option<Manifest> {
    let fields = reader.fields(root, "a toolkit", &["provider", "toolkit", "tools"])?;
    let fix = "Name a provider entry of the configuration: its `provider_id`, or its `id`.";
    let provider = reader.required(&fields, "provider", fix);
    let fix = "Give the toolkit a name, such as `hooli`; its tools' names begin with it.";
    let toolkit = reader.required(&fields, "toolkit", fix);
    if let Some(name) = toolkit
        && !is_word(name)
    {
        reader.wrong(
            fields.place_of("toolkit"),
            format!("`{}` cannot be a toolkit's name.", yaml::quoted(name)),
            "Write small letters and digits, a letter first, at most 20.",
        );
    }
    let Some(list) = fields.get("tools") else {
        let fix = "Write `tools:` with a list of tools.";
        reader.wrong(fields.place, "`tools` is missing here.", fix);
        return None;
    };
    let items = reader.list(list, "tools");
    if items.is_empty() {
        let fix = "Declare at least one tool.";
        reader.wrong(list.place, "There is no tool.", fix);
    }
    let mut names = BTreeSet::new();
    let mut tools = Vec::new();
    for item in items {
        let Some(tool) = tool::read(reader, item, toolkit) else {
            continue;
        };
        if !names.insert(tool.name.clone()) {
            reader.wrong(
                item.place,
                format!("There is a tool `{}` above already.", tool.name),
                "Give this one another name.",
            );
        }
        tools.push(tool);
    }
    Some(Manifest {
        provider: provider?.to_owned(),
        toolkit: toolkit?.to_owned(),
        tools,
    })
}

/// A toolkit's name, which is the first word of its tools' names.
fn is_word(name: &str) -> bool {
    name.len() <= 20
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests;
