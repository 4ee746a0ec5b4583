//! The master key in the keyring of the desktop session: with one that works, one that is locked,
//! one that never answers, and none.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::net::UnixListener as BlockingListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UnixListener;
use valetkey::demo::sandbox::SandboxSettings;
use zbus::object_server::ObjectServer;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

use crate::cli::{Ended, command, ended};
use crate::world::World;

/// What the Secret Service API calls a secret: session, parameters, value, content type.
type Secret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

/// What is in the keyring, by the attribute that names a key.
#[derive(Default)]
struct Contents {
    locked: bool,
    items: BTreeMap<String, Secret>,
}

type Shared = Arc<Mutex<Contents>>;

/// The methods of the bus itself that a client needs.
struct Bus;

#[zbus::interface(name = "org.freedesktop.DBus")]
impl Bus {
    #[expect(clippy::unused_self, reason = "the interface's form")]
    fn hello(&self) -> String {
        ":1.1".to_owned()
    }
}

struct Service(Shared);

#[zbus::interface(name = "org.freedesktop.Secret.Service")]
impl Service {
    /// Its public Diffie-Hellman key is 1, so that every session has the same key, and what one
    /// session encrypted another one decrypts.
    #[expect(clippy::unused_self, reason = "the interface's form")]
    fn open_session(&self, algorithm: &str, input: Value<'_>) -> (OwnedValue, OwnedObjectPath) {
        assert!(
            algorithm.starts_with("dh-"),
            "a secret must not cross the bus readably"
        );
        let theirs: Vec<u8> = input.try_into().unwrap();
        assert!(theirs.len() > 100, "a public key comes");
        let public = Value::from(vec![1_u8]).try_into().unwrap();
        (public, path("/session"))
    }

    #[expect(clippy::unused_self, reason = "the interface's form")]
    fn read_alias(&self, name: &str) -> OwnedObjectPath {
        assert_eq!(name, "default");
        path("/collection")
    }

    async fn search_items(
        &self,
        attributes: HashMap<String, String>,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) {
        assert_eq!(attributes["application"], "valetkey");
        let key = attributes["key"].clone();
        let (locked, there) = {
            let contents = self.0.lock().unwrap();
            (contents.locked, contents.items.contains_key(&key))
        };
        if !there {
            return (vec![], vec![]);
        }
        let found = item_path(&key);
        let item = Item(Arc::clone(&self.0), key);
        server.at(&found, item).await.unwrap();
        if locked {
            (vec![], vec![found])
        } else {
            (vec![found], vec![])
        }
    }
}

struct Collection(Shared);

#[zbus::interface(name = "org.freedesktop.Secret.Collection")]
impl Collection {
    #[zbus(property)]
    fn locked(&self) -> bool {
        self.0.lock().unwrap().locked
    }

    async fn create_item(
        &self,
        properties: HashMap<String, OwnedValue>,
        secret: Secret,
        replace: bool,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> (OwnedObjectPath, OwnedObjectPath) {
        assert!(replace);
        let attributes = properties["org.freedesktop.Secret.Item.Attributes"].clone();
        let attributes: HashMap<String, String> = attributes.try_into().unwrap();
        let key = attributes["key"].clone();
        self.0.lock().unwrap().items.insert(key.clone(), secret);
        let made = item_path(&key);
        let item = Item(Arc::clone(&self.0), key);
        server.at(&made, item).await.unwrap();
        (made, path("/"))
    }
}

struct Item(Shared, String);

#[zbus::interface(name = "org.freedesktop.Secret.Item")]
impl Item {
    #[zbus(property)]
    fn locked(&self) -> bool {
        self.0.lock().unwrap().locked
    }

    fn get_secret(&self, session: OwnedObjectPath) -> (Secret,) {
        let (_, parameters, value, kind) = self.0.lock().unwrap().items[&self.1].clone();
        ((session, parameters, value, kind),)
    }

    fn delete(&self) -> OwnedObjectPath {
        self.0.lock().unwrap().items.remove(&self.1);
        path("/")
    }
}

fn path(text: &str) -> OwnedObjectPath {
    text.to_owned().try_into().unwrap()
}

fn item_path(key: &str) -> OwnedObjectPath {
    path(&format!("/item/{}", key.replace(' ', "_")))
}

/// A session bus at `socket` that has a keyring and nothing else.
fn keyring(socket: &Path) -> Shared {
    let contents = Shared::default();
    let shared = Arc::clone(&contents);
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            let connection = zbus::connection::Builder::unix_stream(stream)
                .server(zbus::Guid::generate())
                .unwrap()
                .p2p()
                .serve_at("/org/freedesktop/DBus", Bus)
                .unwrap()
                .serve_at("/org/freedesktop/secrets", Service(Arc::clone(&shared)))
                .unwrap()
                .serve_at("/collection", Collection(Arc::clone(&shared)))
                .unwrap();
            kept.extend(connection.build().await);
        }
    });
    contents
}

async fn world() -> World {
    let more = "master_key: \"keyring:\"\n";
    World::in_real_time(SandboxSettings::default(), more).await
}

/// Runs a command in a session with this bus; none: without.
async fn run(world: &World, bus: Option<&Path>, arguments: &[&str]) -> Ended {
    let mut command = command(world, arguments);
    // Without an address the bus is looked for in here.
    command.env("XDG_RUNTIME_DIR", world.home());
    if let Some(bus) = bus {
        let address = format!("unix:path={}", bus.display());
        command.env("DBUS_SESSION_BUS_ADDRESS", address);
    }
    let output = tokio::time::timeout(Duration::from_secs(30), command.output());
    let output = output.await.expect("the command ends").unwrap();
    ended(&output, String::from_utf8(output.stderr.clone()).unwrap())
}

fn socket(world: &World) -> PathBuf {
    world.home().join("bus.socket")
}

fn assert_refused(ended: &Ended, world: &World, cause: &str) {
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    for part in [cause, "VALETKEY_MASTER_KEY", "file:/path"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    let file = world.home().join(".config/valetkey/master.key");
    assert!(!file.exists(), "another place was taken silently");
}

#[tokio::test]
async fn without_a_bus_the_error_names_the_alternatives_and_nothing_is_made() {
    let world = world().await;
    let none = run(&world, None, &["connections"]).await;
    assert_refused(&none, &world, "this session has none, or no D-Bus");
    let nobody = run(&world, Some(&socket(&world)), &["connections"]).await;
    assert_refused(&nobody, &world, "no D-Bus");
    let store = world.home().join(".local/state/valetkey/store");
    assert!(!store.join("sled").exists() && !store.join("keyring").exists());
}

#[tokio::test]
async fn a_bus_that_never_answers_is_given_up_after_three_seconds() {
    let world = world().await;
    let _silent = BlockingListener::bind(socket(&world)).unwrap();
    let given_up = run(&world, Some(&socket(&world)), &["connections"]).await;
    assert_refused(&given_up, &world, "did not answer within 3 seconds");
}

#[tokio::test]
async fn the_key_is_made_kept_replaced_and_missed_in_the_keyring() {
    let world = world().await;
    let bus = socket(&world);
    let contents = keyring(&bus);
    let bus = Some(&*bus);
    let names = || {
        let contents = contents.lock().unwrap();
        contents.items.keys().cloned().collect::<Vec<_>>()
    };
    let first = run(&world, bus, &["key", "show-id", "--json"]).await;
    assert_eq!(first.code, 0, "{}", first.stderr);
    let first = first.json();
    assert_eq!(first["kept_in"], "the operating system's keyring");
    assert_eq!(names(), ["master"]);

    let rotated = run(&world, bus, &["key", "rotate", "--master", "--json"]).await;
    assert_eq!(rotated.code, 0, "{}", rotated.stderr);
    assert_eq!(rotated.json()["replaced"], first["master_key"]);
    let old = format!("master {} old", first["master_key"].as_str().unwrap());
    assert_eq!(names(), ["master", &old]);
    let second = run(&world, bus, &["key", "show-id", "--json"]).await;
    assert_eq!(second.json()["master_key"], rotated.json()["master_key"]);

    contents.lock().unwrap().locked = true;
    let locked = run(&world, bus, &["connections"]).await;
    assert_refused(&locked, &world, "it is locked");
    contents.lock().unwrap().locked = false;

    let other = contents.lock().unwrap().items.remove("master").unwrap();
    let missed = run(&world, bus, &["connections"]).await;
    assert_eq!(missed.code, 1);
    assert!(
        missed.stderr.contains("Put the key back"),
        "{}",
        missed.stderr
    );
    assert_eq!(names(), [&*old], "no key is made for an old vault");
    contents
        .lock()
        .unwrap()
        .items
        .insert("master".to_owned(), other);
    assert_eq!(run(&world, bus, &["connections"]).await.code, 0);
}
