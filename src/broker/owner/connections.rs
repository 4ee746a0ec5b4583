//! What a caller has connected, and taking it back.

use std::time::Instant;

use crate::audit::{AuditKind, AuditOutcome};
use crate::broker::owner::Owner;
use crate::broker::{BrokerError, ConnectionView, Disconnected};
use crate::caller::Caller;
use crate::store::records::{Connection, ConnectionId};
use crate::store::sled::Change;

impl Owner {
    /// See [`crate::broker::Broker::connections`].
    pub(in crate::broker) async fn connections(
        &self,
        caller: &Caller,
    ) -> Result<Vec<ConnectionView>, BrokerError> {
        let connections = self.store().connections(caller).await?;
        Ok(connections.into_iter().map(|c| self.view(c)).collect())
    }

    /// See [`crate::broker::Broker::disconnect`].
    pub(in crate::broker) async fn disconnect(
        &self,
        caller: &Caller,
        id: ConnectionId,
    ) -> Result<Option<Disconnected>, BrokerError> {
        let store = self.store();
        // Under the grant's lock, so that the tokens revoked are the last ones.
        let lock = self.0.flights.lock(id);
        let _guard = lock.lock().await;
        let Some(connection) = store.connection(caller, id).await? else {
            return Ok(None);
        };
        let began = Instant::now();
        let grant = &connection.grant;
        let revoked = match self.provider(&connection.provider_id) {
            Some(provider) => {
                let http = &self.0.settings.http;
                provider
                    .revoke(http, &grant.access_token, grant.refresh_token.as_ref())
                    .await
                    .map_err(|error| error.to_string())
            }
            // The entry was removed from the configuration: nobody knows whom to ask.
            None => Ok(false),
        };
        let delete = Change::DeleteConnection(caller.clone(), id);
        let mut event = self
            .event(AuditKind::Disconnect, AuditOutcome::Finished, &connection)
            .took(began.elapsed());
        match revoked {
            Ok(true) => {}
            Ok(false) => event = event.error("no_revocation"),
            Err(_) => event = event.error("not_revoked"),
        }
        let record = self.recorded(&store, event);
        store.finish(vec![delete, record]).await?;
        Ok(Some(Disconnected {
            connection: self.view(connection),
            revoked,
        }))
    }

    pub(super) fn view(&self, connection: Connection) -> ConnectionView {
        let provider = match self.provider(&connection.provider_id) {
            Some(provider) => provider.title().to_owned(),
            None => connection.provider_id.clone(),
        };
        ConnectionView {
            id: connection.id,
            provider,
            provider_id: connection.provider_id,
            account_id: connection.account_id,
            account: connection.account,
            alias: connection.alias,
            is_default: connection.is_default,
            asked: connection.asked,
            scopes: connection.grant.scopes,
            state: connection.state,
            expires_at: connection.grant.expires_at,
            refreshable: connection.grant.refresh_token.is_some(),
            connected_at: connection.connected_at,
        }
    }
}
