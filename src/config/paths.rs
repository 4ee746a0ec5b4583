//! Where things are on disk. Found by `HOME` and by what the configuration says: hosts drop the
//! XDG variables, and state must not move with them.
//!
//! So `XDG_STATE_HOME` is ignored on purpose: a server that one host starts with it and another
//! without would keep two vaults. `XDG_CONFIG_HOME` is only one of the places where a
//! configuration file is looked for.

use std::path::{Path, PathBuf};

use crate::config::Variables;
use crate::config::error::ConfigError;

/// The user's home directory, `HOME`.
pub fn home(variables: Variables<'_>) -> Result<PathBuf, ConfigError> {
    absolute(variables, "HOME").ok_or_else(|| {
        ConfigError::Environment(
            "HOME is not set to an absolute path, so there is no place for the vault. Set HOME."
                .to_owned(),
        )
    })
}

/// The directory of everything that is written while running: `~/.local/state/valetkey`, on macOS
/// `~/Library/Application Support/valetkey`.
pub fn state_dir(home: &Path) -> PathBuf {
    state_dir_on(home, cfg!(target_os = "macos"))
}

fn state_dir_on(home: &Path, macos: bool) -> PathBuf {
    if macos {
        home.join("Library/Application Support/valetkey")
    } else {
        home.join(".local/state/valetkey")
    }
}

/// The embedded store's directory when the configuration names none.
pub fn store_dir(home: &Path) -> PathBuf {
    state_dir(home).join("store")
}

/// The same for `valetkey http`, whose people are other people.
pub fn http_store_dir(home: &Path) -> PathBuf {
    state_dir(home).join("http-store")
}

/// The master key's file. Outside the state directory, so that a copy of the vault is not a copy
/// of its key.
pub fn master_key_file(home: &Path) -> PathBuf {
    home.join(".config/valetkey/master.key")
}

/// Where a user's own toolkits are when the configuration names no folder.
pub fn toolkits_dir(home: &Path) -> PathBuf {
    home.join(".config/valetkey/toolkits")
}

/// The configuration files to look for when none is named, in this order. Never one below the
/// current directory: a cloned repository could bring it along.
pub(super) fn config_files(variables: Variables<'_>) -> Vec<PathBuf> {
    let below_home = absolute(variables, "HOME").map(|home| home.join(".config"));
    // The XDG base directory specification says to ignore a relative path.
    [absolute(variables, "XDG_CONFIG_HOME"), below_home]
        .into_iter()
        .flatten()
        .map(|directory| directory.join("valetkey/valetkey.yaml"))
        .collect()
}

fn absolute(variables: Variables<'_>, name: &str) -> Option<PathBuf> {
    variables(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_found_by_home_alone_and_the_key_lies_outside_it() {
        let home = Path::new("/home/ada");
        assert_eq!(
            state_dir_on(home, false),
            Path::new("/home/ada/.local/state/valetkey")
        );
        assert_eq!(
            state_dir_on(home, true),
            Path::new("/home/ada/Library/Application Support/valetkey")
        );
        for macos in [false, true] {
            assert!(!master_key_file(home).starts_with(state_dir_on(home, macos)));
        }
    }

    #[test]
    fn a_relative_home_or_xdg_directory_is_no_directory() {
        let variables = |_: &str| Some(".".into());
        assert_eq!(config_files(&variables), Vec::<PathBuf>::new());
        assert!(home(&variables).is_err());
    }
}
