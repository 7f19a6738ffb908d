//! The real Terraform against providers that are served from here, without any download.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use async_trait::async_trait;
use drctl::provider::{
    cty::{Type, Value},
    wire::{
        grpc::{Code, Status},
        message::{
            ApplyResourceChangeRequest, ApplyResourceChangeResponse, AttributePath,
            CallFunctionRequest, CallFunctionResponse, ConfigureProviderRequest, Diagnostic,
            Diagnostics, DynamicValue, GetProviderSchemaResponse, ImportResourceStateRequest,
            ImportResourceStateResponse, ImportedResource, OpenEphemeralResourceRequest,
            OpenEphemeralResourceResponse, PlanResourceChangeRequest, PlanResourceChangeResponse,
            ReadDataSourceRequest, ReadDataSourceResponse, ReadResourceRequest,
            ReadResourceResponse, UpgradeResourceStateRequest, UpgradeResourceStateResponse,
        },
        reattach::{self, Providers},
        schema::{Attribute, Block, Function, Mode, Nesting, Parameter, ProviderSchema, Schema},
        service::{Answer, Connect, Service},
    },
};
use std::{
    collections::BTreeMap,
    fs,
    process::Output,
    sync::{
        Arc, LazyLock, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};
use tempfile::TempDir;
use tokio::process::Command;

/// What the tests look at from outside.
#[derive(Default)]
struct Cloud {
    created: AtomicUsize,
    instances: AtomicUsize,
}

/// A provider of boxes, each in the region of the provider block that it was made with.
struct Toy {
    /// What its types begin with.
    prefix: &'static str,
    cloud: Arc<Cloud>,
    region: OnceLock<Value>,
}

impl Toy {
    fn connect(prefix: &'static str, cloud: &Arc<Cloud>) -> Connect {
        let cloud = Arc::clone(cloud);
        Arc::new(move || {
            cloud.instances.fetch_add(1, Ordering::Relaxed);
            Arc::new(Toy { prefix, cloud: Arc::clone(&cloud), region: OnceLock::new() })
        })
    }

    fn region(&self) -> Value {
        self.region.get().cloned().unwrap_or(Value::Null)
    }
}

fn string(mode: Mode) -> Attribute {
    Attribute::new(Type::String, mode)
}

fn configuration() -> Block {
    Block::default().with_attribute("region", string(Mode::Optional))
}

fn meta() -> Block {
    Block::default().with_attribute("module_name", Attribute::new(Type::Dynamic, Mode::Optional))
}

fn a_box() -> &'static Block {
    static BOX: LazyLock<Block> = LazyLock::new(|| {
        let rule = Block::default().with_attribute("ports", Attribute::open());
        Block::default()
            .with_attribute("id", string(Mode::Computed))
            .with_attribute("region", string(Mode::Computed))
            .with_attribute("name", Attribute::open())
            .with_attribute("tags", Attribute::open())
            .with_attribute("secret_wo", string(Mode::WriteOnly))
            .with_block("rule", Nesting::List, rule)
    });
    &BOX
}

fn zones() -> Block {
    Block::default().with_attribute("names", Attribute::new(Type::Dynamic, Mode::Computed))
}

fn token() -> Block {
    Block::default().with_attribute("token", string(Mode::Computed))
}

fn read(block: &Block, sent: Option<&DynamicValue>) -> Answer<Value> {
    block.decode(sent).map_err(|error| Status::because(Code::InvalidArgument, &error))
}

fn written(block: &Block, value: Value) -> Answer<Option<DynamicValue>> {
    let sent = block.encode(value).map_err(|error| Status::because(Code::Internal, &error))?;
    Ok(Some(sent))
}

fn set(value: &mut Value, name: &str, member: Value) {
    if let Value::Members(members) = value {
        members.insert(name.to_owned(), member);
    }
}

#[async_trait]
impl Service for Toy {
    async fn get_provider_schema(&self) -> Answer<GetProviderSchemaResponse> {
        let only = |name: &str, block| {
            BTreeMap::from([(format!("{}_{name}", self.prefix), Schema { version: 0, block })])
        };
        let text = Parameter { name: "text".into(), ty: Type::Dynamic, allow_null: false };
        let shout = Function { parameters: vec![], variadic: Some(text), returns: Type::Dynamic };
        let schema = ProviderSchema {
            provider: configuration(),
            provider_meta: Some(meta()),
            resources: only("box", a_box().clone()),
            data_sources: only("zones", zones()),
            ephemeral_resources: only("token", token()),
            functions: BTreeMap::from([("shout".into(), shout)]),
        };
        schema.to_message().map_err(|error| Status::because(Code::Internal, &error))
    }

    async fn configure_provider(&self, r: ConfigureProviderRequest) -> Answer<Diagnostics> {
        let config = read(&configuration(), r.config.as_ref())?;
        let region = config.get("region").cloned().unwrap_or_default();
        self.region.set(region).expect("an instance is configured once");
        Ok(Diagnostics::default())
    }

    async fn upgrade_resource_state(
        &self,
        r: UpgradeResourceStateRequest,
    ) -> Answer<UpgradeResourceStateResponse> {
        let json = serde_json::from_slice(&r.raw_state.unwrap_or_default().json).unwrap();
        let state = a_box().decode_state(&json).unwrap();
        let upgraded_state = written(a_box(), state)?;
        Ok(UpgradeResourceStateResponse { upgraded_state, diagnostics: vec![] })
    }

    async fn read_resource(&self, r: ReadResourceRequest) -> Answer<ReadResourceResponse> {
        let mut state = read(a_box(), r.current_state.as_ref())?;
        if state.get("name").is_some_and(Value::is_null) {
            // It was imported just now.
            set(&mut state, "name", "found".into());
            set(&mut state, "region", self.region());
        }
        let new_state = written(a_box(), state)?;
        Ok(ReadResourceResponse { new_state, ..ReadResourceResponse::default() })
    }

    async fn plan_resource_change(
        &self,
        r: PlanResourceChangeRequest,
    ) -> Answer<PlanResourceChangeResponse> {
        let prior = read(a_box(), r.prior_state.as_ref())?;
        let mut planned = read(a_box(), r.proposed_new_state.as_ref())?;
        let mut response = PlanResourceChangeResponse {
            legacy_type_system: true,
            ..PlanResourceChangeResponse::default()
        };
        set(&mut planned, "secret_wo", Value::Null);
        if self.prefix == "thing" && !planned.is_null() {
            let meta = read(&meta(), r.provider_meta.as_ref())?;
            assert_eq!(meta.get("module_name").and_then(Value::as_str), Some("root"));
        }
        if prior.is_null() {
            set(&mut planned, "id", Value::UNKNOWN_NOT_NULL);
            set(&mut planned, "region", self.region());
        } else if planned.get("name") != prior.get("name") {
            response.requires_replace.push(AttributePath::attribute("name"));
        }
        response.planned_state = written(a_box(), planned)?;
        Ok(response)
    }

    async fn apply_resource_change(
        &self,
        r: ApplyResourceChangeRequest,
    ) -> Answer<ApplyResourceChangeResponse> {
        let config = read(a_box(), r.config.as_ref())?;
        let mut state = read(a_box(), r.planned_state.as_ref())?;
        let mut response = ApplyResourceChangeResponse {
            legacy_type_system: true,
            ..ApplyResourceChangeResponse::default()
        };
        if config.get("name").and_then(Value::as_str) == Some("broken") {
            let about = AttributePath::attribute("name");
            response.diagnostics.push(Diagnostic::error("It is broken", "100%").at(about));
            state = Value::Null;
        } else if state.get("id").is_some_and(Value::is_unknown) {
            let number = self.cloud.created.fetch_add(1, Ordering::Relaxed);
            let secret = config.get("secret_wo").and_then(Value::as_str).unwrap_or("none");
            set(&mut state, "id", format!("box-{number}-{secret}").into());
        }
        response.new_state = written(a_box(), state)?;
        Ok(response)
    }

    async fn import_resource_state(
        &self,
        r: ImportResourceStateRequest,
    ) -> Answer<ImportResourceStateResponse> {
        let mut state = a_box().unset();
        set(&mut state, "id", r.id.into());
        let state = written(a_box(), state)?;
        let found = ImportedResource { type_name: r.type_name, state, private: "".into() };
        Ok(ImportResourceStateResponse { imported_resources: vec![found], diagnostics: vec![] })
    }

    async fn read_data_source(&self, _: ReadDataSourceRequest) -> Answer<ReadDataSourceResponse> {
        let names = ["a", "b"].into_iter().map(Value::from).collect();
        let state = Value::members([("names", Value::dynamic(Type::list(Type::String), names))]);
        Ok(ReadDataSourceResponse { state: written(&zones(), state)?, diagnostics: vec![] })
    }

    async fn open_ephemeral_resource(
        &self,
        _: OpenEphemeralResourceRequest,
    ) -> Answer<OpenEphemeralResourceResponse> {
        let result = written(&token(), Value::members([("token", Value::from("hunter2"))]))?;
        Ok(OpenEphemeralResourceResponse { result, ..OpenEphemeralResourceResponse::default() })
    }

    async fn call_function(&self, r: CallFunctionRequest) -> Answer<CallFunctionResponse> {
        let text = r.arguments[0].decode(&Type::Dynamic).unwrap();
        let loud = Value::from(text.as_str().unwrap().to_uppercase());
        let result = DynamicValue::encode(&Type::Dynamic, &loud).unwrap();
        Ok(CallFunctionResponse { result: Some(result), error: None })
    }
}

/// A folder with a configuration, and providers to run it with.
struct Bench {
    folder: TempDir,
    providers: Providers,
    cloud: Arc<Cloud>,
}

impl Bench {
    async fn new(configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("main.tf"), configuration).unwrap();
        // A provider that is not served can come from nowhere, so it would be an error.
        let mirror = format!(
            "provider_installation {{ filesystem_mirror {{ path = \"{}/none\" }} }}",
            folder.path().display()
        );
        fs::write(folder.path().join("cli.tfrc"), mirror).unwrap();
        let cloud = Arc::new(Cloud::default());
        let providers = Providers::serve(BTreeMap::from([
            ("registry.terraform.io/hashicorp/aws".into(), Toy::connect("aws", &cloud)),
            ("example.com/acme/thing".into(), Toy::connect("thing", &cloud)),
        ]));
        Self { folder, providers: providers.await.unwrap(), cloud }
    }

    async fn terraform(&self, args: &[&str]) -> Output {
        let home = self.folder.path();
        Command::new("terraform")
            .args(args)
            .current_dir(home)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", home)
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_CLI_CONFIG_FILE", home.join("cli.tfrc"))
            .env(reattach::VARIABLE, self.providers.reattach())
            .kill_on_drop(true)
            .output()
            .await
            .expect("`terraform` has to be on the path for this test")
    }

    /// Runs a command that is to succeed, and returns what it printed.
    async fn run(&self, args: &[&str]) -> String {
        let output = self.terraform(args).await;
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "terraform {args:?}\n{out}\n{err}");
        out.into_owned()
    }

    fn has(&self, name: &str) -> bool {
        self.folder.path().join(name).exists()
    }
}

const TWO_PROVIDERS: &str = r#"
terraform {
  required_providers {
    aws   = { source = "hashicorp/aws", version = "~> 5.40" }
    thing = { source = "example.com/acme/thing", version = "1.2.3" }
  }
  provider_meta "thing" {
    module_name = "root"
  }
}

provider "aws" {
  region = "eu-west-1"
}

provider "aws" {
  alias  = "fallback"
  region = "eu-central-1"
}

data "aws_zones" "here" {}

ephemeral "thing_token" "t" {}

resource "aws_box" "a" {
  name = data.aws_zones.here.names[1]
  tags = { size = 0.1, many = [1, "two", null], none = null }

  rule {
    ports = toset([443, 80])
  }
  rule {
    ports = var.no_ports ? null : "any"
  }
}

variable "no_ports" {
  default = true
}

resource "aws_box" "b" {
  provider = aws.fallback
  count    = 2
  name     = provider::thing::shout("box ${count.index}")
}

resource "thing_box" "c" {
  name      = "${aws_box.a.id} of ${length(aws_box.b)}"
  secret_wo = ephemeral.thing_token.t.token
}

import {
  to = thing_box.found
  id = "box-of-old"
}

resource "thing_box" "found" {
  name = "found"
}

output "all" {
  value = {
    a     = aws_box.a
    b     = aws_box.b[*].region
    names = concat(aws_box.b[*].name, [thing_box.c.name])
    c     = thing_box.c.id
    found = thing_box.found.id
  }
}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn terraform_creates_keeps_and_destroys_what_two_providers_offer() {
    let bench = Bench::new(TWO_PROVIDERS).await;
    bench.run(&["init", "-no-color"]).await;
    assert!(!bench.has(".terraform.lock.hcl") && !bench.has(".terraform/providers"));
    bench.run(&["validate", "-no-color"]).await;
    bench.run(&["plan", "-no-color", "-out=it.plan"]).await;
    bench.run(&["apply", "-no-color", "it.plan"]).await;
    assert_eq!(bench.cloud.created.load(Ordering::Relaxed), 4);

    let all: serde_json::Value =
        serde_json::from_str(&bench.run(&["output", "-json", "all"]).await).unwrap();
    let a = &all["a"];
    assert_eq!((&a["name"], &a["region"]), (&"b".into(), &"eu-west-1".into()));
    assert_eq!(a["tags"]["size"], 0.1);
    assert_eq!(a["rule"][0]["ports"], serde_json::json!([80, 443]));
    assert_eq!(all["b"], serde_json::json!(["eu-central-1", "eu-central-1"]));
    let id = a["id"].as_str().unwrap();
    assert_eq!(all["names"], serde_json::json!(["BOX 0", "BOX 1", format!("{id} of 2")]));
    assert!(all["c"].as_str().unwrap().ends_with("-hunter2"));
    assert_eq!(all["found"], "box-of-old");

    // 0 is "no changes", 2 would be "changes".
    bench.run(&["plan", "-no-color", "-detailed-exitcode"]).await;
    bench.run(&["plan", "-no-color", "-detailed-exitcode", "-refresh=false"]).await;
    let instances = bench.cloud.instances.load(Ordering::Relaxed);
    bench.run(&["destroy", "-no-color", "-auto-approve"]).await;
    assert_eq!(bench.run(&["state", "list"]).await, "");
    assert!(bench.cloud.instances.load(Ordering::Relaxed) > instances);
    assert!(!bench.has(".terraform.lock.hcl"));
    bench.providers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_shown_where_it_was_written() {
    let bench = Bench::new("resource \"aws_box\" \"a\" {\n  name = \"broken\"\n}\n").await;
    bench.run(&["init", "-no-color"]).await;
    let output = bench.terraform(&["apply", "-no-color", "-auto-approve"]).await;
    let error = String::from_utf8(output.stderr).unwrap();
    let text: Vec<_> = error
        .lines()
        .map(|line| line.trim_matches(['│', '╷', '╵', ' ']))
        .filter(|line| !line.is_empty())
        .collect();
    insta::assert_snapshot!(text.join("\n"), @r#"
    Error: It is broken
    with aws_box.a,
    on main.tf line 2, in resource "aws_box" "a":
    2:   name = "broken"
    100%
    "#);
    // Nothing was created, so nothing is remembered.
    assert_eq!(bench.run(&["state", "list"]).await, "");
}
