//! Every mistake is told with its place and its remedy, and all of them at once.

mod mistakes;

use super::{Mistake, parse};
use mistakes::MISTAKES;

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
