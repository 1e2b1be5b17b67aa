//! The operator command `mw`.
fn main() -> std::process::ExitCode {
    mw::cli::main()
}
