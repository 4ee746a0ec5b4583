//! How much one caller, and one address that cannot say who it is, may ask for.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use ipnet::IpNet;

use crate::caller::Caller;
use crate::config::listen::Listen;

/// Of the calls, so many may be writes.
const WRITES: u32 = 10;

/// Requests a minute that an address may get wrong.
const MISTAKES: NonZeroU32 = NonZeroU32::new(120).expect("it is not zero");

/// Addresses that are kept before those that may ask again are let go.
const ROOM: usize = 10_000;

/// Counts calls and mistakes.
pub(super) struct Limits {
    calls: Option<DefaultKeyedRateLimiter<[u8; 32]>>,
    writes: Option<DefaultKeyedRateLimiter<[u8; 32]>>,
    mistakes: DefaultKeyedRateLimiter<IpAddr>,
    barred: Mutex<HashMap<IpAddr, Instant>>,
    trusted: Vec<IpNet>,
    clock: DefaultClock,
}

impl Limits {
    pub(super) fn new(listen: &Listen) -> Self {
        let limit = |calls: u32| {
            NonZeroU32::new(calls).map(|calls| RateLimiter::keyed(Quota::per_minute(calls)))
        };
        let calls = listen.calls_per_minute;
        Self {
            calls: limit(calls),
            writes: limit(calls.div_ceil(WRITES)),
            mistakes: RateLimiter::keyed(Quota::per_minute(MISTAKES)),
            barred: Mutex::default(),
            trusted: listen.trusted_proxies.clone(),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a call. The error says how long to wait.
    pub(super) fn call(&self, caller: &Caller, writes: bool) -> Result<(), Duration> {
        let limiters = [self.calls.as_ref(), self.writes.as_ref().filter(|_| writes)];
        for limiter in limiters.into_iter().flatten() {
            if limiter.len() > ROOM {
                limiter.retain_recent();
            }
            limiter
                .check_key(&caller.digest())
                .map_err(|until| until.wait_time_from(self.clock.now()))?;
        }
        Ok(())
    }

    /// Where a request comes from: the peer, or whom a trusted proxy names last.
    ///
    /// None for a peer on this machine that is no trusted proxy: it may be a proxy that nobody
    /// named, and to bar it would be to bar everyone.
    pub(super) fn origin(&self, peer: SocketAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let trusted = |address: &IpAddr| self.trusted.iter().any(|net| net.contains(address));
        let peer = peer.ip().to_canonical();
        if !trusted(&peer) {
            return Some(peer).filter(|peer| !peer.is_loopback()).map(network);
        }
        let lines = headers.get_all("x-forwarded-for").iter();
        let named = lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .map(|address| address.trim().parse::<IpAddr>().ok())
            .collect::<Vec<_>>();
        // From the right: what stands further left was written by whoever asked.
        let foreign = named.into_iter().rev();
        let mut foreign = foreign.skip_while(|address| address.as_ref().is_some_and(trusted));
        foreign.next().flatten().map(network)
    }

    /// Whether what this peer says about a request is believed.
    pub(super) fn is_trusted(&self, peer: SocketAddr) -> bool {
        let peer = peer.ip().to_canonical();
        self.trusted.iter().any(|net| net.contains(&peer))
    }

    /// Whether `origin` has to wait, and how long.
    pub(super) fn barred(&self, origin: IpAddr) -> Option<Duration> {
        let barred = self.barred.lock().unwrap_or_else(PoisonError::into_inner);
        let until = barred.get(&origin)?;
        until.checked_duration_since(Instant::now())
    }

    /// Counts a request that could not say whose it is.
    pub(super) fn mistake(&self, origin: IpAddr) {
        if self.mistakes.len() > ROOM {
            self.mistakes.retain_recent();
        }
        if let Err(until) = self.mistakes.check_key(&origin) {
            let now = Instant::now();
            let mut barred = self.barred.lock().unwrap_or_else(PoisonError::into_inner);
            if barred.len() > ROOM {
                barred.retain(|_, until| *until > now);
            }
            barred.insert(origin, now + until.wait_time_from(self.clock.now()));
        }
    }
}

/// One person has a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn limits(calls_per_minute: u32, trusted: &[&str]) -> Limits {
        Limits::new(&Listen {
            bind: "127.0.0.1:0".parse().unwrap(),
            operator_bind: None,
            allowed_origins: Vec::new(),
            trusted_proxies: trusted.iter().map(|net| net.parse().unwrap()).collect(),
            calls_per_minute,
            is_wanted: true,
            has_public_url: false,
            is_on: true,
        })
    }

    #[test]
    fn one_caller_runs_out_of_calls_and_another_does_not() {
        let limits = limits(20, &[]);
        let (ada, bob) = (Caller::verified("i", "ada"), Caller::verified("i", "bob"));
        for _ in 0..20 {
            limits.call(&ada, false).unwrap();
        }
        assert!(limits.call(&ada, false).is_err());
        for _ in 0..2 {
            limits.call(&bob, true).unwrap();
        }
        assert!(limits.call(&bob, true).is_err());
        limits.call(&bob, false).unwrap();
    }

    #[test]
    fn without_a_limit_there_is_none() {
        let limits = limits(0, &[]);
        let ada = Caller::verified("i", "ada");
        assert!((0..10_000).all(|_| limits.call(&ada, true).is_ok()));
    }

    #[test]
    fn only_a_trusted_proxy_says_where_a_request_comes_from() {
        let header = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", HeaderValue::from_static(text));
            headers
        };
        let behind = limits(1, &["10.0.0.0/8"]);
        for (peer, headers, origin) in [
            ("192.0.2.1:1", header("198.51.100.1"), Some("192.0.2.1")),
            ("127.0.0.1:1", header("198.51.100.1"), None),
            ("10.0.0.1:1", header("198.51.100.1"), Some("198.51.100.1")),
            (
                "10.0.0.1:1",
                header("192.0.2.66, 198.51.100.1, 10.0.0.2"),
                Some("198.51.100.1"),
            ),
            ("10.0.0.1:1", header("nonsense"), None),
            ("10.0.0.1:1", HeaderMap::new(), None),
            (
                "[2001:db8::1:2:3:4]:1",
                HeaderMap::new(),
                Some("2001:db8::"),
            ),
        ] {
            let expected = origin.map(|origin| origin.parse().unwrap());
            assert_eq!(behind.origin(peer.parse().unwrap(), &headers), expected);
        }
    }

    #[test]
    fn an_address_that_guesses_is_barred_and_its_neighbour_is_not() {
        let limits = limits(1, &[]);
        let (guesser, neighbour) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..MISTAKES.get() {
            limits.mistake(guesser);
        }
        assert_eq!(limits.barred(guesser), None);
        limits.mistake(guesser);
        assert!(limits.barred(guesser).is_some());
        assert_eq!(limits.barred(neighbour), None);
    }
}
