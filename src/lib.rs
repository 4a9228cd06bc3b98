//! The library behind the `ar-doctor` binary: finds out why a Wazuh active
//! response did not run.
//!
//! It has no stable Rust interface; it serves the binary, the benchmarks and
//! the tests. Arrows run one way: `cli` -> `report`, `capture`, `simulate`, `replay`, `engine` ->
//! `probes` -> `facts` -> `host`, `wazuh`. `findings` and `redact` stand at the bottom.

pub mod baseline;
pub mod capture;
pub mod cli;
pub mod engine;
pub mod facts;
pub mod findings;
pub mod host;
pub mod lint;
pub mod logs;
pub mod migrate;
pub mod probes;
pub mod redact;
pub mod replay;
pub mod report;
pub mod simulate;
pub mod suppress;
pub mod trace;
pub mod wazuh;
