//! Who has had mail from an account.

use reqwest::Method;

use super::error::accept;
use super::listing::CALL;
use super::wire::Listing;
use crate::api::Api;
use crate::error::ToolError;

/// Whether the account has sent mail to `email` (`messages.list` with `in:sent to:`). Needs the
/// permission to read mail. An address with unusual characters counts as unknown.
pub async fn has_mail_to(api: &Api, email: &str) -> Result<bool, ToolError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@.+_-".contains(c);
    if !email.chars().all(plain) {
        return Ok(false);
    }
    let request = api.read(Method::GET, &["gmail", "v1", "users", "me", "messages"]);
    let request = request
        .query("q", format!("in:sent to:\"{email}\""))
        .query("maxResults", 1);
    let listing: Listing = accept(request.send().await?, &CALL)?.json()?;
    Ok(!listing.messages.is_empty())
}
