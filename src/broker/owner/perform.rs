//! Operations, whoever asks for them: this process or, over the socket, another one.

use tokio::time::Instant;

use crate::broker::owner::Owner;
use crate::broker::socket::message::{Answer, Operation, Renewed};
use crate::broker::{BrokerError, OwnerError, Requirement};

impl Owner {
    /// Performs one operation of [`crate::broker::Broker`].
    pub(in crate::broker) async fn perform(
        &self,
        operation: Operation,
    ) -> Result<Answer, BrokerError> {
        *self.used_at() = Instant::now();
        Ok(match operation {
            Operation::Access {
                caller,
                requirement,
                candidates,
            } => {
                self.check_candidates(&requirement, &candidates)?;
                Answer::Access(self.access(&caller, &requirement).await?)
            }
            Operation::Wait { caller, flow, time } => {
                Answer::Wait(self.wait(&caller, flow, Instant::now() + time).await?)
            }
            Operation::Renew {
                caller,
                connection,
                rejected,
            } => Answer::Renew(Renewed {
                access_token: self.renew(&caller, connection, &rejected).await?,
            }),
            Operation::ElicitationDeclined { caller, flow } => {
                self.elicitation_declined(&caller, flow).await?;
                Answer::ElicitationDeclined
            }
            Operation::Connections { caller } => {
                Answer::Connections(self.connections(&caller).await?)
            }
            Operation::Disconnect { caller, connection } => {
                Answer::Disconnect(self.disconnect(&caller, connection).await?)
            }
            Operation::ConnectAs {
                caller,
                requirement,
                candidates,
                alias,
            } => {
                self.check_candidates(&requirement, &candidates)?;
                Answer::Access(self.connect_as(&caller, &requirement, alias).await?)
            }
            Operation::Rename {
                caller,
                connection,
                alias,
            } => Answer::Rename(self.rename(&caller, connection, alias).await?),
            Operation::SetDefault {
                caller,
                connection,
                is_default,
            } => Answer::SetDefault(self.set_default(&caller, connection, is_default).await?),
            Operation::RevokeUser { caller } => {
                Answer::RevokeUser(self.revoke_user(&caller).await?)
            }
            Operation::Record { event } => {
                self.record(*event).await?;
                Answer::Record
            }
            Operation::Audit { query } => Answer::Audit(self.audit(query).await?),
            Operation::Activity { caller } => Answer::Activity(self.activity(&caller).await?),
            Operation::VerifyAudit { noted } => {
                Answer::VerifyAudit(self.verify_audit(noted).await?)
            }
            Operation::User { caller } => Answer::User(self.user(&caller)),
            Operation::Checkup => Answer::Checkup(Box::new(self.checkup().await?)),
            Operation::Notice => Answer::Notice(self.notice().await?),
            Operation::Seal { context, plaintext } => {
                Answer::Seal(self.store().seal_handle(&context, &plaintext))
            }
            Operation::Unseal { context, sealed } => {
                Answer::Unseal(self.store().open_handle(&context, &sealed))
            }
            Operation::BeginKeyed(attempt) => Answer::BeginKeyed(self.begin_keyed(&attempt).await?),
            Operation::EndKeyed(attempt, end) => {
                self.end_keyed(&attempt, end).await?;
                Answer::EndKeyed
            }
            Operation::EndSession(caller, session) => {
                self.end_session(&caller, &session).await?;
                Answer::EndSession
            }
            Operation::SessionHasEnded(caller, session, began_at) => {
                let ended = self.session_has_ended(&caller, &session, began_at).await?;
                Answer::SessionHasEnded(ended)
            }
            Operation::KeyIds => Answer::KeyIds(self.key_ids().await?),
            Operation::RotateKey { replacing } => {
                Answer::RotateKey(self.rotate_key(replacing).await?)
            }
            Operation::RotateMasterKey { replacing, new } => {
                Answer::RotateMasterKey(self.rotate_master_key(replacing, new.as_ref()).await?)
            }
            Operation::Vacuum => Answer::Vacuum(self.vacuum().await?),
            Operation::Export { path } => Answer::Export(self.export(&path).await?),
            Operation::Import {
                path,
                key_file,
                replace,
            } => Answer::Import(self.import(&path, key_file.as_deref(), replace).await?),
        })
    }

    /// A process with another client of the provider must not act with this one's grants, nor this
    /// one with that one's idea of who serves whom.
    fn check_candidates(
        &self,
        requirement: &Requirement,
        theirs: &[(String, [u8; 32])],
    ) -> Result<(), BrokerError> {
        let ours = self.0.directory.candidates(requirement).unwrap_or_default();
        let differing = |id: &str| {
            BrokerError::from(OwnerError::OtherConfiguration {
                pid: std::process::id(),
                provider: id.to_owned(),
            })
        };
        for (id, fingerprint) in theirs {
            let same = |ours: &&&crate::oauth::provider::Provider| {
                ours.id() == id && ours.fingerprint() == *fingerprint
            };
            if !ours.iter().any(|provider| same(&provider)) {
                return Err(differing(id));
            }
        }
        match ours
            .iter()
            .find(|ours| !theirs.iter().any(|(id, _)| id == ours.id()))
        {
            Some(extra) => Err(differing(extra.id())),
            None => Ok(()),
        }
    }
}
