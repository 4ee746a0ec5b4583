//! The language of `response_map`: JSONPath (RFC 9535), `join('$.path', ' ')` and
//! `jwt_decode('$.token', '$.claim')`. Parsed here, evaluated in `oauth/`.

use serde_json_path::JsonPath;

/// Where to find a value in a provider's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum ResponsePath {
    /// The first value at a path.
    At(JsonPath),
    /// The items of a list, joined by a delimiter.
    Join(Box<ResponsePath>, String),
    /// A claim of a JWT (RFC 7519) found at the first path. Its signature is not checked: it comes
    /// straight from the provider over TLS.
    JwtClaim(JsonPath, JsonPath),
}

impl ResponsePath {
    /// Parses an expression. The error says what is expected.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if let Some(arguments) = call(text, "join") {
            let (list, delimiter) = last_quoted(arguments)
                .ok_or("has a join() that does not end in a quoted delimiter")?;
            let list = Self::parse(quoted(list).unwrap_or(list))?;
            return Ok(Self::Join(Box::new(list), delimiter.to_owned()));
        }
        if let Some(arguments) = call(text, "jwt_decode") {
            let (token, claim) = arguments
                .split_once(',')
                .and_then(|(token, claim)| Some((quoted(token)?, quoted(claim)?)))
                .ok_or("has a jwt_decode() without two quoted paths")?;
            return Ok(Self::JwtClaim(path(token)?, path(claim)?));
        }
        path(text).map(Self::At)
    }
}

fn path(text: &str) -> Result<JsonPath, &'static str> {
    JsonPath::parse(text)
        .map_err(|_| "is neither a JSONPath ($.name), nor join('$.path', ' '), nor jwt_decode('$.token', '$.claim')")
}

fn call<'a>(text: &'a str, function: &str) -> Option<&'a str> {
    text.strip_prefix(function)?
        .trim_start()
        .strip_prefix('(')?
        .strip_suffix(')')
}

/// Splits `first, 'last'`. From the end, since the last one may be a comma itself.
fn last_quoted(arguments: &str) -> Option<(&str, &str)> {
    let arguments = arguments.trim_end();
    ['\'', '"'].into_iter().find_map(|quote| {
        let (before, last) = arguments.strip_suffix(quote)?.rsplit_once(quote)?;
        Some((before.trim_end().strip_suffix(',')?, last))
    })
}

fn quoted(text: &str) -> Option<&str> {
    let text = text.trim();
    ['\'', '"']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_join_and_jwt_decode_are_understood_and_anything_else_is_not() {
        let at = |text| ResponsePath::At(JsonPath::parse(text).unwrap());
        let jwt = || {
            let part = |text| JsonPath::parse(text).unwrap();
            ResponsePath::JwtClaim(part("$.access_token"), part("$.scp"))
        };
        let joined = |inner, by: &str| ResponsePath::Join(Box::new(inner), by.to_owned());
        for (text, parsed) in [
            ("$.data.access_token", at("$.data.access_token")),
            ("join('$.scope', ' ')", joined(at("$.scope"), " ")),
            ("join('$.scope',',')", joined(at("$.scope"), ",")),
            ("join( \"$.scope\" , \", \" )", joined(at("$.scope"), ", ")),
            ("jwt_decode('$.access_token', '$.scp')", jwt()),
            (
                "join(jwt_decode('$.access_token', '$.scp'), ' ')",
                joined(jwt(), " "),
            ),
        ] {
            assert_eq!(ResponsePath::parse(text), Ok(parsed), "{text}");
        }
        for text in [
            "",
            "access_token",
            "$.",
            "join('$.a')",
            "join('$.a', )",
            "lower('$.a')",
            "jwt_decode('$.a')",
        ] {
            assert!(ResponsePath::parse(text).is_err(), "{text}");
        }
    }
}
