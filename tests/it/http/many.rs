//! Thousands of users sign in at the same time: each gets what is theirs, and nothing stays behind.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use crate::host::{link_of, retry};
use crate::http::team::Team;
use crate::rounds::{rounds, say};
use crate::session::find_mail;

/// So many browsers and clients are at work at a time.
const AT_ONCE: usize = 48;

const WAVES: usize = 3;

fn user(number: usize) -> String {
    format!("user-{number}")
}

fn account(number: usize) -> &'static str {
    ["ada@example.test", "grace@example.test"][number % 2]
}

/// Does something for each user, as many at a time as there are hands.
async fn all<T, F>(
    team: &Arc<Team>,
    users: impl Iterator<Item = T>,
    each: impl Fn(Arc<Team>, T) -> F,
) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (mut work, mut done) = (JoinSet::new(), Vec::new());
    for user in users {
        work.spawn(each(Arc::clone(team), user));
        if work.len() >= AT_ONCE {
            done.push(work.join_next().await.unwrap().unwrap());
        }
    }
    done.extend(work.join_all().await);
    done
}

/// What the operator is shown under this name, of all labels.
async fn figure(team: &Team, name: &str) -> u64 {
    let text = team.server.operator("/metrics").await.text().await.unwrap();
    let lines = text.lines().filter(|line| line.starts_with(name));
    let values: Vec<u64> = lines
        .map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
        .collect();
    assert!(!values.is_empty(), "no {name}: {text}");
    values.iter().sum()
}

/// Bytes of the server in memory; none where that cannot be asked.
fn resident(team: &Team) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", team.server.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes = line.split_whitespace().nth(1)?.parse::<u64>().ok()?;
    Some(kilobytes * 1024)
}

/// These users ask, then all of them sign in, and then all have their answers.
async fn wave(team: &Arc<Team>, users: std::ops::Range<usize>) {
    let count = users.len();
    let asked = all(team, users, async |team: Arc<Team>, number| {
        let asked = team.call(&user(number), &find_mail()).await;
        (number, asked)
    });
    let asked: Vec<(usize, Value)> = asked.await;
    let links: BTreeSet<String> = asked.iter().map(|(_, asked)| link_of(asked)).collect();
    assert_eq!(links.len(), count, "each has a link of their own");

    let began = Instant::now();
    let finished = all(
        team,
        asked.into_iter(),
        async |team: Arc<Team>, (number, asked)| {
            let mut person = Person::new().account(account(number));
            let user = user(number);
            person.open(team.issuer.as_user(&user)).await.unwrap();
            let journey = person.follow(&link_of(&asked)).await.unwrap();
            assert_eq!(
                journey.last().status,
                200,
                "{}",
                journey.last().body.rsplit("</style>").next().unwrap()
            );
            (number, asked)
        },
    );
    let finished = finished.await;
    say(&format!("{count} sign-ins took {:?}", began.elapsed()));

    let answered = all(
        team,
        finished.into_iter(),
        async |team: Arc<Team>, (number, asked)| {
            let retried = retry(&find_mail(), &asked, "accept");
            let answer = team.call(&user(number), &retried).await;
            let list = json!({ "name": "connections_list", "arguments": {} });
            (number, answer, team.call(&user(number), &list).await)
        },
    );
    for (number, answer, listed) in answered.await {
        let result = &answer["result"]["structuredContent"];
        assert_eq!(result["account"], account(number), "{number}: {answer}");
        let items = &listed["result"]["structuredContent"]["items"];
        assert_eq!(items.as_array().unwrap().len(), 1, "{number}: {listed}");
        assert_eq!(items[0]["account"], account(number), "{number}: {listed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_a_thousand_users_are_finished_each_by_their_own_person_and_nothing_stays_behind()
{
    let users = rounds(100, 1_000);
    let more = "  calls_per_minute: 0\n  operator_bind: 127.0.0.1:0\n";
    let team = Arc::new(Team::with(more).await);
    let mut memory = vec![resident(&team)];
    for number in 0..WAVES {
        wave(&team, number * users..(number + 1) * users).await;
        memory.push(resident(&team));
    }
    say(&format!("resident: {memory:?}"));
    if let Some(memory) = memory.into_iter().collect::<Option<Vec<_>>>() {
        // The first waves fill caches. Afterwards a user takes a few kilobytes (measured: 7).
        let last = memory[WAVES].saturating_sub(memory[WAVES - 1]);
        let most = (8 << 20) + 16 * 1024 * users as u64;
        assert!(last < most, "memory grows: {memory:?}");
    }
    let exchanged = team.server.sandbox.count(Site::Google, Endpoint::Exchange);
    assert_eq!(exchanged, WAVES * users);
    for gauge in ["valetkey_waiting_calls", "valetkey_sessions"] {
        assert_eq!(figure(&team, gauge).await, 0, "{gauge}");
    }
    let (_, told) = team.command(&["doctor", "--json"]).await;
    let report: Value = serde_json::from_str(&told).unwrap();
    let checks = report["checks"].as_array().unwrap().iter();
    let pending: Vec<_> = checks
        .filter(|check| check["check"] == "sign_ins")
        .map(|check| &check["facts"]["pending"])
        .collect();
    assert_eq!(pending, [0], "{told}");
}
