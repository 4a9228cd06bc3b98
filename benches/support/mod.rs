//! What benchmarks share: numbers that look like chance, and are the same each time.

/// Gives numbers below the one it is asked with (xorshift64).
pub(crate) fn random() -> impl FnMut(u64) -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    }
}
