//! Signals that end the program while something unfinished lies on disk: they are noted, so that
//! it can be taken away first.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use super::exit;

/// While this lives, the first SIGINT, SIGTERM or SIGHUP is only noted; a second one ends the
/// program at once. Afterwards they end it as ever.
pub(super) struct Held {
    noted: Arc<AtomicBool>,
    over: Arc<AtomicBool>,
}

impl Held {
    pub(super) fn new() -> Self {
        let held = Self { noted: Arc::default(), over: Arc::default() };
        let ignored = ignored();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // `nohup`, and shells for what runs in the background, have it ignored.
            if ignored & (1 << (signal - 1)) != 0 {
                continue;
            }
            // Of signals that exist none is refused. The order counts.
            let _ = flag::register_conditional_default(signal, Arc::clone(&held.over));
            let status = i32::from(exit::INTERRUPTED);
            let _ = flag::register_conditional_shutdown(signal, status, Arc::clone(&held.noted));
            let _ = flag::register(signal, Arc::clone(&held.noted));
        }
        held
    }

    /// Whether one came, for whoever writes.
    pub(super) fn noted(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.noted)
    }

    /// Whether one came.
    pub(super) fn is_noted(&self) -> bool {
        self.noted.load(Ordering::SeqCst)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

/// The signals that this process ignores, the first one as the lowest bit (proc(5), `SigIgn`).
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
