//! What a panic tells.

use std::process::Command;

use crate::copy;

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
            let flag = line.starts_with("--") || line.starts_with('-');
            let named = ["secret", "token", "password", "key"];
            assert!(
                !(flag && named.iter().any(|name| line.contains(name))),
                "{command}: {line}"
            );
        }
    }
}
