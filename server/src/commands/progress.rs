//! The bar of commands that go through bytes; it shows on a terminal only.

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use marquetry::backup::BackupProgress;

pub(super) fn bytes_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    bar.set_style(
        ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {msg} {eta}").expect("the template is right"),
    );
    bar
}

pub(super) fn show(bar: &ProgressBar, progress: &BackupProgress) {
    bar.set_length(progress.total_size_bytes);
    bar.set_position(progress.done_size_bytes);
    if progress.written_size_bytes > 0 {
        bar.set_message(format!("{} written", HumanBytes(progress.written_size_bytes)));
    }
}
