//! A question on the terminal that holds nothing up: it can be answered, left, or taken away.

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr},
    unistd::{getpgrp, read, tcgetpgrp},
};
use std::{
    io::{self, IsTerminal},
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};
use tokio::sync::oneshot;

/// How long the terminal is listened to at a time, in milliseconds.
const LISTEN_MS: u16 = 50;

/// How much of an answer is kept.
const LONGEST: usize = 16;

/// Returns true when a person sits at the terminal, and the terminal is ours to read from: whoever reads
/// from it in the background is stopped by the system.
pub(super) fn can_be_asked() -> bool {
    let (stdin, stderr) = (io::stdin(), io::stderr());
    stdin.is_terminal() && stderr.is_terminal() && tcgetpgrp(stdin) == Ok(getpgrp())
}

/// A question that is open. Dropped, it is taken away, and the terminal is as it was.
pub(super) struct Question {
    closed: Arc<AtomicBool>,
    asking: Option<JoinHandle<()>>,
}

impl Question {
    /// Asks, and shows the question with what is typed by `show`, which gets `None` in the end. The
    /// receiver gets true for `yes`, false for anything else, and an error when nobody answered.
    pub(super) fn ask(
        question: String,
        show: impl Fn(Option<String>) + Send + 'static,
    ) -> io::Result<(Self, oneshot::Receiver<bool>)> {
        let (answer, answered) = oneshot::channel();
        let closed = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&closed);
        let asking = thread::Builder::new().name("drctl-question".into()).spawn(move || {
            let typed = Keys::take().and_then(|keys| keys.line(&question, &show, &until));
            show(None);
            match typed {
                Ok(Some(typed)) => drop(answer.send(typed == "yes")),
                // Taken away.
                Ok(None) => {}
                // A terminal that is gone says no.
                Err(_) => drop(answer.send(false)),
            }
        })?;
        Ok((Self { closed, asking: Some(asking) }, answered))
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        if let Some(asking) = self.asking.take() {
            // A panic in there has been told.
            let _ = asking.join();
        }
    }
}

/// The keyboard, a key at a time and without an echo: what is typed is drawn with the rest.
struct Keys {
    before: Termios,
}

impl Keys {
    /// Takes it over. What was typed until now is dropped: it was no answer.
    fn take() -> nix::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut keys = before.clone();
        keys.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        // Suspended with the keyboard like this, drctl would leave the shell without an echo.
        keys.control_chars[SpecialCharacterIndices::VSUSP as usize] = 0;
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &keys)?;
        Ok(Self { before })
    }

    /// Returns the line that is typed; `None` when the question is taken away before.
    fn line(
        &self,
        question: &str,
        show: &impl Fn(Option<String>),
        closed: &AtomicBool,
    ) -> nix::Result<Option<String>> {
        let mut typed = String::new();
        loop {
            show(Some(format!("{question}{typed}")));
            let mut bytes = [0; 64];
            let length = loop {
                if closed.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                let stdin = io::stdin();
                let mut listened = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
                match poll(&mut listened, PollTimeout::from(LISTEN_MS)) {
                    Ok(0) | Err(Errno::EINTR) => {}
                    Ok(_) => break read(&stdin, &mut bytes)?,
                    Err(error) => return Err(error),
                }
            };
            if length == 0 {
                return Err(Errno::EIO);
            }
            for byte in &bytes[..length] {
                match byte {
                    b'\r' | b'\n' => return Ok(Some(typed)),
                    // Backspace, as either of two keys.
                    0x7f | 0x08 => drop(typed.pop()),
                    b' '..=b'~' if typed.len() < LONGEST => typed.push(char::from(*byte)),
                    _ => {}
                }
            }
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // A terminal that is gone stays as it is.
        let _ = tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &self.before);
    }
}
