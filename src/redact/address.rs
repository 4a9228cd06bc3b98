//! Pseudonyms of addresses that keep prefixes: two addresses have as many leading bits in common
//! as their pseudonyms, so networks, netmasks and beginnings of addresses still match what they
//! matched.
//!
//! Each bit is flipped or not by what a keyed hash says of the bits in front of it. Bits that lead
//! to a special range are never flipped: special ranges map onto themselves, no public address
//! into one, and some leading bits of a public address stay what they are.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

/// Addresses that are kept for the map and as a cache; more are mapped without being kept.
const KEPT: usize = 200_000;

/// A range with a meaning of its own.
struct Special {
    base: u128,
    bits: u32,
    /// What is inside stays as it is too.
    as_is: bool,
}

const fn v4(a: u8, b: u8, c: u8, bits: u32, as_is: bool) -> Special {
    Special { base: (u32::from_be_bytes([a, b, c, 0]) as u128) << 96, bits, as_is }
}

const fn v6(a: u16, b: u16, bits: u32, as_is: bool) -> Special {
    Special { base: (a as u128) << 112 | (b as u128) << 96, bits, as_is }
}

/// RFC 6890 and its successors.
const SPECIAL_V4: [Special; 16] = [
    v4(0, 0, 0, 8, true),        // this network
    v4(10, 0, 0, 8, false),      // private
    v4(100, 64, 0, 10, false),   // carriers' NAT
    v4(127, 0, 0, 8, true),      // loopback
    v4(169, 254, 0, 16, true),   // link-local
    v4(172, 16, 0, 12, false),   // private
    v4(192, 0, 0, 24, true),     // protocol assignments
    v4(192, 0, 2, 24, false),    // documentation
    v4(192, 31, 196, 24, true),  // AS112
    v4(192, 88, 99, 24, true),   // 6to4 relays
    v4(192, 168, 0, 16, false),  // private
    v4(198, 18, 0, 15, false),   // benchmarks
    v4(198, 51, 100, 24, false), // documentation
    v4(203, 0, 113, 24, false),  // documentation
    v4(224, 0, 0, 4, true),      // multicast
    v4(240, 0, 0, 4, true),      // reserved, broadcast, most netmasks
];

const SPECIAL_V6: [Special; 12] = [
    v6(0, 0, 8, true),          // unspecified, loopback, mapped (mapped ones go the way of IPv4)
    v6(0x64, 0xff9b, 32, true), // NAT64 (the well-known prefix goes the way of IPv4)
    v6(0x100, 0, 64, true),     // discard
    v6(0x2000, 0, 3, false),    // global unicast: stays that
    v6(0x2001, 0, 23, false),   // protocol assignments
    v6(0x2001, 0xdb8, 32, false), // documentation
    v6(0x2002, 0, 16, false),   // 6to4
    v6(0x3fff, 0, 20, false),   // documentation
    v6(0xfc00, 0, 7, false),    // unique local
    v6(0xfe80, 0, 64, false),   // link-local: agentd knows no other, and nobody uses the rest of /10
    v6(0xfec0, 0, 10, false),   // site-local
    v6(0xff00, 0, 8, true),     // multicast
];

/// The mapping of one salt.
#[derive(Debug)]
pub(super) struct Addresses {
    salt: [u8; 32],
    v4: Mutex<HashMap<u32, u32>>,
    v6: Mutex<HashMap<u128, u128>>,
}

impl Addresses {
    pub(super) fn new(salt: [u8; 32]) -> Self {
        Self { salt, v4: Mutex::default(), v6: Mutex::default() }
    }

    /// The pseudonym of an address.
    pub(super) fn v4(&self, address: Ipv4Addr) -> Ipv4Addr {
        let bits = u32::from(address);
        if let Some(known) = self.v4.lock().unwrap_or_else(PoisonError::into_inner).get(&bits) {
            return Ipv4Addr::from(*known);
        }
        let mapped = self.map(4, &SPECIAL_V4, u128::from(bits) << 96, 4) >> 96;
        let mapped = u32::try_from(mapped).unwrap_or(bits);
        let mut kept = self.v4.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.insert(bits, mapped);
        }
        Ipv4Addr::from(mapped)
    }

    /// The pseudonym of an address. One that holds an IPv4 address holds its pseudonym.
    pub(super) fn v6(&self, address: Ipv6Addr) -> Ipv6Addr {
        let bits = u128::from(address);
        let (upper, lower) = (bits >> 32, u32::try_from(bits & 0xffff_ffff).unwrap_or(0));
        let mapped_v4 = upper == 0xffff;
        let nat64 = upper == 0x0064_ff9b << 64;
        if mapped_v4 || nat64 {
            return Ipv6Addr::from(upper << 32 | u128::from(u32::from(self.v4(Ipv4Addr::from(lower)))));
        }
        if let Some(known) = self.v6.lock().unwrap_or_else(PoisonError::into_inner).get(&bits) {
            return Ipv6Addr::from(*known);
        }
        let mapped = self.map(6, &SPECIAL_V6, bits, 16);
        let mut kept = self.v6.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.insert(bits, mapped);
        }
        Ipv6Addr::from(mapped)
    }

    /// The pseudonyms of the first octets of an address: `192.0.2.` of `192.0.2.7`.
    pub(super) fn v4_start(&self, octets: &[u8]) -> Vec<u8> {
        let mut whole = [0; 4];
        whole.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        let mapped = self.map(4, &SPECIAL_V4, u128::from(u32::from_be_bytes(whole)) << 96, octets.len());
        let mapped = mapped.to_be_bytes();
        mapped.iter().take(octets.len()).copied().collect()
    }

    /// The pseudonyms of the first groups of an address: `2001:db8:` of `2001:db8::7`.
    pub(super) fn v6_start(&self, groups: &[u16]) -> Vec<u16> {
        let mut whole = [0; 8];
        whole.iter_mut().zip(groups).for_each(|(to, from)| *to = *from);
        let mapped = self.map(6, &SPECIAL_V6, u128::from(Ipv6Addr::from(whole)), groups.len() * 2);
        Ipv6Addr::from(mapped).segments().into_iter().take(groups.len()).collect()
    }

    /// A network: its prefix is mapped, bits of the host that are all 0 stay so.
    pub(super) fn network_v4(&self, address: Ipv4Addr, bits: u32) -> Ipv4Addr {
        let host = u32::MAX.checked_shr(bits).unwrap_or(0);
        let mapped = u32::from(self.v4(address));
        let clear = u32::from(address) & host == 0;
        Ipv4Addr::from(if clear { mapped & !host } else { mapped })
    }

    /// The same of IPv6.
    pub(super) fn network_v6(&self, address: Ipv6Addr, bits: u32) -> Ipv6Addr {
        let host = u128::MAX.checked_shr(bits).unwrap_or(0);
        let mapped = u128::from(self.v6(address));
        let clear = u128::from(address) & host == 0;
        Ipv6Addr::from(if clear { mapped & !host } else { mapped })
    }

    /// Every address that was mapped to another one, and to which, as text.
    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        let v4 = self.v4.lock().unwrap_or_else(PoisonError::into_inner);
        let mut v4: Vec<(u32, u32)> = v4.iter().map(|(from, to)| (*from, *to)).collect();
        v4.sort_unstable();
        let v6 = self.v6.lock().unwrap_or_else(PoisonError::into_inner);
        let mut v6: Vec<(u128, u128)> = v6.iter().map(|(from, to)| (*from, *to)).collect();
        v6.sort_unstable();
        let v4 = v4.into_iter().filter(|(from, to)| from != to);
        let v4 = v4.map(|(from, to)| (Ipv4Addr::from(from).to_string(), Ipv4Addr::from(to).to_string()));
        let v6 = v6.into_iter().filter(|(from, to)| from != to);
        let v6 = v6.map(|(from, to)| (Ipv6Addr::from(from).to_string(), Ipv6Addr::from(to).to_string()));
        v4.chain(v6).collect()
    }

    /// Maps the first octets of an address that stands at the upper end of `bits`.
    ///
    /// The 255 inner nodes of one octet's binary tree take a bit each of one hash of the octets in
    /// front of it.
    fn map(&self, family: u8, specials: &[Special], bits: u128, octets: usize) -> u128 {
        let bytes = bits.to_be_bytes();
        let mut flips = 0_u128;
        for (at, octet) in bytes.iter().enumerate().take(octets) {
            let hash = Sha256::new()
                .chain_update(self.salt)
                .chain_update([family, u8::try_from(at).unwrap_or(0)])
                .chain_update(bytes.get(..at).unwrap_or_default())
                .finalize();
            for depth in 0..8_u32 {
                let node = 1_usize << depth | usize::from(u16::from(*octet) >> (8 - depth));
                let coin = hash.get(node / 8).is_some_and(|byte| byte >> (node % 8) & 1 == 1);
                let length = u32::try_from(at).unwrap_or(0) * 8 + depth;
                if coin && !is_fixed(specials, bits, length) {
                    flips |= 1 << (127 - length);
                }
            }
        }
        bits ^ flips
    }
}

/// The bit behind the first `length` ones is never flipped: some special range lies that way, or
/// one that stays as it is lies around it.
fn is_fixed(specials: &[Special], bits: u128, length: u32) -> bool {
    let same = |special: &Special, length: u32| length == 0 || (special.base ^ bits) >> (128 - length) == 0;
    specials.iter().any(|special| {
        if special.bits > length {
            same(special, length)
        } else {
            special.as_is && same(special, special.bits)
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contains_v4(network: Ipv4Addr, bits: u32, address: Ipv4Addr) -> bool {
        (u32::from(network) ^ u32::from(address)).checked_shr(32 - bits).unwrap_or(0) == 0
    }

    fn common_v4(one: Ipv4Addr, other: Ipv4Addr) -> u32 {
        (u32::from(one) ^ u32::from(other)).leading_zeros()
    }

    fn specials_v4(address: Ipv4Addr) -> Vec<usize> {
        let bits = u128::from(u32::from(address)) << 96;
        (0..SPECIAL_V4.len())
            .filter(|at| (SPECIAL_V4[*at].base ^ bits) >> (128 - SPECIAL_V4[*at].bits) == 0)
            .collect()
    }

    fn specials_v6(address: Ipv6Addr) -> Vec<usize> {
        let bits = u128::from(address);
        (0..SPECIAL_V6.len())
            .filter(|at| (SPECIAL_V6[*at].base ^ bits) >> (128 - SPECIAL_V6[*at].bits) == 0)
            .collect()
    }

    /// Near special ranges as often as far from them.
    fn any_v4() -> impl Strategy<Value = Ipv4Addr> {
        prop_oneof![
            any::<u32>().prop_map(Ipv4Addr::from),
            (0..SPECIAL_V4.len(), any::<u32>(), 0_u32..3).prop_map(|(at, low, beyond)| {
                let special = &SPECIAL_V4[at];
                let base = u32::try_from(special.base >> 96).unwrap();
                let bits = special.bits.saturating_sub(beyond).max(1);
                Ipv4Addr::from(base & !(u32::MAX >> bits) | low & (u32::MAX >> bits))
            }),
        ]
    }

    fn any_v6() -> impl Strategy<Value = Ipv6Addr> {
        prop_oneof![
            any::<u128>().prop_map(Ipv6Addr::from),
            any::<u128>().prop_map(|bits| Ipv6Addr::from(bits >> 3 | 1 << 125)),
            (0..SPECIAL_V6.len(), any::<u128>(), 0_u32..3).prop_map(|(at, low, beyond)| {
                let special = &SPECIAL_V6[at];
                let bits = special.bits.saturating_sub(beyond).max(1);
                Ipv6Addr::from(special.base & !(u128::MAX >> bits) | low & (u128::MAX >> bits))
            }),
        ]
    }

    #[test]
    fn every_octet_keeps_its_own_tree() {
        // All 65,536 addresses of two octets: the mapping is one to one.
        let addresses = Addresses::new([7; 32]);
        let mut seen = std::collections::HashSet::new();
        for low in 0..=u16::MAX {
            let [third, fourth] = low.to_be_bytes();
            let mapped = addresses.v4(Ipv4Addr::new(93, 184, third, fourth)).octets();
            assert!(seen.insert(mapped));
            let start = addresses.v4(Ipv4Addr::new(93, 184, 0, 0)).octets();
            assert_eq!(mapped[..2], start[..2]);
        }
    }

    #[test]
    fn what_means_something_stays() {
        for salt in 0..20 {
            let addresses = Addresses::new([salt; 32]);
            for address in [
                "0.0.0.0",
                "127.0.0.1",
                "127.0.1.1",
                "169.254.169.254",
                "224.0.0.1",
                "255.255.255.255",
                "255.255.255.0",
            ] {
                let address: Ipv4Addr = address.parse().unwrap();
                assert_eq!(addresses.v4(address), address);
            }
            for address in ["::", "::1", "ff02::1", "100::1"] {
                let address: Ipv6Addr = address.parse().unwrap();
                assert_eq!(addresses.v6(address), address);
            }
            let mapped = addresses.v6("::ffff:198.51.100.7".parse().unwrap());
            assert_eq!(mapped.to_ipv4_mapped().unwrap(), addresses.v4(Ipv4Addr::new(198, 51, 100, 7)));
        }
    }

    #[test]
    fn addresses_do_change() {
        let addresses = Addresses::new([3; 32]);
        let same = (0..1000_u32)
            .map(|low| Ipv4Addr::from(0x5db8_0000 + low * 7919))
            .filter(|address| addresses.v4(*address) == *address);
        assert!(same.count() < 10);
        assert_ne!(
            Addresses::new([4; 32]).v4(Ipv4Addr::new(93, 184, 216, 34)),
            addresses.v4(Ipv4Addr::new(93, 184, 216, 34))
        );
    }

    proptest! {
        #[test]
        fn prefixes_of_v4_are_kept(salt: [u8; 32], one in any_v4(), other in any_v4(), near in 0_u32..=32) {
            let addresses = Addresses::new(salt);
            let near = Ipv4Addr::from(u32::from(one) ^ 1_u32.checked_shl(near).unwrap_or(0));
            for other in [other, near] {
                let (a, b) = (addresses.v4(one), addresses.v4(other));
                prop_assert_eq!(common_v4(one, other), common_v4(a, b));
                for bits in 0..=32 {
                    let network = addresses.network_v4(one, bits);
                    prop_assert_eq!(contains_v4(one, bits, other), contains_v4(network, bits, b));
                }
            }
            prop_assert_eq!(specials_v4(one), specials_v4(addresses.v4(one)));
            for octets in 1..=4 {
                let start = addresses.v4_start(&one.octets()[..octets]);
                prop_assert_eq!(&start[..], &addresses.v4(one).octets()[..octets]);
            }
        }

        #[test]
        fn prefixes_of_v6_are_kept(salt: [u8; 32], one in any_v6(), other in any_v6(), near in 0_u32..128) {
            let addresses = Addresses::new(salt);
            let near = Ipv6Addr::from(u128::from(one) ^ 1 << near);
            for other in [other, near] {
                let (a, b) = (addresses.v6(one), addresses.v6(other));
                let common = |one: Ipv6Addr, other: Ipv6Addr| (u128::from(one) ^ u128::from(other)).leading_zeros();
                prop_assert_eq!(common(one, other), common(a, b));
                for bits in [0_u32, 1, 7, 32, 48, 64, 127, 128] {
                    let network = addresses.network_v6(one, bits);
                    prop_assert_eq!(common(one, other) >= bits, common(network, b) >= bits);
                }
            }
            prop_assert_eq!(specials_v6(one), specials_v6(addresses.v6(one)));
            let start = addresses.v6_start(&one.segments()[..3]);
            let mapped = one.to_ipv4_mapped().is_some() || u128::from(one) >> 32 == 0x0064_ff9b << 64;
            prop_assert!(mapped || start[..] == addresses.v6(one).segments()[..3]);
        }
    }
}
