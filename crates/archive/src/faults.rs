//! Points at which a test can make things fail.

use std::fmt;
use std::io;
use std::sync::Arc;

/// A point in the life of a row at which a test may strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultPoint {
    /// A frame is about to be written to the log.
    LogWrite,
    /// A frame was written to the log and is about to be flushed.
    LogSync,
    /// Rows are about to be committed to a Delta table.
    BeforeCommit,
    /// Rows were committed to a Delta table, and the log does not know it yet.
    AfterCommit,
    /// An erasure has left the log, and is about to take predictions out of the table.
    ErasingPredictions,
    /// An erasure has taken predictions out of the table, and their labels are there still.
    ErasingLabels,
    /// An erasure has taken all rows out, and older files hold them still.
    ErasingFiles,
}

/// What happens at fault points: nothing, unless a test says otherwise.
#[derive(Clone, Default)]
pub struct Faults {
    #[allow(clippy::type_complexity, reason = "one hook, named by its field")]
    hook: Option<Arc<dyn Fn(FaultPoint) -> io::Result<()> + Send + Sync>>,
}

impl Faults {
    /// Asks `hook` at every point; an error makes the step fail there.
    pub fn new(hook: impl Fn(FaultPoint) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self { hook: Some(Arc::new(hook)) }
    }

    pub(crate) fn at(&self, point: FaultPoint) -> io::Result<()> {
        self.hook.as_ref().map_or(Ok(()), |hook| hook(point))
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.hook.is_some() { "Faults(hook)" } else { "Faults(none)" })
    }
}
