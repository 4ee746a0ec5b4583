use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

use tempfile::TempDir;

use super::*;

const TOOL: &str = "gmail_search";

const FEW: Limits = Limits {
    texts_of_a_caller: 5,
    bytes_of_a_caller: 100_000,
    texts: 12,
};

struct Bench {
    spill: Spill,
    clock: Clock,
    directory: TempDir,
}

impl Bench {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let clock = Clock::standing_at("2026-11-23T12:00:00Z".parse().unwrap());
        let spill = Spill::within(FEW, directory.path().to_owned(), clock.clone());
        Self {
            spill,
            clock,
            directory,
        }
    }

    async fn keep(&self, caller: &Caller, text: &str) -> String {
        self.spill
            .keep(caller, TOOL, text.to_owned())
            .await
            .unwrap()
    }

    async fn knows(&self, caller: &Caller, handle: &str) -> bool {
        match self.spill.read(caller, handle, 0..1).await {
            Ok(_) => true,
            Err(SpillError::Unknown) => false,
            Err(error) => panic!("{error}"),
        }
    }
}

fn ada() -> Caller {
    Caller::verified("https://id.example", "ada")
}

fn bob() -> Caller {
    Caller::verified("https://id.example", "bob")
}

/// So long that it has several parts, with characters of every length.
fn long() -> String {
    let lines: Vec<String> = (0..6000).map(|n| format!("{n} é漢🙂")).collect();
    lines.join("\n")
}

#[tokio::test]
async fn pages_of_any_size_together_are_the_text() {
    let bench = Bench::new();
    let text = long();
    let all = text.chars().count();
    let handle = bench.keep(&ada(), &text).await;
    assert_eq!(handle.len(), 22, "128 bits in base64url");
    for page in [777, PART, PART + 1, all] {
        let mut read = String::new();
        for start in (0..all).step_by(page) {
            let wanted = start..start + page;
            let piece = bench.spill.read(&ada(), &handle, wanted).await.unwrap();
            assert_eq!((piece.tool.as_str(), piece.all), (TOOL, all));
            read.push_str(&piece.text);
        }
        assert!(read == text, "pages of {page}");
    }
    for beyond in [all..all + 5, all + 5..all + 9] {
        let piece = bench.spill.read(&ada(), &handle, beyond).await.unwrap();
        assert_eq!(piece.text, "");
    }
}

#[tokio::test]
async fn another_callers_and_a_forged_handle_are_unknown() {
    let bench = Bench::new();
    let handle = bench.keep(&ada(), "secret").await;
    assert!(bench.knows(&ada(), &handle).await);
    assert!(!bench.knows(&bob(), &handle).await);
    let mut forged = handle.clone();
    forged.replace_range(0..1, if handle.starts_with('A') { "B" } else { "A" });
    for forged in [forged.as_str(), &handle[1..], "", "../../etc/passwd"] {
        assert!(!bench.knows(&ada(), forged).await, "{forged}");
    }
}

#[tokio::test]
async fn after_an_hour_nothing_is_left() {
    let bench = Bench::new();
    let handle = bench.keep(&ada(), "text").await;
    bench.clock.advance(Duration::from_secs(59 * 60 + 59));
    assert!(bench.knows(&ada(), &handle).await);
    bench.clock.advance(Duration::from_secs(1));
    assert!(!bench.knows(&ada(), &handle).await);
    assert!(bench.spill.0.kept.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_oldest_of_the_caller_go_first_by_number_and_by_size() {
    let bench = Bench::new();
    let others = bench.keep(&bob(), "bob's").await;
    let mut handles = Vec::new();
    for _ in 0..=FEW.texts_of_a_caller {
        handles.push(bench.keep(&ada(), "text").await);
    }
    assert!(!bench.knows(&ada(), &handles[0]).await);
    assert!(bench.knows(&ada(), &handles[1]).await);
    assert!(bench.knows(&bob(), &others).await);

    let big = "x".repeat(45_000);
    let first = bench.keep(&ada(), &big).await;
    assert!(bench.knows(&ada(), &handles[2]).await);
    let second = bench.keep(&ada(), &big).await;
    assert!(bench.knows(&ada(), &first).await);
    let third = bench.keep(&ada(), &big).await;
    for gone in [&handles[FEW.texts_of_a_caller], &first] {
        assert!(!bench.knows(&ada(), gone).await);
    }
    for there in [&second, &third] {
        assert!(bench.knows(&ada(), there).await);
    }
    assert!(bench.knows(&bob(), &others).await);

    let too_big = big.repeat(3);
    let refused = bench.spill.keep(&ada(), TOOL, too_big).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
    assert!(bench.knows(&ada(), &third).await);
}

#[tokio::test]
async fn all_callers_together_have_a_limit_too() {
    let bench = Bench::new();
    let first = bench.keep(&ada(), "text").await;
    for n in 0..FEW.texts {
        assert!(bench.knows(&ada(), &first).await, "{n}");
        let caller = Caller::verified("https://id.example", n.to_string());
        bench.keep(&caller, "text").await;
    }
    assert!(!bench.knows(&ada(), &first).await);
}

#[tokio::test]
async fn the_file_has_no_name_is_ours_alone_and_does_not_say_what_is_in_it() {
    let bench = Bench::new();
    let text = "the-canary-sings ".repeat(2000);
    let handle = bench.keep(&ada(), &text).await;
    assert_eq!(fs::read_dir(bench.directory.path()).unwrap().count(), 0);
    let kept = Arc::clone(&bench.spill.0.current()[0]);
    let found = kept.file.metadata().unwrap();
    assert_eq!(found.nlink(), 0);
    assert_eq!(found.mode() & 0o777, 0o600);
    let path = format!("/proc/self/fd/{}", kept.file.as_raw_fd());
    if let Ok(bytes) = fs::read(path) {
        assert!(bytes.len() > text.len());
        assert!(!String::from_utf8_lossy(&bytes).contains("canary"));
    }

    // Who can change it cannot make us show something else.
    let mut byte = [0];
    kept.file.read_exact_at(&mut byte, 100).unwrap();
    kept.file.write_all_at(&[!byte[0]], 100).unwrap();
    let read = bench.spill.read(&ada(), &handle, 0..9).await;
    assert!(matches!(read, Err(SpillError::Unreadable)), "{read:?}");
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_is_an_error_of_the_disk() {
    let bench = Bench::new();
    let spill = Spill::new(bench.directory.path().join("missing"), bench.clock.clone());
    let refused = spill.keep(&ada(), TOOL, "text".to_owned()).await;
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::NotFound);
}
