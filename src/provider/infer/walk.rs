//! The walk through everything that a configuration declares.

use super::{
    address::ProviderAddress,
    graph::{Id, Root},
    interpreter::{At, Interpreter, Named, Scope},
    shape::{Kind, Mode},
    tree::Instance,
    value::Value,
};
use crate::config::{
    body::{Attribute, Block, Body},
    expression::Expr,
    syntax::Expression,
};

/// What Terraform itself takes from the body of a resource.
const RESOURCE: &[&str] =
    &["count", "for_each", "provider", "depends_on", "lifecycle", "connection", "provisioner"];

/// What Terraform itself takes from the body of a `provider` block.
const PROVIDER: &[&str] = &["alias", "version"];

impl Interpreter<'_> {
    /// Walks every instance of every module.
    pub(super) fn walk(&mut self) {
        for instance in 0..self.tree.len() {
            self.instance(instance);
        }
    }

    fn instance(&mut self, instance: usize) {
        let tree = self.tree;
        let here = &tree[instance];
        let scope = Scope::module(instance);
        self.graph.providers.extend(here.required.values().cloned());
        for name in here.locals.keys() {
            self.named(instance, Named::Local, name);
        }
        for variable in &here.module.variables {
            self.named(instance, Named::Variable, &variable.name);
            self.checks(variable.body(), scope);
        }
        for output in &here.module.outputs {
            let value = self.named(instance, Named::Output, &output.name);
            self.read(&value);
            self.checks(output.body(), scope);
        }
        for provider in &here.module.providers {
            let root = self.graph.root(Root::Config(here.provider(&provider.name)));
            self.block(root, provider.body(), scope, PROVIDER);
        }
        for call in &here.module.calls {
            self.passed(here, call.providers.as_ref());
            self.repeated(call.body(), scope, |this, scope| {
                for argument in &call.arguments {
                    this.eval(argument.expr(), scope);
                }
            });
        }
        for ((mode, kind, _), declared) in &here.resources {
            let root = Root::Type(declared.provider.clone(), *mode, (*kind).to_owned());
            let id = self.graph.root(root);
            self.resource_body(id, declared.body, scope);
        }
        for check in &here.module.checks {
            self.checks(check.body(), scope);
        }
        for import in &here.module.imports {
            self.import(here, import.body(), scope);
        }
        for moved in here.module.moved.iter().chain(&here.module.removed) {
            for end in [moved.body().expr("from"), moved.body().expr("to")].into_iter().flatten() {
                self.address(here, end);
            }
        }
        for file in &here.module.files {
            for meta in file.body().blocks_of("terraform").flat_map(|t| t.body().blocks()) {
                if let ("provider_meta", Some(name)) = (meta.kind(), meta.label(0)) {
                    let root = self.graph.root(Root::Meta(here.provider(name)));
                    self.block(root, meta.body(), scope, &[]);
                }
            }
        }
    }

    /// Notes the providers that a call passes on: one may be named nowhere else.
    fn passed(&mut self, here: &Instance<'_>, providers: Option<&Expr>) {
        let Some(providers) = providers else { return };
        // Its keys can be paths, too, which only the tree shows.
        let Expression::Object(entries) = providers.node() else { return };
        for (_, entry) in entries.iter() {
            let path = providers.part(entry.expr()).traversal();
            let name = path.and_then(|path| path.into_iter().next());
            self.graph.providers.extend(name.map(|name| here.provider(&name)));
        }
    }

    /// Runs `body` with `each` or `count`, if there is one.
    fn repeated(&mut self, body: &Body, scope: Scope<'_>, run: impl FnOnce(&mut Self, Scope<'_>)) {
        match self.repetition(body, scope) {
            Some((name, value)) => {
                let bound = scope.bind(name, value);
                run(self, scope.with(&bound));
            }
            None => run(self, scope),
        }
    }

    fn resource_body(&mut self, id: Id, body: &Body, scope: Scope<'_>) {
        self.repeated(body, scope, |this, scope| {
            this.block(id, body, scope, RESOURCE);
            let bound = scope.bind("self", Value::node(id));
            let scope = scope.with(&bound);
            for nested in body.blocks() {
                match nested.kind() {
                    "lifecycle" => this.lifecycle(id, nested.body(), scope),
                    "provisioner" | "connection" => this.plain(nested.body(), scope),
                    _ => {}
                }
            }
        });
    }

    fn lifecycle(&mut self, id: Id, body: &Body, scope: Scope<'_>) {
        if let Some(paths) = body.expr("ignore_changes")
            && let Expression::Array(array) = paths.node()
        {
            let at = At { scope, text: paths.text() };
            for path in array.iter() {
                self.path(&Value::node(id), path, at);
            }
        }
        if let Some(triggers) = body.expr("replace_triggered_by") {
            let value = self.eval(triggers, scope);
            self.read_all(&value);
        }
        self.checks(body, scope);
    }

    /// Evaluates the conditions in a body: those of `validation`, `precondition`, `assert`, ….
    fn checks(&mut self, body: &Body, scope: Scope<'_>) {
        for check in
            body.blocks().iter().filter(|block| block.body().attribute("condition").is_some())
        {
            self.plain(check.body(), scope);
        }
    }

    /// Evaluates a body that belongs to Terraform.
    fn plain(&mut self, body: &Body, scope: Scope<'_>) {
        for attribute in body.attributes() {
            let value = self.eval(attribute.expr(), scope);
            self.read(&value);
            if attribute.name() == "condition" {
                self.used(&value, Kind::Bool);
                self.condition(&value, || attribute.expr().place());
            }
        }
        for block in body.blocks() {
            self.plain(block.body(), scope);
        }
    }

    fn import(&mut self, here: &Instance<'_>, body: &Body, scope: Scope<'_>) {
        if let Some(to) = body.expr("to") {
            self.address(here, to);
        }
        self.repeated(body, scope, |this, scope| {
            for id in [body.expr("id"), body.expr("identity")].into_iter().flatten() {
                let value = this.eval(id, scope);
                this.read_all(&value);
            }
        });
    }

    /// Makes the type that an address names exist: only a state may have one of it.
    fn address(&mut self, here: &Instance<'_>, address: &Expr) {
        let Some(reference) = address.references().into_iter().next() else { return };
        let mut path = reference.path.iter().map(String::as_str).peekable();
        while path.next_if_eq(&"module").is_some() {
            path.next();
        }
        let mode = if path.next_if_eq(&"data").is_some() { Mode::Data } else { Mode::Managed };
        if let (Some(kind), Some(_)) = (path.next(), path.next()) {
            let provider = here.provider(kind.split('_').next().unwrap_or(kind));
            self.graph.root(Root::Type(provider, mode, kind.to_owned()));
        }
    }

    // What is written.

    /// Writes a body to a node; `own` is what belongs to Terraform.
    fn block(&mut self, id: Id, body: &Body, scope: Scope<'_>, own: &[&str]) {
        if !self.budget.spend(1) {
            return;
        }
        for attribute in body.attributes().iter().filter(|a| !own.contains(&a.name())) {
            self.attribute(id, attribute, scope);
        }
        for block in body.blocks().iter().filter(|b| !own.contains(&b.kind())) {
            match (block.kind(), block.label(0)) {
                ("dynamic", Some(name)) => self.dynamic(id, name, block, scope),
                (name, _) => {
                    let child = self.nested(id, name);
                    self.block(child, block.body(), scope, &[]);
                }
            }
        }
    }

    fn attribute(&mut self, id: Id, attribute: &Attribute, scope: Scope<'_>) {
        let value = self.eval(attribute.expr(), scope);
        self.read(&value);
        let child = self.graph.child(id, attribute.name());
        let node = self.graph.node(child);
        let written = node.written.join(&value, &mut self.budget);
        let node = self.graph.node_mut(child);
        node.attribute = true;
        node.written = written;
    }

    /// Returns what stands for the content of a nested block.
    fn nested(&mut self, id: Id, name: &str) -> Id {
        let child = self.graph.child(id, name);
        self.graph.node_mut(child).block = true;
        self.graph.element(child)
    }

    fn dynamic(&mut self, id: Id, name: &str, block: &Block, scope: Scope<'_>) {
        let body = block.body();
        let iterator = body.expr("iterator").and_then(|iterator| {
            iterator
                .traversal()
                .and_then(|path| path.into_iter().next())
                .or_else(|| iterator.literal_string())
        });
        let collection = body.expr("for_each").map(|each| self.eval(each, scope));
        let (key, value) = self.entry(&collection.unwrap_or_default());
        let entry = [("key".to_owned(), key), ("value".to_owned(), value)].into();
        let bound = scope.bind(iterator.as_deref().unwrap_or(name), Value::object(entry));
        let scope = scope.with(&bound);
        if let Some(labels) = body.expr("labels") {
            let value = self.eval(labels, scope);
            self.read_all(&value);
        }
        let child = self.nested(id, name);
        for content in body.blocks_of("content") {
            self.block(child, content.body(), scope, &[]);
        }
    }
}

/// Adds what every type of the built-in provider has, so that one is served whole when it is
/// served at all. Source: the pages "The terraform_data Managed Resource Type" and "The
/// terraform_remote_state Data Source" of the Terraform documentation.
pub(super) fn complete_builtin(interpreter: &mut Interpreter<'_>) {
    const KNOWN: [(Mode, &str, &[&str]); 2] = [
        (Mode::Managed, "terraform_data", &["input", "output", "triggers_replace"]),
        (
            Mode::Data,
            "terraform_remote_state",
            &["backend", "config", "defaults", "outputs", "workspace"],
        ),
    ];
    let builtin = ProviderAddress::builtin();
    if !interpreter.graph.providers.contains(&builtin) {
        return;
    }
    for (mode, kind, attributes) in KNOWN {
        let id = interpreter.graph.root(Root::Type(builtin.clone(), mode, kind.to_owned()));
        for name in attributes {
            interpreter.graph.child(id, name);
        }
    }
}
