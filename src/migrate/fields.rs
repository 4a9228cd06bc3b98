//! Fields of a 4.x message and what became of them in 5.x
//! (`framework/wazuh/core/indexer/active_response.py`, 5.0; the rest is what findings carry).

/// What a field became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Another path, and what has to be looked at.
    Field(&'static [&'static str], Option<&'static str>),
    /// Nothing that can be put in its place: why.
    ByHand(&'static str),
}

const USER: Option<&str> =
    Some("which user this is depends on the integration: look at a finding before you trust it");
const PORT: Option<&str> = Some("a number in 5.x, a string in 4.x");
const MAPPED: Option<&str> =
    Some("the decoder has to map the address to source.ip: nothing falls back any more");
const DECODER: Option<&str> = Some("whether it is there depends on the integration");

/// A field of 4.x, from the root of the message.
pub fn target(path: &str) -> Option<To> {
    let field = |to, verify| Some(To::Field(to, verify));
    if path == "parameters.extra_args" {
        return Some(To::ByHand(
            "it is one string in 5.x, wazuh.active_response.extra_arguments: split it in the script",
        ));
    }
    if path == "parameters.program" {
        return field(&["wazuh", "active_response", "executable"], None);
    }
    match path.strip_prefix("parameters.alert.")? {
        "data.srcip" => field(&["source", "ip"], None),
        "data.win.eventdata.ipAddress" | "data.win.eventdata.destinationIp" => {
            field(&["source", "ip"], MAPPED)
        }
        "data.srcport" => field(&["source", "port"], PORT),
        "data.dstip" => field(&["destination", "ip"], DECODER),
        "data.dstport" => field(&["destination", "port"], PORT),
        "data.dstuser" | "data.srcuser" => field(&["user", "name"], USER),
        "rule.description" => field(&["wazuh", "rule", "title"], None),
        "rule.groups" => field(&["wazuh", "rule", "tags"], None),
        "rule.id" => {
            Some(To::ByHand("it is a UUID in 5.x, wazuh.rule.id; wazuh.rule.title may be what you need"))
        }
        "rule.level" => Some(To::ByHand("it is a word in 5.x, wazuh.rule.level: no comparison of numbers")),
        "agent.id" => field(&["wazuh", "agent", "id"], None),
        "agent.name" => field(&["wazuh", "agent", "name"], None),
        "manager.name" => field(&["wazuh", "cluster", "node"], None),
        "full_log" => field(&["event", "original"], None),
        "location" => field(&["wazuh", "protocol", "location"], DECODER),
        "syscheck.path" => field(&["file", "path"], None),
        "id" => Some(To::ByHand("there is no such number in 5.x; name state after what is blocked")),
        "timestamp" => field(&["@timestamp"], None),
        _ => None,
    }
}

/// A part of the envelope of 4.x that holds fields.
pub fn is_part(path: &str) -> bool {
    matches!(
        path,
        "parameters"
            | "parameters.alert"
            | "parameters.alert.data"
            | "parameters.alert.data.win"
            | "parameters.alert.data.win.eventdata"
            | "parameters.alert.rule"
            | "parameters.alert.agent"
            | "parameters.alert.manager"
            | "parameters.alert.syscheck"
    )
}

/// Names that only messages of 4.x have, below `parameters.alert.data`.
pub const OLD_NAMES: [&str; 6] = ["srcip", "srcport", "dstip", "dstport", "srcuser", "dstuser"];

/// Names that only messages of 4.x have.
pub fn is_old_name(name: &str) -> bool {
    OLD_NAMES.contains(&name) || matches!(name, "full_log" | "extra_args")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_below_a_part() {
        for path in ["parameters.alert.data.srcip", "parameters.program", "parameters.alert.rule.groups"] {
            assert!(target(path).is_some(), "{path}");
            assert!(!is_part(path));
            assert!(is_part(path.rsplit_once('.').unwrap().0));
        }
        assert_eq!(target("source.ip"), None);
    }
}
