//! The transcripts in `tests/cli` are what the program prints. `TRYCMD=overwrite` writes them anew.

#[test]
fn transcripts() {
    trycmd::TestCases::new().case("../../tests/cli/*.md");
}
