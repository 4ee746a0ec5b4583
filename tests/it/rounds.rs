//! How often a fault is repeated.

/// `often` in the usual run, `full` times under `tests/faults/run --full`; says which.
#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the tests, not of the program"
)]
pub(crate) fn rounds(often: usize, full: usize) -> usize {
    let rounds = if std::env::var_os("VALETKEY_FAULTS_FULL").is_some() {
        full
    } else {
        often
    };
    say(&format!("{rounds} rounds of {full}"));
    rounds
}

/// A figure for whoever runs the tests with `--nocapture`.
#[expect(clippy::print_stdout, reason = "the test harness captures it")]
pub(crate) fn say(figure: &str) {
    println!("{figure}");
}
