mod auth;
mod mistakes;

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;
use crate::config::provider::{AuthMethod, Request};

/// A home directory with, if wanted, a configuration file in it.
struct Home {
    directory: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Home {
    fn empty() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    fn with_file(yaml: &str) -> Self {
        let home = Self::empty();
        home.write(".config/valetkey/valetkey.yaml", yaml);
        home
    }

    fn variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        self.mode(name, 0o600);
        path
    }

    fn mode(&self, name: &str, mode: u32) {
        std::fs::set_permissions(self.path(name), PermissionsExt::from_mode(mode)).unwrap();
    }

    fn load(&self) -> Result<Config, ConfigError> {
        self.load_file(None)
    }

    fn load_file(&self, explicit: Option<&Path>) -> Result<Config, ConfigError> {
        Config::load_with(explicit, &|name| {
            if name == "HOME" && !self.variables.iter().any(|(known, _)| *known == "HOME") {
                return Some(self.directory.path().into());
            }
            let found = self.variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        })
    }
}

/// A file with one entry whose keys are `lines`, the first of them on line 4.
fn entry(lines: &str) -> String {
    let lines = lines.replace('\n', "\n      ");
    format!("auth:\n  providers:\n    - id: a\n      {lines}\n")
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/fixtures")
        .join(name)
}

fn endpoint(request: &Request) -> Option<&str> {
    request.endpoint.as_ref().map(Url::as_str)
}

#[test]
fn without_a_file_each_client_id_in_the_environment_enables_its_provider() {
    let home = Home::empty()
        .variable("GOOGLE_CLIENT_ID", "g.apps.example")
        .variable("GOOGLE_CLIENT_SECRET", "CANARY")
        .variable("GITHUB_CLIENT_ID", "Iv1.abc")
        .variable("SLACK_CLIENT_ID", "");
    let config = home.load().unwrap();
    assert_eq!(config.source, None);
    let entries: Vec<_> = config
        .providers
        .iter()
        .map(|p| {
            (
                p.id.as_str(),
                p.provider_id.as_deref(),
                p.client_id.as_str(),
                p.client_secret.is_some(),
            )
        })
        .collect();
    assert_eq!(
        entries,
        [
            ("google", Some("google"), "g.apps.example", true),
            ("github", Some("github"), "Iv1.abc", false),
        ]
    );
    assert!(!format!("{config:?}").contains("CANARY"));
}

#[test]
fn what_is_not_said_has_the_documented_default() {
    let home = Home::empty();
    let config = home.load().unwrap();
    assert_eq!(config.server.public_url.as_str(), "http://127.0.0.1:8419/");
    assert_eq!(config.server.callback_port, 8419);
    assert_eq!(config.server.hold, Duration::from_secs(50));
    assert_eq!(config.server.hold_with_progress, Duration::from_mins(5));
    assert_eq!(config.server.hold_text, Duration::from_secs(4));
    assert_eq!(config.elicitation, Elicitation::Request);
    let audit = Audit {
        keep: 20_000,
        required: false,
    };
    assert_eq!(config.audit, audit);
    assert_eq!(config.toolkits.enabled, ["gmail", "slack", "github"]);
    assert_eq!(config.store_dir, paths::store_dir(home.directory.path()));
    let MasterKeySource::File(file) = config.master_key else {
        panic!("no key file")
    };
    assert_eq!(file, home.path(".config/valetkey/master.key"));
}

#[test]
fn every_supported_key_outside_the_providers_is_taken_over() {
    let home = Home::with_file(
        "server:\n  public_url: https://mcp.example.com\n  callback_port: 9000\n  hold_s: 10\n  hold_with_progress_s: 20\n  hold_text_s: 0\n\
         elicitation: { legacy: error }\n\
         audit: { keep: 500, required: true }\n\
         store: \"sled:/srv/vault\"\n\
         auth: { providers: [{ id: google-work, client_id: x, provider_id: google }] }\n\
         toolkits:\n  enabled: [gmail]\n  providers: { gmail: google-work }\n  paths: [/srv/kits, ~/kits]\n  read_only: true\n  \
         tools: { allow: [\"gmail_*\"], deny: [gmail_trash] }\n\
         policy:\n  recipient_domains: [Example.com, \"*.example.org\"]\n  \
         slack_channels: [\"#launch\", \"@*\"]\n  github_repos: [Octo/App, acme/*]\n",
    );
    let config = home.load().unwrap();
    assert_eq!(
        config.source,
        Some(home.path(".config/valetkey/valetkey.yaml"))
    );
    assert_eq!(
        config.server.public_url.as_str(),
        "https://mcp.example.com/"
    );
    assert_eq!(config.server.callback_port, 9000);
    assert_eq!(config.server.hold, Duration::from_secs(10));
    assert_eq!(config.server.hold_with_progress, Duration::from_secs(20));
    assert_eq!(config.server.hold_text, Duration::ZERO);
    assert_eq!(config.elicitation, Elicitation::Error);
    let audit = Audit {
        keep: 500,
        required: true,
    };
    assert_eq!(config.audit, audit);
    assert_eq!(config.store_dir, Path::new("/srv/vault"));
    assert_eq!(config.toolkits.enabled, ["gmail"]);
    assert_eq!(config.toolkits.providers["gmail"], "google-work");
    let paths = [PathBuf::from("/srv/kits"), home.path("kits")];
    assert_eq!(config.toolkits.paths, paths);
    assert!(config.toolkits.read_only);
    assert!(config.toolkits.allow[0].fits("gmail_search") && !config.toolkits.allow[0].is_exact());
    assert_eq!(config.toolkits.deny[0].to_string(), "gmail_trash");
    let allowed = &config.policy.allowed;
    assert_eq!(
        told(&allowed.recipient_domains),
        "example.com *.example.org"
    );
    assert_eq!(told(&allowed.slack_channels), "#launch @*");
    assert_eq!(told(&allowed.github_repos), "octo/app acme/*");
}

#[test]
fn the_folder_of_ones_own_toolkits_is_looked_at_if_it_is_there() {
    let home = Home::with_file("store: \"sled:\"\n");
    assert!(home.load().unwrap().toolkits.paths.is_empty());
    let folder = home.path(".config/valetkey/toolkits");
    std::fs::create_dir_all(&folder).unwrap();
    assert_eq!(home.load().unwrap().toolkits.paths, [folder]);
}

#[test]
fn a_file_without_providers_enables_none_whatever_the_environment_says() {
    let home = Home::with_file("store: \"sled:\"\n").variable("GOOGLE_CLIENT_ID", "x");
    assert!(home.load().unwrap().providers.is_empty());
}

#[test]
fn a_list_of_toolkits_whose_items_are_commented_out_enables_none() {
    let home = Home::with_file("toolkits:\n  enabled:\n    # - gmail\n");
    assert!(home.load().unwrap().toolkits.enabled.is_empty());
}

#[test]
fn the_three_shapes_from_arcade_load_as_they_stand() {
    let home = Home::empty()
        .variable("GITHUB_CLIENT_ID", "gh")
        .variable("GITHUB_CLIENT_SECRET", "s1")
        .variable("CUSTOM_CLIENT_ID", "cu")
        .variable("CUSTOM_CLIENT_SECRET", "s2")
        .variable("CLIENT_ID", "se")
        .variable("CLIENT_SECRET", "s3");
    let config = home
        .load_file(Some(&fixture("arcade-providers.yaml")))
        .unwrap();
    let [github, custom, secure] = config.providers.as_slice() else {
        panic!("not three")
    };
    assert_eq!(github.provider_id.as_deref(), Some("github"));
    assert_eq!(
        github.description.as_deref(),
        Some("GitHub OAuth for agent access")
    );
    assert_eq!(github.client_id, "gh");
    assert_eq!(custom.provider_id, None);
    assert_eq!(
        endpoint(&custom.authorization_request),
        Some("https://provider.example/oauth/authorize")
    );
    assert_eq!(custom.authorization_request.params["scope"], "read write");
    assert_eq!(
        endpoint(&custom.token_request),
        Some("https://provider.example/oauth/token")
    );
    assert_eq!(
        endpoint(&custom.user_info_request),
        Some("https://provider.example/oauth/userinfo")
    );
    assert_eq!(secure.pkce, Some(true));
    assert_eq!(endpoint(&secure.token_request), None);
}

#[test]
fn every_key_that_arcade_documents_is_understood() {
    let home = Home::empty()
        .variable("HOOLI_ENABLED", "true")
        .variable("HOOLI_CLIENT_ID", "id")
        .variable("HOOLI_CLIENT_SECRET", "secret");
    let config = home
        .load_file(Some(&fixture("arcade-documented-keys.yaml")))
        .unwrap();
    let hooli = &config.providers[0];
    assert_eq!(hooli.scope_delimiter.as_deref(), Some(","));
    let authorization = &hooli.authorization_request;
    let params: Vec<_> = authorization
        .params
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        params,
        [
            ("prompt", "consent"),
            ("scope", "{{scopes}} {{existing_scopes}}")
        ]
    );
    let token = &hooli.token_request;
    assert_eq!(
        token.auth_method,
        Some(AuthMethod::ClientSecretBasic),
        "header or body, never both"
    );
    assert!(token.params.is_empty());
    assert_eq!(token.response_map.len(), 5);
    let refresh = &hooli.refresh_request;
    assert_eq!(
        refresh.auth_method,
        Some(AuthMethod::ClientSecretPost),
        "said by its params"
    );
    assert!(refresh.form_response);
    let introspection = &hooli.introspection_request.introspection;
    assert!(introspection.on_token_grant && !introspection.on_token_refresh);
    assert!(!introspection.relative_expiration);
    assert_eq!(
        hooli.introspection_request.params["token"],
        "{{access_token}}"
    );
    assert_eq!(hooli.user_info_request.method.as_deref(), Some("GET"));

    let disabled = home
        .variables
        .iter()
        .cloned()
        .map(|(name, value)| match name {
            "HOOLI_ENABLED" => (name, "false".to_owned()),
            _ => (name, value),
        });
    let home = Home {
        directory: tempfile::tempdir().unwrap(),
        variables: disabled.collect(),
    };
    let config = home
        .load_file(Some(&fixture("arcade-documented-keys.yaml")))
        .unwrap();
    assert!(config.providers.is_empty());
}

#[test]
fn a_client_id_that_looks_like_a_number_keeps_its_digits() {
    let home = Home::with_file(&entry("client_id: 3336676.569200954261230"));
    assert_eq!(
        home.load().unwrap().providers[0].client_id,
        "3336676.569200954261230"
    );
}

#[test]
fn nothing_of_a_disabled_entry_is_expanded() {
    let yaml = entry("enabled: false\nclient_id: ${env:NOT_SET}\nclient_secret: ${file:/nowhere}");
    assert!(Home::with_file(&yaml).load().unwrap().providers.is_empty());
}

#[test]
fn a_secret_file_is_read_when_only_its_owner_can_and_refused_otherwise() {
    let home = Home::empty();
    let secret = home.write("secret", "CANARY\n");
    let yaml = entry("client_id: x\nclient_secret: ${file:~/secret}");
    let named = entry("client_id: x${file:~/secret}y");
    let named = home.write("named.yaml", &named);
    home.write(".config/valetkey/valetkey.yaml", &yaml);
    for mode in [0o600, 0o400] {
        home.mode("secret", mode);
        let config = home.load().unwrap();
        assert!(config.providers[0].client_secret.is_some());
        assert!(!format!("{config:?}").contains("CANARY"));
        // The same file where its text can be seen.
        let config = home.load_file(Some(&named)).unwrap();
        assert_eq!(
            config.providers[0].client_id, "xCANARYy",
            "the newline is trimmed"
        );
    }
    for mode in [0o644, 0o640, 0o604, 0o620] {
        home.mode("secret", mode);
        let told = home.load().unwrap_err().to_string();
        assert!(
            told.contains(&format!("chmod 600 '{}'", secret.display())),
            "{told}"
        );
        assert!(told.contains(&format!("{mode:04o}")), "{told}");
        assert!(!told.contains("CANARY"), "{told}");
    }
}

#[test]
fn a_secret_file_that_is_a_directory_or_a_pipe_is_refused_at_once() {
    let home = Home::with_file(&entry("client_id: ${file:~/odd}"));
    std::fs::create_dir(home.path("odd")).unwrap();
    assert!(
        home.load()
            .unwrap_err()
            .to_string()
            .contains("not a regular file")
    );
    std::fs::remove_dir(home.path("odd")).unwrap();
    let cwd = rustix::fs::CWD;
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(cwd, home.path("odd"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(
        home.load()
            .unwrap_err()
            .to_string()
            .contains("not a regular file")
    );
}

#[test]
fn the_file_is_looked_for_in_the_documented_order_and_a_named_one_must_exist() {
    let yaml = |port: u16| format!("server: {{ callback_port: {port} }}");
    let home = Home::with_file(&yaml(1));
    assert_eq!(home.load().unwrap().server.callback_port, 1);
    home.write("xdg/valetkey/valetkey.yaml", &yaml(2));
    let xdg = home.path("xdg").display().to_string();
    let home = home.variable("XDG_CONFIG_HOME", xdg);
    assert_eq!(home.load().unwrap().server.callback_port, 2);
    let named = home.write("named.yaml", &yaml(3));
    let home = home.variable("VALETKEY_CONFIG", named.display().to_string());
    assert_eq!(home.load().unwrap().server.callback_port, 3);
    let explicit = home.write("explicit.yaml", &yaml(4));
    assert_eq!(
        home.load_file(Some(&explicit))
            .unwrap()
            .server
            .callback_port,
        4
    );
    let told = home
        .load_file(Some(Path::new("/nowhere/a.yaml")))
        .unwrap_err()
        .to_string();
    assert!(
        told.contains("/nowhere/a.yaml") && told.contains("not found"),
        "{told}"
    );
}

#[test]
fn files_planted_in_the_current_directory_are_ignored() {
    // The tests run in the package's directory; a relative XDG_CONFIG_HOME and HOME would lead
    // there, and so would any search in the current directory.
    let planted = tempfile::Builder::new()
        .prefix("planted")
        .tempdir_in(".")
        .unwrap();
    let name = planted
        .path()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    for file in [
        "valetkey.yaml",
        "valetkey/valetkey.yaml",
        ".config/valetkey/valetkey.yaml",
        ".env",
    ] {
        let path = planted.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(
            path,
            "server: { callback_port: 6666 }\nGOOGLE_CLIENT_ID=evil\n",
        )
        .unwrap();
    }
    let home = Home::empty().variable("XDG_CONFIG_HOME", name.clone());
    let config = home.load().unwrap();
    assert_eq!((config.source, config.providers.len()), (None, 0));
    assert!(Home::empty().variable("HOME", name).load().is_err());
}

#[test]
fn the_place_of_the_master_key_can_be_chosen_and_then_nothing_else_counts() {
    let key = STANDARD.encode([7; 32]);
    let load = |value: &str, key: Option<&str>| {
        let home = Home::with_file(&format!("master_key: \"{value}\"\n"));
        match key {
            Some(key) => home.variable("VALETKEY_MASTER_KEY", key).load(),
            None => home.load(),
        }
    };
    for variable in [None, Some(&*key)] {
        let file = load("file:/etc/valetkey/key", variable).unwrap().master_key;
        assert!(
            matches!(file, MasterKeySource::File(path) if path == Path::new("/etc/valetkey/key"))
        );
        let keyring = load("keyring:", variable).unwrap().master_key;
        assert!(matches!(keyring, MasterKeySource::OsKeyring));
    }
    let environment = load("env:", Some(&key)).unwrap().master_key;
    assert!(matches!(environment, MasterKeySource::Environment(_)));
    let missing = load("env:", None).unwrap_err().to_string();
    assert!(missing.contains(":1: master_key"), "{missing}");
    assert!(
        missing.contains("VALETKEY_MASTER_KEY is not set"),
        "{missing}"
    );
}

#[test]
fn a_file_that_everyone_can_change_is_refused_with_the_command_that_helps() {
    let home = Home::with_file("store: \"sled:\"\n");
    home.mode(".config/valetkey/valetkey.yaml", 0o666);
    let told = home.load().unwrap_err().to_string();
    assert!(told.contains("chmod o-w"), "{told}");
}

#[test]
fn the_master_key_of_the_environment_must_be_32_bytes_and_is_never_shown() {
    let key = STANDARD.encode([7; 32]);
    let config = Home::empty()
        .variable("VALETKEY_MASTER_KEY", &key)
        .load()
        .unwrap();
    assert!(matches!(config.master_key, MasterKeySource::Environment(_)));
    assert!(!format!("{config:?}").contains(&key));
    for bad in [
        "CANARY".to_owned(),
        STANDARD.encode([7; 31]),
        "ab".repeat(32),
    ] {
        let error = Home::empty()
            .variable("VALETKEY_MASTER_KEY", &bad)
            .load()
            .unwrap_err();
        assert!(error.to_string().contains("VALETKEY_MASTER_KEY"));
        assert!(!format!("{error} {error:?}").contains(&bad));
    }
}

#[test]
fn a_store_that_would_contain_its_own_key_is_refused() {
    let told = Home::with_file("store: sled:~/.config\n")
        .load()
        .unwrap_err()
        .to_string();
    assert!(told.contains("its own key"), "{told}");
}

#[test]
fn without_home_there_is_a_clear_error_unless_nothing_needs_it() {
    let told = Home::empty()
        .variable("HOME", "")
        .load()
        .unwrap_err()
        .to_string();
    assert!(told.contains("HOME is not set"), "{told}");
    let home = Home::empty();
    let file = home.write("a.yaml", "store: sled:/srv/vault\n");
    let home = home
        .variable("HOME", "")
        .variable("VALETKEY_MASTER_KEY", STANDARD.encode([7; 32]));
    assert!(home.load_file(Some(&file)).is_ok());
}

#[test]
fn the_values_of_params_are_not_in_the_debug_output() {
    let yaml = entry("client_id: x\noauth2: { token_request: { params: { key: '${env:KEY}' } } }");
    let config = Home::with_file(&yaml)
        .variable("KEY", "CANARY")
        .load()
        .unwrap();
    assert_eq!(config.providers[0].token_request.params["key"], "CANARY");
    assert!(!format!("{config:?}").contains("CANARY"));
}

fn told(list: &[impl std::fmt::Display]) -> String {
    let texts: Vec<String> = list.iter().map(ToString::to_string).collect();
    texts.join(" ")
}
