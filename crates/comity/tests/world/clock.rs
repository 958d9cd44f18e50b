//! A calendar for tests: programs whose clock says what a page says.
//!
//! A small library stands in front of the system's and adds to what the clock answers. What counts on
//! regardless of the clock is left alone, so timeouts and a node's own count are what they are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

const SOURCE: &str = r#"
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t which, struct timespec *now) {
    long failed = syscall(SYS_clock_gettime, which, now);
    const char *ahead = getenv("CLOCK_AHEAD");
    if (failed == 0 && which == CLOCK_REALTIME && ahead)
        now->tv_sec += atoll(ahead);
    return (int)failed;
}
"#;

/// The library, made once for all tests of a file.
static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Made under a name of its own, for another run may be using the last one.
    let making = folder.join(format!("clock-{}", std::process::id()));
    let (source, made) = (making.with_extension("c"), making.with_extension("so"));
    std::fs::write(&source, SOURCE).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let ended = Command::new(compiler)
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&made, &source])
        .status()
        .unwrap();
    assert!(ended.success(), "the C compiler that builds the program makes this as well");
    let library = folder.join("libclock.so");
    std::fs::rename(made, &library).unwrap();
    std::fs::remove_file(source).unwrap();
    library
});

/// The environment of a program whose clock is ahead by so many seconds.
pub(crate) fn ahead(seconds: i64) -> Vec<(String, String)> {
    vec![
        ("LD_PRELOAD".to_owned(), LIBRARY.display().to_string()),
        ("CLOCK_AHEAD".to_owned(), seconds.to_string()),
    ]
}
