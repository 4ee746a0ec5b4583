//! Values of the file: `${env:NAME}` and `${file:PATH}` are expanded, and every complaint names the
//! line and the key, never the value.

use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use secrecy::SecretString;
use serde_saphyr::Spanned;

use crate::config::error::ConfigError;
use crate::config::{Variables, paths};

/// A scalar as written, with its line. Everything is read as text, so that a client id which looks
/// like a number keeps its digits, and `enabled: ${env:NAME}` works.
pub(super) type Text = Spanned<String>;

/// More than any secret needs; keeps a wrong path from filling the memory.
const SECRET_FILE_LIMIT: u64 = 64 * 1024;

/// Reads the values of one configuration file.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) file: &'a Path,
    pub(super) variables: Variables<'a>,
}

impl Reader<'_> {
    /// The expanded text. An empty one counts as a mistake.
    pub(super) fn text(self, key: &str, value: &Text) -> Result<String, ConfigError> {
        let text = self
            .expand(&value.value)
            .map_err(|problem| self.wrong(line(value), key, &problem))?;
        if text.is_empty() {
            return Err(self.wrong(
                line(value),
                key,
                "is empty. Give it a value or remove the key",
            ));
        }
        Ok(text)
    }

    /// The expanded text of an optional value.
    pub(super) fn optional(
        self,
        key: &str,
        value: Option<&Text>,
    ) -> Result<Option<String>, ConfigError> {
        value.map(|value| self.text(key, value)).transpose()
    }

    /// A secret, which must be one reference and nothing else.
    pub(super) fn secret(self, key: &str, value: &Text) -> Result<SecretString, ConfigError> {
        let raw = value.value.as_str();
        let one_reference = (raw.starts_with("${env:") || raw.starts_with("${file:"))
            && raw.find('}') == Some(raw.len() - 1);
        if !one_reference {
            return Err(self.wrong(
                line(value),
                key,
                "is a secret and must not be written here. Write ${env:NAME} or ${file:PATH}",
            ));
        }
        self.text(key, value).map(SecretString::from)
    }

    /// `true` or `false`.
    pub(super) fn flag(self, key: &str, value: &Text) -> Result<bool, ConfigError> {
        match self.text(key, value)?.as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.wrong(line(value), key, "must be true or false")),
        }
    }

    /// A number between two bounds, both included.
    pub(super) fn number<T: FromStr + PartialOrd + std::fmt::Display>(
        self,
        key: &str,
        value: &Text,
        (least, most): (T, T),
    ) -> Result<T, ConfigError> {
        self.text(key, value)?
            .parse()
            .ok()
            .filter(|number| (&least..=&most).contains(&number))
            .ok_or_else(|| {
                let problem = format!("must be a whole number from {least} to {most}");
                self.wrong(line(value), key, &problem)
            })
    }

    /// A complaint about a key.
    pub(super) fn wrong(self, line: u64, key: &str, problem: &str) -> ConfigError {
        ConfigError::Invalid {
            file: self.file.display().to_string(),
            line,
            problem: format!("{key} {problem}."),
        }
    }

    fn expand(self, raw: &str) -> Result<String, String> {
        let mut expanded = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some((before, reference)) = rest.split_once("${") {
            let (reference, after) = reference
                .split_once('}')
                .ok_or("has a `${` without its `}`")?;
            expanded.push_str(before);
            expanded.push_str(&self.dereference(reference)?);
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    fn dereference(self, reference: &str) -> Result<String, String> {
        if let Some(name) = reference.strip_prefix("env:") {
            let well_formed =
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !well_formed {
                return Err("has an `${env:…}` whose name is not that of a variable".to_owned());
            }
            let value = (self.variables)(name).ok_or_else(|| {
                format!("needs the environment variable {name}, which is not set")
            })?;
            value
                .into_string()
                .map_err(|_| format!("needs the environment variable {name}, which is not UTF-8"))
        } else if let Some(path) = reference.strip_prefix("file:") {
            let path = self.absolute(path)?;
            read_secret_file(&path)
                .map_err(|problem| format!("needs the file {}, which {problem}", path.display()))
        } else {
            Err("has a `${…}` that is neither ${env:NAME} nor ${file:PATH}".to_owned())
        }
    }

    /// An absolute path, or one that starts with `~/`.
    pub(super) fn absolute(self, path: &str) -> Result<PathBuf, String> {
        if let Some(below_home) = path.strip_prefix("~/") {
            let home = paths::home(self.variables).map_err(|error| error.to_string())?;
            return Ok(home.join(below_home));
        }
        Some(PathBuf::from(path))
            .filter(|path| path.is_absolute())
            .ok_or_else(|| "needs a path that begins with / or ~/".to_owned())
    }
}

/// The line of a value, counted from 1.
pub(super) fn line<T>(value: &Spanned<T>) -> u64 {
    value.referenced.line()
}

/// Reads a file that only this user can read, or that root provides (a mounted secret), and trims
/// one newline at its end.
fn read_secret_file(path: &Path) -> Result<String, String> {
    let not_readable = |error: std::io::Error| format!("cannot be read ({})", error.kind());
    // Without NONBLOCK, opening a named pipe would wait for a writer for ever.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)
        .map_err(not_readable)?;
    // Of the opened file, so that nothing can be exchanged between the check and the reading.
    let metadata = file.metadata().map_err(not_readable)?;
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mode = metadata.mode() & 0o7777;
    let path = path.display();
    if metadata.uid() == rustix::process::getuid().as_raw() {
        if mode & 0o077 != 0 {
            return Err(format!(
                "others can use (mode {mode:04o}). Run: chmod 600 '{path}'"
            ));
        }
    } else if metadata.uid() != 0 {
        return Err("belongs to another user. Give it to the user who runs valetkey".to_owned());
    } else if mode & 0o022 != 0 {
        return Err(format!(
            "others can change (mode {mode:04o}). Run as root: chmod go-w '{path}'"
        ));
    }
    if metadata.len() > SECRET_FILE_LIMIT {
        return Err("is larger than 64 KiB".to_owned());
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(not_readable)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}
