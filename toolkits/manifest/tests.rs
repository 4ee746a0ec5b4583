//! Every mistake is told with its place and its remedy, and all of them at once.

use super::{Mistake, parse};

/// A toolkit without a mistake, with every part of the format.
const GOOD: &str = r#"provider: hooli
toolkit: hooli
tools:
  - name: hooli_list_items
    title: List items
    description: List the items of a shelf.
    scopes: [items.read, [tags.read, tags.write]]
    method: GET
    path: /v1/shelves/{shelf_id}/items
    parameters:
      - name: shelf_id
        type: string
        in: path
        required: true
        description: The shelf.
      - name: state
        type: enum
        values: [open, closed]
        in: query
        default: open
        description: Which ones.
      - name: limit
        type: integer
        min: 1
        max: 50
        in: query
        as: per_page
        description: How many.
    constants:
      query: { sort: newest, flat: true }
      headers: { X-Hooli-Version: "2" }
    keep:
      - from: items
        each: [id, { from: owner.login, as: owner }]
      - meta.total
    page: { query: page_token, cursor: meta.next }
    success: { field: ok, error: error.message }
  - name: hooli_create_item
    title: Create an item
    description: Create an item on a shelf.
    scopes: []
    method: POST
    path: /v1/items
    parameters:
      - { name: title, type: string, min_length: 1, max_length: 80, in: body, required: true, description: The title. }
      - { name: tags, type: list, max_length: 5, in: body, description: Its tags. }
      - { name: request_id, type: string, in: header, as: X-Request-Id, description: For tracing. }
    constants:
      body: { source: valetkey, options: { notify: false } }
    keep: [id]
    annotations: { read_only: false, destructive: false, idempotent: false, open_world: true }
  - name: hooli_call_api
    kind: api
    title: Call the API
    description: Send a request to the API.
    scopes: [items.read]
    allow: [GET /v1/items/*, POST /v1/items, GET /v1/files/**]
"#;

#[test]
fn a_toolkit_with_every_part_of_the_format_has_no_mistake() {
    let manifest = parse(GOOD).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    assert_eq!(manifest.provider, "hooli");
    let names: Vec<&str> = manifest.tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(
        names,
        ["hooli_list_items", "hooli_create_item", "hooli_call_api"]
    );
    assert_eq!(
        manifest.tools[0].scopes,
        [vec!["items.read"], vec!["tags.read", "tags.write"]]
    );
}

/// What is written instead of what, the line of the complaint, and words of problem and remedy.
const MISTAKES: &[(&str, &str, u64, &str, &str)] = &[
    (
        "      - name: limit",
        "      - name: dry_run",
        22,
        "Valetkey's own",
        "another name",
    ),
    (
        "        required: true\n",
        "        required: true\n        default: a\n",
        15,
        "needs no default",
        "Remove `default`",
    ),
    (
        "toolkit: hooli",
        "toolkit: hooli\nversion: 1",
        3,
        "`version` is not known in a toolkit",
        "Remove it",
    ),
    (
        "    title: List items",
        "    titel: List items",
        5,
        "`titel` is not known in a tool",
        "title",
    ),
    (
        "    title: List items\n",
        "",
        4,
        "`title` is missing",
        "title for people",
    ),
    (
        "provider: hooli\n",
        "",
        1,
        "`provider` is missing",
        "provider entry",
    ),
    (
        "provider: hooli",
        "provider: [hooli]",
        1,
        "`provider` must be a text",
        "quotes",
    ),
    (
        "toolkit: hooli",
        "toolkit: Hooli",
        2,
        "`Hooli` cannot be a toolkit's name",
        "small letters",
    ),
    (
        "    scopes: []",
        "    scopes: [\"",
        41,
        "not valid YAML",
        "quotes",
    ),
    (
        "toolkit: hooli",
        "toolkit: hooli\ntoolkit: b",
        3,
        "second time",
        "Remove one",
    ),
    (
        "    scopes: []\n",
        "",
        38,
        "`scopes` is missing",
        "`[]` if it needs none",
    ),
    (
        "    scopes: []",
        "    scopes: [a b]",
        41,
        "`a b` is no scope",
        "item of its own",
    ),
    (
        "/shelves/{shelf_id}/",
        "/shelves/{shelf}/",
        9,
        "`{shelf}` in `path` is no parameter",
        "in: path",
    ),
    (
        "/shelves/{shelf_id}/",
        "/shelves/all/",
        9,
        "`path` has no `{shelf_id}`",
        "Put it into the path",
    ),
    (
        "/shelves/{shelf_id}/",
        "/shelves/x{shelf_id}/",
        9,
        "not a whole segment",
        "between two slashes",
    ),
    (
        "        required: true\n",
        "",
        11,
        "this one is not required",
        "`required: true`",
    ),
    (
        "path: /v1/items\n",
        "path: https://evil.example/v1/items\n",
        43,
        "whole address",
        "path alone",
    ),
    (
        "path: /v1/items\n",
        "path: //evil.example/v1/items\n",
        43,
        "whole address",
        "path alone",
    ),
    (
        "path: /v1/items\n",
        "path: /v1/../items\n",
        43,
        "`.` or `..`",
        "plain segments",
    ),
    (
        "path: /v1/items\n",
        "path: /v1/%2e%2e/items\n",
        43,
        "cannot stand in one",
        "plain segments",
    ),
    (
        "path: /v1/items\n",
        "path: /v1//items\n",
        43,
        "empty segment",
        "plain segments",
    ),
    (
        "path: /v1/items\n",
        "path: /v1/items?all=1\n",
        43,
        "query or a fragment",
        "constants",
    ),
    (
        "path: /v1/items\n",
        "path: v1/items\n",
        43,
        "must begin with `/`",
        "/v1/items",
    ),
    (
        "hooli_create_item",
        "hooli_list_items",
        38,
        "above already",
        "another name",
    ),
    (
        "hooli_create_item",
        "hooliCreateItem",
        38,
        "cannot be a tool's name",
        "two to six words",
    ),
    (
        "hooli_create_item",
        "acme_create_item",
        38,
        "does not begin with the toolkit's",
        "hooli_list_items",
    ),
    (
        "        description: The shelf.\n",
        "",
        11,
        "`description` is missing",
        "the model reads it",
    ),
    (
        "      - meta.total",
        "      - meta..total",
        35,
        "is not a path of fields",
        "dots between",
    ),
    (
        "      - meta.total",
        "      - $.meta.total",
        35,
        "is not a path of fields",
        "dots between",
    ),
    (
        "      - meta.total",
        "      - {from: \".\"}",
        35,
        "needs a name",
        "as: items",
    ),
    (
        "      - meta.total",
        "      - {from: meta.total, as: account}",
        33,
        "cannot have the field `account`",
        "another name",
    ),
    (
        "      - meta.total",
        "      - {from: meta.total, as: would_send}",
        33,
        "cannot have the field `would_send`",
        "another name",
    ),
    (
        "    keep: [id]",
        "    keep: [id]\n    output: csv",
        51,
        "can only be text",
        "leave it out for JSON",
    ),
    (
        "    keep: [id]",
        "    keep: [id]\n    output: text",
        50,
        "`keep` is about JSON",
        "Remove it",
    ),
    (
        "    success: { field",
        "    output: text\n    success: { field",
        36,
        "`page` is about JSON",
        "Remove it",
    ),
    (
        "    success: { field",
        "    output: text\n    success: { field",
        38,
        "`success.field` is a field of JSON",
        "2xx",
    ),
    (
        "    keep:\n      - from: items\n        each: [id, { from: owner.login, as: owner }]\n      - meta.total\n",
        "",
        4,
        "`keep` is missing",
        "output: text",
    ),
    (
        "X-Hooli-Version",
        "Authorization",
        31,
        "`authorization` is not a tool's to set",
        "sends the credential",
    ),
    (
        "X-Hooli-Version",
        "X-HTTP-Method-Override",
        31,
        "not a tool's to set",
        "Remove it",
    ),
    (
        "as: X-Request-Id",
        "as: Cookie",
        47,
        "`cookie` is not a tool's to set",
        "Remove it",
    ),
    (
        "as: X-Request-Id",
        "as: Content-Length",
        47,
        "`content-length` is not",
        "Remove it",
    ),
    (
        "as: X-Request-Id",
        "as: Host",
        47,
        "`host` is not",
        "Remove it",
    ),
    (
        "as: X-Request-Id",
        "as: \"a\\r\\nb\"",
        47,
        "is not a header's name",
        "X-Request-Id",
    ),
    (
        "{ X-Hooli-Version: \"2\" }",
        "{ X-Hooli-Version: \"2\\r\\nHost: a\" }",
        31,
        "cannot carry",
        "one line",
    ),
    (
        "    method: POST",
        "    method: GET",
        42,
        "A GET has no body",
        "use POST",
    ),
    (
        "    method: POST",
        "    method: FETCH",
        42,
        "`FETCH` is not a method",
        "PATCH",
    ),
    (
        "annotations: { read_only: false",
        "annotations: { read_only: true",
        51,
        "does not go with POST",
        "read_only: false",
    ),
    (
        "        values: [open, closed]\n",
        "",
        16,
        "needs `values`",
        "values: [open, closed]",
    ),
    (
        "        values: [open, closed]",
        "        values: []",
        18,
        "needs `values`",
        "values: [open, closed]",
    ),
    (
        "        values: [open, closed]",
        "        values: [open, true]",
        18,
        "must be a text",
        "quotes",
    ),
    (
        "        default: open",
        "        default: some",
        20,
        "`default` does not fit: it must be one of",
        "Correct it",
    ),
    (
        "        min: 1\n",
        "        min: 99\n",
        24,
        "`min` is more than `max`",
        "Exchange",
    ),
    (
        "        min: 1\n",
        "        min: one\n",
        24,
        "not a number",
        "without quotes",
    ),
    (
        "        min: 1\n",
        "        min_length: 1\n",
        24,
        "does not go with `type: integer`",
        "Remove it",
    ),
    (
        "        type: integer",
        "        type: int",
        23,
        "`type: int` is not known",
        "integer",
    ),
    (
        "        as: per_page",
        "        as: sort",
        30,
        "sent by a parameter already",
        "Remove the constant",
    ),
    (
        "        as: per_page",
        "        as: state",
        22,
        "Two parameters are `state`",
        "`as`",
    ),
    (
        "        as: per_page",
        "        as: _method",
        26,
        "another method",
        "`method` alone",
    ),
    (
        "      - name: limit",
        "      - name: account",
        22,
        "Valetkey's own",
        "another name",
    ),
    (
        "      - name: limit",
        "      - name: cursor",
        22,
        "Valetkey's own",
        "another name",
    ),
    (
        "      - name: limit",
        "      - name: Limit",
        22,
        "cannot be a parameter's name",
        "`as`",
    ),
    (
        "type: list, max_length: 5, in: body",
        "type: list, in: header",
        46,
        "only go to the query or the body",
        "string",
    ),
    (
        "page: { query: page_token, cursor: meta.next }",
        "page: { query: page_token }",
        36,
        "one of `cursor` and `link`",
        "Link",
    ),
    (
        "POST /v1/items,",
        "POST /v1/i*,",
        57,
        "A star is not a whole segment",
        "`**` at the end",
    ),
    (
        "POST /v1/items,",
        "POST https://evil.example/v1,",
        57,
        "whole address",
        "path alone",
    ),
    (
        "    allow: [GET /v1/items/*, POST /v1/items, GET /v1/files/**]\n",
        "",
        52,
        "`allow` is missing",
        "GET /v1/items/*",
    ),
    (
        "    kind: api",
        "    kind: sql",
        53,
        "must be request or api",
        "Leave it out",
    ),
    (
        "tools:\n",
        "tols:\n",
        1,
        "`tools` is missing",
        "list of tools",
    ),
];

#[test]
fn each_kind_of_mistake_is_told_with_its_line_and_its_remedy() {
    let mut untold = Vec::new();
    for (good, bad, line, problem, fix) in MISTAKES {
        assert!(GOOD.contains(good), "{good}");
        let text = GOOD.replacen(good, bad, 1);
        let mistakes = parse(&text).expect_err(bad);
        let told = |mistake: &Mistake| {
            mistake.line == *line
                && mistake.column > 0
                && mistake.problem.contains(problem)
                && mistake.fix.contains(fix)
        };
        if !mistakes.iter().any(told) {
            untold.push(format!("{bad:?}, line {line}: {mistakes:#?}"));
        }
    }
    assert!(untold.is_empty(), "{}", untold.join("\n"));
}

#[test]
fn what_a_post_does_within_a_list_nobody_knows_so_it_counts_as_destructive() {
    let destructive = |text: &str| parse(text).unwrap().tools[2].annotations.destructive;
    assert!(destructive(GOOD));
    assert!(!destructive(&GOOD.replace("POST /v1/items, ", "")));
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once_and_in_order() {
    let text = GOOD
        .replace("provider: hooli", "provider: \"\"")
        .replace("title: List items", "titel: List items")
        .replace("path: /v1/items\n", "path: https://evil.example/\n")
        .replace("keep: [id]", "keep: [id, id]");
    let lines: Vec<u64> = parse(&text)
        .unwrap_err()
        .iter()
        .map(|mistake| mistake.line)
        .collect();
    assert_eq!(lines, [1, 4, 5, 43, 50]);
}

#[test]
fn odd_documents_are_mistakes_and_never_panics() {
    for text in [
        "",
        "null",
        "- a",
        "a",
        "{}",
        "tools: [1, null, [], {}]",
        "---\n---\n",
        "*a",
        "&a [*a]",
        "a: &a [1]\nb: [*a, *a]",
        "? {a: 1}\n: 2",
        "1: 2",
        "toolkit: 1.5e400",
        "\u{0}",
        "\u{feff}a: b",
        "tools:\n  - parameters: {}\n    keep: {}\n    allow: 1\n    kind: [api]",
    ] {
        let mistakes = parse(text).unwrap_err();
        assert!(!mistakes.is_empty(), "{text:?}");
        for mistake in mistakes {
            assert!(
                mistake.line > 0 && mistake.column > 0,
                "{text:?}: {mistake}"
            );
        }
    }
    let deep = "[".repeat(20_000);
    assert!(parse(&deep).is_err());
    let laughs = (0..9).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
        let many = vec![format!("*a{n}"); 9].join(", ");
        format!("{text}a{}: &a{} [{many}]\n", n + 1, n + 1)
    });
    assert!(parse(&laughs).is_err());
}
