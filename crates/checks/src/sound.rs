//! Which rows may be learnt from.

use tables::{Query, Table, Values};

use crate::check::{Check, Severity};
use crate::compile::{self, ROW};
use crate::evaluate::Circumstances;
use crate::{Result, misfits};

/// For each row whether it holds every row check whose severity is more than a warning. What only
/// warns says that a row is odd; what fails says that it is wrong, and nothing should learn from it.
///
/// A check that does not fit the table leaves every row sound; [`crate::evaluate()`] reports it.
pub async fn sound_rows(checks: &[Check], table: &Table, circumstances: &Circumstances) -> Result<Vec<bool>> {
    let schema = table.schema();
    let misfits = misfits(checks, schema);
    let conditions: Vec<String> = checks
        .iter()
        .filter(|check| check.severity != Severity::Warn)
        .filter(|check| misfits.iter().all(|misfit| misfit.check_id != check.id))
        .filter_map(|check| compile::fails(check, schema, circumstances.now))
        .collect();
    if conditions.is_empty() {
        return Ok(vec![true; table.row_count()]);
    }
    let numbers = (1_i64..).take(table.row_count()).map(Some).collect();
    let numbered = table.with_column(ROW, Values::Int(numbers))?;
    let sql = format!("select not ({}) as sound from input order by {ROW}", conditions.join(" or "));
    let sound = Query::new().table("input", numbered).run(&sql).await?.numbers("sound")?;
    Ok(sound.into_iter().map(|sound| sound != Some(0.0)).collect())
}
