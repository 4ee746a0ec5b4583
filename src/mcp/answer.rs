//! How a link reaches the person at this client.

use rmcp::model::{ClientCapabilities, Implementation, ProtocolVersion};

use crate::config::Elicitation;
use crate::mcp::clients;

/// The ways in which a call can say that the person has to follow a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Protocol 2026-07-28: an `InputRequiredResult` with a URL elicitation; the client retries.
    InputRequired,
    /// Protocol 2025-11-25: an `elicitation/create` request while the call stays open.
    Request,
    /// Protocol 2025-11-25 behind a gateway that cannot carry server requests: error `-32042`.
    Error,
    /// A tool result that is an error with the link in it. Every client shows it to its model.
    Text,
}

/// What decides the way: all of it is said by the client, so it may only choose how the link is
/// shown, never whose link it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client<'a> {
    /// The version that this request names, else the negotiated one.
    pub version: Option<&'a ProtocolVersion>,
    /// What the client declared.
    pub capabilities: Option<&'a ClientCapabilities>,
    /// What the client calls itself.
    pub implementation: Option<&'a Implementation>,
}

/// Chooses by what the client declared and what is known of it.
///
/// A URL elicitation must not be sent to a client that did not declare the mode, and an empty
/// `elicitation` capability means form mode only (MCP 2025-11-25 and 2026-07-28, Elicitation).
pub(super) fn way(client: Client<'_>, legacy: Elicitation) -> Way {
    let takes_urls = client
        .capabilities
        .and_then(|capabilities| capabilities.elicitation.as_ref())
        .is_some_and(|elicitation| elicitation.url.is_some());
    let Some(version) = client.version.filter(|_| takes_urls) else {
        return Way::Text;
    };
    let declared = if *version >= ProtocolVersion::V_2026_07_28 {
        Way::InputRequired
    } else if *version >= ProtocolVersion::V_2025_11_25 {
        match legacy {
            Elicitation::Request => Way::Request,
            Elicitation::Error => Way::Error,
        }
    } else {
        Way::Text
    };
    clients::way_that_works(client.implementation, declared)
}

/// How the person at this client can be asked with a form: [`Way::InputRequired`], [`Way::Request`]
/// or, not at all, [`Way::Text`].
///
/// Forms are there since 2025-06-18, and an empty `elicitation` capability means them.
pub(super) fn form_way(client: Client<'_>) -> Way {
    let takes_forms = client
        .capabilities
        .and_then(|capabilities| capabilities.elicitation.as_ref())
        .is_some_and(|elicitation| elicitation.form.is_some() || elicitation.url.is_none());
    let declared = match client.version.filter(|_| takes_forms) {
        Some(version) if *version >= ProtocolVersion::V_2026_07_28 => Way::InputRequired,
        Some(version) if *version >= ProtocolVersion::V_2025_06_18 => Way::Request,
        _ => Way::Text,
    };
    clients::way_that_works(client.implementation, declared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_way_follows_era_capability_client_and_configuration() {
        let both = json!({"elicitation": {"form": {}, "url": {}}});
        let url = json!({"elicitation": {"url": {}}});
        let form = json!({"elicitation": {"form": {}}});
        let empty = json!({"elicitation": {}});
        let none = json!({"roots": {}});
        let request = Elicitation::Request;
        let error = Elicitation::Error;
        let cases = [
            (
                Some("2026-07-28"),
                &both,
                "claude-code",
                request,
                Way::InputRequired,
            ),
            (
                Some("2026-07-28"),
                &url,
                "other",
                request,
                Way::InputRequired,
            ),
            (Some("2026-07-28"), &url, "other", error, Way::InputRequired),
            (Some("2026-07-28"), &form, "other", request, Way::Text),
            (Some("2026-07-28"), &empty, "other", request, Way::Text),
            (Some("2026-07-28"), &none, "other", request, Way::Text),
            (Some("2026-07-28"), &both, "copilot-cli", request, Way::Text),
            (
                Some("2025-11-25"),
                &both,
                "copilot-cli",
                request,
                Way::Request,
            ),
            (
                Some("2025-11-25"),
                &both,
                "claude-code",
                request,
                Way::Request,
            ),
            (Some("2025-11-25"), &both, "claude-code", error, Way::Error),
            (Some("2025-11-25"), &form, "other", error, Way::Text),
            (Some("2025-11-25"), &empty, "other", request, Way::Text),
            (Some("2025-11-25"), &none, "other", error, Way::Text),
            (
                Some("2025-06-18"),
                &both,
                "codex-mcp-client",
                request,
                Way::Text,
            ),
            (
                Some("2025-06-18"),
                &both,
                "codex-mcp-client",
                error,
                Way::Text,
            ),
            (Some("2024-11-05"), &both, "other", request, Way::Text),
            (None, &both, "other", request, Way::Text),
        ];
        for (version, capabilities, name, legacy, expected) in cases {
            let version: Option<ProtocolVersion> =
                version.map(|version| serde_json::from_value(json!(version)).unwrap());
            let capabilities_parsed: ClientCapabilities =
                serde_json::from_value(capabilities.clone()).unwrap();
            let implementation = Implementation::new(name, "1");
            let chosen = way(
                Client {
                    version: version.as_ref(),
                    capabilities: Some(&capabilities_parsed),
                    implementation: Some(&implementation),
                },
                legacy,
            );
            assert_eq!(
                chosen, expected,
                "{version:?} {capabilities} {name} {legacy:?}"
            );
        }
        let nothing_said = Client {
            version: Some(&ProtocolVersion::V_2026_07_28),
            capabilities: None,
            implementation: None,
        };
        assert_eq!(way(nothing_said, request), Way::Text);
        assert_eq!(form_way(nothing_said), Way::Text);
    }

    #[test]
    fn forms_are_older_than_links_and_an_empty_capability_means_them() {
        let both = json!({"elicitation": {"form": {}, "url": {}}});
        let url = json!({"elicitation": {"url": {}}});
        let form = json!({"elicitation": {"form": {}}});
        let empty = json!({"elicitation": {}});
        let none = json!({"roots": {}});
        for (version, capabilities, name, expected) in [
            ("2026-07-28", &both, "claude-code", Way::InputRequired),
            ("2026-07-28", &empty, "other", Way::InputRequired),
            ("2026-07-28", &url, "other", Way::Text),
            ("2026-07-28", &none, "other", Way::Text),
            ("2026-07-28", &both, "copilot-cli", Way::Text),
            ("2025-11-25", &form, "other", Way::Request),
            ("2025-11-25", &url, "other", Way::Text),
            ("2025-06-18", &both, "codex-mcp-client", Way::Request),
            ("2025-03-26", &both, "other", Way::Text),
        ] {
            let version: ProtocolVersion = serde_json::from_value(json!(version)).unwrap();
            let parsed: ClientCapabilities = serde_json::from_value(capabilities.clone()).unwrap();
            let client = Client {
                version: Some(&version),
                capabilities: Some(&parsed),
                implementation: Some(&Implementation::new(name, "1")),
            };
            assert_eq!(
                form_way(client),
                expected,
                "{version} {capabilities} {name}"
            );
        }
    }
}
