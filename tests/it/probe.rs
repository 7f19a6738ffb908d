//! Probes against real sockets and real programs.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use drctl::probe::{
    Answer, CommandTarget, HttpTarget, Prober, RealProber, RecoveryPointError, Target, TcpTarget,
    Why, recovery_point,
};
use std::{collections::BTreeMap, fs, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Longer than any answer takes that is not late on purpose.
const LONG: Duration = Duration::from_secs(60);
/// How long is waited for what never comes.
const SHORT: Duration = Duration::from_millis(300);

/// Serves each connection with `speak` after its request was read, and returns the address.
async fn server<F, W>(speak: F) -> String
where
    F: Fn(TcpStream, String) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.unwrap_or(0) > 0 {
                request.extend_from_slice(&byte);
            }
            tokio::spawn(speak(stream, String::from_utf8_lossy(&request).into_owned()));
        }
    });
    address
}

/// A server that gives everybody the same bytes and hangs up.
async fn saying(answer: &'static str) -> String {
    server(move |mut stream, _| async move {
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await
}

async fn ask(target: Target, limit: Duration) -> Answer {
    RealProber::default().ask(&target, limit).await
}

async fn ask_http(url: &str) -> Answer {
    ask(Target::Http(HttpTarget::get(url).unwrap()), LONG).await
}

/// A port of loopback on which nobody listens.
async fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

fn sh(script: &str) -> CommandTarget {
    let argv = ["sh", "-c", script].map(str::to_owned).into();
    CommandTarget { argv, dir: ".".into(), env: BTreeMap::new() }
}

async fn ask_sh(script: &str) -> Answer {
    ask(Target::Command(sh(script)), LONG).await
}

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[tokio::test]
async fn a_good_status_is_up() {
    let address = saying(HELLO).await;
    let answer = ask_http(&format!("http://{address}/health")).await;
    assert!(answer.is_up());
    assert_eq!(answer.detail, "200 OK");
}

#[tokio::test]
async fn a_bad_status_is_down() {
    let address = saying("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    let answer = ask_http(&format!("http://{address}/")).await;
    assert_eq!(
        (answer.why, answer.detail.as_str()),
        (Why::Status, "503 Service Unavailable, not 200-299")
    );
}

#[tokio::test]
async fn the_expected_text_must_be_there() {
    let address = saying(HELLO).await;
    let mut target = HttpTarget::get(&format!("http://{address}/")).unwrap();
    target.expect_body = Some("hell".to_owned());
    assert!(ask(Target::Http(target.clone()), LONG).await.is_up());
    target.expect_body = Some("heaven".to_owned());
    let answer = ask(Target::Http(target), LONG).await;
    assert_eq!(
        (answer.why, answer.detail.as_str()),
        (Why::Content, "200 OK, but without `heaven` in the body")
    );
}

#[tokio::test]
async fn method_and_headers_are_sent_and_each_time_anew() {
    let address = server(|mut stream, request| async move {
        let good =
            request.starts_with("HEAD /x HTTP/1.1\r\n") && request.contains("x-key: k3y\r\n");
        let status = if good { "200 OK" } else { "400 Bad Request" };
        // The connection is left open: a second question over it would never be read.
        stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let target = HttpTarget::get(&format!("http://{address}/x")).unwrap();
    let target = target.with_method("HEAD").unwrap().with_header("X-Key", "k3y").unwrap();
    assert!(!format!("{target:?}").contains("k3y"));
    let (prober, target) = (RealProber::default(), Target::Http(target));
    for _ in 0..2 {
        let answer = prober.ask(&target, LONG).await;
        assert!(answer.is_up(), "{answer:?}");
    }
}

#[tokio::test]
async fn redirects_are_followed_but_not_for_ever() {
    let round = saying("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n").await;
    let answer = ask_http(&format!("http://{round}/")).await;
    assert_eq!((answer.why, answer.detail.as_str()), (Why::Redirects, "more than 10 redirects"));

    let mut moved = HttpTarget::get(&format!("http://{round}/")).unwrap();
    moved.expect_status = 302..=302;
    assert!(ask(Target::Http(moved), LONG).await.is_up());

    let address = server(|mut stream, request| async move {
        let answer = match request.starts_with("GET /end ") {
            true => HELLO,
            false => "HTTP/1.1 301 Moved\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n",
        };
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    assert!(ask_http(&format!("http://{address}/")).await.is_up());
}

#[tokio::test]
async fn nobody_there_no_name_and_no_tls_are_told_apart() {
    let port = closed_port().await;
    assert_eq!(ask_http(&format!("http://127.0.0.1:{port}/")).await.why, Why::Refused);
    assert_eq!(ask_http("http://no-such-name.invalid/").await.why, Why::Resolve);
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", plain.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        stream.write_all(HELLO.as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    });
    assert_eq!(ask_http(&url).await.why, Why::Tls);
}

#[tokio::test]
async fn what_breaks_off_or_is_no_http_is_broken() {
    for bad in ["", "SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"] {
        let address = saying(bad).await;
        let answer = ask_http(&format!("http://{address}/")).await;
        assert_eq!(answer.why, Why::Broken, "{bad:?}: {}", answer.detail);
    }
}

#[tokio::test]
async fn silence_and_dripping_end_in_time() {
    let silent = server(|stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let dripping = server(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    for address in [silent, dripping] {
        let target = HttpTarget::get(&format!("http://{address}/")).unwrap();
        let answer = ask(Target::Http(target), SHORT).await;
        assert_eq!(answer.why, Why::Timeout, "{}", answer.detail);
    }
}

#[tokio::test]
async fn a_body_without_end_is_read_up_to_a_limit() {
    let address = server(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    assert!(ask_http(&format!("http://{address}/")).await.is_up());
}

#[tokio::test]
async fn an_address_with_a_password_is_not_repeated() {
    let port = closed_port().await;
    let answer = ask_http(&format!("http://op:hunter2@127.0.0.1:{port}/")).await;
    assert!(!answer.detail.contains("hunter2"), "{}", answer.detail);
}

#[test]
fn what_cannot_be_asked_is_known_before() {
    let target = || HttpTarget::get("http://shop/").unwrap();
    let said = [
        HttpTarget::get("shop.example.com/health").unwrap_err(),
        HttpTarget::get("ftp://shop/").unwrap_err(),
        target().with_method("GET IT").unwrap_err(),
        target().with_header("X Key", "v").unwrap_err(),
        target().with_header("X-Key", "hunter2\n").unwrap_err(),
    ]
    .map(|error| error.to_string());
    insta::assert_snapshot!(said.join("\n"), @r"
    `shop.example.com/health` is not an address such as `https://shop.example.com/health`
    `ftp://shop/` is not an address such as `https://shop.example.com/health`
    `GET IT` is not a method such as `GET`
    `X Key` is not the name of a header
    the value of the header `X-Key` cannot be sent
    ");
}

#[tokio::test]
async fn a_port_is_up_when_it_takes_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let tcp = |host: &str, port| Target::Tcp(TcpTarget { host: host.to_owned(), port });
    assert!(ask(tcp("localhost", port), LONG).await.is_up());
    drop(listener);
    assert_eq!(ask(tcp("127.0.0.1", closed_port().await), LONG).await.why, Why::Refused);
    assert_eq!(ask(tcp("no-such-name.invalid", 80), LONG).await.why, Why::Resolve);
}

#[tokio::test]
async fn a_command_answers_with_its_end() {
    let said = [
        ask_sh("echo fine").await,
        ask_sh("echo out; echo 'no quorum' >&2; exit 4").await,
        ask_sh("kill -9 $$").await,
        ask(Target::Command(CommandTarget { argv: vec!["./gone".into()], ..sh("") }), LONG).await,
    ]
    .map(|answer| format!("{}: {}", answer.why, answer.detail));
    insta::assert_snapshot!(said.join("\n"), @r"
    ok: exit code 0: fine
    exit: exit code 4: no quorum
    killed: killed by signal 9
    not found: `./gone`: No such file or directory (os error 2)
    ");
}

#[tokio::test]
async fn a_command_that_talks_without_end_is_heard_out() {
    assert!(ask_sh("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2").await.is_up());
}

#[tokio::test]
async fn a_late_command_is_killed_with_all_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let script = "sh -c 'echo $$ > pid; mv pid child; sleep 100' & wait";
    let target = CommandTarget { dir: dir.path().to_owned(), ..sh(script) };
    let child = dir.path().join("child");
    let prober = RealProber::default();
    let target = Target::Command(target);
    let asked = prober.ask(&target, Duration::from_secs(2));
    assert_eq!(asked.await.why, Why::Timeout);
    let pid: u32 = fs::read_to_string(child).unwrap().trim().parse().unwrap();
    assert_is_dead(pid).await;
}

#[tokio::test]
async fn what_a_command_leaves_in_the_background_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let target = CommandTarget { dir: dir.path().to_owned(), ..sh("sleep 100 & echo $! > child") };
    assert!(ask(Target::Command(target), LONG).await.is_up());
    let pid = fs::read_to_string(dir.path().join("child")).unwrap().trim().parse().unwrap();
    assert_is_dead(pid).await;
}

/// Waits for a killed process to be gone, or to be left to its new parent to reap.
async fn assert_is_dead(pid: u32) {
    for _ in 0..1000 {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if stat.is_empty() || stat.contains(") Z ") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("process {pid} is alive");
}

#[tokio::test]
async fn a_recovery_point_is_the_first_line() {
    let point = recovery_point(&sh("echo 2026-03-14T11:59:07+09:00; echo more"), LONG).await;
    assert_eq!(point.unwrap(), "2026-03-14T02:59:07Z".parse().unwrap());
}

#[tokio::test]
async fn an_unknown_recovery_point_says_why() {
    let mut said = Vec::new();
    for script in ["", "echo yesterday", "echo 2026-03-14T11:59:07", "echo denied >&2; exit 1"] {
        let error = recovery_point(&sh(script), LONG).await.unwrap_err();
        said.push(error.to_string());
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    the command printed nothing
    `yesterday` is not a time such as `2026-03-14T02:59:07Z`
    `2026-03-14T11:59:07` is not a time such as `2026-03-14T02:59:07Z`
    the command gave no recovery point (exit: exit code 1: denied)
    ");
    let late = recovery_point(&sh("sleep 100"), SHORT).await;
    assert!(matches!(late, Err(RecoveryPointError::Failed { why: Why::Timeout, .. })));
}
