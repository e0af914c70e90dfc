//! The other side of a training: what the process does that a training is handed to.

use base::Failure;
use tables::Table;
use training::worker::{Done, Job, Message, Problem, run_job};

use crate::rows::{columns_of, target_of};

/// Does the job in `text`, telling `emit` how it goes, and leaves the model where the job says.
///
/// # Errors
/// The message that says why there is no model.
pub fn train(text: &str, emit: &mut dyn FnMut(&Message)) -> Result<Done, Message> {
    let failed = |failure: &dyn Failure| Message::failed(failure);
    let job = Job::parse(text).map_err(|error| failed(&error))?;
    let table = Table::from_parquet_file(&job.train_parquet).map_err(|error| failed(&error))?;
    let columns = columns_of(&job.signature, &table).map_err(|error| failed(&error))?;
    let target = target_of(&job.signature, &table).map_err(|error| failed(&error))?;
    let (bytes, done) = run_job(&job, columns, &target, emit).map_err(|error| failed(&error))?;
    std::fs::write(&job.model_file, bytes).map_err(|error| {
        Message::Error(Problem {
            code: "files_unavailable".to_owned(),
            message: format!("the model cannot be written: {error}"),
            hint: None,
        })
    })?;
    Ok(done)
}
