//! stub
use crate::cli::SlowArgs; use crate::target::Target; use crate::report::Report; use indicatif::ProgressBar; use anyhow::{Result,bail};
pub async fn run(_: &SlowArgs, _: &Target, _: &ProgressBar) -> Result<Report> { bail!("soon") }
