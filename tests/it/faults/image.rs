//! A disk whose power is cut, and one that becomes read-only: an ext4 file system in an image.
//!
//! The cut: right after an acknowledgement the writer is stopped, the image is copied, and the copy
//! is mounted, which replays the file system's journal. The copy takes some milliseconds and is not
//! atomic, and the writes that the host's own cache holds are in it: it stands for a disk whose
//! cache survives. What `fsync` does not cover is missing in it, and that is what is looked for.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use secrecy::SecretString;
use tempfile::TempDir;
use valetkey::caller::Caller;
use valetkey::clock::Clock;
use valetkey::config::MasterKeySource;
use valetkey::demo::sandbox::SandboxSettings;
use valetkey::store::records::{Connection, ConnectionId, ConnectionState, Grant};
use valetkey::store::sled::{Change, Store};

use super::mount::{Disk, new_image};
use crate::copy;
use crate::rounds::rounds;
use crate::world::{READ, World};

/// How many rows the stream of writes replaces in turn.
const ROWS: u64 = 50;

async fn open(disk: &Path, key: &Path) -> Store {
    let key = MasterKeySource::File(key.to_owned());
    Store::open(&disk.join("vault"), &key, Clock::system())
        .await
        .unwrap()
}

/// The `nth` write, counted from 0.
fn row(nth: u64) -> Connection {
    let number = nth % ROWS;
    let time = Timestamp::from_second(1_800_000_000).unwrap();
    Connection {
        version: nth / ROWS + 1,
        id: ConnectionId(number.to_be_bytes()),
        caller: Caller::local(),
        provider_id: "google".to_owned(),
        account_id: number.to_string(),
        account: "ada@example.test".to_owned(),
        alias: None,
        is_default: false,
        asked: std::collections::BTreeSet::new(),
        grant: Grant {
            access_token: SecretString::from("x".repeat(500)),
            refresh_token: None,
            obtained_at: time,
            expires_at: None,
            scopes: std::collections::BTreeSet::new(),
            refreshing_since: None,
            restored_from: None,
        },
        state: ConnectionState::Connected,
        connected_at: time,
    }
}

/// Writes until it is killed, and says what is acknowledged.
async fn write(disk: &Path, key: &Path) {
    let store = open(disk, key).await;
    for nth in 0.. {
        store
            .commit(vec![Change::PutConnection(row(nth))])
            .await
            .unwrap();
        let mut out = std::io::stdout();
        writeln!(out, "\nacknowledged {nth}").unwrap();
        out.flush().unwrap();
    }
}

/// A process that writes to a disk, stopped and continued.
struct Writer {
    process: std::process::Child,
    said: Box<dyn Iterator<Item = u64>>,
}

impl Writer {
    fn start(test: &str, disk: &Path, key: &Path) -> Self {
        let about = format!("{}\n{}", disk.display(), key.display());
        let mut process = copy::of(test, about)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let said = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
        Self {
            process,
            said: Box::new(said),
        }
    }

    /// The number of the `nth` acknowledgement from now on.
    fn acknowledged(&mut self, nth: usize) -> u64 {
        self.said.nth(nth).expect("the writer goes on")
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.process.wait().unwrap();
    }
}

/// What the power leaves of the disk in `image`: whether the writes up to the `last` are there.
async fn survives(image: &Path, key: &Path, last: u64) -> Result<(), String> {
    let copy = image.with_extension("cut");
    fs::copy(image, &copy).unwrap();
    let disk = Disk::of_image(&copy);
    let key = MasterKeySource::File(key.to_owned());
    let store = Store::open(&disk.path().join("vault"), &key, Clock::system())
        .await
        .map_err(|error| error.to_string())?;
    if let Some(notice) = store.notice().await.unwrap() {
        return Err(notice);
    }
    let rows = store.connections(&Caller::local()).await.unwrap();
    for nth in (last + 1).saturating_sub(ROWS)..=last {
        let expected = row(nth);
        let found = rows.iter().find(|row| row.id == expected.id);
        if found.is_none_or(|found| found.version < expected.version) {
            return Err(format!("write {nth} of {last} is lost"));
        }
    }
    Ok(())
}

/// The copy's part, if this is the copy.
async fn is_writer() -> bool {
    let Some(about) = copy::about() else {
        return false;
    };
    let about = about.into_string().unwrap();
    let (disk, key) = about.split_once('\n').unwrap();
    write(Path::new(disk), Path::new(key)).await;
    true
}

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        new_image(&folder.path().join("image"));
        Self { folder }
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("config/master.key")
    }
}

#[tokio::test]
#[ignore = "mounts an image: tests/faults/run"]
async fn no_power_cut_in_a_stream_of_writes_loses_an_acknowledged_one() {
    if is_writer().await {
        return;
    }
    let place = Place::new();
    let disk = Disk::of_image(&place.image());
    let name = "faults::image::no_power_cut_in_a_stream_of_writes_loses_an_acknowledged_one";
    let mut writer = Writer::start(name, disk.path(), &place.key());
    let cuts = u64::try_from(rounds(20, 100)).unwrap();
    let (mut losses, mut last) = (Vec::new(), 0);
    for cut in 0..cuts {
        let steps = usize::try_from(cut % 7 * 5).unwrap();
        last = writer.acknowledged(steps);
        writer.signal(Signal::STOP);
        if let Err(why) = survives(&place.image(), &place.key(), last).await {
            losses.push(format!("cut {cut}: {why}"));
        }
        writer.signal(Signal::CONT);
    }
    drop(writer);
    report(&format!(
        "{cuts} power cuts in a stream of {last} acknowledged writes: {} lost some",
        losses.len()
    ));
    assert!(losses.is_empty(), "{losses:#?}");
}

#[tokio::test]
#[ignore = "mounts an image: tests/faults/run"]
async fn no_power_cut_after_the_first_write_of_a_fresh_vault_loses_it() {
    if is_writer().await {
        return;
    }
    let name = "faults::image::no_power_cut_after_the_first_write_of_a_fresh_vault_loses_it";
    let cuts = u64::try_from(rounds(5, 25)).unwrap();
    let mut lost = Vec::new();
    for cut in 0..cuts {
        let place = Place::new();
        let disk = Disk::of_image(&place.image());
        let mut writer = Writer::start(name, disk.path(), &place.key());
        let first = writer.acknowledged(0);
        assert_eq!(first, 0);
        writer.signal(Signal::STOP);
        if let Err(why) = survives(&place.image(), &place.key(), first).await {
            lost.push(format!("cut {cut}: {why}"));
        }
    }
    report(&format!(
        "{cuts} power cuts after the first write of a fresh vault: {} lost it",
        lost.len()
    ));
    assert!(lost.is_empty(), "{lost:#?}");
}

/// For whoever runs the tests with `--nocapture`.
#[expect(clippy::print_stderr, reason = "the counts are what the run is for")]
fn report(line: &str) {
    eprintln!("{line}");
}

#[tokio::test]
#[ignore = "mounts an image: tests/faults/run"]
async fn a_disk_that_becomes_read_only_is_told_with_the_next_step() {
    let place = Place::new();
    let disk = Disk::of_image(&place.image());
    let world = World::on(disk.path(), SandboxSettings::default()).await;
    let process = world.process();
    process.connect(&[READ]).await;
    disk.break_down();

    process.granted(&[READ]).await;
    world.clock.advance(std::time::Duration::from_hours(1));
    let mut told = Vec::new();
    for _ in 0..3 {
        let requirement = crate::world::google(&[READ]);
        let error = process.broker.access(&Caller::local(), &requirement).await;
        told.push(error.unwrap_err().to_string());
    }
    for told in told {
        assert!(
            told.to_lowercase().contains("read-only file")
                && told.contains("Set `store` to a directory"),
            "{told}"
        );
    }
}
