//! Places for connections: so many at all, so many of one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::metrics::RefusedConnection;

/// The places that are taken. Bounded: no address is kept that has no connection.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    most_of_one: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One place, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Inner>,
    /// None for a proxy.
    address: Option<IpAddr>,
}

impl Places {
    pub(super) fn new(most: usize, most_of_one: usize) -> Self {
        Self(Arc::new(Inner { most, most_of_one, taken: Mutex::default() }))
    }

    /// A place for a connection from `address`; behind a proxy are many, so it has no bound of its own.
    ///
    /// # Errors
    /// Which bound is reached.
    pub(super) fn take(&self, address: IpAddr, is_proxy: bool) -> Result<Place, RefusedConnection> {
        let mut taken = self.0.taken();
        if taken.all >= self.0.most {
            return Err(RefusedConnection::Full);
        }
        let address = (!is_proxy).then(|| household(address));
        if let Some(address) = address {
            if taken.by_address.get(&address).is_some_and(|count| *count >= self.0.most_of_one) {
                return Err(RefusedConnection::Address);
            }
            *taken.by_address.entry(address).or_default() += 1;
        }
        taken.all += 1;
        Ok(Place { places: Arc::clone(&self.0), address })
    }
}

impl Inner {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all = taken.all.saturating_sub(1);
        let Some(address) = self.address else { return };
        if let Some(count) = taken.by_address.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}

/// Whoever has one address of IPv6 has at least a /64 of them (RFC 6177).
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let places = Places::new(4, 2);
        let take = |address: &str| places.take(address.parse().unwrap(), false);
        let (first, _second) = (take("192.0.2.1").unwrap(), take("192.0.2.1").unwrap());
        assert_eq!(take("192.0.2.1").unwrap_err(), RefusedConnection::Address);
        drop(first);
        let _again = take("192.0.2.1").unwrap();
        let _near = take("2001:db8::1").unwrap();
        let _nearer = take("2001:db8::2").unwrap();
        assert_eq!(take("198.51.100.1").unwrap_err(), RefusedConnection::Full);
    }

    #[test]
    fn one_household_is_one_address_and_nothing_is_kept_of_who_left() {
        let places = Places::new(9, 1);
        let take = |address: &str, proxy| places.take(address.parse().unwrap(), proxy);
        let kept = take("2001:db8::1", false).unwrap();
        assert_eq!(take("2001:db8::2", false).unwrap_err(), RefusedConnection::Address);
        let proxies = [take("192.0.2.1", true).unwrap(), take("192.0.2.1", true).unwrap()];
        drop((kept, proxies));
        let taken = places.0.taken();
        assert_eq!((taken.all, taken.by_address.len()), (0, 0));
    }
}
