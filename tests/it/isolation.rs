//! Twenty users do what users do, in any order, against a model of what each of them has (threat 115).

use std::collections::BTreeSet;
use std::time::Duration;

use valetkey::broker::{Access, Broker};
use valetkey::caller::Caller;
use valetkey::demo::sandbox::Site;
use valetkey::demo::sandbox::faults::{Endpoint, Fault, Times};

use crate::world::{READ, World, google, sign_in_as};

const USERS: usize = 20;
const OPERATIONS: usize = 10_000;

/// xorshift64*: the same operations in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(drawn).unwrap() % limit
    }
}

fn caller(user: usize) -> Caller {
    // The same subject at two issuers is two users.
    let issuer = format!("https://id-{}.example", user % 2);
    Caller::verified(issuer, format!("user-{}", user / 2))
}

/// Several have connected the same account, each by themselves.
fn account(user: usize) -> &'static str {
    ["ada@example.test", "grace@example.test"][user / 2 % 2]
}

/// Asserts that the user gets exactly what the model says, and nothing of anybody else's.
async fn check(broker: &Broker, user: usize, connected: &BTreeSet<usize>) {
    let access = broker
        .access(&caller(user), &google(&[READ]))
        .await
        .unwrap();
    match access {
        Access::Granted(granted) => {
            assert!(connected.contains(&user), "user {user} has nothing");
            assert_eq!(granted.login, account(user));
            let own = broker.connections(&caller(user)).await.unwrap();
            assert!(own.iter().any(|view| view.id == granted.connection));
        }
        Access::Consent(_) => assert!(!connected.contains(&user), "user {user} lost it"),
        Access::Denied(denied) => panic!("user {user}: {denied:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_operations_of_twenty_users_never_mix_what_they_have() {
    let world = World::new().await;
    let process = world.process();
    let broker = &process.broker;
    // Google ends all grants of an account with the first that is given back; these users share two.
    let kept = Fault::Status(503);
    let sandbox = &world.sandbox;
    sandbox.fault(Site::Google, Endpoint::Revoke, kept, Times::Always);
    let mut random = Random(0x5EED_0F15_01A7_1011);
    let mut connected = BTreeSet::new();
    let mut done = [0_usize; 5];
    for _ in 0..OPERATIONS {
        let user = random.below(USERS);
        let drawn = random.below(1_000);
        let kind = match drawn {
            0..30 => 0,
            30..45 => 1,
            45..50 => 2,
            50..150 => 3,
            _ => 4,
        };
        done[kind] += 1;
        match kind {
            // Connects, if nothing is connected.
            0 => {
                let access = broker.access(&caller(user), &google(&[READ])).await;
                if let Access::Consent(consent) = access.unwrap() {
                    let link = consent.link.as_str();
                    sign_in_as(broker, &caller(user), link, account(user)).await;
                    connected.insert(user);
                }
            }
            // Disconnects by an id of their own; somebody else's is unknown.
            1 => {
                let other = (user + 1 + random.below(USERS - 1)) % USERS;
                for view in broker.connections(&caller(other)).await.unwrap() {
                    let refused = broker.disconnect(&caller(user), view.id).await.unwrap();
                    assert!(refused.is_none(), "user {user} ended what {other} has");
                }
                for view in broker.connections(&caller(user)).await.unwrap() {
                    assert!(
                        broker
                            .disconnect(&caller(user), view.id)
                            .await
                            .unwrap()
                            .is_some()
                    );
                }
                connected.remove(&user);
            }
            // Every token ends, and the next call of each refreshes it.
            2 => world.clock.advance(Duration::from_hours(2)),
            // Lists.
            3 => {
                let views = broker.connections(&caller(user)).await.unwrap();
                let accounts: Vec<_> = views.iter().map(|view| view.account.clone()).collect();
                let expected = connected.get(&user).map(|user| account(*user));
                assert_eq!(accounts, Vec::from_iter(expected.map(ToOwned::to_owned)));
            }
            _ => check(broker, user, &connected).await,
        }
    }
    for user in 0..USERS {
        check(broker, user, &connected).await;
    }
    assert!(done.iter().all(|count| *count > 20), "{done:?}");
}
