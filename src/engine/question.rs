//! From a probe of the runbook to a question that can be asked.

use crate::{
    probe::{self, CommandTarget, HttpTarget, Target, TcpTarget},
    runbook::{Asks, Known, Probe, strings},
};
use std::{collections::BTreeMap, num::NonZeroU32, path::Path};

/// How the programs of probes are run.
#[derive(Clone, Copy, Debug)]
pub struct Programs<'a> {
    /// The folder that they run in.
    pub dir: &'a Path,
    /// What is added to their environment.
    pub env: &'a BTreeMap<String, String>,
}

/// Makes a probe that can be asked.
///
/// # Errors
///
/// The probe's name, and why its address cannot be made from what is known.
pub fn question(
    probe: &Probe,
    known: &Known,
    programs: Programs<'_>,
) -> Result<probe::Probe, (String, String)> {
    let target = target(&probe.asks, known, programs).map_err(|e| (probe.name.clone(), e))?;
    let in_a_row = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    Ok(probe::Probe {
        name: probe.name.clone(),
        target,
        interval: probe.interval,
        timeout: probe.timeout,
        up_after: in_a_row(probe.up_after),
        down_after: in_a_row(probe.down_after),
    })
}

fn target(asks: &Asks, known: &Known, programs: Programs<'_>) -> Result<Target, String> {
    let string = |expr| known.string(expr).map_err(|mistake| mistake.to_string());
    match asks {
        Asks::Http { url, status, contains, .. } => {
            let mut target = HttpTarget::get(&string(url)?).map_err(|e| e.to_string())?;
            if let Some(status) = status {
                target.expect_status = *status..=*status;
            }
            target.expect_body = contains.as_ref().map(string).transpose()?;
            Ok(Target::Http(target))
        }
        Asks::Tcp(address) => {
            let address = string(address)?;
            let parts = address.rsplit_once(':').and_then(|(host, port)| {
                Some((host.trim_matches(['[', ']']).to_owned(), port.parse().ok()?))
            });
            let (host, port) = parts
                .filter(|(host, _)| !host.is_empty())
                .ok_or_else(|| format!("`{address}` is not `host:port`"))?;
            Ok(Target::Tcp(TcpTarget { host, port }))
        }
        Asks::Dns { .. } | Asks::Region { .. } => Err("it cannot be asked yet".to_owned()),
        Asks::Command(argv) => {
            let argv = strings(known, argv).map_err(|mistake| mistake.to_string())?;
            let (dir, env) = (programs.dir.to_owned(), programs.env.clone());
            Ok(Target::Command(CommandTarget { argv, dir, env }))
        }
    }
}
