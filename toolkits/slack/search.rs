//! `slack_search`: messages and files that the acting account may see.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::allowed;
use super::call::{ALL_KINDS, Failure};
use super::channels;
use super::found::{FoundFile, FoundMessage};
use super::people::Everyone;
use super::search_context;
use super::search_messages;
use super::target::Target;
use crate::api::Api;
use crate::cursor;
use crate::error::{ErrorCode, ToolError};
use crate::output::{Page, Render};
use crate::when;

/// How many results one page has, at most
/// (<https://docs.slack.dev/reference/methods/assistant.search.context>).
const MOST: usize = 20;

/// How Slack says that its newer search does not work at the moment.
const DISABLED: &str = "assistant_search_context_disabled";

/// Slack's limit is not documented; nobody types more.
const LONGEST_QUERY: usize = 500;

/// Search Slack messages and files by words or a question. "quoted phrase", -word and has:link work;
/// there is no OR. The newest messages may be missing for some seconds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// What to look for.
    query: String,
    /// What to find.
    #[serde(default)]
    content: Content,
    /// Only by this person: @name, an id (U…) or `me`.
    #[serde(default)]
    from: Option<String>,
    /// Only in this conversation: #name, @name, or an id.
    #[serde(default, rename = "in")]
    within: Option<String>,
    /// Only since then: a span back from now (3h, 1d), a date or an RFC 3339 time.
    #[serde(default)]
    since: Option<String>,
    /// Only before then.
    #[serde(default)]
    until: Option<String>,
    /// In which conversations.
    #[serde(default, rename = "where")]
    place: Where,
    /// What comes first.
    #[serde(default)]
    sort: Sort,
    /// Match words only, not meaning.
    #[serde(default)]
    keyword_only: bool,
    /// How many, 1 to 20.
    #[serde(default = "twenty")]
    limit: usize,
    /// `next_cursor` of the page before; the rest unchanged.
    #[serde(default)]
    cursor: Option<String>,
}

fn twenty() -> usize {
    20
}

/// What is searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Content {
    #[default]
    Messages,
    Files,
    All,
}

/// The kinds of conversation that are searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Where {
    #[default]
    Public,
    Private,
    Dm,
    All,
}

/// The order of the results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sort {
    #[default]
    Relevance,
    Newest,
}

/// A page of results.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Search {
    /// The messages. Written by their authors, not by Slack or this server.
    messages: Vec<FoundMessage>,
    /// The files.
    files: Vec<FoundFile>,
    /// Where it goes on.
    page: Page,
    /// The query as Slack got it.
    query: String,
    /// Which of Slack's searches answered.
    method: Method,
    truncated: bool,
    warnings: Vec<String>,
}

/// Slack's two searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) enum Method {
    /// The newer one, with a permission for each kind of conversation.
    #[serde(rename = "assistant.search.context")]
    Context,
    /// The older one, which some workspaces have alone.
    #[serde(rename = "search.messages")]
    Messages,
}

/// What Slack is asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// With its filters.
    pub(super) query: String,
    pub(super) content: Content,
    pub(super) place: Where,
    pub(super) sort: Sort,
    pub(super) keyword_only: bool,
    /// Seconds since 1970, included.
    pub(super) since: Option<i64>,
    /// Seconds since 1970, excluded.
    pub(super) until: Option<i64>,
    pub(super) limit: usize,
    /// Slack's own cursor.
    pub(super) cursor: Option<String>,
}

/// What Slack answered.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) messages: Vec<FoundMessage>,
    pub(super) files: Vec<FoundFile>,
    pub(super) next: Option<String>,
    pub(super) total: Option<u64>,
    pub(super) warnings: Vec<String>,
}

/// Where a page begins. It travels in the cursor.
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    /// The other arguments of the first page.
    asked: String,
    /// The query with its filters, so that names are resolved once.
    query: String,
    since: Option<i64>,
    until: Option<i64>,
    method: Method,
    /// Slack's own cursor.
    next: String,
}

/// Searches.
pub(super) async fn run(api: Api, args: Args) -> Result<Search, ToolError> {
    let mut warnings = Vec::new();
    let limit = args.limit.clamp(1, MOST);
    if limit != args.limit {
        warnings.push(format!(
            "`limit` was changed to {limit}; it can be 1 to {MOST}."
        ));
    }
    if args.query.chars().count() > LONGEST_QUERY {
        return Err(ToolError::invalid_arguments(format!(
            "`query` is longer than {LONGEST_QUERY} characters."
        )));
    }
    let asked = format!(
        "{:?}",
        (
            &args.query,
            args.content,
            &args.from,
            &args.within,
            &args.since,
            &args.until,
            args.place,
            args.sort
        )
    );
    let position = match &args.cursor {
        Some(cursor) => Some(resume(cursor, &asked)?),
        None => None,
    };
    let mut question = Question {
        query: String::new(),
        content: args.content,
        place: args.place,
        sort: args.sort,
        keyword_only: args.keyword_only,
        since: None,
        until: None,
        limit,
        cursor: None,
    };
    let method = if let Some(position) = position {
        question.query = position.query;
        (question.since, question.until) = (position.since, position.until);
        question.cursor = Some(position.next);
        position.method
    } else {
        (question.since, question.until) = window(&api, &args)?;
        question.query = filtered(&api, &args).await?;
        Method::Context
    };
    let (method, answer) = ask(&api, &question, method).await?;
    warnings.extend(answer.warnings);
    let mut messages = answer.messages;
    let mut files = answer.files;
    let cut = super::found::fit(&mut messages, &mut files);
    if cut > 0 {
        warnings.push(format!(
            "Long texts were cut: {cut}. Read the message or the thread for the whole."
        ));
    }
    Ok(Search {
        page: Page {
            next_cursor: answer.next.map(|next| {
                cursor::wrap(&Position {
                    asked,
                    query: question.query.clone(),
                    since: question.since,
                    until: question.until,
                    method,
                    next,
                })
            }),
            returned: messages.len() + files.len(),
            total_estimate: answer.total,
        },
        messages,
        files,
        query: question.query,
        method,
        truncated: cut > 0,
        warnings,
    })
}

fn resume(cursor: &str, asked: &str) -> Result<Position, ToolError> {
    let position: Position = cursor::unwrap(cursor)?;
    if position.asked != asked {
        return Err(ToolError::invalid_arguments(
            "`cursor` belongs to another search; pass the arguments it came with, or no cursor.",
        ));
    }
    Ok(position)
}

/// Asks the newer search, and the older one where the workspace or the grant has no other.
async fn ask(
    api: &Api,
    question: &Question,
    method: Method,
) -> Result<(Method, Answer), ToolError> {
    if method == Method::Messages {
        return Ok((method, search_messages::ask(api, question).await?));
    }
    let failure = match search_context::ask(api, question).await {
        Ok(answer) => return Ok((method, answer)),
        Err(failure) => failure,
    };
    if question.cursor.is_some() || !has_no_such_search(&failure) {
        return Err(failure.only(&search_context::scopes(question)).into());
    }
    if question.content == Content::Files && failure.is_missing_scope() {
        return Err(failure.only(&search_context::scopes(question)).into());
    }
    if question.content == Content::Files {
        return Err(ToolError::new(
            ErrorCode::Forbidden,
            "This connection has no search that finds files.",
            "Search for messages instead, or ask a workspace administrator.",
        ));
    }
    let mut answer = match search_messages::ask(api, question).await {
        Ok(answer) => answer,
        // Slack's newer search only fails for a while: no reason to ask the person for more.
        Err(older) if older.is_missing_scope() && failure.slack_code == DISABLED => {
            return Err(failure.into());
        }
        Err(older) => return Err(older.into()),
    };
    if question.content == Content::All {
        answer.warnings.push(
            "Files were not searched: this connection has no search that finds them.".to_owned(),
        );
    }
    if !question.keyword_only {
        answer
            .warnings
            .push("Only words were matched: this connection has no search by meaning.".to_owned());
    }
    Ok((Method::Messages, answer))
}

/// Whether the older search is the one to ask, as the workspace has not the newer one, or the person
/// granted the older one's permission.
fn has_no_such_search(failure: &Failure) -> bool {
    matches!(
        failure.slack_code.as_str(),
        "feature_not_enabled" | DISABLED | "unknown_method"
    ) || (failure.is_missing_scope() && failure.provides("search:read"))
}

fn window(api: &Api, args: &Args) -> Result<(Option<i64>, Option<i64>), ToolError> {
    let read = |name: &str, text: &Option<String>| match text {
        Some(text) => when::parse(name, text, api.now(), api.zone()).map(|t| Some(t.as_second())),
        None => Ok(None),
    };
    let (since, until) = (read("since", &args.since)?, read("until", &args.until)?);
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        return Err(ToolError::invalid_arguments(
            "The window is empty: `since` must be before `until`.",
        ));
    }
    Ok((since, until))
}

/// The query with `from:` and `in:` of what the arguments name.
async fn filtered(api: &Api, args: &Args) -> Result<String, ToolError> {
    let mut query = args.query.trim().to_owned();
    let narrowing = allowed::narrowing(api, &query)?;
    let mut everyone = None;
    if let Some(from) = &args.from {
        let filter = match from.trim() {
            "me" | "@me" => "from:me".to_owned(),
            from => match Target::parse("from", from)? {
                Target::Person(id) => format!("from:<@{id}>"),
                Target::PersonName(name) | Target::ChannelName(name) => {
                    let id = person(api, &name, &mut everyone).await?;
                    format!("from:<@{id}>")
                }
                Target::Conversation(_) => {
                    return Err(ToolError::invalid_arguments(
                        "`from` must be a person: @name, an id (U…) or `me`.",
                    ));
                }
            },
        };
        query = format!("{query} {filter}");
    }
    if let Some(within) = &args.within {
        let target = allowed::target(api, Target::parse("in", within)?).await?;
        let filter = match target {
            // Slack's search knows channels by name.
            Target::ChannelName(name) => format!("in:{name}"),
            Target::Person(id) => format!("in:<@{id}>"),
            Target::PersonName(name) => {
                let id = person(api, &name, &mut everyone).await?;
                format!("in:<@{id}>")
            }
            Target::Conversation(id) => match channels::describe(api, &id).await {
                Ok((_, Some(person))) => format!("in:<@{person}>"),
                Ok((channel, None)) if channel.name.is_some() => {
                    format!("in:{}", channel.name.unwrap_or_default())
                }
                Ok(_) => format!("in:<#{id}>"),
                Err(failure) => return Err(failure.least(ALL_KINDS).into()),
            },
        };
        query = format!("{query} {filter}");
    } else if let Some(filter) = narrowing {
        query = format!("{query} {filter}");
    }
    let query = query.trim();
    if query.is_empty() {
        return Err(ToolError::invalid_arguments(
            "`query` is blank: give words, or at least `from` or `in`.",
        ));
    }
    Ok(query.to_owned())
}

async fn person(
    api: &Api,
    name: &str,
    everyone: &mut Option<Everyone>,
) -> Result<String, ToolError> {
    let everyone = match everyone {
        Some(everyone) => everyone,
        None => everyone.insert(Everyone::fetch(api).await?),
    };
    Ok(everyone.find(name)?.id.clone())
}

impl Render for Search {
    fn render(&self) -> String {
        let method = match self.method {
            Method::Context => "assistant.search.context",
            Method::Messages => "search.messages",
        };
        let mut text = format!(
            "{}\nSearched ({method}): {}",
            self.page.render(),
            self.query
        );
        for message in &self.messages {
            write!(text, "\n\n{}", message.render()).expect("a string takes every write");
        }
        for file in &self.files {
            write!(text, "\n\n{}", file.render()).expect("a string takes every write");
        }
        text
    }
}
