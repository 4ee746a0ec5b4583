//! What scopes are good for, and which of them are left out.

use std::collections::BTreeSet;

use super::set;
use crate::config::provider::ProviderEntry;
use crate::oauth::provider::Provider;

const METADATA: &str = "https://www.googleapis.com/auth/gmail.metadata";
const READ: &str = "https://www.googleapis.com/auth/gmail.readonly";
const MODIFY: &str = "https://www.googleapis.com/auth/gmail.modify";
const SEND: &str = "https://www.googleapis.com/auth/gmail.send";

fn provider(kind: &str) -> Provider {
    Provider::new(ProviderEntry::new("an-entry", Some(kind), "the-client"))
}

/// Of each group one scope is required.
type Groups<'a> = &'a [&'a [&'a str]];

#[test]
fn a_group_is_covered_by_any_of_its_scopes_unless_the_grant_restricts_it() {
    let google = provider("google");
    let read: &[&str] = &[READ, MODIFY];
    let send: &[&str] = &[SEND, MODIFY];
    let headers: &[&str] = &[METADATA, READ];
    let cases: [(Groups<'_>, &[&str], &[&str]); 11] = [
        (&[], &[], &[]),
        (&[read, send], &[], &[READ, SEND]),
        (&[read, send], &[READ], &[SEND]),
        (&[read, send], &[MODIFY], &[]),
        (&[read], &[METADATA], &[READ]),
        (&[read], &[METADATA, READ], &[READ]),
        (&[read], &[METADATA, MODIFY], &[READ]),
        (&[send], &[METADATA, MODIFY], &[]),
        (&[headers], &[METADATA], &[]),
        (&[headers], &[METADATA, READ], &[]),
        (&[&[METADATA]], &[READ], &[]),
    ];
    for (required, granted, missing) in cases {
        let found = google.missing(required, &set(granted));
        assert_eq!(found, set(missing), "{required:?} of {granted:?}");
    }
    // The name is nobody else's.
    let other = provider("github").missing(&[[READ]], &set(&[METADATA, READ]));
    assert_eq!(other, BTreeSet::new());
}

#[test]
fn a_restricting_scope_is_not_asked_for_together_with_one_that_it_spoils() {
    let google = provider("google");
    for (wanted, asked) in [
        (&[METADATA][..], &[METADATA][..]),
        (&[METADATA, SEND], &[METADATA, SEND]),
        (&[METADATA, READ, SEND], &[READ, SEND]),
        (&[METADATA, MODIFY], &[MODIFY]),
        (&[READ, SEND], &[READ, SEND]),
    ] {
        assert_eq!(google.without_restrictions(set(wanted)), set(asked));
    }
    let found: Vec<_> = google.restrictions(&set(&[METADATA, READ])).collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].scope, METADATA);
    assert_eq!(google.restrictions(&set(&[READ, SEND])).count(), 0);
}

#[test]
fn a_request_leaves_a_restricting_scope_behind_only_where_it_would_spoil_what_is_asked_for() {
    let google = provider("google");
    for (asked, granted, leaves) in [
        (&[READ][..], &[METADATA][..], true),
        (&[READ, SEND], &[METADATA, READ], true),
        (&[SEND], &[METADATA], false),
        (&[METADATA], &[METADATA], false),
        (&[READ], &[SEND], false),
    ] {
        let found = google.leaves_behind(&set(asked), &set(granted));
        assert_eq!(found, leaves, "{asked:?} of {granted:?}");
    }
}
