//! A `dns` step: from what is set to what `deploy` does.

use super::Parts;
use crate::{
    deploy::dns::{Dns, Way},
    runbook::Mistake,
};
use std::time::Duration;

/// How long it may take until traffic is moved, unless the runbook says. Changes reach all servers of
/// Route 53 within 60 s in general.
///
/// Source: Amazon Route 53 Developer Guide, "Checking the status of your changes".
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// The types of records that lead somewhere.
const KINDS: [&str; 3] = ["A", "AAAA", "CNAME"];

/// Makes the deployment; `None` when the zone or the name is not known yet.
pub(super) fn made(parts: &Parts<'_>) -> Result<Option<Dns>, Mistake> {
    let set = &parts.settings;
    let (Some(zone), Some(record)) = (set.text("zone"), set.text("record")) else {
        return Ok(None);
    };
    let kind = set.text("type");
    if let Some(kind) = kind.as_ref().filter(|kind| !KINDS.contains(&kind.as_str())) {
        let message = format!("`{kind}` is no type of record that leads somewhere");
        return Err(hinted(set.mistake("type", message), "Write \"A\", \"AAAA\" or \"CNAME\""));
    }
    let dns = Dns {
        // Route 53 shows it as `/hostedzone/Z…`.
        zone: zone.trim_start_matches("/hostedzone/").to_owned(),
        record,
        way: way(parts, kind.as_deref())?,
        kind,
        resolve: set.flag("resolve").unwrap_or(true),
        server: set.text("server"),
        endpoint: set.text("endpoint"),
        region: parts.region.to_owned(),
        limit: parts.limit.unwrap_or(LIMIT),
    };
    match dns.check() {
        Ok(()) => Ok(Some(dns)),
        Err(wrong) => {
            let name = if wrong.contains("server") { "server" } else { "record" };
            Err(set.mistake(name, wrong))
        }
    }
}

fn way(parts: &Parts<'_>, kind: Option<&str>) -> Result<Way, Mistake> {
    let set = &parts.settings;
    if let Some(weights) = set.object("weights") {
        let weight = |(id, value): (&String, &serde_json::Value)| {
            let weight = value.as_u64().and_then(|weight| u8::try_from(weight).ok());
            weight.map(|weight| (id.clone(), weight)).ok_or_else(|| {
                let message = format!("the weight of `{id}` is `{value}`");
                hinted(set.mistake("weights", message), "Write a whole number from 0 to 255")
            })
        };
        if weights.is_empty() {
            let mistake = set.mistake("weights", "`weights` names no record");
            return Err(hinted(mistake, "Write `weights = { \"SET-IDENTIFIER\" = 100 }`"));
        }
        return Ok(Way::Weights(weights.iter().map(weight).collect::<Result<_, _>>()?));
    }
    if let Some(id) = set.text("failover") {
        return Ok(Way::Failover(id));
    }
    if !set.has("values") {
        return Ok(Way::Unknown);
    }
    let values = set.texts("values");
    let fits = Dns::kind_of(&values).map_err(|wrong| set.mistake("values", wrong))?;
    if let Some(kind) = kind.filter(|kind| *kind != fits) {
        let message = format!("a record of type {kind} cannot hold `{}`", values[0]);
        return Err(hinted(
            set.mistake("type", message),
            &format!("Write \"{fits}\", or leave it out"),
        ));
    }
    let ttl = set.duration("ttl").map(|ttl| ttl.as_secs());
    if let Some(ttl) = ttl.filter(|ttl| i32::try_from(*ttl).is_err()) {
        return Err(set.mistake("ttl", format!("{ttl} s are longer than any answer may be kept")));
    }
    Ok(Way::Values { values, ttl })
}

fn hinted(mut mistake: Mistake, hint: &str) -> Mistake {
    mistake.hint = Some(hint.to_owned());
    mistake
}

#[cfg(test)]
mod tests {
    use crate::{
        engine::{DeployWork, commands},
        runbook::{Known, Runbook, Work},
    };
    use std::{collections::BTreeMap, path::Path};

    /// The command lines of a step, or what is wrong with it.
    fn shown(step: &str) -> String {
        let text = format!(
            "service \"s\" {{\n  rto = \"1h\"\n}}\n\ndns \"name\" {{\n  zone   = \"/hostedzone/Z\"\n  record = \"a.b\"\n{step}\n}}\n"
        );
        let runbook = Runbook::read(Path::new("drctl.hcl"), text.as_bytes(), "x").unwrap();
        let Work::Deploy(deploy) = &runbook.steps[0].work else { panic!("no deployment") };
        let work = DeployWork {
            deploy: deploy.clone(),
            site: None,
            instead: None,
            replace: BTreeMap::new(),
        };
        let known = Known { region: "seoul".to_owned(), ..Known::default() };
        match commands(&work, "name", &known, Path::new("/")) {
            Ok(lines) => format!("{} lines, the first: {}", lines.len(), lines[0]),
            Err(mistake) => mistake.to_string(),
        }
    }

    #[test]
    fn what_cannot_be_is_a_mistake_with_its_place() {
        let said = [
            "  weights = { s = 256 }",
            "  weights = {}",
            "  failover = \"s\"\n  type = \"TXT\"",
            "  failover = \"s\"\n  server = \"tcp://x\"",
            "  values = []",
            "  values = [\"192.0.2.1\", \"2001:db8::1\"]",
            "  values = [\"a.example.net\", \"b.example.net\"]",
            "  values = [\"192.0.2.1\"]\n  type = \"AAAA\"",
            "  values = [region]\n  endpoint = \"http://localhost:5000\"",
        ];
        insta::assert_snapshot!(said.map(shown).join("\n"), @r#"
        drctl.hcl:8:13: the weight of `s` is `256`
          Write a whole number from 0 to 255
        drctl.hcl:8:13: `weights` names no record
          Write `weights = { "SET-IDENTIFIER" = 100 }`
        drctl.hcl:9:10: `TXT` is no type of record that leads somewhere
          Write "A", "AAAA" or "CNAME"
        drctl.hcl:9:12: `tcp://x` is not a server such as `10.0.0.2` or `ns1.example.com:53`
        drctl.hcl:8:12: no value is given
        drctl.hcl:8:12: `192.0.2.1` and `2001:db8::1` cannot stand in one record
        drctl.hcl:8:12: a name can lead to one other name only
        drctl.hcl:9:10: a record of type AAAA cannot hold `192.0.2.1`
          Write "A", or leave it out
        4 lines, the first: aws route53 get-hosted-zone --id Z --region us-east-1 --output json --endpoint-url http://localhost:5000
        "#);
    }
}
