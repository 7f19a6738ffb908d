//! A server for Terraform's `http` backend that can be gone for a while
//! (<https://developer.hashicorp.com/terraform/language/backend/http>).

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// A served backend. Its thread lasts as long as the process.
#[derive(Clone)]
pub(crate) struct Backend {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    slots: Mutex<BTreeMap<String, Slot>>,
    gone: AtomicBool,
}

/// One state, and who holds it.
#[derive(Clone, Debug, Default)]
struct Slot {
    state: Option<Vec<u8>>,
    lock: Option<Vec<u8>>,
}

impl Backend {
    pub(crate) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&served);
                thread::spawn(move || {
                    // Whoever breaks off is gone.
                    let _ = shared.answer(stream);
                });
            }
        });
        Ok(Self { port, shared })
    }

    /// Hangs up on everybody from now on, or no longer.
    pub(crate) fn set_gone(&self, gone: bool) {
        self.shared.gone.store(gone, Ordering::SeqCst);
    }

    /// Forgets every state and every lock.
    pub(crate) fn clear(&self) {
        self.shared.slots().clear();
    }

    /// Takes every lock away, as a person does by hand, and returns whose they were.
    pub(crate) fn unlock(&self) -> Vec<String> {
        let mut slots = self.shared.slots();
        let unlocked =
            |(path, slot): (&String, &mut Slot)| slot.lock.take().is_some().then(|| path.clone());
        slots.iter_mut().filter_map(unlocked).collect()
    }

    /// Takes the lock with this id away, as `terraform force-unlock` does; false when there is none.
    pub(crate) fn unlock_by_id(&self, id: &str) -> bool {
        let mut slots = self.shared.slots();
        let is_it =
            |slot: &&mut Slot| slot.lock.as_deref().and_then(self::id).as_deref() == Some(id);
        slots.values_mut().find(is_it).is_some_and(|slot| slot.lock.take().is_some())
    }

    /// Returns which states are locked.
    pub(crate) fn locked(&self) -> Vec<String> {
        let slots = self.shared.slots();
        slots.iter().filter(|(_, slot)| slot.lock.is_some()).map(|(path, _)| path.clone()).collect()
    }

    /// Returns the state at `path`.
    pub(crate) fn state(&self, path: &str) -> Option<Vec<u8>> {
        self.shared.slots().get(path)?.state.clone()
    }
}

impl Shared {
    fn slots(&self) -> MutexGuard<'_, BTreeMap<String, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut stream = stream;
        while let Some((method, path, body)) = request(&mut reader)? {
            if self.gone.load(Ordering::SeqCst) {
                return Ok(());
            }
            let (status, text) = self.act(&method, &path, body);
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", text.len());
            stream.write_all(head.as_bytes())?;
            stream.write_all(&text)?;
        }
        Ok(())
    }

    fn act(&self, method: &str, path: &str, body: Vec<u8>) -> (&'static str, Vec<u8>) {
        const FINE: &str = "200 OK";
        let path = path.split('?').next().unwrap_or_default();
        let mut slots = self.slots();
        let slot = slots.entry(path.to_owned()).or_default();
        match method {
            "GET" => match &slot.state {
                Some(state) => (FINE, state.clone()),
                None => ("404 Not Found", Vec::new()),
            },
            "POST" => {
                slot.state = Some(body);
                (FINE, Vec::new())
            }
            "LOCK" => match &slot.lock {
                Some(held) => ("423 Locked", held.clone()),
                None => {
                    slot.lock = Some(body);
                    (FINE, Vec::new())
                }
            },
            "UNLOCK" => match &slot.lock {
                // A forced unlock sends no more than the id, or nothing.
                Some(held) if !body.is_empty() && id(held) != id(&body) => {
                    ("409 Conflict", held.clone())
                }
                _ => {
                    slot.lock = None;
                    (FINE, Vec::new())
                }
            },
            _ => ("405 Method Not Allowed", Vec::new()),
        }
    }
}

fn id(lock: &[u8]) -> Option<String> {
    let lock: serde_json::Value = serde_json::from_slice(lock).ok()?;
    Some(lock["ID"].as_str()?.to_owned())
}

/// Reads the next request of a connection: its method, its path and its body.
fn request(reader: &mut impl BufRead) -> io::Result<Option<(String, String, Vec<u8>)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(told) = header.strip_prefix("content-length:") {
            length = told.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((method, path, body)))
}
