//! GitHub's REST API, as far as the tools use it (<https://docs.github.com/rest>).

use axum::http::header::{LINK, USER_AGENT};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::demo::sandbox::data::ACCOUNTS;
use crate::demo::sandbox::faults::Endpoint;
use crate::demo::sandbox::grants::Allowed;
use crate::demo::sandbox::issues::{Issue, Repository, conditions, user};
use crate::demo::sandbox::repository;
use crate::demo::sandbox::server::{Call, json_response, token_endpoint};
use crate::demo::sandbox::{Site, World};

/// The paths of github.com and, under `api`, of api.github.com. An operation's name is its id in
/// GitHub's `OpenAPI` description.
pub(super) fn endpoint(call: &Call) -> Endpoint {
    match (call.method.clone(), call.path().as_slice()) {
        (Method::GET, ["login", "oauth", "authorize"]) => Endpoint::Authorize,
        (Method::POST, ["login", "oauth", "access_token"]) => token_endpoint(call),
        (Method::DELETE, ["api", "applications", _, "grant" | "token"]) => Endpoint::Revoke,
        (Method::GET, ["api", "user"]) => Endpoint::Identity,
        (Method::GET, ["api", "search", "issues"]) => {
            Endpoint::Api("search/issues-and-pull-requests")
        }
        (Method::GET, ["api", "repos", _, _]) => Endpoint::Api("repos/get"),
        (Method::GET, ["api", "repos", _, _, "labels"]) => {
            Endpoint::Api("issues/list-labels-for-repo")
        }
        (Method::GET, ["api", "repos", _, _, "issues"]) => Endpoint::Api("issues/list-for-repo"),
        (Method::POST, ["api", "repos", _, _, "issues"]) => Endpoint::Api("issues/create"),
        (Method::GET, ["api", "repos", _, _, "issues", _]) => Endpoint::Api("issues/get"),
        (Method::GET, ["storage", "logs", _]) => Endpoint::Api("storage"),
        (Method::GET, ["api", "search", "code"]) => Endpoint::Api("search/code"),
        (Method::GET, ["api", "search", "repositories"]) => Endpoint::Api("search/repos"),
        (method, ["api", "repos", _, _, rest @ ..]) => {
            Endpoint::Api(repository::operation(&method, rest))
        }
        _ => Endpoint::Api("unknown"),
    }
}

/// Answers one call. The headers tell the token's scopes, as GitHub's do for OAuth apps.
pub(super) fn answer(world: &World, call: &Call) -> Response {
    if call.header(&USER_AGENT).is_none() {
        let message = "Request forbidden by administrative rules. Please make sure your request \
                       has a User-Agent header.";
        return problem(StatusCode::FORBIDDEN, message);
    }
    if call.endpoint == Endpoint::Api("storage") {
        // The address is signed; a token has no business there.
        let signed = call.query("sig") == Some(world.settings.marker.as_str());
        return if signed && call.bearer().is_none() {
            repository::log()
        } else {
            problem(StatusCode::FORBIDDEN, "AuthenticationFailed")
        };
    }
    let now = world.settings.clock.now();
    let mut state = world.lock();
    let Ok(allowed) = state.grants.check(call.site, call.bearer(), now) else {
        return unauthorized();
    };
    let request = Request {
        call,
        api: world.url(Site::GitHub, "api/").into(),
        signature: &world.settings.marker,
        login: ACCOUNTS[allowed.account].login,
        app: world.settings.github_app,
        allowed: &allowed,
        now,
    };
    let mut response = request.answer(&mut state.repositories);
    let headers = response.headers_mut();
    if !request.app {
        let scopes: Vec<&str> = allowed.scopes.iter().map(String::as_str).collect();
        let value = HeaderValue::from_str(&scopes.join(", ")).expect("scopes are ASCII");
        headers.insert(HeaderName::from_static("x-oauth-scopes"), value);
        let value = HeaderValue::from_static("repo");
        headers.insert(HeaderName::from_static("x-accepted-oauth-scopes"), value);
    }
    for (name, value) in [
        ("x-github-request-id", "SANDBOX:0000:0000"),
        ("x-ratelimit-limit", "5000"),
        ("x-ratelimit-remaining", "4999"),
    ] {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    response
}

/// `401 Bad credentials`.
pub(super) fn unauthorized() -> Response {
    problem(StatusCode::UNAUTHORIZED, "Bad credentials")
}

/// An error in GitHub's shape.
pub(super) fn problem(status: StatusCode, message: &str) -> Response {
    let value = json!({
        "message": message,
        "documentation_url": "https://docs.github.com/rest",
        "status": status.as_u16().to_string(),
    });
    json_response(status, &value)
}

pub(super) fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "Not Found")
}

pub(super) fn invalid(errors: &Value) -> Response {
    let value = json!({
        "message": "Validation Failed",
        "errors": errors,
        "documentation_url": "https://docs.github.com/rest",
        "status": "422",
    });
    json_response(StatusCode::UNPROCESSABLE_ENTITY, &value)
}

/// A call of one account.
pub(super) struct Request<'a> {
    pub(super) call: &'a Call,
    api: String,
    signature: &'a str,
    pub(super) login: &'static str,
    app: bool,
    allowed: &'a Allowed,
    pub(super) now: Timestamp,
}

impl Request<'_> {
    fn answer(&self, repositories: &mut [Repository]) -> Response {
        match self.call.endpoint {
            Endpoint::Identity => {
                let account = &ACCOUNTS[self.allowed.account];
                let mut value = user(self.login);
                value["name"] = json!(account.name);
                value["email"] = json!(account.email);
                json_response(StatusCode::OK, &value)
            }
            Endpoint::Api("search/issues-and-pull-requests") => self.search(repositories),
            Endpoint::Api("search/code") => self.search_code(repositories),
            Endpoint::Api("search/repos") => self.search_repositories(repositories),
            Endpoint::Api("unknown") => not_found(),
            Endpoint::Api(operation) => {
                let path = self.call.path();
                let named = |it: &&mut Repository| {
                    it.owner.eq_ignore_ascii_case(path[2]) && it.name.eq_ignore_ascii_case(path[3])
                };
                // A private repository is not there for a token that may not see it.
                match repositories.iter_mut().find(named) {
                    Some(repository) if self.may_read(repository) => {
                        self.repository(operation, repository)
                    }
                    _ => not_found(),
                }
            }
            _ => not_found(),
        }
    }

    fn holds(&self, scope: &str) -> bool {
        self.app || self.allowed.scopes.contains(scope)
    }

    fn may_read(&self, repository: &Repository) -> bool {
        !repository.private || self.holds("repo")
    }

    pub(super) fn may_write(&self, repository: &Repository) -> bool {
        self.holds("repo") || (!repository.private && self.holds("public_repo"))
    }

    fn repository(&self, operation: &str, repository: &mut Repository) -> Response {
        let ok = |value: Value| json_response(StatusCode::OK, &value);
        match operation {
            "repos/get" => ok(repository.show(&self.api)),
            "issues/list-labels-for-repo" => {
                let labels = repository.labels.keys();
                self.page(labels.map(|name| repository.show_label(name)).collect())
            }
            "issues/list-for-repo" => {
                let state = self.call.query("state").unwrap_or("open");
                let fits = |issue: &&Issue| state == "all" || issue.open == (state == "open");
                let issues = repository.issues.iter().rev().filter(fits);
                self.page(
                    issues
                        .map(|it| repository.show_issue(it, &self.api))
                        .collect(),
                )
            }
            "issues/create" => self.create(repository),
            "issues/get" => {
                let number = self.call.path.last().and_then(|text| text.parse().ok());
                let found = |issue: &&Issue| Some(issue.number) == number;
                match repository.issues.iter().find(found) {
                    Some(issue) => ok(repository.show_issue(issue, &self.api)),
                    None => not_found(),
                }
            }
            _ => repository::answer(self, operation, repository),
        }
    }

    /// Files that have all words; `repo:` is the only operator that counts.
    fn search_code(&self, repositories: &[Repository]) -> Response {
        let query = self.call.query("q").unwrap_or_default();
        let (operators, words): (Vec<&str>, Vec<&str>) = query
            .split_whitespace()
            .partition(|word| word.contains(':'));
        if words.is_empty() {
            return invalid(&json!([{"resource": "Search", "field": "q", "code": "missing"}]));
        }
        let mut items = Vec::new();
        for repository in repositories.iter().filter(|it| self.may_read(it)) {
            let name = repository.full_name();
            let named = |it: &&&str| it.starts_with("repo:");
            if operators
                .iter()
                .find(named)
                .is_some_and(|it| it[5..] != name)
            {
                continue;
            }
            for path in repository.git.paths("HEAD") {
                let content = repository.git.read("HEAD", path).unwrap_or_default();
                if words.iter().all(|word| content.contains(word)) {
                    items.push(json!({
                        "name": path, "path": path, "html_url": format!("https://github.example.test/{name}/{path}"),
                        "repository": {"full_name": name},
                        "text_matches": [{"property": "content", "fragment": content}],
                    }));
                }
            }
        }
        let total = items.len();
        let (page, link) = self.cut(items);
        let value = json!({"total_count": total, "incomplete_results": false, "items": page});
        linked(json_response(StatusCode::OK, &value), link)
    }

    /// Repositories that have all words in their names; operators do not count.
    fn search_repositories(&self, repositories: &[Repository]) -> Response {
        let query = self.call.query("q").unwrap_or_default();
        let words = || query.split_whitespace().filter(|word| !word.contains(':'));
        if query.trim().is_empty() {
            return invalid(&json!([{"resource": "Search", "field": "q", "code": "missing"}]));
        }
        let found = repositories.iter().filter(|it| {
            let name = it.full_name();
            self.may_read(it) && words().all(|word| name.contains(word))
        });
        let items: Vec<Value> = found.map(|it| it.show(&self.api)).collect();
        let total = items.len();
        let (page, link) = self.cut(items);
        let value = json!({"total_count": total, "incomplete_results": false, "items": page});
        linked(json_response(StatusCode::OK, &value), link)
    }

    fn search(&self, repositories: &[Repository]) -> Response {
        let query = self.call.query("q").unwrap_or_default();
        let conditions = conditions(query);
        if conditions.is_empty() {
            return invalid(&json!([{"resource": "Search", "field": "q", "code": "missing"}]));
        }
        let says_kind = [
            "is:issue",
            "is:pull-request",
            "is:pr",
            "type:issue",
            "type:pr",
        ]
        .iter()
        .any(|words| query.contains(words));
        if self.app && !says_kind {
            let message = "Query must include 'is:issue' or 'is:pull-request'";
            return invalid(
                &json!([{"message": message, "resource": "Search", "field": "q",
                                   "code": "invalid"}]),
            );
        }
        let mut found: Vec<(&Repository, &Issue)> = Vec::new();
        for repository in repositories.iter().filter(|it| self.may_read(it)) {
            found.extend(
                repository
                    .find(&conditions)
                    .into_iter()
                    .map(|it| (repository, it)),
            );
        }
        let ascending = self.call.query("order") == Some("asc");
        found.sort_by(|(_, one), (_, other)| {
            let order = match self.call.query("sort") {
                Some("comments") => one.remarks.len().cmp(&other.remarks.len()),
                Some("updated") => one.updated.cmp(&other.updated),
                _ => one.created.cmp(&other.created),
            };
            if ascending { order } else { order.reverse() }
        });
        let items: Vec<Value> = found
            .iter()
            .map(|(repository, issue)| repository.show_issue(issue, &self.api))
            .collect();
        let total = items.len();
        let (page, link) = self.cut(items);
        let value = json!({"total_count": total, "incomplete_results": false, "items": page});
        linked(json_response(StatusCode::OK, &value), link)
    }

    fn create(&self, repository: &mut Repository) -> Response {
        if !self.may_write(repository) {
            // GitHub hides from a token what it may not do.
            return not_found();
        }
        let body = self.call.json();
        let title = body["title"].as_str().map(str::trim).unwrap_or_default();
        if title.is_empty() {
            let error = json!([{"resource": "Issue", "field": "title", "code": "missing_field"}]);
            return invalid(&error);
        }
        let assignees = strings(&body["assignees"]);
        let known = |login: &&String| ACCOUNTS.iter().any(|account| account.login == **login);
        if let Some(stranger) = assignees.iter().find(|login| !known(login)) {
            return invalid(
                &json!([{"value": stranger, "resource": "Issue", "field": "assignees",
                                   "code": "invalid"}]),
            );
        }
        let issue = Issue {
            number: repository.issues.last().map_or(1, |last| last.number + 1),
            pull: false,
            title: title.to_owned(),
            body: body["body"].as_str().map(str::to_owned),
            open: true,
            author: self.login.to_owned(),
            assignees,
            labels: strings(&body["labels"]),
            remarks: Vec::new(),
            proposal: None,
            created: self.now,
            updated: self.now,
        };
        let shown = repository.show_issue(&issue, &self.api);
        repository.issues.push(issue);
        json_response(StatusCode::CREATED, &shown)
    }

    /// A signed address at the storage host.
    pub(super) fn storage(&self, path: &str) -> String {
        let site = self.api.trim_end_matches("api/");
        format!("{site}storage/{path}?sig={}", self.signature)
    }

    /// One page of a list, with the `Link` header of the next.
    pub(super) fn page(&self, items: Vec<Value>) -> Response {
        let (items, link) = self.cut(items);
        linked(json_response(StatusCode::OK, &json!(items)), link)
    }

    fn cut(&self, items: Vec<Value>) -> (Vec<Value>, Option<String>) {
        let number = |name, default| {
            let value = self.call.query(name).and_then(|text| text.parse().ok());
            value.filter(|number| *number > 0).unwrap_or(default)
        };
        let size: usize = number("per_page", 30).min(100);
        let page: usize = number("page", 1);
        let start = (page - 1).saturating_mul(size);
        let link = (start.saturating_add(size) < items.len()).then(|| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            for (name, value) in self.call.query.iter().filter(|(name, _)| name != "page") {
                query.append_pair(name, value);
            }
            query.append_pair("page", &(page + 1).to_string());
            let path = self.call.path[1..].join("/");
            format!("<{}{path}?{}>; rel=\"next\"", self.api, query.finish())
        });
        (items.into_iter().skip(start).take(size).collect(), link)
    }
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    let text = |item: &Value| {
        item.as_str()
            .or_else(|| item["name"].as_str())
            .map(str::to_owned)
    };
    items.filter_map(text).collect()
}

fn linked(mut response: Response, link: Option<String>) -> Response {
    if let Some(value) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        response.headers_mut().insert(LINK, value);
    }
    response
}
