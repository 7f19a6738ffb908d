//! Probes of names, of regions and of what is elsewhere, and of servers that are up to no good.

use drctl::probe::{
    Answer, Cloud, CommandTarget, DnsTarget, ElsewhereTarget, HttpTarget, Prober, RealProber,
    RegionTarget, Target, TcpTarget, Why,
};
use hickory_resolver::proto::{
    op::{Message, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, CNAME},
    },
    serialize::binary::BinDecodable,
};
use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
};

/// Longer than any answer takes that is not late on purpose.
const LONG: Duration = Duration::from_secs(60);
/// How long is waited for what never comes.
const SHORT: Duration = Duration::from_millis(400);

async fn ask(target: &Target, limit: Duration) -> Answer {
    RealProber::default().ask(target, limit).await
}

fn said(answer: &Answer) -> String {
    format!("{}: {}", answer.why, answer.detail)
}

/// A server of the DNS whose answer depends on the first label of the name.
async fn name_server() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut packet = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut packet).await {
            let asked = Message::from_bytes(&packet[..length]).unwrap();
            if let Some(answer) = answer(&asked) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    address
}

fn answer(asked: &Message) -> Option<Vec<u8>> {
    let query = asked.queries[0].clone();
    let name = query.name().clone();
    let label = String::from_utf8_lossy(name.iter().next().unwrap()).to_lowercase();
    let mut answer = asked.clone().into_response();
    let a = |name: Name| Record::from_rdata(name, 60, RData::A(A(Ipv4Addr::new(192, 0, 2, 7))));
    match label.as_str() {
        "good" if query.query_type() == RecordType::A => {
            answer.add_answer(a(name));
        }
        "alias" => {
            let target = Name::from_ascii("lb.example.net.").unwrap();
            answer.add_answer(Record::from_rdata(name, 60, RData::CNAME(CNAME(target.clone()))));
            answer.add_answer(a(target));
        }
        "gone" => answer.metadata.response_code = ResponseCode::NXDomain,
        "failing" => answer.metadata.response_code = ResponseCode::ServFail,
        "closed" => answer.metadata.response_code = ResponseCode::Refused,
        "garbage" => return Some(b"this is not the DNS".to_vec()),
        "silent" => return None,
        _ => {}
    }
    Some(answer.to_vec().unwrap())
}

#[tokio::test]
async fn every_way_in_which_a_name_can_fail_has_its_word() {
    let server = name_server().await;
    let target = |host: &str| DnsTarget::new(host).unwrap().asking(&server).unwrap();
    let mut lines = Vec::new();
    for host in ["good.example.com", "alias.example.com", "empty.example.com", "gone.example.com"] {
        lines.push(said(&ask(&Target::Dns(target(host)), LONG).await));
    }
    for host in ["failing.example.com", "closed.example.com"] {
        lines.push(said(&ask(&Target::Dns(target(host)), LONG).await));
    }
    let other = target("good.example.com").expecting("192.0.2.8").unwrap();
    lines.push(said(&ask(&Target::Dns(other), LONG).await));
    let same = target("alias.example.com").expecting("LB.example.net").unwrap();
    lines.push(said(&ask(&Target::Dns(same), LONG).await));
    insta::assert_snapshot!(lines.join("\n"), @r"
    ok: 192.0.2.7
    ok: lb.example.net, 192.0.2.7
    resolve: `empty.example.com` has no address
    resolve: there is no `gone.example.com` (NXDOMAIN)
    servfail: the server failed (SERVFAIL)
    refused: the server refuses to answer (REFUSED)
    content: 192.0.2.7, not 192.0.2.8
    ok: lb.example.net, 192.0.2.7
    ");
    for host in ["silent.example.com", "garbage.example.com"] {
        assert_eq!(ask(&Target::Dns(target(host)), SHORT).await.why, Why::Timeout, "{host}");
    }
}

/// A server that says `answer` for a path that begins with each of `names`, and nothing else.
async fn services(answers: &'static [(&'static str, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 2048];
                let length = stream.read(&mut request).await.unwrap_or(0);
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                let path = request.split(' ').nth(1).unwrap_or_default();
                match answers.iter().find(|(name, _)| path == format!("/{name}")) {
                    Some((_, status)) => {
                        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                        let _ = stream.write_all(answer.as_bytes()).await;
                    }
                    None => std::future::pending().await,
                }
            });
        }
    });
    format!("http://{address}/{{service}}")
}

#[tokio::test]
async fn a_region_is_up_unless_more_than_half_of_it_does_not_answer() {
    let ask_aws = async |endpoint: String, limit| {
        let target = RegionTarget::new(Cloud::Aws, "us-east-1", Some(&endpoint)).unwrap();
        said(&ask(&Target::Region(target), limit).await)
    };
    let up = services(&[("ec2", "302 Found"), ("sts", "404 Not Found"), ("dynamodb", "500 Oh")]);
    let mixed = services(&[("ec2", "503 Service Unavailable"), ("sts", "200 OK")]);
    let down = services(&[("ec2", "503 Slow Down"), ("sts", "503 Slow Down")]);
    let lines = [
        ask_aws(up.await, LONG).await,
        ask_aws(mixed.await, Duration::from_secs(3)).await,
        ask_aws(down.await, LONG).await,
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    ok: 2 of 3 answered
    timeout: dynamodb: no answer within 3s; ec2: 503 Service Unavailable, not 100-499
    status: ec2: 503 Service Unavailable, not 100-499; sts: 503 Service Unavailable, not 100-499
    ");
    // Which two of the three were the first to be late, nobody knows.
    let silent = ask_aws(services(&[]).await, SHORT).await;
    assert!(silent.starts_with("timeout: ") && silent.contains("within 400ms; "), "{silent}");
}

#[tokio::test]
async fn headers_interim_answers_and_handshakes_without_end_end_in_time() {
    let endless = async |piece: &'static [u8]| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let _ = stream.write_all(b"HTTP/1.1 ").await;
                    while stream.write_all(piece).await.is_ok() {}
                });
            }
        });
        address
    };
    let http = |url: String| Target::Http(HttpTarget::get(&url).unwrap());
    let headers = endless(b"200 OK\r\nx-a: b\r\nx-").await;
    let answer = ask(&http(format!("http://{headers}/")), LONG).await;
    assert_eq!(answer.why, Why::Broken, "{}", answer.detail);
    let interim = endless(b"100 Continue\r\n\r\nHTTP/1.1 ").await;
    let answer = ask(&http(format!("http://{interim}/")), LONG).await;
    assert_eq!(answer.why, Why::Broken, "{}", answer.detail);
    // It takes the connection, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let answer = ask(&http(format!("https://{address}/")), SHORT).await;
    assert_eq!(answer.why, Why::Timeout, "{}", answer.detail);
}

fn through(script: &str) -> ElsewhereTarget {
    let argv = ["sh", "-c", script].map(str::to_owned).into();
    let through = CommandTarget { argv, dir: ".".into(), env: BTreeMap::new() };
    let header = HttpTarget::get("http://shop/").unwrap().with_header("x-key", "k3y").unwrap();
    ElsewhereTarget { through, target: Box::new(Target::Http(header)) }
}

#[tokio::test]
async fn what_is_asked_elsewhere_is_told_in_the_same_words() {
    let told = r#"echo welcome; echo '{"schema":"drctl/answer/v1","why":"refused","detail":"no","took_ms":3,"warning":"old"}'"#;
    let answer = ask(&Target::Elsewhere(through(told)), LONG).await;
    assert_eq!((said(&answer).as_str(), answer.warning.as_deref()), ("refused: no", Some("old")));
}

#[tokio::test]
async fn the_question_goes_to_standard_input_and_not_to_the_arguments() {
    let dir = tempfile::tempdir().unwrap();
    let mut target = through("cat > asked; echo \"$0 $*\" > args");
    target.through.dir = dir.path().to_owned();
    ask(&Target::Elsewhere(target), LONG).await;
    let args = std::fs::read_to_string(dir.path().join("args")).unwrap();
    assert_eq!(args, "drctl probe --ask -\n");
    let asked: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("asked")).unwrap()).unwrap();
    assert_eq!(asked["limit_ms"], 45_000);
    assert_eq!(asked["target"]["http"]["headers"]["x-key"], "k3y");
}

#[tokio::test]
async fn whoever_does_not_ask_has_a_word_of_its_own() {
    let mut lines = Vec::new();
    for script in [
        "echo 'Permission denied (publickey).' >&2; exit 255",
        "echo hello",
        "",
        r#"echo '{"schema":"drctl/answer/v9","why":"ok","detail":"","took_ms":1}'"#,
        r#"echo '{"schema":"drctl/answer/v1","why":"jolly","detail":"","took_ms":1}'"#,
        "kill -9 $$",
    ] {
        lines.push(said(&ask(&Target::Elsewhere(through(script)), LONG).await));
    }
    let mut gone = through("");
    gone.through.argv = vec!["./gone".to_owned()];
    lines.push(said(&ask(&Target::Elsewhere(gone), LONG).await));
    lines.push(said(&ask(&Target::Elsewhere(through("sleep 100")), SHORT).await));
    insta::assert_snapshot!(lines.join("\n"), @r#"
    via: `sh`: exit code 255: Permission denied (publickey).
    via: `sh` brought `hello`, which is no answer of drctl's
    via: `sh` brought ``, which is no answer of drctl's
    via: `sh` brought `{"schema":"drctl/answer/v9","why":"ok","detail":"","took_ms"`, which is no answer of drctl's
    via: `sh` brought `{"schema":"drctl/answer/v1","why":"jolly","detail":"","took_`, which is no answer of drctl's
    via: `sh`: killed by signal 9
    via: `./gone`: No such file or directory (os error 2)
    via: `sh` brought no answer within 400ms
    "#);
}

#[test]
fn a_target_survives_the_way_there() {
    let mut http = HttpTarget::get("https://op:pw@shop/x").unwrap().with_method("HEAD").unwrap();
    http.expect_status = 301..=302;
    http.certificate = Some(Duration::from_secs(86_400));
    let command = CommandTarget {
        argv: vec!["true".into()],
        dir: ".".into(),
        env: [("A".into(), "b".into())].into(),
    };
    let targets = [
        Target::Http(http.with_header("x-key", "k3y").unwrap()),
        Target::Tcp(TcpTarget { host: "shop".into(), port: 1 }),
        Target::Dns(DnsTarget::new("shop").unwrap().expecting("::1").unwrap()),
        Target::Region(RegionTarget::new(Cloud::Azure, "koreacentral", None).unwrap()),
        Target::Command(command),
        Target::Elsewhere(through("true")),
    ];
    for target in targets {
        let written = serde_json::to_string(&target).unwrap();
        let read: Target = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), written);
    }
}
