//! The one place that decides: for this caller, provider, account and scopes, `Granted`,
//! `Consent` or `Denied`.
//!
//! Every operation takes and returns plain values, so that a process which does not own the store
//! can send them to the one that does.

mod access;
mod activity;
mod browser;
mod checkup;
mod directory;
mod error;
mod keyed_call;
mod owner;
mod port;
mod seat;
mod sign_in;
mod socket;
mod view;
mod visit;

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use url::Url;

use crate::audit::{AuditPage, AuditQuery, Event, Hex, Point, Verdict};
pub use crate::broker::access::{
    Access, Consent, ConsentReason, Denied, FlowOutcome, Granted, Requirement,
};
pub use crate::broker::activity::Activity;
pub use crate::broker::checkup::Checkup;
use crate::broker::directory::Directory;
pub use crate::broker::error::{BrokerError, CallbackError, ErrorKind, LinkError, OwnerError};
pub use crate::broker::keyed_call::{Begun, KeyedAttempt, KeyedCallKey, KeyedEnd, MOST_KEPT};
use crate::broker::owner::Owner;
use crate::broker::seat::{Seat, Seats};
use crate::broker::socket::message::{Answer, Operation};
pub use crate::broker::view::{ConnectionView, Disconnected, Imported, Renamed, RevokedUser};
pub use crate::broker::visit::{Callback, ConnectPage, Ending, ScopeLine, Visitor};
use crate::caller::Caller;
use crate::clock::Clock;
use crate::config::Config;
use crate::http::Http;
use crate::oauth::provider::Provider;
pub use crate::store::alias::Alias;
use crate::store::export::Exported;
use crate::store::records::FlowId;
pub use crate::store::records::{ConnectionId, ConnectionState};
use crate::store::upkeep::{KeyIds, MasterKeyRotated, Vacuumed};

/// What a broker is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The configuration.
    pub config: Arc<Config>,
    /// The HTTP client.
    pub http: Http,
    /// The clock.
    pub clock: Clock,
}

/// How long a person has to follow a link.
pub const FLOW_LIFETIME: Duration = Duration::from_mins(10);

/// The broker. A handle: clones share it.
#[derive(Clone, Debug)]
pub struct Broker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    directory: Arc<Directory>,
    seats: Arc<Seats>,
}

/// So many owners may die, one after the other, before an operation gives up.
const OWNERS: usize = 100;

/// Takes the answer that belongs to an operation. Any other would be a fault of this program.
macro_rules! answer {
    ($answer:expr, $($expected:pat => $value:expr),+) => {
        match $answer {
            $($expected => Ok($value),)+
            _ => Err(BrokerError::Owner(OwnerError::Unsteady)),
        }
    };
}

impl Broker {
    /// A broker that has touched neither disk nor network. The receiver gets the callback port's
    /// listeners whenever a flow needs them; `consent::listener` serves them.
    pub fn new(settings: Settings) -> (Self, mpsc::UnboundedReceiver<TcpListener>) {
        let (listeners, listening) = mpsc::unbounded_channel();
        let directory = Arc::new(Directory::new(Arc::clone(&settings.config)));
        let seats = Seats::new(settings.clone(), Arc::clone(&directory), listeners);
        let inner = Inner {
            settings,
            directory,
            seats: Arc::new(seats),
        };
        (Self(Arc::new(inner)), listening)
    }

    /// The provider entries, in the order of the configuration.
    pub fn providers(&self) -> &[Provider] {
        self.0.directory.providers()
    }

    /// The origin that browsers must use, for the listener's check of `Host`.
    pub fn public_url(&self) -> &Url {
        &self.0.settings.config.server.public_url
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.0.settings.clock.now()
    }

    /// The process's HTTP client.
    pub fn http(&self) -> &Http {
        &self.0.settings.http
    }

    /// Decides, by the first row that fits:
    ///
    /// | what is found | answer |
    /// |---|---|
    /// | several accounts fit, none is named, it is a read and one is the default | go on with the default |
    /// | several accounts fit otherwise | `Denied` with their names |
    /// | no connection, and the user declined a moment ago | `Denied` |
    /// | no connection | `Consent` |
    /// | the connection is marked *needs reconnect* | `Consent` |
    /// | the grant lacks scopes | `Consent` for granted ∪ missing |
    /// | the grant is fresh | `Granted` |
    /// | stale, and the one refresh works | `Granted` |
    /// | stale, and the provider refuses the refresh | marked *needs reconnect* → `Consent` |
    /// | stale, and the provider cannot be reached | an error; the connection is left alone |
    pub async fn access(
        &self,
        caller: &Caller,
        requirement: &Requirement,
    ) -> Result<Access, BrokerError> {
        let candidates = self.candidates(requirement)?;
        let answer = self
            .perform(|| Operation::Access {
                caller: caller.clone(),
                requirement: requirement.clone(),
                candidates: candidates.clone(),
            })
            .await?;
        answer!(answer, Answer::Access(access) => access)
    }

    /// As [`Broker::access`] when no account fits: a link for an account that is not connected yet
    /// and will be called `alias`, whatever else is connected. With `requirement.account`, for that
    /// account.
    pub async fn connect_as(
        &self,
        caller: &Caller,
        requirement: &Requirement,
        alias: Alias,
    ) -> Result<Access, BrokerError> {
        let candidates = self.candidates(requirement)?;
        let answer = self
            .perform(|| Operation::ConnectAs {
                caller: caller.clone(),
                requirement: requirement.clone(),
                candidates: candidates.clone(),
                alias: alias.clone(),
            })
            .await?;
        answer!(answer, Answer::Access(access) => access)
    }

    /// Waits until the flow ends or `until`. Another caller's flow is `Expired`.
    pub async fn wait(
        &self,
        caller: &Caller,
        flow: FlowId,
        until: Instant,
    ) -> Result<FlowOutcome, BrokerError> {
        let answer = self
            .perform(|| Operation::Wait {
                caller: caller.clone(),
                flow,
                time: until.saturating_duration_since(Instant::now()),
            })
            .await?;
        answer!(answer, Answer::Wait(outcome) => outcome)
    }

    /// The provider refused `rejected` with a 401: one refresh, however many report it. `None`: it
    /// cannot be refreshed, and the connection needs a new consent.
    pub async fn renew(
        &self,
        caller: &Caller,
        connection: ConnectionId,
        rejected: &SecretString,
    ) -> Result<Option<SecretString>, BrokerError> {
        let answer = self
            .perform(|| Operation::Renew {
                caller: caller.clone(),
                connection,
                rejected: rejected.clone(),
            })
            .await?;
        answer!(answer, Answer::Renew(renewed) => renewed.access_token)
    }

    /// The client answered the elicitation with `decline`: the link goes out as text from now on.
    pub async fn elicitation_declined(
        &self,
        caller: &Caller,
        flow: FlowId,
    ) -> Result<(), BrokerError> {
        let answer = self
            .perform(|| Operation::ElicitationDeclined {
                caller: caller.clone(),
                flow,
            })
            .await?;
        answer!(answer, Answer::ElicitationDeclined => ())
    }

    /// The caller's connections, oldest first.
    pub async fn connections(&self, caller: &Caller) -> Result<Vec<ConnectionView>, BrokerError> {
        let answer = self
            .perform(|| Operation::Connections {
                caller: caller.clone(),
            })
            .await?;
        answer!(answer, Answer::Connections(connections) => connections)
    }

    /// Gives a connection an alias, or takes it away.
    pub async fn rename(
        &self,
        caller: &Caller,
        id: ConnectionId,
        alias: Option<Alias>,
    ) -> Result<Renamed, BrokerError> {
        let answer = self
            .perform(|| Operation::Rename {
                caller: caller.clone(),
                connection: id,
                alias: alias.clone(),
            })
            .await?;
        answer!(answer, Answer::Rename(renamed) => renamed)
    }

    /// Makes a connection the one that reads use when none is named, in place of any other of the
    /// same provider; or makes it no longer so. None: the caller has no such connection.
    pub async fn set_default(
        &self,
        caller: &Caller,
        id: ConnectionId,
        is_default: bool,
    ) -> Result<Option<ConnectionView>, BrokerError> {
        let answer = self
            .perform(|| Operation::SetDefault {
                caller: caller.clone(),
                connection: id,
                is_default,
            })
            .await?;
        answer!(answer, Answer::SetDefault(view) => view)
    }

    /// Revokes at the provider and deletes here, whatever the provider answers. None: the caller
    /// has no such connection.
    pub async fn disconnect(
        &self,
        caller: &Caller,
        connection: ConnectionId,
    ) -> Result<Option<Disconnected>, BrokerError> {
        let answer = self
            .perform(|| Operation::Disconnect {
                caller: caller.clone(),
                connection,
            })
            .await?;
        answer!(answer, Answer::Disconnect(done) => done)
    }

    /// Takes back all that a caller has: drops the pending flows, then disconnects every connection,
    /// as [`Broker::disconnect`] does. The caller can connect again.
    pub async fn revoke_user(&self, caller: &Caller) -> Result<RevokedUser, BrokerError> {
        let answer = self
            .perform(|| Operation::RevokeUser {
                caller: caller.clone(),
            })
            .await?;
        answer!(answer, Answer::RevokeUser(revoked) => revoked)
    }

    /// Records what happened, durably. A record that comes twice with the same request is kept once,
    /// so that it can be repeated when its answer was lost.
    pub async fn record(&self, event: Event) -> Result<(), BrokerError> {
        let answer = self
            .perform(|| Operation::Record {
                event: Box::new(event.clone()),
            })
            .await?;
        answer!(answer, Answer::Record => ())
    }

    /// Whether a call must not be answered that could not be recorded: `audit.required`.
    pub fn must_record(&self) -> bool {
        self.0.settings.config.audit.required
    }

    /// A page of the audit log, of all callers. For the operator, never for a client.
    pub async fn audit(&self, query: AuditQuery) -> Result<AuditPage, BrokerError> {
        let answer = self
            .perform(|| Operation::Audit {
                query: query.clone(),
            })
            .await?;
        answer!(answer, Answer::Audit(page) => page)
    }

    /// Walks along the whole audit log. `noted` is a head that was written down elsewhere.
    pub async fn verify_audit(&self, noted: Option<Point>) -> Result<Verdict, BrokerError> {
        let answer = self.perform(|| Operation::VerifyAudit { noted }).await?;
        answer!(answer, Answer::VerifyAudit(verdict) => verdict)
    }

    /// The hash that stands for the caller in the audit log, for the program's log.
    pub async fn user(&self, caller: &Caller) -> Result<Hex<16>, BrokerError> {
        let answer = self
            .perform(|| Operation::User {
                caller: caller.clone(),
            })
            .await?;
        answer!(answer, Answer::User(user) => user)
    }

    /// What a person should know of the vault, once: that it was damaged and repaired. Nothing as
    /// long as no other operation needed the vault.
    pub async fn notice(&self) -> Result<Option<String>, BrokerError> {
        if !self.0.seats.is_taken().await {
            return Ok(None);
        }
        let answer = self.perform(|| Operation::Notice).await?;
        answer!(answer, Answer::Notice(notice) => notice)
    }

    /// Seals a handle that a client keeps for us (`requestState`), bound to `context`.
    pub async fn seal(&self, context: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, BrokerError> {
        let answer = self
            .perform(|| Operation::Seal {
                context: context.to_vec(),
                plaintext: plaintext.to_vec(),
            })
            .await?;
        answer!(answer, Answer::Seal(sealed) => sealed)
    }

    /// Opens what [`Broker::seal`] made; none if it was altered or is another context's.
    pub async fn unseal(
        &self,
        context: &[u8],
        sealed: &[u8],
    ) -> Result<Option<Vec<u8>>, BrokerError> {
        let answer = self
            .perform(|| Operation::Unseal {
                context: context.to_vec(),
                sealed: sealed.to_vec(),
            })
            .await?;
        answer!(answer, Answer::Unseal(plaintext) => plaintext)
    }

    /// Ends a session of the caller's browser for good, copies of its cookie included.
    pub async fn end_session(&self, caller: &Caller, session: &str) -> Result<(), BrokerError> {
        let operation = || Operation::EndSession(caller.clone(), session.to_owned());
        answer!(self.perform(operation).await?, Answer::EndSession => ())
    }

    /// Whether a session was ended, by a sign-out or because all that the caller has was taken back.
    pub async fn session_has_ended(
        &self,
        caller: &Caller,
        session: &str,
        began_at: Timestamp,
    ) -> Result<bool, BrokerError> {
        let operation = || Operation::SessionHasEnded(caller.clone(), session.to_owned(), began_at);
        answer!(self.perform(operation).await?, Answer::SessionHasEnded(ended) => ended)
    }

    /// The names of the keys.
    pub async fn key_ids(&self) -> Result<KeyIds, BrokerError> {
        let answer = self.perform(|| Operation::KeyIds).await?;
        answer!(answer, Answer::KeyIds(keys) => keys)
    }

    /// Makes a new data key, which seals from now on. The rows are sealed anew with it in the
    /// background; [`Broker::key_ids`] shows when that is done.
    pub async fn rotate_key(&self) -> Result<KeyIds, BrokerError> {
        let keys = self.key_ids().await?;
        // Named, so that the next owner does not do it again when this one ends before it answers.
        let sealing = keys.data_keys.last().map(|key| key.id.clone());
        let answer = self
            .perform(|| Operation::RotateKey {
                replacing: sealing.clone().unwrap_or_default(),
            })
            .await?;
        answer!(answer, Answer::RotateKey(keys) => keys)
    }

    /// Puts a new master key in the place of the one in use: `new`, or one made now where Valetkey
    /// keeps it. `VALETKEY_MASTER_KEY` has to be set by whoever set it.
    pub async fn rotate_master_key(
        &self,
        new: Option<SecretString>,
    ) -> Result<MasterKeyRotated, BrokerError> {
        let replacing = self.key_ids().await?.master_key;
        let answer = self
            .perform(|| Operation::RotateMasterKey {
                replacing: replacing.clone(),
                new: new.clone(),
            })
            .await?;
        answer!(answer, Answer::RotateMasterKey(done) => done)
    }

    /// Rewrites the vault's database without what rows once were. Other operations wait.
    pub async fn vacuum(&self) -> Result<Vacuumed, BrokerError> {
        let answer = self.perform(|| Operation::Vacuum).await?;
        answer!(answer, Answer::Vacuum(done) => done)
    }

    /// Writes the connections of all callers to a new file, which only the master key reads. The
    /// path is absolute: another process may do it.
    pub async fn export(&self, path: &Path) -> Result<Exported, BrokerError> {
        let answer = self
            .perform(|| Operation::Export {
                path: path.to_owned(),
            })
            .await?;
        answer!(answer, Answer::Export(done) => done)
    }

    /// Adds the connections of an export. Of two of the same account the one with the newer grant
    /// stays, unless `replace` says that the file's does. The paths are absolute; `key_file` has the
    /// master key that the export was made under, if the vault's place for keys has not.
    pub async fn import(
        &self,
        path: &Path,
        key_file: Option<&Path>,
        replace: bool,
    ) -> Result<Imported, BrokerError> {
        let answer = self
            .perform(|| Operation::Import {
                path: path.to_owned(),
                key_file: key_file.map(Path::to_owned),
                replace,
            })
            .await?;
        answer!(answer, Answer::Import(done) => done)
    }

    /// Takes up sign-ins that another process leaves pending, in the background and as long as this
    /// broker lives. Cheap while there are none: the store stays closed.
    pub fn stand_by(&self) {
        tokio::spawn(Seats::stand_by(Arc::downgrade(&self.0.seats)));
    }

    /// Resolves when no flow has been open for a while, long enough for the last result page to
    /// load, or when another process has the flows. The callback's listeners close then, at once:
    /// another flow, or another process, may need the port.
    pub async fn idle(&self) {
        const LINGER: Duration = Duration::from_secs(3);
        let port = self.0.seats.port();
        loop {
            let Some(owner) = self.0.seats.owner().await else {
                port.close_if(|| true).await;
                return;
            };
            let mut changes = owner.changes();
            // Kept any longer, the handle would keep the store open.
            drop(owner);
            changes.mark_unchanged();
            // Expiry makes no noise, so it is looked for.
            let quiet = timeout(LINGER, changes.changed()).await.is_err();
            if quiet
                && let Some(owner) = self.0.seats.owner().await
                && port.close_if(|| owner.none_open()).await
            {
                return;
            }
        }
    }

    /// Opens the store, or follows the process that has it, without waiting for the first
    /// operation: the process id of the owner.
    pub async fn attend(&self) -> Result<u32, BrokerError> {
        match self.0.seats.seat().await? {
            Seat::Owner(_) => Ok(std::process::id()),
            Seat::Follower(link) => Ok(link.pid()),
        }
    }

    /// How long nobody has needed this process as the owner: no other process is connected to it,
    /// no flow is open, and its last operation is so long ago. None if it is not the owner.
    pub async fn unused_for(&self) -> Option<Duration> {
        self.0.seats.owner().await.map(|owner| owner.unused_for())
    }

    /// Leaves the store to others. The next operation takes a seat again.
    pub fn leave(&self) {
        self.0.seats.leave();
    }

    /// Has the owner perform an operation, whichever process that is. When the owner ends before it
    /// answers, the next one is asked.
    async fn perform(&self, operation: impl Fn() -> Operation) -> Result<Answer, BrokerError> {
        for _ in 0..OWNERS {
            match self.0.seats.seat().await? {
                Seat::Follower(link) => {
                    if let Ok(answer) = link.perform(operation()).await {
                        return answer;
                    }
                }
                Seat::Owner(owner) => match operation() {
                    waits @ Operation::Wait { .. } => tokio::select! {
                        answer = owner.perform(waits) => return answer,
                        () = owner.left() => {}
                    },
                    operation => return owner.perform(operation).await,
                },
            }
        }
        Err(OwnerError::Unsteady.into())
    }

    /// The entries that may serve the requirement, as this process has them.
    fn candidates(
        &self,
        requirement: &Requirement,
    ) -> Result<Vec<(String, [u8; 32])>, BrokerError> {
        let candidates = self.0.directory.candidates(requirement)?;
        Ok(candidates
            .into_iter()
            .map(|provider| (provider.id().to_owned(), provider.fingerprint()))
            .collect())
    }

    async fn owner(&self) -> Result<Owner, BrokerError> {
        match self.0.seats.seat().await? {
            Seat::Owner(owner) => Ok(owner),
            Seat::Follower(_) => Err(OwnerError::Unsteady.into()),
        }
    }
}
