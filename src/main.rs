//! Owns the entry: arguments to the command line, its outcome to the exit code.
//! Must never hold logic.

fn main() -> std::process::ExitCode {
    stopgate::cli::main(std::env::args_os())
}
