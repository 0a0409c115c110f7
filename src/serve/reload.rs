//! Other files in the place of those in force: loaded and verified first, then swapped whole.
//!
//! What is not fit is refused loudly, and what is in force stays. Requests under way keep what they
//! began with. Start at [`Files`]; whoever starts the server knows where the files are.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::app::App;
use super::live::Active;
use super::log::Value;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How long a change must rest: whoever writes a file in place is not done at once.
const SETTLE: Duration = Duration::from_millis(100);

/// How often it may go on changing before it is taken as it stands.
const SETTLES: usize = 20;

/// How many loads may hang before no other is begun.
const STUCK: usize = 8;

/// Where the files in force come from. Called on threads that may block.
pub trait Source: Send + Sync + 'static {
    /// A mark of the files as they stand: another one when any of them has changed.
    fn stamp(&self) -> u64;

    /// All of them, loaded and verified by their golden requests.
    ///
    /// # Errors
    /// One line that names the file and what is wrong with it.
    fn load(&self) -> Result<Active, String>;
}

/// What decides at the start, and where it came from.
#[derive(Clone)]
pub struct Files {
    /// What decides.
    pub active: Active,
    /// The mark of the files before they were loaded.
    pub stamp: u64,
    /// Where others come from; none: what decides at the start stays.
    pub source: Option<Arc<dyn Source>>,
}

impl Files {
    /// What is not read from files.
    #[must_use]
    pub fn fixed(active: Active) -> Self {
        Self {
            active,
            stamp: 0,
            source: None,
        }
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("main", &self.active.main.name)
            .field("stamp", &self.stamp)
            .finish_non_exhaustive()
    }
}

/// What reloading needs to know from one time to the next.
pub(super) struct Reloads {
    source: Option<Arc<dyn Source>>,
    /// The mark of the files that were last loaded, or refused; held while files are loaded, so
    /// that the last ones that were asked for are in force in the end.
    last: tokio::sync::Mutex<u64>,
    /// Loads that are not back in time: there are only so many threads to lose.
    stuck: Arc<Semaphore>,
}

impl Reloads {
    pub(super) fn new(source: Option<Arc<dyn Source>>, stamp: u64) -> Self {
        Self {
            source,
            last: tokio::sync::Mutex::new(stamp),
            stuck: Arc::new(Semaphore::new(STUCK)),
        }
    }
}

impl fmt::Debug for Reloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloads")
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

impl App {
    /// Load the files anew, whether or not they changed; what decides from here on.
    ///
    /// # Errors
    /// What is wrong with them; what was in force is.
    pub(super) async fn reload(&self) -> Result<Arc<Active>, String> {
        let source = self.reloads.source.clone();
        let source = source.ok_or("this server's router was not read from a file")?;
        let mut last = self.reloads.last.lock().await;
        let (stamp, loaded) = self.load(source).await;
        if let Some(stamp) = stamp {
            *last = stamp;
        }
        let loaded = loaded.and_then(|active| match &self.proxy {
            Some(proxy) => proxy.among_new(active),
            None => Ok(active),
        });
        self.metrics.reloaded(loaded.is_ok());
        match loaded {
            Ok(active) => {
                let active = Arc::new(active);
                self.live.set(Arc::clone(&active));
                self.recorder.follow(&active);
                let name = &active.main.name;
                let fields = [("weighbridge.policy", Value::Text(name))];
                let message = format!("reloaded: {name} decides from here on");
                self.log.info("weighbridge.reload", &message, &fields);
                Ok(active)
            }
            Err(why) => {
                let stays = &self.live.get().main.name;
                let fields = [
                    ("weighbridge.policy", Value::Text(stays)),
                    ("error.type", Value::Text("unfit_file")),
                ];
                let message = format!("not reloaded, {stays} goes on deciding: {why}");
                self.log
                    .error("weighbridge.reload_refused", &message, &fields);
                Err(why)
            }
        }
    }

    /// Load the files on a thread of its own, which is given up where they do not come; their mark
    /// from before, as far as it came.
    async fn load(&self, source: Arc<dyn Source>) -> (Option<u64>, Result<Active, String>) {
        let Ok(place) = Arc::clone(&self.reloads.stuck).try_acquire_owned() else {
            let why = format!("{STUCK} loads hang already; see to the disk that the files are on");
            return (None, Err(why));
        };
        let mark = Arc::new(OnceLock::new());
        let marked = Arc::clone(&mark);
        let loading = spawn_blocking(move || {
            marked.get_or_init(|| source.stamp());
            let loaded = source.load();
            drop(place);
            loaded
        });
        let loaded = match timeout(self.limits.load, loading).await {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(error)) => Err(format!("loading failed: {error}")),
            Err(_) => {
                let seconds = self.limits.load.as_secs_f64();
                Err(format!(
                    "the files were not loaded within {seconds} seconds"
                ))
            }
        };
        (mark.get().copied(), loaded)
    }

    /// Look at the files for ever, and load them when they change.
    pub(super) async fn watch(&self) {
        let Some(source) = &self.reloads.source else {
            return;
        };
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let mut stamp = stamp_of(source).await;
            if stamp == Some(*self.reloads.last.lock().await) {
                continue;
            }
            for _ in 0..SETTLES {
                sleep(SETTLE).await;
                let now = stamp_of(source).await;
                if now == stamp {
                    break;
                }
                stamp = now;
            }
            // What came of it is said there.
            let _ = self.reload().await;
        }
    }
}

async fn stamp_of(source: &Arc<dyn Source>) -> Option<u64> {
    let source = Arc::clone(source);
    spawn_blocking(move || source.stamp()).await.ok()
}
