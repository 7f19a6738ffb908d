//! Override files, merged as Terraform merges them.
//!
//! The rules are those of the page "Override Files" of the Terraform language documentation: an
//! argument replaces the argument of that name, nested blocks replace all nested blocks of their
//! kind, `lifecycle` is merged by argument, a backend replaces the backend or `cloud` block whole.

use crate::config::body::{Attribute, Block};

/// Merges one override file's blocks over what is there.
///
/// Terraform refuses to override what nobody declared; here it is declared by that, so that what is
/// wrong with it can be said.
pub(super) fn merge(declared: &mut Vec<Block>, overrides: Vec<Block>) {
    for block in overrides {
        match block.kind() {
            "terraform" => terraform(declared, block),
            "locals" => locals(declared, block),
            "moved" | "import" | "check" | "removed" => declared.push(block),
            _ => match declared.iter_mut().find(|known| is_same(known, &block)) {
                Some(known) => arguments(known, block),
                None => declared.push(block),
            },
        }
    }
}

/// Whether two blocks declare the same thing.
fn is_same(a: &Block, b: &Block) -> bool {
    let alias = |block: &Block| block.body().expr("alias").and_then(|alias| alias.literal_string());
    a.is_like(b) && (a.kind() != "provider" || alias(a) == alias(b))
}

fn arguments(known: &mut Block, block: Block) {
    let mut replaced: Vec<String> = Vec::new();
    for attribute in block.body().attributes() {
        known.body_mut().set(attribute.clone());
    }
    let kind = |block: &Block| match (block.kind(), block.label(0)) {
        ("dynamic", Some(made)) => made.to_owned(),
        (kind, _) => kind.to_owned(),
    };
    for nested in block.body().blocks() {
        if nested.kind() == "lifecycle" {
            let lifecycle =
                known.body_mut().blocks_mut().iter_mut().find(|b| b.kind() == "lifecycle");
            if let Some(lifecycle) = lifecycle {
                arguments(lifecycle, nested.clone());
                continue;
            }
        }
        let kind_of_nested = kind(nested);
        let blocks = known.body_mut().blocks_mut();
        if !replaced.contains(&kind_of_nested) {
            blocks.retain(|old| kind(old) != kind_of_nested);
            replaced.push(kind_of_nested);
        }
        blocks.push(nested.clone());
    }
}

fn locals(declared: &mut Vec<Block>, block: Block) {
    let mut new = block.clone();
    for local in block.body().attributes() {
        if replace(declared, "locals", local) {
            new.body_mut().remove(local.name());
        }
    }
    declared.push(new);
}

fn terraform(declared: &mut Vec<Block>, mut block: Block) {
    if block.body().attribute("required_version").is_some() {
        for known in declared.iter_mut().filter(|known| known.kind() == "terraform") {
            known.body_mut().remove("required_version");
        }
    }
    let keeps_state = |block: &Block| matches!(block.kind(), "backend" | "cloud");
    let nested = std::mem::take(block.body_mut().blocks_mut());
    for known in declared.iter_mut().filter(|known| known.kind() == "terraform") {
        let blocks = known.body_mut().blocks_mut();
        if nested.iter().any(keeps_state) {
            blocks.retain(|old| !keeps_state(old));
        }
    }
    for mut nested in nested {
        if nested.kind() == "required_providers" {
            for entry in nested.body().attributes().to_vec() {
                let known = declared.iter_mut().filter(|known| known.kind() == "terraform");
                let done = known.fold(false, |done, known| {
                    done | replace(known.body_mut().blocks_mut(), "required_providers", &entry)
                });
                if done {
                    nested.body_mut().remove(entry.name());
                }
            }
        }
        block.body_mut().blocks_mut().push(nested);
    }
    declared.push(block);
}

/// Replaces an attribute in the block of a kind that has it; false when none has.
fn replace(blocks: &mut [Block], kind: &str, attribute: &Attribute) -> bool {
    let mut of_kind = blocks.iter_mut().filter(|block| block.kind() == kind);
    match of_kind.find(|block| block.body().attribute(attribute.name()).is_some()) {
        Some(block) => {
            block.body_mut().set(attribute.clone());
            true
        }
        None => false,
    }
}
