//! `drctl chaos`: on the simulated cloud, and on systems that a shell script stands in for.

use crate::support::Env;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::{Child, Command},
};

const SERVICE: &str = r#"
service "shop" {
  rto     = "30m"
  primary = "ap-northeast-1"
}

stack "web" {
  path = "web"
}
"#;

const WEB: &str = r#"
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region = "ap-northeast-1"
}

resource "aws_autoscaling_group" "app" {
  name               = "app"
  min_size           = 1
  max_size           = 4
  desired_capacity   = 3
  availability_zones = ["ap-northeast-1a"]
}

resource "aws_sqs_queue" "orders" {
  name = "orders"
}
"#;

/// Two containers, of which the second has an engine's idea of a crash.
const DOCKER: &str = r#"#!/bin/sh
echo "docker $*" >> "$HOME/calls"
[ "$1" != --context ] || shift 2
first=$(printf '%064d' 1)
second=$(printf '%064d' 2)
one() {
  printf '{"Id": "%s", "Name": "/%s", "Image": "sha256:abc", "Config": {"Labels": {"app": "web"}}, "State": ' "$1" "$2"
  printf '{"Status": "%s", "Running": %s, "Pid": 2147483647, "StartedAt": "%s"}}' "$3" "$4" "$5"
}
case $1 in
  ps) printf '%s\n%s\n' "$first" "$second" ;;
  inspect)
    if [ ! -e "$HOME/killed" ]; then now=$(one "$second" web-2 running true first)
    elif [ -e "$HOME/stays-down" ]; then now=$(one "$second" web-2 exited false first)
    else now=$(one "$second" web-2 running true "$(cat "$HOME/killed")")
    fi
    case $* in
      *"$first"*) printf '[%s, %s]\n' "$(one "$first" web-1 running true first)" "$now" ;;
      *) printf '[%s]\n' "$now" ;;
    esac
    ;;
  run) echo again >> "$HOME/killed" ;;
esac
"#;

const KUBECTL: &str = r#"#!/bin/sh
echo "kubectl $*" >> "$HOME/calls"
pod() {
  printf '{"metadata": {"name": "%s", "uid": "%s"}, "status": {"phase": "Running",' "$1" "$1"
  printf '"conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [{"restartCount": 0}]}}'
}
case $1 in
  get)
    if [ -e "$HOME/killed" ]; then second=web-new; else second=web-2; fi
    printf '{"kind": "List", "items": [%s, %s]}\n' "$(pod web-1)" "$(pod $second)"
    ;;
  delete) touch "$HOME/killed"; echo 'pod "web-2" deleted' ;;
esac
"#;

const AWS: &str = r#"#!/bin/sh
echo "aws $* [AWS_PAGER=$AWS_PAGER]" >> "$HOME/calls"
one() {
  printf '{"InstanceId": "%s", "LaunchTime": "2026-01-01T00:00:00Z", "State": {"Name": "%s"},' "$1" "$2"
  printf '"Tags": [{"Key": "app", "Value": "%s"}]}' "$3"
}
case $2 in
  describe-instances)
    if [ -e "$HOME/killed" ]; then state=shutting-down; else state=running; fi
    new=$([ ! -e "$HOME/killed" ] || echo ", $(one i-3 running web)")
    printf '{"Reservations": [{"Instances": [%s]}, {"Instances": [%s, %s%s]}]}\n' \
      "$(one i-1 running web)" "$(one i-2 $state web)" "$(one i-9 running webshop)" "$new"
    ;;
  terminate-instances) touch "$HOME/killed"; echo '{"TerminatingInstances": []}' ;;
esac
"#;

/// Hours that began a moment ago and end in a minute: what is drawn for them is due at once.
fn hours_of_now() -> String {
    let from = Timestamp::now() - SignedDuration::from_secs(2);
    let until = from + SignedDuration::from_mins(1);
    format!("hours {{\n from = \"{from}\"\n until = \"{until}\"\n }}")
}

/// A service with `chaos` in its runbook, and programs that stand in for those of its systems.
fn shop(chaos: &str, programs: &[(&str, &str)]) -> Env {
    let runbook = format!("{SERVICE}{chaos}");
    let env = Env::with(&[("drctl.hcl", &runbook), ("web/main.tf", WEB)]);
    let bin = env.root().join("bin");
    fs::create_dir_all(&bin).unwrap();
    for (name, text) in programs {
        fs::write(bin.join(name), text).unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    env.path(path)
}

fn docker_shop(more: &str) -> Env {
    let objective = if more.contains("back_within") { "" } else { "back_within = \"20s\"" };
    let chaos = format!(
        "chaos \"docker\" \"front\" {{\n  label = \"app=web\"\n  except = [\"web-1\"]\n  mean_days = 1\n  {objective}\n  {more}\n}}\n"
    );
    shop(&chaos, &[("docker", DOCKER)])
}

fn now(env: &Env, more: &[&str]) -> crate::support::Output {
    env.run(
        &[&["chaos", "monkey", "--seed", "7", "--unleash", "--now", "--any-hour"], more].concat(),
    )
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

fn calls(env: &Env) -> String {
    fs::read_to_string(env.root().join("calls")).unwrap_or_default()
}

#[test]
fn a_group_of_the_simulated_cloud_comes_back_and_what_nothing_keeps_alive_does_not() {
    let env = shop(
        "chaos \"simulated\" \"app\" {\n  address = \"aws_autoscaling_group.app\"\n}\nchaos \"simulated\" \"orders\" {\n  address = \"aws_sqs_queue.orders\"\n  back_within = \"30s\"\n}\n",
        &[],
    );
    insta::assert_snapshot!(env.run(&["chaos", "monkey", "--now", "--any-hour", "--seed", "7"]), @r"
    --- stdout
    Chaos Monkey, shop: what it would do (seed 7); nothing is killed without `--unleash`

    app     simulated aws_autoscaling_group.app  cannot be asked: no rehearsal left its simulated cloud
    orders  simulated aws_sqs_queue.orders       cannot be asked: no rehearsal left its simulated cloud
    --- stderr
    error: the group `app` cannot be asked
      caused by: no rehearsal left its simulated cloud
      hint: Leave one with `drctl rehearse --keep`
    error: the group `orders` cannot be asked
      caused by: no rehearsal left its simulated cloud
      hint: Leave one with `drctl rehearse --keep`
    --- exit 3
    ");
    let rehearsed = env.run(&["rehearse", "--region", "ap-northeast-2", "--keep"]);
    assert_eq!(rehearsed.code, Some(0), "{rehearsed}");
    insta::assert_snapshot!(env.run(&["chaos", "monkey", "--now", "--any-hour", "--seed", "7"]), @r"
    --- stdout
    Chaos Monkey, shop: what it would do (seed 7); nothing is killed without `--unleash`

    app     simulated aws_autoscaling_group.app  now: sim-b51e34dbc5900a72, one of 3
    orders  simulated aws_sqs_queue.orders       now: https://sqs.ap-northeast-2.amazonaws.com/[SHORT]/orders, one of 1
    --- exit 0
    ");
    insta::assert_snapshot!(now(&env, &[]), @r"
    --- stdout
    Chaos Monkey, shop

    app     simulated aws_autoscaling_group.app  sim-b51e34dbc5900a72 killed: down after [TIME], whole again after [TIME], replaced by sim-e06dcaba8844a155; met [TIME] with [TIME] to spare
    orders  simulated aws_sqs_queue.orders       https://sqs.ap-northeast-2.amazonaws.com/[SHORT]/orders killed: down after [TIME], not whole again after [TIME]; missed [TIME] by at least [TIME]
    --- stderr
    app: killing sim-b51e34dbc5900a72, one of 3
    app: whole again after [TIME], replaced by sim-e06dcaba8844a155
    orders: killing https://sqs.ap-northeast-2.amazonaws.com/[SHORT]/orders, one of 1
    orders: not whole again after [TIME]
    --- exit 1
    ");
    let listed = env.run(&["chaos", "kills"]);
    insta::assert_snapshot!(listed, @r"
    --- stdout
    [WHEN]Z  shop  orders (simulated)  https://sqs.ap-northeast-2.amazonaws.com/[SHORT]/orders  down after [TIME], not whole again after [TIME]; missed [TIME] by at least [TIME]
    [WHEN]Z  shop  app (simulated)     sim-b51e34dbc5900a72                                          down after [TIME], whole again after [TIME], replaced by sim-e06dcaba8844a155; met [TIME] with [TIME] to spare
    --- exit 0
    ");
    assert_eq!(env.run(&["sim", "ls", "--type", "aws_instance"]).stdout.matches("gone").count(), 1);

    // It is not whole now, so it is left alone.
    let again = now(&env, &["--json"]);
    let report = json(&again.stdout);
    assert_eq!(report["schema"], "drctl/chaos/v1");
    assert_eq!(
        (&report["groups"][0]["is"], &report["groups"][1]["is"]),
        (&"killed".into(), &"spared".into())
    );
    let app = &report["groups"][0];
    assert!(app["back_after_ms"].as_u64() > Some(0) && app["by"] == "replaced", "{app:#}");
    assert_eq!(
        (again.code, report["groups"][1]["why"].as_str()),
        (Some(0), Some("there is nobody in it"))
    );
    let kills: Vec<Value> =
        env.run(&["chaos", "kills", "--json"]).stdout.lines().map(json).collect();
    assert_eq!(kills.len(), 3);
    assert_eq!(kills[0]["back_after_ms"], app["back_after_ms"]);
}

#[test]
fn a_container_is_killed_from_beside_and_comes_back() {
    let env = docker_shop("context = \"far\"");
    let output = now(&env, &["--json"]);
    let group = &json(&output.stdout)["groups"][0];
    assert_eq!(
        (output.code, &group["member"], &group["by"]),
        (Some(0), &"web-2".into(), &"restarted".into())
    );
    let killed = calls(&env);
    let helper = killed.lines().find(|call| call.contains(" run ")).unwrap();
    insta::assert_snapshot!(helper, @"docker --context far run --rm --pid host --network none --userns host --user 0 --no-healthcheck --label app= --entrypoint /bin/sh sha256:abc -c while read -r line; do case $line in *0000000000000000000000000000000000000000000000000000000000000002*) kill -9 2147483647; exit;; esac; done < /proc/2147483647/cgroup; exit 3");
}

#[test]
fn pods_are_deleted_by_name() {
    let env = shop(
        "chaos \"kubernetes\" \"front\" {\n  label = \"app=web\"\n  namespace = \"shop\"\n  context = \"tokyo\"\n  except = [\"web-1\"]\n}\n",
        &[("kubectl", KUBECTL)],
    );
    let output = now(&env, &["--json"]);
    let group = &json(&output.stdout)["groups"][0];
    assert_eq!(
        (output.code, &group["member"], &group["replaced_by"]),
        (Some(0), &"web-2".into(), &"web-new".into())
    );
    let said = calls(&env);
    let mut unlike: Vec<&str> = said.lines().collect();
    unlike.dedup();
    insta::assert_snapshot!(unlike.join("\n"), @r"
    kubectl get pods --selector app=web --output json --namespace shop --context tokyo --request-timeout=20s
    kubectl delete pod web-2 --grace-period=1 --wait=false --namespace shop --context tokyo --request-timeout=20s
    kubectl get pods --selector app=web --output json --namespace shop --context tokyo --request-timeout=20s
    ");
}

#[test]
fn instances_are_terminated_by_id_and_only_those_with_the_very_tag() {
    let env = shop(
        "chaos \"aws\" \"front\" {\n  tag = \"app=web\"\n  region = region\n  except = [\"i-1\"]\n}\n",
        &[("aws", AWS)],
    );
    let output = now(&env, &["--json"]);
    let group = &json(&output.stdout)["groups"][0];
    assert_eq!(
        (output.code, &group["member"], &group["replaced_by"]),
        (Some(0), &"i-2".into(), &"i-3".into())
    );
    let said = calls(&env);
    let mut unlike: Vec<&str> = said.lines().collect();
    unlike.dedup();
    insta::assert_snapshot!(unlike.join("\n"), @r#"
    aws ec2 describe-instances --filters [{"Name":"tag:app","Values":["web"]}] --region ap-northeast-1 --output json [AWS_PAGER=]
    aws ec2 terminate-instances --instance-ids i-2 --region ap-northeast-1 --output json [AWS_PAGER=]
    aws ec2 describe-instances --filters [{"Name":"tag:app","Values":["web"]}] --region ap-northeast-1 --output json [AWS_PAGER=]
    "#);
}

#[test]
fn what_does_not_come_back_is_re_applied_and_has_missed_its_objective() {
    let env = docker_shop(
        "back_within = \"1s\"\n  reapply = [\"sh\", \"-c\", \"rm ../stays-down; echo $DRCTL_GROUP of $DRCTL_SERVICE > ../mended\"]",
    );
    fs::write(env.root().join("stays-down"), "").unwrap();
    let output = now(&env, &["--json"]);
    let group = &json(&output.stdout)["groups"][0];
    assert_eq!((output.code, &group["verdict"]["is"]), (Some(1), &"missed".into()), "{output}");
    assert_eq!(group["reapplied"]["error"], Value::Null);
    assert!(group["back_after_ms"].as_u64() > Some(1_000), "{group:#}");
    assert_eq!(fs::read_to_string(env.root().join("mended")).unwrap(), "front of shop\n");
    let told = env.run(&["chaos", "kills"]).stdout;
    assert!(
        told.contains("re-applied after") && told.contains("it did not come back by itself"),
        "{told}"
    );
}

#[test]
fn the_plan_of_the_day_is_carried_out_once() {
    let env = docker_shop(&hours_of_now());
    let seed = ["chaos", "monkey", "--seed", "7"];
    let dry = env.run(&seed);
    assert!(
        dry.stdout.contains("web-2, one of 2") && calls(&env).matches(" run ").count() == 0,
        "{dry}"
    );
    let unleashed = env.run(&[&seed[..], &["--unleash"]].concat());
    assert!(unleashed.stdout.contains("web-2 killed"), "{unleashed}");
    assert_eq!(unleashed.code, Some(0));
    let again = env.run(&[&seed[..], &["--unleash"]].concat());
    assert!(again.stdout.contains("spared: last killed on"), "{again}");
    assert_eq!((again.code, calls(&env).matches(" run ").count()), (Some(0), 1));
}

#[test]
fn a_kill_that_nobody_saw_the_end_of_is_remembered() {
    let env = docker_shop(&hours_of_now());
    let file = env.home().join("chaos/kills.jsonl");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let at = Timestamp::now();
    let kill = format!("{}-0001", at.strftime("%Y%m%d-%H%M%S"));
    let intent = r#""entry":"will_kill","service":"shop","group":"front","target":"containers app=web","member":"web-2","members":2,"back_within_ms":300000"#;
    fs::write(&file, format!("{{\"kill\":\"{kill}\",\"at\":\"{at}\",{intent}}}\n{{\"kill\":"))
        .unwrap();
    let unleashed = env.run(&["chaos", "monkey", "--unleash"]);
    assert!(unleashed.stdout.contains("spared: last killed on"), "{unleashed}");
    insta::assert_snapshot!(env.run(&["chaos", "kills"]), @r"
    --- stdout
    [WHEN]Z  shop  front  web-2  drctl ended before it could say whether it was killed
    --- stderr
    note: 1 line(s) of `$ENV/home/chaos/kills.jsonl` cannot be read
    --- exit 0
    ");
}

#[test]
fn nothing_real_is_killed_during_an_outage() {
    // A port that nobody listens on any more.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let env = docker_shop(&format!("}}\nprobe \"tcp\" \"front\" {{\n  address = \"{free}\""));
    let output = now(&env, &["--json"]);
    let why = json(&output.stdout)["groups"][0]["why"].to_string();
    assert!(why.contains("the probe `front` is down: refused"), "{output}");
    assert_eq!((output.code, calls(&env).matches(" run ").count()), (Some(0), 0));

    // It is up again, and a failover of the service has begun and not ended; of another it would not matter.
    let _listens = TcpListener::bind(free).unwrap();
    let folder =
        env.home().join("runs").join(Timestamp::now().strftime("%Y%m%d-%H%M%S-0001").to_string());
    fs::create_dir_all(&folder).unwrap();
    let begun = |service: &str| {
        let events = [
            r#"{"seq":0,"elapsed_ms":0,"event":"run_started","run":"20260313-100000-0001","run_kind":"failover","drctl":"0.1.0","began_at":"2026-03-13T10:00:00Z","repo":"/shop","region":"ap-northeast-2","outage":{"before_ms":0,"known_by":"assumed"}}"#.to_owned(),
            format!(
                r#"{{"seq":1,"elapsed_ms":1,"event":"run_planned","service":"{service}","primary":null,"rto_ms":1,"rpo_ms":null,"digest":"d","steps":[]}}"#
            ),
        ];
        fs::write(folder.join("journal.jsonl"), events.join("\n") + "\n").unwrap();
    };
    begun("shop");
    let output = now(&env, &[]);
    insta::assert_snapshot!(output, @r"
    --- stdout
    Chaos Monkey, shop

    front  containers app=web  spared: the failover [RUN] has not ended
    --- exit 0
    ");
    begun("bank");
    assert!(now(&env, &[]).stdout.contains("web-2 killed"));
}

#[test]
fn what_cannot_be_used_is_told() {
    let env = docker_shop("");
    let none = Env::with(&[("drctl.hcl", SERVICE), ("web/main.tf", WEB)]);
    let without = shop(
        "chaos \"aws\" \"front\" {\n  tag = \"app=web\"\n  region = region\n}\nchaos \"docker\" \"web\" {\n  label = \"app=web\"\n}\n",
        &[],
    );
    let nowhere = without.path("/nowhere");
    let mended = docker_shop("reapply = [stack.web.outputs.x]");
    let tagless = shop(
        "chaos \"aws\" \"front\" {\n  tag = \"web\"\n  region = region\n}\nchaos \"docker\" \"web\" {\n  label = \"=x\"\n}\nchaos \"kubernetes\" \"all\" {\n  label = \" \"\n}\n",
        &[],
    );
    let said = [
        none.run(&["chaos", "monkey"]),
        env.run(&["chaos", "monkey", "--now", "frnt"]),
        env.run(&["chaos", "monkey", "--any-hour"]),
        env.run(&["chaos", "monkey", "--days", "0"]),
        env.run(&["chaos", "monkey", "--repo", "nowhere"]),
        nowhere.run(&["chaos", "monkey", "--unleash", "--now", "--any-hour"]),
        mended.run(&["chaos", "monkey"]),
        tagless.run(&["chaos", "monkey"]),
        env.run(&["chaos", "kills"]),
    ];
    insta::assert_snapshot!(said.map(|output| output.to_string()).join("\n\n"), @r#"
    --- stderr
    error: the runbook declares nothing that may be killed
      hint: Declare a group, such as `chaos "docker" "web" { label = "app=web" }`
    --- exit 2

    --- stderr
    error: the runbook declares no group `frnt`
      hint: Did you mean `front`?
    --- exit 2

    --- stderr
    error: the following required arguments were not provided:
      --now [<GROUP>...]

    Usage: drctl chaos monkey --now [<GROUP>...] --any-hour

    For more information, try '--help'.
    --- exit 2

    --- stderr
    error: invalid value '0' for '--days <N>': 0 is not in 1..=3660

    For more information, try '--help'.
    --- exit 2

    --- stderr
    error: failed to find `nowhere`
      caused by: No such file or directory (os error 2)
      hint: Name a folder of a checkout
    --- exit 2

    --- stdout
    Chaos Monkey, shop

    front  instances app=web in ap-northeast-1  cannot be asked: `aws` was not found
    web    containers app=web                   cannot be asked: `docker` was not found
    --- stderr
    error: the group `front` cannot be asked
      caused by: `aws` was not found
      hint: Install the AWS command line: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html
    error: the group `web` cannot be asked
      caused by: `docker` was not found
      hint: Install the command line of Docker (Debian: `apt-get install docker.io`)
    --- exit 3

    --- stderr
    error: the runbook has 1 mistake(s):
      drctl.hcl:15:14: nothing is known of a stack here
        Read outputs in the `variables` of a stack, or in what comes after it
    --- exit 2

    --- stderr
    error: the runbook has 3 mistake(s):
      drctl.hcl:11:9: `tag` is not of the form `key=value`
      drctl.hcl:15:11: `label` is not of the form `key=value`
      drctl.hcl:18:11: `label` is empty, which picks every pod
    --- exit 2

    --- stderr
    Nothing was killed yet.
    --- exit 0
    "#);
}

#[test]
fn an_answer_that_is_none_is_told_and_kills_nobody() {
    let broken = "#!/bin/sh\ncase $1 in ps) echo Hello ;; esac\n";
    let env =
        shop("chaos \"docker\" \"front\" {\n  label = \"app=web\"\n}\n", &[("docker", broken)]);
    insta::assert_snapshot!(now(&env, &[]), @r"
    --- stdout
    Chaos Monkey, shop

    front  containers app=web  cannot be asked: what `docker ps --all --no-trunc --quiet --filter label=app=web` printed is no list of ids
    --- stderr
    error: the group `front` cannot be asked
      caused by: what `docker ps --all --no-trunc --quiet --filter label=app=web` printed is no list of ids
      hint: Look at what `docker ps --all --no-trunc --quiet --filter label=app=web` prints; an alias or a wrapper may stand in its place
    --- exit 3
    ");
    let refuses =
        DOCKER.replace("run) echo again", "run) echo 'no shell there' >&2; exit 127; echo again");
    let env = shop(
        "chaos \"docker\" \"front\" {\n  label = \"app=web\"\n  except = [\"web-1\"]\n}\n",
        &[("docker", &refuses)],
    );
    let output = now(&env, &[]);
    assert_eq!(output.code, Some(3));
    insta::assert_snapshot!(output.stderr, @r"
    front: killing web-2, one of 2
    error: failed to kill web-2 of `front`
      caused by: the process of the container `web-2` can be killed neither from here nor from its image
      caused by: failed to run `docker run --rm --pid host --network none --userns host …`
      caused by: `docker` failed with exit code 127
      caused by: no shell there
      hint: Run drctl as root on the machine of the engine, or use an image that has `/bin/sh`: `docker kill` counts as a stop by hand, after which no restart policy brings a container back
    ");
    assert!(
        env.run(&["chaos", "kills"]).stdout.contains("not killed: the process of the container")
    );
}

#[test]
fn the_next_days_are_foretold_alike_each_time() {
    let env = docker_shop(
        "hours {\n days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]\n from = \"09:00\"\n until = \"15:00\"\n zone = \"Asia/Tokyo\"\n }",
    );
    let foretold = env.run(&["chaos", "monkey", "--days", "28"]);
    assert_eq!(foretold.stdout, env.run(&["chaos", "monkey", "--days", "28"]).stdout);
    assert!(foretold.stdout.contains("20 kill(s) in 28 day(s)"), "{foretold}");
    assert!(
        foretold.stdout.lines().take(20).all(|line| line.ends_with("Asia/Tokyo  front")),
        "{foretold}"
    );
    let seeded =
        json(&env.run(&["chaos", "monkey", "--days", "28", "--seed", "8", "--json"]).stdout);
    assert_eq!((&seeded["seed"], seeded["groups"].as_array().unwrap().len()), (&8.into(), 20));
    assert_eq!(calls(&env), "");
}

/// Reads what a child says until a line holds `word`.
fn until(child: &mut Child, word: &str) {
    let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(word)), "it never said `{word}`");
}

fn interrupt(child: &Child) {
    assert!(
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success()
    );
}

#[test]
fn an_interrupt_ends_the_waiting_and_the_measuring() {
    let from = Timestamp::now() + SignedDuration::from_hours(1);
    let until_then = from + SignedDuration::from_hours(1);
    // A window of its own lies on the day on which it begins.
    let env = docker_shop(&format!("hours {{\n from = \"{from}\"\n until = \"{until_then}\"\n }}"));
    if from.strftime("%j").to_string() == Timestamp::now().strftime("%j").to_string() {
        let mut child = env.spawn(&["chaos", "monkey", "--unleash"]);
        until(&mut child, "waiting for");
        interrupt(&child);
        let output = env.output(child.wait_with_output().unwrap());
        assert_eq!(output.code, Some(5), "{output}");
        assert!(output.stdout.contains("spared: interrupted before it was its turn"), "{output}");
    }
    fs::write(env.root().join("stays-down"), "").unwrap();
    let mut child = env.spawn(&["chaos", "monkey", "--unleash", "--now", "--any-hour"]);
    until(&mut child, "killing web-2");
    while !env.root().join("killed").exists() {
        std::thread::yield_now();
    }
    interrupt(&child);
    let output = env.output(child.wait_with_output().unwrap());
    assert_eq!(output.code, Some(5), "{output}");
    assert!(output.stdout.contains("when it was interrupted; unproven against 20.0s"), "{output}");
    assert!(env.run(&["chaos", "kills"]).stdout.contains("when it was interrupted"));
}
