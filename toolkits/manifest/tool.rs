//! One tool of a file.

use std::collections::BTreeSet;

use reqwest::Method;

use super::yaml::{Fields, Node, Reader, Tree, quoted};
use super::{DeclaredTool, Kind, allow, request};
use crate::tool::Annotations;

const ANY: [&str; 7] = [
    "name",
    "kind",
    "title",
    "description",
    "scopes",
    "annotations",
    "allow",
];
const REQUEST: [&str; 15] = [
    "name",
    "kind",
    "title",
    "description",
    "scopes",
    "annotations",
    "method",
    "path",
    "parameters",
    "constants",
    "body",
    "keep",
    "output",
    "page",
    "success",
];

/// The longest name, as clients put `mcp__<server>__` before it.
const LONGEST_NAME: usize = 40;

/// Reads a tool of the toolkit of this name. None: it is not even clear what it is called.
pub(super) fn read(
    reader: &mut Reader,
    node: &Node,
    toolkit: Option<&str>,
) -> Option<DeclaredTool> {
    let kind = match &node.tree {
        Tree::Map(entries) => entries.iter().find(|(key, _)| key.value == "kind"),
        _ => None,
    };
    let is_api = match kind.map(|(_, kind)| &kind.tree) {
        None => false,
        Some(Tree::Text(text)) if text == "request" => false,
        Some(Tree::Text(text)) if text == "api" => true,
        Some(_) => {
            let place = kind.map_or(node.place, |(_, kind)| kind.place);
            reader.wrong(
                place,
                "`kind` must be request or api.",
                "Leave it out for a tool that is one request.",
            );
            matches!(&node.tree, Tree::Map(entries) if entries.iter().any(|(key, _)| key.value == "allow"))
        }
    };
    let known: &[&str] = if is_api { &ANY } else { &REQUEST };
    let fields = reader.fields(node, "a tool", known)?;
    let name = name(reader, &fields, toolkit);
    let fix = "Write a short title for people, such as `List items`.";
    let title = reader.required(&fields, "title", fix);
    let fix = "Say in a sentence or two what the tool does and returns; the model reads it.";
    let description = reader.required(&fields, "description", fix);
    let scopes = scopes(reader, &fields);
    let kind = if is_api {
        allow::read(reader, &fields).map(Kind::Api)
    } else {
        request::read(reader, &fields).map(|request| Kind::Request(Box::new(request)))
    };
    let methods: Vec<&Method> = match &kind {
        Some(Kind::Request(request)) => vec![&request.method],
        Some(Kind::Api(allowed)) => allowed.iter().map(|one| &one.method).collect(),
        None => Vec::new(),
    };
    let derived = derived(&methods, is_api);
    let annotations = annotations(reader, &fields, derived, &methods);
    Some(DeclaredTool {
        name: name?,
        title: title?.trim().to_owned(),
        description: description?.trim().to_owned(),
        scopes,
        annotations,
        kind: kind?,
    })
}

fn name(reader: &mut Reader, fields: &Fields<'_>, toolkit: Option<&str>) -> Option<String> {
    let form = format!("{}_list_items", toolkit.unwrap_or("hooli"));
    let fix = format!("Write `name: {form}`: the toolkit, a verb, an object.");
    let name = reader.required(fields, "name", &fix)?;
    let words: Vec<&str> = name.split('_').collect();
    let formed = name.len() <= LONGEST_NAME
        && (2..=6).contains(&words.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && words.iter().all(|word| {
            let mut bytes = word.bytes();
            !word.is_empty() && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        });
    let place = fields.place_of("name");
    if !formed {
        let fix = format!(
            "Write two to six words of small letters and digits with `_` between them, at most \
             {LONGEST_NAME} characters, such as `{form}`."
        );
        let problem = format!("`{}` cannot be a tool's name.", quoted(name));
        reader.wrong(place, problem, fix);
    } else if let Some(toolkit) = toolkit
        && words[0] != toolkit
    {
        let problem = format!("The name `{name}` does not begin with the toolkit's, `{toolkit}_`.");
        reader.wrong(place, problem, format!("Write a name such as `{form}`."));
    }
    Some(name.to_owned())
}

/// A list of scopes that are all needed; an item that is itself a list is a choice, the least
/// privileged first.
fn scopes(reader: &mut Reader, fields: &Fields<'_>) -> Vec<Vec<String>> {
    let fix = "List the scopes that the request needs, `[]` if it needs none.";
    let Some(node) = fields.get("scopes") else {
        reader.wrong(fields.place, "`scopes` is missing here.", fix);
        return Vec::new();
    };
    let mut groups = Vec::new();
    for item in reader.list(node, "scopes") {
        let choice = match &item.tree {
            Tree::List(choice) => choice.as_slice(),
            _ => std::slice::from_ref(item),
        };
        let mut group: Vec<String> = Vec::new();
        for scope in choice {
            let Some(text) = reader.text(scope, "scopes") else {
                continue;
            };
            // RFC 6749 §3.3: visible ASCII without quotes and backslashes.
            let formed = text
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
            if !formed || group.iter().any(|known| known == text) {
                let problem = format!("`{}` is no scope, or is here twice.", quoted(text));
                reader.wrong(
                    scope.place,
                    problem,
                    "Write each scope as an item of its own.",
                );
            }
            group.push(text.to_owned());
        }
        if group.is_empty() {
            reader.wrong(item.place, "A choice of no scope cannot be granted.", fix);
        }
        groups.push(group);
    }
    groups
}

/// What the methods say of themselves (RFC 9110 §9.2). Nobody knows what a POST to any of several
/// places does, so in a tool of `kind: api` it counts as the worst.
fn derived(methods: &[&Method], is_api: bool) -> Annotations {
    let all = |which: &[Method]| methods.iter().all(|method| which.contains(method));
    let read_only = all(&[Method::GET]);
    Annotations {
        read_only,
        destructive: !read_only && (is_api || !all(&[Method::GET, Method::POST])),
        idempotent: all(&[Method::GET, Method::PUT, Method::DELETE]),
        open_world: true,
    }
}

fn annotations(
    reader: &mut Reader,
    fields: &Fields<'_>,
    derived: Annotations,
    methods: &[&Method],
) -> Annotations {
    let Some(node) = fields.get("annotations") else {
        return derived;
    };
    let known = ["read_only", "destructive", "idempotent", "open_world"];
    let Some(stated) = reader.fields(node, "`annotations`", &known) else {
        return derived;
    };
    let mut flag = |key: &str, derived: bool| reader.flag(&stated, key).unwrap_or(derived);
    let annotations = Annotations {
        read_only: flag("read_only", derived.read_only),
        destructive: flag("destructive", derived.destructive),
        idempotent: flag("idempotent", derived.idempotent),
        open_world: flag("open_world", derived.open_world),
    };
    let distinct: BTreeSet<&str> = methods.iter().map(|method| method.as_str()).collect();
    let writes: Vec<&str> = distinct.into_iter().filter(|name| *name != "GET").collect();
    if annotations.read_only && !writes.is_empty() {
        reader.wrong(
            stated.place_of("read_only"),
            format!(
                "`read_only: true` does not go with {}.",
                writes.join(" and ")
            ),
            "Write `read_only: false`, or use GET.",
        );
    } else if annotations.read_only && annotations.destructive {
        reader.wrong(
            stated.place_of("destructive"),
            "What changes nothing cannot be destructive.",
            "Write `destructive: false`, or `read_only: false`.",
        );
    }
    annotations
}
