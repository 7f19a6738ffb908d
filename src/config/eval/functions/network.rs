//! Functions of IP networks.

use super::{Answer, Args, Unknown, Value};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network with its address as a number.
#[derive(Clone, Copy)]
struct Network {
    base: u128,
    prefix: u32,
    /// 32 or 128.
    bits: u32,
}

impl Network {
    fn read(args: &Args<'_>, at: usize) -> Result<Self, Unknown> {
        let text = args.text(at)?;
        let read = text.split_once('/').and_then(|(address, prefix)| {
            let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
            let prefix: u32 = prefix.parse().ok().filter(|_| digits)?;
            let (base, bits) = match address.parse().ok()? {
                IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
                IpAddr::V6(address) => (u128::from(address), 128),
            };
            (prefix <= bits).then_some(Self { base, prefix, bits })
        });
        match read {
            Some(network) => Ok(Self { base: network.base & network.mask(), ..network }),
            // Terraform also reads octets with leading zeros.
            None if text.contains('/') && text.contains(['.', ':']) => Err(args.doubt()),
            None => args.wrong("this is no network"),
        }
    }

    fn mask(&self) -> u128 {
        let all = if self.bits == 32 { u128::from(u32::MAX) } else { u128::MAX };
        all & !self.hosts()
    }

    /// All bits behind the prefix.
    fn hosts(&self) -> u128 {
        let width = self.bits - self.prefix;
        if width == 128 { u128::MAX } else { (1 << width) - 1 }
    }

    fn address(&self, number: u128) -> String {
        match u32::try_from(number) {
            Ok(number) if self.bits == 32 => Ipv4Addr::from(number).to_string(),
            _ => Ipv6Addr::from(number).to_string(),
        }
    }

    /// Returns a network inside this one.
    fn subnet(&self, args: &Args<'_>, more: i64, number: u128) -> Result<Self, Unknown> {
        let more = u32::try_from(more).map_err(|_| Unknown::invalid("the bits are negative"))?;
        let prefix = self.prefix + more.min(256);
        if prefix > self.bits {
            return args.wrong("the network is too small for so many bits");
        }
        if more < 128 && number >> more != 0 {
            return args.wrong("there are not so many networks in it");
        }
        let shift = self.bits - prefix;
        let offset = if shift == 128 { 0 } else { number << shift };
        Ok(Self { base: self.base | offset, prefix, bits: self.bits })
    }

    fn show(&self, args: &Args<'_>) -> Answer {
        let address = self.address(self.base);
        // Go writes these addresses of IPv6 in another way.
        if self.bits == 128 && address.contains('.') {
            return Err(args.doubt());
        }
        Ok(format!("{address}/{}", self.prefix).into())
    }
}

pub(super) fn cidrhost(args: &Args<'_>) -> Answer {
    let (network, number) = (Network::read(args, 0)?, args.whole(1)?);
    let steps = u128::from(number.unsigned_abs());
    let (last, back) = (network.hosts(), number < 0);
    if steps > last && !(back && steps == last.saturating_add(1)) {
        return args.wrong("the network has not so many hosts");
    }
    let offset = if back { last - (steps - 1) } else { steps };
    let address = network.address(network.base | offset);
    if network.bits == 128 && address.contains('.') {
        return Err(args.doubt());
    }
    Ok(address.into())
}

pub(super) fn cidrnetmask(args: &Args<'_>) -> Answer {
    let network = Network::read(args, 0)?;
    if network.bits != 32 {
        return args.wrong("only networks of IPv4 have a mask");
    }
    Ok(network.address(network.mask()).into())
}

pub(super) fn cidrsubnet(args: &Args<'_>) -> Answer {
    let network = Network::read(args, 0)?;
    let (more, number) = (args.whole(1)?, args.whole(2)?);
    let Ok(number) = u128::try_from(number) else { return Err(args.doubt()) };
    network.subnet(args, more, number)?.show(args)
}

pub(super) fn cidrsubnets(args: &Args<'_>) -> Answer {
    let network = Network::read(args, 0)?;
    let mut next = network.base;
    let mut full = false;
    let mut made = Vec::new();
    for at in 1..args.values.len() {
        let more = args.whole(at)?;
        if more < 1 {
            return args.wrong("a network needs one bit more at least");
        }
        let one = network.subnet(args, more, 0)?;
        let hosts = one.hosts();
        // The next one that starts on a border of its size.
        let start = match next.checked_add(hosts) {
            Some(end) => end & !hosts,
            None => return args.wrong("there is no room left"),
        };
        if full || start & network.mask() != network.base {
            return args.wrong("there is no room left");
        }
        made.push(Network { base: start, ..one }.show(args)?);
        match start.checked_add(hosts).and_then(|end| end.checked_add(1)) {
            Some(after) => next = after,
            None => full = true,
        }
    }
    Ok(Value::list(made))
}
