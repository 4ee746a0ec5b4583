//! What people wrote under an issue or pull request: its body, then the comments, newest first,
//! within a budget of characters, with a cursor to the rest.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::cursor;
use crate::error::ToolError;
use crate::github::issue::WireUser;
use crate::github::refusal::Asked;
use crate::github::repository::Repository;
use crate::github::{fetch, get};
use crate::sanitize::{sanitize, snippet};
use crate::when;

/// All texts of one answer together, in characters.
const BUDGET: usize = 12_000;

const DEFAULT_COMMENTS: u64 = 20;
const MAX_COMMENTS: u64 = 50;

/// A text is not begun in less room than this.
const LEAST: usize = 400;

/// How much of the conversation was read. Comments are counted from the oldest on, so that new ones
/// move nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct At {
    /// Characters of the body that were read; None: all of it.
    body: Option<usize>,
    /// How many of the oldest comments are left.
    before: u64,
    /// Characters of the newest of these that were read.
    comment: usize,
}

/// A part of a conversation.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// The body, or the part of it that follows; None: it was read before, or there is none.
    pub(super) body: Option<String>,
    pub(super) comments: Vec<Comment>,
    pub(super) next_cursor: Option<String>,
    /// What a person would not have seen was left out.
    pub(super) removed: usize,
}

/// A comment.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct Comment {
    /// The author's login.
    author: String,
    /// RFC 3339.
    created_at: String,
    /// What was written, by a third party.
    body: String,
    /// Its page on GitHub.
    url: String,
}

#[derive(Deserialize)]
struct Wire {
    user: Option<WireUser>,
    created_at: Timestamp,
    #[serde(default)]
    body: Option<String>,
    html_url: String,
}

impl Comment {
    /// A heading and the text.
    pub(super) fn render(&self) -> String {
        format!(
            "{} on {} {}\n{}",
            self.author, self.created_at, self.url, self.body
        )
    }
}

/// How many comments are read: as many as `given`, if they were asked for.
pub(super) fn limit(asked_for: bool, given: Option<u64>) -> u64 {
    if asked_for {
        given.unwrap_or(DEFAULT_COMMENTS).clamp(1, MAX_COMMENTS)
    } else {
        0
    }
}

/// The warning for what was removed.
pub(super) fn removal_warning(removed: usize) -> Option<String> {
    (removed > 0).then(|| {
        format!(
            "{removed} characters that a reader on GitHub does not see (HTML comments, invisible \
             characters) are left out; somebody may have hidden something."
        )
    })
}

/// Which issue or pull request.
pub(super) struct Thread<'a> {
    pub(super) api: &'a Api,
    pub(super) repository: &'a Repository,
    pub(super) number: u64,
    pub(super) asked: &'a Asked,
}

impl Thread<'_> {
    /// What follows `cursor`, or the beginning: `body`, then up to `limit` of `comments` comments.
    pub(super) async fn read(
        &self,
        cursor: Option<&str>,
        body: Option<&str>,
        comments: u64,
        limit: u64,
    ) -> Result<Part, ToolError> {
        let at = match cursor {
            Some(cursor) => cursor::unwrap(cursor)?,
            None => At {
                body: Some(0),
                before: comments,
                comment: 0,
            },
        };
        let mut part = Part::default();
        let mut left = BUDGET;
        if let (Some(read), Some(body)) = (at.body, body.filter(|body| !body.is_empty())) {
            let cleaned = sanitize(body);
            part.removed += cleaned.removed;
            let (text, more) = piece(&cleaned.text, read, left);
            left -= text.chars().count();
            let length = text.chars().count();
            part.body = Some(text);
            if more {
                let at = At {
                    body: Some(read + length),
                    ..at
                };
                part.next_cursor = Some(cursor::wrap(&at));
                return Ok(part);
            }
        }
        let before = at.before.min(comments);
        if limit == 0 || before == 0 {
            return Ok(part);
        }
        let mut newest = self.comments(before, limit).await?;
        newest.reverse();
        let mut at = At {
            body: None,
            before,
            comment: at.comment,
        };
        let mut more = false;
        for wire in newest {
            if left < LEAST {
                more = true;
                break;
            }
            let cleaned = sanitize(wire.body.as_deref().unwrap_or_default());
            part.removed += cleaned.removed;
            let (text, unfinished) = piece(&cleaned.text, at.comment, left);
            let length = text.chars().count();
            left -= length;
            part.comments.push(Comment {
                author: wire
                    .user
                    .map_or_else(|| "ghost".to_owned(), |user| snippet(&user.login, 100)),
                created_at: when::show(wire.created_at, self.api.zone()),
                body: text,
                url: snippet(&wire.html_url, 300),
            });
            if unfinished {
                at.comment += length;
                more = true;
                break;
            }
            at.comment = 0;
            at.before -= 1;
        }
        if more || at.before > 0 && at.before < before {
            part.next_cursor = Some(cursor::wrap(&at));
        }
        Ok(part)
    }

    /// The newest `limit` of the oldest `before` comments, oldest first. GitHub lists comments from
    /// the oldest on, so these are on one page or two.
    async fn comments(&self, before: u64, limit: u64) -> Result<Vec<Wire>, ToolError> {
        let first = before.saturating_sub(limit);
        let mut found = Vec::new();
        for page in first / limit + 1..=(before - 1) / limit + 1 {
            let number = self.number.to_string();
            let repository = self.repository;
            let path = [
                "repos",
                &repository.owner,
                &repository.name,
                "issues",
                &number,
                "comments",
            ];
            let request = get(self.api, &path)
                .query("per_page", limit)
                .query("page", page);
            let (items, _) = fetch::list::<Wire>(request, self.asked).await?;
            let start = (page - 1) * limit;
            let numbered = (start..).zip(items);
            found.extend(
                numbered
                    .filter(|(number, _)| (first..before).contains(number))
                    .map(|(_, wire)| wire),
            );
        }
        Ok(found)
    }
}

/// The characters of `text` from `from` on, at most `limit`, and whether there are more.
fn piece(text: &str, from: usize, limit: usize) -> (String, bool) {
    let piece: String = text.chars().skip(from).take(limit).collect();
    let more = text.chars().nth(from.saturating_add(limit)).is_some();
    (piece, more)
}
