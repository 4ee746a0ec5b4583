//! The owner of the vault dies, or is stopped, at the worst moments.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use valetkey::demo::browser::Person;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::Endpoint;

use crate::host::{Host, assert_finished, text_of};
use crate::rounds::{rounds, say};
use crate::session::{Era, Session, find_mail};
use crate::stdio::kill;

#[test]
fn the_owner_killed_while_the_browser_is_at_the_provider_costs_no_flow() {
    let host = Host::new("");
    let mut times = Vec::new();
    let mut sessions = vec![
        Session::open(&host, Era::Text),
        Session::open(&host, Era::Text),
    ];
    for _ in 0..rounds(50, 50) {
        let link = sessions[0].ask(&find_mail()).link.unwrap();
        assert_eq!(sessions[1].ask(&find_mail()).link.as_ref(), Some(&link));
        let mut person = Person::new().stop_before_callback();
        let journey = host.wait(person.follow(&link)).unwrap();
        let callback = journey.stopped_before.clone().unwrap();

        let owner = host.owner().unwrap();
        let at = sessions
            .iter()
            .position(|session| session.server.id() == owner)
            .unwrap();
        sessions.remove(at).server.kill();
        let killed = Instant::now();
        while !host.world.listens() {
            assert!(killed.elapsed().as_secs() < 20, "nobody took over");
            thread::sleep(Duration::from_millis(1));
        }
        times.push(killed.elapsed());
        let mut page = host.wait(person.open(callback.clone())).unwrap();
        // The new owner may answer the first look of this test with its port.
        if !page.last().status.is_success() {
            page = host.wait(person.open(callback)).unwrap();
        }
        assert!(page.last().status.is_success(), "{}", page.last().body);
        assert_finished(&sessions[0].alone(&find_mail()));
        host.world.sandbox.end_grants(Site::Google);
        sessions.push(Session::open(&host, Era::Text));
        // What is dead is found out, and the next round starts with a link.
        let asked = sessions[0].ask(&find_mail());
        assert!(asked.link.is_some(), "{}", asked.message);
    }
    say(&format!(
        "until the callback was served again: {}",
        summary(times)
    ));
}

#[test]
fn the_owner_killed_under_load_from_three_processes_fails_no_call() {
    const SEATS: usize = 3;
    let host = Host::new("");
    let mut first = Session::open(&host, Era::Text);
    first.with(&find_mail(), Person::new());
    first.server.finish();
    let kills = rounds(50, 50);
    let stop = AtomicBool::new(false);
    let (calls, deaths) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let delays = thread::scope(|scope| {
        let worker = || {
            let mut delays = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let mut server = Session::open(&host, Era::Text).server;
                for id in 1.. {
                    let asked = Instant::now();
                    let Some(answer) = server.try_request(id, "tools/call", &find_mail()) else {
                        // It was this one that was killed.
                        deaths.fetch_add(1, Ordering::Relaxed);
                        break;
                    };
                    delays.push(asked.elapsed());
                    assert_finished(&answer);
                    calls.fetch_add(1, Ordering::Relaxed);
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
            }
            delays
        };
        let workers: Vec<_> = (0..SEATS).map(|_| scope.spawn(worker)).collect();
        let mut last = None;
        for _ in 0..kills {
            let seen = calls.load(Ordering::Relaxed);
            let started = Instant::now();
            while calls.load(Ordering::Relaxed) < seen + 2 * SEATS || host.owner() == last {
                assert!(started.elapsed().as_secs() < 30, "no call came to its end");
                if workers.iter().any(thread::ScopedJoinHandle::is_finished) {
                    break;
                }
                thread::sleep(Duration::from_millis(2));
            }
            last = host.owner();
            kill("KILL", last.unwrap());
        }
        let killed = Instant::now();
        while deaths.load(Ordering::Relaxed) < kills && killed.elapsed().as_secs() < 20 {
            thread::sleep(Duration::from_millis(2));
        }
        stop.store(true, Ordering::Relaxed);
        let joined = workers.into_iter().map(|worker| worker.join().unwrap());
        joined.flatten().collect::<Vec<_>>()
    });
    assert_eq!(deaths.load(Ordering::Relaxed), kills);
    let authorized = host.world.sandbox.count(Site::Google, Endpoint::Authorize);
    assert_eq!(authorized, 1, "the grant was lost");
    say(&format!("{} calls: {}", delays.len(), summary(delays)));
}

#[test]
fn a_stopped_owner_is_named_and_used_again_when_it_goes_on() {
    let host = Host::new("");
    let mut owner = Session::open(&host, Era::Text);
    owner.with(&find_mail(), Person::new());
    let mut follower = Session::open(&host, Era::Text);
    assert_finished(&follower.alone(&find_mail()));
    let pid = owner.server.id();

    kill("STOP", pid);
    // The one that was connected, and one that comes anew.
    let mut newcomer = Session::open(&host, Era::Text);
    for session in [&mut follower, &mut newcomer] {
        let answer = session.alone(&find_mail());
        let text = text_of(&answer);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        assert!(text.contains(&format!("kill -CONT {pid}")), "{text}");
    }
    kill("CONT", pid);
    for session in [&mut follower, &mut newcomer] {
        assert_finished(&session.alone(&find_mail()));
    }
    assert_eq!(host.owner(), Some(pid), "no second owner");
}

fn summary(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    format!("p50 {:?}, p95 {:?}, max {:?}", at(50), at(95), at(100))
}
