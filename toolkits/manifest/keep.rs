//! What of an answer is returned: fields by their path, and the same of each item of a list.

use std::collections::BTreeSet;

use super::yaml::{Node, Reader, Tree, quoted};
use super::{FieldPath, Keep};

/// Names that every result has, or that say why there is none.
const RESERVED: [&str; 8] = [
    "account",
    "preview_id",
    "would_send",
    "truncated",
    "warnings",
    "page",
    "error",
    "authorization_required",
];

const FIX: &str = "Write the names of fields with dots between them, such as `owner.login`, or `.` \
                   for the whole value; lists of objects take `from` and `each`.";

/// The fields of a result.
pub(super) fn read(reader: &mut Reader, node: &Node) -> Vec<Keep> {
    let kept = level(reader, node);
    for keep in &kept {
        if RESERVED.contains(&keep.name.as_str()) {
            let problem = format!("A result cannot have the field `{}` of its own.", keep.name);
            reader.wrong(node.place, problem, "Give it another name with `as`.");
        }
    }
    kept
}

fn level(reader: &mut Reader, node: &Node) -> Vec<Keep> {
    let items = reader.list(node, "fields to keep");
    if items.is_empty() && matches!(node.tree, Tree::List(_)) {
        let fix = "List at least one field, or remove the key.";
        reader.wrong(node.place, "Nothing is kept here.", fix);
    }
    let mut names = BTreeSet::new();
    let mut kept = Vec::new();
    for item in items {
        let Some(keep) = one(reader, item) else {
            continue;
        };
        if !names.insert(keep.name.clone()) {
            let problem = format!("Two fields of the result are called `{}`.", keep.name);
            reader.wrong(
                item.place,
                problem,
                "Give one of them another name with `as`.",
            );
        }
        kept.push(keep);
    }
    kept
}

fn one(reader: &mut Reader, item: &Node) -> Option<Keep> {
    if !matches!(item.tree, Tree::Map(_)) {
        let from = path(reader, item, "keep")?;
        return named(reader, item, from, None, None, None);
    }
    let known = ["from", "as", "each", "description"];
    let fields = reader.fields(item, "a field to keep", &known)?;
    let Some(from) = fields.get("from") else {
        reader.wrong(item.place, "`from` is missing here.", FIX);
        return None;
    };
    let from = path(reader, from, "from");
    let name = fields.get("as").and_then(|node| reader.text(node, "as"));
    let description = fields
        .get("description")
        .and_then(|node| reader.text(node, "description"));
    let each = fields.get("each").map(|node| level(reader, node));
    named(reader, item, from?, name, description, each)
}

fn named(
    reader: &mut Reader,
    item: &Node,
    from: FieldPath,
    name: Option<&str>,
    description: Option<&str>,
    each: Option<Vec<Keep>>,
) -> Option<Keep> {
    let Some(name) = name.or_else(|| from.last().map(String::as_str)) else {
        let problem = "The whole value needs a name in the result.";
        reader.wrong(item.place, problem, "Write `- {from: \".\", as: items}`.");
        return None;
    };
    let formed = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !formed {
        let problem = format!(
            "`{}` cannot be the name of a field of a result.",
            quoted(name)
        );
        let fix = "Give it one of letters, digits and `_` with `as`.";
        reader.wrong(item.place, problem, fix);
        return None;
    }
    let name = name.to_owned();
    Some(Keep {
        from,
        name,
        description: description.map(str::to_owned),
        each,
    })
}

/// The path of a field. `.` alone is the whole value.
pub(super) fn path(reader: &mut Reader, node: &Node, key: &str) -> Option<FieldPath> {
    let text = reader.text(node, key)?;
    if text == "." {
        return Some(Vec::new());
    }
    let path: FieldPath = text.split('.').map(str::to_owned).collect();
    let formed = |name: &String| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-@:$".contains(&b);
        // `$` first is JSONPath's root, which is not what is written here.
        !name.is_empty() && !name.starts_with('$') && name.bytes().all(plain)
    };
    if path.iter().all(formed) {
        return Some(path);
    }
    let problem = format!("`{}` is not a path of fields.", quoted(text));
    reader.wrong(node.place, problem, FIX);
    None
}

/// The name of a parameter.
pub(super) fn is_snake(name: &str) -> bool {
    name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
