//! The configuration that points Valetkey's providers at a sandbox.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::demo::sandbox::{Sandbox, Site};

impl Sandbox {
    /// Writes `valetkey.yaml` into `dir`, beside it the client secrets that it refers to, each
    /// readable by the owner alone. `rest` is YAML for everything but `auth.providers`: `server`,
    /// `store` and so on.
    ///
    /// The four entries are named like their sites. Slack's uses PKCE, so that it takes
    /// `http://localhost` as Slack does.
    pub fn write_config(&self, dir: &Path, rest: &str) -> io::Result<PathBuf> {
        let mut yaml = String::from("auth:\n  providers:\n");
        for site in Site::ALL {
            let secret = dir.join(format!("{site}.secret"));
            write_private(&secret, &self.client_secret(site))?;
            yaml.push_str(&self.entry(site, &secret));
        }
        yaml.push_str(rest);
        let file = dir.join("valetkey.yaml");
        write_private(&file, &yaml)?;
        Ok(file)
    }

    fn entry(&self, site: Site, secret: &Path) -> String {
        let (authorize, token, revoke, identity, api) = match site {
            Site::Google => ("o/oauth2/v2/auth", "token", "revoke", "v1/userinfo", ""),
            Site::Slack => (
                "oauth/v2/authorize",
                "api/oauth.v2.access",
                "api/auth.revoke",
                "api/auth.test",
                "api/",
            ),
            Site::GitHub => (
                "login/oauth/authorize",
                "login/oauth/access_token",
                "api/applications/valetkey-at-github/grant",
                "api/user",
                "api/",
            ),
            Site::Custom => ("authorize", "token", "revoke", "userinfo", "api/"),
        };
        let mut entry = format!(
            "    - id: {site}\n      type: oauth2\n      client_id: {}\n      \
             client_secret: ${{file:{}}}\n",
            self.client_id(site),
            secret.display(),
        );
        let (provider_id, oauth2) = match site {
            Site::Google | Site::GitHub => (Some(site.id()), String::new()),
            Site::Slack => (
                Some(site.id()),
                "        pkce: { enabled: true }\n".to_owned(),
            ),
            Site::Custom => (
                None,
                format!("        issuer: {}\n", self.world.issuer(site)),
            ),
        };
        let mut line = |text: std::fmt::Arguments<'_>| {
            entry
                .write_fmt(text)
                .expect("writing to a string cannot fail");
        };
        if let Some(provider_id) = provider_id {
            line(format_args!("      provider_id: {provider_id}\n"));
        }
        line(format_args!("      oauth2:\n{oauth2}"));
        for (request, path) in [
            ("authorization_request", authorize),
            ("token_request", token),
            ("revocation_request", revoke),
            ("user_info_request", identity),
        ] {
            let endpoint = self.url(site, path);
            line(format_args!(
                "        {request}: {{ endpoint: \"{endpoint}\" }}\n"
            ));
        }
        let base_url = self.url(site, api);
        line(format_args!("      api: {{ base_url: \"{base_url}\" }}\n"));
        entry
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}
