//! What the owner of the vault says: this process, if nobody else has the vault open.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use crate::audit::{AuditKind, AuditOutcome, AuditQuery, AuditRecord, Verdict};
use crate::broker::{Broker, BrokerError, Checkup};
use crate::cli::doctor::report::Check;
use crate::cli::doctor::setup::{sentence, size};

/// How long opening the vault may take; a repair may need it.
const OPENING: Duration = Duration::from_mins(1);
/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(20);

/// Of a database that is larger, somebody should know.
const HUGE: u64 = 1024 * 1024 * 1024;

/// What the owner said.
pub(super) struct Answers {
    pub(super) checks: Vec<Check>,
    /// What another process said of itself.
    pub(super) other: Option<Checkup>,
    /// The newest time in the vault.
    pub(super) newest: Option<Timestamp>,
}

/// Asks the owner of the vault, which exists.
pub(super) async fn ask(broker: &Broker) -> Answers {
    let mut answers = Answers {
        checks: Vec::new(),
        other: None,
        newest: None,
    };
    let opened = within(OPENING, async {
        broker.attend().await?;
        broker.checkup().await
    });
    let checkup = match opened.await {
        Ok(checkup) => checkup,
        Err(told) => {
            let check = Check::problem("owner", told);
            answers.checks.push(check.fact("running", None::<bool>));
            return answers;
        }
    };
    let vacuumed = last(
        broker,
        AuditQuery {
            kind: Some(AuditKind::Vacuum),
            outcome: Some(AuditOutcome::Finished),
            ..AuditQuery::default()
        },
    );
    let vacuumed = within(ANSWER, vacuumed).await.ok().flatten();
    let newest = within(ANSWER, last(broker, AuditQuery::default())).await;
    let keys = checkup.keys.data_keys.iter().map(|key| key.made_at);
    let newest = newest.ok().flatten().map(|record| record.at);
    answers.newest = keys.chain(newest).max();
    answers.checks = vec![
        owner(broker, &checkup),
        space(&checkup, vacuumed.map(|record| record.at)),
        age(&checkup),
        audit(broker).await,
        connections(&checkup),
        sign_ins(&checkup),
    ];
    answers.other = (checkup.pid != std::process::id()).then_some(checkup);
    answers
}

/// The newest record that fits.
async fn last(broker: &Broker, query: AuditQuery) -> Result<Option<AuditRecord>, BrokerError> {
    let mut query = AuditQuery { limit: 1, ..query };
    loop {
        let mut page = broker.audit(query.clone()).await?;
        match (page.records.pop(), page.next) {
            (None, Some(next)) => query.before = Some(next),
            (found, _) => return Ok(found),
        }
    }
}

/// What came of it within a time; else a sentence for people.
async fn within<T>(
    time: Duration,
    work: impl Future<Output = Result<T, BrokerError>>,
) -> Result<T, String> {
    match timeout(time, work).await {
        Ok(done) => done.map_err(|error| sentence(&error.to_string())),
        Err(_) => Err(format!(
            "The vault did not answer within {} s. Run this again; if that does not help, end the \
             Valetkey processes that run and look at the disk.",
            time.as_secs()
        )),
    }
}

fn owner(broker: &Broker, checkup: &Checkup) -> Check {
    let (pid, version) = (checkup.pid, &checkup.version);
    if pid == std::process::id() {
        let message = "No other process has the vault open, and it opens.";
        return Check::ok("owner", message).fact("running", false);
    }
    let differing = broker.providers().iter().find(|ours| {
        let same =
            |(id, print): &(String, [u8; 32])| id == ours.id() && *print == ours.fingerprint();
        !checkup.providers.iter().any(same)
    });
    let check = if let Some(entry) = differing {
        let message = format!(
            "Process {pid} has the vault open, with another configuration of provider `{}`, or \
             without it.",
            entry.id()
        );
        Check::problem("owner", message).next(format!(
            "Give all your MCP clients the same configuration file, then end that process (kill \
             {pid})."
        ))
    } else {
        let message = format!("Process {pid}, version {version}, has the vault open and answers.");
        Check::ok("owner", message)
    };
    check
        .fact("running", true)
        .fact("pid", pid)
        .fact("version", version.as_str())
}

fn space(checkup: &Checkup, vacuumed_at: Option<Timestamp>) -> Check {
    let facts = &checkup.facts;
    let (bytes, live, above) = (facts.bytes, facts.live_bytes, facts.vacuum_above);
    let last = match vacuumed_at {
        Some(at) => format!(
            "It was last rewritten {}",
            at.strftime("%Y-%m-%d %H:%M UTC")
        ),
        None => "The audit log knows of no time it was rewritten".to_owned(),
    };
    let next = if bytes > above {
        "that is due, and happens within an hour of an open vault".to_owned()
    } else {
        format!("that happens by itself above {}", size(above))
    };
    let message = format!(
        "The database has {} on the disk for {} of data. {last}; {next}.",
        size(bytes),
        size(live)
    );
    let check = if bytes > HUGE {
        Check::warning("vault_size", message).next("Run: valetkey vacuum")
    } else {
        Check::ok("vault_size", message)
    };
    check
        .fact("bytes", bytes)
        .fact("live_bytes", live)
        .fact("vacuum_above_bytes", above)
        .fact("vacuumed_at", vacuumed_at.map(|at| at.to_string()))
}

fn age(checkup: &Checkup) -> Check {
    let generation = checkup.keys.generation;
    let memory = &checkup.memory;
    let check = match (&memory.put_back, &memory.problem) {
        (Some(put_back), _) => {
            let message = format!(
                "An older copy of the vault was put in its place: on {} it had been opened {} \
                 times, after {} times had been seen. What was connected, renamed or disconnected \
                 since that copy was made is not in it, and refresh tokens that were replaced \
                 since are refused.",
                put_back.at.strftime("%Y-%m-%d"),
                put_back.found,
                put_back.seen
            );
            Check::warning("vault_age", message).next(
                "If you did that, compare `valetkey connections` with what you know, connect again \
                 what is missing or refused, and disconnect what should be gone. If you did not, \
                 find out who did. This is told for 30 days.",
            )
        }
        (None, Some(problem)) => {
            let message = format!(
                "It cannot be noted outside of the vault how old it is, so an older copy in its \
                 place would not be noticed: {problem}"
            );
            Check::warning("vault_age", message)
        }
        (None, None) => Check::ok("vault_age", "No older copy was put in the vault's place."),
    };
    let put_back = memory.put_back.as_ref();
    check
        .fact("generation", generation)
        .fact("seen_generation", put_back.map(|it| it.seen))
        .fact("put_back_at", put_back.map(|it| it.at.to_string()))
}

async fn audit(broker: &Broker) -> Check {
    match within(ANSWER, broker.verify_audit(None)).await {
        Ok(Verdict::Whole { anchor, head }) => {
            let count = head.number - anchor.number;
            let message = format!("{count} records follow from one another.");
            Check::ok("audit", message)
                .fact("records", count)
                .fact("head", head.to_string())
        }
        Ok(Verdict::Broken { number, fault }) => {
            let message = format!("Record {number} of the audit log {fault}.");
            Check::problem("audit", message)
                .next(
                    "Do not trust what it says from there on. Keep a copy of the vault's directory \
                     if you want to find out who had access to it.",
                )
                .fact("record", number)
        }
        Err(told) => Check::problem("audit", told),
    }
}

fn connections(checkup: &Checkup) -> Check {
    let (all, lost) = (checkup.facts.connections, checkup.facts.needs_reconnect);
    let check = match (all, lost) {
        (0, _) => Check::ok("connections", "Nothing is connected yet.")
            .next("valetkey connect <provider>, or the first call of a tool."),
        (all, 0) => Check::ok("connections", format!("{all} connected.")),
        (all, lost) => {
            let message = format!("{lost} of {all} have to be connected again.");
            Check::warning("connections", message)
                .next("`valetkey connections` says which, why, and how.")
        }
    };
    check.fact("connections", all).fact("needs_reconnect", lost)
}

fn sign_ins(checkup: &Checkup) -> Check {
    let count = checkup.pending_flows;
    let message = match count {
        0 => "None is pending.".to_owned(),
        1 => "1 waits for a person; its link is valid for ten minutes.".to_owned(),
        count => format!("{count} wait for a person; their links are valid for ten minutes."),
    };
    Check::ok("sign_ins", message).fact("pending", count)
}
