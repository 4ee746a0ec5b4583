//! What Slack's error codes mean for a model and what to do about them.
//!
//! Slack answers HTTP 200 to everything and says `{"ok":false,"error":"…"}`. The codes are those
//! documented for the methods this toolkit calls and the ones common to all methods
//! (<https://docs.slack.dev/reference/methods>).

use crate::error::ErrorCode;

/// What to tell about one error code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    /// The kind of failure.
    pub(super) code: ErrorCode,
    /// What happened.
    pub(super) message: &'static str,
    /// What to do next.
    pub(super) fix: &'static str,
}

/// The codes with which Slack says that the access token is no longer good. An HTTP API would
/// answer 401: the token is refreshed and the request repeated once.
const BAD_TOKEN: &[&str] = &[
    "account_inactive",
    "invalid_auth",
    "not_authed",
    "token_expired",
    "token_revoked",
];

/// The codes with which Slack says that it failed half way.
const SLACK_FAILED: &[&str] = &[
    "fatal_error",
    "file_update_failed",
    "internal_error",
    "request_timeout",
    "service_unavailable",
    "update_failed",
];

/// Whether `code` says that the access token is no longer good.
pub(super) fn is_bad_token(code: &str) -> bool {
    BAD_TOKEN.contains(&code)
}

/// Whether `code` says that Slack failed, so that a write may or may not have happened.
pub(super) fn is_slack_failure(code: &str) -> bool {
    SLACK_FAILED.contains(&code)
}

/// What `code` means; none when Slack documents no such code for these methods.
pub(super) fn meaning(code: &str) -> Option<Meaning> {
    let (_, kind, message, fix) = MEANINGS.iter().find(|(codes, ..)| codes.contains(&code))?;
    Some(Meaning {
        code: *kind,
        message,
        fix,
    })
}

type Row = (
    &'static [&'static str],
    ErrorCode,
    &'static str,
    &'static str,
);

const OTHER_ACCOUNT: &str =
    "Ask a person with access, or call again with another connected account.";
const ADMIN: &str = "Ask a workspace administrator; calling again will not help.";
const LINK_INSTEAD: &str =
    "Pass the conversation's id or a link copied from Slack instead of a name.";
const BUG: &str = "This is a mistake of the server, not of the call: report it.";

const MEANINGS: &[Row] = &[
    // The conversation.
    (
        &[
            "channel_not_found",
            "duplicate_channel_not_found",
            "invalid_channel",
        ],
        ErrorCode::NotFound,
        "Slack does not know this conversation, or hides it from the acting account.",
        "Check the name or id. A private channel is visible to its members only.",
    ),
    (
        &["not_in_channel"],
        ErrorCode::Forbidden,
        "The acting account is not a member of this channel.",
        "Ask the person to join the channel in Slack or to be invited to it, then call again.",
    ),
    (
        &["is_archived", "is_inactive"],
        ErrorCode::Forbidden,
        "The channel is archived; nothing in it can be changed and nothing posted to it.",
        "Choose another channel, or ask for it to be unarchived.",
    ),
    (
        &["channel_is_limited_access"],
        ErrorCode::Forbidden,
        "The acting account has no access to this Salesforce record channel.",
        OTHER_ACCOUNT,
    ),
    (
        &["method_not_supported_for_channel_type"],
        ErrorCode::Rejected,
        "Slack does not allow this for this kind of conversation.",
        "Choose a channel or a direct message.",
    ),
    (
        &["team_not_found", "missing_argument"],
        ErrorCode::Rejected,
        "This connection spans several workspaces, and Slack cannot tell which one is meant.",
        LINK_INSTEAD,
    ),
    // Messages and threads.
    (
        &["thread_not_found", "cannot_reply_to_message"],
        ErrorCode::NotFound,
        "There is no thread at this message, or it cannot have replies.",
        "Pass the ts of the thread's first message, from the same conversation.",
    ),
    (
        &[
            "message_not_found",
            "duplicate_message_not_found",
            "bad_timestamp",
        ],
        ErrorCode::NotFound,
        "Slack does not find this message in this conversation.",
        "Check the ts and the conversation.",
    ),
    (
        &[
            "msg_too_long",
            "msg_blocks_too_long",
            "attachment_payload_limit_exceeded",
        ],
        ErrorCode::TooLarge,
        "The message is too long for Slack.",
        "Shorten it, or send it as several messages.",
    ),
    (
        &["no_text"],
        ErrorCode::InvalidArguments,
        "Slack found no text in the message.",
        "Pass a `text` that is not blank.",
    ),
    (
        &["too_many_attachments", "too_many_contact_cards"],
        ErrorCode::Rejected,
        "The message holds more links or contacts than Slack allows.",
        "Send it as several messages.",
    ),
    (
        &["list_record_comment_fetch_failed"],
        ErrorCode::Rejected,
        "Slack could not read the comments of this list record.",
        "Call again later.",
    ),
    // Reactions, edits, deletions.
    (
        &["invalid_name"],
        ErrorCode::InvalidArguments,
        "The workspace has no emoji of this name.",
        "Pass the name of an emoji that Slack knows, such as thumbsup or white_check_mark.",
    ),
    (
        &["already_reacted", "no_reaction"],
        ErrorCode::Rejected,
        "The reaction is already as asked for.",
        "There is nothing to do.",
    ),
    (
        &["too_many_emoji", "too_many_reactions"],
        ErrorCode::Forbidden,
        "The message has as many reactions as Slack allows.",
        "Choose an emoji that it already has, or another message.",
    ),
    (
        &["not_reactable", "thread_locked", "no_access"],
        ErrorCode::Forbidden,
        "Slack allows no reactions to this message.",
        "Choose another message.",
    ),
    (
        &["cant_update_message", "cant_delete_message"],
        ErrorCode::Forbidden,
        "The acting account may not change this message: it is not its own, or the workspace \
         forbids it.",
        "Choose a message that this account posted, or ask its author.",
    ),
    (
        &["edit_window_closed"],
        ErrorCode::Forbidden,
        "The workspace's settings no longer let this message be edited.",
        "Send a new message with the correction.",
    ),
    (
        &["streaming_state_conflict"],
        ErrorCode::Rejected,
        "An app is still writing this message.",
        "Call again when it has ended.",
    ),
    (
        &["external_channel_migrating"],
        ErrorCode::Rejected,
        "Slack is moving this channel between organizations.",
        "Call again later.",
    ),
    // What a workspace forbids.
    (
        &["posting_to_channel_denied", "restricted_action"],
        ErrorCode::Forbidden,
        "A setting of the workspace does not let this account post here.",
        ADMIN,
    ),
    (
        &["restricted_action_read_only_channel"],
        ErrorCode::Forbidden,
        "This channel is read-only for the acting account.",
        "Choose another channel, or ask someone who may post here.",
    ),
    (
        &["restricted_action_thread_only_channel"],
        ErrorCode::Forbidden,
        "This channel takes replies in threads only.",
        "Pass `thread_ts` with the ts of the message to answer.",
    ),
    (
        &["restricted_action_non_threadable_channel"],
        ErrorCode::Forbidden,
        "This channel does not allow threads.",
        "Call again without `thread_ts`.",
    ),
    (
        &["restricted_action_thread_locked"],
        ErrorCode::Forbidden,
        "An administrator has locked this thread.",
        "Post outside the thread, or ask the administrator.",
    ),
    (
        &["message_limit_exceeded"],
        ErrorCode::Forbidden,
        "The workspace has used up the messages of its plan.",
        ADMIN,
    ),
    (
        &["messages_tab_disabled"],
        ErrorCode::Forbidden,
        "The recipient is an app that takes no messages.",
        "Choose another recipient.",
    ),
    (
        &[
            "slack_connect_canvas_sharing_blocked",
            "slack_connect_file_link_sharing_blocked",
            "slack_connect_lists_sharing_blocked",
        ],
        ErrorCode::Forbidden,
        "An administrator does not allow sharing this link with other organizations.",
        "Remove the link to the file, canvas or list, or ask the administrator.",
    ),
    (
        &[
            "access_denied",
            "accesslimited",
            "ekm_access_denied",
            "enterprise_is_restricted",
            "no_permission",
            "team_access_not_granted",
        ],
        ErrorCode::Forbidden,
        "The workspace does not allow the acting account or this app to do that.",
        ADMIN,
    ),
    (
        &[
            "org_login_required",
            "team_added_to_org",
            "two_factor_setup_required",
        ],
        ErrorCode::Forbidden,
        "Slack wants the person to sign in to the workspace again before this account may act.",
        "Ask the person to open Slack in a browser and sign in, then call again.",
    ),
    (
        &[
            "not_allowed_token_type",
            "as_user_not_supported",
            "metadata_must_be_sent_from_app",
        ],
        ErrorCode::Forbidden,
        "Slack does not allow this with the kind of token that the connection holds.",
        "Ask the person to connect Slack again with a user token.",
    ),
    // People.
    (
        &[
            "user_not_found",
            "users_not_found",
            "users_list_not_supplied",
        ],
        ErrorCode::NotFound,
        "Slack does not know this person.",
        "Check the name or id.",
    ),
    (
        &["user_not_visible"],
        ErrorCode::Forbidden,
        "The acting account may not see this person.",
        OTHER_ACCOUNT,
    ),
    (
        &["user_disabled"],
        ErrorCode::Forbidden,
        "This person's Slack account is deactivated.",
        "Choose another recipient.",
    ),
    (
        &["invalid_user_combination"],
        ErrorCode::Forbidden,
        "People of other organizations must share a channel with everyone in the message first.",
        "Write to them one by one, or in a shared channel.",
    ),
    (
        &["not_enough_users", "too_many_users"],
        ErrorCode::InvalidArguments,
        "A group message takes two to eight people besides the sender.",
        "Name between two and eight people, or use a channel.",
    ),
    // Files.
    (
        &["file_deleted", "file_is_deleted", "file_not_found"],
        ErrorCode::NotFound,
        "Slack does not know this file, or it was deleted.",
        "Check the id; `slack_search` finds files.",
    ),
    (
        &["not_visible", "template_not_visible"],
        ErrorCode::Forbidden,
        "The acting account may not see this file.",
        OTHER_ACCOUNT,
    ),
    (
        &[
            "canvas_disabled_file_team",
            "canvas_disabled_user_team",
            "canvas_globally_disabled",
        ],
        ErrorCode::Forbidden,
        "The file is a canvas, and the workspace has canvases switched off.",
        ADMIN,
    ),
    (
        &["file_upload_size_restricted", "storage_limit_reached"],
        ErrorCode::TooLarge,
        "The workspace takes no file of this size, or its storage is full.",
        "Share less, or ask a workspace administrator.",
    ),
    (
        &[
            "blocked_file_type",
            "file_type_not_allowed",
            "file_uploads_disabled",
            "file_uploads_except_images_disabled",
            "slack_connect_blocked_file_type",
            "slack_connect_clip_sharing_blocked",
            "slack_connect_file_upload_sharing_blocked",
        ],
        ErrorCode::Forbidden,
        "An administrator does not allow sharing files of this kind here.",
        ADMIN,
    ),
    // Search.
    (
        &["missing_query", "no_query"],
        ErrorCode::InvalidArguments,
        "Slack found nothing to search for in the query.",
        "Give words to look for as `query`.",
    ),
    (
        &["query_too_long"],
        ErrorCode::InvalidArguments,
        "The query is too long for Slack.",
        "Search for fewer words.",
    ),
    (
        &["assistant_search_context_disabled"],
        ErrorCode::Unreachable,
        "Slack's search does not work at the moment.",
        "Call again later.",
    ),
    (
        &["feature_not_enabled"],
        ErrorCode::Forbidden,
        "This workspace does not offer this.",
        ADMIN,
    ),
    // Paging and windows.
    (
        &["invalid_cursor"],
        ErrorCode::InvalidArguments,
        "Slack no longer accepts this cursor.",
        "Call again without `cursor`.",
    ),
    (
        &["invalid_ts_latest", "invalid_ts_oldest"],
        ErrorCode::InvalidArguments,
        "Slack does not accept this time window.",
        "Pass other times as `since` and `until`.",
    ),
    (
        &["invalid_types", "invalid_limit", "limit_required"],
        ErrorCode::Rejected,
        "Slack refused to list conversations or people in this way.",
        LINK_INSTEAD,
    ),
    // Rate and health.
    (
        &["ratelimited", "rate_limited"],
        ErrorCode::RateLimited,
        "Slack limits how fast this app may call.",
        "Wait, then call again.",
    ),
    (
        SLACK_FAILED,
        ErrorCode::Unreachable,
        "Slack could not answer this request.",
        "Call again in a minute.",
    ),
    // The token. Reached only when a refresh did not help.
    (
        BAD_TOKEN,
        ErrorCode::Unauthorized,
        "Slack no longer accepts the connection's access token.",
        "Ask the person to connect Slack again.",
    ),
    // What only a mistake in this toolkit can cause.
    (
        &[
            "alt_txt_too_large",
            "block_mismatch",
            "cant_broadcast_message",
            "channels_limit_exceeded",
            "context_channel_not_found",
            "deprecated_endpoint",
            "draft_already_deleted",
            "draft_already_sent",
            "draft_has_conflict",
            "draft_not_found",
            "file_comment_not_found",
            "file_share_limit_reached",
            "invalid_action_token",
            "invalid_arg_name",
            "invalid_arguments",
            "invalid_array_arg",
            "invalid_attachments",
            "invalid_blocks",
            "invalid_blocks_format",
            "invalid_charset",
            "invalid_form_data",
            "invalid_metadata_filter_keys",
            "invalid_metadata_format",
            "invalid_metadata_schema",
            "invalid_post_type",
            "markdown_text_conflict",
            "max_file_sharing_exceeded",
            "metadata_too_large",
            "method_deprecated",
            "missing_file_data",
            "missing_post_type",
            "no_dual_broadcast_content_update",
            "no_item_specified",
            "snippet_too_large",
            "unable_to_share_files",
            "unknown_method",
            "unknown_snippet_type",
            "unknown_subtype",
        ],
        ErrorCode::Rejected,
        "Slack did not accept the form of the request.",
        BUG,
    ),
];

#[cfg(test)]
mod tests;
