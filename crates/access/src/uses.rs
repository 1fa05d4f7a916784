//! When keys and sessions were used, and how many messages were sent by whom: gathered, and written now and then.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::PoisonError;

use domain::access::Principal;
use domain::control::{AuditLine, ControlError, Uses};
use domain::ids::{AccountId, SessionId};
use domain::time::Timestamp;

use crate::Access;
use crate::{Actor, Identity};

/// Keys, sessions and senders remembered between two writings; what is more is told with a later use.
const GATHERED: usize = 10_000;

/// Who sends for whom from where.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Sender {
    principal: Principal,
    home: AccountId,
    account: AccountId,
    address: Option<IpAddr>,
}

/// What waits to be written.
#[derive(Default)]
pub(crate) struct Gathered {
    used: HashMap<(Principal, Option<SessionId>), Timestamp>,
    /// With the id of the first request and how many there were.
    sent: HashMap<Sender, (String, u32)>,
}

impl Access {
    /// Notes that somebody was here.
    pub fn note_use(&self, identity: &Identity) {
        let mut gathered = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let who = (identity.principal, identity.session);
        if gathered.used.len() < GATHERED || gathered.used.contains_key(&who) {
            gathered.used.insert(who, self.clock.now());
        }
    }

    /// Notes that somebody sent messages: the log has one line for all requests of a while, because the messages tell
    /// of themselves and a line for each would halve what can be sent. Returns whether it is gathered; if not, the
    /// caller writes a line.
    pub fn note_send(&self, actor: &Actor) -> bool {
        let mut gathered = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let account = actor.id();
        let sender = Sender { principal: actor.principal, home: actor.home, account, address: actor.address };
        let full = gathered.sent.len() >= GATHERED;
        match gathered.sent.get_mut(&sender) {
            Some((_, count)) => *count = count.saturating_add(1),
            None if full => return false,
            None => {
                gathered.sent.insert(sender, (actor.request.clone(), 1));
            }
        }
        true
    }

    /// Writes what was gathered.
    ///
    /// # Errors
    /// [`ControlError`]; what could not be written is lost but for the next use.
    pub async fn write_uses(&self) -> Result<(), ControlError> {
        let Gathered { used, sent } =
            std::mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner));
        let now = self.clock.now();
        let mut uses = Uses::default();
        for ((principal, session), at) in used {
            match (principal, session) {
                (_, Some(session)) => uses.sessions.push((session, at)),
                (Principal::Key(key), None) => uses.keys.push((key, at)),
                (Principal::User(_) | Principal::System, None) => {}
            }
        }
        // Two nodes that write the same rows take them in the same order.
        uses.keys.sort_unstable_by_key(|(key, _)| *key);
        uses.sessions.sort_unstable_by_key(|(session, _)| *session);
        let lines: Vec<AuditLine> = sent
            .into_iter()
            .map(|(sender, (request, count))| AuditLine {
                id: self.ids.fresh(now).into(),
                at: now,
                account: sender.account,
                principal: sender.principal,
                home: sender.home,
                action: "messages.create".to_owned(),
                object: String::new(),
                address: sender.address,
                request,
                before: None,
                after: None,
                count,
                detail: Vec::new(),
            })
            .collect();
        self.control.log(&lines).await?;
        self.control.note_uses(&uses).await
    }
}
