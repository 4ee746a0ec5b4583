//! `gmail_search`: finds conversations or messages and tells who, what and when.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::labels;
use super::line::Lines;
use super::listing::{CALL, GroupBy, Search, count, fetch, list};
use super::query::{Terms, mentions};
use super::results::{SearchResult, Window};
use super::summary::{Style, Summary};
use super::wire::{Label, Message, Thread};
use crate::api::Api;
use crate::arguments::OneOrMany;
use crate::error::ToolError;
use crate::output::Page;
use crate::{cursor, when};

const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 50;

/// Search mail with Gmail's query syntax; returns newest-first conversation or message summaries
/// without bodies.
///
/// All filters must match. Drafts are left out unless the query or label asks for them, Spam and
/// Trash too.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchArgs {
    /// Gmail search syntax, for example `from:ada newer_than:7d`. Empty and without other
    /// filters: the inbox.
    query: Option<String>,
    /// Whether a result is a conversation (the default) or a single message.
    group_by: Option<GroupBy>,
    /// Senders, any of them: addresses, names or domains.
    #[serde(default)]
    from: OneOrMany,
    /// Recipients, any of them: addresses, names or domains.
    #[serde(default)]
    to: OneOrMany,
    /// Words that follow each other in the subject.
    subject: Option<String>,
    /// Name of a label, for example `Inbox`, `Starred` or `Work/Invoices`.
    label: Option<String>,
    /// Only mail after this: RFC 3339, a date in the user's time zone, or a span back from now
    /// such as `7d`.
    after: Option<String>,
    /// Only mail before this; written like `after`. A date is its first moment.
    before: Option<String>,
    /// Only mail with attachments, or with false only mail without.
    has_attachment: Option<bool>,
    /// Only unread mail, or with false only read mail.
    unread: Option<bool>,
    /// Leave out Gmail's categories Promotions, Social, Updates and Forums, and senders such as
    /// noreply.
    exclude_automated: Option<bool>,
    /// Search Spam and Trash, too.
    include_spam_trash: Option<bool>,
    /// Count the results, up to 5000, and return none of them.
    count_only: Option<bool>,
    /// How many results a page has: 20 by default, at most 50.
    #[schemars(range(min = 1, max = 50))]
    limit: Option<u32>,
    /// `page.next_cursor` of an earlier result. The search goes on as it was: query and filters
    /// come from the cursor.
    cursor: Option<String>,
    /// `detailed` adds copies, more recipients and longer snippets.
    response_format: Option<ResponseFormat>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ResponseFormat {
    Concise,
    Detailed,
}

#[derive(Serialize, Deserialize)]
struct Position {
    search: Search,
    page: String,
}

pub(super) async fn run(api: Api, args: SearchArgs) -> Result<SearchResult, ToolError> {
    let mut warnings = Vec::new();
    let mut known_labels = None;
    let (search, page) = match &args.cursor {
        Some(cursor) => {
            let position: Position = cursor::unwrap(cursor)?;
            (position.search, Some(position.page))
        }
        None => (resolve(&api, &args, &mut known_labels).await?, None),
    };
    let mut result = SearchResult {
        items: Vec::new(),
        count: None,
        page: Page {
            next_cursor: None,
            returned: 0,
            total_estimate: None,
        },
        query: search.q.clone(),
        label: search.label.as_ref().map(|(_, name)| name.clone()),
        window: Window {
            after: search.after.map(|time| when::show(time, api.zone())),
            before: search.before.map(|time| when::show(time, api.zone())),
        },
        truncated: false,
        warnings: Vec::new(),
    };
    if args.count_only == Some(true) {
        if page.is_some() {
            return Err(ToolError::invalid_arguments(
                "`count_only` counts from the beginning and cannot be used with `cursor`.",
            ));
        }
        result.count = Some(count(&api, &search).await?);
        return Ok(result);
    }

    let limit = args.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    if args.limit.is_some_and(|asked| asked != limit) {
        warnings.push(format!(
            "`limit` must be 1 to {MAX_LIMIT}; {limit} was used."
        ));
    }
    let listing = list(&api, &search, limit, page.as_deref()).await?;
    let zone = api.zone().clone();
    let style = Style {
        zone: &zone,
        detailed: args.response_format == Some(ResponseFormat::Detailed),
        drafts: search.drafts,
        spam_trash: search.spam_trash,
        // Of a conversation, one message without attachments says nothing about the others.
        attachments: search
            .attachment
            .filter(|attachment| *attachment || search.group_by == GroupBy::Message),
    };
    let mut lines = Lines::default();
    let listed = listing.threads.len() + listing.messages.len();
    let mut items: Vec<Summary> = match search.group_by {
        GroupBy::Thread => fetch::<Thread>(&api, "threads", listing.threads, style.headers())
            .await?
            .iter()
            .filter_map(|thread| style.thread(thread, &mut lines))
            .collect(),
        GroupBy::Message => fetch::<Message>(&api, "messages", listing.messages, style.headers())
            .await?
            .iter()
            .map(|message| style.message(message, &mut lines))
            .collect(),
    };
    if items.len() < listed {
        warnings.push(format!(
            "{} of the results were deleted while they were read.",
            listed - items.len()
        ));
    }
    warnings.extend(name_labels(&api, &mut items, known_labels, &mut lines).await);

    result.page = Page {
        next_cursor: listing
            .next_page_token
            .map(|page| cursor::wrap(&Position { search, page })),
        returned: items.len(),
        total_estimate: listing.result_size_estimate,
    };
    result.items = items;
    result.truncated = lines.cut;
    result.warnings = warnings;
    Ok(result)
}

/// Reads the arguments; a label that is not one of Gmail's own is looked up, and what was looked
/// up is kept in `known_labels`.
async fn resolve(
    api: &Api,
    args: &SearchArgs,
    known_labels: &mut Option<Vec<Label>>,
) -> Result<Search, ToolError> {
    let time = |name: &str, text: &Option<String>| {
        text.as_deref()
            .map(|text| when::parse(name, text, api.now(), api.zone()))
            .transpose()
    };
    let after = time("after", &args.after)?;
    let before = time("before", &args.before)?;
    if let (Some(after), Some(before)) = (after, before)
        && after >= before
    {
        return Err(ToolError::invalid_arguments(
            "`after` must be earlier than `before`.",
        ));
    }

    let wanted = args.label.as_deref().map(str::trim);
    if wanted == Some("") {
        return Err(ToolError::invalid_arguments("`label` is empty."));
    }
    let query = args.query.as_deref().unwrap_or_default();
    let system_label = wanted.and_then(labels::system_id);
    let drafts =
        system_label == Some("DRAFT") || mentions(query, &["in:draft", "is:draft", "label:draft"]);
    let spam_trash = args.include_spam_trash == Some(true)
        || matches!(system_label, Some("SPAM" | "TRASH"))
        || mentions(
            query,
            &[
                "in:anywhere",
                "in:spam",
                "in:trash",
                "label:spam",
                "label:trash",
            ],
        );
    // Composed before the lookup, so that wrong arguments cost no request.
    let q = Terms {
        query,
        from: &args.from.0,
        to: &args.to.0,
        subject: args.subject.as_deref(),
        after,
        before,
        has_attachment: args.has_attachment,
        unread: args.unread,
        exclude_automated: args.exclude_automated == Some(true),
        label: wanted.is_some(),
        drafts,
    }
    .compose()?;

    let label = match (wanted, system_label) {
        (None, _) => None,
        (Some(wanted), Some(id)) => Some((
            id.to_owned(),
            labels::system_name(id).unwrap_or(wanted).to_owned(),
        )),
        (Some(wanted), None) => {
            let list = known_labels.insert(labels::list(labels::request(api), &CALL).await?);
            Some((labels::find(list, wanted)?, wanted.to_owned()))
        }
    };
    Ok(Search {
        group_by: args.group_by.unwrap_or(GroupBy::Thread),
        q,
        label,
        spam_trash,
        drafts,
        attachment: args.has_attachment,
        after,
        before,
    })
}

/// Replaces label ids by names. The user's own are looked up once, if there are any; without them
/// the ids stay and a warning says so.
async fn name_labels(
    api: &Api,
    items: &mut [Summary],
    known: Option<Vec<Label>>,
    lines: &mut Lines,
) -> Option<String> {
    let own = items
        .iter()
        .flat_map(|item| &item.labels)
        .any(|id| labels::system_name(id).is_none());
    let (list, warning) = match known {
        Some(list) => (list, None),
        None if !own => (Vec::new(), None),
        None => match labels::list(labels::request(api).once(), &CALL).await {
            Ok(list) => (list, None),
            Err(error) => (Vec::new(), Some(labels::unnamed(&error))),
        },
    };
    for id in items.iter_mut().flat_map(|item| &mut item.labels) {
        if let Some(name) = labels::system_name(id) {
            name.clone_into(id);
        } else if let Some(label) = list.iter().find(|label| label.id == *id) {
            *id = lines.line(&label.name, 100);
        }
    }
    warning
}
