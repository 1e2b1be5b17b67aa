//! The operator command under the name that the runbooks use: `mw-py`.
fn main() -> std::process::ExitCode {
    mw::cli::main()
}
