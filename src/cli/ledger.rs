//! What a connection's scopes are good for, for people.

use std::fmt::Write;

use crate::builtin::ledger::Ledger;
use crate::cli::output::{BAD, DIM, GOOD, styled, visible};

/// The ledger of one connection. `works`: the connection itself does.
pub(super) fn text(ledger: &Ledger, works: bool) -> String {
    let mut text = String::new();
    let mut line = |line: &str| writeln!(text, "  {line}").expect("a string takes everything");
    for one in &ledger.permissions {
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
    let working: Vec<&str> = ledger
        .tools
        .iter()
        .filter(|tool| tool.works)
        .map(|tool| tool.tool.as_str())
        .collect();
    if works && !working.is_empty() {
        line(&format!("works: {}", working.join(", ")));
    }
    for tool in ledger.tools.iter().filter(|tool| !tool.works) {
        let missing: Vec<&str> = tool.missing_scopes.iter().map(String::as_str).collect();
        line(&format!(
            "{} needs {}: call it, and it asks for that",
            tool.tool,
            missing.join(" and ")
        ));
    }
    for warning in &ledger.warnings {
        line(&format!("{} {warning}", styled(BAD, "Warning:")));
    }
    text
}

#[cfg(test)]
mod tests {
    use valetkey_toolkits::tool::Tool;

    use super::*;
    use crate::cli::named::view;
    use crate::config::provider::ProviderEntry;
    use crate::oauth::provider::Provider;

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

        let text = plain(&super::text(&ledger, true));
        for needed in [
            "not granted  send email as you, for gmail_send_email",
            "works: gmail_search",
            &format!("gmail_send_email needs {SEND}: call it, and it asks for that"),
        ] {
            assert!(text.contains(needed), "{needed}: {text}");
        }
        assert!(!plain(&super::text(&ledger, false)).contains("works:"));
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
        let text = plain(&super::text(&ledger, true));
        assert!(text.contains("Warning: With https://www.googleapis.com/auth/gmail.metadata"));
        assert!(
            text.contains(&format!("gmail_search needs {READ}")),
            "{text}"
        );
    }
}
