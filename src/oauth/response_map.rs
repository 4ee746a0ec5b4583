//! Evaluates `response_map`, whose language `config::response_map` describes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use serde_json_path::JsonPath;

use crate::config::response_map::ResponsePath;

/// The value at a path of a provider's answer.
pub(super) fn find(path: &ResponsePath, body: &Map<String, Value>) -> Option<Value> {
    let body = Value::Object(body.clone());
    match path {
        ResponsePath::Join(list, delimiter) => {
            let items = all(list, &body);
            let items = match items.as_slice() {
                [Value::Array(items)] => items,
                items => items,
            };
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            (!texts.is_empty()).then(|| texts.join(delimiter).into())
        }
        other => all(other, &body).into_iter().next(),
    }
}

fn all(path: &ResponsePath, body: &Value) -> Vec<Value> {
    let query =
        |path: &JsonPath, body: &Value| path.query(body).all().into_iter().cloned().collect();
    match path {
        ResponsePath::At(path) => query(path, body),
        ResponsePath::JwtClaim(token, claim) => token
            .query(body)
            .first()
            .and_then(Value::as_str)
            .and_then(claims)
            .map_or_else(Vec::new, |claims| query(claim, &claims)),
        // A join of a join has nothing to join.
        ResponsePath::Join(..) => Vec::new(),
    }
}

/// The payload of a JWT (RFC 7519 §3).
fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_found_joined_and_taken_out_of_a_jwt() {
        let at = |text| JsonPath::parse(text).unwrap();
        let payload = URL_SAFE_NO_PAD.encode(r#"{"scp":["a","b"],"sub":"me"}"#);
        let body =
            json!({ "data": { "list": ["x", "y"] }, "jwt": format!("h.{payload}.s"), "n": 7 });
        let Value::Object(body) = body else {
            unreachable!()
        };
        let jwt = |claim| ResponsePath::JwtClaim(at("$.jwt"), at(claim));
        let join = |inner| ResponsePath::Join(Box::new(inner), " ".to_owned());
        for (path, found) in [
            (ResponsePath::At(at("$.n")), Some(json!(7))),
            (ResponsePath::At(at("$.none")), None),
            (
                join(ResponsePath::At(at("$.data.list"))),
                Some(json!("x y")),
            ),
            (
                join(ResponsePath::At(at("$.data.list[*]"))),
                Some(json!("x y")),
            ),
            (join(ResponsePath::At(at("$.none"))), None),
            (jwt("$.sub"), Some(json!("me"))),
            (join(jwt("$.scp")), Some(json!("a b"))),
            (ResponsePath::JwtClaim(at("$.n"), at("$.sub")), None),
        ] {
            assert_eq!(find(&path, &body), found, "{path:?}");
        }
    }
}
