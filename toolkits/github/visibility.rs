//! Whether everybody can see what is in a repository.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::api::Api;
use crate::github::get;
use crate::github::repository::Repository;

/// "Get a repository" in GitHub's REST documentation, as far as it matters here.
#[derive(Deserialize)]
struct Found {
    private: bool,
}

/// Whether the repository that a tool's arguments name (`repo`, `owner`) is public. None: they name
/// none, or GitHub does not say.
pub async fn is_public(api: &Api, arguments: &Map<String, Value>) -> Option<bool> {
    let text = |name| arguments.get(name).and_then(Value::as_str);
    let repository = Repository::read(api, text("owner"), text("repo")?).ok()?;
    let path = ["repos", &repository.owner, &repository.name];
    let response = get(api, &path).once().send().await.ok()?;
    if !response.status.is_success() {
        return None;
    }
    let found: Found = response.json().ok()?;
    Some(!found.private)
}
