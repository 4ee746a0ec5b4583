//! Declared tools against a provider on loopback.

mod preview;
mod text;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::tools;
use crate::error::{ErrorCode, ToolError};
use crate::fake::Provider;
use crate::output::Output;
use crate::result;
use crate::tool::{Annotations, Tool};

const FILE: &str = r#"
provider: hooli
toolkit: hooli
tools:
  - name: hooli_list_items
    title: List items
    description: List the items of a shelf.
    scopes: [[items.read, items.write]]
    method: GET
    path: /v1/shelves/{shelf}/items
    parameters:
      - { name: shelf, type: string, in: path, required: true, description: The shelf. }
      - { name: limit, type: integer, min: 1, max: 50, default: 20, in: query, as: per_page, description: How many. }
      - { name: tags, type: list, max_length: 2, in: query, as: tag, description: Of these tags. }
      - { name: state, type: enum, values: [open, closed], in: query, description: Which. }
      - { name: trace, type: string, in: header, as: X-Trace, description: For tracing. }
    constants:
      query: { sort: newest }
      headers: { X-Hooli-Version: 2 }
    keep:
      - { from: items, each: [id, { from: owner.login, as: owner }, { from: tags, each: [name] }] }
      - meta.total
    page: { query: page_token, cursor: meta.next }
    success: { field: ok, error: error.message }
  - name: hooli_create_item
    title: Create an item
    description: Create an item on a shelf.
    scopes: [items.write]
    method: POST
    path: /v1/items
    parameters:
      - { name: title, type: string, max_length: 5, in: body, required: true, description: The title. }
      - { name: price, type: number, min: 0, in: body, as: unit_price, description: The price. }
      - { name: sold, type: boolean, in: body, description: Whether it is sold. }
      - { name: tags, type: list, in: body, description: Its tags. }
    constants:
      body: { source: valetkey, options: { notify: false } }
    keep: [id]
  - name: hooli_touch_item
    title: Touch an item
    description: Touch an item.
    scopes: []
    method: PUT
    path: /v1/items/{item}/touched
    parameters:
      - { name: item, type: integer, in: path, required: true, description: The item. }
      - { name: words, type: list, in: body, description: Words. }
      - { name: trace, type: string, in: header, as: X-Trace, description: For tracing. }
    body: form
  - name: hooli_list_links
    title: List links
    description: List links.
    scopes: []
    method: GET
    path: /v1/links
    keep:
      - { from: ., as: links, each: [url] }
    page: { query: page, link: true }
  - name: hooli_export_items
    title: Export items
    description: Export the items as CSV.
    scopes: []
    method: GET
    path: /v1/items.csv
    output: text
    success: { error: error.message }
  - name: hooli_render_item
    title: Render an item
    description: Render an item.
    scopes: []
    method: POST
    path: /v1/rendered
    parameters:
      - { name: item, type: integer, in: body, required: true, description: The item. }
    output: text
  - name: hooli_call_api
    kind: api
    title: Call the API
    description: Send a request to the API.
    scopes: [items.read]
    allow: [GET /v1/items/*, POST /v1/items, "DELETE /v1/files/**"]
"#;

fn tool(name: &str) -> Tool {
    let tools = tools(FILE).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    tools.into_iter().find(|tool| tool.name == name).unwrap()
}

/// Runs it; a result fits its schema, and the text has its facts.
async fn run(provider: &Provider, name: &str, arguments: Value) -> Result<Output, ToolError> {
    let tool = tool(name);
    let checked = tool.check(arguments.clone());
    let output = tool.run(provider.api(), arguments).await;
    if let Err(error) = checked {
        assert_eq!(output.unwrap_err().message, error.message);
        return Err(error);
    }
    let output = output?;
    if let Some(schema) = &tool.output_schema {
        jsonschema::meta::validate(&Value::Object((**schema).clone())).unwrap();
    }
    result::check(&tool, &output);
    Ok(output)
}

#[tokio::test]
async fn the_request_is_what_the_file_says_and_the_result_what_it_keeps() {
    let provider = Provider::start(|_, _| {
        axum::Json(json!({
            "ok": true,
            "items": [
                { "id": 1, "owner": { "login": "ada" }, "secret": "x", "tags": [{ "name": "a\u{200b}b" }] },
                { "id": 2, "owner": null },
            ],
            "meta": { "total": 7, "next": "p 2" },
        }))
    })
    .await;
    let arguments = json!({
        "shelf": "a/b c", "tags": ["x", "y&z"], "state": "open", "trace": "t-1", "account": "me",
    });
    let output = run(&provider, "hooli_list_items", arguments).await.unwrap();
    let structured = output.structured.unwrap();
    assert_eq!(
        structured["items"],
        json!([
            { "id": 1, "owner": "ada", "tags": [{ "name": "ab" }] },
            { "id": 2, "tags": [] },
        ])
    );
    assert_eq!(structured["total"], 7);
    assert_eq!(structured["account"], "octocat");
    assert_eq!(structured["page"]["returned"], 2);
    let warnings = structured["warnings"].as_array().unwrap();
    assert!(warnings[0].as_str().unwrap().contains("invisible"));
    let cursor = structured["page"]["next_cursor"].clone();

    let next = json!({ "shelf": "s", "limit": 5, "tags": "x", "cursor": cursor });
    run(&provider, "hooli_list_items", next).await.unwrap();
    let seen = provider.seen();
    assert_eq!(seen[0].method, "GET");
    assert_eq!(seen[0].path, "/v1/shelves/a%2Fb%20c/items");
    let query = |at: usize| -> Vec<(&str, &str)> {
        let pairs = seen[at].query.iter();
        pairs.map(|(name, value)| (&**name, &**value)).collect()
    };
    assert_eq!(
        query(0),
        [
            ("sort", "newest"),
            ("per_page", "20"),
            ("tag", "x"),
            ("tag", "y&z"),
            ("state", "open")
        ]
    );
    assert_eq!(seen[0].header("x-hooli-version"), "2");
    assert_eq!(seen[0].header("x-trace"), "t-1");
    assert_eq!(seen[0].header("authorization"), "Bearer token-0");
    assert_eq!(
        query(1),
        [
            ("sort", "newest"),
            ("per_page", "5"),
            ("tag", "x"),
            ("page_token", "p 2")
        ]
    );
}

#[tokio::test]
async fn a_body_is_json_or_a_form_with_the_constants_of_the_file() {
    let provider = Provider::start(|_, _| axum::Json(json!({ "id": "i-1" }))).await;
    let arguments = json!({ "title": "Lamp", "price": 2.5, "sold": false, "tags": ["a"] });
    let output = run(&provider, "hooli_create_item", arguments)
        .await
        .unwrap();
    assert_eq!(output.structured.unwrap()["id"], "i-1");
    let touch = json!({ "item": 7, "words": ["a b", "c"] });
    let done = run(&provider, "hooli_touch_item", touch).await.unwrap();
    assert_eq!(done.structured.unwrap()["done"], true);
    let seen = provider.seen();
    assert_eq!(
        seen[0].json(),
        json!({ "title": "Lamp", "unit_price": 2.5, "sold": false, "tags": ["a"],
                "source": "valetkey", "options": { "notify": false } })
    );
    assert_eq!(seen[1].path, "/v1/items/7/touched");
    assert_eq!(&seen[1].body[..], b"words=a+b&words=c");
}

#[tokio::test]
async fn a_link_header_leads_to_the_next_page_of_the_same_request_and_nowhere_else() {
    let provider = Provider::start(|request, _| {
        let link = match request.query("page") {
            "" => "<https://evil.example/steal?page=2&x=1>; rel=\"next\", </v1/links?page=9>; rel=\"last\"",
            _ => "</v1/links?page=1>; rel=\"prev\"",
        };
        ([("link", link)], axum::Json(json!([{ "url": "u" }])))
    })
    .await;
    let first = run(&provider, "hooli_list_links", json!({})).await.unwrap();
    let cursor = first.structured.unwrap()["page"]["next_cursor"].clone();
    let second = run(&provider, "hooli_list_links", json!({ "cursor": cursor }))
        .await
        .unwrap();
    assert_eq!(
        second.structured.unwrap()["page"]["next_cursor"],
        Value::Null
    );
    let seen = provider.seen();
    assert_eq!(seen[1].path, "/v1/links");
    assert_eq!(seen[1].query("page"), "2");
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_named_and_nothing_is_sent() {
    let provider = Provider::start(|_, _| "").await;
    for (name, arguments, part) in [
        ("hooli_list_items", json!({}), "`shelf`: is missing"),
        (
            "hooli_list_items",
            json!({ "shelf": null }),
            "`shelf`: is missing",
        ),
        ("hooli_list_items", json!([]), "JSON object"),
        (
            "hooli_list_items",
            json!({ "shelf": 5 }),
            "`shelf`: must be a string",
        ),
        (
            "hooli_list_items",
            json!({ "shelf": "s", "x": 1 }),
            "unknown field `x`, expected one of shelf",
        ),
        (
            "hooli_list_items",
            json!({ "shelf": "s", "limit": 51 }),
            "`limit`: must be at most 50",
        ),
        (
            "hooli_list_items",
            json!({ "shelf": "s", "limit": 0 }),
            "`limit`: must be at least 1",
        ),
        (
            "hooli_list_items",
            json!({ "shelf": "s", "limit": 1.5 }),
            "`limit`: must be a whole number",
        ),
        (
            "hooli_list_items",
            json!({ "shelf": "s", "state": "all" }),
            "one of open, closed",
        ),
        (
            "hooli_list_items",
            json!({ "shelf": "s", "tags": ["a", "b", "c"] }),
            "at most 2 items",
        ),
        (
            "hooli_list_items",
            json!({ "shelf": "s", "tags": [1] }),
            "list of strings",
        ),
        (
            "hooli_list_items",
            json!({ "shelf": "s", "cursor": "2" }),
            "`cursor`",
        ),
        (
            "hooli_list_items",
            json!({ "shelf": "s", "account": 5 }),
            "`account`",
        ),
        (
            "hooli_create_item",
            json!({ "title": "Lanterns" }),
            "at most 5 characters",
        ),
        (
            "hooli_create_item",
            json!({ "title": "L", "sold": "no" }),
            "true or false",
        ),
        (
            "hooli_create_item",
            json!({ "title": "L", "price": -1 }),
            "at least 0",
        ),
        (
            "hooli_list_links",
            json!({ "page": 1 }),
            "unknown field `page`, expected one of cursor",
        ),
        (
            "hooli_call_api",
            json!({ "method": "GET" }),
            "`path`: must be given",
        ),
        (
            "hooli_call_api",
            json!({ "method": "GET", "path": "/v1/items/1", "body": {} }),
            "a GET has none",
        ),
        (
            "hooli_call_api",
            json!({ "method": "GET", "path": "/v1/items/1", "query": { "a": {} } }),
            "`query`",
        ),
    ] {
        let error = run(&provider, name, arguments.clone()).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArguments, "{arguments}");
        assert!(error.message.contains(part), "{arguments}: {error}");
    }
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn no_argument_leaves_its_place_in_the_request() {
    let provider = Provider::start(|_, _| axum::Json(json!({ "ok": true }))).await;
    for shelf in ["..", ".", "", "..;x", "a\r\nb"] {
        let error = run(&provider, "hooli_list_items", json!({ "shelf": shelf })).await;
        assert!(error.is_err(), "{shelf:?}");
    }
    let split = json!({ "shelf": "s", "trace": "t\r\nHost: evil.example" });
    assert!(run(&provider, "hooli_list_items", split).await.is_err());
    assert!(provider.seen().is_empty());
    let odd = json!({ "shelf": "../x?y=1#z", "state": "open" });
    run(&provider, "hooli_list_items", odd).await.unwrap();
    assert_eq!(
        provider.seen()[0].path,
        "/v1/shelves/..%2Fx%3Fy=1%23z/items"
    );
}

#[tokio::test]
async fn failures_are_told_in_our_words_with_one_short_line_of_the_providers() {
    let long = format!("No \u{202e}such\nshelf {}", "x".repeat(1000));
    for (status, body, code, part) in [
        (
            200,
            json!({ "ok": false, "error": { "message": long } }),
            ErrorCode::Rejected,
            "No such shelf xxx",
        ),
        (
            200,
            json!({ "ok": "true" }),
            ErrorCode::Rejected,
            "refused it.",
        ),
        (200, json!({}), ErrorCode::Rejected, "refused it."),
        (
            404,
            json!({ "error": { "message": "gone" } }),
            ErrorCode::NotFound,
            ": gone",
        ),
        (
            403,
            json!(null),
            ErrorCode::Forbidden,
            "does not let this account",
        ),
        (
            422,
            json!({ "error": { "message": { "secret": 1 } } }),
            ErrorCode::Rejected,
            "HTTP 422.",
        ),
        (302, json!({}), ErrorCode::Rejected, "redirect"),
    ] {
        let provider = Provider::start(move |_, _| {
            let status = StatusCode::from_u16(status).unwrap();
            (
                status,
                [("location", "https://evil.example/")],
                axum::Json(body.clone()),
            )
        })
        .await;
        let error = run(&provider, "hooli_list_items", json!({ "shelf": "s" }))
            .await
            .unwrap_err();
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(part), "{error}");
        assert!(error.message.chars().count() < 300, "{error}");
        assert_eq!(error.account.as_deref(), Some("octocat"));
        assert_eq!(provider.seen().len(), 1, "a redirect is not followed");
    }
    let provider = Provider::start(|_, _| "no JSON").await;
    let read = run(&provider, "hooli_list_items", json!({ "shelf": "s" })).await;
    assert_eq!(read.unwrap_err().code, ErrorCode::BadResponse);
    let write = run(&provider, "hooli_create_item", json!({ "title": "L" })).await;
    assert_eq!(write.unwrap_err().code, ErrorCode::OutcomeUnknown);
}

#[tokio::test]
async fn an_answer_that_the_file_does_not_fit_is_told() {
    let provider =
        Provider::start(|_, _| axum::Json(json!({ "ok": true, "items": { "a": 1 } }))).await;
    let output = run(&provider, "hooli_list_items", json!({ "shelf": "s" }))
        .await
        .unwrap();
    let structured = output.structured.unwrap();
    assert_eq!(structured["items"], json!([]));
    assert!(
        structured["warnings"][0]
            .as_str()
            .unwrap()
            .contains("`items` is not a list")
    );
    let created = run(&provider, "hooli_create_item", json!({ "title": "L" }))
        .await
        .unwrap();
    let warnings = created.structured.unwrap()["warnings"].clone();
    assert!(
        warnings[0]
            .as_str()
            .unwrap()
            .contains("toolkit.yaml may not fit")
    );
}

#[tokio::test]
async fn a_free_request_stays_within_the_list() {
    let provider = Provider::start(|_, _| axum::Json(json!({ "id": 1 }))).await;
    let ask = |method: &str, path: &str| json!({ "method": method, "path": path });
    for (method, path) in [
        ("GET", "/v1/items"),
        ("GET", "/v1/items/1/owner"),
        ("GET", "/v1/Items/1"),
        ("GET", "/v2/items/1"),
        ("POST", "/v1/items/1"),
        ("DELETE", "/v1/items/1"),
        ("DELETE", "/v1/files"),
        ("get", "/v1/items/1"),
        ("PATCH", "/v1/items/1"),
        ("GET", "v1/items/1"),
        ("GET", ""),
        ("GET", "/"),
        ("GET", "/v1/items/"),
        ("GET", "/v1/items/.."),
        ("GET", "/v1/items/."),
        ("GET", "/v1/items/..;"),
        ("GET", "/v1/items/..;a=b"),
        ("GET", "/v1/items/;a"),
        ("DELETE", "/v1/files/../items"),
        ("DELETE", "/v1/files/a/../../items"),
        ("DELETE", "/v1/files//a"),
        ("DELETE", "/v1/files/%2e%2e/items"),
        ("DELETE", "/v1/files/..%2fitems"),
        ("DELETE", "/v1/files/a?x=1"),
        ("DELETE", "/v1/files/a#b"),
        ("DELETE", "/v1/files/..\\items"),
        ("DELETE", "/v1/files/.\t./items"),
        ("DELETE", "/v1/files/ .. /items"),
        ("DELETE", "//evil.example/v1/files/a"),
        ("DELETE", "https://evil.example/v1/files/a"),
    ] {
        let error = run(&provider, "hooli_call_api", ask(method, path)).await;
        let code = error.expect_err(path).code;
        let refused = [ErrorCode::InvalidArguments, ErrorCode::Forbidden].contains(&code);
        assert!(refused, "{method} {path}: {code:?}");
    }
    for field in ["_method", "_METHOD", " X-HTTP-Method-Override"] {
        let body = json!({ "method": "POST", "path": "/v1/items", "body": { (field): "DELETE" } });
        assert!(
            run(&provider, "hooli_call_api", body).await.is_err(),
            "{field}"
        );
        let query =
            json!({ "method": "POST", "path": "/v1/items", "query": { (field): "DELETE" } });
        assert!(
            run(&provider, "hooli_call_api", query).await.is_err(),
            "{field}"
        );
    }
    assert!(provider.seen().is_empty());

    let get =
        json!({ "method": "GET", "path": "/v1/items/a b", "query": { "n": 1, "t": ["x", "y"] } });
    let output = run(&provider, "hooli_call_api", get).await.unwrap();
    assert_eq!(output.structured.unwrap()["answer"], json!({ "id": 1 }));
    let post = json!({ "method": "POST", "path": "/v1/items", "body": { "a": { "b": [1] } } });
    run(&provider, "hooli_call_api", post).await.unwrap();
    run(&provider, "hooli_call_api", ask("DELETE", "/v1/files/a/b"))
        .await
        .unwrap();
    let seen = provider.seen();
    assert_eq!(seen[0].path, "/v1/items/a%20b");
    assert_eq!(seen[0].query.len(), 3);
    assert_eq!(seen[1].json(), json!({ "a": { "b": [1] } }));
    assert_eq!(seen[2].path, "/v1/files/a/b");
}

#[test]
fn hints_follow_the_method_and_the_widest_one_of_a_list() {
    let hints = |name: &str| {
        let Annotations {
            read_only,
            destructive,
            idempotent,
            open_world,
        } = tool(name).annotations;
        [read_only, destructive, idempotent, open_world]
    };
    assert_eq!(hints("hooli_list_items"), [true, false, true, true]);
    assert_eq!(hints("hooli_create_item"), [false, false, false, true]);
    assert_eq!(hints("hooli_touch_item"), [false, true, true, true]);
    assert_eq!(hints("hooli_call_api"), [false, true, false, true]);
}

#[test]
fn schemas_are_as_plain_as_those_of_the_tools_in_rust() {
    for tool in tools(FILE).unwrap() {
        let input = Value::Object((*tool.input_schema).clone());
        jsonschema::meta::validate(&input).unwrap();
        assert_eq!(input["additionalProperties"], false);
        assert!(input["properties"]["account"].is_object());
    }
    let list = tool("hooli_list_items");
    assert_eq!(list.input_schema["required"], json!(["shelf"]));
    assert_eq!(
        list.input_schema["properties"]["limit"],
        json!({ "type": "integer", "minimum": 1, "maximum": 50, "default": 20, "description": "How many." })
    );
    assert_eq!(&list.scopes[0][..], ["items.read", "items.write"]);
    let keyed = |name: &str| tool(name).takes("idempotency_key");
    assert!(keyed("hooli_create_item") && keyed("hooli_call_api"));
    assert!(!keyed("hooli_list_items") && !keyed("hooli_touch_item"));
    let output = list.output_schema.unwrap();
    assert_eq!(
        output["required"],
        json!(["page", "account", "truncated", "warnings"])
    );
}
