//! A sent message (RFC 5322), read into what a mailbox keeps of it.

use jiff::Timestamp;
use mail_parser::{HeaderForm, MessageParser, MimeHeaders as _, PartType};

/// A message taken apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    /// Unfolded and decoded, in their order.
    pub(super) headers: Vec<(String, String)>,
    /// The addresses in To, Cc and Bcc, in lower case.
    pub(super) recipients: Vec<String>,
    pub(super) text: String,
    pub(super) html: Option<String>,
    pub(super) attachments: Vec<File>,
}

/// An attached file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}

/// Reads a message; none if it has no header.
pub(super) fn parse(raw: &[u8]) -> Option<Message> {
    let parsed = MessageParser::default().parse(raw)?;
    let mut message = Message::default();
    for header in parsed.headers() {
        let name = header.name.as_str();
        if self::header(&message.headers, name).is_none() {
            for value in parsed.header_as(header.name.clone(), HeaderForm::Text) {
                let value = value.as_text().unwrap_or_default().to_owned();
                message.headers.push((name.to_owned(), value));
            }
        }
    }
    message.recipients = [parsed.to(), parsed.cc(), parsed.bcc()]
        .into_iter()
        .flatten()
        .flat_map(mail_parser::Address::iter)
        .filter_map(|address| Some(address.address.as_deref()?.to_lowercase()))
        .collect();
    for part in parsed.text_bodies() {
        if let PartType::Text(text) = &part.body {
            message.text.push_str(&text.replace("\r\n", "\n"));
        }
    }
    for part in parsed.html_bodies() {
        if let PartType::Html(html) = &part.body {
            message.html = Some(html.clone().into_owned());
        }
    }
    for part in parsed.attachments() {
        let kind = part.content_type().map(|kind| {
            let subtype = kind.subtype().unwrap_or("octet-stream");
            format!("{}/{subtype}", kind.ctype())
        });
        message.attachments.push(File {
            name: part.attachment_name().unwrap_or_default().to_owned(),
            media_type: kind.unwrap_or_else(|| "application/octet-stream".to_owned()),
            bytes: part.contents().to_vec(),
        });
    }
    Some(message)
}

/// A date as in the header (RFC 5322 §3.3).
pub(super) fn date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// The first header field of that name; names ignore case.
pub(super) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

impl Message {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_with_alternatives_and_an_attachment_is_read_whole() {
        let raw = "From: Ada <ada@example.test>\r\nTo: \"Hopper, G\" <Grace@example.test>\r\n\
            Cc: linus@example.test\r\nSubject: =?utf-8?B?R3LDvMOfZQ==?=\r\n =?utf-8?Q?_an_alle?=\r\n\
            Content-Type: multipart/mixed; boundary=\"outer\"\r\n\r\n\
            --outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n\
            --inner\r\nContent-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe, a long =\r\nline\r\n\
            --inner\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>\r\n--inner--\r\n\
            --outer\r\nContent-Type: application/pdf\r\n\
            Content-Disposition: attachment; filename=\"a.pdf\"\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\nAwQ=\r\n--outer--\r\n";
        let message = parse(raw.as_bytes()).unwrap();
        assert_eq!(message.header("subject"), Some("Grüße an alle"));
        assert_eq!(message.text, "Grüße, a long line");
        assert_eq!(message.html.as_deref(), Some("<p>Hi</p>"));
        let pdf = File {
            name: "a.pdf".to_owned(),
            media_type: "application/pdf".to_owned(),
            bytes: vec![0, 1, 2, 3, 4],
        };
        assert_eq!(message.attachments, [pdf]);
        assert_eq!(
            message.recipients,
            ["grace@example.test", "linus@example.test"]
        );
    }
}
