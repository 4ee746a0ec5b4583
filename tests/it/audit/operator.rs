//! What is recorded of work on the vault.

use crate::audit::{command, records, told};
use crate::host::Host;
use crate::session::{Era, Session};

fn kinds(host: &Host, kind: &str) -> Vec<String> {
    told(&records(host, &["--kind", kind]))
}

#[test]
fn exports_imports_new_keys_and_a_vacuum_are_recorded_and_found_by_their_kind() {
    let host = Host::new("");
    // One while a server has the vault, all else without.
    let mut session = Session::open(&host, Era::Text);
    session.ask(&crate::session::find_mail());
    let file = host.world.home().join("export");
    let file = file.to_str().unwrap();
    let done = |arguments: &[&str], expected: i32| {
        let (code, stdout) = command(&host, arguments);
        assert_eq!(code, expected, "{arguments:?}: {stdout}");
    };
    done(&["export", file], 0);
    session.server.kill();
    done(&["export", file], 1);
    done(&["import", file], 0);
    done(&["key", "rotate"], 0);
    done(&["key", "rotate", "--master"], 0);
    done(&["vacuum"], 0);

    for (kind, expected) in [
        (
            "export",
            &["export finished", "export failed store_unavailable"][..],
        ),
        ("import", &["import finished"]),
        ("rotate_key", &["rotate_key finished"]),
        ("rotate_master_key", &["rotate_master_key finished"]),
        ("vacuum", &["vacuum finished"]),
        ("call", &["call gmail_search consent"]),
        ("disconnect", &[]),
    ] {
        assert_eq!(kinds(&host, kind), expected, "{kind}");
    }
    let all = records(&host, &[]);
    let users: Vec<_> = all.iter().map(|record| &record["user"]).collect();
    assert!(users.iter().all(|user| *user == users[0]), "{all:?}");
    let (code, _) = command(&host, &["audit", "--kind", "nothing"]);
    assert_eq!(code, 2);
    done(&["audit", "verify"], 0);
}

#[test]
fn where_records_are_required_work_on_the_vault_is_recorded_before_it_begins() {
    let host = Host::new("audit: { required: true }\n");
    let file = host.world.home().join("export");
    let (code, _) = command(&host, &["export", file.to_str().unwrap()]);
    assert_eq!(code, 0);
    assert_eq!(
        kinds(&host, "export"),
        ["export started", "export finished"]
    );
}
