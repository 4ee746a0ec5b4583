//! What a panic tells.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Command;

use crate::copy;
use crate::host::Host;
use crate::session::{Era, Session, find_mail};

#[test]
fn a_panic_tells_where_it_was_and_nothing_of_what_it_says() {
    if copy::about().is_some() {
        valetkey::telemetry::start(Some("trace"));
        let token = "canary-token";
        panic!("no use for {token}");
    }
    let name = "panics::a_panic_tells_where_it_was_and_nothing_of_what_it_says";
    let child = copy::of(name, "panic").output().unwrap();
    assert!(!child.status.success());
    let told = [child.stdout, child.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("tests/it/panics.rs"), "{told}");
    assert!(!told.contains("canary-token"), "{told}");
}

#[test]
fn no_secret_can_be_given_on_the_command_line() {
    let help = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_valetkey"))
            .args(arguments)
            .arg("--help")
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let whole = help(&[]);
    let commands: Vec<&str> = whole
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    assert!(commands.contains(&"connect"), "{commands:?}");
    for command in commands {
        for line in help(&[command]).lines() {
            let line = line.trim_start();
            // A file may have a secret in it.
            let flag = line.starts_with('-') && !line.contains("<FILE>");
            let named = ["secret", "token", "password", "key"];
            assert!(
                !(flag && named.iter().any(|name| line.contains(name))),
                "{command}: {line}"
            );
        }
    }
}

/// Only root can start a process of another user, and see whose its memory is: the kernel gives the
/// files of a process that cannot be dumped to root.
#[test]
#[cfg(target_os = "linux")]
#[cfg_attr(not(feature = "peers"), ignore = "needs root; `tests/run` runs it")]
fn no_other_process_of_the_same_user_can_read_its_memory() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    use std::process::Stdio;
    const NOBODY: u32 = 65_534;
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // Where the build is, nobody may be allowed to look.
    let program = home.path().join("valetkey");
    fs::copy(env!("CARGO_BIN_EXE_valetkey"), &program).unwrap();
    let mut child = Command::new(&program)
        .env_clear()
        .env("HOME", home.path())
        .arg("stdio")
        .uid(NOBODY)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let process = format!("/proc/{}", child.id());
    let mut line = String::new();
    writeln!(
        child.stdin.as_mut().unwrap(),
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping"}}"#
    )
    .unwrap();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains("jsonrpc"), "it lives: {line}");
    let owner = |file: &str| fs::metadata(format!("{process}/{file}")).unwrap().uid();
    assert_eq!(owner("stat"), 0, "it can be dumped");
    assert_eq!(owner("mem"), 0, "its memory can be read");
    let limits = fs::read_to_string(format!("{process}/limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let zeros = core.unwrap().split_whitespace().filter(|word| *word == "0");
    assert_eq!(zeros.count(), 2, "{core:?}");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Whoever is not root may lock a little memory only, and is told.
#[test]
#[cfg(target_os = "linux")]
#[cfg_attr(not(feature = "peers"), ignore = "needs root; `tests/run` runs it")]
fn with_lock_memory_nothing_of_the_process_can_be_swapped_out() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return;
    }
    let locked = |host: &Host| {
        let mut session = Session::open(host, Era::Text);
        session.ask(&find_mail());
        let status = format!("/proc/{}/status", session.server.id());
        let status = fs::read_to_string(status).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmLck:"));
        let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
        kilobytes.parse::<u64>().unwrap()
    };
    assert_eq!(locked(&Host::new("")), 0);
    let host = Host::new("lock_memory: true\n");
    assert!(locked(&host) > 0);

    // As another user, where the build is nobody may be allowed to look.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("valetkey");
    fs::copy(env!("CARGO_BIN_EXE_valetkey"), &program).unwrap();
    let config = folder.path().join("valetkey.yaml");
    fs::write(&config, "lock_memory: true\n").unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).unwrap();
    let limited = format!(
        "ulimit -l 64; exec {} --config {} tools",
        program.display(),
        config.display()
    );
    let mut shell = Command::new("sh");
    shell.env("HOME", folder.path()).args(["-c", &limited]);
    shell.uid(65_534).current_dir("/");
    let output = shell.output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && told.contains("ulimit -l unlimited"),
        "{told}"
    );
}
