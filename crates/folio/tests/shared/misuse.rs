//! What must not compile. The expected messages are for the stable compiler of the day: `TRYBUILD=overwrite` writes them anew.

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
