//! What the record of a call costs: `cargo bench --bench audit`.
//!
//! A record is durable before its call is answered, so the disk decides. The baseline is the write
//! of one other row to the same vault; what the record adds to it is what it costs to make.

use std::ffi::OsString;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use valetkey::audit::{AuditKind, AuditOutcome, Event, Verdict};
use valetkey::broker::{Broker, Settings};
use valetkey::caller::Caller;
use valetkey::clock::Clock;
use valetkey::config::Config;
use valetkey::http::Http;
use valetkey::seal;
use valetkey::store::records::{Flow, FlowId, FlowStatus};
use valetkey::store::sled::{Change, Store};

const RUNS: usize = 300;
const AT_ONCE: usize = 64;
const KEEP: u64 = 20_000;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    // Beside the build, because a temporary directory may be in memory.
    let home = TempDir::new_in(env!("CARGO_TARGET_TMPDIR"))?;
    let variable = OsString::from(home.path());
    let config = Config::load_with(None, &|name| (name == "HOME").then(|| variable.clone()))
        .expect("an empty environment is a good one");
    let clock = Clock::system();
    let mut out = std::io::stdout();

    let store = Store::open(&config.store_dir, &config.master_key, clock.clone())
        .await
        .expect("a new vault opens");
    let mut rows = Vec::new();
    let mut records = Vec::new();
    for _ in 0..RUNS {
        rows.push(timed(store.commit(vec![Change::PutFlow(flow(&clock))])).await);
        records.push(timed(store.commit(vec![event(&clock).recorded(&store, KEEP)])).await);
    }
    let (row, record) = (median(&mut rows), median(&mut records));
    writeln!(
        out,
        "one row: {row:.2?}; one record: {record:.2?} (medians of {RUNS}); ratio {:.2}",
        record.as_secs_f64() / row.as_secs_f64()
    )?;

    for _ in 0..(KEEP - RUNS as u64) / 200 {
        let some = (0..200).map(|_| event(&clock).recorded(&store, KEEP));
        store.commit(some.collect()).await.expect("it is written");
    }
    let started = Instant::now();
    let verdict = store.verify_audit(None).await.expect("it is read");
    let verified = started.elapsed();
    assert!(matches!(verdict, Verdict::Whole { .. }), "{verdict:?}");
    let mut full = Vec::new();
    for _ in 0..RUNS + 200 {
        full.push(timed(store.commit(vec![event(&clock).recorded(&store, KEEP)])).await);
    }
    let longest = full.iter().max().copied().unwrap_or_default();
    writeln!(
        out,
        "with {KEEP} records: one more {:.2?}, the one that removes the oldest {} {longest:.2?}; \
         verifying all: {verified:.2?}",
        median(&mut full),
        KEEP / 10,
    )?;
    drop(store);

    let (broker, _listeners) = Broker::new(Settings {
        config: Arc::new(config),
        http: Http::new(),
        clock: clock.clone(),
    });
    broker.record(event(&clock)).await.expect("it is recorded");
    let started = Instant::now();
    let callers = (0..AT_ONCE).map(|_| {
        let (broker, clock) = (broker.clone(), clock.clone());
        tokio::spawn(async move {
            for _ in 0..RUNS / 10 {
                broker.record(event(&clock)).await.expect("it is recorded");
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("no caller panics");
    }
    let each = started.elapsed() / u32::try_from(AT_ONCE * RUNS / 10).expect("a small number");
    writeln!(out, "{AT_ONCE} callers at once: {each:.2?} a record")
}

async fn timed<E: std::fmt::Debug>(write: impl Future<Output = Result<(), E>>) -> Duration {
    let started = Instant::now();
    write.await.expect("it is written");
    started.elapsed()
}

fn event(clock: &Clock) -> Event {
    let me = Caller::local();
    let event = Event::new(AuditKind::Call, AuditOutcome::Finished, &me, clock.now());
    Event {
        client: Some("claude-code".to_owned()),
        tool: Some("gmail_search".to_owned()),
        scopes: vec!["https://www.googleapis.com/auth/gmail.readonly".to_owned()],
        bytes: Some(4_096),
        ..event.provider("google").took(Duration::from_millis(120))
    }
}

fn flow(clock: &Clock) -> Flow {
    let link_token = seal::random_token();
    let now = clock.now();
    Flow {
        version: 1,
        id: FlowId(seal::digest(&link_token)),
        link_token,
        caller: Caller::local(),
        provider_id: "google".to_owned(),
        connection: None,
        expected_account_id: None,
        alias: None,
        account_hint: None,
        scopes: [].into(),
        new_scopes: [].into(),
        client_name: None,
        elicitation_declined: false,
        status: FlowStatus::Pending,
        created_at: now,
        expires_at: now,
        ended_at: None,
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
