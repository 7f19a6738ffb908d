//! What data sources say of the region that they are asked in.

use crate::{
    catalogue::{Cloud, Regions},
    config::{
        eval::{Facts, Value},
        module::{Resource, ResourceMode},
    },
};
use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

/// Where each provider configuration points, seen from one region.
#[derive(Debug, Default)]
pub(crate) struct Regional {
    /// By the address of the module and the provider's key in it.
    homes: RefCell<BTreeMap<(String, String), String>>,
}

impl Regional {
    /// Says where a provider configuration points.
    pub(crate) fn set(&self, module: &str, key: &str, region: &str) {
        self.homes.borrow_mut().insert((module.to_owned(), key.to_owned()), region.to_owned());
    }

    /// Returns the region that a provider configuration points at.
    pub(crate) fn home(&self, module: &str, key: &str) -> Option<String> {
        self.homes.borrow().get(&(module.to_owned(), key.to_owned())).cloned()
    }
}

impl Facts for Regional {
    fn attribute(&self, module: &str, resource: &Resource, path: &[String]) -> Option<Value> {
        if resource.mode != ResourceMode::Data {
            return None;
        }
        let own = resource.body().expr("region");
        if own.is_some() {
            // Which region that is, its expression says, and not the provider.
            return None;
        }
        let attribute = path.first()?.as_str();
        let region = self.home(module, &resource.provider_key())?;
        match (resource.kind.as_str(), attribute) {
            ("aws_region", "name" | "region" | "id") | ("google_client_config", "region") => {
                Some(text(&region))
            }
            ("aws_availability_zones", "names") | ("google_compute_zones", "names")
                if resource.body().blocks().is_empty() =>
            {
                let zones = Regions::known().find(&region)?.zones.as_ref()?;
                Some(Value::List(zones.iter().map(|zone| text(zone)).collect()))
            }
            ("aws_availability_zones", "zone_ids") if resource.body().blocks().is_empty() => {
                let zones = Regions::known().find(&region)?.zone_ids()?;
                Some(Value::List(zones.iter().map(|zone| text(zone)).collect()))
            }
            ("aws_partition", _) => partition(&region, attribute),
            _ => None,
        }
    }
}

fn partition(region: &str, attribute: &str) -> Option<Value> {
    let region = Regions::known().find(region).filter(|region| region.cloud == Cloud::Aws)?;
    match (attribute, region.partition.as_str()) {
        ("partition" | "id", partition) => Some(text(partition)),
        ("dns_suffix", "aws" | "aws-us-gov") => Some(text("amazonaws.com")),
        ("dns_suffix", "aws-cn") => Some(text("amazonaws.com.cn")),
        _ => None,
    }
}

fn text(text: &str) -> Value {
    Value::String(Arc::from(text))
}
