//! One service for each caller.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use crate::caller::Caller;
#[cfg(not(feature = "conformance"))]
use crate::mcp::handler::Handler as Served;
#[cfg(feature = "conformance")]
use crate::mcp::handler::conformance::Fixtures as Served;
use crate::mcp::handler::{Handler, Shared};

/// The SDK's service of one caller, with that caller's sessions. A session id of somebody else is
/// unknown to it.
pub(super) type Service = StreamableHttpService<Served, LocalSessionManager>;

/// So many services may be kept before those without a session are let go.
const ROOM: usize = 1024;

/// Finds the service of a caller: the one way to get at anything that is kept for callers here.
pub(super) struct Tenants {
    shared: Arc<Shared>,
    config: StreamableHttpServerConfig,
    kept: Mutex<Kept>,
}

struct Kept {
    services: HashMap<[u8; 32], Tenant>,
    room: usize,
}

struct Tenant {
    service: Arc<Service>,
    sessions: Arc<LocalSessionManager>,
}

impl Tenant {
    /// Whether nothing is lost with it. A session manager that is locked has sessions.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.service) == 1
            && self
                .sessions
                .sessions
                .try_read()
                .is_ok_and(|all| all.is_empty())
    }
}

impl Tenants {
    pub(super) fn new(shared: Arc<Shared>, config: StreamableHttpServerConfig) -> Self {
        Self {
            shared,
            config,
            kept: Mutex::new(Kept {
                services: HashMap::new(),
                room: ROOM,
            }),
        }
    }

    /// The service of `caller`, who was verified.
    pub(super) fn service(&self, caller: &Caller) -> Arc<Service> {
        // A panic elsewhere cannot leave the table wrong: each change is one insert.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.services.len() >= kept.room {
            kept.services.retain(|_, tenant| !tenant.is_idle());
            kept.room = ROOM.max(2 * kept.services.len());
        }
        let tenant = kept.services.entry(caller.digest()).or_insert_with(|| {
            let handler = Handler::new(Arc::clone(&self.shared), caller.clone());
            #[cfg(feature = "conformance")]
            let handler = Served::new(handler);
            let sessions = Arc::<LocalSessionManager>::default();
            let service = StreamableHttpService::new(
                move || Ok(handler.clone()),
                Arc::clone(&sessions),
                self.config.clone(),
            );
            Tenant {
                service: Arc::new(service),
                sessions,
            }
        });
        Arc::clone(&tenant.service)
    }

    /// How many sessions are open, of all callers. One whose table is being changed is not counted.
    pub(super) fn all_sessions(&self) -> usize {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let open = kept.services.values().map(|tenant| {
            let sessions = tenant.sessions.sessions.try_read();
            sessions.map_or(0, |sessions| sessions.len())
        });
        open.sum()
    }

    /// How many sessions `caller` has open.
    pub(super) async fn sessions(&self, caller: &Caller) -> usize {
        let sessions = {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let tenant = kept.services.get(&caller.digest());
            tenant.map(|tenant| Arc::clone(&tenant.sessions))
        };
        match sessions {
            Some(sessions) => sessions.sessions.read().await.len(),
            None => 0,
        }
    }
}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenants").finish_non_exhaustive()
    }
}
