//! The characters of a text: a part of a mail, a file.

use mail_parser::decoders::charsets::map::charset_decoder;

/// The text that bytes stand for, with the Content-Type that they came with.
///
/// Gmail hands some texts over in UTF-8 whatever their header says, and others as they came: so
/// what is UTF-8 is read as such, unless the charset is one that only looks like it.
pub(crate) fn text(content_type: Option<&str>, mut bytes: Vec<u8>) -> String {
    let declared = content_type.and_then(charset);
    let looks_like_ascii = declared.as_deref().is_some_and(|charset| {
        ["utf-7", "utf-16", "iso-2022"]
            .iter()
            .any(|family| charset.starts_with(family))
    });
    if !looks_like_ascii {
        match String::from_utf8(bytes) {
            Ok(text) => return text,
            Err(error) => bytes = error.into_bytes(),
        }
    }
    // What is not UTF-8 and says nothing is mostly Windows-1252, which has a sign for every byte.
    let decoder = declared
        .as_deref()
        .filter(|charset| !matches!(*charset, "utf-8" | "us-ascii"))
        .and_then(|charset| charset_decoder(charset.as_bytes()))
        .or_else(|| charset_decoder(b"windows-1252"));
    match decoder {
        Some(decode) => decode(&bytes),
        None => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

/// The parameter `charset` of a Content-Type field (RFC 2045 §5.1), in lower case.
fn charset(field: &str) -> Option<String> {
    field.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then_some(value)
    })
}

/// Text in UTF-8 without control characters that text does not have.
pub(crate) fn looks_like_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        !text
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
    })
}

/// Whether a media type is one of text that can be shown as it is.
pub(crate) fn is_text(media_type: &str) -> bool {
    let kind = media_type.split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || kind.starts_with("message/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || [
            "application/json",
            "application/xml",
            "application/yaml",
            "application/x-yaml",
            "application/csv",
            "application/ics",
            "application/sql",
            "application/toml",
            "application/javascript",
        ]
        .contains(&kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_in_their_charset_or_a_likely_one() {
        for (field, bytes, expected) in [
            (None, "Grüße".as_bytes(), "Grüße"),
            (
                Some("text/plain; charset=UTF-8"),
                "Grüße".as_bytes(),
                "Grüße",
            ),
            // Converted by Gmail, header left as it was.
            (
                Some("text/plain; charset=\"ISO-8859-1\""),
                "Grüße".as_bytes(),
                "Grüße",
            ),
            (
                Some("text/plain; format=flowed; charset=iso-8859-1"),
                b"Gr\xfc\xdfe",
                "Grüße",
            ),
            (Some("text/plain; charset=windows-1252"), b"5 \x80", "5 €"),
            (
                Some("text/plain; charset=nonsense"),
                b"Gr\xfc\xdfe",
                "Grüße",
            ),
            (Some("text/plain; charset=utf-8"), b"Gr\xfc\xdfe", "Grüße"),
            (None, b"Gr\xfc\xdfe", "Grüße"),
            (Some("text/plain; charset=utf-16le"), b"h\0i\0", "hi"),
        ] {
            assert_eq!(text(field, bytes.to_vec()), expected, "{field:?}");
        }
    }
}
