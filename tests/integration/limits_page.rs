//! docs/limits.md is written from the rows and must not lag behind it.

use std::path::Path;

#[test]
fn the_documentation_of_limits_is_what_the_rows_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/limits.md");
    let page = whycap::limits::messages::page();
    if std::env::var_os("WHYCAP_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("docs/");
        std::fs::write(&path, &page).expect("docs/limits.md");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/limits.md is out of date: run WHYCAP_WRITE_DOCS=1 cargo test the_documentation"
    );
}
