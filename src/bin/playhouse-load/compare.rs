//! stub
use crate::cli::CompareArgs; use crate::report::Report; use indicatif::ProgressBar; use anyhow::{Result,bail};
pub async fn run(_: &CompareArgs, _: &ProgressBar) -> Result<Report> { bail!("soon") }
