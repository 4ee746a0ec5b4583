//! `valetkey audit`: what was done, and whether the record of it is whole.

mod since;

use std::fmt::Write;
use std::process::ExitCode;

use jiff::tz::TimeZone;
use serde_json::json;

use crate::audit::{AuditKind, AuditOutcome, AuditQuery, AuditRecord, Point, Verdict};
use crate::cli::app::App;
use crate::cli::output::{
    BAD, BOLD, DIM, Exit, GOOD, Usage, lines, progress, result, styled, visible,
};

/// Show the audit log: every call, sign-in, refresh, disconnect, and work on the vault.
///
/// The newest record is the last one shown. Users are hashes under a key of the vault; arguments
/// and results are not recorded.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    verify: Option<Sub>,

    /// Only calls of this tool.
    #[arg(long)]
    tool: Option<String>,

    /// Only what this account, or the connection with this id, was part of.
    #[arg(long)]
    account: Option<String>,

    /// Only what this provider was part of: google, slack, github, or another.
    #[arg(long)]
    provider: Option<String>,

    /// Only this: call, connect, export, `rotate_key`, … A wrong one is answered with the list.
    #[arg(long, value_parser = kind)]
    kind: Option<AuditKind>,

    /// Only what ended like this.
    #[arg(long, value_parser = outcome)]
    outcome: Option<AuditOutcome>,

    /// Only what is not older: 30m, 2h, 7d, a date, or a time such as 2026-11-01T08:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// At most this many records, the newest.
    #[arg(long, default_value_t = 50, value_name = "COUNT")]
    limit: usize,

    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Sub {
    /// Check that no record was changed, removed or moved.
    ///
    /// Prints the head of the log, which can be noted elsewhere: with it, a later check also shows
    /// that the whole vault was put back to an earlier state. The exit code is 1 if a record does
    /// not fit.
    Verify {
        /// A head that an earlier check printed.
        #[arg(long, value_name = "NUMBER:HASH", value_parser = noted)]
        noted: Option<Point>,

        /// Print what was found as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub async fn run(app: App, args: Args) -> anyhow::Result<ExitCode> {
    if let Some(Sub::Verify { noted, json }) = args.verify {
        return verify(&app, noted, json).await;
    }
    let zone = TimeZone::system();
    let since = args.since.as_deref();
    let mut query = AuditQuery {
        user: None,
        since: since
            .map(|text| since::parse(text, app.clock.now(), &zone))
            .transpose()
            .map_err(Usage)?,
        before: None,
        limit: args.limit,
        kind: args.kind,
        tool: args.tool,
        account: args.account,
        provider: args.provider,
        outcome: args.outcome,
    };
    let mut records = Vec::new();
    let mut unreadable = 0;
    while records.len() < args.limit {
        query.limit = args.limit - records.len();
        let page = app.broker.audit(query.clone()).await?;
        records.extend(page.records);
        unreadable += page.unreadable;
        match page.next {
            Some(next) => query.before = Some(next),
            None => break,
        }
    }
    records.reverse();
    if args.json {
        lines(&records)?;
    } else {
        let text = match records.as_slice() {
            [] => "Nothing was recorded that fits.".to_owned(),
            records => table(records, &zone),
        };
        result(false, &(), &text)?;
    }
    if unreadable > 0 {
        progress(&format!(
            "{} {unreadable} records cannot be read. Run: valetkey audit verify",
            styled(BAD, "Warning:")
        ));
    }
    Ok(Exit::Done.into())
}

async fn verify(app: &App, noted: Option<Point>, json: bool) -> anyhow::Result<ExitCode> {
    let (exit, value, text) = match app.broker.verify_audit(noted).await? {
        Verdict::Whole { anchor, head } => {
            let count = head.number - anchor.number;
            let compared = noted.map(|noted| noted.number >= anchor.number);
            let mut text = format!(
                "{} {count} records, the last one number {}, follow from one another.\nNote this \
                 elsewhere, and give it to --noted the next time: {head}",
                styled(GOOD, "Whole:"),
                head.number,
            );
            if compared == Some(false) {
                text.push_str(
                    "\nThe noted record was removed for want of room, so it could not be compared.",
                );
            }
            let value = json!({ "whole": true, "records": count, "noted_was_compared": compared,
                                "head": head.to_string(), "anchor": anchor.to_string() });
            (Exit::Done, value, text)
        }
        Verdict::Broken { number, fault } => {
            let text = format!(
                "{} record {number} {fault}.\nWhat the log says from there on cannot be trusted. \
                 Keep a copy of the vault's directory if you want to find out who had access to \
                 it.",
                styled(BAD, "Broken:"),
            );
            let value = json!({ "whole": false, "record": number, "fault": fault });
            (Exit::Failed, value, text)
        }
    };
    result(json, &value, &text)?;
    Ok(exit.into())
}

fn table(records: &[AuditRecord], zone: &TimeZone) -> String {
    let rows: Vec<[String; 5]> = records.iter().map(|record| row(record, zone)).collect();
    let heads = ["TIME", "WHAT", "ACCOUNT", "OUTCOME", "TOOK"];
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heads[column].len()]).max().unwrap_or(0)
    };
    let widths = [0, 1, 2, 3].map(width);
    let line = |cells: [&str; 5]| {
        let padded = cells.iter().zip(widths);
        let padded = padded.map(|(cell, width)| format!("{cell:width$}  "));
        padded.collect::<String>() + cells[4]
    };
    let mut text = styled(BOLD, &line(heads));
    for (record, row) in records.iter().zip(&rows) {
        let cells = row.each_ref().map(String::as_str);
        let style = match record.outcome {
            AuditOutcome::Finished => DIM,
            AuditOutcome::Failed | AuditOutcome::Broken | AuditOutcome::Denied => BAD,
            _ => anstyle::Style::new(),
        };
        write!(text, "\n{}", styled(style, line(cells).trim_end()))
            .expect("a string takes everything");
    }
    text
}

fn row(record: &AuditRecord, zone: &TimeZone) -> [String; 5] {
    let time = record.at.to_zoned_datetime(zone.clone());
    let time = time.strftime("%Y-%m-%d %H:%M:%S %:z").to_string();
    let what = match (&record.tool, &record.provider) {
        (Some(tool), _) => tool.clone(),
        (None, Some(provider)) => format!("{} {provider}", record.kind.as_str()),
        (None, None) => record.kind.as_str().replace('_', " "),
    };
    let outcome = match &record.error {
        Some(error) => format!("{} ({error})", record.outcome.as_str()),
        None => record.outcome.as_str().to_owned(),
    };
    [
        time,
        visible(&what),
        visible(record.account.as_deref().unwrap_or("-")),
        visible(&outcome),
        record
            .duration_ms
            .map_or_else(String::new, |ms| format!("{ms} ms")),
    ]
}

fn kind(text: &str) -> Result<AuditKind, String> {
    let known = AuditKind::ALL.into_iter();
    known
        .clone()
        .find(|known| known.as_str() == text)
        .ok_or_else(|| {
            let names: Vec<_> = known.map(AuditKind::as_str).collect();
            format!("one of {}", names.join(", "))
        })
}

fn outcome(text: &str) -> Result<AuditOutcome, String> {
    let known = AuditOutcome::ALL.into_iter();
    known
        .clone()
        .find(|known| known.as_str() == text)
        .ok_or_else(|| {
            let names: Vec<_> = known.map(AuditOutcome::as_str).collect();
            format!("one of {}", names.join(", "))
        })
}

fn noted(text: &str) -> Result<Point, String> {
    Point::parse(text).ok_or_else(|| {
        "a head is a number, a colon and 64 hexadecimal digits, as `valetkey audit verify` prints \
         it"
        .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::audit::Hex;

    fn record(tool: Option<&str>, outcome: AuditOutcome) -> AuditRecord {
        AuditRecord {
            number: 1,
            at: Timestamp::UNIX_EPOCH,
            kind: AuditKind::RevokeUser,
            outcome,
            request: Hex([0; 16]),
            user: Hex([0; 16]),
            client: None,
            tool: tool.map(str::to_owned),
            provider: None,
            connection: None,
            account: None,
            scopes: Vec::new(),
            arguments: None,
            error: None,
            bytes: None,
            duration_ms: None,
        }
    }

    #[test]
    fn the_table_tells_the_local_time_with_its_offset_and_lines_up() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let call = AuditRecord {
            account: Some("ada@example.com\u{1b}[2J".to_owned()),
            duration_ms: Some(12),
            error: Some("not_found".to_owned()),
            ..record(Some("gmail_search"), AuditOutcome::Failed)
        };
        let records = [record(None, AuditOutcome::Finished), call];
        let text = anstream::adapter::strip_str(&table(&records, &zone)).to_string();
        let expected = "\
TIME                        WHAT          ACCOUNT             OUTCOME             TOOK
1970-01-01 02:00:00 +02:00  revoke user   -                   finished
1970-01-01 02:00:00 +02:00  gmail_search  ada@example.com[2J  failed (not_found)  12 ms";
        assert_eq!(
            text.lines()
                .map(str::trim_end)
                .collect::<Vec<_>>()
                .join("\n"),
            expected
        );
    }

    #[test]
    fn kinds_outcomes_and_heads_are_read_as_they_are_printed() {
        for known in AuditKind::ALL {
            assert_eq!(kind(known.as_str()), Ok(known));
        }
        assert!(kind("revoke user").is_err());
        for known in AuditOutcome::ALL {
            assert_eq!(outcome(known.as_str()), Ok(known));
        }
        assert!(outcome("Denied").is_err());
        assert_eq!(noted(&Point::START.to_string()), Ok(Point::START));
        for wrong in ["", "1", "1:", "1:00", "x:00"] {
            assert!(noted(wrong).is_err(), "{wrong}");
        }
    }
}
