//! What is called after a region, or is there whatever region serves, and so is meant to be there.

use crate::{
    catalogue::{Catalogue, Regions},
    config::expression::{Expr, Written},
    lint::{
        mention::{Kind, Mention},
        slot::{Holder, Slot},
    },
};

/// Places that AWS calls its regions after, and people their aliases: AWS Regions User Guide,
/// "Available Regions".
const PLACES: &[(&str, &[&str])] = &[
    ("us-east-1", &["virginia", "nvirginia"]),
    ("us-east-2", &["ohio"]),
    ("us-west-1", &["california", "ncalifornia"]),
    ("us-west-2", &["oregon"]),
    ("af-south-1", &["capetown"]),
    ("ap-east-1", &["hongkong"]),
    ("ap-northeast-1", &["tokyo"]),
    ("ap-northeast-2", &["seoul"]),
    ("ap-northeast-3", &["osaka"]),
    ("ap-south-1", &["mumbai"]),
    ("ap-south-2", &["hyderabad"]),
    ("ap-southeast-1", &["singapore"]),
    ("ap-southeast-2", &["sydney"]),
    ("ap-southeast-3", &["jakarta"]),
    ("ap-southeast-4", &["melbourne"]),
    ("ca-central-1", &["canada", "montreal"]),
    ("ca-west-1", &["calgary"]),
    ("eu-central-1", &["frankfurt"]),
    ("eu-central-2", &["zurich"]),
    ("eu-north-1", &["stockholm"]),
    ("eu-south-1", &["milan"]),
    ("eu-west-1", &["ireland", "dublin"]),
    ("eu-west-2", &["london"]),
    ("eu-west-3", &["paris"]),
    ("me-south-1", &["bahrain"]),
    ("sa-east-1", &["saopaulo"]),
];

/// Whether something is called after a region: `eu_west_1`, `euw1`, `eu-west-1-logs`, `ireland`.
pub(crate) fn is_called_after(name: &str, region: &str) -> bool {
    let plain = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
    };
    let short = Regions::known().find(region).and_then(|known| known.short());
    let place = PLACES.iter().find(|(known, _)| *known == region);
    let place = |name: &str| place.is_some_and(|(_, all)| all.iter().any(|p| name.contains(p)));
    let (name, region) = (plain(name), plain(region));
    name.contains(&region) || short.is_some_and(|short| name.contains(&short)) || place(&name)
}

/// Whether a declaration is called after the region that it names, or uses a provider that is: then
/// it is the one of that region, on purpose.
pub(crate) fn is_meant(holder: Holder<'_>, kind: Kind) -> bool {
    let Some(region) = kind.region().map(|region| region.name.as_str()) else { return false };
    let after = |name: &str| is_called_after(name, region);
    let alias = |expr: Option<&Expr>| {
        let path = expr.and_then(Expr::traversal).unwrap_or_default();
        path.get(1).is_some_and(|alias| after(alias))
    };
    match holder {
        Holder::Variable(variable) => after(&variable.name),
        Holder::Local(name) => after(name),
        Holder::Resource(resource) => after(&resource.name) || alias(resource.provider.as_ref()),
        Holder::Provider(provider) => provider.alias.as_deref().is_some_and(after),
        Holder::Call(call) => {
            let passed = call.providers.as_ref().and_then(|providers| providers.object().ok());
            after(&call.name)
                || passed.is_some_and(|all| all.iter().any(|entry| alias(Some(entry.expr()))))
        }
        Holder::Output(_) | Holder::Backend(_) => false,
    }
}

/// Words for what lives in us-east-1 whatever region serves: certificates and rules of CloudFront,
/// billing, and the control planes of global services (AWS Fault Isolation Boundaries, appendix A).
const GLOBAL: &[&str] = &[
    "cloudfront",
    "cdn",
    "edge",
    "acm",
    "cert",
    "certificate",
    "waf",
    "wafv2",
    "global",
    "virginia",
    "billing",
    "route53",
    "shield",
];

/// Whether us-east-1 is named for a service that is there and nowhere else.
pub(crate) fn is_global_service(slot: &Slot<'_>, written: &Written, mention: &Mention) -> bool {
    if mention.kind.region().is_none_or(|region| region.name != "us-east-1") {
        return false;
    }
    let global = |name: &str| {
        let name = name.to_lowercase();
        is_called_after(&name, "us-east-1")
            || name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| GLOBAL.contains(&word))
    };
    let own = match slot.holder {
        Holder::Local(name) => global(name),
        Holder::Variable(variable) => global(&variable.name),
        Holder::Call(call) => global(&call.name),
        Holder::Resource(resource) => {
            Catalogue::builtin().is_global(&resource.kind)
                || global(&resource.kind)
                || resource.provider_name().1.is_some_and(|alias| global(&alias))
        }
        Holder::Provider(provider) => provider.alias.as_deref().is_some_and(global),
        Holder::Output(_) | Holder::Backend(_) => false,
    };
    own || global(&slot.path)
        || written.keys.iter().any(|key| global(key))
        || written.text.contains(":wafv2:us-east-1:") && written.text.contains(":global/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_written_in_many_ways() {
        for name in ["eu-west-1", "eu_west_1", "euw1", "ireland", "logs-eu-west-1", "Dublin_2"] {
            assert!(is_called_after(name, "eu-west-1"), "{name}");
        }
        for name in ["eu-west-2", "edge", "london", "west"] {
            assert!(!is_called_after(name, "eu-west-1"), "{name}");
        }
        assert!(is_called_after("weu_europe-west1", "europe-west1"));
    }
}
