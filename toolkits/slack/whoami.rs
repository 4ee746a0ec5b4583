//! `slack_whoami`: who acts, in which workspace, with which permissions.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::{call, identify};
use super::people;
use super::wire::{Identity, OneUser};
use crate::api::{Api, Effect};
use crate::error::ToolError;
use crate::output::Render;
use crate::sanitize::snippet;

/// Tell who acts in Slack: the person, their time zone, the workspace and the granted scopes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {}

/// Who acts.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Whoami {
    /// The person.
    user: User,
    /// Where they act.
    workspace: Workspace,
    /// The scopes that Slack granted; null when it does not say.
    scopes: Option<Vec<String>>,
    warnings: Vec<String>,
}

/// The person who acts.
#[derive(Debug, Serialize, JsonSchema)]
struct User {
    /// `U…` or `W…`.
    id: String,
    /// Without `@`.
    handle: String,
    /// The name that Slack shows; null when it could not be found out, as the rest.
    name: Option<String>,
    /// What they do.
    title: Option<String>,
    /// The name of their time zone, such as `Europe/Berlin`.
    time_zone: Option<String>,
}

/// A workspace.
#[derive(Debug, Serialize, JsonSchema)]
struct Workspace {
    /// `T…`.
    id: String,
    /// Its name.
    name: String,
    /// Its address.
    url: String,
    /// `E…` of the organization it belongs to.
    enterprise_id: Option<String>,
}

/// Asks Slack who acts.
pub(super) async fn run(api: Api, _: Args) -> Result<Whoami, ToolError> {
    let (identity, scopes): (Identity, _) = identify(&api, "auth.test").await?;
    let mut who = Whoami {
        user: User {
            id: snippet(&identity.user_id, 30),
            handle: snippet(&identity.user, 80),
            name: None,
            title: None,
            time_zone: None,
        },
        workspace: Workspace {
            id: snippet(&identity.team_id, 30),
            name: snippet(&identity.team, 80),
            url: snippet(&identity.url, 200),
            enterprise_id: identity.enterprise_id.map(|id| snippet(&id, 30)),
        },
        scopes,
        warnings: Vec::new(),
    };
    let fields = [("user", identity.user_id)];
    match call::<OneUser>(&api, Effect::Read, "users.info", &fields).await {
        Ok(found) => {
            let said = |text: Option<&String>| {
                text.map(|text| snippet(text, 80))
                    .filter(|text| !text.is_empty())
            };
            who.user.name = Some(people::shown_name(&found.user));
            who.user.title = said(found.user.profile.title.as_ref());
            who.user.time_zone = said(found.user.tz.as_ref());
        }
        Err(failure) => who.warnings.push(format!(
            "Name and time zone could not be found out: {}",
            failure.error.message
        )),
    }
    Ok(who)
}

impl Render for Whoami {
    fn render(&self) -> String {
        let Self {
            user, workspace, ..
        } = self;
        let mut text = match &user.name {
            Some(name) => format!("{name} (@{}, {})", user.handle, user.id),
            None => format!("@{} ({})", user.handle, user.id),
        };
        for fact in [&user.title, &user.time_zone].into_iter().flatten() {
            write!(text, ", {fact}").expect("a string takes every write");
        }
        write!(
            text,
            "\nWorkspace: {} ({}), {}",
            workspace.name, workspace.id, workspace.url
        )
        .expect("a string takes every write");
        if let Some(id) = &workspace.enterprise_id {
            write!(text, ", organization {id}").expect("a string takes every write");
        }
        match &self.scopes {
            Some(scopes) => write!(text, "\nScopes: {}", scopes.join(", ")),
            None => write!(text, "\nScopes: Slack does not say."),
        }
        .expect("a string takes every write");
        text
    }
}
