//! Requests against what the providers publish for programs: Google's discovery document and
//! GitHub's `OpenAPI` description, which tests/run installs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use super::{TABLES, discovery, openapi, request};
use crate::fake::Seen;

/// What is published of an operation.
pub(super) struct Described {
    pub(super) parameters: BTreeMap<String, Parameter>,
    /// Absent, it takes none.
    pub(super) body: Option<Body>,
    /// Takes mail, in bytes at most, after or instead of the JSON.
    pub(super) mail: Option<usize>,
    /// Where the description has them.
    pub(super) scopes: Option<BTreeSet<String>>,
}

pub(super) struct Parameter {
    pub(super) in_path: bool,
    pub(super) required: bool,
    pub(super) repeated: bool,
    pub(super) schema: Value,
}

pub(super) struct Body {
    pub(super) required: bool,
    pub(super) schema: Validator,
}

/// By provider, each operation of its table.
static DESCRIBED: LazyLock<BTreeMap<&str, BTreeMap<String, Described>>> = LazyLock::new(|| {
    let google = discovery::Document::new(&installed(
        ".venv/lib/python3*/site-packages/googleapiclient/discovery_cache/documents/gmail.v1.json",
    ));
    let github = openapi::Document::new(installed(
        "node_modules/@octokit/openapi/generated/api.github.com.json",
    ));
    let describe = |provider: &str, of: &dyn Fn(&str) -> Option<Described>| {
        let names = TABLES[provider].operations.keys();
        let described = |name: &String| match of(name) {
            Some(described) => (name.clone(), described),
            None => panic!("{provider} publishes no {name}"),
        };
        names.map(described).collect()
    };
    BTreeMap::from([
        ("google", describe("google", &|name| google.operation(name))),
        ("github", describe("github", &|name| github.operation(name))),
    ])
});

/// A JSON file within `tests/peers`; `*` stands for the version of Python.
fn installed(path: &str) -> Value {
    let mut found = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/peers"));
    for part in path.split('/') {
        found = match part.strip_suffix('*') {
            Some(start) => entry(&found, start).unwrap_or_else(|| found.join(part)),
            None => found.join(part),
        };
    }
    let text = fs::read(&found)
        .unwrap_or_else(|_| panic!("{} is missing: tests/run installs it", found.display()));
    serde_json::from_slice(&text).unwrap()
}

fn entry(folder: &Path, start: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths.find(|path| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with(start)
    })
}

/// Checks a request of the operation `name`.
pub(super) fn check(provider: &str, name: &str, request: &Seen) -> Result<(), String> {
    let Some(operations) = DESCRIBED.get(provider) else {
        return Ok(());
    };
    let described = &operations[name];
    described.check_parameters(name, request)?;
    described.check_body(request)
}

impl Described {
    fn check_parameters(&self, name: &str, request: &Seen) -> Result<(), String> {
        let (_, template) = name.split_once(' ').unwrap();
        let in_path = request::parameters_of(template, &request.path).unwrap();
        let places = [(true, &in_path), (false, &request.query)];
        for (is_path, pairs) in places {
            for (name, value) in pairs {
                let known = self.parameters.get(name);
                let known = known.filter(|parameter| parameter.in_path == is_path);
                let Some(parameter) = known else {
                    return Err(format!("no parameter `{name}` is published"));
                };
                parameter
                    .takes(value)
                    .map_err(|misfit| format!("`{name}`: {misfit}"))?;
                if !parameter.repeated && pairs.iter().filter(|pair| pair.0 == *name).count() > 1 {
                    return Err(format!("`{name}` is there twice"));
                }
            }
        }
        let sent = |name: &String| {
            places
                .iter()
                .any(|(_, all)| all.iter().any(|p| p.0 == *name))
        };
        let missing = |(name, it): &(&String, &Parameter)| it.required && !sent(name);
        match self.parameters.iter().find(missing) {
            Some((name, _)) => Err(format!("`{name}` is missing")),
            None => Ok(()),
        }
    }

    fn check_body(&self, request: &Seen) -> Result<(), String> {
        let media = request.header("content-type");
        let media = media.split(';').next().unwrap();
        let (json, mail) = match (media, self.mail) {
            ("message/rfc822", Some(_)) => (None, Some(&request.body[..])),
            ("multipart/related", Some(_)) => {
                let (json, mail) = related(request).ok_or("not two parts")?;
                (Some(json), Some(mail))
            }
            ("application/json", None) => (Some(&request.body[..]), None),
            ("", None) if request.body.is_empty() => (None, None),
            _ => return Err(format!("a body of {media:?}")),
        };
        if let (Some(mail), Some(limit)) = (mail, self.mail)
            && (mail.len() > limit || mail.is_empty())
        {
            return Err(format!("mail of {} bytes", mail.len()));
        }
        match (json, &self.body) {
            (None, Some(body)) if body.required && mail.is_none() => Err("no body".to_owned()),
            (None, _) => Ok(()),
            (Some(_), None) => Err("it takes no body".to_owned()),
            (Some(json), Some(body)) => {
                let json: Value = serde_json::from_slice(json).map_err(|e| e.to_string())?;
                let misfit = |e: jsonschema::ValidationError<'_>| {
                    format!("{e} at {:?}", e.instance_path().to_string())
                };
                body.schema.validate(&json).map_err(misfit)
            }
        }
    }
}

/// The JSON and the mail of a `multipart/related` body (RFC 2387).
fn related(request: &Seen) -> Option<(&[u8], &[u8])> {
    let (_, boundary) = request.header("content-type").split_once("boundary=")?;
    let find = |bytes: &[u8], text: &str| {
        let at = bytes
            .windows(text.len())
            .position(|it| it == text.as_bytes())?;
        Some((at, at + text.len()))
    };
    let mut rest = &request.body[..];
    let mut parts = Vec::new();
    for (kind, end) in [
        (
            "application/json; charset=UTF-8",
            format!("\r\n--{boundary}\r\n"),
        ),
        ("message/rfc822", format!("\r\n--{boundary}--\r\n")),
    ] {
        rest = &rest[find(rest, &format!("Content-Type: {kind}\r\n\r\n"))?.1..];
        let (stop, next) = find(rest, &end)?;
        parts.push(&rest[..stop]);
        // The line break before a boundary is also the one after the part before it.
        rest = &rest[next..];
    }
    rest.is_empty().then_some((parts[0], parts[1]))
}

impl Parameter {
    fn takes(&self, value: &str) -> Result<(), String> {
        let text = Value::String(value.to_owned());
        let value = match self.schema["type"].as_str() {
            Some("integer" | "number" | "boolean") => serde_json::from_str(value).unwrap_or(text),
            _ => text,
        };
        jsonschema::validate(&self.schema, &value).map_err(|misfit| misfit.to_string())
    }
}

#[test]
fn the_table_of_gmail_has_the_scopes_that_google_publishes() {
    for (name, described) in &DESCRIBED["google"] {
        let published = described.scopes.as_ref();
        let table = &TABLES["google"].operations[name].scopes;
        assert_eq!(published, Some(table), "{name}");
    }
}

#[test]
fn a_request_that_is_not_as_published_is_refused() {
    let request = |method: &str, path: &str, query: &[(&str, &str)], body: &str| {
        let mut headers = axum::http::HeaderMap::new();
        if !body.is_empty() {
            headers.insert("content-type", "application/json".parse().unwrap());
        }
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Seen {
            method: method.parse().unwrap(),
            path: path.to_owned(),
            query: query.iter().map(pair).collect(),
            headers,
            body: body.to_owned().into(),
        }
    };
    let told = |provider: &str, request: Seen| {
        let (name, _) = TABLES[provider].of(&request).unwrap();
        check(provider, name, &request)
    };
    let issue = "/repos/o/r/issues";
    let body = r#"{"title":"x","labels":["a"],"type":null}"#;
    assert_eq!(told("github", request("POST", issue, &[], body)), Ok(()));
    for body in [
        "",
        "{}",
        r#"{"title":"x","label":["a"]}"#,
        r#"{"title":"x","assignees":"ada"}"#,
    ] {
        told("github", request("POST", issue, &[], body)).expect_err(body);
    }
    let runs = "/repos/o/r/actions/runs";
    let jobs = "/repos/o/r/actions/runs/1/jobs";
    assert_eq!(
        told("github", request("GET", jobs, &[("page", "2")], "")),
        Ok(())
    );
    for (path, query) in [
        (runs, ("perpage", "2")),
        (runs, ("per_page", "many")),
        (runs, ("status", "great")),
        ("/repos/o/r/actions/runs/one/jobs", ("page", "2")),
        ("/search/code", ("page", "2")),
    ] {
        told("github", request("GET", path, &[query], "")).expect_err(path);
    }
    told("github", request("GET", runs, &[], "{}")).expect_err("a body");

    let message = "/gmail/v1/users/me/messages/m1";
    let headers = [("metadataHeaders", "To"), ("metadataHeaders", "Cc")];
    assert_eq!(
        told("google", request("GET", message, &headers, "")),
        Ok(())
    );
    for query in [("format", "short"), ("fromat", "full")] {
        told("google", request("GET", message, &[query], "")).expect_err(query.1);
    }
    told(
        "google",
        request("GET", message, &[("format", "full"); 2], ""),
    )
    .expect_err("twice");
    let modify = "/gmail/v1/users/me/messages/m1/modify";
    let good = r#"{"addLabelIds":["STARRED"]}"#;
    assert_eq!(told("google", request("POST", modify, &[], good)), Ok(()));
    for body in [r#"{"addLabelIdz":[]}"#, r#"{"addLabelIds":"STARRED"}"#] {
        told("google", request("POST", modify, &[], body)).expect_err(body);
    }
}
