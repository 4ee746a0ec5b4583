//! The characters of a text part.

use mail_parser::decoders::charsets::map::charset_decoder;

use super::wire::Part;

/// The text that a part's bytes stand for.
///
/// Gmail hands some texts over in UTF-8 whatever their header says, and others as they came: so
/// what is UTF-8 is read as such, unless the charset is one that only looks like it.
pub(super) fn text(part: &Part, bytes: &[u8]) -> String {
    let declared = part.header("Content-Type").and_then(charset);
    let looks_like_ascii = declared.as_deref().is_some_and(|charset| {
        ["utf-7", "utf-16", "iso-2022"]
            .iter()
            .any(|family| charset.starts_with(family))
    });
    if !looks_like_ascii && let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    // What is not UTF-8 and says nothing is mostly Windows-1252, which has a sign for every byte.
    let decoder = declared
        .as_deref()
        .filter(|charset| !matches!(*charset, "utf-8" | "us-ascii"))
        .and_then(|charset| charset_decoder(charset.as_bytes()))
        .or_else(|| charset_decoder(b"windows-1252"));
    match decoder {
        Some(decode) => decode(bytes),
        None => String::from_utf8_lossy(bytes).into_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gmail::wire::Header;

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
            let part = Part {
                headers: field
                    .map(|value| Header {
                        name: "Content-Type".to_owned(),
                        value: value.to_owned(),
                    })
                    .into_iter()
                    .collect(),
                ..Part::default()
            };
            assert_eq!(text(&part, bytes), expected, "{field:?}");
        }
    }
}
