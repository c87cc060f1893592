//! From where a token may be used.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::input::ConditionInput;
use crate::problem::{FaultKind, Faults};

/// From where a token may be used (D47).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Condition {
    /// Allowed networks; empty is all.
    #[serde(default, rename = "in", skip_serializing_if = "<[_]>::is_empty")]
    pub within: Box<[Network]>,
    /// Refused networks; they beat the allowed ones.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub not_in: Box<[Network]>,
}

/// A network as it was sent: host bits are kept for display and masked for matching (D47).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Network(pub Box<str>);

impl Network {
    /// Whether the network has that address; `None` if the stored text is no network.
    pub fn contains(&self, address: IpAddr) -> Option<bool> {
        Some(self.parse()?.contains(&address.to_canonical()))
    }

    fn parse(&self) -> Option<IpNet> {
        let network = self.0.parse::<IpNet>().or_else(|_| self.0.parse::<IpAddr>().map(IpNet::from)).ok()?;
        let mapped = |network: &IpNet| match network.addr() {
            IpAddr::V6(address) => Some((address.to_ipv4_mapped()?, network.prefix_len().checked_sub(96)?)),
            IpAddr::V4(_) => None,
        };
        // An IPv4 address in the clothes of IPv6 is compared as IPv4.
        Some(match mapped(&network) {
            Some((address, prefix)) => Ipv4Net::new(address, prefix).ok()?.into(),
            None => network,
        })
    }
}

impl Condition {
    /// Whether there is no constraint at all.
    pub fn is_empty(&self) -> bool {
        self.within.is_empty() && self.not_in.is_empty()
    }

    /// Reads what a client sent, each list at most `most` entries long.
    pub(super) fn read(input: &ConditionInput, most: usize, faults: &mut Faults) -> Condition {
        let mut list = |name: &str, texts: &[String]| {
            let at = format!("{}/{name}", input.pointer);
            if texts.len() > most {
                faults.push(FaultKind::Quota, at, format!("at most {most} networks are allowed"));
                return Vec::new();
            }
            let mut networks = Vec::with_capacity(texts.len());
            for (index, text) in texts.iter().enumerate() {
                let network = Network(text.trim().into());
                if network.parse().is_none() {
                    let message = format!("`{text}` is not a network, such as `198.51.100.0/24` or `2001:db8::/32`");
                    faults.push(FaultKind::Invalid, format!("{at}/{index}"), message);
                }
                networks.push(network);
            }
            networks
        };
        Condition { within: list("in", &input.within).into(), not_in: list("not_in", &input.not_in).into() }
    }

    /// Whether an address may use the token. `not_in` beats `in`; a condition of which nothing can be read refuses
    /// (D47).
    pub fn admits(&self, address: IpAddr) -> bool {
        let refused = self.not_in.iter().any(|network| network.contains(address) != Some(false));
        let allowed =
            self.within.is_empty() || self.within.iter().any(|network| network.contains(address) == Some(true));
        allowed && !refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(within: &[&str], not_in: &[&str]) -> Condition {
        let list = |texts: &[&str]| texts.iter().map(|text| Network((*text).into())).collect();
        Condition { within: list(within), not_in: list(not_in) }
    }

    #[test]
    fn not_in_beats_in_and_host_bits_are_masked() {
        let address = |text: &str| text.parse().unwrap();
        assert!(condition(&[], &[]).admits(address("192.0.2.1")));
        assert!(condition(&["123.123.123.100/24"], &[]).admits(address("123.123.123.5")));
        assert!(!condition(&["123.123.123.100/24"], &[]).admits(address("123.123.124.5")));
        assert!(!condition(&["10.0.0.0/8"], &["10.1.0.0/16"]).admits(address("10.1.2.3")));
        assert!(condition(&["10.0.0.1"], &[]).admits(address("::ffff:10.0.0.1")));
        assert!(condition(&["::ffff:10.0.0.0/104"], &[]).admits(address("10.1.2.3")));
        assert!(!condition(&[], &["::ffff:10.0.0.0/104"]).admits(address("::ffff:10.1.2.3")));
        assert!(!condition(&["2001:db8::/32"], &[]).admits(address("10.1.2.3")));
        assert!(!condition(&["nonsense"], &[]).admits(address("10.0.0.1")));
        assert!(!condition(&[], &["nonsense"]).admits(address("10.0.0.1")));
    }
}
