//! Too many connections, and too many calls of one user: the others are answered meanwhile (threats
//! 104, 121).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};

use crate::host::assert_finished;
use crate::http::server::{ADA, BOB, HttpServer, message_of};
use crate::http::team::Team;
use crate::session::{find_mail, read_channel};

const HALF_OPEN: usize = 5_000;
const SLOW: usize = 500;

/// Room for the sockets of this test, which has one end of each.
fn open_files() {
    let limit = getrlimit(Resource::Nofile);
    let room = limit.maximum.is_none_or(|most| most >= 8_192);
    assert!(room, "the hard limit on open files is too low: {limit:?}");
    let wanted = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, wanted).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_half_open_connections_do_not_keep_a_new_call_out() {
    open_files();
    let server = HttpServer::with_users("").await;
    let address = server.url.strip_prefix("http://").unwrap();
    let mut silent = Vec::new();
    let kinds = [
        "",
        "POST /mcp HT",
        "POST /mcp HTTP/1.1\r\nHost: x\r\n",
        // A body that never comes, with a token that is good.
        &format!(
            "POST /mcp HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {ADA}\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
        ),
    ];
    for number in 0..HALF_OPEN {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(kinds[number % kinds.len()].as_bytes())
            .await
            .unwrap();
        silent.push(stream);
    }
    let call = json!({ "name": "connections_list", "arguments": {} });
    let answer = server.call(BOB, &call).await;
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    // The latest have not run into their time limit: the call was answered beside them.
    let latest = silent.iter().rev().take(100);
    let open = latest.filter(|stream| {
        let mut byte = [0];
        stream
            .try_read(&mut byte)
            .is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    });
    assert_eq!(open.count(), 100, "the call did not wait for them to end");
    // And each ends by itself.
    let mut ended = JoinSet::new();
    for mut stream in silent {
        ended.spawn(async move {
            let mut rest = Vec::new();
            let read = stream.read_to_end(&mut rest);
            tokio::time::timeout(Duration::from_secs(40), read)
                .await
                .is_ok()
        });
    }
    let ended = ended.join_all().await;
    assert!(ended.iter().all(|ended| *ended), "a connection stayed");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_slow_calls_of_one_user_do_not_hold_up_anothers() {
    open_files();
    let team = Team::with("  calls_per_minute: 0\n").await;
    for user in ["ada", "bob"] {
        team.connect(user, &find_mail()).await;
    }
    let sandbox = &team.server.sandbox;
    let gate = CancellationToken::new();
    let endpoint = Endpoint::Api("gmail.users.threads.list");
    let before = sandbox.count(Site::Google, endpoint);
    let hold = Fault::Hold(gate.clone());
    sandbox.fault(
        Site::Google,
        endpoint,
        hold,
        Times::Next(u32::try_from(SLOW).unwrap()),
    );
    let token = team.token("ada", "w");
    let ended = Arc::new(AtomicUsize::new(0));
    let mut slow = JoinSet::new();
    for _ in 0..SLOW {
        let request = team.server.message(&token, "tools/call", &find_mail());
        let ended = Arc::clone(&ended);
        slow.spawn(async move {
            let status = request.send().await.map(|answer| answer.status());
            ended.fetch_add(1, Ordering::SeqCst);
            status
        });
    }
    // All that will ever reach the provider at a time are there.
    let mut last = (0, 0);
    for _ in 0..1_000 {
        if last.1 == 20 {
            break;
        }
        let now = sandbox.count(Site::Google, endpoint) - before;
        last = if now == last.0 && now > 0 {
            (now, last.1 + 1)
        } else {
            (now, 0)
        };
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(last.0 >= 10, "{} are at the provider", last.0);
    let labels = json!({ "name": "gmail_list_labels", "arguments": {} });
    for _ in 0..50 {
        let answer = team.call("bob", &labels).await;
        let account = &answer["result"]["structuredContent"]["account"];
        assert_eq!(account, "grace@example.test", "{answer}");
        assert_eq!(ended.load(Ordering::SeqCst), 0, "ada's calls still wait");
    }
    let asked = team.call("bob", &read_channel()).await;
    assert!(asked["result"]["inputRequests"].is_object(), "{asked}");
    gate.cancel();
    let answered = slow.join_all().await.into_iter().flatten();
    assert_eq!(answered.filter(|status| *status == 200).count(), SLOW);
    let answer = message_of(
        team.server
            .message(&token, "tools/call", &find_mail())
            .send()
            .await
            .unwrap(),
    );
    assert_finished(&answer.await);
}
