//! Declared scopes are enough for a tool's most common call, and are the least.

use std::collections::BTreeSet;

use super::{TABLES, Table, is_of_api, short};
use crate::fake::Seen;
use crate::tool::Tool;

/// Checks what `tool` declares against the requests of its most common call.
pub(crate) fn check(tool: &Tool, requests: &[Seen]) {
    let table = &TABLES[&*tool.provider];
    let accepted: Vec<BTreeSet<&str>> = requests
        .iter()
        .filter(|request| is_of_api(tool, request))
        .map(|request| match table.of(request) {
            Some((_, operation)) => operation.scopes_for(request),
            None => panic!("{}: {request:?}", tool.name),
        })
        .filter(|accepted| !accepted.is_empty())
        .collect();
    let groups: Vec<Vec<&str>> = tool
        .scopes
        .iter()
        .map(|group| group.iter().map(|scope| short(scope)).collect())
        .collect();
    let excepted = table.exceptions.get(&*tool.name);
    let excepted = excepted.map_or_else(BTreeSet::new, |because| {
        because.scopes.iter().map(String::as_str).collect()
    });
    let found = faults(table, &groups, &accepted);
    let needless: BTreeSet<&str> = found.iter().map(|(scope, _)| *scope).collect();
    assert_eq!(
        needless, excepted,
        "{}: {found:#?}\nfor requests that take {accepted:#?}",
        tool.name
    );
}

/// What is wrong with the scopes of `groups`, each of which asks for its first, for requests each
/// of which one of `accepted` allows.
fn faults<'a>(
    table: &Table,
    groups: &[Vec<&'a str>],
    accepted: &[BTreeSet<&'a str>],
) -> Vec<(&'a str, String)> {
    let asked: Vec<&str> = groups.iter().map(|group| group[0]).collect();
    let enough = |scopes: &[&str]| {
        let one_of = |them: &BTreeSet<&str>| scopes.iter().any(|scope| them.contains(scope));
        accepted.iter().all(one_of)
    };
    let mut found = Vec::new();
    for one in accepted {
        if !asked.iter().any(|scope| one.contains(scope)) {
            found.extend(one.iter().map(|it| (*it, "is needed, too".to_owned())));
        }
    }
    for (at, group) in groups.iter().enumerate() {
        let but = |other: &'a str| {
            let mut scopes = asked.clone();
            scopes[at] = other;
            scopes
        };
        let without: Vec<&str> = [&asked[..at], &asked[at + 1..]].concat();
        if enough(&without) {
            found.push((group[0], "is not needed".to_owned()));
        }
        let smaller = table.contains.get(group[0]).into_iter().flatten();
        let known = accepted.iter().flatten().copied();
        for scope in known.collect::<BTreeSet<_>>() {
            if smaller.clone().any(|it| it == scope) && enough(&but(scope)) {
                found.push((group[0], format!("is more than {scope}")));
            }
        }
        for other in &group[1..] {
            let lost = |one: &BTreeSet<&str>| {
                one.contains(group[0])
                    && !one.contains(other)
                    && !without.iter().any(|scope| one.contains(scope))
            };
            if accepted.iter().any(lost) {
                found.push((other, format!("is not enough instead of {}", group[0])));
            }
        }
    }
    found
}

#[test]
fn what_is_missing_needless_or_too_wide_is_found() {
    let table: Table = serde_json::from_value(serde_json::json!({
        "about": "",
        "operations": {},
        "contains": { "read": ["list"], "all": ["read", "list", "write"] },
        "asked_later": {},
        "exceptions": {},
    }))
    .unwrap();
    let scopes = |groups: &[&[&'static str]], accepted: &[&[&'static str]]| {
        let groups: Vec<Vec<&str>> = groups.iter().map(|group| group.to_vec()).collect();
        let accepted: Vec<BTreeSet<&str>> = accepted
            .iter()
            .map(|one| one.iter().copied().collect())
            .collect();
        let found = faults(&table, &groups, &accepted);
        found
            .into_iter()
            .map(|(scope, _)| scope)
            .collect::<Vec<_>>()
    };
    let read: &[&str] = &["read", "all"];
    let list: &[&str] = &["list", "read", "all"];
    assert_eq!(scopes(&[read], &[read, list]), Vec::<&str>::new());
    assert_eq!(scopes(&[list], &[list]), Vec::<&str>::new());
    assert_eq!(scopes(&[list], &[read, list]), ["all", "read"], "too small");
    assert_eq!(scopes(&[read], &[list]), ["read"], "too wide");
    assert_eq!(scopes(&[read, &["write"]], &[read]), ["write"], "needless");
    assert_eq!(
        scopes(&[&["read", "write"]], &[read]),
        ["write"],
        "no other"
    );
    assert_eq!(scopes(&[], &[read]), ["all", "read"], "missing");
}
