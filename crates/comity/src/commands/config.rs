//! `comity config`.

use std::path::Path;

use comity_admin::Failure;
use comity_node::config::{self, Config, ConfigError, FILE_NAME};
use serde_json::{Value, json};

use super::guard;
use crate::cli::ConfigCommand;
use crate::folder;
use crate::screen::Screen;

pub(super) fn run(
    command: &ConfigCommand,
    data: Option<&Path>,
    screen: &mut Screen,
) -> Result<(), Failure> {
    match command {
        ConfigCommand::Validate { file: Some(file) } => validate_file(file, screen),
        ConfigCommand::Validate { file: None } => {
            let folder = folder::data_folder(data)?;
            guard::lists(&folder::configuration(&folder)?)?;
            valid(&folder.join(FILE_NAME), screen)
        }
        ConfigCommand::Show => {
            let folder = folder::data_folder(data)?;
            let config = folder::configuration(&folder)?;
            show(&config, screen)
        }
        ConfigCommand::Schema => schema(screen),
    }
}

fn validate_file(file: &Path, screen: &mut Screen) -> Result<(), Failure> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let text = std::fs::read_to_string(file).map_err(|error| folder::unreadable(file, &error))?;
    let config = Config::parse(&text, file, folder)
        .map_err(|error: ConfigError| folder::refused(folder, &error))?;
    guard::lists(&config)?;
    valid(file, screen)
}

fn valid(file: &Path, screen: &mut Screen) -> Result<(), Failure> {
    let file = file.display().to_string();
    screen.answer(&json!({"file": file, "valid": true}), |out| writeln!(out, "{file}: valid"))
}

fn show(config: &Config, screen: &mut Screen) -> Result<(), Failure> {
    let text = config::in_force(config);
    let mut data = in_force_as_json(&text);
    if let Value::Object(object) = &mut data {
        object.insert("folder".to_owned(), json!(config.folder));
    }
    screen.answer(&data, |out| write!(out, "# in force for {}\n{text}", config.folder.display()))
}

/// Both answers come from one text, so that they cannot differ.
fn in_force_as_json(text: &str) -> Value {
    text.parse::<toml::Table>()
        .ok()
        .and_then(|table| serde_json::to_value(table).ok())
        .unwrap_or(Value::Null)
}

fn schema(screen: &mut Screen) -> Result<(), Failure> {
    let keys: Vec<Value> = config::KEYS
        .iter()
        .map(|key| {
            json!({
                "table": key.table,
                "key": key.name,
                "default": key.default,
                "example": key.example,
                "meaning": key.what,
            })
        })
        .collect();
    screen.answer(&keys, |out| write!(out, "{}", config::reference().trim_start()))
}
