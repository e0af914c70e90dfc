//! A graph as steps over numbered places.

use std::cell::Cell;
use std::sync::Arc;

use super::Problem;
use super::ops::Ensemble;
use crate::{Data, Tensor};

/// The most elements that one run may make, all tensors together.
const MOST_ELEMENTS: usize = 1 << 28;

/// What one operator makes.
pub(crate) type Outputs = Result<Vec<Tensor>, Problem>;

/// One operator, ready to be computed.
pub(crate) type Kernel = Box<dyn Fn(&mut Inputs<'_>) -> Outputs + Send + Sync>;

/// One step.
pub(crate) struct Step {
    /// What to call it in messages.
    pub(crate) name: String,
    /// The operator.
    pub(crate) op_type: String,
    /// Its attribute `axis`, 0 when it has none.
    pub(crate) axis: i64,
    /// The trees, if it is a sum of some.
    pub(crate) trees: Option<Arc<Ensemble>>,
    pub(crate) kernel: Kernel,
    /// Where its inputs are; `None` for those left out.
    pub(crate) inputs: Vec<Option<Place>>,
    /// Where its outputs go; `None` for those nobody asks for.
    pub(crate) outputs: Vec<Option<usize>>,
}

/// A step, about to be computed or computed.
pub(crate) enum Moment<'a, 'b> {
    /// With what goes in.
    Before(&'a Inputs<'b>),
    /// With what came out.
    After(&'a [Tensor]),
}

/// Who looks on while a graph is computed.
pub(crate) type Watch<'a> = &'a mut dyn FnMut(&Step, Moment<'_, '_>) -> Result<(), Problem>;

/// Where a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Among the constants.
    Constant(usize),
    /// Among the values of the run; `last` when nobody asks for it afterwards.
    Slot { slot: usize, last: bool },
}

/// The steps of a graph, in an order in which they can be computed.
pub(crate) struct Plan {
    pub(crate) constants: Vec<Tensor>,
    pub(crate) steps: Vec<Step>,
    pub(crate) slots: usize,
    pub(crate) inputs: Vec<usize>,
    pub(crate) outputs: Vec<Place>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let steps: Vec<&str> = self.steps.iter().map(|step| step.name.as_str()).collect();
        formatter.debug_struct("Plan").field("steps", &steps).finish_non_exhaustive()
    }
}

impl Plan {
    /// Computes the outputs. The name of the step that failed comes with the reason.
    pub(crate) fn run(&self, given: Vec<Tensor>) -> Result<Vec<Tensor>, (String, Problem)> {
        self.run_watched(given, &mut |_, _| Ok(()))
    }

    /// The same; `watch` is told of each step what goes in and what comes out.
    pub(crate) fn run_watched(
        &self,
        given: Vec<Tensor>,
        watch: Watch<'_>,
    ) -> Result<Vec<Tensor>, (String, Problem)> {
        let mut slots: Vec<Option<Tensor>> = Vec::new();
        slots.resize_with(self.slots, || None);
        for (slot, tensor) in self.inputs.iter().zip(given) {
            if let Some(slot) = slots.get_mut(*slot) {
                *slot = Some(tensor);
            }
        }
        let budget = Cell::new(MOST_ELEMENTS);
        for step in &self.steps {
            let mut inputs = Inputs {
                constants: &self.constants,
                slots: &mut slots,
                places: &step.inputs,
                budget: &budget,
            };
            let failed = |problem| (step.name.clone(), problem);
            watch(step, Moment::Before(&inputs)).map_err(failed)?;
            let made = (step.kernel)(&mut inputs).map_err(failed)?;
            watch(step, Moment::After(&made)).map_err(failed)?;
            for place in &step.inputs {
                if let Some(Place::Slot { slot, last: true }) = place
                    && let Some(slot) = slots.get_mut(*slot)
                {
                    *slot = None;
                }
            }
            for (tensor, slot) in made.into_iter().zip(&step.outputs) {
                spend(&budget, tensor.data().len()).map_err(|problem| (step.name.clone(), problem))?;
                if let Some(slot) = slot.and_then(|slot| slots.get_mut(slot)) {
                    *slot = Some(tensor);
                }
            }
        }
        let mut outputs = Inputs {
            constants: &self.constants,
            slots: &mut slots,
            places: &self.outputs.iter().copied().map(Some).collect::<Vec<_>>(),
            budget: &budget,
        };
        (0..self.outputs.len())
            .map(|index| outputs.take(index).map_err(|problem| ("the outputs".to_owned(), problem)))
            .collect()
    }
}

fn spend(budget: &Cell<usize>, elements: usize) -> Result<(), Problem> {
    match budget.get().checked_sub(elements) {
        Some(left) => {
            budget.set(left);
            Ok(())
        }
        None => Err(format!("more than {MOST_ELEMENTS} numbers would have to be kept").into()),
    }
}

/// The inputs of a step.
pub(crate) struct Inputs<'a> {
    constants: &'a [Tensor],
    slots: &'a mut [Option<Tensor>],
    places: &'a [Option<Place>],
    budget: &'a Cell<usize>,
}

impl<'a> Inputs<'a> {
    /// For a step that is computed once, when the file is loaded.
    pub(crate) const fn of_constants(
        constants: &'a [Tensor],
        slots: &'a mut [Option<Tensor>],
        places: &'a [Option<Place>],
        budget: &'a Cell<usize>,
    ) -> Self {
        Inputs { constants, slots, places, budget }
    }
    /// How many there are, those left out at the end not counted.
    pub(crate) const fn len(&self) -> usize {
        self.places.len()
    }

    /// One that may be left out.
    pub(crate) fn find(&self, index: usize) -> Option<&Tensor> {
        match (*self.places.get(index)?)? {
            Place::Constant(constant) => self.constants.get(constant),
            Place::Slot { slot, .. } => self.slots.get(slot)?.as_ref(),
        }
    }

    /// One that must be there.
    pub(crate) fn get(&self, index: usize) -> Result<&Tensor, Problem> {
        self.find(index).ok_or_else(|| Problem(format!("its input {index} is missing")))
    }

    /// One that must be there, to be kept: without a copy when nobody else asks for it.
    pub(crate) fn take(&mut self, index: usize) -> Result<Tensor, Problem> {
        if let Some(Some(Place::Slot { slot, last: true })) = self.places.get(index).copied()
            && !self.asked_again(index, slot)
            && let Some(tensor) = self.slots.get_mut(slot).and_then(Option::take)
        {
            return Ok(tensor);
        }
        self.get(index).cloned()
    }

    fn asked_again(&self, index: usize, wanted: usize) -> bool {
        let same = |place: &Option<Place>| matches!(place, Some(Place::Slot { slot, .. }) if *slot == wanted);
        self.places.iter().enumerate().any(|(other, place)| other != index && same(place))
    }

    /// Refuses before memory is asked for when a result would be too large.
    pub(crate) fn allow(&self, elements: usize) -> Result<(), Problem> {
        if elements <= self.budget.get() {
            Ok(())
        } else {
            Err(format!("its result would have {elements} elements, which is too many").into())
        }
    }

    /// Whole numbers that an input holds.
    pub(crate) fn whole_numbers(&self, index: usize) -> Result<Option<Vec<i64>>, Problem> {
        match self.find(index).map(Tensor::data) {
            None => Ok(None),
            Some(Data::Int64(values)) => Ok(Some(values.clone())),
            Some(Data::Int32(values)) => Ok(Some(values.iter().map(|value| i64::from(*value)).collect())),
            Some(other) => {
                Err(format!("its input {index} must be whole numbers, not {}", other.element_type().name())
                    .into())
            }
        }
    }
}
