//! Which addresses are of the public internet, and so may be called for a tenant. Addresses only (`core::net` knows no
//! sockets): who connects looks them up.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is one of the public internet (RFC 6890 and what came since).
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let special = (a == 192 && b == 0 && c == 0) || (a == 198 && (b == 18 || b == 19)) || a == 0 || a >= 224;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || shared
        || special)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // 2000::/3 is all that is given out; of it, Teredo, documentation and 6to4 lead, or may lead, elsewhere.
    let [a, b, ..] = address.segments();
    let given_out = a & 0xE000 == 0x2000;
    given_out && a != 0x2002 && !(a == 0x2001 && (b == 0 || b == 0x0DB8))
}
