//! One customer's access (接入账号): credentials, and what it may do.

use core::net::IpAddr;

use ipnet::IpNet;

use crate::control::{Protocol, Secret};
use crate::ids::{AccountId, CustomerId, RouteId};
use crate::message::{Category, coded_enum};
use std::fmt;
use text::{Bilingual, Signature, divide};

coded_enum! {
    /// Who puts the signature at the head of a text.
    Signing {
        /// The customer: texts go as they came.
        Own = 1, "own";
        /// We, where the text begins with none.
        Missing = 2, "missing";
        /// We, in the place of whatever the text begins with.
        Always = 3, "always";
    }
}

/// Where an SGIP customer waits for reports and messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallBack {
    pub host: String,
    pub port: u16,
}

/// A customer that connects to us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Customer {
    pub id: CustomerId,
    pub account: AccountId,
    pub name: String,
    /// What it speaks; the version is the highest one that it is served.
    pub protocol: Protocol,
    /// Its name on the wire, unique among all customers.
    pub login: String,
    pub secret: Secret,
    /// Where it may connect from. Empty: anywhere.
    pub networks: Vec<IpNet>,
    /// Source numbers that it may use, each followed by any digits. Empty: any.
    pub addresses: Vec<String>,
    /// At once, over all nodes' listeners of this process.
    pub connections: u16,
    /// Unanswered requests per connection, in each direction.
    pub window: u16,
    /// Parts per second over all its connections; none is as fast as it can.
    pub parts_per_second: Option<u32>,
    pub category: Category,
    pub signature: Option<String>,
    pub signing: Signing,
    /// If none, the first whose scope its traffic fits.
    pub route: Option<RouteId>,
    pub enabled: bool,
    pub call_back: Option<CallBack>,
}

/// What is wrong with a customer's configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CustomerError {
    #[error("customers connect over CMPP, SGIP, SMGP or SMPP")]
    Protocol,
    #[error("the login has 1 to {max} printable ASCII characters in this protocol")]
    Login { max: usize },
    #[error("the password has 1 to {max} printable ASCII characters in this protocol")]
    Secret { max: usize },
    #[error("connections and window are at least 1")]
    Zero,
    #[error("the window is at most {max}")]
    Window { max: u16 },
    #[error("a source number has 1 to 20 digits")]
    Address,
    #[error("the signature is none, or missing where it is to be put before texts")]
    Signature,
    #[error("SGIP needs an address to which reports are delivered")]
    CallBack,
}

impl CustomerError {
    /// The field that it is about, as a JSON pointer.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Protocol => "/protocol",
            Self::Login { .. } => "/login",
            Self::Secret { .. } => "/secret",
            Self::Zero => "/connections",
            Self::Window { .. } => "/window",
            Self::Address => "/addresses",
            Self::Signature => "/signature",
            Self::CallBack => "/call_back",
        }
    }

    /// What to tell the user.
    #[must_use]
    pub fn explain(self) -> Bilingual {
        let zh = match self {
            Self::Protocol => "客户以 CMPP、SGIP、SMGP 或 SMPP 接入".into(),
            Self::Login { max } => format!("该协议的登录名为 1 到 {max} 个可见 ASCII 字符").into(),
            Self::Secret { max } => format!("该协议的密码为 1 到 {max} 个可见 ASCII 字符").into(),
            Self::Zero => "连接数和窗口至少为 1".into(),
            Self::Window { max } => format!("窗口最大为 {max}").into(),
            Self::Address => "接入号为 1 到 20 位数字".into(),
            Self::Signature => "签名无效，或需要补签名时没有填写".into(),
            Self::CallBack => "SGIP 需要填写回送状态报告的地址".into(),
        };
        Bilingual { zh, en: self.to_string().into() }
    }
}

/// Largest window that the sessions keep.
const WINDOW: u16 = 1_024;

impl Customer {
    /// Whether all of it fits together and its protocol can carry it.
    ///
    /// # Errors
    /// [`CustomerError`].
    pub fn check(&self) -> Result<(), CustomerError> {
        let (login, secret) = match self.protocol {
            Protocol::Cmpp20 | Protocol::Cmpp30 => (6, 64),
            Protocol::Sgip12 => (16, 16),
            Protocol::Smgp13 | Protocol::Smgp30 => (8, 64),
            Protocol::Smpp34 | Protocol::Smpp50 => (15, 8),
            Protocol::Aliyun | Protocol::Tencent | Protocol::Twilio | Protocol::Http => {
                return Err(CustomerError::Protocol);
            }
        };
        let fits = |text: &str, max| {
            (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !fits(&self.login, login) {
            return Err(CustomerError::Login { max: login });
        }
        if !fits(&self.secret.0, secret) {
            return Err(CustomerError::Secret { max: secret });
        }
        if self.connections == 0 || self.window == 0 {
            return Err(CustomerError::Zero);
        }
        if self.window > WINDOW {
            return Err(CustomerError::Window { max: WINDOW });
        }
        let digits =
            |text: &String| (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if !self.addresses.iter().all(digits) {
            return Err(CustomerError::Address);
        }
        let signature = self.signature.as_deref().map(Signature::parse);
        if matches!(signature, Some(Err(_))) || self.signing != Signing::Own && signature.is_none() {
            return Err(CustomerError::Signature);
        }
        if self.protocol == Protocol::Sgip12 && self.call_back.is_none() {
            return Err(CustomerError::CallBack);
        }
        Ok(())
    }

    /// Whether it may connect from there. An IPv4 address in IPv6 clothes is taken for what it is.
    #[must_use]
    pub fn admits(&self, from: IpAddr) -> bool {
        let from = from.to_canonical();
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&from))
    }

    /// Whether a connection that was begun when it was configured as `other` may go on: only its name differs, if anything.
    #[must_use]
    pub fn serves_as(&self, other: &Self) -> bool {
        let named = Self { name: other.name.clone(), ..self.clone() };
        named == *other
    }

    /// Whether it may send as this number.
    #[must_use]
    pub fn may_send_as(&self, source: &str) -> bool {
        self.addresses.is_empty() || self.addresses.iter().any(|address| source.starts_with(address.as_str()))
    }

    /// The text with the signature to be put before it: none when it goes as it came.
    #[must_use]
    pub fn sign<'a>(&self, text: &'a str) -> (Option<String>, &'a str) {
        match (self.signing, divide(text)) {
            (Signing::Own, _) | (Signing::Missing, (Some(_), _)) => (None, text),
            (Signing::Missing, (None, body)) | (Signing::Always, (_, body)) => (self.signature.clone(), body),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer() -> Customer {
        Customer {
            id: CustomerId(1),
            account: AccountId::from_raw(1),
            name: "银行".to_owned(),
            protocol: Protocol::Smpp34,
            login: "bank".to_owned(),
            secret: Secret("pass".to_owned()),
            networks: vec!["10.1.0.0/16".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            addresses: vec!["10690001".to_owned()],
            connections: 2,
            window: 10,
            parts_per_second: None,
            category: Category::Notice,
            signature: Some("鸿雁".to_owned()),
            signing: Signing::Missing,
            route: None,
            enabled: true,
            call_back: None,
        }
    }

    #[test]
    fn only_listed_networks_and_numbers_are_admitted() {
        let customer = customer();
        for from in ["10.1.255.1", "::ffff:10.1.2.3", "2001:db8::7"] {
            assert!(customer.admits(from.parse().unwrap()), "{from}");
        }
        for from in ["10.2.0.1", "::ffff:11.1.2.3", "2001:db9::7"] {
            assert!(!customer.admits(from.parse().unwrap()), "{from}");
        }
        assert!(customer.may_send_as("10690001") && customer.may_send_as("1069000188"));
        assert!(
            !customer.may_send_as("1069000")
                && !customer.may_send_as("")
                && !customer.may_send_as("20690001")
        );
    }

    #[test]
    fn signatures_are_left_added_or_replaced() {
        let with = |signing, text: &'static str| {
            let customer = Customer { signing, ..customer() };
            customer.sign(text)
        };
        let ours = Some("鸿雁".to_owned());
        assert_eq!(with(Signing::Own, "您好"), (None, "您好"));
        assert_eq!(with(Signing::Missing, "【银行】您好"), (None, "【银行】您好"));
        assert_eq!(with(Signing::Missing, "您好"), (ours.clone(), "您好"));
        assert_eq!(with(Signing::Always, "【银行】您好"), (ours.clone(), "您好"));
        assert_eq!(with(Signing::Always, "【没有结尾"), (ours, "【没有结尾"));
    }

    #[test]
    fn anything_but_a_new_name_ends_connections() {
        let renamed = Customer { name: "农行".to_owned(), ..customer() };
        assert!(renamed.serves_as(&customer()));
        for changed in [
            Customer { enabled: false, ..customer() },
            Customer { secret: Secret("other".to_owned()), ..customer() },
            Customer { addresses: Vec::new(), ..customer() },
            Customer { parts_per_second: Some(1), ..customer() },
        ] {
            assert!(!changed.serves_as(&customer()), "{changed:?}");
        }
    }

    #[test]
    fn a_configuration_that_cannot_work_is_refused() {
        assert_eq!(customer().check(), Ok(()));
        let changed = |change: fn(&mut Customer)| {
            let mut customer = customer();
            change(&mut customer);
            customer.check()
        };
        assert_eq!(
            changed(|c| c.login = "sixteen-letters!".to_owned()),
            Err(CustomerError::Login { max: 15 })
        );
        assert_eq!(
            changed(|c| c.secret = Secret("123456789".to_owned())),
            Err(CustomerError::Secret { max: 8 })
        );
        assert_eq!(changed(|c| c.window = 0), Err(CustomerError::Zero));
        assert_eq!(changed(|c| c.window = 1_025), Err(CustomerError::Window { max: 1_024 }));
        assert_eq!(changed(|c| c.addresses.push("+86".to_owned())), Err(CustomerError::Address));
        assert_eq!(changed(|c| c.signature = None), Err(CustomerError::Signature));
        assert_eq!(changed(|c| c.protocol = Protocol::Sgip12), Err(CustomerError::CallBack));
    }
}
