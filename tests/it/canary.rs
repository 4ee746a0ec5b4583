//! No credential is anywhere but on its way to and from the provider: a marker that is part of
//! every code, token and client secret is looked for in all that leaves or is left behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use valetkey::demo::browser::{Journey, Person};
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};
use valetkey::demo::sandbox::{RefreshTokens, SandboxSettings, Site, Tokens};

use crate::frames::Server;
use crate::host::{Host, create, search};
use crate::session::{Era, Session, find_mail, post_message, read_channel, send_mail};

const MARKER: &str = "c4n4ry5ecret";

/// The providers that have tools, with a read of each.
fn reads() -> [(Site, Value); 3] {
    [
        (Site::Google, find_mail()),
        (Site::Slack, read_channel()),
        (Site::GitHub, search()),
    ]
}

/// All that ends soon. `Silence` and `Trickle` only let the time limits pass, which ends like
/// `HangUp`.
fn faults() -> Vec<Fault> {
    let statuses = [400, 401, 403, 404, 500, 503].map(Fault::Status);
    let others = [
        Fault::RateLimited("99"),
        Fault::HangUp,
        Fault::LoseAnswer,
        Fault::CutBody,
        Fault::Html,
        Fault::Empty,
        Fault::WrongTypes,
        Fault::NotUtf8,
        Fault::Big(11 << 20),
        Fault::GzipBomb(12 << 20),
        Fault::Redirect("https://evil.example/".to_owned()),
        Fault::Echo,
        Fault::Unauthorized,
        Fault::DeadGrant,
    ];
    statuses.into_iter().chain(others).collect()
}

/// Everything that anybody but the provider got to see.
struct Watch {
    host: Host,
    seen: Vec<(String, String)>,
    logs: Vec<String>,
    /// Tokens of links: shown to the person, never logged.
    links: BTreeSet<String>,
}

impl Watch {
    fn new() -> Self {
        let refreshed = Tokens {
            lifetime: Some(Duration::from_hours(1)),
            refresh: RefreshTokens::Rotating,
        };
        let settings = SandboxSettings {
            marker: MARKER.to_owned(),
            slack: refreshed,
            github: refreshed,
            ..SandboxSettings::default()
        };
        Self {
            host: Host::with(settings, "  hold_s: 1\n  hold_text_s: 0\n"),
            seen: Vec::new(),
            logs: Vec::new(),
            links: BTreeSet::new(),
        }
    }

    /// A server of its own for `work`, and all that it wrote.
    fn serve<T>(&mut self, era: Era, work: impl FnOnce(&mut Self, &mut Server, Era) -> T) -> T {
        let mut server = Session::open(&self.host, era).server;
        let id = server.id();
        for file in ["cmdline", "environ"] {
            let text = fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
            self.saw(file, &text);
        }
        let done = work(self, &mut server, era);
        let (raw, log) = server.finish();
        self.saw("standard output", raw.join("\n").as_bytes());
        self.saw("standard error", log.as_bytes());
        self.logs.push(log);
        done
    }

    fn saw(&mut self, what: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.seen.push((what.to_owned(), text));
    }

    /// Everything under the home but what the operator wrote there.
    fn files(&mut self) {
        for (path, bytes) in self.host.world.files() {
            if path
                .extension()
                .is_none_or(|extension| extension != "secret")
            {
                self.saw(&path.display().to_string(), &bytes);
            }
        }
    }

    /// Keeps our own pages and their headers. The way to the provider and back is the provider's.
    fn pages(&mut self, journey: &Journey) {
        for hop in &journey.hops {
            if hop.url.port() == Some(self.host.world.port) {
                let page = format!("{:?}\n{}", hop.headers, hop.body);
                self.saw("a page", page.as_bytes());
            }
        }
    }

    fn follow(&mut self, person: Person, link: &str) -> Journey {
        self.links
            .insert(link.rsplit('/').next().unwrap().to_owned());
        let journey = self.host.follow(person, link);
        self.pages(&journey);
        journey
    }

    /// Calls, lets `person` follow a link if one comes, and goes on.
    fn call(&mut self, server: &mut Server, id: &str, params: &Value, person: Person) -> Value {
        let answer = server.request(id, "tools/call", params);
        let link = answer["result"]["structuredContent"]["authorization_required"]["url"].as_str();
        let Some(link) = link else {
            return answer;
        };
        self.follow(person, link);
        server.request(format!("{id}-again"), "tools/call", params)
    }

    /// Runs a command of the binary.
    fn command(&mut self, arguments: &[&str]) -> String {
        let ended = Command::new(env!("CARGO_BIN_EXE_valetkey"))
            .env_clear()
            .env("HOME", self.host.world.home())
            .env("VALETKEY_LOG", "trace")
            .arg("--config")
            .arg(&self.host.world.config)
            .args(arguments)
            .output()
            .unwrap();
        self.saw("a command's output", &ended.stdout);
        self.saw("a command's errors", &ended.stderr);
        self.logs.push(String::from_utf8(ended.stderr).unwrap());
        String::from_utf8(ended.stdout).unwrap()
    }

    /// What must not be found, from what the provider received; all of it was on the wire.
    fn secrets(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let log = self.host.world.sandbox.log();
        assert!(
            log.iter().any(|request| request.mentions(MARKER)),
            "no credential was ever sent, so nothing was tested"
        );
        let field = |text: &[u8], wanted: &str| {
            url::form_urlencoded::parse(text)
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.into_owned())
        };
        let mut secrets = BTreeSet::from([MARKER.to_owned()]);
        let mut states = BTreeSet::new();
        for request in &log {
            match request.endpoint {
                Endpoint::Exchange => {
                    let verifier = field(&request.body, "code_verifier").unwrap();
                    assert!(verifier.len() >= 43);
                    secrets.insert(verifier);
                }
                Endpoint::Authorize => {
                    states.extend(field(request.query.as_bytes(), "state"));
                }
                _ => {}
            }
        }
        for site in Site::ALL {
            let sandbox = &self.host.world.sandbox;
            let basic = format!(
                "{}:{}",
                sandbox.client_id(site),
                sandbox.client_secret(site)
            );
            secrets.insert(STANDARD.encode(basic));
        }
        assert!(!states.is_empty());
        (secrets, states)
    }

    fn assert_clean(mut self) {
        self.files();
        let (secrets, states) = self.secrets();
        for (what, text) in &self.seen {
            for secret in &secrets {
                assert!(
                    !text.contains(secret.as_str()),
                    "{what} holds {secret}: {:.3000}",
                    text.lines()
                        .find(|line| line.contains(secret.as_str()))
                        .unwrap_or_default()
                );
            }
        }
        assert!(self.logs.iter().any(|log| !log.is_empty()));
        assert!(!self.links.is_empty());
        for log in &self.logs {
            for token in self.links.iter().chain(&states) {
                assert!(!log.contains(token.as_str()), "the log holds {token}");
            }
        }
    }
}

#[test]
fn success_in_every_era_with_every_provider_leaves_no_credential_behind() {
    let calls = [
        find_mail(),
        send_mail(),
        read_channel(),
        post_message(),
        search(),
        create(),
    ];
    for era in Era::ALL {
        let mut watch = Watch::new();
        let mut journeys = Vec::new();
        let mut session = Session::open(&watch.host, era);
        for params in &calls {
            let asked = session.ask(params);
            let Some(link) = &asked.link else { continue };
            journeys.push((link.clone(), watch.host.follow(Person::new(), link)));
            let answer = session.go_on(params, &asked);
            assert_eq!(answer["result"]["isError"], false, "{answer}");
        }
        let (raw, log) = session.server.finish();
        for (link, journey) in &journeys {
            watch
                .links
                .insert(link.rsplit('/').next().unwrap().to_owned());
            watch.pages(journey);
        }
        assert!(raw.iter().any(|line| line.contains("Go for launch")));
        watch.saw("standard output", raw.join("\n").as_bytes());
        watch.saw("standard error", log.as_bytes());
        watch.logs.push(log);
        let listed = watch.command(&["connections", "--json"]);
        assert_eq!(listed.matches("\"account\": \"ada").count(), 3, "{listed}");
        watch.command(&["call", "gmail_search", "{\"query\":\"launch\"}"]);
        watch.files();
        for row in serde_json::from_str::<Value>(&listed)
            .unwrap()
            .as_array()
            .unwrap()
        {
            let ended = watch.command(&["disconnect", row["id"].as_str().unwrap()]);
            assert!(!ended.is_empty());
        }
        watch.assert_clean();
    }
}

#[test]
fn a_flow_in_every_stage_leaves_no_credential_on_disk() {
    let mut watch = Watch::new();
    watch.serve(Era::Text, |watch, server, _| {
        let answer = server.request(1, "tools/call", &find_mail());
        let required = &answer["result"]["structuredContent"]["authorization_required"];
        let link = required["url"].as_str().unwrap();
        watch.files();
        let mut person = Person::new().stop_before_callback();
        let journey = watch.host.wait(person.follow(link)).unwrap();
        watch
            .links
            .insert(link.rsplit('/').next().unwrap().to_owned());
        watch.pages(&journey);
        // The verifier is stored now, the code is on its way.
        watch.files();
        let callback = journey.stopped_before.unwrap();
        let back = watch.host.wait(person.open(callback)).unwrap();
        watch.pages(&back);
        watch.files();
    });
    watch.assert_clean();
}

#[test]
fn no_failure_of_an_exchange_or_of_the_question_who_it_was_tells_a_credential() {
    let mut watch = Watch::new();
    watch.serve(Era::Text, |watch, server, _| {
        for endpoint in [Endpoint::Exchange, Endpoint::Identity] {
            for (at, fault) in faults().into_iter().enumerate() {
                for (site, params) in reads() {
                    let sandbox = &watch.host.world.sandbox;
                    sandbox.fault(site, endpoint, fault.clone(), Times::Always);
                    let id = format!("{site} {endpoint} {at}");
                    watch.call(server, &id, &params, Person::new());
                    watch.host.world.sandbox.clear_faults();
                }
            }
        }
    });
    watch.assert_clean();
}

#[test]
fn no_failure_of_a_refresh_tells_a_credential() {
    let mut watch = Watch::new();
    // A process each: one that has just failed to refresh does not try again at once.
    for (at, fault) in faults().into_iter().enumerate() {
        watch.serve(Era::Text, |watch, server, _| {
            for (site, params) in reads() {
                let answer = watch.call(server, &format!("{site} {at}"), &params, Person::new());
                assert_eq!(answer["result"]["isError"], false, "{answer}");
                let sandbox = &watch.host.world.sandbox;
                let before = sandbox.count(site, Endpoint::Refresh);
                sandbox.end_access_tokens(site);
                sandbox.fault(site, Endpoint::Refresh, fault.clone(), Times::Always);
                server.request(format!("{site} faulty {at}"), "tools/call", &params);
                assert!(sandbox.count(site, Endpoint::Refresh) > before, "{fault:?}");
                sandbox.clear_faults();
            }
        });
    }
    watch.assert_clean();
}

#[test]
fn no_failure_of_an_api_tells_a_credential() {
    let mut watch = Watch::new();
    watch.serve(Era::Text, |watch, server, _| {
        let ends_a_grant = |fault: &Fault| matches!(fault, Fault::DeadGrant);
        let faults = faults().into_iter().filter(|fault| !ends_a_grant(fault));
        for (at, fault) in faults.enumerate() {
            for (site, params) in reads() {
                watch.call(server, &format!("{site} {at}"), &params, Person::new());
            }
            // At once, since repetitions take their time.
            for (site, params) in reads() {
                let sandbox = &watch.host.world.sandbox;
                sandbox.fault(site, Endpoint::AnyApi, fault.clone(), Times::Always);
                server.send(
                    &json!({ "jsonrpc": "2.0", "id": format!("{site} faulty {at}"),
                                     "method": "tools/call", "params": params }),
                );
            }
            for (site, _) in reads() {
                let answer = server.answer(format!("{site} faulty {at}"));
                assert_eq!(
                    answer["result"]["isError"], true,
                    "{site} {fault:?}: {answer}"
                );
            }
            watch.host.world.sandbox.clear_faults();
        }
    });
    watch.assert_clean();
}

#[test]
fn no_failure_of_a_revocation_tells_a_credential() {
    let mut watch = Watch::new();
    let faults = faults();
    for (at, fault) in faults.iter().enumerate() {
        let (site, params) = reads().into_iter().nth(at % 3).unwrap();
        watch.serve(Era::Text, |watch, server, _| {
            watch.call(server, "connect", &params, Person::new());
        });
        let sandbox = &watch.host.world.sandbox;
        sandbox.fault(site, Endpoint::Revoke, fault.clone(), Times::Always);
        let listed = watch.command(&["connections", "--json"]);
        let listed: Value = serde_json::from_str(&listed).unwrap();
        watch.command(&["disconnect", listed[0]["id"].as_str().unwrap()]);
        assert_eq!(watch.command(&["connections", "--json"]).trim(), "[]");
        watch.host.world.sandbox.clear_faults();
    }
    watch.assert_clean();
}

#[test]
fn neither_a_refusal_nor_a_forged_callback_nor_a_wrong_secret_tells_a_credential() {
    let mut watch = Watch::new();
    watch.serve(Era::Text, |watch, server, _| {
        for (site, params) in reads() {
            // A callback with another code, with a strange state, and one that is used twice.
            let answer = server.request(format!("{site} forged"), "tools/call", &params);
            let required = &answer["result"]["structuredContent"]["authorization_required"];
            let link = required["url"].as_str().unwrap();
            let mut person = Person::new().stop_before_callback();
            let journey = watch.host.wait(person.follow(link)).unwrap();
            watch.pages(&journey);
            let good = journey.stopped_before.unwrap();
            let mut strange = good.clone();
            strange.set_query(Some(&format!("code={MARKER}&state={MARKER}")));
            let mut other_code = good.clone();
            let query = good
                .query()
                .unwrap()
                .replace("code=", &format!("code={MARKER}"));
            other_code.set_query(Some(&query));
            for callback in [strange, other_code, good] {
                let back = watch.host.wait(person.open(callback)).unwrap();
                watch.pages(&back);
            }
            watch.call(
                server,
                &format!("{site} denied"),
                &params,
                Person::new().deny(),
            );
        }
    });
    for site in Site::ALL {
        let file = watch.host.world.home().join(format!("{site}.secret"));
        write(&file, &format!("wrong-{MARKER}"));
    }
    watch.serve(Era::Text, |watch, server, _| {
        for (site, params) in reads() {
            watch.call(server, &format!("{site} wrong"), &params, Person::new());
        }
    });
    watch.assert_clean();
}

fn write(file: &Path, text: &str) {
    assert!(file.exists());
    fs::write(file, text).unwrap();
}
