//! What is going on right now, for a terminal: what has ended scrolls up as
//! lines, and below them stand the run and every step at work.

use super::{
    board::{Board, RowKey},
    words::Narrator,
};
use crate::model::{
    deploy::ObjectProgress,
    event::{Event, EventKind, Sink},
};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

/// How often at most the screen is drawn, per second.
const REDRAWS_PER_SECOND: u8 = 10;
/// How often the times on the screen move when nothing happens.
const TICK: Duration = Duration::from_millis(250);

/// Shows a run on a terminal.
///
/// A terminal can be stopped (Ctrl-S) or be slow, so this belongs in
/// [`super::Apart`]. What stands on the screen at the end is only the lines.
pub struct Progress {
    screen: Arc<Mutex<Screen>>,
    /// Its end ends the thread that moves the times.
    _ticking: Sender<()>,
}

impl Progress {
    /// Draws on stderr; `None` when that is no terminal, where
    /// [`super::lines::Lines`] is the display.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub fn on_stderr() -> io::Result<Option<Self>> {
        if !io::stderr().is_terminal() {
            return Ok(None);
        }
        Self::new(ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND)).map(Some)
    }

    fn new(target: ProgressDrawTarget) -> io::Result<Self> {
        let screen = Arc::new(Mutex::new(Screen::new(target)));
        let (ticking, ended) = mpsc::channel::<()>();
        let ticked = Arc::downgrade(&screen);
        thread::Builder::new().name("drctl-tick".into()).spawn(move || {
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                let Some(screen) = ticked.upgrade() else { break };
                lock(&screen).draw();
            }
        })?;
        Ok(Self { screen, _ticking: ticking })
    }
}

impl Sink for Progress {
    fn take(&mut self, event: &Event) -> io::Result<()> {
        lock(&self.screen).take(event)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        // A terminal that is gone needs no cleaning.
        let _ = lock(&self.screen).multi.clear();
    }
}

/// A panic while drawing leaves nothing half done that matters.
fn lock(screen: &Mutex<Screen>) -> MutexGuard<'_, Screen> {
    screen.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Screen {
    multi: MultiProgress,
    header: Option<ProgressBar>,
    rows: BTreeMap<RowKey, ProgressBar>,
    board: Board,
    narrator: Narrator,
    /// The clock of the run: where it stood, and when that was heard.
    heard: Option<(u64, Instant)>,
    drawn: Option<Instant>,
}

impl Screen {
    fn new(target: ProgressDrawTarget) -> Self {
        Self {
            multi: MultiProgress::with_draw_target(target),
            header: None,
            rows: BTreeMap::new(),
            board: Board::default(),
            narrator: Narrator::default(),
            heard: None,
            drawn: None,
        }
    }

    fn take(&mut self, event: &Event) -> io::Result<()> {
        let now = Instant::now();
        self.heard = Some((event.elapsed_ms, now));
        self.board.take(event);
        // Also for what leaves no line: the narrator remembers when things began.
        let line = self.narrator.line(event);
        if leaves_a_line(&event.kind) {
            self.multi.println(line)?;
        }
        if let EventKind::RunFinished { .. } = event.kind {
            return self.close();
        }
        let spacing = Duration::from_secs(1) / u32::from(REDRAWS_PER_SECOND);
        // A thousand resources that end at once are one picture, not a thousand.
        if self.drawn.is_none_or(|drawn| now.duration_since(drawn) >= spacing) {
            self.draw();
        }
        Ok(())
    }

    /// Brings what is on the screen up to this moment.
    fn draw(&mut self) {
        let Some((elapsed_ms, heard)) = self.heard else { return };
        self.drawn = Some(Instant::now());
        let waited_ms = u64::try_from(heard.elapsed().as_millis()).unwrap_or(u64::MAX);
        let now_ms = elapsed_ms.saturating_add(waited_ms);
        let rows = self.board.rows(now_ms, self.narrator.column());
        let header = self.header.get_or_insert_with(|| self.multi.add(bar("{wide_msg}")));
        header.set_message(self.board.header(now_ms));

        self.rows.retain(|key, bar| {
            let stays = rows.iter().any(|(row, _)| row == key);
            if !stays {
                self.multi.remove(bar);
            }
            stays
        });
        let mut above = header.clone();
        for (key, text) in rows {
            let row = self
                .rows
                .entry(key)
                .or_insert_with(|| self.multi.insert_after(&above, bar("  {spinner} {wide_msg}")));
            row.set_message(text);
            row.tick();
            above = row.clone();
        }
    }

    /// Leaves only the lines.
    fn close(&mut self) -> io::Result<()> {
        self.heard = None;
        let rows = std::mem::take(&mut self.rows).into_values();
        for bar in rows.chain(self.header.take()) {
            self.multi.remove(&bar);
        }
        self.multi.clear()
    }
}

/// A line that is cut at the terminal's edge and never wraps.
fn bar(template: &str) -> ProgressBar {
    // Plain characters: a serial console at three in the morning has no others.
    let style = ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .tick_chars(r"-\|/ ");
    ProgressBar::no_length().with_style(style)
}

/// Returns true for what stays on the screen. The rest is seen while it lasts.
fn leaves_a_line(kind: &EventKind) -> bool {
    match kind {
        EventKind::RunStarted { .. }
        | EventKind::Simulated { .. }
        | EventKind::Obstructed { .. }
        | EventKind::Invented { .. }
        | EventKind::Replanned { .. }
        | EventKind::RemovalFinished { .. }
        | EventKind::Predicted { .. }
        | EventKind::LockWaited { .. }
        | EventKind::CheckoutReady { .. }
        | EventKind::StartedPrepared { .. }
        | EventKind::RunPlanned { .. }
        | EventKind::Declared { .. }
        | EventKind::Noted { .. }
        | EventKind::StepFinished { .. }
        | EventKind::TrafficMoved { .. }
        | EventKind::RunResumed { .. }
        | EventKind::ApplyTakenUp { .. }
        | EventKind::UndoStarted { .. }
        | EventKind::UndoFinished { .. }
        | EventKind::FallbackVerified
        | EventKind::ServiceVerified
        | EventKind::VerificationFailed { .. }
        | EventKind::RecoveryPointFound { .. }
        | EventKind::InterruptReceived { .. }
        | EventKind::SweepStarted { .. }
        | EventKind::SweepFinished { .. }
        | EventKind::RunFinished { .. } => true,
        EventKind::GateAnswered { answer, .. } => !answer.accepted(),
        EventKind::ResourceFinished { ok, .. } => !ok,
        EventKind::ObjectSeen { object, .. } => {
            matches!(object.state, ObjectProgress::Troubled | ObjectProgress::Failed)
        }
        EventKind::ImagesAsked { images, .. } => images.iter().any(|image| image.cause.is_some()),
        EventKind::PhaseStarted { .. }
        | EventKind::PhaseFinished { .. }
        | EventKind::PlanMade { .. }
        | EventKind::TerraformFound { .. }
        | EventKind::Inventoried { .. }
        | EventKind::ProvidersChosen { .. }
        | EventKind::DependenciesRead { .. }
        | EventKind::ResourceStarted { .. }
        | EventKind::RemovalStarted { .. }
        | EventKind::OutputsReady { .. }
        | EventKind::ProbeAnswered { .. }
        | EventKind::Unknown => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            resource::ResourceAction,
            run::{OutageSource, RunOutcome},
            step::{Phase, StepId, StepKind, StepOutcome},
        },
        observe::samples,
    };
    use indicatif::TermLike;

    /// A terminal in memory: what stands on it can be read back.
    #[derive(Clone, Debug)]
    struct Paper {
        width: u16,
        sheet: Arc<Mutex<Sheet>>,
    }

    #[derive(Debug, Default)]
    struct Sheet {
        rows: Vec<Vec<char>>,
        row: usize,
        column: usize,
        writes: usize,
    }

    impl Paper {
        fn new(width: u16) -> Self {
            Self { width, sheet: Arc::default() }
        }

        fn screen(&self) -> Screen {
            Screen::new(ProgressDrawTarget::term_like(Box::new(self.clone())))
        }

        fn text(&self) -> String {
            let rows = &self.sheet.lock().unwrap().rows;
            let rows = rows.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned());
            rows.collect::<Vec<_>>().join("\n").trim_end().to_owned()
        }
    }

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            self.width
        }
        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            let mut sheet = self.sheet.lock().unwrap();
            sheet.row = sheet.row.saturating_sub(n);
            Ok(())
        }
        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            self.sheet.lock().unwrap().row += n;
            Ok(())
        }
        fn move_cursor_right(&self, n: usize) -> io::Result<()> {
            self.sheet.lock().unwrap().column += n;
            Ok(())
        }
        fn move_cursor_left(&self, n: usize) -> io::Result<()> {
            let mut sheet = self.sheet.lock().unwrap();
            sheet.column = sheet.column.saturating_sub(n);
            Ok(())
        }
        fn write_line(&self, s: &str) -> io::Result<()> {
            self.write_str(s)?;
            self.write_str("\n")
        }
        fn write_str(&self, s: &str) -> io::Result<()> {
            let mut sheet = self.sheet.lock().unwrap();
            sheet.writes += 1;
            for c in s.chars() {
                if c == '\r' {
                    sheet.column = 0;
                    continue;
                }
                if c == '\n' || sheet.column >= usize::from(self.width) {
                    sheet.row += 1;
                    sheet.column = 0;
                }
                if c != '\n' {
                    let (row, column) = (sheet.row, sheet.column);
                    if sheet.rows.len() <= row {
                        sheet.rows.resize(row + 1, Vec::new());
                    }
                    if sheet.rows[row].len() <= column {
                        sheet.rows[row].resize(column + 1, ' ');
                    }
                    sheet.rows[row][column] = c;
                    sheet.column += 1;
                }
            }
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            let mut sheet = self.sheet.lock().unwrap();
            let row = sheet.row;
            if let Some(row) = sheet.rows.get_mut(row) {
                row.clear();
            }
            sheet.column = 0;
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A terminal that is gone.
    #[derive(Debug)]
    struct Gone;

    impl TermLike for Gone {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn write_line(&self, _: &str) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn write_str(&self, _: &str) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn clear_line(&self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    /// A run in the middle of its work: one step done, one that applies, one that plans.
    fn under_way() -> Vec<Event> {
        let (network, data, app) =
            (StepId::new("network"), StepId::new("data"), StepId::new("app"));
        let action = ResourceAction::Create;
        samples::stamped(
            vec![
                samples::started(OutageSource::Declared),
                samples::planned(&[
                    ("network", StepKind::Stack),
                    ("data", StepKind::Stack),
                    ("app", StepKind::Stack),
                ]),
                EventKind::PhaseStarted { step: network.clone(), phase: Phase::Apply },
                EventKind::PhaseStarted { step: app, phase: Phase::Plan },
                EventKind::StepFinished { step: network, outcome: StepOutcome::Done },
                EventKind::PlanMade {
                    step: data.clone(),
                    actions: [(action, 8)].into(),
                    digest: None,
                },
                EventKind::PhaseStarted { step: data.clone(), phase: Phase::Apply },
                EventKind::ResourceStarted {
                    step: data,
                    address: "aws_db_instance.main".into(),
                    action,
                },
            ],
            1_000,
        )
    }

    fn shown(screen: &mut Screen, events: &[Event]) {
        for event in events {
            screen.take(event).unwrap();
        }
        // A moment ahead, so that the times on the screen are the events' own.
        let last = events.last().unwrap().elapsed_ms;
        screen.heard = Some((last, Instant::now() + Duration::from_secs(60)));
        screen.draw();
    }

    #[test]
    fn what_ended_scrolls_up_and_what_works_stays_below() {
        let paper = Paper::new(100);
        let mut screen = paper.screen();
        shown(&mut screen, &under_way());
        insta::assert_snapshot!(paper.text(), @r"
        [     0.0s]   Started  failover 20260314-025907-4f1c of https://git.example.com/shop.git into ap-nor
        theast-2; the outage began 4m00.0s before
        [     1.0s]   Planned  shop: 3 steps, away from ap-northeast-1, RTO 30m00.0s, RPO 5m00.0s, digest 9f
        86d081884c
        [     4.0s]      Done  network  up (2.0s)
        shop into ap-northeast-2   4m07.0s into the outage   25m53.0s of the RTO left
          \ data     apply       1.0s  [....................] 0/8  aws_db_instance.main 0.0s
          \ app      plan        4.0s
        ");

        let outcome = RunOutcome::Failed;
        let end = Event { seq: 8, elapsed_ms: 8_000, kind: EventKind::RunFinished { outcome } };
        screen.take(&end).unwrap();
        insta::assert_snapshot!(paper.text(), @"
        [     0.0s]   Started  failover 20260314-025907-4f1c of https://git.example.com/shop.git into ap-nor
        theast-2; the outage began 4m00.0s before
        [     1.0s]   Planned  shop: 3 steps, away from ap-northeast-1, RTO 30m00.0s, RPO 5m00.0s, digest 9f
        86d081884c
        [     4.0s]      Done  network  up (2.0s)
        [     8.0s]  Finished  the service is not back
        ");
    }

    #[test]
    fn a_narrow_terminal_cuts_the_rows_and_never_wraps_them() {
        let paper = Paper::new(30);
        let mut screen = paper.screen();
        shown(&mut screen, &under_way());
        let text = paper.text();
        let last: Vec<_> = text.lines().skip(9).collect();
        insta::assert_snapshot!(last.join("\n"), @r"
        [     4.0s]      Done  network
          up (2.0s)
        shop into ap-northeast-2   4m0
          \ data     apply       1.0s
          \ app      plan        4.0s
        ");
        for width in 1..30 {
            shown(&mut Paper::new(width).screen(), &under_way());
        }
    }

    #[test]
    fn a_terminal_that_is_gone_is_an_error_and_no_panic() {
        let mut progress = Progress::new(ProgressDrawTarget::term_like(Box::new(Gone))).unwrap();
        let failed = under_way().iter().filter(|event| progress.take(event).is_err()).count();
        assert!(failed > 0);
    }

    #[test]
    fn many_resources_at_once_are_few_pictures() {
        let paper = Paper::new(80);
        let mut screen = paper.screen();
        shown(&mut screen, &under_way());
        let before = paper.sheet.lock().unwrap().writes;

        // In the future, so that no picture is due while this test runs, however slowly.
        screen.drawn = Some(Instant::now() + Duration::from_secs(3_600));
        for seq in 0..10_000 {
            let kind = EventKind::ResourceFinished {
                step: StepId::new("data"),
                address: format!("aws_route.r[{seq}]"),
                action: ResourceAction::Create,
                took_ms: 1,
                ok: true,
            };
            screen.take(&Event { seq, elapsed_ms: 9_000, kind }).unwrap();
        }

        assert_eq!(paper.sheet.lock().unwrap().writes, before);
    }
}
