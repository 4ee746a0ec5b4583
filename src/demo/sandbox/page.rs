//! The sandbox's pages: plain, accessible HTML without script, which never pass for the real ones.

use askama::Template;
use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};

use crate::demo::sandbox::Site;
use crate::demo::sandbox::authorize::{Pending, always_given};
use crate::demo::sandbox::data::{ACCOUNTS, Account};

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}: allow access</title>
<style>{{ style|safe }}</style>
<main>
<p class="note">This is a sandbox. It plays {{ real }} for a demonstration: nothing here is real, and nothing leaves this computer.</p>
<h1>{{ title }}</h1>
<p><strong>Valetkey</strong> asks for access to your sandbox account.</p>
<form method="post" action="/{{ site }}/consent">
<input type="hidden" name="request" value="{{ id }}">
<fieldset>
<legend>Account</legend>
{% for account in accounts -%}
<label><input type="radio" name="account" value="{{ account.email }}"{% if loop.index0 == chosen %} checked{% endif %}> <span>{{ account.name }}<small>{{ account.email }}</small></span></label>
{% endfor -%}
</fieldset>
{% if !scopes.is_empty() -%}
<fieldset>
<legend>What Valetkey may do</legend>
{% for scope in scopes -%}
<label><input type="checkbox" name="scope" value="{{ scope.name }}" checked{% if scope.fixed %} disabled{% endif %}> <span>{{ scope.words }}<small><code>{{ scope.name }}</code></small></span></label>
{% endfor -%}
</fieldset>
{% endif -%}
<div class="buttons">
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny" class="quiet">Deny</button>
</div>
</form>
</main>
</html>
"#
)]
struct Consent<'a> {
    site: Site,
    title: &'a str,
    real: &'a str,
    id: &'a str,
    accounts: &'a [Account],
    chosen: usize,
    scopes: Vec<Line<'a>>,
    style: &'a str,
}

struct Line<'a> {
    name: &'a str,
    words: &'a str,
    fixed: bool,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}: the request was refused</title>
<style>{{ style|safe }}</style>
<main>
<h1>{{ title }}</h1>
<p>The request was refused, and you were not sent back.</p>
<p>{{ what }}</p>
</main>
</html>
"#
)]
struct Problem<'a> {
    title: &'a str,
    what: &'a str,
    style: &'a str,
}

const STYLE: &str = "\
:root{color-scheme:light dark;--line:light-dark(#c9ccd3,#45484f);--accent:light-dark(#4a3fb5,#b3acff)}\
*{box-sizing:border-box}\
body{margin:0;padding:1.5rem 1rem;font:1rem/1.5 system-ui,sans-serif;\
background:light-dark(#f4f4f7,#17181b);color:light-dark(#1c1d21,#ececf0)}\
main{max-width:34rem;margin:0 auto;padding:1.5rem;border-radius:.75rem;\
background:light-dark(#fff,#222327);border:1px solid var(--line)}\
h1{font-size:1.5rem;line-height:1.25;margin:1rem 0 .5rem}\
.note{margin:0;padding:.75rem 1rem;border-radius:.5rem;border:1px dashed var(--accent)}\
fieldset{margin:1.25rem 0;padding:.5rem 1rem;border:1px solid var(--line);border-radius:.5rem}\
legend{padding:0 .5rem;font-weight:600}\
label{display:flex;gap:.75rem;padding:.5rem 0;align-items:flex-start}\
input{margin:.3rem 0 0;width:1.1rem;height:1.1rem;flex:none;accent-color:var(--accent)}\
small{display:block;opacity:.75;overflow-wrap:anywhere}\
.buttons{display:flex;flex-wrap:wrap;gap:.75rem}\
button{flex:1 1 9rem;padding:.7rem 1rem;font:inherit;font-weight:600;border-radius:.5rem;\
border:1px solid var(--accent);background:var(--accent);color:light-dark(#fff,#17181b);cursor:pointer}\
button.quiet{background:transparent;color:inherit;border-color:var(--line)}\
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}";

/// The consent page.
pub(super) fn consent(id: &str, pending: &Pending) -> Response {
    let chosen = ACCOUNTS.iter().position(|account| {
        let names = [account.email, account.login];
        names.map(Some).contains(&pending.hint.as_deref())
    });
    let page = Consent {
        site: pending.site,
        title: pending.site.title(),
        real: match pending.site {
            Site::Google => "Google",
            Site::Slack => "Slack",
            Site::GitHub => "GitHub",
            Site::Custom => "a provider",
        },
        id,
        accounts: &ACCOUNTS,
        chosen: chosen.unwrap_or_default(),
        scopes: pending
            .scopes
            .iter()
            .map(|scope| Line {
                name: scope,
                words: in_words(pending.site, scope).unwrap_or("Use this permission"),
                fixed: always_given(pending.site, scope),
            })
            .collect(),
        style: STYLE,
    };
    html(StatusCode::OK, page.render())
}

/// The page of a request that cannot be answered at the redirect URI.
pub(super) fn problem(site: Site, what: &str) -> Response {
    let page = Problem {
        title: site.title(),
        what,
        style: STYLE,
    };
    html(StatusCode::BAD_REQUEST, page.render())
}

fn html(status: StatusCode, page: askama::Result<String>) -> Response {
    let page = page.expect("the templates render whatever they are given");
    // No `form-action`: Chromium would apply it to the redirect that follows the form.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                  frame-ancestors 'none'";
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, policy),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, page).into_response()
}

/// What a scope allows. None: Google and Slack do not know it and refuse the request, as the real
/// ones do.
pub(super) fn in_words(site: Site, scope: &str) -> Option<&'static str> {
    match site {
        Site::Google => google(scope),
        Site::Slack => slack(scope),
        Site::GitHub => Some(match scope {
            "repo" => "Read and write your repositories, private ones included",
            "public_repo" => "Read and write your public repositories",
            "read:org" => "See your organizations and teams",
            "read:user" => "Read your profile",
            "user:email" => "See your e-mail addresses",
            "workflow" => "Update workflow files",
            "notifications" => "Read your notifications",
            "gist" => "Write gists",
            "offline_access" => "Stay connected",
            _ => return None,
        }),
        Site::Custom => Some(match scope {
            "read" => "Read your notes",
            "write" => "Write your notes",
            _ => return None,
        }),
    }
}

fn google(scope: &str) -> Option<&'static str> {
    let short = scope
        .strip_prefix("https://www.googleapis.com/auth/")
        .unwrap_or(scope);
    Some(match short {
        "openid" => "Know who you are at Google",
        "email" | "userinfo.email" => "See your e-mail address",
        "profile" | "userinfo.profile" => "See your name and picture",
        "gmail.readonly" => "Read your mail and settings",
        "gmail.metadata" => "See headers and labels of your mail, not its text",
        "gmail.send" => "Send mail in your name",
        "gmail.compose" => "Write drafts and send mail in your name",
        "gmail.modify" => "Read, write and send mail in your name",
        "gmail.insert" => "Add mail to your mailbox",
        "gmail.labels" => "See and edit your labels",
        "gmail.settings.basic" => "See and edit mail settings and filters",
        "https://mail.google.com/" => "Read, write, send and delete all your mail for good",
        "contacts.readonly" => "See your contacts",
        "contacts.other.readonly" => "See people you wrote to",
        _ => return None,
    })
}

fn slack(scope: &str) -> Option<&'static str> {
    Some(match scope {
        "channels:history" => "Read messages in your public channels",
        "channels:read" => "See public channels and who is in them",
        "channels:write" => "Manage your public channels",
        "groups:history" => "Read messages in your private channels",
        "groups:read" => "See your private channels",
        "groups:write" => "Manage your private channels",
        "im:history" => "Read your direct messages",
        "im:read" => "See whom you write directly to",
        "im:write" => "Start direct messages",
        "mpim:history" => "Read your group messages",
        "mpim:read" => "See your group messages",
        "mpim:write" => "Start group messages",
        "chat:write" => "Send messages in your name",
        "users:read" => "See people in the workspace",
        "users:read.email" => "See people's e-mail addresses",
        "users.profile:read" => "See people's profiles",
        "team:read" => "See the workspace's name",
        "reactions:read" => "See reactions",
        "reactions:write" => "Add reactions",
        "files:read" => "See files",
        "files:write" => "Upload files",
        "search:read" => "Search everything you can see",
        "search:read.public" => "Search public channels",
        "search:read.private" => "Search your private channels",
        "search:read.im" => "Search your direct messages",
        "search:read.mpim" => "Search your group messages",
        "search:read.files" => "Search files",
        "search:read.users" => "Search people",
        "usergroups:read" => "See user groups",
        "pins:read" => "See pinned messages",
        "bookmarks:read" => "See bookmarks",
        "emoji:read" => "See custom emoji",
        "reminders:read" => "See your reminders",
        _ => return None,
    })
}
