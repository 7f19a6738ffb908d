//! The data files as one: read once, a user's own merged over them, asked by type.

use super::{
    entry::{Class, DataSource, Family, File, ResourceType, Scope},
    error::CatalogueError,
    template::Template,
    timing::{Basis, Timing},
};
use crate::model::nearest;
use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

/// The data files that come with drctl.
const BUILTIN: [&str; 5] = [
    include_str!("classes.json"),
    include_str!("aws.json"),
    include_str!("google.json"),
    include_str!("azure.json"),
    include_str!("utility.json"),
];

/// Whether a type is that of a managed resource or of a data source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `resource "type" "name"`.
    Resource,
    /// `data "type" "name"`.
    Data,
}

/// What is publicly known of resource types.
#[derive(Clone, Debug)]
pub struct Catalogue {
    sources: BTreeMap<String, String>,
    classes: BTreeMap<String, Class>,
    /// Prefix of a provider's types, and the class of those that are not known.
    providers: BTreeMap<String, String>,
    resources: BTreeMap<String, ResourceType>,
    /// Prefix, what is known of all types with it, and those that are not of the family.
    families: BTreeMap<String, (ResourceType, Vec<String>)>,
    data: BTreeMap<String, DataSource>,
    /// The class when not even the provider is known.
    last_resort: Class,
}

static KNOWN: LazyLock<Catalogue> = LazyLock::new(|| {
    let mut whole = File::default();
    for text in BUILTIN {
        let file = serde_json::from_str(text).expect("a test reads every built-in file");
        merge(&mut whole, file);
    }
    build(whole).expect("a test builds the built-in catalogue")
});

impl Catalogue {
    /// Returns what comes with drctl.
    pub fn builtin() -> &'static Self {
        &KNOWN
    }

    /// Returns the built-in catalogue with a user's own data file over it.
    ///
    /// What the file says of a type replaces what is built in, field by field;
    /// types that are not built in are added.
    ///
    /// # Errors
    ///
    /// [`CatalogueError`] with the place of the mistake, when the file is not of the format.
    pub fn with(user: &str) -> Result<Self, CatalogueError> {
        let mut whole = File::default();
        for text in BUILTIN {
            merge(&mut whole, read(text)?);
        }
        merge(&mut whole, read(user)?);
        build(whole)
    }

    /// Returns what is known of a resource type, or of the family that it is of.
    pub fn resource(&self, name: &str) -> Option<&ResourceType> {
        self.resources.get(name).or_else(|| family(&self.families, name))
    }

    /// Returns what is known of a data source.
    pub fn data_source(&self, name: &str) -> Option<&DataSource> {
        self.data.get(name)
    }

    /// Whether a type is known to live in no region.
    pub fn is_global(&self, name: &str) -> bool {
        self.resource(name).is_some_and(|known| known.scope == Some(Scope::Global))
    }

    /// Returns how long a create takes.
    pub fn create_time(&self, name: &str) -> Timing {
        self.time(name, |t| &t.create, |c| &c.create, |t| t.timeouts.create)
    }

    /// Returns how long a change in place takes.
    pub fn update_time(&self, name: &str) -> Timing {
        self.time(name, |t| &t.update, |c| &c.update, |t| t.timeouts.update)
    }

    /// Returns how long a delete takes.
    pub fn delete_time(&self, name: &str) -> Timing {
        self.time(name, |t| &t.delete, |c| &c.delete, |t| t.timeouts.delete)
    }

    /// Returns how values of computed attributes are made up; `None` when nothing is known.
    pub fn values(&self, kind: Kind, name: &str) -> Option<&BTreeMap<String, Template>> {
        let values = match kind {
            Kind::Resource => &self.resources.get(name)?.values,
            Kind::Data => &self.data.get(name)?.values,
        };
        (!values.is_empty()).then_some(values)
    }

    /// Returns the arguments that must be known for a computed attribute to be known at plan time.
    ///
    /// `None` when the real provider knows it only after the apply, or when that is not known.
    pub fn known_at_plan(&self, name: &str, attribute: &str) -> Option<&[String]> {
        self.resources.get(name)?.plan_known.get(attribute).map(Vec::as_slice)
    }

    /// Returns where the data come from, by file and kind.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sources.iter().map(|(what, source)| (what.as_str(), source.as_str()))
    }

    fn time(
        &self,
        name: &str,
        own: fn(&ResourceType) -> &Option<Timing>,
        of_class: fn(&Class) -> &Timing,
        ceiling: fn(&ResourceType) -> Option<Duration>,
    ) -> Timing {
        let known = self.resource(name);
        let (timing, basis) = if let Some(timing) = known.and_then(|known| own(known).as_ref()) {
            (timing, Basis::Type)
        } else if let Some(class) = known.and_then(|known| self.class(known.class.as_deref())) {
            (of_class(class), Basis::Class)
        } else {
            let provider = longest_prefix(&self.providers, name).map(|(_, class)| class.as_str());
            (of_class(self.class(provider).unwrap_or(&self.last_resort)), Basis::Provider)
        };
        let ceiling = known.and_then(ceiling).filter(|ceiling| *ceiling >= timing.p50);
        Timing { basis, ceiling, ..timing.clone() }
    }

    fn class(&self, name: Option<&str>) -> Option<&Class> {
        self.classes.get(name?)
    }
}

fn read(text: &str) -> Result<File, CatalogueError> {
    serde_json::from_str(text).map_err(|error| CatalogueError::format(text, &error))
}

fn merge(whole: &mut File, file: File) {
    whole.sources.extend(file.sources);
    whole.classes.extend(file.classes);
    whole.providers.extend(file.providers);
    whole.families.extend(file.families);
    for (name, known) in file.resources {
        whole.resources.entry(name).or_default().merge(known);
    }
    for (name, known) in file.data {
        let old = whole.data.entry(name).or_default();
        old.scope = known.scope.or(old.scope);
        old.values.extend(known.values);
    }
}

/// Checks what one part says of another, and hands down what families say.
fn build(file: File) -> Result<Catalogue, CatalogueError> {
    let File { sources, classes, providers, families, mut resources, data, .. } = file;
    let families: BTreeMap<_, _> = families
        .into_iter()
        .map(|(prefix, Family { class, scope, control_plane, except })| {
            let known = ResourceType { class, scope, control_plane, ..ResourceType::default() };
            (prefix, (known, except))
        })
        .collect();
    for (name, known) in &mut resources {
        if let Some(family) = family(&families, name) {
            known.inherit(family);
        }
    }
    let named = |section: &'static str| move |name: &String| format!("{section}.{name}.class");
    let used = (resources.iter().map(|(name, known)| (named("resources")(name), &known.class)))
        .chain(families.iter().map(|(name, (known, _))| (named("families")(name), &known.class)));
    for (path, class) in used {
        check_class(&classes, path, class.as_deref())?;
    }
    for (prefix, class) in &providers {
        check_class(&classes, format!("providers.{prefix}"), Some(class))?;
    }
    let last_resort = classes["record"].clone();
    Ok(Catalogue { sources, classes, providers, resources, families, data, last_resort })
}

fn check_class(
    classes: &BTreeMap<String, Class>,
    path: String,
    class: Option<&str>,
) -> Result<(), CatalogueError> {
    match class {
        Some(class) if !classes.contains_key(class) => Err(CatalogueError::UnknownClass {
            path,
            class: class.to_owned(),
            nearest: nearest(class, classes.keys().map(String::as_str)).map(str::to_owned),
        }),
        _ => Ok(()),
    }
}

/// Returns the nearest family of a type, unless the type is an exception of it.
fn family<'a>(
    families: &'a BTreeMap<String, (ResourceType, Vec<String>)>,
    name: &str,
) -> Option<&'a ResourceType> {
    let (_, (known, except)) = longest_prefix(families, name)?;
    (!except.iter().any(|other| other == name)).then_some(known)
}

fn longest_prefix<'a, T>(map: &'a BTreeMap<String, T>, name: &str) -> Option<(&'a str, &'a T)> {
    (1..=name.len())
        .rev()
        .filter_map(|length| map.get_key_value(name.get(..length)?))
        .map(|(prefix, found)| (prefix.as_str(), found))
        .next()
}
