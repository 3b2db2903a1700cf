//! stub
use crate::cli::MafiaArgs; use crate::target::Target; use crate::report::Report; use indicatif::ProgressBar; use anyhow::{Result,bail};
pub const SETTINGS: [&str;0]=[];
pub async fn run(_: &MafiaArgs, _: &Target, _: &ProgressBar) -> Result<Report> { bail!("soon") }
