//! From a probe of the runbook to a question that can be asked.

use super::deploying::cluster;
use crate::{
    probe::{
        self, CommandTarget, DnsTarget, ElsewhereTarget, HttpTarget, RegionTarget, Target,
        TcpTarget,
    },
    runbook::{Asks, Cloud, Known, Probe, Role, strings},
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

/// What is added to the environment of every program: the names that a runbook's expressions know.
pub fn program_env(known: &Known) -> BTreeMap<String, String> {
    [
        ("DRCTL_REGION", Some(known.region.clone())),
        ("DRCTL_PRIMARY", known.primary.clone()),
        ("DRCTL_SERVICE", Some(known.service.clone())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
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
    let target = target(probe, known, programs).map_err(|e| (probe.name.clone(), e))?;
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

fn target(probe: &Probe, known: &Known, programs: Programs<'_>) -> Result<Target, String> {
    let target = Box::new(asked(probe, known, programs)?);
    let Some(via) = &probe.via else { return Ok(*target) };
    let argv = strings(known, via).map_err(|mistake| mistake.to_string())?;
    let (dir, env) = (programs.dir.to_owned(), programs.env.clone());
    Ok(Target::Elsewhere(ElsewhereTarget { through: CommandTarget { argv, dir, env }, target }))
}

fn asked(probe: &Probe, known: &Known, programs: Programs<'_>) -> Result<Target, String> {
    let string = |expr| known.string(expr).map_err(|mistake| mistake.to_string());
    match &probe.asks {
        Asks::Http { url, status, contains, certificate } => {
            let mut target = HttpTarget::get(&string(url)?).map_err(|e| e.to_string())?;
            if let Some(status) = status {
                target.expect_status = *status..=*status;
            }
            target.expect_body = contains.as_ref().map(string).transpose()?;
            target.certificate = *certificate;
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
        Asks::Dns { host, expect, server } => {
            let mut target = DnsTarget::new(&string(host)?).map_err(|e| e.to_string())?;
            if let Some(expect) = expect {
                target = target.expecting(&string(expect)?).map_err(|e| e.to_string())?;
            }
            if let Some(server) = server {
                target = target.asking(&string(server)?).map_err(|e| e.to_string())?;
            }
            Ok(Target::Dns(target))
        }
        Asks::Region { cloud, region, endpoint } => {
            let region = match region {
                Some(region) => string(region)?,
                None => region_of(probe.role, known)?,
            };
            let endpoint = endpoint.as_ref().map(string).transpose()?;
            let target = RegionTarget::new(cloud_of(*cloud), &region, endpoint.as_deref());
            Ok(Target::Region(target.map_err(|e| e.to_string())?))
        }
        Asks::Command(argv) => {
            let argv = strings(known, argv).map_err(|mistake| mistake.to_string())?;
            let (dir, env) = (programs.dir.to_owned(), programs.env.clone());
            Ok(Target::Command(CommandTarget { argv, dir, env }))
        }
        Asks::Kubernetes { object, namespace, cluster, .. } => {
            let site = cluster.as_ref().ok_or("it names no cluster")?;
            let settings = site.evaluate(known, false).map_err(|mistake| mistake.to_string())?;
            let namespace = namespace.as_ref().map(string).transpose()?;
            let question = cluster::of(&settings, &site.name)
                .question(&string(object)?, namespace.as_deref(), probe.timeout, programs.dir)
                .map_err(|error| error.to_string())?;
            let mut env = programs.env.clone();
            env.extend(question.env);
            let (argv, dir) = (question.argv, programs.dir.to_owned());
            Ok(Target::Command(CommandTarget { argv, dir, env }))
        }
    }
}

/// The region that a probe says something of.
fn region_of(role: Role, known: &Known) -> Result<String, String> {
    match (role, &known.primary) {
        (Role::Primary, Some(primary)) => Ok(primary.clone()),
        (Role::Primary, None) => Err("the primary region is not known: give the probe a `region`, or the service its `primary`".to_owned()),
        (Role::Fallback, _) if !known.region.is_empty() => Ok(known.region.clone()),
        (Role::Fallback, _) => Err("the fallback region is not known: give the probe a `region`".to_owned()),
        (Role::Service | Role::Witness, _) => {
            Err("it does not say which region: give it a `region`, or the role `primary` or `fallback`".to_owned())
        }
    }
}

fn cloud_of(cloud: Cloud) -> probe::Cloud {
    match cloud {
        Cloud::Aws => probe::Cloud::Aws,
        Cloud::Google => probe::Cloud::Google,
        Cloud::Azure => probe::Cloud::Azure,
    }
}
