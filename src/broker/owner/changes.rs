//! Wakes the calls that wait for a flow when it changes.

use tokio::sync::watch;

use crate::store::records::FlowId;

/// One lane for each first byte of a flow's id, which is a digest. A change wakes the waiters of a
/// lane: with a single one, a thousand people who finish a sign-in each would make a thousand
/// waiting calls read a thousand times.
const LANES: usize = 256;

/// Tells that flows changed. What became of them is in the store.
#[derive(Debug)]
pub(super) struct Changes {
    any: watch::Sender<()>,
    lanes: Vec<watch::Sender<()>>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            any: watch::Sender::new(()),
            lanes: (0..LANES).map(|_| watch::Sender::new(())).collect(),
        }
    }
}

impl Changes {
    /// Wakes who waits for this flow, or for any.
    pub(super) fn tell(&self, flow: FlowId) {
        self.lane(flow).send_replace(());
        self.any.send_replace(());
    }

    /// Wakes at each change of this flow from now on, and of a few others.
    pub(super) fn of(&self, flow: FlowId) -> watch::Receiver<()> {
        self.lane(flow).subscribe()
    }

    /// Wakes at each change of any flow from now on.
    pub(super) fn of_any(&self) -> watch::Receiver<()> {
        self.any.subscribe()
    }

    fn lane(&self, flow: FlowId) -> &watch::Sender<()> {
        &self.lanes[usize::from(flow.0[0])]
    }
}
