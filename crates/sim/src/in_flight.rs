//! Deliveries sent and not acknowledged, by token. As many places as the window, used again and again.

use crate::delivery::Delivery;

#[derive(Default)]
pub(crate) struct InFlight {
    places: Vec<Option<Delivery>>,
    free: Vec<u32>,
}

impl InFlight {
    /// Keeps a delivery and gives its token.
    pub(crate) fn put(&mut self, delivery: Delivery) -> u64 {
        match self.free.pop() {
            Some(place) => {
                self.places[place as usize] = Some(delivery);
                u64::from(place)
            }
            None => {
                self.places.push(Some(delivery));
                (self.places.len() - 1) as u64
            }
        }
    }

    /// Puts a delivery's new state in place of the one kept under a token.
    pub(crate) fn replace(&mut self, token: u64, delivery: Delivery) {
        if let Some(place) = usize::try_from(token).ok().and_then(|place| self.places.get_mut(place)) {
            *place = Some(delivery);
        }
    }

    /// Takes a delivery back; `None` for a token taken before.
    pub(crate) fn take(&mut self, token: u64) -> Option<Delivery> {
        let delivery = self.places.get_mut(usize::try_from(token).ok()?)?.take()?;
        self.free.push(u32::try_from(token).ok()?);
        Some(delivery)
    }
}
