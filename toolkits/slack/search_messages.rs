//! Slack's older search, `search.messages`, for workspaces that have no other
//! (<https://docs.slack.dev/reference/methods/search.messages>).

use jiff::{Span, Timestamp};
use serde::Deserialize;

use super::allowed;
use super::call::{Failure, call};
use super::found::{self, Hit};
use super::search::{Answer, Question, Sort, Where};
use super::target::is_person_id;
use super::ts::Ts;
use crate::api::{Api, Effect};

/// Asks it for a page.
///
/// It searches every conversation at once and knows times by the day, so what is too much is left
/// out of its answer here.
pub(super) async fn ask(api: &Api, question: &Question) -> Result<Answer, Failure> {
    let sort = match question.sort {
        Sort::Relevance => "score",
        Sort::Newest => "timestamp",
    };
    let page = question
        .cursor
        .as_deref()
        .and_then(|page| page.parse().ok());
    let number: u64 = page.unwrap_or(1);
    let fields = [
        ("query", dated(api, question)),
        ("sort", sort.to_owned()),
        ("count", question.limit.to_string()),
        ("page", number.to_string()),
    ];
    let page: Page = call(api, Effect::Read, "search.messages", &fields)
        .await
        .map_err(|failure| failure.only(&["search:read".to_owned()]))?;
    let found = page.messages;
    let all = found.matches.len();
    let hits: Vec<Hit> = found
        .matches
        .into_iter()
        .filter(|one| one.channel.is_in(question.place) && within(question, one.ts))
        .map(Hit::from)
        .collect();
    let left_out = all - hits.len();
    let (hits, not_allowed) = allowed::hits(api, hits);
    let mut warnings: Vec<String> = allowed::left_out(not_allowed).into_iter().collect();
    if left_out > 0 {
        warnings.push(format!(
            "Results of other conversations or times than asked for were left out: {left_out}."
        ));
    }
    Ok(Answer {
        messages: found::messages(api, hits).await,
        next: (number < found.paging.pages).then(|| (number.saturating_add(1)).to_string()),
        // A total tells of what is left out.
        total: found.total.filter(|_| !allowed::is_limited(api)),
        warnings,
        files: Vec::new(),
    })
}

/// The query with the days around the window: `after:` and `before:` exclude the day they name.
fn dated(api: &Api, question: &Question) -> String {
    let day = |second: i64, days: i64| {
        let time = Timestamp::from_second(second).ok()?;
        let local = time.to_zoned_datetime(api.zone().clone()).date();
        local.checked_add(Span::new().days(days)).ok()
    };
    let mut query = question.query.clone();
    if let Some(date) = question.since.and_then(|since| day(since, -1)) {
        query = format!("{query} after:{date}");
    }
    if let Some(date) = question.until.and_then(|until| day(until, 1)) {
        query = format!("{query} before:{date}");
    }
    query
}

fn within(question: &Question, ts: Ts) -> bool {
    let Some(time) = ts.time().map(Timestamp::as_second) else {
        return false;
    };
    question.since.is_none_or(|since| time >= since)
        && question.until.is_none_or(|until| time < until)
}

#[derive(Debug, Deserialize)]
struct Page {
    messages: Found,
}

#[derive(Debug, Deserialize)]
struct Found {
    matches: Vec<Match>,
    total: Option<u64>,
    #[serde(default)]
    paging: Paging,
}

/// How many pages there are.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Paging {
    pages: u64,
}

#[derive(Debug, Deserialize)]
struct Match {
    ts: Ts,
    channel: Channel,
    user: Option<String>,
    username: Option<String>,
    #[serde(default)]
    text: String,
    permalink: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Channel {
    id: String,
    name: Option<String>,
    is_private: bool,
    is_mpim: bool,
    is_im: bool,
}

impl Channel {
    fn is_in(&self, place: Where) -> bool {
        let direct = self.is_im || self.is_mpim || self.id.starts_with('D');
        match place {
            Where::All => true,
            Where::Dm => direct,
            Where::Private => self.is_private && !direct,
            Where::Public => !self.is_private && !direct,
        }
    }
}

impl From<Match> for Hit {
    fn from(found: Match) -> Self {
        let user = found.user.filter(|id| is_person_id(id));
        Self {
            ts: found.ts,
            bot: user.is_none(),
            author_id: user,
            author_name: found.username,
            channel_id: found.channel.id,
            channel_name: found.channel.name,
            markup: found.text,
            permalink: found.permalink,
        }
    }
}
