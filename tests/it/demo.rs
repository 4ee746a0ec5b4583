//! `valetkey demo` as people run it.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

fn demo(arguments: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_valetkey"))
        .env_clear()
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        // Nothing may go through a proxy, and no configuration of the user's may matter.
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("VALETKEY_CONFIG", "/nowhere/valetkey.yaml")
        .env("GOOGLE_CLIENT_ID", "somebody's")
        .current_dir("/")
        .arg("demo")
        .args(arguments)
        .output()
        .unwrap();
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    output
}

#[test]
fn the_demo_takes_three_calls_through_consent_and_one_without() {
    let output = demo(&["--json"]);
    let story = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{story}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["ok"], true);
    let steps = told["steps"].as_array().unwrap();
    let tools: Vec<_> = steps
        .iter()
        .map(|step| (step["tool"].as_str().unwrap(), step["link"].is_string()))
        .collect();
    assert_eq!(
        tools,
        [
            ("gmail_search", true),
            ("slack_read_channel", true),
            ("github_search_issues", true),
            ("gmail_search", false),
        ]
    );
    assert_eq!(
        steps[0]["structuredContent"]["items"][0]["subject"],
        "Go for launch"
    );
    let hostile = steps[3].to_string();
    assert!(
        hostile.contains("invoice") && !hostile.contains('\u{200b}'),
        "{hostile}"
    );
    for prefix in ["ya29.", "1//0", "xoxp-", "gho_", "secret-sandbox"] {
        let all = format!("{told}{story}");
        assert!(!all.contains(prefix), "{prefix} is in the story");
    }
}

#[test]
fn without_a_terminal_the_story_goes_to_standard_output_uncoloured() {
    let output = demo(&[]);
    let story = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for words in [
        "Valetkey demo",
        "/connect/",
        "The same call finished.",
        "\"mcpServers\"",
    ] {
        assert!(story.contains(words), "{words}: {story}");
    }
    assert!(!story.contains('\u{1b}'), "{story}");
}
