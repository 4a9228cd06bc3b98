//! How Wazuh behaves, on bytes handed to it.
//!
//! No input or output, no opinion: what the daemons make of a file, not whether
//! that is what its author wanted. Every fact cites Wazuh's source.

pub mod alerts;
pub mod ar_conf;
pub mod ar_log;
pub mod behavior;
pub mod cjson;
pub mod client_keys;
pub mod daemon_log;
pub mod execd;
pub mod install;
pub mod internal_options;
pub mod launch;
pub mod merged_mg;
pub mod os_match;
pub mod ossec_conf;
pub mod rules;
pub mod state;
pub mod stock;
pub mod version;
pub mod xml;
