//! Which connection a person means on the command line.

use crate::broker::ConnectionView;
use crate::cli::output::{Usage, visible};

/// The one connection that `name` means: its alias, its account or its id, before the beginning of
/// an id.
pub(super) fn chosen<'a>(
    views: &'a [ConnectionView],
    name: &str,
) -> Result<&'a ConnectionView, Usage> {
    let exact: Vec<&ConnectionView> = views.iter().filter(|view| view.is_called(name)).collect();
    let fitting = if exact.is_empty() && !name.is_empty() {
        let begins = |view: &&ConnectionView| view.id.to_string().starts_with(name);
        views.iter().filter(begins).collect()
    } else {
        exact
    };
    match fitting.as_slice() {
        [one] => Ok(one),
        [] => Err(Usage(format!(
            "No connection is called `{}`. `valetkey connections` lists them.",
            visible(name)
        ))),
        several => {
            let ids: Vec<String> = several
                .iter()
                .map(|view| format!("{} ({} {})", view.id, view.provider, visible(&view.shown())))
                .collect();
            Err(Usage(format!(
                "Several connections fit: {}. Name one by its id.",
                ids.join(", ")
            )))
        }
    }
}

/// A connection for tests.
#[cfg(test)]
pub(super) fn view(id: &str, account: &str, alias: Option<&str>) -> ConnectionView {
    use std::collections::BTreeSet;

    use crate::store::alias::Alias;
    use crate::store::records::{ConnectionId, ConnectionState};

    ConnectionView {
        id: ConnectionId::parse(id).unwrap(),
        provider_id: "google".to_owned(),
        provider: "Google".to_owned(),
        account_id: format!("id of {account}"),
        account: account.to_owned(),
        alias: alias.map(|alias| Alias::parse(alias).unwrap()),
        is_default: false,
        asked: BTreeSet::new(),
        scopes: BTreeSet::new(),
        state: ConnectionState::Connected,
        expires_at: None,
        refreshable: true,
        connected_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_named_by_alias_account_id_or_the_beginning_of_its_id_if_only_one_fits() {
        let views = [
            view("aa00000000000001", "alice@example.com", Some("work")),
            view("aa00000000000002", "bob@example.com", None),
            view("bb00000000000003", "Bob@example.com", Some("home")),
            view("cc00000000000004", "aa", None),
            view("dd00000000000005", "ada @ Acme", None),
        ];
        let cases = [
            ("work", Some("aa00000000000001")),
            ("Home", Some("bb00000000000003")),
            ("work (alice@example.com)", Some("aa00000000000001")),
            ("alice@example.com", Some("aa00000000000001")),
            ("ALICE@example.com", Some("aa00000000000001")),
            ("aa00000000000002", Some("aa00000000000002")),
            ("aa00000000000001", Some("aa00000000000001")),
            ("bb", Some("bb00000000000003")),
            ("aa", Some("cc00000000000004")),
            ("acme", Some("dd00000000000005")),
            ("ada", Some("dd00000000000005")),
            ("aa0", None),
            ("bob@example.com", None),
            ("carol", None),
            ("", None),
        ];
        for (name, id) in cases {
            let found = chosen(&views, name).ok().map(|view| view.id.to_string());
            assert_eq!(found.as_deref(), id, "{name}");
        }
    }
}
