//! What was made and is in no state is found again: by the real Terraform, on a simulated cloud that
//! outlives both Terraform and drctl.

use crate::support::{Env, Output};
use drctl::{
    catalogue::Catalogue,
    config::{module::Module, repository::Repository},
    provider::{
        infer::{infer, local_modules},
        simulate::{Settings, Simulation, World},
        wire::reattach::{self, Providers},
    },
    sim::{Filter, Object, Scenario},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use std::{
    borrow::Cow,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Child,
    sync::Arc,
    thread::sleep,
    time::Duration,
};
use tokio::runtime::Runtime;

const REGION: &str = "ap-northeast-2";

/// A repository with one stack on a cloud that lasts as long as the test.
struct Shop {
    env: Env,
    world: Arc<World>,
    /// Serve the cloud.
    _providers: Providers,
    _runtime: Runtime,
}

impl Shop {
    /// Makes one whose stack has these resources. A shell finds `$SITE` among them replaced.
    fn new(resources: &str, time_scale: f64) -> Self {
        let env = Env::new();
        let site = env.root().join("site");
        fs::create_dir(&site).unwrap();
        fs::write(site.join("wait"), "").unwrap();
        let resources = resources.replace("$SITE", site.to_str().unwrap());
        let main = format!(
            "terraform {{\n  required_providers {{\n    aws = {{ source = \"hashicorp/aws\" }}\n  }}\n}}\nvariable \"region\" {{ default = \"ap-northeast-1\" }}\nprovider \"aws\" {{ region = var.region }}\n{resources}"
        );
        let runbook = "service \"shop\" {\n  rto     = \"30m\"\n  primary = \"ap-northeast-1\"\n}\nstack \"data\" {\n  path = \"data\"\n}\nprobe \"command\" \"front\" {\n  run      = [\"true\"]\n  interval = \"50ms\"\n}\n";
        env.commit(&[("drctl.hcl", runbook), ("data/main.tf", &main)]);

        let repository = Repository::read(&env.repo().join("data"), None).unwrap();
        let module: &Module = repository.module(Path::new("")).unwrap();
        let inferred = infer(module, &local_modules(&repository)).unwrap();
        let known = Cow::Borrowed(Catalogue::builtin());
        let world = Arc::new(World::new(7, Scenario::default(), known, time_scale));
        let settings = Settings { region: REGION.to_owned(), ..Settings::default() };
        let simulation = Arc::new(Simulation::new(Arc::clone(&world), inferred, settings).unwrap());
        let runtime = Runtime::new().unwrap();
        let providers = runtime.block_on(simulation.serve()).unwrap();
        let script = format!(
            "#!/bin/sh\nexport {}='{}'\nexec terraform \"$@\"\n",
            reattach::VARIABLE,
            providers.reattach()
        );
        let shop = Self { env, world, _providers: providers, _runtime: runtime };
        fs::write(shop.terraform(), script).unwrap();
        fs::set_permissions(shop.terraform(), fs::Permissions::from_mode(0o755)).unwrap();
        shop
    }

    fn terraform(&self) -> PathBuf {
        self.env.root().join("terraform")
    }

    fn site(&self, name: &str) -> PathBuf {
        self.env.root().join("site").join(name)
    }

    fn run(&self) -> PathBuf {
        let runs = fs::read_dir(self.env.home().join("runs")).unwrap();
        runs.map(|run| run.unwrap().path()).max().unwrap()
    }

    fn failover_args(&self) -> Vec<String> {
        self.env.failover_args(&["--terraform", self.terraform().to_str().unwrap()])
    }

    /// Fails over to its end.
    fn failover(&self) -> Output {
        self.env.run(&self.failover_args().iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Whether the apply has said `what`.
    fn said(&self, what: &str) -> bool {
        let says = |log| fs::read_to_string(log).is_ok_and(|text| text.contains(what));
        self.apply_log().is_some_and(says)
    }

    /// Fails over, and kills drctl and then Terraform once it is `time`.
    fn kill_when(&self, time: impl Fn(&Self) -> bool) {
        let mut child = self.begin(time);
        child.kill().unwrap();
        child.wait().unwrap();
        self.kill_terraform();
    }

    /// Fails over, and returns once it is `time`.
    fn begin(&self, time: impl Fn(&Self) -> bool) -> Child {
        let args = self.failover_args();
        let mut child = self.env.spawn(&args.iter().map(String::as_str).collect::<Vec<_>>());
        while !time(self) {
            sleep(Duration::from_millis(10));
            assert!(child.try_wait().unwrap().is_none(), "it has ended by itself");
        }
        child
    }

    /// Kills Terraform, and all that it started.
    fn kill_terraform(&self) {
        let home = self.env.home();
        loop {
            let entries = fs::read_dir("/proc").unwrap().flatten();
            let inside: Vec<i32> = entries
                .filter(|entry| {
                    let cwd = fs::read_link(entry.path().join("cwd"));
                    cwd.is_ok_and(|cwd| cwd.starts_with(&home))
                })
                .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
                .collect();
            if inside.is_empty() {
                break;
            }
            for process in inside {
                let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
            }
            sleep(Duration::from_millis(10));
        }
        let _ = fs::remove_file(self.site("wait"));
    }

    fn apply_log(&self) -> Option<PathBuf> {
        let runs = fs::read_dir(self.env.home().join("runs")).ok()?.flatten();
        let logs = fs::read_dir(runs.map(|run| run.path()).max()?.join("logs")).ok()?.flatten();
        logs.map(|log| log.path()).find(|log| log.to_str().unwrap().ends_with("data-apply.out"))
    }

    fn resume(&self, more: &[&str]) -> Output {
        self.env.run(&[&["resume", "--yes"], more].concat())
    }

    /// The ids of what there is of a type.
    fn ids(&self, kind: &str) -> Vec<String> {
        let filter = Filter { kind: Some(kind.to_owned()), ..Filter::default() };
        let id = |object: &Object| object.key.id.clone();
        self.world.with_cloud(|cloud, _| cloud.objects(&filter).map(id).collect())
    }

    /// What was told last of what is in no state.
    fn orphans(&self) -> Value {
        let events = self.env.journal();
        let found = events.iter().rfind(|event| event["event"] == "orphans_found");
        found.map_or(Value::Null, |event| event["orphans"].clone())
    }
}

const NETWORK: &str = "resource \"aws_vpc\" \"main\" { cidr_block = \"10.0.0.0/16\" }
resource \"terraform_data\" \"wait\" {
  depends_on = [aws_vpc.main]
  provisioner \"local-exec\" {
    command = \"while test -e $SITE/wait; do sleep 0.05; done\"
  }
}
";

const DATABASE: &str = "resource \"aws_db_instance\" \"main\" {
  identifier     = \"orders\"
  engine         = \"postgres\"
  instance_class = \"db.t3.micro\"
}
";

fn is_met(output: &Output) {
    assert_eq!(output.code, Some(0), "{output}");
}

#[test]
fn what_was_made_and_is_in_no_state_is_imported() {
    let shop = Shop::new(NETWORK, 100_000.0);
    shop.kill_when(|shop| shop.said("provision_start"));
    let before = shop.ids("aws_vpc");
    assert_eq!(before.len(), 1);
    let output = shop.resume(&[]);
    is_met(&output);
    assert_eq!(shop.ids("aws_vpc"), before, "it is not made twice: {output}");
    assert_eq!(
        shop.orphans(),
        serde_json::json!([{"address": "aws_vpc.main", "id": before[0], "fate": "imported"}])
    );
    assert!(output.stdout.contains("that no state knew of were taken into it"), "{output}");
}

#[test]
fn what_a_killed_terraform_made_is_imported_though_drctl_lived() {
    let shop = Shop::new(NETWORK, 100_000.0);
    let child = shop.begin(|shop| shop.said("provision_start"));
    shop.kill_terraform();
    let failed = shop.env.output(child.wait_with_output().unwrap());
    assert_eq!(failed.code, Some(3), "{failed}");
    let before = shop.ids("aws_vpc");
    is_met(&shop.resume(&[]));
    assert_eq!((shop.ids("aws_vpc"), before.len()), (before, 1));
}

#[test]
fn what_may_have_been_made_is_not_made_again_until_somebody_says_so() {
    let shop = Shop::new(&DATABASE.replace("identifier", "# identifier"), 20.0);
    shop.kill_when(|shop| shop.said("\"apply_start\""));
    let output = shop.resume(&[]);
    assert_eq!(output.code, Some(4), "{output}");
    assert_eq!(shop.orphans()[0]["fate"], "left");
    for part in ["may exist", "--import 'aws_db_instance.main=ID'", "--accept-orphans"] {
        assert!(output.stderr.contains(part), "{output}");
    }
    assert!(output.stdout.contains("in no state: data: `aws_db_instance.main`"), "{output}");
    // Nobody made it meanwhile, so it is asked again.
    assert_eq!(shop.resume(&[]).code, Some(4));
    is_met(&shop.resume(&["--accept-orphans"]));
    assert_eq!(shop.orphans()[0]["fate"], "made_again");
}

#[test]
fn what_somebody_found_is_taken_in_by_its_id() {
    let shop = Shop::new(DATABASE, 20.0);
    shop.kill_when(|shop| !shop.ids("aws_db_instance").is_empty());
    let before = shop.ids("aws_db_instance");
    assert_eq!(shop.resume(&[]).code, Some(4));
    let output = shop.resume(&["--import", &format!("aws_db_instance.main={}", before[0])]);
    is_met(&output);
    assert_eq!(shop.ids("aws_db_instance"), before, "{output}");
}

#[test]
fn what_was_lost_with_the_machine_is_asked_for_and_taken_in_by_its_id() {
    let shop = Shop::new(NETWORK, 100_000.0);
    shop.kill_when(|shop| shop.said("provision_start"));
    // Nothing of the log was synced, and the system is another one.
    fs::write(shop.apply_log().unwrap(), "").unwrap();
    let endpoint = shop.run().join("state/endpoint.json");
    let mut kept: Value = serde_json::from_slice(&fs::read(&endpoint).unwrap()).unwrap();
    kept["boot"] = "another".into();
    fs::write(&endpoint, kept.to_string()).unwrap();
    let output = shop.resume(&[]);
    assert_eq!(output.code, Some(4), "{output}");
    assert!(output.stderr.contains("lost with the machine"), "{output}");
    let before = shop.ids("aws_vpc");
    let import = format!("data:aws_vpc.main={}", before[0]);
    let output = shop.resume(&["--import", &import]);
    is_met(&output);
    assert_eq!(shop.ids("aws_vpc"), before, "{output}");
}

#[test]
fn what_was_broken_off_is_kept_or_replaced_as_somebody_says() {
    let broken = "resource \"aws_vpc\" \"main\" {
  cidr_block = \"10.0.0.0/16\"
  provisioner \"local-exec\" {
    command = \"test ! -e $SITE/wait\"
  }
}
";
    for (flag, is_kept) in [("--untaint", true), ("--replace-tainted", false)] {
        let shop = Shop::new(broken, 100_000.0);
        assert_eq!(shop.failover().code, Some(3));
        fs::remove_file(shop.site("wait")).unwrap();
        let before = shop.ids("aws_vpc");
        let output = shop.resume(&[]);
        assert_eq!(output.code, Some(4), "{output}");
        for part in ["--untaint 'aws_vpc.main'", "--replace-tainted 'aws_vpc.main'"] {
            assert!(output.stderr.contains(part), "{output}");
        }
        assert_eq!(shop.ids("aws_vpc"), before, "nothing is done unasked");
        let output = shop.resume(&[flag, "aws_vpc.main"]);
        is_met(&output);
        assert_eq!(shop.ids("aws_vpc").len(), 1, "{output}");
        assert_eq!(shop.ids("aws_vpc") == before, is_kept, "{output}");
    }
}
