//! The socket between the processes: who may use it, what crosses it, and what hostile or broken
//! programs at it can do.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use valetkey::caller::Caller;
use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::faults::Endpoint;
use valetkey::demo::sandbox::{RefreshTokens, SandboxSettings, Site, Tokens};

use crate::host::{Host, assert_finished, text_of};
use crate::session::{Era, Session, find_mail};
use crate::world::{READ, World, google};

/// How the sandbox's Google begins its refresh tokens.
const REFRESH_TOKEN: &str = "1//0canary";

fn rotating() -> SandboxSettings {
    SandboxSettings {
        marker: "canary".to_owned(),
        google: Tokens {
            lifetime: Some(Duration::from_hours(1)),
            refresh: RefreshTokens::Rotating,
        },
        ..SandboxSettings::default()
    }
}

fn socket(world: &World) -> PathBuf {
    world.home().join(".local/state/valetkey/store/owner.sock")
}

fn frame(message: &Value) -> Vec<u8> {
    let body = message.to_string().into_bytes();
    let mut frame = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(body);
    frame
}

fn read_frame(stream: &mut UnixStream) -> Value {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut body = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut body).unwrap();
    serde_json::from_slice(&body).unwrap()
}

/// What comes until the other end closes the connection, which it must.
fn rest(stream: &mut UnixStream) -> Vec<u8> {
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => {
            panic!("the connection stays open: {error}")
        }
        _ => bytes,
    }
}

/// Records all that crosses the socket in either direction.
fn wiretap(path: &Path) -> Arc<Mutex<Vec<u8>>> {
    let real = path.with_file_name("real.sock");
    fs::rename(path, &real).unwrap();
    let listener = UnixListener::bind(path).unwrap();
    let tape = Arc::new(Mutex::new(Vec::new()));
    let recording = Arc::clone(&tape);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (near, far) = (stream.unwrap(), UnixStream::connect(&real).unwrap());
            for (from, to) in [(&near, &far), (&far, &near)] {
                let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                let recording = Arc::clone(&recording);
                thread::spawn(move || {
                    let mut bytes = [0; 4096];
                    while let Ok(n @ 1..) = from.read(&mut bytes) {
                        recording.lock().unwrap().extend(&bytes[..n]);
                        if to.write_all(&bytes[..n]).is_err() {
                            break;
                        }
                    }
                });
            }
        }
    });
    tape
}

#[tokio::test(flavor = "multi_thread")]
async fn access_tokens_cross_the_socket_and_refresh_tokens_never_do() {
    let world = World::with(rotating(), "").await;
    let owner = world.process();
    owner.connect(&[READ]).await;
    let tape = wiretap(&socket(&world));
    let follower = world.process();
    let me = Caller::local();
    let granted = follower.granted(&[READ]).await;
    world.clock.advance(Duration::from_hours(2));
    follower.granted(&[READ]).await;
    world.sandbox.end_access_tokens(Site::Google);
    let rejected = follower.granted(&[READ]).await.access_token;
    follower
        .broker
        .renew(&me, granted.connection, &rejected)
        .await
        .unwrap();
    follower.broker.connections(&me).await.unwrap();
    let link = follower.consent(&[READ, crate::world::SEND]).await.link;
    Person::new().follow(link.as_str()).await.unwrap();
    follower.granted(&[READ, crate::world::SEND]).await;
    follower
        .broker
        .disconnect(&me, granted.connection)
        .await
        .unwrap();

    let tape = tape.lock().unwrap();
    let tape = String::from_utf8_lossy(&tape);
    assert_eq!(world.sandbox.count(Site::Google, Endpoint::Refresh), 2);
    assert!(tape.contains("ya29.") && tape.contains("canary"));
    assert!(!tape.contains(REFRESH_TOKEN), "a refresh token crossed");
    assert!(!tape.contains("client_secret"));
}

/// Every readable byte of a process's memory. Only root may look: processes hide theirs.
#[cfg(target_os = "linux")]
fn memory(pid: u32) -> Option<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let memory = fs::File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut bytes = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let address = |text| u64::from_str_radix(text, 16).unwrap();
        let (from, to) = (address(from), address(to));
        let mut region = vec![0; usize::try_from(to - from).unwrap()];
        if memory.read_exact_at(&mut region, from).is_ok() {
            bytes.extend(region);
        }
    }
    Some(bytes)
}

#[test]
#[cfg(target_os = "linux")]
fn a_follower_has_no_refresh_token_in_its_memory() {
    let host = Host::with(rotating(), "");
    let mut owner = Session::open(&host, Era::Text);
    owner.with(&find_mail(), Person::new());
    let mut follower = Session::open(&host, Era::Text);
    assert_finished(&follower.alone(&find_mail()));
    host.world.sandbox.end_access_tokens(Site::Google);
    assert_finished(&follower.alone(&find_mail()));

    let uid = fs::metadata("/proc/self").unwrap().uid();
    let holds = |session: &Session<'_>| -> Option<bool> {
        memory(session.server.id()).map(|bytes| {
            let marked = REFRESH_TOKEN.to_owned();
            bytes
                .windows(marked.len())
                .any(|at| at == marked.as_bytes())
        })
    };
    match (holds(&owner), holds(&follower)) {
        (Some(_), Some(followers)) => assert!(!followers, "a refresh token is in its memory"),
        _ => assert_ne!(uid, 0, "root can read every process's memory"),
    }
}

#[test]
#[cfg(target_os = "linux")]
fn after_a_disconnect_no_refresh_token_is_left_in_the_owners_memory() {
    let host = Host::with(rotating(), "");
    let mut owner = Session::open(&host, Era::Text);
    owner.with(&find_mail(), Person::new());
    host.world.sandbox.end_access_tokens(Site::Google);
    assert_finished(&owner.alone(&find_mail()));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_valetkey"));
    let output = command
        .env_clear()
        .env("HOME", host.world.home())
        .arg("--config")
        .arg(&host.world.config)
        .args(["disconnect", "ada@example.test"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    // The connection that carried the revocation may have its buffers for a moment longer.
    for left in (0..50).rev() {
        let Some(bytes) = memory(owner.server.id()) else {
            return;
        };
        let has = |text: &str| bytes.windows(text.len()).any(|at| at == text.as_bytes());
        assert!(has(host.vault().to_str().unwrap()), "this is its memory");
        if !has(REFRESH_TOKEN) {
            return;
        }
        assert_ne!(left, 0, "a refresh token is left");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_at_the_socket_ends_its_connection_and_nothing_else() {
    let world = World::new().await;
    let owner = world.process();
    owner.connect(&[READ]).await;
    let path = socket(&world);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let hello = frame(&json!({ "protocol": 1, "version": "0.0.0" }));
    let mut long =
        frame(&json!({ "Do": [1, { "Seal": { "context": vec![0; 40_000], "plaintext": [] } }] }));
    let cases: [(&str, bool, Vec<u8>); 8] = [
        ("no hello", false, b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        (
            "a gigabyte of hello",
            false,
            0x4000_0000_u32.to_be_bytes().to_vec(),
        ),
        (
            "a hello of another form",
            false,
            frame(&json!({ "protocol": "x" })),
        ),
        (
            "no JSON",
            true,
            [&4_u32.to_be_bytes()[..], b"\xff\xfe{]"].concat(),
        ),
        ("an unknown request", true, frame(&json!({ "Sing": 1 }))),
        (
            "an unknown operation",
            true,
            frame(&json!({ "Do": [1, { "Refresh": {} }] })),
        ),
        (
            "a gigabyte",
            true,
            [&0x4000_0000_u32.to_be_bytes()[..], b"xx"].concat(),
        ),
        ("more than 64 KiB", true, std::mem::take(&mut long)),
    ];
    for (name, polite, bytes) in cases {
        let mut stream = UnixStream::connect(&path).unwrap();
        if polite {
            stream.write_all(&hello).unwrap();
            assert_eq!(read_frame(&mut stream)["protocol"], 1, "{name}");
        }
        stream.write_all(&bytes).ok();
        assert!(rest(&mut stream).is_empty(), "{name}");
        owner.granted(&[READ]).await;
    }
    // Half a frame is waited for, for a while.
    let mut half = UnixStream::connect(&path).unwrap();
    half.write_all(&hello[..7]).unwrap();
    assert!(rest(&mut half).is_empty());
    world.process().granted(&[READ]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_are_bounded_and_others_are_served() {
    let world = World::new().await;
    let owner = world.process();
    owner.connect(&[READ]).await;
    let path = socket(&world);
    let flood: Vec<_> = (0..1_000).map(|_| UnixStream::connect(&path)).collect();
    let held = flood.iter().filter(|stream| stream.is_ok()).count();
    assert!(held > 500, "{held}");
    owner.granted(&[READ]).await;
    // Those that say nothing are turned away, and there is room again.
    let follower = world.process();
    let started = std::time::Instant::now();
    while follower
        .broker
        .access(&Caller::local(), &google(&[READ]))
        .await
        .is_err()
    {
        assert!(started.elapsed().as_secs() < 20, "there is no room");
    }
    drop(flood);
}

#[tokio::test]
async fn waits_whose_callers_left_make_room_at_the_owner() {
    let world = World::new().await;
    let owner = world.process();
    let flow = owner.consent(&[READ]).await.flow;
    let follower = world.process();
    let me = Caller::local();
    follower.consent(&[READ]).await;
    // More than one connection may have under way.
    for _ in 0..5_000 {
        let until = tokio::time::Instant::now() + Duration::from_mins(5);
        tokio::select! {
            biased;
            ended = follower.broker.wait(&me, flow, until) => panic!("{ended:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    follower.consent(&[READ]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_of_two_versions_say_so() {
    // A later process at our owner: it hears our version before the connection ends.
    let world = World::new().await;
    let owner = world.process();
    owner.connect(&[READ]).await;
    let mut later = UnixStream::connect(socket(&world)).unwrap();
    let hello = json!({ "protocol": 2, "version": "9.0.0", "more": true });
    later.write_all(&frame(&hello)).unwrap();
    let welcome = read_frame(&mut later);
    assert_eq!(welcome["protocol"], 1);
    assert_eq!(welcome["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(welcome["pid"], std::process::id());
    assert!(rest(&mut later).is_empty());

    // Our process at a later owner.
    let world = World::new().await;
    let path = socket(&world);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_frame(&mut stream);
        let welcome = json!({ "protocol": 2, "version": "9.0.0", "pid": 4_194_999, "full": false,
                              "more": true });
        stream.write_all(&frame(&welcome)).unwrap();
    });
    let me = Caller::local();
    let refused = world.process().broker.connections(&me).await.unwrap_err();
    let refused = refused.to_string();
    for phrase in ["version 9.0.0", "kill 4194999", env!("CARGO_PKG_VERSION")] {
        assert!(refused.contains(phrase), "{refused}");
    }
    assert!(
        !path.with_file_name("sled").exists(),
        "the vault was opened"
    );
}

/// Runs a line of Python as the user `nobody`, if this user may do that.
fn as_nobody(script: &str) -> Option<std::process::Child> {
    use std::os::unix::process::CommandExt;
    if fs::metadata("/proc/self").ok()?.uid() != 0 {
        return None;
    }
    let mut command = std::process::Command::new("python3");
    command.args(["-c", script]).uid(65_534).current_dir("/");
    Some(
        command
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap(),
    )
}

fn open_to_all(path: &Path, home: &Path) {
    for folder in path
        .ancestors()
        .skip(1)
        .take_while(|at| at.starts_with(home))
    {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(
    not(feature = "peers"),
    ignore = "needs root and python3; `tests/run` runs it"
)]
async fn another_user_gets_nothing_from_the_socket_and_nothing_is_sent_to_theirs() {
    let world = World::new().await;
    let owner = world.process();
    owner.connect(&[READ]).await;
    let path = socket(&world);
    // Not even an administrator who opens the folder lets another user in.
    open_to_all(&path, world.home());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let hello = r#"b'\0\0\0\x20{"protocol":1,"version":"0.0.0"}'"#;
    let script = format!(
        "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect({path:?})\n\
         try:\n s.sendall({hello})\n got=s.recv(100)\n\
         except ConnectionError: got=b\'\'\n\
         sys.stdout.write(repr(got))"
    );
    let Some(child) = as_nobody(&script) else {
        // Only root can become another user; the suite's own machine is root.
        return;
    };
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap());
    let output = output.await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "b''");

    let world = World::new().await;
    let path = socket(&world);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    open_to_all(&path, world.home());
    let script = format!(
        "import os,socket,sys\ns=socket.socket(socket.AF_UNIX)\nnew={path:?}+'.new'\n\
         s.bind(new)\ns.listen()\nos.rename(new,{path:?})\n\
         c,_=s.accept()\nsys.stdout.write(repr(c.recv(100)))"
    );
    let child = as_nobody(&script).unwrap();
    // It listens as soon as it has its name.
    while !path.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let me = Caller::local();
    let refused = world.process().broker.connections(&me).await.unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("another user (uid 65534)"), "{refused}");
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap());
    let output = output.await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "b''");
}

#[test]
fn a_vault_with_a_long_path_is_shared_too() {
    let folder = "d".repeat(100);
    let host = Host::new("");
    let home = host.world.home().join(folder);
    fs::create_dir_all(&home).unwrap();
    let start = || {
        crate::frames::Server::start(
            &home,
            &["--config", host.world.config.to_str().unwrap()],
            &[],
        )
    };
    let mut first = Session::around(&host, Era::Text, start());
    first.with(&find_mail(), Person::new());
    let mut second = Session::around(&host, Era::Text, start());
    let answer = second.alone(&find_mail());
    assert!(text_of(&answer).contains("Account: ada"), "{answer}");
}
