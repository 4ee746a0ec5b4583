//! What a connection's scopes are good for: what was asked for, what was granted, and which of the
//! enabled tools that lets work.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde::Serialize;
use valetkey_toolkits::tool::Tool;

use crate::broker::ConnectionView;
use crate::cli::app::App;
use crate::cli::output::{BAD, DIM, GOOD, styled, visible};
use crate::oauth::provider::Provider;

/// The ledger of one connection.
#[derive(Debug, Serialize)]
pub(super) struct Ledger {
    /// Every scope that was asked for or granted.
    permissions: Vec<Line>,
    /// Every enabled tool that can use the connection.
    tools: Vec<Use>,
    /// What is wrong with the combination of scopes.
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Line {
    scope: String,
    /// In plain words.
    allows: String,
    /// None: the row is of a version that did not note it.
    asked: Option<bool>,
    granted: bool,
    /// The tools that need it, or could do with it.
    unlocks: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Use {
    tool: String,
    works: bool,
    missing_scopes: BTreeSet<String>,
}

impl Ledger {
    /// The ledger of a connection with the enabled tools.
    pub(super) fn new(app: &App, view: &ConnectionView) -> Self {
        let mut entries = app.broker.providers().iter();
        let Some(entry) = entries.find(|entry| entry.id() == view.provider_id) else {
            let gone = format!(
                "The configuration has no provider entry `{}` any more, so no tool can use this \
                 connection. Add the entry again, or disconnect.",
                view.provider_id
            );
            return Self {
                permissions: Vec::new(),
                tools: Vec::new(),
                warnings: vec![gone],
            };
        };
        let chosen = &app.config.toolkits.providers;
        let serves = |tool: &&Tool| match chosen.get(&*tool.toolkit) {
            Some(id) => entry.id() == id,
            None => entry.name() == tool.provider || entry.id() == tool.provider,
        };
        let tools: Vec<&Tool> = app.tools.iter().filter(serves).collect();
        Self::of(entry, view, &tools)
    }

    fn of(entry: &Provider, view: &ConnectionView, tools: &[&Tool]) -> Self {
        let scopes = view.asked.union(&view.scopes);
        let needs = |tool: &&&Tool, scope: &str| {
            let mut all = tool.scopes.iter().flat_map(|group| group.iter());
            all.any(|one| *one == scope)
        };
        let restrictions = entry.restrictions(&view.scopes);
        Self {
            permissions: scopes
                .map(|scope| Line {
                    allows: entry.describe_scope(scope),
                    asked: (!view.asked.is_empty()).then(|| view.asked.contains(scope)),
                    granted: view.scopes.contains(scope),
                    unlocks: tools
                        .iter()
                        .filter(|tool| needs(tool, scope))
                        .map(|tool| tool.name.to_string())
                        .collect(),
                    scope: scope.clone(),
                })
                .collect(),
            tools: tools
                .iter()
                .map(|tool| {
                    let missing_scopes = entry.missing(&tool.scopes, &view.scopes);
                    Use {
                        tool: tool.name.to_string(),
                        works: missing_scopes.is_empty(),
                        missing_scopes,
                    }
                })
                .collect(),
            warnings: restrictions
                .map(|restriction| {
                    format!(
                        "With {} in it {} refuses {}, whatever else is granted. A tool that needs \
                         that asks for the other permissions anew, without this one.",
                        restriction.scope, view.provider, restriction.refused
                    )
                })
                .collect(),
        }
    }

    /// For people. `works`: the connection itself does.
    pub(super) fn text(&self, works: bool) -> String {
        let mut text = String::new();
        let mut line = |line: &str| writeln!(text, "  {line}").expect("a string takes everything");
        for one in &self.permissions {
            let granted = if one.granted {
                styled(GOOD, "granted")
            } else {
                styled(BAD, "not granted")
            };
            let unlocks = match one.unlocks.as_slice() {
                [] => String::new(),
                tools => format!(", for {}", tools.join(", ")),
            };
            let scope = styled(DIM, &visible(&one.scope));
            line(&format!(
                "{granted}  {}{unlocks}  {scope}",
                visible(&one.allows)
            ));
        }
        let working: Vec<&str> = self
            .tools
            .iter()
            .filter(|tool| tool.works)
            .map(|tool| tool.tool.as_str())
            .collect();
        if works && !working.is_empty() {
            line(&format!("works: {}", working.join(", ")));
        }
        for tool in self.tools.iter().filter(|tool| !tool.works) {
            let missing: Vec<&str> = tool.missing_scopes.iter().map(String::as_str).collect();
            line(&format!(
                "{} needs {}: call it, and it asks for that",
                tool.tool,
                missing.join(" and ")
            ));
        }
        for warning in &self.warnings {
            line(&format!("{} {warning}", styled(BAD, "Warning:")));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::named::view;
    use crate::config::provider::ProviderEntry;

    const READ: &str = "https://www.googleapis.com/auth/gmail.readonly";
    const SEND: &str = "https://www.googleapis.com/auth/gmail.send";
    const METADATA: &str = "https://www.googleapis.com/auth/gmail.metadata";

    fn ledger(asked: &[&str], granted: &[&str]) -> Ledger {
        let set = |scopes: &[&str]| scopes.iter().map(|&scope| scope.to_owned()).collect();
        let mut view = view("aa00000000000001", "ada@example.com", None);
        view.asked = set(asked);
        view.scopes = set(granted);
        let entry = ProviderEntry::new("google", Some("google"), "the-client");
        let tools = valetkey_toolkits::all();
        let tools: Vec<&Tool> = tools
            .iter()
            .filter(|tool| ["gmail_search", "gmail_send_email"].contains(&&*tool.name))
            .collect();
        Ledger::of(&Provider::new(entry), &view, &tools)
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn each_scope_says_what_it_unlocks_and_each_tool_what_it_lacks() {
        let ledger = ledger(&["openid", READ, SEND], &["openid", READ]);
        let json = serde_json::to_value(&ledger).unwrap();
        let line = |scope: &str| {
            let lines = json["permissions"].as_array().unwrap();
            lines.iter().find(|line| line["scope"] == scope).unwrap()
        };
        assert_eq!(line(READ)["granted"], true);
        assert_eq!(line(READ)["unlocks"], serde_json::json!(["gmail_search"]));
        assert_eq!(line(SEND)["granted"], false);
        assert_eq!(line(SEND)["asked"], true);
        assert_eq!(
            line(SEND)["unlocks"],
            serde_json::json!(["gmail_send_email"])
        );
        assert_eq!(line("openid")["unlocks"], serde_json::json!([]));
        let expected = serde_json::json!([
            { "tool": "gmail_search", "works": true, "missing_scopes": [] },
            { "tool": "gmail_send_email", "works": false, "missing_scopes": [SEND] },
        ]);
        assert_eq!(json["tools"], expected);

        let text = plain(&ledger.text(true));
        for needed in [
            "not granted  send email as you, for gmail_send_email",
            "works: gmail_search",
            &format!("gmail_send_email needs {SEND}: call it, and it asks for that"),
        ] {
            assert!(text.contains(needed), "{needed}: {text}");
        }
        assert!(!plain(&ledger.text(false)).contains("works:"));
        assert!(!text.contains("Warning"));
    }

    #[test]
    fn a_wider_scope_lets_both_work_and_an_old_row_does_not_say_what_was_asked() {
        let ledger = ledger(&[], &["https://mail.google.com/"]);
        assert!(ledger.tools.iter().all(|tool| tool.works), "{ledger:?}");
        assert_eq!(ledger.permissions[0].asked, None);
        assert_eq!(
            ledger.permissions[0].unlocks,
            ["gmail_search", "gmail_send_email"]
        );
    }

    #[test]
    fn a_restricting_scope_is_shown_with_a_warning_and_the_tools_that_it_stops() {
        let ledger = ledger(&[METADATA, READ, SEND], &[METADATA, READ, SEND]);
        let works: Vec<bool> = ledger.tools.iter().map(|tool| tool.works).collect();
        assert_eq!(works, [false, true], "search is spoiled, sending is not");
        let text = plain(&ledger.text(true));
        assert!(text.contains("Warning: With https://www.googleapis.com/auth/gmail.metadata"));
        assert!(
            text.contains(&format!("gmail_search needs {READ}")),
            "{text}"
        );
    }
}
