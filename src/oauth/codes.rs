//! The error codes that we know. A provider's own text never leaves this folder: it can echo what
//! was sent, secrets included. What is not listed here is `unknown_error`.

/// What an error code means for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The code or the refresh token is dead.
    Grant,
    /// The client registration is wrong: only the operator can help.
    Client,
    /// It may work later.
    Later,
    /// Anything else.
    Other,
}

/// From RFC 6749 §5.2, RFC 6750 §3.1, RFC 7009 §2.2.1, Google's, GitHub's and Slack's pages on
/// errors of the token endpoint.
const KNOWN: &[(&str, Meaning)] = &[
    ("invalid_grant", Meaning::Grant),
    ("bad_refresh_token", Meaning::Grant),
    ("bad_verification_code", Meaning::Grant),
    ("expired_token", Meaning::Grant),
    ("invalid_refresh_token", Meaning::Grant),
    ("invalid_code", Meaning::Grant),
    ("invalid_code_verifier", Meaning::Grant),
    ("code_already_used", Meaning::Grant),
    ("code_expired", Meaning::Grant),
    ("token_revoked", Meaning::Grant),
    ("token_expired", Meaning::Grant),
    ("account_inactive", Meaning::Grant),
    ("authorization_not_found", Meaning::Grant),
    ("invalid_client", Meaning::Client),
    ("unauthorized_client", Meaning::Client),
    ("deleted_client", Meaning::Client),
    ("disabled_client", Meaning::Client),
    ("incorrect_client_credentials", Meaning::Client),
    ("application_suspended", Meaning::Client),
    ("invalid_client_id", Meaning::Client),
    ("bad_client_secret", Meaning::Client),
    ("redirect_uri_mismatch", Meaning::Client),
    ("bad_redirect_uri", Meaning::Client),
    ("server_error", Meaning::Later),
    ("temporarily_unavailable", Meaning::Later),
    ("slow_down", Meaning::Later),
    ("ratelimited", Meaning::Later),
    ("rate_limited", Meaning::Later),
    ("internal_error", Meaning::Later),
    ("fatal_error", Meaning::Later),
    ("request_timeout", Meaning::Later),
    ("service_unavailable", Meaning::Later),
    ("access_denied", Meaning::Other),
    ("invalid_request", Meaning::Other),
    ("invalid_scope", Meaning::Other),
    ("invalid_target", Meaning::Other),
    ("invalid_token", Meaning::Other),
    ("insufficient_scope", Meaning::Other),
    ("unsupported_grant_type", Meaning::Other),
    ("unsupported_token_type", Meaning::Other),
    ("unverified_user_email", Meaning::Other),
    ("admin_policy_enforced", Meaning::Other),
    ("org_internal", Meaning::Other),
    ("cannot_install_an_org_installed_app", Meaning::Other),
    ("invalid_auth", Meaning::Other),
    ("invalid_grant_type", Meaning::Other),
    ("missing_scope", Meaning::Other),
    ("no_scopes", Meaning::Other),
    ("not_allowed_token_type", Meaning::Other),
    ("not_authed", Meaning::Other),
    ("oauth_authorization_url_mismatch", Meaning::Other),
    ("pkce_not_allowed", Meaning::Other),
    ("user_email_unverified", Meaning::Other),
];

/// Our own copy of a code that a provider sent, and what it means.
pub(super) fn look_up(code: &str) -> (&'static str, Meaning) {
    KNOWN
        .iter()
        .find(|(known, _)| *known == code)
        .copied()
        .unwrap_or(("unknown_error", Meaning::Other))
}
