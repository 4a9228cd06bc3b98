//! A fact: one thing read from a host, with where it was read.
//!
//! "Not there", "not allowed to look", "tried and failed" and "nobody looked"
//! are different answers, and a check that mixes them up cries wolf.

use std::fmt;

/// What came of trying to read something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<T> {
    /// It was read.
    Known(T),
    /// It could have been seen and is not there.
    Absent,
    /// The caller may not look; the text says what was refused.
    Denied(String),
    /// Reading was tried and failed; the text says how.
    Failed(String),
    /// This source cannot hold it (a directory tree has no processes), or the
    /// capture left it out; the text says which.
    NotCollected(String),
}

/// One thing read from a host, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact<T> {
    /// Where it was read: a path on the host, or a name such as `/proc/mounts`.
    pub source: String,
    /// What came of it.
    pub value: Value<T>,
}

impl<T> Fact<T> {
    /// A fact that was read.
    pub fn known(source: impl Into<String>, value: T) -> Self {
        Self { source: source.into(), value: Value::Known(value) }
    }

    /// A fact that could have been seen and is not there.
    pub fn absent(source: impl Into<String>) -> Self {
        Self { source: source.into(), value: Value::Absent }
    }

    /// A fact the caller may not look at.
    pub fn denied(source: impl Into<String>, why: impl Into<String>) -> Self {
        Self { source: source.into(), value: Value::Denied(why.into()) }
    }

    /// A fact that could not be read for another reason.
    pub fn failed(source: impl Into<String>, why: impl Into<String>) -> Self {
        Self { source: source.into(), value: Value::Failed(why.into()) }
    }

    /// A fact this source does not hold.
    pub fn not_collected(source: impl Into<String>, why: impl Into<String>) -> Self {
        Self { source: source.into(), value: Value::NotCollected(why.into()) }
    }

    /// The value, when it is known.
    pub fn get(&self) -> Option<&T> {
        match &self.value {
            Value::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Whether it could have been seen and is not there.
    pub fn is_absent(&self) -> bool {
        matches!(self.value, Value::Absent)
    }

    /// Why nothing can be said, when the fact is neither known nor absent.
    pub fn unknown(&self) -> Option<Gap> {
        let (kind, why) = match &self.value {
            Value::Known(_) | Value::Absent => return None,
            Value::Denied(why) => (GapKind::Denied, why),
            Value::Failed(why) => (GapKind::Failed, why),
            Value::NotCollected(why) => (GapKind::NotCollected, why),
        };
        Some(Gap { kind, source: self.source.clone(), why: why.clone() })
    }

    /// The same fact with its value changed.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Fact<U> {
        self.and_then(|value| Value::Known(change(value)))
    }

    /// The value, if known.
    pub fn into_known(self) -> Option<T> {
        match self.value {
            Value::Known(value) => Some(value),
            _ => None,
        }
    }

    /// The same fact with its value looked at again, which may make it less than known.
    pub fn and_then<U>(self, change: impl FnOnce(T) -> Value<U>) -> Fact<U> {
        Fact {
            source: self.source,
            value: match self.value {
                Value::Known(value) => change(value),
                Value::Absent => Value::Absent,
                Value::Denied(why) => Value::Denied(why),
                Value::Failed(why) => Value::Failed(why),
                Value::NotCollected(why) => Value::NotCollected(why),
            },
        }
    }

    /// The same fact, borrowed.
    pub fn as_ref(&self) -> Fact<&T> {
        Fact {
            source: self.source.clone(),
            value: match &self.value {
                Value::Known(value) => Value::Known(value),
                Value::Absent => Value::Absent,
                Value::Denied(why) => Value::Denied(why.clone()),
                Value::Failed(why) => Value::Failed(why.clone()),
                Value::NotCollected(why) => Value::NotCollected(why.clone()),
            },
        }
    }
}

/// Which kind of not knowing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GapKind {
    /// The caller may not look.
    Denied,
    /// Reading failed.
    Failed,
    /// This source does not hold it.
    NotCollected,
}

/// Why something is not known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gap {
    /// Which kind.
    pub kind: GapKind,
    /// Where it would have been read.
    pub source: String,
    /// In words.
    pub why: String,
}

impl Gap {
    /// A fact that may not be read.
    pub fn denied(source: impl Into<String>, why: impl Into<String>) -> Self {
        Self { kind: GapKind::Denied, source: source.into(), why: why.into() }
    }

    /// A fact that could not be found out.
    pub fn failed(source: impl Into<String>, why: impl Into<String>) -> Self {
        Self { kind: GapKind::Failed, source: source.into(), why: why.into() }
    }

    /// The fact that is not known.
    pub fn into_fact<T>(self) -> Fact<T> {
        match self.kind {
            GapKind::Denied => Fact::denied(self.source, self.why),
            GapKind::Failed => Fact::failed(self.source, self.why),
            GapKind::NotCollected => Fact::not_collected(self.source, self.why),
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_keeps_its_kind_whatever_becomes_of_the_fact() {
        for fact in [
            Fact::<u8>::denied("/x", "permission denied"),
            Fact::failed("/x", "I/O error"),
            Fact::not_collected("/x", "a tree has none"),
        ] {
            let gap = fact.unknown();
            assert!(gap.is_some());
            assert_eq!(fact.clone().map(u32::from).unknown(), gap);
            assert_eq!(fact.clone().and_then(|_| Value::<()>::Absent).unknown(), gap);
            assert_eq!(gap.map(Gap::into_fact), Some(fact));
        }
        assert!(Fact::known("/x", 1_u8).and_then(|_| Value::<()>::Absent).is_absent());
        assert!(Fact::<u8>::absent("/x").map(u32::from).is_absent());
    }
}
