//! The shape of the code base: who may import whom, and how long a file may be.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The import table of the crate's documentation: a module may name these modules of ours, besides
/// itself. The leaves that hold no decision (`clock`, `metrics`) may be named by all.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("caller", &[]),
    ("clock", &[]),
    ("config", &[]),
    ("http", &[]),
    ("metrics", &[]),
    ("trace", &[]),
    ("serve", &[]),
    ("telemetry", &["config"]),
    ("seal", &["config"]),
    ("oauth", &["config"]),
    ("resource_server", &["config", "caller"]),
    ("store", &["seal", "config", "caller"]),
    ("audit", &["store", "caller"]),
    (
        "broker",
        &["audit", "oauth", "store", "config", "caller", "seal"],
    ),
    (
        "consent",
        &["caller", "broker", "audit", "oauth", "resource_server"],
    ),
    ("spill", &["seal", "caller"]),
    ("call", &["caller", "broker", "audit", "config", "spill"]),
    (
        "builtin",
        &[
            "audit", "broker", "call", "caller", "config", "oauth", "spill", "store",
        ],
    ),
    (
        "mcp",
        &[
            "caller",
            "broker",
            "audit",
            "builtin",
            "call",
            "config",
            "spill",
            "resource_server",
        ],
    ),
    ("demo", &["config"]),
    (
        "cli",
        &[
            "audit",
            "broker",
            "builtin",
            "call",
            "caller",
            "config",
            "consent",
            "demo",
            "mcp",
            "oauth",
            "resource_server",
            "seal",
            "spill",
            "store",
            "telemetry",
        ],
    ),
];
const LEAVES: &[&str] = &["clock", "http", "metrics", "serve", "trace"];

fn rust_files(folder: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
        &mut files,
    );
    files.sort();
    files
}

/// The modules of ours that a file names: `crate::x`, `crate::{x, y::z}`.
fn imports(source: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (at, _) in source.match_indices("crate::") {
        let rest = &source[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut item = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 || (depth == 1 && c == ',') {
                    named.push(first_word(item.trim()));
                    item.clear();
                    if depth == 0 {
                        break;
                    }
                } else {
                    item.push(c);
                }
            }
        } else {
            named.push(first_word(rest));
        }
    }
    named.retain(|name| !name.is_empty());
    named
}

fn first_word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}

#[test]
fn every_import_follows_the_table() {
    let table: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    let mut wrong = Vec::new();
    for file in rust_files("src") {
        let inside = file
            .strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
            .unwrap();
        let module = first_word(inside.iter().next().unwrap().to_str().unwrap());
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let allowed = table
            .get(module.as_str())
            .unwrap_or_else(|| panic!("`{module}` has no row in the import table"));
        for named in imports(&fs::read_to_string(&file).unwrap()) {
            if named != module
                && !LEAVES.contains(&named.as_str())
                && !allowed.contains(&named.as_str())
            {
                wrong.push(format!("{} imports {named}", inside.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_mcp_and_the_demo_speak_rmcp_and_the_toolkits_know_neither() {
    for file in rust_files("src") {
        let source = fs::read_to_string(&file).unwrap();
        let path = file.to_string_lossy();
        if source.contains("rmcp::") {
            assert!(
                path.contains("/src/mcp/") || path.contains("/src/demo/"),
                "{path} names rmcp"
            );
        }
    }
    for file in rust_files("toolkits") {
        let source = fs::read_to_string(&file).unwrap();
        for foreign in ["rmcp::", "oauth2::", "sled::", "valetkey::"] {
            assert!(
                !source.contains(foreign),
                "{} names {foreign}",
                file.display()
            );
        }
    }
}

/// What that one form asks for, `mcp::confirm` tests: a decision among words, nothing to type.
#[test]
fn there_is_one_form_that_people_are_asked_to_fill_in() {
    let with_form = rust_files("src").into_iter().filter_map(|file| {
        let source = fs::read_to_string(&file).unwrap();
        let made = source.matches("FormElicitationParams").count();
        (made > 0).then_some((file, made))
    });
    let with_form: Vec<_> = with_form.collect();
    assert!(
        matches!(&*with_form, [(file, 1)] if file.ends_with("src/mcp/confirm.rs")),
        "{with_form:?}"
    );
}

#[test]
fn secrets_are_read_in_the_five_places_only() {
    let readers = [
        "/src/oauth/",
        "/src/resource_server/bearer.rs",
        "/src/seal",
        "/toolkits/api.rs",
    ];
    // The link is a secret until it is shown, and showing it is what it is for, as is the browser's
    // cookie; the sandbox plays the provider and hands out marked tokens of its own.
    let excused = [
        "/src/broker/owner/flows.rs",
        "/src/consent/token.rs",
        "/src/demo/",
    ];
    for file in rust_files("src").into_iter().chain(rust_files("toolkits")) {
        let source = fs::read_to_string(&file).unwrap();
        let code = source.split("#[cfg(test)]").next().unwrap();
        let path = file.to_string_lossy();
        // Tests compare what came out.
        if path.contains("/tests") {
            continue;
        }
        if code.contains("expose_secret") || code.contains("into_secret()") {
            assert!(
                readers
                    .iter()
                    .chain(&excused)
                    .any(|place| path.contains(place)),
                "{path} reads a secret"
            );
        }
    }
}

#[test]
fn no_plain_string_is_named_like_a_secret() {
    for file in rust_files("src").into_iter().chain(rust_files("toolkits")) {
        let path = file.to_string_lossy().into_owned();
        // The sandbox's secrets open nothing.
        if path.contains("/demo/") || path.contains("/tests") {
            continue;
        }
        let source = fs::read_to_string(&file).unwrap();
        for line in source.lines() {
            let Some((name, kind)) = line.trim().trim_end_matches(',').split_once(": ") else {
                continue;
            };
            let name = name
                .trim_start_matches("pub ")
                .trim_start_matches("pub(super) ");
            // In the toolkits, which know no OAuth, a code is an error's.
            let secret = [
                "access_token",
                "client_secret",
                "code_verifier",
                "id_token",
                "link_token",
                "refresh_token",
                "secret",
                "verifier",
            ];
            let secret = secret.contains(&name) || (name == "code" && path.contains("/src/"));
            assert!(
                !(secret && matches!(kind, "String" | "Option<String>" | "&str")),
                "{path}: {line}"
            );
        }
    }
}

#[test]
fn no_file_is_longer_than_600_lines() {
    for file in rust_files("src")
        .into_iter()
        .chain(rust_files("toolkits"))
        .chain(rust_files("tests"))
    {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 600, "{} has {lines} lines", file.display());
    }
}

#[test]
fn the_reader_of_imports_finds_every_form() {
    let source = "use crate::broker::Broker;\nuse crate::{clock::Clock, config::{Config, x}};\n\
                  let a = crate::seal::digest(b);";
    assert_eq!(imports(source), ["broker", "clock", "config", "seal"]);
}
