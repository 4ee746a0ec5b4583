//! Slack's arguments, which are all sent as a form.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::fake::Seen;

/// An argument of one of Slack's methods.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Argument {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default)]
    required: bool,
}

/// A type as Slack's pages name it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    String,
    Boolean,
    Integer,
    Number,
    Array,
    /// The page states none.
    Any,
}

/// Checks the form of a request.
pub(super) fn check(known: &BTreeMap<String, Argument>, request: &Seen) -> Result<(), String> {
    if !request.query.is_empty() {
        return Err("arguments in the query".to_owned());
    }
    if !request.body.is_empty()
        && request.header("content-type") != "application/x-www-form-urlencoded"
    {
        return Err("a body that is no form".to_owned());
    }
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&request.body)
        .into_owned()
        .collect();
    for (name, value) in &form {
        let Some(argument) = known.get(name) else {
            return Err(format!("no argument `{name}` is known"));
        };
        if !argument.kind.takes(value) {
            return Err(format!("`{name}` must be {:?}: {value}", argument.kind));
        }
        if form.iter().filter(|(other, _)| other == name).count() > 1 {
            return Err(format!("`{name}` is there twice"));
        }
    }
    for (name, argument) in known {
        if argument.required && !form.iter().any(|(sent, _)| sent == name) {
            return Err(format!("`{name}` is missing"));
        }
    }
    Ok(())
}

impl Kind {
    fn takes(&self, value: &str) -> bool {
        match self {
            Self::Boolean => matches!(value, "true" | "false"),
            Self::Integer => value.parse::<i64>().is_ok(),
            Self::Number => value.parse::<f64>().is_ok(),
            // In a form, Slack takes both JSON and words with commas between them.
            Self::Array if value.starts_with('[') => {
                serde_json::from_str(value).is_ok_and(|value: Value| value.is_array())
            }
            Self::Array => !value.is_empty(),
            Self::String | Self::Any => true,
        }
    }
}

#[test]
fn a_form_has_known_arguments_of_their_types_and_all_that_are_required() {
    let known = serde_json::json!({
        "channel": { "type": "string", "required": true },
        "limit": { "type": "integer" },
        "types": { "type": "array" },
        "all": { "type": "boolean" },
    });
    let known: BTreeMap<String, Argument> = serde_json::from_value(known).unwrap();
    let sent = |body: &'static str| {
        let mut headers = axum::http::HeaderMap::new();
        let form = "application/x-www-form-urlencoded";
        headers.insert("content-type", form.parse().unwrap());
        let request = Seen {
            method: axum::http::Method::POST,
            path: "/api/x".to_owned(),
            query: Vec::new(),
            headers,
            body: body.into(),
        };
        check(&known, &request)
    };
    for good in [
        "channel=C1",
        "channel=C1&limit=3&all=true&types=a,b",
        "channel=C1&types=%5B%22a%22%5D",
    ] {
        assert_eq!(sent(good), Ok(()), "{good}");
    }
    for bad in [
        "",
        "limit=3",
        "channel=C1&limit=many",
        "channel=C1&all=1",
        "channel=C1&chanel=C1",
        "channel=C1&channel=C2",
        "channel=C1&types=%5B1",
    ] {
        sent(bad).expect_err(bad);
    }
}
