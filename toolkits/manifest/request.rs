//! The one request of a tool: its path, what it carries, and what of the answer counts.

use reqwest::Method;
use serde_json::{Map, Value};

use super::parameter::{self, FORBIDDEN_OVERRIDES, header_name};
use super::yaml::{Fields, Node, Place, Reader, Tree, quoted};
use super::{Encoding, OneRequest, Paging, Parameter, Segment, Success, Target, keep};

/// Reads the request of a tool.
pub(super) fn read(reader: &mut Reader, fields: &Fields<'_>) -> Option<OneRequest> {
    let fix = "Write `method: GET`, POST, PUT, PATCH or DELETE.";
    let method = reader
        .required(fields, "method", fix)
        .and_then(|text| method(reader, fields.place_of("method"), text));
    let fix = "Write the path after the provider's `api.base_url`, such as `/v1/items/{item_id}`.";
    let path = reader
        .required(fields, "path", fix)
        .and_then(|text| path(reader, fields.place_of("path"), text));
    let page = page(reader, fields);
    let parameters = parameter::read_all(reader, fields, page.is_some());
    if let Some(path) = &path {
        match_path(reader, fields, path, &parameters);
    }
    let constants = constants(reader, fields, &parameters, page.as_ref());
    let encoding = encoding(
        reader,
        fields,
        method.as_ref(),
        &parameters,
        &constants.body,
    );
    let keep = match fields.get("keep") {
        Some(node) => keep::read(reader, node),
        None => Vec::new(),
    };
    let text = is_text(reader, fields);
    if method.as_ref() == Some(&Method::GET) && fields.get("keep").is_none() && !text {
        let fix = "List the fields of the answer to return, such as `keep: [id, name]`; write \
                   `output: text` if the answer is not JSON.";
        reader.wrong(fields.place, "`keep` is missing here.", fix);
    }
    let success = success(reader, fields);
    if text && success.field.is_some() {
        let problem = "`success.field` is a field of JSON, but this tool's answer is a text.";
        let fix = "Remove it: an answer of HTTP status 2xx is a success.";
        reader.wrong(fields.place_of("success"), problem, fix);
    }
    let Constants {
        query,
        headers,
        body,
    } = constants;
    Some(OneRequest {
        method: method?,
        path: path?,
        parameters,
        query,
        headers,
        body,
        encoding,
        keep,
        text,
        page,
        success,
    })
}

/// Whether the answer is returned as text.
fn is_text(reader: &mut Reader, fields: &Fields<'_>) -> bool {
    let Some(node) = fields.get("output") else {
        return false;
    };
    match reader.text(node, "output") {
        None => return false,
        Some("text") => {}
        Some(_) => {
            let fix = "Write `output: text`, or leave it out for JSON.";
            reader.wrong(node.place, "`output` can only be text.", fix);
            return false;
        }
    }
    for key in ["keep", "page"] {
        if let Some(node) = fields.get(key) {
            let problem = format!("`{key}` is about JSON, but this tool's answer is a text.");
            reader.wrong(node.place, problem, "Remove it, or `output`.");
        }
    }
    true
}

/// One of the five methods that a tool may use.
pub(super) fn method(reader: &mut Reader, place: Place, text: &str) -> Option<Method> {
    let methods = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    let found = methods.into_iter().find(|method| method.as_str() == text);
    if found.is_none() {
        let problem = format!("`{}` is not a method that a tool can use.", quoted(text));
        reader.wrong(place, problem, "Write GET, POST, PUT, PATCH or DELETE.");
    }
    found
}

/// The segments of a path that a file names, each checked: `.`, `..` and what a URL means otherwise
/// than it reads have no place in one.
pub(super) fn segments<'a>(
    reader: &mut Reader,
    place: Place,
    text: &'a str,
) -> Option<Vec<&'a str>> {
    if text.contains("://") || text.starts_with("//") {
        reader.wrong(
            place,
            "`path` is a whole address, but a token only goes to its provider's `api.base_url`.",
            "Write the path alone, such as `/v1/items`.",
        );
        return None;
    }
    let Some(rest) = text.strip_prefix('/') else {
        let problem = "`path` must begin with `/`.";
        reader.wrong(place, problem, "Write it like `/v1/items`.");
        return None;
    };
    if text.contains(['?', '#']) {
        let fix = "Write the query as `constants: {query: {…}}` or as parameters `in: query`.";
        reader.wrong(place, "`path` has a query or a fragment in it.", fix);
        return None;
    }
    let segments: Vec<&str> = rest.split('/').collect();
    for segment in &segments {
        // RFC 3986 §3.3 without `;`, which some servers cut off, and braces for parameters.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@{}".contains(&b);
        let problem = if segment.is_empty() {
            "`path` has an empty segment: two slashes in a row, or one at the end."
        } else if matches!(*segment, "." | "..") {
            "`path` has the segment `.` or `..`."
        } else if !segment.bytes().all(plain) {
            "`path` has characters that cannot stand in one as they are."
        } else {
            continue;
        };
        let fix = "Write plain segments, such as `/v1/items/{item_id}`.";
        reader.wrong(place, problem, fix);
        return None;
    }
    Some(segments)
}

fn path(reader: &mut Reader, place: Place, text: &str) -> Option<Vec<Segment>> {
    let mut path = Vec::new();
    for segment in segments(reader, place, text)? {
        let inner = segment
            .strip_prefix('{')
            .and_then(|it| it.strip_suffix('}'));
        match inner {
            Some(name) if !name.is_empty() && !name.contains(['{', '}']) => {
                path.push(Segment::Parameter(name.to_owned()));
            }
            None if !segment.contains(['{', '}']) => {
                path.push(Segment::Literal(segment.to_owned()));
            }
            _ => {
                let problem = "A parameter in `path` is not a whole segment.";
                reader.wrong(
                    place,
                    problem,
                    "Write it between two slashes: `/items/{item_id}`.",
                );
                return None;
            }
        }
    }
    Some(path)
}

/// Holds `path` and the parameters of the path against each other.
fn match_path(
    reader: &mut Reader,
    fields: &Fields<'_>,
    path: &[Segment],
    parameters: &[Parameter],
) {
    let place = fields.place_of("path");
    let named = |name: &str| Segment::Parameter(name.to_owned());
    for segment in path {
        let Segment::Parameter(name) = segment else {
            continue;
        };
        let known = parameters.iter().find(|one| one.name == *name);
        if known.is_none_or(|one| one.target != Target::Path) {
            reader.wrong(
                place,
                format!(
                    "`{{{}}}` in `path` is no parameter with `in: path`.",
                    quoted(name)
                ),
                "Declare it under `parameters` with `in: path` and `required: true`.",
            );
        }
    }
    for parameter in parameters {
        if parameter.target == Target::Path && !path.contains(&named(&parameter.name)) {
            reader.wrong(
                place,
                format!(
                    "`path` has no `{{{}}}`, which is `in: path`.",
                    parameter.name
                ),
                "Put it into the path, or send it in the query or body.",
            );
        }
    }
}

#[derive(Default)]
struct Constants {
    query: Vec<(String, String)>,
    headers: Vec<(reqwest::header::HeaderName, String)>,
    body: Map<String, Value>,
}

/// What every request of the tool carries.
fn constants(
    reader: &mut Reader,
    fields: &Fields<'_>,
    parameters: &[Parameter],
    page: Option<&Paging>,
) -> Constants {
    let mut found = Constants::default();
    let Some(node) = fields.get("constants") else {
        return found;
    };
    let known = ["query", "headers", "body"];
    let Some(constants) = reader.fields(node, "`constants`", &known) else {
        return found;
    };
    for part in known {
        let Some(node) = constants.get(part) else {
            continue;
        };
        let what = format!("the constants of `{part}`");
        for (key, value) in reader.entries(node, &what).unwrap_or_default() {
            let name = &key.value;
            let taken = parameters.iter().any(|one| {
                let there = match &one.target {
                    Target::Path => false,
                    Target::Query => part == "query",
                    Target::Body => part == "body",
                    Target::Header(header) => {
                        part == "headers" && name.eq_ignore_ascii_case(header.as_str())
                    }
                };
                there && (one.wire == *name || part == "headers")
            });
            if taken || (part == "query" && page.is_some_and(|page| page.query == *name)) {
                let problem = format!("`{}` is sent by a parameter already.", quoted(name));
                reader.wrong(
                    value.place,
                    problem,
                    "Remove the constant or the parameter.",
                );
            }
            if part != "headers" && FORBIDDEN_OVERRIDES.contains(&&*name.to_ascii_lowercase()) {
                let problem = "Some servers take the request for another method because of it.";
                reader.wrong(value.place, problem, "Set the method with `method` alone.");
            }
            if part == "body" {
                found.body.insert(name.clone(), value.json());
                continue;
            }
            let Some(text) = scalar(reader, value) else {
                continue;
            };
            if part == "query" {
                found.query.push((name.clone(), text));
            } else if let Some(name) = header_name(reader, super::yaml::place(key), name) {
                if text.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
                    found.headers.push((name, text));
                } else {
                    let problem = "The value has characters that a header cannot carry.";
                    reader.wrong(value.place, problem, "Write visible ASCII in one line.");
                }
            }
        }
    }
    found
}

fn scalar(reader: &mut Reader, node: &Node) -> Option<String> {
    match &node.tree {
        Tree::Text(text) => Some(text.clone()),
        Tree::Number(number) => Some(number.to_string()),
        Tree::Bool(flag) => Some(flag.to_string()),
        _ => {
            let problem = "A constant here must be a text, a number, true or false.";
            reader.wrong(node.place, problem, "Write a single value.");
            None
        }
    }
}

fn encoding(
    reader: &mut Reader,
    fields: &Fields<'_>,
    method: Option<&Method>,
    parameters: &[Parameter],
    constants: &Map<String, Value>,
) -> Option<Encoding> {
    let stated = fields.get("body").and_then(|node| {
        let text = reader.text(node, "body")?;
        match text {
            "json" => Some(Encoding::Json),
            "form" => Some(Encoding::Form),
            _ => {
                let problem = "`body` must be json or form.";
                reader.wrong(node.place, problem, "Write `body: json` or `body: form`.");
                None
            }
        }
    });
    let has_fields =
        !constants.is_empty() || parameters.iter().any(|one| one.target == Target::Body);
    let encoding = stated.or_else(|| has_fields.then_some(Encoding::Json));
    if encoding.is_some() && method == Some(&Method::GET) {
        reader.wrong(
            fields.place_of("method"),
            "A GET has no body, but this tool has parameters, constants or an encoding of one.",
            "Send them `in: query`, or use POST.",
        );
    }
    if encoding == Some(Encoding::Form)
        && constants
            .values()
            .any(|value| value.is_object() || value.is_array())
    {
        let problem = "A form has no nested fields, but a constant of `body` is one.";
        reader.wrong(fields.place_of("constants"), problem, "Write `body: json`.");
    }
    encoding
}

fn page(reader: &mut Reader, fields: &Fields<'_>) -> Option<Paging> {
    let node = fields.get("page")?;
    let page = reader.fields(node, "`page`", &["query", "cursor", "link"])?;
    let fix = "Name the query parameter that takes the cursor: `query: page_token`.";
    let query = reader.required(&page, "query", fix);
    let link = reader.flag(&page, "link") == Some(true);
    let cursor = page
        .get("cursor")
        .and_then(|node| keep::path(reader, node, "cursor"));
    if link == page.get("cursor").is_some() {
        reader.wrong(
            node.place,
            "`page` needs one of `cursor` and `link`.",
            "Write `cursor:` with the answer's field that holds the next cursor, or `link: true` \
             if the answer has a `Link` header.",
        );
    }
    Some(Paging {
        query: query?.to_owned(),
        cursor,
    })
}

fn success(reader: &mut Reader, fields: &Fields<'_>) -> Success {
    let Some(node) = fields.get("success") else {
        return Success::default();
    };
    let Some(success) = reader.fields(node, "`success`", &["field", "error"]) else {
        return Success::default();
    };
    let mut path = |key: &str| {
        let node = success.get(key)?;
        keep::path(reader, node, key)
    };
    Success {
        field: path("field"),
        error: path("error"),
    }
}
