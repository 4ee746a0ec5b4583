//! Whom a mail goes to: addresses read, checked and freed of duplicates.

use mail_builder::headers::address::Address;
use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;
use schemars::JsonSchema;
use serde::Serialize;
use url::Host;

use crate::error::ToolError;

/// Gmail limits the recipients of a message; the list is also what a person can still check.
const MAX_RECIPIENTS: usize = 100;

/// A checked address, as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct Mailbox {
    /// The display name, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// The e-mail address; an international domain is in its ASCII form.
    pub(super) email: String,
}

impl std::fmt::Display for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.email),
            None => f.write_str(&self.email),
        }
    }
}

impl Mailbox {
    pub(super) fn address(&self) -> Address<'_> {
        Address::new_address(self.name.as_deref(), self.email.as_str())
    }
}

/// Everybody who gets a mail.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Recipients {
    /// Recipients.
    pub(super) to: Vec<Mailbox>,
    /// Recipients of copies.
    pub(super) cc: Vec<Mailbox>,
    /// Recipients of blind copies.
    pub(super) bcc: Vec<Mailbox>,
}

impl Recipients {
    /// Reads the three arguments. The number is how many duplicates were left out: who is in `to`
    /// needs no copy, and who is in `cc` no blind one.
    pub(super) fn read(
        to: &[String],
        cc: &[String],
        bcc: &[String],
    ) -> Result<(Self, usize), ToolError> {
        let mut recipients = Self {
            to: several("to", to)?,
            cc: several("cc", cc)?,
            bcc: several("bcc", bcc)?,
        };
        let duplicates = recipients.settle()?;
        if recipients.count() == 0 {
            return Err(ToolError::invalid_arguments(
                "There is no recipient: `to`, `cc` and `bcc` are empty.",
            ));
        }
        Ok((recipients, duplicates))
    }

    /// Leaves duplicates out, and says how many they were; refuses more than may be.
    pub(super) fn settle(&mut self) -> Result<usize, ToolError> {
        let before = self.count();
        let mut seen = Vec::new();
        for list in [&mut self.to, &mut self.cc, &mut self.bcc] {
            list.retain(|mailbox| {
                let key = mailbox.email.to_ascii_lowercase();
                let is_new = !seen.contains(&key);
                if is_new {
                    seen.push(key);
                }
                is_new
            });
        }
        match self.count() {
            count if count > MAX_RECIPIENTS => Err(ToolError::invalid_arguments(format!(
                "There are {count} recipients; at most {MAX_RECIPIENTS} are allowed."
            ))),
            count => Ok(before - count),
        }
    }

    /// Everybody.
    pub(super) fn all(&self) -> impl Iterator<Item = &Mailbox> {
        self.to.iter().chain(&self.cc).chain(&self.bcc)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.to.len() + self.cc.len() + self.bcc.len()
    }
}

/// The mailboxes of a received address field, groups included (RFC 5322 §3.4, RFC 6854), and how
/// many of them no mail can be sent to.
///
/// A name that looks like another address, or could not travel in a header, is dropped.
pub(super) fn of_header(value: &str) -> (Vec<Mailbox>, usize) {
    let field = format!("{}\n", value.replace(['\r', '\n'], " "));
    let HeaderValue::Address(found) = MessageStream::new(field.as_bytes()).parse_address() else {
        return (Vec::new(), 0);
    };
    let mut unusable = 0;
    let mut list = Vec::new();
    for one in found.iter() {
        match checked(one.address().unwrap_or_default().trim()) {
            Ok(email) => {
                let name = one.name().unwrap_or_default();
                let name = display_name("", name, &email).unwrap_or_default();
                list.push(Mailbox { name, email });
            }
            Err(_) => unusable += 1,
        }
    }
    (list, unusable)
}

/// Reads an argument that lists mailboxes.
pub(super) fn several(argument: &str, texts: &[String]) -> Result<Vec<Mailbox>, ToolError> {
    let mut list = Vec::new();
    for text in texts {
        list.extend(mailboxes(argument, text)?);
    }
    Ok(list)
}

/// Reads an argument that holds exactly one mailbox.
pub(super) fn one(argument: &str, text: &str) -> Result<Mailbox, ToolError> {
    match mailboxes(argument, text)?.as_slice() {
        [mailbox] => Ok(mailbox.clone()),
        _ => Err(ToolError::invalid_arguments(format!(
            "`{argument}` must be one address."
        ))),
    }
}

/// Reads `ada@x.example`, `Ada <ada@x.example>` or several with commas between (RFC 5322 §3.4).
/// The parser is lenient, so everything that it found is checked.
fn mailboxes(argument: &str, text: &str) -> Result<Vec<Mailbox>, ToolError> {
    single_line(argument, text)?;
    let field = format!("{text}\n");
    let list = match MessageStream::new(field.as_bytes()).parse_address() {
        HeaderValue::Address(mail_parser::Address::List(list)) => list,
        HeaderValue::Address(mail_parser::Address::Group(_)) => {
            return Err(ToolError::invalid_arguments(format!(
                "`{argument}` has a group of addresses; list the addresses themselves."
            )));
        }
        _ => {
            return Err(ToolError::invalid_arguments(format!(
                "`{argument}` has an empty address."
            )));
        }
    };
    list.iter()
        .map(|found| {
            let email = checked(found.address().unwrap_or_default()).map_err(|why| {
                ToolError::invalid_arguments(format!(
                    "`{argument}` has an address that cannot be used: {why}. Write `name@domain` \
                     or `Name <name@domain>`, with quotation marks around a name that has a comma \
                     in it."
                ))
            })?;
            let name = display_name(argument, found.name().unwrap_or_default(), &email)?;
            Ok(Mailbox { name, email })
        })
        .collect()
}

/// A name that may stand before an address. One that is another address is refused: it would be
/// taken for the recipient.
fn display_name(argument: &str, name: &str, email: &str) -> Result<Option<String>, ToolError> {
    let name = name.trim();
    // Encoded words have been decoded by now, so this is not what was looked at before.
    single_line(argument, name)?;
    if name.is_empty() || name.eq_ignore_ascii_case(email) {
        return Ok(None);
    }
    if name.contains('@') {
        return Err(ToolError::invalid_arguments(format!(
            "`{argument}` has a name with an @ in it, which looks like another address."
        )));
    }
    if name.chars().count() > 200 {
        return Err(ToolError::invalid_arguments(format!(
            "`{argument}` has a name of more than 200 characters."
        )));
    }
    Ok(Some(name.to_owned()))
}

/// Refuses what could end a header field and begin another one (RFC 5322 §2.2), and what a reader
/// decodes into something else than was written (RFC 2047).
pub(super) fn single_line(argument: &str, text: &str) -> Result<(), ToolError> {
    if text
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
    {
        return Err(ToolError::invalid_arguments(format!(
            "`{argument}` has a line break or another control character."
        )));
    }
    if text.contains("=?") && text.contains("?=") {
        return Err(ToolError::invalid_arguments(format!(
            "`{argument}` has an encoded word (=?…?=); write the characters themselves."
        )));
    }
    Ok(())
}

/// An address with a plain local part (RFC 5322 §3.2.3, `dot-atom`) and a domain name.
fn checked(email: &str) -> Result<String, &'static str> {
    let Some((local, domain)) = email.split_once('@') else {
        return Err("it has no @");
    };
    if domain.contains('@') {
        return Err("it has more than one @");
    }
    if local.is_empty() || local.len() > 64 {
        return Err("the part before the @ is empty or longer than 64 characters");
    }
    let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    if !local
        .split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
    {
        return Err("the part before the @ has characters or dots that it may not have");
    }
    if !domain
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'))
    {
        return Err("the domain has characters that it may not have");
    }
    match Host::parse(domain) {
        Ok(Host::Domain(ascii))
            if ascii.contains('.')
                && ascii.len() <= 253
                && ascii.split('.').all(|label| {
                    (1..=63).contains(&label.len())
                        && !label.starts_with('-')
                        && !label.ends_with('-')
                }) =>
        {
            Ok(format!("{local}@{ascii}"))
        }
        _ => Err("the domain is not one that mail can go to"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    fn shown(list: &[Mailbox]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, expected) in [
            ("ada@x.example", &["ada@x.example"][..]),
            (" ada@x.example ", &["ada@x.example"]),
            ("<ada@x.example>", &["ada@x.example"]),
            ("Ada <ada@x.example>", &["Ada <ada@x.example>"]),
            ("Ada@x.example <ada@x.example>", &["ada@x.example"]),
            ("Jürgen <j+news@x.example>", &["Jürgen <j+news@x.example>"]),
            (
                "\"Lovelace, Ada\" <ada@x.example>",
                &["Lovelace, Ada <ada@x.example>"],
            ),
            (
                "a@x.example, Bob <b@y.example>",
                &["a@x.example", "Bob <b@y.example>"],
            ),
            ("ada@MÜNCHEN.example", &["ada@xn--mnchen-3ya.example"]),
        ] {
            let list = mailboxes("to", text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(shown(&list), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            " ",
            ",",
            "ada",
            "ada@",
            "@x.example",
            "a@b@x.example",
            "boss@x.example <a@y.example>",
            "a b@x.example",
            "ada@x",
            "ada@127.0.0.1",
            "ada@[127.0.0.1]",
            "ada@x..example",
            "ada@-x.example",
            "ada@x.example>",
            "ada.@x.example",
            "ada@x.example; bob@x.example",
            "Friends: ada@x.example;",
            "Lovelace, Ada <ada@x.example>",
            "\"ada lovelace\"@x.example",
            "jürgen@x.example",
            "ada@x.example\r\nBcc: eve@x.example",
            "ada@x.example\nSubject: x",
            "Ada\u{2028} <ada@x.example>",
            "Ada\u{0} <ada@x.example>",
            "=?utf-8?Q?A=0D=0ABcc:_eve@x.example?= <ada@x.example>",
            "ada@%78.example",
        ] {
            let result = mailboxes("to", text);
            let error = result.map(|list| shown(&list)).expect_err(text);
            assert!(error.message.starts_with("`to`"), "{text}: {error}");
        }
    }

    #[test]
    fn everybody_is_named_once() {
        let (recipients, duplicates) = Recipients::read(
            &strings(&["Ada <ada@x.example>", "ADA@X.example"]),
            &strings(&["bob@x.example", "ada@x.example"]),
            &strings(&["bob@x.example", "eve@x.example"]),
        )
        .unwrap();
        assert_eq!(duplicates, 3);
        assert_eq!(shown(&recipients.to), ["Ada <ada@x.example>"]);
        assert_eq!(shown(&recipients.cc), ["bob@x.example"]);
        assert_eq!(shown(&recipients.bcc), ["eve@x.example"]);
    }

    #[test]
    fn none_and_too_many_are_refused() {
        assert!(Recipients::read(&[], &[], &[]).is_err());
        let list = |count| (0..count).map(|n| format!("a{n}@x.example")).collect();
        let hundred: Vec<String> = list(100);
        assert!(Recipients::read(&hundred, &[], &[]).is_ok());
        let more: Vec<String> = list(101);
        assert!(Recipients::read(&[], &more, &[]).is_err());
    }
}
