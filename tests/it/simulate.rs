//! Whole configurations, run by the real `terraform` against simulated providers.

use drctl::{
    catalogue::Catalogue,
    config::{module::Module, repository::Repository},
    provider::{
        infer::{Inferred, MANIFEST, ModuleManifest, infer, local_modules},
        simulate::{Files, Overrides, RemoteStates, Settings, Simulation, StateValues, World},
        wire::reattach::{self, Providers},
    },
    sim::{Filter, Scenario},
};
use serde_json::{Value as Json, json};
use std::{
    borrow::Cow,
    fs,
    path::Path,
    process::Output,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::process::Command;

/// Fast enough that no create is waited for: half an hour passes in 18 ms.
const FAST: f64 = 100_000.0;

/// A folder with a configuration whose providers are simulated.
struct Bench {
    folder: TempDir,
    simulation: Arc<Simulation>,
    providers: Providers,
}

/// What differs from test to test.
struct Given {
    scenario: Json,
    time_scale: f64,
    settings: Settings,
}

impl Default for Given {
    fn default() -> Self {
        let settings = Settings { region: "us-east-1".to_owned(), ..Settings::default() };
        Self { scenario: json!({}), time_scale: FAST, settings }
    }
}

impl Bench {
    async fn new(files: &[(&str, &str)], given: Given) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        // A provider that is not served can come from nowhere, so it would be an error.
        let mirror = format!(
            "provider_installation {{ filesystem_mirror {{ path = \"{}/none\" }} }}",
            folder.path().display()
        );
        fs::write(folder.path().join("cli.tfrc"), mirror).unwrap();
        succeeded(&["get"], &terraform(folder.path(), "{}", &["get"]).await);
        let inferred = inferred(folder.path());
        let Given { scenario, time_scale, mut settings } = given;
        settings.files = Some(Files::within(folder.path(), folder.path()));
        let known = Cow::Borrowed(Catalogue::builtin());
        let scenario = Scenario::from_value(scenario).unwrap();
        let world = Arc::new(World::new(7, scenario, known, time_scale));
        let simulation = Arc::new(Simulation::new(world, inferred, settings).unwrap());
        let providers = simulation.serve().await.unwrap();
        Self { folder, simulation, providers }
    }

    async fn terraform(&self, args: &[&str]) -> Output {
        terraform(self.folder.path(), &self.providers.reattach(), args).await
    }

    /// Runs a command that is to succeed, and returns what it printed.
    async fn run(&self, args: &[&str]) -> String {
        succeeded(args, &self.terraform(args).await)
    }

    /// Runs a command that is to fail, and returns what it said about that.
    async fn fail(&self, args: &[&str]) -> String {
        let output = self.terraform(args).await;
        assert!(!output.status.success(), "terraform {args:?} succeeded");
        let told = String::from_utf8_lossy(&output.stderr).replace(['│', '\n'], " ");
        told.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    async fn apply(&self) -> String {
        self.run(&["apply", "-auto-approve", "-no-color"]).await
    }

    /// Fails unless nothing is left to do.
    async fn assert_settled(&self) {
        let args = ["plan", "-detailed-exitcode", "-no-color"];
        let output = self.terraform(&args).await;
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }

    /// Init, validate, apply, nothing left to do, destroy, nothing left.
    async fn live_and_die(&self) {
        self.run(&["init", "-no-color"]).await;
        self.run(&["validate", "-no-color"]).await;
        self.apply().await;
        self.assert_settled().await;
        self.run(&["destroy", "-auto-approve", "-no-color"]).await;
        assert_eq!(self.run(&["state", "list"]).await, "");
        let left =
            |world: &World| world.with_cloud(|cloud, _| cloud.objects(&Filter::default()).count());
        assert_eq!(left(self.simulation.world()), 0);
    }

    async fn output(&self, name: &str) -> Json {
        serde_json::from_str(&self.run(&["output", "-json", name]).await).unwrap()
    }

    /// Returns where every object of a type stands.
    fn places(&self, kind: &str) -> Vec<String> {
        let filter = Filter { kind: Some(kind.to_owned()), ..Filter::default() };
        let place = |object: &drctl::sim::Object| object.key.place.to_string();
        self.simulation.world().with_cloud(|cloud, _| cloud.objects(&filter).map(place).collect())
    }
}

fn inferred(folder: &Path) -> Inferred {
    let manifest = folder.join(MANIFEST);
    if manifest.exists() {
        let root = Module::read(folder, Path::new(""), None).unwrap();
        let installed = ModuleManifest::read(&manifest).unwrap();
        let installed = installed.modules(folder, Path::new("")).unwrap();
        return infer(&root, &|caller, call| installed.resolve(caller, call)).unwrap();
    }
    let repository = Repository::read(folder, None).unwrap();
    infer(repository.module(Path::new("")).unwrap(), &local_modules(&repository)).unwrap()
}

async fn terraform(folder: &Path, reattach: &str, args: &[&str]) -> Output {
    Command::new("terraform")
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", folder)
        .env("CHECKPOINT_DISABLE", "1")
        .env("TF_CLI_CONFIG_FILE", folder.join("cli.tfrc"))
        .env(reattach::VARIABLE, reattach)
        .kill_on_drop(true)
        .output()
        .await
        .expect("`terraform` has to be on the path for this test")
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}\n{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

fn succeeded(args: &[&str], output: &Output) -> String {
    assert!(output.status.success(), "terraform {args:?}\n{}", said(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const NETWORK: &str = r#"
variable "name" { type = string }
variable "cidr" { type = string }

data "aws_availability_zones" "here" { state = "available" }

resource "aws_vpc" "main" {
  cidr_block = var.cidr
  tags       = { Name = var.name }
}

resource "aws_subnet" "public" {
  count             = 2
  vpc_id            = aws_vpc.main.id
  availability_zone = data.aws_availability_zones.here.names[count.index]
  cidr_block        = cidrsubnet(aws_vpc.main.cidr_block, 8, count.index)
}

resource "aws_subnet" "private" {
  for_each          = { for i, z in slice(data.aws_availability_zones.here.names, 0, 2) : z => i }
  vpc_id            = aws_vpc.main.id
  availability_zone = each.key
  cidr_block        = cidrsubnet(aws_vpc.main.cidr_block, 8, 10 + each.value)
}

output "vpc_id" { value = aws_vpc.main.id }
output "public" { value = aws_subnet.public[*].id }
output "private" { value = [for s in aws_subnet.private : s.id] }
output "zones" { value = aws_subnet.public[*].availability_zone }
"#;

const SERVICE: &str = r#"
terraform {
  required_providers {
    aws    = { source = "hashicorp/aws", version = "~> 5.40" }
    random = { source = "hashicorp/random" }
  }
}

provider "aws" {
  region = "ap-northeast-1"
  default_tags { tags = { service = "shop" } }
}

provider "aws" {
  alias  = "dr"
  region = "ap-northeast-2"
}

module "network" {
  source = "./network"
  name   = "shop"
  cidr   = "10.20.0.0/16"
}

data "aws_caller_identity" "me" {}

data "aws_ami" "linux" {
  most_recent = true
  owners      = ["amazon"]
  filter {
    name   = "name"
    values = ["al2023-*"]
  }
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "app" {
  name               = "shop-app"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "random_password" "db" {
  length  = 24
  special = false
}

resource "random_id" "suffix" { byte_length = 4 }

resource "aws_security_group" "web" {
  name   = "web"
  vpc_id = module.network.vpc_id
  dynamic "ingress" {
    for_each = [80, 443]
    content {
      from_port   = ingress.value
      to_port     = ingress.value
      protocol    = "tcp"
      cidr_blocks = ["0.0.0.0/0"]
    }
  }
}

resource "aws_instance" "web" {
  ami                    = data.aws_ami.linux.id
  instance_type          = "t3.micro"
  subnet_id              = module.network.public[0]
  vpc_security_group_ids = [aws_security_group.web.id]
  root_block_device { volume_size = 20 }
}

resource "aws_lb" "front" {
  name            = "front"
  subnets         = module.network.public
  security_groups = [aws_security_group.web.id]
}

resource "aws_lb_target_group" "front" {
  name     = "front"
  port     = 80
  protocol = "HTTP"
  vpc_id   = module.network.vpc_id
}

resource "aws_lb_listener" "front" {
  load_balancer_arn = aws_lb.front.arn
  port              = 80
  default_action {
    type = "forward"
    forward {
      target_group { arn = aws_lb_target_group.front.arn }
    }
  }
}

resource "aws_autoscaling_group" "app" {
  name                = "app"
  min_size            = 1
  max_size            = 4
  desired_capacity    = 3
  vpc_zone_identifier = module.network.private
}

resource "aws_eks_cluster" "apps" {
  name     = "apps"
  role_arn = aws_iam_role.app.arn
  vpc_config { subnet_ids = module.network.private }
}

resource "aws_db_instance" "main" {
  identifier        = "shop"
  engine            = "postgres"
  instance_class    = "db.t3.micro"
  allocated_storage = 20
  username          = "shop"
  password          = random_password.db.result
}

resource "aws_db_instance" "copy" {
  provider            = aws.dr
  identifier          = "shop-copy"
  instance_class      = "db.t3.micro"
  replicate_source_db = aws_db_instance.main.arn
}

resource "aws_s3_bucket" "assets" {
  bucket = "shop-assets-${random_id.suffix.hex}"
}

output "account" { value = data.aws_caller_identity.me.account_id }
output "zones" { value = module.network.zones }
output "endpoint" { value = "https://${aws_lb.front.dns_name}" }
output "certificate" {
  value = base64decode(aws_eks_cluster.apps.certificate_authority[0].data)
}
output "issuer" { value = aws_eks_cluster.apps.identity[0].oidc[0].issuer }
output "database" { value = "${aws_db_instance.main.address}:${aws_db_instance.main.port}" }
output "copy" { value = aws_db_instance.copy.arn }
output "role" { value = jsondecode(aws_iam_role.app.assume_role_policy).Statement[0].Action }
output "password_length" {
  value     = length(random_password.db.result)
  sensitive = true
}
output "tags" { value = module.network.vpc_id != null ? aws_lb.front.tags_all : {} }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_service_on_aws_is_made_and_removed() {
    let files = [("main.tf", SERVICE), ("network/main.tf", NETWORK)];
    let bench = Bench::new(&files, Given::default()).await;
    bench.run(&["init", "-no-color"]).await;
    bench.apply().await;
    bench.assert_settled().await;

    assert_eq!(bench.output("account").await, "123456789012");
    let zones = bench.output("zones").await;
    assert!(zones[1].as_str().unwrap().starts_with("ap-northeast-1"), "{zones}");
    assert_eq!(bench.output("role").await, "sts:AssumeRole");
    assert_eq!(bench.output("password_length").await, 24);
    assert_eq!(bench.output("tags").await, json!({"service": "shop"}));
    let database = bench.output("database").await;
    assert!(database.as_str().unwrap().ends_with(":5432"), "{database}");
    let copy = bench.output("copy").await;
    assert!(copy.as_str().unwrap().starts_with("arn:aws:rds:ap-northeast-2:"), "{copy}");
    // The alias is a connection of its own.
    assert_eq!(bench.places("aws_db_instance"), ["ap-northeast-1", "ap-northeast-2"]);
    assert_eq!(bench.places("aws_iam_role"), ["global"]);
    assert_eq!(bench.places("aws_instance").len(), 1 + 3, "one, and three of the group");
    bench.live_and_die().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_on_google_is_made_and_removed() {
    let configuration = r#"
provider "google" {
  project = "shop"
  region  = "europe-west1"
}
data "google_compute_zones" "here" {}
data "google_project" "this" {}
resource "google_compute_network" "main" {
  name                    = "main"
  auto_create_subnetworks = false
}
resource "google_compute_subnetwork" "main" {
  name          = "main"
  network       = google_compute_network.main.self_link
  ip_cidr_range = "10.0.0.0/20"
}
resource "google_compute_instance" "web" {
  for_each     = toset(slice(data.google_compute_zones.here.names, 0, 2))
  name         = "web-${each.key}"
  machine_type = "e2-small"
  zone         = each.key
  boot_disk {
    initialize_params { image = "debian-12" }
  }
  network_interface {
    subnetwork = google_compute_subnetwork.main.id
    access_config {}
  }
}
resource "google_sql_database_instance" "db" {
  name             = "db"
  database_version = "POSTGRES_15"
  settings {
    tier = "db-f1-micro"
    ip_configuration { private_network = google_compute_network.main.id }
  }
}
output "addresses" {
  value = [for i in google_compute_instance.web : i.network_interface[0].access_config[0].nat_ip]
}
output "db" { value = google_sql_database_instance.db.connection_name }
output "number" { value = data.google_project.this.number }
"#;
    let bench = Bench::new(&[("main.tf", configuration)], Given::default()).await;
    bench.run(&["init"]).await;
    bench.apply().await;
    assert_eq!(bench.output("addresses").await.as_array().unwrap().len(), 2);
    assert_eq!(bench.places("google_sql_database_instance"), ["europe-west1"]);
    let zones = bench.places("google_compute_instance");
    assert!(zones.iter().all(|zone| zone.starts_with("europe-west1-")), "{zones:?}");
    bench.live_and_die().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_on_azure_is_made_and_removed() {
    let configuration = r#"
provider "azurerm" {
  features {}
}
resource "azurerm_resource_group" "main" {
  name     = "main"
  location = "West Europe"
}
resource "azurerm_virtual_network" "main" {
  name                = "main"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  address_space       = ["10.0.0.0/16"]
}
resource "azurerm_subnet" "main" {
  name                 = "main"
  resource_group_name  = azurerm_resource_group.main.name
  virtual_network_name = azurerm_virtual_network.main.name
  address_prefixes     = ["10.0.1.0/24"]
}
resource "azurerm_kubernetes_cluster" "apps" {
  name                = "apps"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  dns_prefix          = "apps"
  default_node_pool {
    name           = "default"
    node_count     = 1
    vnet_subnet_id = azurerm_subnet.main.id
  }
  identity { type = "SystemAssigned" }
}
provider "kubernetes" {
  host                   = azurerm_kubernetes_cluster.apps.kube_config[0].host
  cluster_ca_certificate = base64decode(azurerm_kubernetes_cluster.apps.kube_config[0].cluster_ca_certificate)
}
resource "kubernetes_namespace" "shop" {
  metadata { name = "shop" }
}
output "principal" { value = azurerm_kubernetes_cluster.apps.identity[0].principal_id }
"#;
    let bench = Bench::new(&[("main.tf", configuration)], Given::default()).await;
    bench.run(&["init"]).await;
    bench.apply().await;
    assert!(bench.output("principal").await.is_string());
    // It does not say where it is; its group does.
    assert_eq!(bench.places("azurerm_subnet"), ["westeurope"]);
    bench.live_and_die().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_nobody_knows_is_served() {
    let configuration = r#"
terraform {
  required_providers {
    weird = { source = "example.com/acme/weird" }
  }
}
resource "weird_thing" "a" {
  name = "a"
  option { level = 3 }
}
data "weird_lookup" "b" { of = weird_thing.a.id }
resource "weird_thing" "more" {
  count = data.weird_lookup.c.enabled ? 2 : 1
  name  = "b-${data.weird_lookup.b.result[1].score + 1}"
}
data "weird_lookup" "c" { of = "x" }
ephemeral "weird_token" "t" { name = "t" }
resource "weird_secret" "s" {
  value_wo = ephemeral.weird_token.t.token
}
moved {
  from = weird_thing.old
  to   = weird_thing.a
}
output "parsed" { value = provider::weird::shout("a") }
"#;
    let bench = Bench::new(&[("main.tf", configuration)], Given::default()).await;
    bench.live_and_die().await;
    let invented = bench.simulation.invented();
    let told: Vec<String> =
        invented.iter().map(|it| format!("{}.{}", it.kind, it.attribute)).collect();
    assert_eq!(told, ["weird_lookup.enabled"]);
    assert_eq!(invented[0].places.len(), 1);
}

const ONE_DATABASE: &str = r#"
provider "aws" { region = "us-east-1" }
resource "aws_db_instance" "main" {
  identifier     = "shop"
  instance_class = "db.t3.micro"
}
output "endpoint" { value = aws_db_instance.main.endpoint }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_is_down_says_so() {
    let scenario = json!({"outages": [{"on": {"region": "us-east-1"}, "mode": "refused"}]});
    let files =
        [("main.tf", ONE_DATABASE), ("zones.tf", "data \"aws_availability_zones\" \"here\" {}\n")];
    let bench = Bench::new(&files, Given { scenario, ..Given::default() }).await;
    bench.run(&["init"]).await;
    let told = bench.fail(&["plan", "-no-color"]).await;
    assert!(told.contains("reading data aws_availability_zones"), "{told}");
    assert!(told.contains("us-east-1"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_fails_half_way_leaves_a_tainted_resource() {
    let scenario = json!({"failures": [{
        "on": {"types": ["aws_db_instance"], "operations": ["create"]}, "nth": 1,
        "message": "the storage did not come up", "leave_behind": true,
    }]});
    let files = [("main.tf", ONE_DATABASE)];
    let bench = Bench::new(&files, Given { scenario, ..Given::default() }).await;
    bench.run(&["init"]).await;
    let told = bench.fail(&["apply", "-auto-approve", "-no-color"]).await;
    assert!(told.contains("creating aws_db_instance (shop)"), "{told}");
    assert!(told.contains("the storage did not come up"), "{told}");
    assert!(bench.run(&["plan", "-no-color"]).await.contains("is tainted, so must be replaced"));
    bench.apply().await;
    bench.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_is_refused() {
    let configuration = "resource \"aws_s3_bucket\" \"b\" {\n  bucket = \"shop\"\n}\n";
    let scenario = json!({"names_taken": [{"type": "aws_s3_bucket", "name": "shop"}]});
    let given = Given { scenario, ..Given::default() };
    let bench = Bench::new(&[("main.tf", configuration)], given).await;
    bench.run(&["init"]).await;
    let told = bench.fail(&["apply", "-auto-approve", "-no-color"]).await;
    assert!(told.contains("BucketAlreadyExists"), "{told}");
    assert_eq!(bench.run(&["state", "list"]).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn creates_take_their_time_on_the_simulated_clock() {
    let given = Given { time_scale: 300.0, ..Given::default() };
    let bench = Bench::new(&[("main.tf", ONE_DATABASE)], given).await;
    bench.run(&["init"]).await;
    let world = bench.simulation.world();
    let (began, began_ms) = (Instant::now(), world.now_ms());
    bench.apply().await;
    let (took, took_ms) = (began.elapsed(), world.now_ms() - began_ms);
    let usual = Catalogue::builtin().create_time("aws_db_instance");
    // Not shorter than what hardly any create takes, on either clock; a busy machine makes it longer.
    let least = usual.draw(0.001);
    assert!(Duration::from_millis(took_ms) > least, "{took_ms} ms");
    assert!(took > least.div_f64(300.0), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_made_in_place_or_by_a_new_one() {
    let text = |cidr: &str, name: &str| {
        format!(
            "resource \"aws_vpc\" \"main\" {{\n  cidr_block = \"{cidr}\"\n  tags = {{ Name = \"{name}\" }}\n}}\noutput \"arn\" {{ value = aws_vpc.main.arn }}\n"
        )
    };
    let bench = Bench::new(&[("main.tf", &text("10.0.0.0/16", "a"))], Given::default()).await;
    bench.run(&["init"]).await;
    bench.apply().await;
    let write = |text: String| fs::write(bench.folder.path().join("main.tf"), text).unwrap();
    write(text("10.0.0.0/16", "b"));
    assert!(bench.run(&["plan", "-no-color"]).await.contains("1 to change"));
    write(text("10.1.0.0/16", "b"));
    assert!(bench.run(&["plan", "-no-color"]).await.contains("must be replaced"));
    bench.apply().await;
    bench.assert_settled().await;
    assert_eq!(bench.places("aws_vpc").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_is_made_again() {
    let bench = Bench::new(&[("main.tf", ONE_DATABASE)], Given::default()).await;
    bench.run(&["init"]).await;
    bench.apply().await;
    bench.simulation.world().with_cloud(|cloud, now_ms| {
        let key = cloud.objects(&Filter::default()).next().unwrap().key.clone();
        cloud.kill(now_ms, &key).unwrap();
    });
    assert!(bench.run(&["plan", "-no-color"]).await.contains("1 to add"));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_written_into_the_scratch_copy_and_nowhere_else() {
    let outside = tempfile::tempdir().unwrap();
    let configuration = format!(
        r#"
data "archive_file" "code" {{
  type        = "zip"
  source_dir  = "${{path.module}}"
  output_path = "${{path.module}}/build/code.zip"
}}
resource "local_file" "config" {{
  filename = "${{path.module}}/build/config.json"
  content  = jsonencode({{ a = 1 }})
}}
resource "local_file" "outside" {{
  filename = "{}/out"
  content  = "x"
}}
data "external" "script" {{ program = ["touch", "{}/ran"] }}
data "http" "page" {{ url = "http://127.0.0.1:1/" }}
output "hash" {{ value = filebase64sha256(data.archive_file.code.output_path) == data.archive_file.code.output_base64sha256 }}
output "script" {{ value = data.external.script.result.key }}
output "page" {{ value = data.http.page.response_body }}
"#,
        outside.path().display(),
        outside.path().display()
    );
    let bench = Bench::new(&[("main.tf", &configuration)], Given::default()).await;
    bench.run(&["init"]).await;
    bench.apply().await;
    assert_eq!(bench.output("hash").await, true);
    let config = bench.folder.path().join("build/config.json");
    assert_eq!(fs::read_to_string(&config).unwrap(), r#"{"a":1}"#);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    bench.live_and_die().await;
    assert!(!config.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn values_come_from_the_runbook_then_the_primary() {
    let configuration = r#"
data "terraform_remote_state" "network" {
  backend = "s3"
  config = {
    bucket = "states"
    key    = "prod/network.tfstate"
  }
}
resource "aws_db_instance" "main" {
  identifier = "shop"
  db_subnet_group_name = data.terraform_remote_state.network.outputs.group
}
resource "terraform_data" "echo" { input = aws_db_instance.main.endpoint }
output "endpoint" { value = terraform_data.echo.output }
output "arn" { value = aws_db_instance.main.arn }
output "group" { value = aws_db_instance.main.db_subnet_group_name }
"#;
    let state = json!({"version": 4, "resources": [{
        "mode": "managed", "type": "aws_db_instance", "name": "main",
        "instances": [{"attributes": {
            "identifier": "shop", "id": "db-ABCDEFGH",
            "endpoint": "shop.c1.eu-west-1.rds.amazonaws.com:3307",
            "arn": "arn:aws:rds:eu-west-1:1:db:shop",
        }}],
    }]});
    let outputs = json!({"group": "shop-group"}).as_object().unwrap().clone();
    let remote_states = RemoteStates::default();
    remote_states.set("network", outputs);
    let settings = Settings {
        region: "eu-central-1".to_owned(),
        overrides: Overrides::from_json(&json!({"aws_db_instance": {"arn": "arn:x:{region}"}}))
            .unwrap(),
        state: Some(StateValues::read(state.to_string().as_bytes(), Some("eu-west-1")).unwrap()),
        remote_states: remote_states.clone(),
        ..Settings::default()
    };
    let given = Given { settings, ..Given::default() };
    let bench = Bench::new(&[("main.tf", configuration)], given).await;
    bench.run(&["init"]).await;
    bench.apply().await;
    assert_eq!(bench.output("endpoint").await, "shop.c1.eu-central-1.rds.amazonaws.com:3307");
    assert_eq!(bench.output("arn").await, "arn:x:eu-central-1");
    assert_eq!(bench.output("group").await, "shop-group");
    bench.live_and_die().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_takes_what_the_state_knows_of_it() {
    let configuration = r#"
import {
  to = aws_vpc.main
  id = "vpc-12345678"
}
resource "aws_vpc" "main" { cidr_block = "10.0.0.0/16" }
output "arn" { value = aws_vpc.main.arn }
"#;
    let state = json!({"version": 4, "resources": [{
        "mode": "managed", "type": "aws_vpc", "name": "main",
        "instances": [{"attributes": {
            "id": "vpc-12345678", "cidr_block": "10.0.0.0/16", "arn": "arn:aws:ec2:us-east-1:1:vpc/vpc-12345678",
        }}],
    }]});
    let state = StateValues::read(state.to_string().as_bytes(), Some("us-east-1")).unwrap();
    let settings =
        Settings { region: "us-east-1".to_owned(), state: Some(state), ..Settings::default() };
    let given = Given { settings, ..Given::default() };
    let bench = Bench::new(&[("main.tf", configuration)], given).await;
    bench.run(&["init"]).await;
    assert!(bench.apply().await.contains("1 imported, 0 added, 0 changed, 0 destroyed"));
    bench.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_takes_what_the_cloud_knows_of_what_it_made() {
    let configuration = r#"
provider "aws" { region = "us-east-1" }
resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
  tags       = { Name = "main" }
}
output "id" { value = aws_vpc.main.id }
output "arn" { value = aws_vpc.main.arn }
"#;
    let bench = Bench::new(&[("main.tf", configuration)], Given::default()).await;
    bench.run(&["init"]).await;
    bench.apply().await;
    let (id, arn) = (bench.output("id").await, bench.output("arn").await);
    bench.run(&["state", "rm", "aws_vpc.main"]).await;
    bench.run(&["import", "aws_vpc.main", id.as_str().unwrap()]).await;
    assert_eq!(bench.output("arn").await, arn);
    bench.assert_settled().await;
    assert_eq!(bench.places("aws_vpc"), ["us-east-1"], "there is one as before");
}
