//! The development command `mw-stack`, which `./dev` calls.
fn main() -> std::process::ExitCode {
    mw_stack::cli::main()
}
