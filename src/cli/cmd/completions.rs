//! `drctl completions`.

use crate::cli::{error::CliError, exit::Exit, ui::Ui};
use clap_complete::{Shell, generate};

/// Print completions for a shell
///
/// Nothing is installed: the script goes to standard output.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl completions bash > ~/.local/share/bash-completion/completions/drctl
  drctl completions zsh > ~/.zfunc/_drctl
  drctl completions fish > ~/.config/fish/completions/drctl.fish")]
pub(crate) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, ui: &Ui, cli: &mut clap::Command) -> Result<Exit, CliError> {
        let mut script = Vec::new();
        generate(self.shell, cli, "drctl", &mut script);
        ui.answer(&String::from_utf8_lossy(&script));
        Ok(Exit::Met)
    }
}
