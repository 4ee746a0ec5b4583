//! `github_whoami`: whose connection it is, and what it covers.

use std::fmt::Write as _;

use reqwest::StatusCode;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::arguments::OneOrMany;
use crate::error::ToolError;
use crate::github::issue::WireUser;
use crate::github::refusal::{self, Asked, lacks_scope, scopes};
use crate::github::{chosen, fetch, get};
use crate::output::Render;
use crate::sanitize::snippet;

/// More organizations, teams or installations are not listed.
const SHOWN: usize = 50;

/// Who the connected GitHub account is: login, name, and on request its organizations, teams and the
/// GitHub App's installations.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Any of `orgs`, `teams`, `installations` (default: none of them).
    #[serde(default)]
    include: OneOrMany,
}

/// The account.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Me {
    /// Its login.
    login: String,
    /// The person's name, if public.
    name: Option<String>,
    /// Its page on GitHub.
    url: String,
    /// What an OAuth app's token may do; null for a GitHub App, which has permissions instead.
    scopes: Option<Vec<String>>,
    /// Logins of organizations.
    orgs: Vec<String>,
    /// Teams as `org/team`.
    teams: Vec<String>,
    /// Where the GitHub App is installed.
    installations: Vec<Installation>,
    /// What to keep in mind.
    warnings: Vec<String>,
}

/// An installation of the GitHub App.
#[derive(Debug, Serialize, JsonSchema)]
struct Installation {
    /// The user or organization.
    account: String,
    /// `all` repositories or `selected` ones.
    repositories: String,
    /// Where to change it.
    url: String,
}

#[derive(Deserialize)]
struct WireMe {
    login: String,
    #[serde(default)]
    name: Option<String>,
    html_url: String,
}

#[derive(Deserialize)]
struct WireTeam {
    slug: String,
    organization: WireUser,
}

#[derive(Deserialize)]
struct WireInstallations {
    installations: Vec<WireInstallation>,
}

#[derive(Deserialize)]
struct WireInstallation {
    account: Option<WireAccount>,
    #[serde(default)]
    repository_selection: String,
    #[serde(default)]
    html_url: String,
}

/// A user or an organization has a login, an enterprise a slug.
#[derive(Deserialize)]
struct WireAccount {
    #[serde(default)]
    login: Option<String>,
    #[serde(default)]
    slug: Option<String>,
}

impl Render for Me {
    fn render(&self) -> String {
        let mut text = self.login.clone();
        if let Some(name) = &self.name {
            write!(text, " ({name})").expect("a string takes every write");
        }
        write!(text, " {}", self.url).expect("a string takes every write");
        let none = Vec::new();
        for (what, names) in [
            ("Scopes", self.scopes.as_ref().unwrap_or(&none)),
            ("Organizations", &self.orgs),
            ("Teams", &self.teams),
        ] {
            if !names.is_empty() {
                write!(text, "\n{what}: {}", names.join(", ")).expect("a string takes every write");
            }
        }
        for it in &self.installations {
            write!(
                text,
                "\nInstalled on {}: {} repositories, {}",
                it.account, it.repositories, it.url
            )
            .expect("a string takes every write");
        }
        text
    }
}

/// Runs the tool.
pub(super) async fn run(api: Api, arguments: Arguments) -> Result<Me, ToolError> {
    let all = ["orgs", "teams", "installations"];
    let include = chosen("include", &arguments.include, &all, &[])?;
    let asked = Asked {
        thing: "this account".to_owned(),
        permission: "none",
        hint: "Call again.",
    };
    let response = fetch::answer(get(&api, &["user"]), &asked).await?;
    let wire: WireMe = response.json()?;
    let mut me = Me {
        login: snippet(&wire.login, 100),
        name: wire.name.map(|name| snippet(&name, 200)),
        url: snippet(&wire.html_url, 300),
        scopes: scopes(&response, "x-oauth-scopes").filter(|scopes| !scopes.is_empty()),
        orgs: Vec::new(),
        teams: Vec::new(),
        installations: Vec::new(),
        warnings: Vec::new(),
    };
    if include.contains(&"orgs") {
        let orgs: Vec<WireUser> = listed(&api, "orgs", &mut me.warnings)
            .await?
            .unwrap_or_default();
        me.orgs = orgs
            .iter()
            .take(SHOWN)
            .map(|org| snippet(&org.login, 100))
            .collect();
    }
    if include.contains(&"teams") {
        let teams: Vec<WireTeam> = listed(&api, "teams", &mut me.warnings)
            .await?
            .unwrap_or_default();
        let name = |team: &WireTeam| {
            format!(
                "{}/{}",
                snippet(&team.organization.login, 100),
                snippet(&team.slug, 100)
            )
        };
        me.teams = teams.iter().take(SHOWN).map(name).collect();
    }
    if include.contains(&"installations") {
        let found: Option<WireInstallations> =
            listed(&api, "installations", &mut me.warnings).await?;
        let found = found.map(|it| it.installations).unwrap_or_default();
        me.installations = found.iter().take(SHOWN).map(Installation::of).collect();
    }
    Ok(me)
}

impl Installation {
    fn of(wire: &WireInstallation) -> Self {
        let account = wire.account.as_ref();
        let account = account.and_then(|it| it.login.as_deref().or(it.slug.as_deref()));
        Self {
            account: snippet(account.unwrap_or("?"), 100),
            repositories: snippet(&wire.repository_selection, 40),
            url: snippet(&wire.html_url, 200),
        }
    }
}

/// `GET /user/{what}`; None, with a warning, if this kind of connection has no such thing.
async fn listed<T: DeserializeOwned>(
    api: &Api,
    what: &'static str,
    warnings: &mut Vec<String>,
) -> Result<Option<T>, ToolError> {
    let request = get(api, &["user", what]).query("per_page", SHOWN);
    let response = request.send().await?;
    if fetch::has_next(&response) {
        warnings.push(format!("Only the first {SHOWN} {what} are listed."));
    }
    match response.status {
        status if status.is_success() => response.json().map(Some),
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND if what == "installations" => {
            warnings.push("Only the connection of a GitHub App has installations.".to_owned());
            Ok(None)
        }
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND if lacks_scope(&response, "read:org") => {
            Err(ToolError::missing_scopes(vec!["read:org".to_owned()]))
        }
        _ => Err(refusal::explain(
            &response,
            &Asked {
                thing: format!("the {what} of this account"),
                permission: "Members: read (organization)",
                hint: "Call again without it.",
            },
        )),
    }
}
