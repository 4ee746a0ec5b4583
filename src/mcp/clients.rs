//! Known clients that declare one thing and do another.

use rmcp::model::Implementation;

use crate::mcp::answer::Way;

/// `clientInfo.name`, the way that does not work there, the one that does. Each row was seen on the
/// wire, with the version named.
const EXCEPTIONS: &[(&str, Way, Way)] = &[
    // 1.0.102 declares `elicitation.url` on 2026-07-28 and fails the call when it gets an
    // `InputRequiredResult`. On 2025-11-25 it answers `elicitation/create` as it should.
    ("copilot-cli", Way::InputRequired, Way::Text),
];

/// The way to use where `declared` is what the client asked for.
pub(super) fn way_that_works(client: Option<&Implementation>, declared: Way) -> Way {
    EXCEPTIONS
        .iter()
        .find(|(name, broken, _)| {
            *broken == declared && client.is_some_and(|client| client.name == *name)
        })
        .map_or(declared, |(_, _, works)| *works)
}
