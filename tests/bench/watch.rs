//! What it costs to watch a thousand probes, each asked every five seconds.

use crate::verdict;
use drctl::{
    outage::{Change, Control, Judge, Look, Rules, Settled, SystemClock, Watched, watch},
    probe::{HttpTarget, Probe, RealProber, Target, TcpTarget},
    runbook::Role,
};
use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    num::NonZeroU32,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{runtime, time};
use tokio_util::sync::CancellationToken;

/// Tells this program that it is the server that is asked, whose cost must not count.
const SERVER: &str = "DRCTL_BENCH_SERVER";
const COUNT: u32 = 1_000;
const INTERVAL: Duration = Duration::from_secs(5);
/// Three rounds of questions.
const LASTS: Duration = Duration::from_secs(15);
/// Ticks of `/proc/self/stat` in a second: USER_HZ, which is 100 on every Linux that Rust knows.
const TICKS: f64 = 100.0;

/// Serves for ever if this process was started for that.
pub(crate) fn serve_if_asked() {
    if env::var_os(SERVER).is_none() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    for mut stream in listener.incoming().flatten() {
        let mut request = [0; 1024];
        // A TCP probe says nothing and hangs up.
        if stream.read(&mut request).is_ok_and(|length| length > 0) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        }
    }
}

/// Half of them HTTP, by a name that is looked up each time, and half TCP.
pub(crate) fn thousand() {
    let mut server = Command::new(env::current_exe().unwrap())
        .env(SERVER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let port: u16 = port.trim().parse().unwrap();
    let runtime =
        runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let prober = Arc::new(RealProber::default());
    runtime.block_on(prober.warm());
    let watched: Vec<Watched> = (0..COUNT).map(|index| watched(index, port)).collect();
    let questions = watched.iter().map(Watched::question).collect();
    let mut judge = Judge::new(Rules::default(), questions);
    let (cpu, began) = (cpu_seconds(), Instant::now());
    let stop = CancellationToken::new();
    let later = stop.clone();
    runtime.spawn(async move {
        time::sleep(LASTS).await;
        later.cancel();
    });
    let clock = SystemClock::default();
    runtime.block_on(watch(prober, &clock, &watched, &mut judge, &mut Nobody, &stop));
    let share = (cpu_seconds() - cpu) / began.elapsed().as_secs_f64();
    server.kill().unwrap();
    server.wait().unwrap();
    let answers: u64 = judge.standings().iter().map(|standing| standing.answers).sum();
    let up = judge.standings().iter().all(|standing| standing.settled == Settled::Up);
    assert!(answers > 2 * u64::from(COUNT) && up, "{answers} answers, all up: {up}");
    let peak = peak_kib() / 1024;
    println!(
        "{:<34} {:>9} {:>8.1}% {:>7}  under 10% of a core, {}",
        "watch: 1,000 probes every 5 s, CPU",
        "",
        share * 100.0,
        "",
        verdict(share < 0.1)
    );
    println!(
        "{:<34} {:>9} {:>6} MB {:>7}  under 100 MB, {}",
        "watch: 1,000 probes every 5 s, memory",
        "",
        peak,
        "",
        verdict(peak < 100)
    );
}

fn watched(index: u32, port: u16) -> Watched {
    let target = match index % 2 {
        0 => Target::Http(HttpTarget::get(&format!("http://localhost:{port}/")).unwrap()),
        _ => Target::Tcp(TcpTarget { host: "127.0.0.1".to_owned(), port }),
    };
    let three = NonZeroU32::new(3).unwrap();
    let probe = Probe {
        name: index.to_string(),
        target,
        interval: INTERVAL,
        timeout: Duration::from_secs(2),
        up_after: three,
        down_after: three,
    };
    Watched { probe, role: Role::Service }
}

/// Looks on and does nothing.
struct Nobody;

impl Look for Nobody {
    fn look(&mut self, _: &Judge, _: &[Change]) -> Control {
        Control::Continue
    }
}

/// What this process has used of processors, in seconds.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // The name of the program, in brackets, may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum();
    ticks / TICKS
}

/// The most memory that this process has had, in KiB.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
