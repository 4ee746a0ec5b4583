//! Two provider entries of one provider: two client registrations, each with accounts of its own.

use std::fs;
use std::time::Duration;

use url::Url;
use valetkey::broker::{Access, Denied, Granted, Requirement};
use valetkey::caller::Caller;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;
use valetkey::store::alias::Alias;

use crate::world::{Process, World, google};

const SCOPE: &str = "repo";

/// With the entry `github`, and `github-work` that differs in its id.
async fn world() -> World {
    let world = World::new().await;
    let text = fs::read_to_string(&world.config).unwrap();
    let begin = text.find("    - id: github\n").unwrap();
    let length = text[begin + 1..].find("    - id: ").unwrap() + 1;
    let entry = &text[begin..begin + length];
    let work = entry.replacen("github", "github-work", 1);
    fs::write(
        &world.config,
        text.replacen(entry, &format!("{entry}{work}"), 1),
    )
    .unwrap();
    let callback = format!("http://localhost:{}/oauth/callback/github-work", world.port);
    let callback = Url::parse(&callback).unwrap();
    world.sandbox.register_redirect_uri(Site::GitHub, &callback);
    world
}

/// What a call of a GitHub tool requires, from the entry or from any of the provider.
fn github(entry: &str, account: Option<&str>, read_only: bool) -> Requirement {
    Requirement {
        toolkit: "github".to_owned(),
        provider: entry.to_owned(),
        account: account.map(str::to_owned),
        read_only,
        ..google(&[SCOPE])
    }
}

async fn access(process: &Process, requirement: &Requirement) -> Access {
    let access = process.broker.access(&Caller::local(), requirement).await;
    access.unwrap()
}

async fn granted(process: &Process, requirement: &Requirement) -> Granted {
    match access(process, requirement).await {
        Access::Granted(granted) => granted,
        other => panic!("expected a token, got {other:?}"),
    }
}

/// Connects a person's account through an entry, as `valetkey connect <entry> --as <alias>`.
async fn connect(process: &Process, entry: &str, email: &str, alias: &str) {
    let requirement = github(entry, None, true);
    let alias = Alias::parse(alias).unwrap();
    let me = Caller::local();
    let link = match process.broker.connect_as(&me, &requirement, alias).await {
        Ok(Access::Consent(consent)) => consent.link,
        other => panic!("expected a link, got {other:?}"),
    };
    let mut person = Person::new().account(email);
    let journey = person.follow(link.as_str()).await.unwrap();
    let page = journey.last();
    assert!(page.status.is_success(), "{}", page.body);
}

#[tokio::test]
async fn a_name_chooses_among_the_accounts_of_both_entries_and_each_keeps_to_its_own() {
    let world = world().await;
    let process = world.process();
    connect(&process, "github", "ada@example.test", "home").await;
    connect(&process, "github-work", "grace@example.test", "work").await;
    // The same account through both is two connections.
    connect(&process, "github-work", "ada@example.test", "ada-at-work").await;

    let views = process.connections().await;
    let found: Vec<(String, String)> = views
        .iter()
        .map(|view| (view.provider_id.clone(), view.shown()))
        .collect();
    for (entry, shown) in [
        ("github", "home (ada)"),
        ("github-work", "work (grace)"),
        ("github-work", "ada-at-work (ada)"),
    ] {
        assert!(
            found.contains(&(entry.to_owned(), shown.to_owned())),
            "{found:?}"
        );
    }
    for (name, shown) in [
        ("home", "home (ada)"),
        ("work", "work (grace)"),
        ("grace", "work (grace)"),
        ("ada-at-work", "ada-at-work (ada)"),
    ] {
        for read_only in [true, false] {
            let used = granted(&process, &github("github", Some(name), read_only)).await;
            assert_eq!(used.account, shown, "{name}");
        }
    }
    // The account's own name means two of them.
    let both = access(&process, &github("github", Some("ada"), true)).await;
    let Access::Denied(Denied::AmbiguousAccount { accounts, .. }) = both else {
        panic!("expected a question, got {both:?}");
    };
    assert_eq!(accounts.len(), 2, "{accounts:?}");

    // What ends one leaves the others.
    let me = Caller::local();
    let home = views.iter().find(|view| view.provider_id == "github");
    let gone = process.broker.disconnect(&me, home.unwrap().id).await;
    assert_eq!(gone.unwrap().unwrap().revoked, Ok(true));
    world.clock.advance(Duration::from_mins(1));
    let used = granted(&process, &github("github", Some("work"), false)).await;
    assert_eq!(used.account, "work (grace)");
    assert_eq!(world.sandbox.count(Site::GitHub, Endpoint::Revoke), 1);
}

#[tokio::test]
async fn one_default_serves_reads_of_all_entries_of_a_provider_and_one_entry_uses_its_own() {
    let world = world().await;
    let process = world.process();
    connect(&process, "github", "ada@example.test", "home").await;
    connect(&process, "github-work", "grace@example.test", "work").await;
    let views = process.connections().await;
    let id = |entry: &str| {
        let view = views.iter().find(|view| view.provider_id == entry);
        view.unwrap().id
    };
    let any = |read_only| github("github", None, read_only);
    for read_only in [true, false] {
        let asked = access(&process, &any(read_only)).await;
        let Access::Denied(Denied::AmbiguousAccount { mut accounts, .. }) = asked else {
            panic!("expected a question, got {asked:?}");
        };
        // The clock stands still, so neither is the older one.
        accounts.sort();
        assert_eq!(accounts, ["home (ada)", "work (grace)"]);
    }
    let me = Caller::local();
    for (entry, shown) in [("github-work", "work (grace)"), ("github", "home (ada)")] {
        let set = process.broker.set_default(&me, id(entry), true).await;
        assert!(set.unwrap().is_some());
        let defaults = process.connections().await;
        let defaults: Vec<_> = defaults.iter().filter(|view| view.is_default).collect();
        assert_eq!(defaults.len(), 1, "{entry} alone");
        assert_eq!(granted(&process, &any(true)).await.account, shown);
        let write = access(&process, &any(false)).await;
        assert!(matches!(write, Access::Denied(_)), "{write:?}");
    }
    // `work` is the only account of its entry, whatever the default is.
    for read_only in [true, false] {
        let used = granted(&process, &github("github-work", None, read_only)).await;
        assert_eq!(used.account, "work (grace)");
    }
}
