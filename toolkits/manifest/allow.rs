//! What a tool of `kind: api` may send: a list of methods with path patterns.

use super::request::{method, segments};
use super::yaml::{Fields, Reader, quoted};
use super::{Allowed, Pattern};

/// Reads `allow`. None when nothing of it can be used.
pub(super) fn read(reader: &mut Reader, fields: &Fields<'_>) -> Option<Vec<Allowed>> {
    let fix = "List what may be sent, such as `- GET /v1/items/*`; `**` at the end is any rest.";
    let Some(node) = fields.get("allow") else {
        reader.wrong(fields.place, "`allow` is missing here.", fix);
        return None;
    };
    let items = reader.list(node, "allowed requests");
    if items.is_empty() {
        reader.wrong(node.place, "Nothing is allowed here.", fix);
    }
    let mut allowed = Vec::new();
    for item in items {
        let Some(text) = reader.text(item, "allow") else {
            continue;
        };
        let Some((name, path)) = text.split_once(' ') else {
            let problem = format!("`{}` is not a method and a path.", quoted(text));
            reader.wrong(item.place, problem, fix);
            continue;
        };
        let method = method(reader, item.place, name);
        let path = segments(reader, item.place, path).and_then(|segments| {
            let last = segments.len() - 1;
            let patterns: Option<Vec<Pattern>> = segments
                .iter()
                .enumerate()
                .map(|(at, segment)| match *segment {
                    "*" => Some(Pattern::One),
                    "**" if at == last => Some(Pattern::Rest),
                    segment if segment.contains(['*', '{', '}']) => None,
                    segment => Some(Pattern::Literal(segment.to_owned())),
                })
                .collect();
            if patterns.is_none() {
                let problem = "A star is not a whole segment, or `**` is not at the end.";
                let fix = "Write `*` for one segment, and `**` at the end for any rest.";
                reader.wrong(item.place, problem, fix);
            }
            patterns
        });
        if let (Some(method), Some(path)) = (method, path) {
            allowed.push(Allowed { method, path });
        }
    }
    (!allowed.is_empty()).then_some(allowed)
}
