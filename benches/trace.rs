//! `cargo bench --bench trace`: the timeline of a generated week, and of the same week with ten
//! times the alerts.
//!
//! The number of alerts is that of `AR_DOCTOR_BENCH_ALERTS` (default 100000). Reading and joining
//! are timed, in pairs, and the median of the ratios is what counts: at most 11. What is held at a
//! time is printed beside it; a week with ten times the alerts has ten times as many open.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark"
)]

#[path = "../tests/support/week.rs"]
mod week;

use std::time::Instant;

use ar_doctor::facts::{Facts, install};
use ar_doctor::host::capture::CaptureHost;
use ar_doctor::redact::Redactor;
use ar_doctor::trace::gather::{Asked, gather};

const PAIRS: usize = 3;
const BOUND: f64 = 11.0;

fn main() {
    let alerts: u32 = std::env::var("AR_DOCTOR_BENCH_ALERTS")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(100_000);
    let weeks = [alerts, alerts * 10].map(|alerts| {
        let directory = tempfile::tempdir().unwrap();
        week::manager(directory.path());
        let truth = week::write(directory.path(), alerts, week::ILL);
        let host = CaptureHost::open(directory.path()).unwrap();
        (alerts, truth, host, directory)
    });
    let (mut seconds, mut ratios) = ([Vec::new(), Vec::new()], Vec::new());
    for _ in 0..PAIRS {
        let mut pair = [0.0; 2];
        for (at, (_, truth, host, _)) in weeks.iter().enumerate() {
            let redactor = Redactor::new();
            let facts = Facts::new(host, &redactor, install::find(host, None).unwrap());
            // What is the same for any number of alerts is read before.
            facts.rules();
            let start = Instant::now();
            let gathered = gather(&facts, &Asked::default(), |_| ()).unwrap();
            pair[at] = start.elapsed().as_secs_f64();
            seconds[at].push(pair[at]);
            let totals = &gathered.trace.totals;
            for (total, truth) in totals.iter().zip(truth) {
                assert_eq!((total.all.expected, total.all.confirmed), (truth.expected, truth.confirmed));
            }
            if seconds[at].len() == 1 {
                println!("{} alerts: {} held at a time", gathered.stats.alerts, gathered.trace.most_open);
            }
        }
        ratios.push(pair[1] / pair[0]);
    }
    let [one, ten] = seconds.map(|mut all| median(&mut all));
    println!("{alerts} alerts {one:.3} s, ten times as many {ten:.3} s (medians of {PAIRS})");
    println!("ten times the alerts cost {:.2} times the time (bound: {BOUND})", median(&mut ratios));
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
