//! Gradient boosting of trees over histograms, for squared loss.
//!
//! Values go into at most 256 bins; each tree grows leaf by leaf, always where a split takes away
//! the most loss; a hole goes to the side where it fits better; words are divided into two sets by
//! their order of means. It runs on one thread, so that sums come out alike everywhere.

mod bins;
mod grow;
mod split;

use std::collections::BTreeMap;

use bins::{Binned, Feature};
use grow::{Grown, Shape, Workshop};
use inference::{Body, FORMAT, Importance, ModelFile, Trained, Tree, round_short};
use split::Rules;

use crate::params::Params;
use crate::{Error, Param, Progress, Task, Trainer};

/// The trainer.
#[derive(Debug)]
pub(crate) struct GradientBoosting;

const PARAMS: &[Param] = &[
    Param { name: "trees", meaning: "the most trees (default 300)" },
    Param { name: "learning_rate", meaning: "the share of its step that each tree takes (default 0.1)" },
    Param { name: "leaves", meaning: "the most leaves of a tree (default 31)" },
    Param { name: "min_leaf_rows", meaning: "the fewest training rows in a leaf (default 20)" },
    Param { name: "l2", meaning: "pulls the values of small leaves towards zero (default 1)" },
    Param { name: "max_bins", meaning: "the most bins of a feature (default 255)" },
    Param {
        name: "early_stopping_rounds",
        meaning: "stop when the latest rows, held out for this, are not predicted better for so many \
                  trees, then train again on all rows with the best number of trees; 0 for never (default 0: where \
                  the latest weeks differ from the year, stopping on them comes too early)",
    },
    Param {
        name: "validation_share",
        meaning: "the share of the latest rows held out for stopping (default 0.1)",
    },
    Param { name: "column_fraction", meaning: "the share of features that each tree may use (default 1)" },
];

/// With fewer rows held out than this, stopping early would be chance.
const LEAST_VALIDATION_ROWS: usize = 50;

struct Settings {
    trees: usize,
    shape: Shape,
    max_bins: usize,
    patience: usize,
    validation_share: f64,
    column_fraction: f64,
}

impl Settings {
    fn read(params: &mut Params<'_>) -> Result<Self, Error> {
        let trees = params.count("trees", 300, 1..=10_000)?;
        let learning_rate = params.number("learning_rate", 0.1, 1e-4..=1.0)?;
        let leaves = params.count("leaves", 31, 2..=4_096)?;
        let min_leaf_rows = params.count("min_leaf_rows", 20, 1..=1_000_000)?;
        let l2 = params.number("l2", 1.0, 0.0..=1e12)?;
        let rules = Rules { l2, min_leaf_rows: u32::try_from(min_leaf_rows).unwrap_or(u32::MAX) };
        Ok(Self {
            trees,
            shape: Shape { leaves, learning_rate, rules },
            max_bins: params.count("max_bins", 255, 2..=255)?,
            patience: params.count("early_stopping_rounds", 0, 0..=10_000)?,
            validation_share: params.number("validation_share", 0.1, 0.01..=0.5)?,
            column_fraction: params.number("column_fraction", 1.0, 0.01..=1.0)?,
        })
    }
}

/// What boosting came to.
struct Boosted {
    base: f64,
    trees: Vec<Tree>,
    features: Vec<Feature>,
    gains: Vec<f64>,
}

/// The best number of trees for rows held out, and how good that was.
struct Best {
    trees: usize,
    mae: f64,
    rmse: f64,
}

impl Trainer for GradientBoosting {
    fn name(&self) -> &'static str {
        "gradient_boosting"
    }

    fn params(&self) -> &'static [Param] {
        PARAMS
    }

    fn train(&self, task: &Task<'_>, progress: &mut dyn Progress) -> Result<ModelFile, Error> {
        let mut params = Params::new(self.name(), PARAMS, task.params)?;
        let settings = Settings::read(&mut params)?;
        let rows = task.target.len();
        if u32::try_from(rows).is_err() {
            return Err(Error::TooManyRows { found: rows, most: u32::MAX as usize });
        }
        let held_out = (rows as f64 * settings.validation_share) as usize;
        let mut figures = BTreeMap::new();
        let mut trees = settings.trees;
        let mut share_done = 0.0;
        if settings.patience > 0 && held_out >= LEAST_VALIDATION_ROWS {
            let best = find_stop(task, &settings, rows - held_out, progress);
            trees = best.trees;
            share_done = 0.5;
            figures.insert("validation_mae".to_owned(), round_short(best.mae));
            figures.insert("validation_rmse".to_owned(), round_short(best.rmse));
            figures.insert("validation_rows".to_owned(), held_out as f64);
        }
        let boosted = boost(task, &settings, trees, share_done, progress);
        figures.insert("trees".to_owned(), boosted.trees.len() as f64);
        Ok(model_file(task, boosted, params, figures))
    }
}

/// Boosts on the first `learn` rows and watches the error on the others.
fn find_stop(task: &Task<'_>, settings: &Settings, learn: usize, progress: &mut dyn Progress) -> Best {
    let (known, unseen) = task.target.split_at(learn);
    let mut boosting = Boosting::new(task, settings, known);
    let mut residuals: Vec<f64> = unseen.iter().map(|target| target - boosting.base).collect();
    let mut best: Option<(f64, Best)> = None;
    for tree in 1..=settings.trees {
        let grown = boosting.next_tree();
        for (place, residual) in residuals.iter_mut().enumerate() {
            *residual -= grown.value(boosting.binned.row(learn + place));
        }
        let rows = residuals.len().max(1) as f64;
        let loss = residuals.iter().map(|residual| residual * residual).sum::<f64>() / rows;
        let mae = residuals.iter().map(|residual| residual.abs()).sum::<f64>() / rows;
        progress.metric("validation_mae", mae, tree as u64);
        progress.progress(0.5 * tree as f64 / settings.trees as f64);
        if best.as_ref().is_none_or(|(least, _)| loss < *least) {
            best = Some((loss, Best { trees: tree, mae, rmse: loss.sqrt() }));
        }
        if best.as_ref().is_some_and(|(_, best)| tree - best.trees >= settings.patience) {
            break;
        }
    }
    best.map_or(Best { trees: settings.trees, mae: f64::NAN, rmse: f64::NAN }, |(_, best)| best)
}

/// Boosts on all rows.
fn boost(
    task: &Task<'_>,
    settings: &Settings,
    trees: usize,
    share_done: f64,
    progress: &mut dyn Progress,
) -> Boosted {
    let mut boosting = Boosting::new(task, settings, task.target);
    let mut gains = vec![0.0; boosting.binned.features.len()];
    let mut grown_trees = Vec::with_capacity(trees);
    for tree in 1..=trees {
        let grown = boosting.next_tree();
        for (sum, gain) in gains.iter_mut().zip(&grown.gains) {
            *sum += gain;
        }
        grown_trees.push(grown.to_tree(&boosting.binned.features));
        let rows = boosting.residuals.len().max(1) as f64;
        let mae = boosting.residuals.iter().map(|residual| residual.abs()).sum::<f64>() / rows;
        progress.metric("training_mae", mae, tree as u64);
        progress.progress(share_done + (1.0 - share_done) * tree as f64 / trees as f64);
    }
    Boosted { base: boosting.base, trees: grown_trees, features: boosting.binned.features, gains }
}

/// Boosting under way.
struct Boosting {
    binned: Binned,
    base: f64,
    residuals: Vec<f64>,
    workshop: Workshop,
    shape: Shape,
    candidates: usize,
    chance: Chance,
}

impl Boosting {
    fn new(task: &Task<'_>, settings: &Settings, target: &[f64]) -> Self {
        let binned = Binned::new(task.batch, target.len(), settings.max_bins);
        let base = round_short(target.iter().sum::<f64>() / target.len().max(1) as f64);
        let features = binned.features.len();
        let candidates =
            ((features as f64 * settings.column_fraction).round() as usize).clamp(1, features.max(1));
        Self {
            binned,
            base,
            residuals: target.iter().map(|target| target - base).collect(),
            workshop: Workshop::new(target.len()),
            shape: settings.shape,
            candidates,
            chance: Chance(task.seed),
        }
    }

    fn next_tree(&mut self) -> Grown {
        let candidates = self.chance.choose(self.binned.features.len(), self.candidates);
        self.workshop.grow(&self.binned, &candidates, &mut self.residuals, self.shape)
    }
}

/// A small generator of our own (splitmix64), so that a seed means the same in each release.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// `count` of the numbers below `of`, ascending.
    fn choose(&mut self, of: usize, count: usize) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..of).collect();
        if count < of {
            for place in 0..count {
                let other = place + (self.next() % (of - place) as u64) as usize;
                numbers.swap(place, other);
            }
            numbers.truncate(count);
            numbers.sort_unstable();
        }
        numbers
    }
}

fn model_file(
    task: &Task<'_>,
    boosted: Boosted,
    params: Params<'_>,
    figures: BTreeMap<String, f64>,
) -> ModelFile {
    let total: f64 = boosted.gains.iter().sum();
    let fields = &task.signature.inputs;
    let mut importance: Vec<Importance> = fields
        .iter()
        .zip(&boosted.gains)
        .map(|(field, gain)| Importance {
            feature: field.name.clone(),
            gain: round_short(if total > 0.0 { gain / total } else { 0.0 }),
        })
        .collect();
    importance.sort_by(|left, right| right.gain.total_cmp(&left.gain));
    let vocabularies = fields
        .iter()
        .zip(boosted.features)
        .filter_map(|(field, feature)| match feature {
            Feature::Category { words } => Some((field.name.clone(), words)),
            Feature::Number { .. } => None,
        })
        .collect();
    ModelFile {
        format: FORMAT,
        signature: task.signature.clone(),
        vocabularies,
        body: Body::Trees { base: boosted.base, trees: boosted.trees },
        trained: Trained { params: params.into_used(), importance, figures, ..Trained::default() },
    }
}

#[cfg(test)]
mod tests;
