//! Modules from a folder, fetched by the real Terraform.

use drctl::{
    config::repository::Repository,
    provider::modules::{ModuleRegistry, ModulesError, Wanted},
};
use reqwest::{Client, StatusCode};
use std::{fs, os::unix::fs::symlink, path::PathBuf, process::Stdio, time::Duration};
use tempfile::TempDir;
use tokio::process::Command;

const LONG: Duration = Duration::from_secs(60);

/// A repository, a folder of modules, and a registry that serves it.
struct Bench {
    dir: TempDir,
    registry: ModuleRegistry,
}

/// What Terraform printed and whether it ended well.
struct Said {
    text: String,
    well: bool,
}

impl Bench {
    /// Writes these files, of which `repo/` is the repository and `mods/` the folder of modules.
    async fn new(files: &[(&str, &str)]) -> Self {
        let dir = folder(files);
        let repository = Repository::read(&dir.path().join("repo"), None).unwrap();
        let wanted = Wanted::of(repository.modules());
        let registry =
            ModuleRegistry::start(&dir.path().join("mods"), &dir.path().join("copies"), wanted)
                .await
                .unwrap();
        fs::write(dir.path().join("cli.tfrc"), registry.cli_config()).unwrap();
        Self { dir, registry }
    }

    fn repo(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    async fn terraform(&self, args: &[&str]) -> Said {
        let output = Command::new("terraform")
            .args(args)
            .current_dir(self.repo())
            .env("TF_CLI_CONFIG_FILE", self.dir.path().join("cli.tfrc"))
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_CLI_ARGS", "-no-color")
            .env("TF_INPUT", "0")
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        Said { text: String::from_utf8(text).unwrap(), well: output.status.success() }
    }

    /// Fetches everything, and returns each module's key and version as Terraform recorded them.
    async fn init(&self) -> Vec<String> {
        let said = self.terraform(&["init", "-backend=false"]).await;
        assert!(said.well, "{}", said.text);
        let record = fs::read(self.repo().join(".terraform/modules/modules.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        let modules = record["Modules"].as_array().unwrap().iter();
        modules
            .filter(|module| module["Key"] != "")
            .map(|module| {
                let version = module["Version"].as_str().unwrap_or("-");
                format!("{} {version}", module["Key"].as_str().unwrap())
            })
            .collect()
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let url = format!("http://{}{path}", self.registry.address);
        Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap()
    }
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["repo", "mods"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

/// A module whose output `o` is `text`.
fn says(text: &str) -> String {
    format!(
        "resource \"terraform_data\" \"x\" {{\n  input = \"{text}\"\n}}\noutput \"o\" {{\n  value = terraform_data.x.input\n}}\n"
    )
}

/// A call that passes nothing.
fn call(name: &str, source: &str, version: Option<&str>) -> String {
    let version = version.map(|version| format!("  version = \"{version}\"\n"));
    let version = version.unwrap_or_default();
    format!("module \"{name}\" {{\n  source = \"{source}\"\n{version}}}\n")
}

#[tokio::test]
async fn every_layout_is_found_and_every_constraint_is_met() {
    let root = [
        call("any", "acme/vpc/aws", Some("~> 5.0")),
        call("exact", "acme/db/aws", Some("1.2.3")),
        call("folder", "acme/dns/aws", Some(">= 3.1, < 4")),
        call("none", "other/queue/aws", None),
        call("part", "acme/iam/aws//modules/role", Some("> 2.0")),
    ];
    let role = format!("{}{}", says("role"), call("up", "../policy", None));
    let bench = Bench::new(&[
        ("repo/main.tf", &root.concat()),
        ("mods/acme+terraform-aws-vpc/main.tf", &says("vpc")),
        ("mods/acme/db/aws/1.2.3/main.tf", &says("the right db")),
        ("mods/acme/db/aws/1.3.0/main.tf", &says("another db")),
        ("mods/acme/dns/aws/main.tf", &says("dns")),
        ("mods/terraform-aws-queue/main.tf", &says("queue")),
        ("mods/acme+terraform-aws-iam/modules/role/main.tf", &role),
        ("mods/acme+terraform-aws-iam/modules/policy/main.tf", &says("policy")),
    ])
    .await;

    insta::assert_snapshot!(bench.init().await.join("\n"), @"
    any 5.0.0
    exact 1.2.3
    folder 3.1.0
    none 0.0.0
    part 2.0.1
    part.up -
    ");
    let db = fs::read_to_string(bench.repo().join(".terraform/modules/exact/main.tf")).unwrap();
    assert!(db.contains("the right db"));
    let validated = bench.terraform(&["validate"]).await;
    assert!(validated.well, "{}", validated.text);
    assert_eq!(bench.registry.missing(), []);
    assert!(bench.registry.stop(LONG).await);
}

#[tokio::test]
async fn a_module_in_a_module_gets_the_version_that_it_asks_for() {
    let inner = [
        // The root asks for 5 of it, and Terraform asks for the list of versions only once.
        call("shared", "acme/shared/aws", Some("~> 6.0")),
        call("abroad", "registry.example.com/acme/abroad/aws", Some("= 7.8.9")),
    ];
    let bench = Bench::new(&[
        (
            "repo/main.tf",
            &[
                call("a", "acme/shared/aws", Some("~> 5.0")),
                call("b", "acme/outer/aws", Some("1.0.0")),
            ]
            .concat(),
        ),
        ("mods/terraform-aws-shared/main.tf", &says("shared")),
        ("mods/terraform-aws-outer/main.tf", &call("inner", "./inner", None)),
        ("mods/terraform-aws-outer/inner/main.tf", &inner.concat()),
        ("mods/acme/abroad/aws/7.8.9/main.tf", &says("abroad")),
    ])
    .await;

    insta::assert_snapshot!(bench.init().await.join("\n"), @"
    a 5.0.0
    b 1.0.0
    b.inner -
    b.inner.abroad 7.8.9
    b.inner.shared 6.0.0
    ");
    assert_eq!(bench.registry.missing(), []);
}

#[tokio::test]
async fn what_is_written_beside_a_fetched_module_stays_out_of_the_folder() {
    let two = [call("a", "acme/vpc/aws", None), call("b", "acme/vpc/aws", None)];
    let bench = Bench::new(&[
        ("repo/main.tf", &two.concat()),
        ("mods/terraform-aws-vpc/main.tf", &says("vpc")),
    ])
    .await;
    bench.init().await;

    for key in ["a", "b"] {
        let module = bench.repo().join(".terraform/modules").join(key);
        fs::write(module.join("drctl_override.tf"), "").unwrap();
    }
    let mods = bench.dir.path().join("mods/terraform-aws-vpc");
    assert!(!mods.join("drctl_override.tf").exists());
}

#[tokio::test]
async fn a_missing_module_is_named_by_terraform_and_remembered() {
    let bench = Bench::new(&[
        ("repo/main.tf", &call("x", "acme/outer/aws", Some("~> 1.0"))),
        ("mods/terraform-aws-outer/main.tf", &call("y", "acme/nowhere/aws", Some("~> 2.0"))),
    ])
    .await;

    let said = bench.terraform(&["init", "-backend=false"]).await;
    assert!(!said.well);
    assert!(said.text.contains("Module not found"), "{}", said.text);
    let [missing] = &bench.registry.missing()[..] else { panic!("{:?}", bench.registry.missing()) };
    assert_eq!(missing.module, "acme/nowhere/aws");
    let mods = fs::canonicalize(bench.dir.path().join("mods")).unwrap();
    let shown = format!("{}\n{}", missing.cause.join("\n"), missing.hint.as_deref().unwrap());
    insta::assert_snapshot!(shown.replace(mods.to_str().unwrap(), "MODS"), @"
    the module `acme/nowhere/aws` is not in `MODS`
    Put it into `MODS/acme/nowhere/aws`, or, if it is of the public registry, run `git clone https://github.com/acme/terraform-aws-nowhere MODS/acme+terraform-aws-nowhere`
    ");
}

#[tokio::test]
async fn a_provider_that_nobody_serves_fails_at_once() {
    let provider =
        "terraform {\n  required_providers {\n    aws = { source = \"hashicorp/aws\" }\n  }\n}\n";
    let bench = Bench::new(&[("repo/main.tf", provider)]).await;
    let said = bench.terraform(&["init", "-backend=false"]).await;
    assert!(!said.well);
    // Terraform wraps lines.
    let words = said.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("\"registry.terraform.io/hashicorp/aws\" does not offer"), "{words}");
}

#[tokio::test]
async fn a_folder_with_an_awkward_name_is_served() {
    let dir = folder(&[("mods (1) +%41 ü/terraform-aws-vpc/main.tf", &says("vpc"))]);
    let repo = dir.path().join("repo");
    fs::write(repo.join("main.tf"), call("a", "acme/vpc/aws", Some("1"))).unwrap();
    let mods = dir.path().join("mods (1) +%41 ü");
    let wanted = Wanted::of(Repository::read(&repo, None).unwrap().modules());
    let registry =
        ModuleRegistry::start(&mods, &dir.path().join("copies (2) +%42 é"), wanted).await.unwrap();
    fs::write(dir.path().join("cli.tfrc"), registry.cli_config()).unwrap();
    let bench = Bench { dir, registry };
    assert_eq!(bench.init().await, ["a 1.0.0"]);
    let module = bench.repo().join(".terraform/modules/a/main.tf");
    assert_eq!(fs::read_to_string(module).unwrap(), says("vpc"));
}

#[tokio::test]
async fn nothing_outside_the_folder_is_served() {
    let bench = Bench::new(&[
        ("outside/main.tf", &says("secret")),
        ("mods/terraform-aws-link/main.tf", &says("link")),
    ])
    .await;
    let outside = bench.dir.path().join("outside");
    let mods = bench.dir.path().join("mods");
    symlink(&outside, mods.join("terraform-aws-vpc")).unwrap();
    fs::create_dir_all(mods.join("acme/db/aws")).unwrap();
    symlink(&outside, mods.join("acme/db/aws/1.0.0")).unwrap();
    symlink(outside.join("main.tf"), mods.join("terraform-aws-link/more.tf")).unwrap();

    for path in [
        "/v1/modules/acme/vpc/aws/1.0.0/download",
        "/v1/modules/acme/vpc/aws/versions",
        "/v1/modules/acme/db/aws/1.0.0/download",
        "/v1/modules/acme/link/aws/1.0.0/download",
        "/v1/modules/acme/%2e%2e/outside/versions",
        "/etc/passwd",
    ] {
        assert_eq!(bench.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let missing: Vec<String> =
        bench.registry.missing().into_iter().map(|missing| missing.module).collect();
    assert_eq!(missing, ["acme/vpc/aws", "acme/db/aws", "acme/link/aws"]);
    // A link that stays inside is fine.
    symlink("terraform-aws-link", mods.join("terraform-aws-alias")).unwrap();
    assert_eq!(bench.get("/v1/modules/acme/alias/aws/versions").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_refused_with_a_hint() {
    let dir = folder(&[("file", "")]);
    let copies = dir.path().join("copies");
    for name in ["nowhere", "file"] {
        let mods = dir.path().join(name);
        let error = ModuleRegistry::start(&mods, &copies, Wanted::default()).await.unwrap_err();
        assert!(matches!(error, ModulesError::Folder { .. }), "{error:?}");
        assert!(error.hint().unwrap().starts_with("Name a folder"));
    }
    assert!(!copies.exists());
}

#[tokio::test]
async fn a_version_that_is_not_there_is_missing() {
    let bench = Bench::new(&[("mods/acme/db/aws/1.2.3/main.tf", "")]).await;
    let response = bench.get("/v1/modules/acme/db/aws/1.2.4/download").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        bench.registry.missing()[0].cause,
        ["version 1.2.4 of the module `acme/db/aws` is not in the folder of modules"]
    );
    let address = bench.registry.address;
    assert!(bench.registry.stop(LONG).await);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
