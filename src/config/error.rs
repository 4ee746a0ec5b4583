//! Why a configuration is refused. No message holds a value of the file or of the environment:
//! either could be a secret.

use std::path::Path;

/// Why the configuration cannot be used. Each message says where and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A line of the file is wrong.
    #[error("{file}:{line}: {problem}")]
    Invalid {
        /// The file.
        file: String,
        /// The line, counted from 1; 0 when the file as a whole is meant.
        line: u64,
        /// The key, what is wrong with it and what to write instead.
        problem: String,
    },
    /// The file cannot be read.
    #[error("The configuration file {file} cannot be used: {cause}.")]
    Unreadable {
        /// The file.
        file: String,
        /// What the operating system said, or what is wrong with the file's mode.
        cause: String,
    },
    /// A variable of the environment is missing or wrong.
    #[error("{0}")]
    Environment(String),
}

impl ConfigError {
    /// [`ConfigError::Unreadable`] for what the operating system said.
    pub(super) fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        Self::Unreadable {
            file: file.display().to_string(),
            cause: error.kind().to_string(),
        }
    }
}
