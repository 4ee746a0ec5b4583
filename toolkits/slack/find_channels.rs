//! `slack_find_channels`: conversations by name, topic or person.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::allowed;
use super::call::{Failure, LISTED, Walk, walk};
use super::channels::{Channel, Kind};
use super::people::{Everyone, key};
use super::similar::{self, Fit};
use super::wire::{self, Conversations, next_cursor};
use crate::api::Api;
use crate::cursor;
use crate::error::ToolError;
use crate::output::{Page, Render};
use crate::sanitize::{snippet, visible};

/// How many conversations one page has, at most.
const MOST: usize = 100;

/// Find Slack channels and direct messages by name, topic or purpose. Their id is what other tools
/// take as `channel`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Part of a name, topic or purpose, or the other person of a direct message; all when left out.
    #[serde(default)]
    query: String,
    /// Which kinds; public, and private where granted, when left out.
    #[serde(default)]
    types: Types,
    /// Only those that the account is a member of.
    #[serde(default = "yes")]
    member_only: bool,
    /// Also archived ones.
    #[serde(default)]
    include_archived: bool,
    /// How many, 1 to 100.
    #[serde(default = "twenty")]
    limit: usize,
    /// `next_cursor` of the page before; the rest unchanged.
    #[serde(default)]
    cursor: Option<String>,
}

fn yes() -> bool {
    true
}

fn twenty() -> usize {
    20
}

/// One kind or a list of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Types {
    Many(Vec<Type>),
    One(Type),
}

impl Default for Types {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Type {
    Public,
    Private,
    GroupDm,
    Dm,
}

impl Type {
    /// In the words of `types` of Slack's methods.
    fn slack(self) -> &'static str {
        match self {
            Self::Public => "public_channel",
            Self::Private => "private_channel",
            Self::GroupDm => "mpim",
            Self::Dm => "im",
        }
    }

    /// In the names of scopes.
    fn scope_kind(self) -> &'static str {
        match self {
            Self::Public => "channels",
            Self::Private => "groups",
            Self::GroupDm => "mpim",
            Self::Dm => "im",
        }
    }
}

/// A page of conversations.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FindChannels {
    /// The conversations, the best fit first.
    channels: Vec<Found>,
    /// Where it goes on.
    page: Page,
    warnings: Vec<String>,
}

/// A conversation that fits.
#[derive(Debug, Serialize, JsonSchema)]
struct Found {
    /// Which one.
    channel: Channel,
    /// What it is about now. Written by its members.
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    /// What it is for. Written by its members.
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    /// How many members it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<u64>,
    /// Whether the acting account is one; null when Slack does not say.
    is_member: Option<bool>,
    /// Nothing can be posted to it any more.
    archived: bool,
}

impl From<wire::Conversation> for Found {
    fn from(found: wire::Conversation) -> Self {
        let text = |text: &Option<wire::Described>| {
            let text = text.as_ref().map(|text| snippet(&text.value, 200));
            text.filter(|text| !text.is_empty())
        };
        Self {
            topic: text(&found.topic),
            purpose: text(&found.purpose),
            members: found.num_members,
            is_member: found.is_member,
            archived: found.is_archived,
            channel: Channel::from(found),
        }
    }
}

/// Where a page begins. It travels in the cursor.
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    /// The other arguments of the first page.
    asked: String,
    shown: usize,
}

/// Finds one page of them.
pub(super) async fn run(api: Api, args: Args) -> Result<FindChannels, ToolError> {
    let mut warnings = Vec::new();
    let limit = args.limit.clamp(1, MOST);
    if limit != args.limit {
        warnings.push(format!(
            "`limit` was changed to {limit}; it can be 1 to {MOST}."
        ));
    }
    let types = match &args.types {
        Types::Many(types) => types.clone(),
        Types::One(one) => vec![*one],
    };
    let asked = format!(
        "{types:?} {} {} {}",
        args.member_only, args.include_archived, args.query
    );
    let shown = match &args.cursor {
        Some(cursor) => resume(cursor, &asked)?,
        None => 0,
    };
    let mut found = matching(&api, &args, types, &mut warnings).await?;
    similar::keep_best(&mut found);
    let all = found.len();
    let channels: Vec<Found> = found
        .into_iter()
        .skip(shown)
        .take(limit)
        .map(|(_, found)| found)
        .collect();
    let shown = shown.saturating_add(channels.len());
    Ok(FindChannels {
        page: Page {
            next_cursor: (shown < all).then(|| cursor::wrap(&Position { asked, shown })),
            returned: channels.len(),
            total_estimate: u64::try_from(all).ok(),
        },
        channels,
        warnings,
    })
}

fn resume(cursor: &str, asked: &str) -> Result<usize, ToolError> {
    let position: Position = cursor::unwrap(cursor)?;
    if position.asked != asked {
        return Err(ToolError::invalid_arguments(
            "`cursor` belongs to other arguments; pass those it came with, or no cursor.",
        ));
    }
    Ok(position.shown)
}

/// All that fit, in Slack's order.
async fn matching(
    api: &Api,
    args: &Args,
    mut types: Vec<Type>,
    warnings: &mut Vec<String>,
) -> Result<Vec<(Fit, Found)>, ToolError> {
    // Slack lists nothing at all when one of the types is not granted.
    let chosen = !types.is_empty();
    if !chosen {
        types = vec![Type::Public, Type::Private];
    }
    // Direct messages have no names of their own.
    let everyone = if types.contains(&Type::Dm) {
        let everyone = Everyone::fetch(api)
            .await
            .map_err(|failure| failure.and_then_needs(&["im:read"]))?;
        Some(everyone)
    } else {
        None
    };
    match list(api, args, &types, everyone.as_ref(), warnings).await {
        Err(failure)
            if !chosen && (failure.is_missing_scope() || failure.slack_code == "invalid_types") =>
        {
            let public = [Type::Public];
            let found = list(api, args, &public, None, warnings)
                .await
                .map_err(|failure| failure.least(&["channels"]))?;
            warnings.push(
                "Private channels could not be looked at; ask with types=private to have that \
                 permission asked for."
                    .to_owned(),
            );
            Ok(found)
        }
        Err(failure) => {
            // All the kinds that were chosen are needed, and no more.
            let needed: Vec<String> = types
                .iter()
                .map(|one| format!("{}:read", one.scope_kind()))
                .collect();
            Err(failure.only(&needed).into())
        }
        Ok(found) => Ok(found),
    }
}

async fn list(
    api: &Api,
    args: &Args,
    types: &[Type],
    everyone: Option<&Everyone>,
    warnings: &mut Vec<String>,
) -> Result<Vec<(Fit, Found)>, Failure> {
    let names: Vec<&str> = types.iter().map(|one| one.slack()).collect();
    let fields = [
        ("types", names.join(",")),
        ("exclude_archived", (!args.include_archived).to_string()),
    ];
    let method = if args.member_only {
        "users.conversations"
    } else {
        "conversations.list"
    };
    let wanted = key(args.query.trim().trim_start_matches(['#', '@']));
    let mut found = Vec::new();
    let mut left_out = 0;
    let mut look = |of_all: bool, page: Conversations| {
        for one in page.channels {
            // The list of all has those, too, that the account is no member of.
            if of_all && one.is_member == Some(false) {
                continue;
            }
            let person = one.user.clone().filter(|_| one.is_im);
            let handle = person.as_deref().and_then(|id| everyone?.handle_of(id));
            if !allowed::shows(api, &Channel::from(one.clone()), person.as_deref(), handle) {
                left_out += 1;
                continue;
            }
            let person = person.map(|id| everyone.and_then(|e| e.name_of(&id)).unwrap_or(id));
            let mut one = Found::from(one);
            one.channel.name = person.or(one.channel.name);
            // Members are not told of their membership in a list of what they are a member of.
            one.is_member = one
                .is_member
                .or((args.member_only && !of_all).then_some(true));
            if let Some(fit) = fit(&wanted, &one) {
                found.push((fit, one));
            }
        }
        ControlFlow::Continue(next_cursor(page.response_metadata))
    };
    let end: Walk<()> = match walk(api, method, &fields, |page| look(false, page)).await {
        // Not every server that speaks Slack's API has it.
        Err(failure) if args.member_only && failure.slack_code == "unknown_method" => {
            walk(api, "conversations.list", &fields, |page| look(true, page)).await?
        }
        end => end?,
    };
    warnings.extend(allowed::left_out(left_out));
    if end == Walk::CutShort {
        warnings.push(format!(
            "Only the first {LISTED} conversations were looked at."
        ));
    }
    Ok(found)
}

fn fit(wanted: &str, found: &Found) -> Option<Fit> {
    let name = found.channel.name.as_deref().map(key).unwrap_or_default();
    if wanted.is_empty() {
        return Some(Fit::Same);
    }
    similar::fit(wanted, &name)
        .filter(|fit| *fit < Fit::Slip)
        .or_else(|| {
            let about = [&found.topic, &found.purpose];
            let mut about = about.into_iter().flatten().map(|text| key(text));
            about
                .any(|text| text.contains(wanted))
                .then_some(Fit::Within)
        })
        .or_else(|| similar::fit(wanted, &name))
}

impl Render for FindChannels {
    const DETAILS: Option<&'static str> = Some("purposes and numbers of members");

    fn shorten(&mut self) {
        for found in &mut self.channels {
            found.purpose = None;
            found.members = None;
        }
    }

    fn render(&self) -> String {
        let mut text = self.page.render();
        for found in &self.channels {
            let Channel { id, kind, .. } = &found.channel;
            write!(text, "\n{} ({id})", found.channel.shown()).expect("a string takes every write");
            let mut facts = Vec::new();
            if let Some(members) = found.members {
                facts.push(match members {
                    1 => "1 member".to_owned(),
                    _ => format!("{members} members"),
                });
            }
            let channel = !matches!(kind, Some(Kind::DirectMessage | Kind::GroupMessage));
            if found.is_member == Some(false) && channel {
                facts.push("not a member".to_owned());
            }
            if found.archived {
                facts.push("archived".to_owned());
            }
            let about = [("topic", &found.topic), ("purpose", &found.purpose)];
            for (what, said) in about {
                facts.extend(
                    said.as_ref()
                        .map(|said| format!("{what}: {}", visible(said).text)),
                );
            }
            for fact in facts {
                write!(text, ", {fact}").expect("a string takes every write");
            }
        }
        text
    }
}
